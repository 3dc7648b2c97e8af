//! What an engine may tell a session to do, and how a command is refused.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::event::{Operation, SessionState};
use super::media::{MediaError, MediaPreferences, PlaybackSource};
use crate::ground::leg::Party;
use crate::ground::{Body, BridgeId, HeaderField, PlaybackId, SessionId};

/// A command to one session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// The client's mark; comes back in the events that the command leads to. Empty: none.
    pub command_id: Arc<str>,
    /// The engine that gives it; `None` for an operator's tool.
    pub engine: Option<EngineRef>,
    /// What to do.
    pub verb: Verb,
}

/// An engine, by group and id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EngineRef {
    /// The group.
    pub group: Arc<str>,
    /// The engine's id within it.
    pub id: Arc<str>,
}

/// Time limits of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallLimits {
    /// How long an outbound call may ring.
    pub ring_timeout: Option<Duration>,
    /// How long the call may last after its answer.
    pub max_duration: Option<Duration>,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Verb {
    /// Call somebody. The session does not exist before.
    Create(Box<Create>),
    /// Send 180, 181, 182 or a bare 183.
    Ring {
        /// Which.
        status: u16,
        /// More header fields.
        fields: Vec<HeaderField>,
    },
    /// Negotiate media and send 183 with it.
    EarlyMedia {
        /// How.
        media: MediaPreferences,
        /// More header fields.
        fields: Vec<HeaderField>,
    },
    /// Answer with 200.
    Answer {
        /// How audio is negotiated, where early media has not settled it.
        media: MediaPreferences,
        /// More header fields.
        fields: Vec<HeaderField>,
        /// A body beside the description.
        body: Option<Body>,
        /// Time limits.
        limits: CallLimits,
    },
    /// Refuse, 400 to 699.
    Reject {
        /// The status.
        status: u16,
        /// The reason phrase.
        phrase: Option<String>,
        /// Retry-After, seconds.
        retry_after: Option<u32>,
        /// More header fields.
        fields: Vec<HeaderField>,
        /// A body.
        body: Option<Body>,
    },
    /// Send elsewhere, 300 to 399.
    Redirect {
        /// The status.
        status: u16,
        /// Where to, best first.
        contacts: Vec<String>,
        /// More header fields.
        fields: Vec<HeaderField>,
    },
    /// Hold the peer.
    Hold,
    /// Take the peer off hold.
    Resume,
    /// Mute or unmute what the peer says.
    Mute {
        /// Whether it is muted.
        muted: bool,
    },
    /// Renegotiate.
    UpdateMedia {
        /// How.
        media: MediaPreferences,
    },
    /// Send digits.
    SendDtmf {
        /// 0-9, *, #, A-D.
        digits: String,
        /// How long each sounds.
        tone: Duration,
        /// The pause between two.
        gap: Duration,
    },
    /// Send INFO.
    SendInfo {
        /// A body.
        body: Option<Body>,
        /// More header fields.
        fields: Vec<HeaderField>,
    },
    /// Send MESSAGE.
    SendMessage {
        /// The body.
        body: Body,
        /// More header fields.
        fields: Vec<HeaderField>,
    },
    /// End it in whatever state.
    Terminate {
        /// More header fields.
        fields: Vec<HeaderField>,
        /// A body of the BYE or the final response.
        body: Option<Body>,
    },
    /// Join a bridge; from now on, if the session is kept for it.
    JoinBridge {
        /// Which.
        bridge: BridgeId,
        /// How it carries audio.
        mode: super::media::BridgeMode,
    },
    /// Be kept for a bridge that is being made, if `JoinBridge` would be taken: until then, or until released, the session
    /// joins and leaves no other. No event tells of it.
    ReserveJoin {
        /// Which.
        bridge: BridgeId,
        /// How it carries audio.
        mode: super::media::BridgeMode,
    },
    /// Be kept for that bridge no longer. Taken in every state.
    ReleaseJoin {
        /// Which.
        bridge: BridgeId,
    },
    /// Leave a bridge.
    LeaveBridge {
        /// Which.
        bridge: BridgeId,
    },
    /// Play.
    Play {
        /// The playback's id.
        playback: PlaybackId,
        /// What.
        source: PlaybackSource,
    },
    /// Stop playing.
    StopPlay {
        /// Which; `None`: whichever runs.
        playback: Option<PlaybackId>,
    },
}

impl Verb {
    /// The session whose codecs the verb asks for, beside the one that it is for.
    #[must_use]
    pub fn codecs_from(&self) -> Option<&SessionId> {
        match self {
            Self::Create(create) => create.media.codecs_from.as_ref(),
            Self::EarlyMedia { media, .. } | Self::Answer { media, .. } | Self::UpdateMedia { media } => {
                media.codecs_from.as_ref()
            }
            _ => None,
        }
    }
}

/// What makes an outbound session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Create {
    /// The URI to call.
    pub target: String,
    /// From; an empty URI means the configured identity.
    pub from: Party,
    /// To; an empty URI means the target.
    pub to: Party,
    /// Where the INVITE goes, if not to the target.
    pub outbound_proxy: Option<String>,
    /// More header fields.
    pub fields: Vec<HeaderField>,
    /// How audio is negotiated.
    pub media: MediaPreferences,
    /// Time limits.
    pub limits: CallLimits,
    /// The session it is made for.
    pub parent: Option<SessionId>,
    /// Max-Forwards: 70, or the parent's less one.
    pub max_forwards: u8,
    /// Leave the offer to the callee.
    pub delayed_offer: bool,
}

/// What a command answers when its local action was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandDone {
    /// The session.
    pub session: SessionId,
    /// Its revision after the action.
    pub revision: u64,
    /// Its state after the action.
    pub state: SessionState,
}

/// Why a command is refused. Nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
pub enum CommandError {
    /// No such session, or it is over.
    #[error("no session {0}")]
    SessionNotFound(SessionId),
    /// The client-chosen id is taken.
    #[error("session {0} exists")]
    SessionExists(SessionId),
    /// The client-chosen id is not free yet: it was that of a session that has ended.
    #[error("session {0} has ended, and its id is not free yet")]
    SessionEnded(SessionId),
    /// Not legal in the state.
    #[error("{operation} is not legal in SESSION_STATE_{state}; {}", told(legal))]
    WrongState {
        /// Where the session stands.
        state: SessionState,
        /// What was asked.
        operation: &'static str,
        /// What would be legal.
        legal: Vec<&'static str>,
    },
    /// An offer/answer operation is under way.
    #[error("OPERATION_{running} is under way")]
    OperationRunning {
        /// Which.
        running: Operation,
    },
    /// Another engine owns the session.
    #[error("the session belongs to another engine")]
    NotOwner,
    /// Nothing negotiated that could do this.
    #[error("the session has no media that could do this")]
    NoMedia,
    /// The target cannot be used.
    #[error("bad target: {0}")]
    BadTarget(String),
    /// The proxy cannot be used.
    #[error("bad proxy: {0}")]
    BadProxy(String),
    /// An argument lies outside what the verb allows.
    #[error("bad argument: {0}")]
    BadArgument(&'static str),
    /// A bound is reached, by the name that it has in the documentation.
    #[error("a bound is reached: {0}")]
    LimitReached(&'static str),
    /// The session is in no such bridge.
    #[error("the session is not in bridge {0}")]
    MemberNotFound(BridgeId),
    /// No such playback.
    #[error("no such playback")]
    PlaybackNotFound,
    /// The playback's id is taken.
    #[error("the playback's id is taken")]
    PlaybackExists,
    /// Media refused at once.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// Draining: no new calls.
    #[error("draining")]
    Draining,
}

fn told(legal: &[&'static str]) -> String {
    if legal.is_empty() {
        "nothing is legal here".into()
    } else {
        format!("legal here: {}", legal.join(", "))
    }
}
