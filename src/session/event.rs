//! What a session tells its engine, and the words for where it stands.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::media::{BridgeMode, MediaFacts, PlaybackCause, Statistics};
use crate::ground::leg::Party;
use crate::ground::{Body, BridgeId, Flow, HeaderField, PlaybackId, SessionId, WallTime};

/// Where a session stands, as engines see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SessionState {
    /// Nothing sent to or decided about the peer yet.
    Initializing,
    /// Outbound: the INVITE is on its way.
    Dialing,
    /// The callee rings.
    Ringing,
    /// Answered and acknowledged.
    Connected,
    /// Held by us, by the peer or by both.
    OnHold,
    /// A transfer is under way.
    Transferring,
    /// Ending.
    Terminating,
    /// Over.
    Terminated,
}

/// As the API has it, without what all states begin with.
impl fmt::Display for SessionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&spelled(self, '_').to_ascii_uppercase())
    }
}

/// The name of an enumeration's value, its words parted by `between`: `RemoteHangup` is `remote-hangup`.
fn spelled(value: &impl fmt::Debug, between: char) -> String {
    let mut text = String::new();
    for letter in format!("{value:?}").chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push(between);
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

/// Who called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CallDirection {
    /// The peer called us.
    Inbound,
    /// We called the peer.
    Outbound,
}

/// The operations whose outcome comes as an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Operation {
    /// Ends with Connected or Ended.
    Create,
    /// Ends with Connected or Ended.
    Answer,
    /// Ends with OperationCompleted, as all below but where told.
    EarlyMedia,
    /// Hold.
    Hold,
    /// Resume.
    Resume,
    /// Renegotiation.
    UpdateMedia,
    /// Digits.
    SendDtmf,
    /// Muting or unmuting.
    Mute,
    /// INFO.
    SendInfo,
    /// MESSAGE.
    SendMessage,
    /// Ends with Ended.
    Terminate,
    /// Joining a bridge.
    BridgeJoin,
    /// Leaving a bridge.
    BridgeLeave,
    /// Ends with PlaybackEnded.
    Playback,
    /// The peer's re-INVITE is being answered.
    RemoteUpdate,
}

/// As the API has it, without what all operations begin with.
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&spelled(self, '_').to_ascii_uppercase())
    }
}

/// How an operation went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// Done.
    Succeeded,
    /// The peer refused.
    Refused,
    /// The peer did not answer.
    TimedOut,
    /// Media or network failed.
    Failed,
    /// The session ended before.
    SessionEnded,
}

/// As the API has it, without what all outcomes begin with.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&spelled(self, '_').to_ascii_uppercase())
    }
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EndCause {
    /// The peer's BYE.
    RemoteHangup,
    /// The engine's Terminate.
    LocalHangup,
    /// CANCEL, 487.
    Cancelled,
    /// 486, 600.
    Busy,
    /// 603.
    Declined,
    /// Another status of 400 or above.
    Rejected,
    /// 3xx.
    Redirected,
    /// Nobody answered in time.
    Timeout,
    /// The ACK never came.
    AckTimeout,
    /// No RTP for the configured time.
    MediaTimeout,
    /// Media could not serve the call.
    MediaFailure,
    /// The peer could not be reached.
    NetworkFailure,
    /// No engine decided.
    NoEngine,
    /// The engine went away.
    EngineGone,
    /// 481, or 408 within the dialog.
    DialogLost,
    /// Callplane is being shut down.
    Shutdown,
    /// The call lived longer than allowed.
    DurationLimit,
    /// A fault of ours.
    Internal,
}

/// The one spelling for people, in logs, traces and on the command line: the API's, in small letters and with hyphens, as
/// `remote-hangup` for `END_CAUSE_REMOTE_HANGUP`.
impl fmt::Display for EndCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&spelled(self, '-'))
    }
}

/// Who holds whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// We hold the peer.
    pub local: bool,
    /// The peer holds us.
    pub remote: bool,
}

/// A session as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionView {
    /// Its id.
    pub id: SessionId,
    /// Counts its events from 1 without gaps.
    pub revision: u64,
    /// Where it stands.
    pub state: SessionState,
    /// Who called.
    pub direction: CallDirection,
    /// The engine group.
    pub group: Arc<str>,
    /// The engine that owns it; empty while none does.
    pub engine: Arc<str>,
    /// The caller.
    pub from: Party,
    /// The callee.
    pub to: Party,
    /// The INVITE's request URI.
    pub request_uri: String,
    /// The Call-ID.
    pub call_id: String,
    /// Who holds whom.
    pub hold: Hold,
    /// Whether what the peer says is muted.
    pub muted: bool,
    /// The bridge it is in.
    pub bridge: Option<BridgeId>,
    /// The audio as negotiated.
    pub media: Option<Box<MediaFacts>>,
    /// When it was made.
    pub created_at: WallTime,
    /// When it was answered.
    pub connected_at: Option<WallTime>,
    /// What is under way.
    pub running: Option<Operation>,
    /// Why it ends or ended.
    pub end_cause: Option<EndCause>,
    /// The session it was made for.
    pub parent: Option<SessionId>,
}

/// One change of one session. Its identity is (session, revision).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionEvent {
    /// The session.
    pub session: SessionId,
    /// Its revision with this event.
    pub revision: u64,
    /// When.
    pub time: WallTime,
    /// The command that led to it; empty: none.
    pub caused_by: Arc<str>,
    /// Where the session stands after it.
    pub state: SessionState,
    /// What happened.
    pub payload: EventPayload,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum EventPayload {
    /// A call came in.
    IncomingCall(Arc<IncomingCall>),
    /// An outbound session was made.
    Created(Box<SessionView>),
    /// The provisional response was sent.
    Ringing {
        /// Its status.
        status: u16,
    },
    /// A provisional response came.
    Progress {
        /// Its status.
        status: u16,
        /// Its phrase.
        phrase: String,
        /// Whether early media is up.
        early_media: bool,
        /// Which fork.
        remote_tag: String,
        /// Header fields that Callplane does not own.
        fields: Vec<HeaderField>,
        /// A body that is no session description, or holds more than it.
        body: Option<Box<Body>>,
    },
    /// Answered and acknowledged.
    Connected {
        /// What was negotiated.
        media: Option<Box<MediaFacts>>,
        /// Outbound: the 2xx's header fields.
        fields: Vec<HeaderField>,
        /// Outbound: a body of the 2xx that is no session description, or holds more than it.
        body: Option<Box<Body>>,
    },
    /// An operation is over.
    OperationCompleted {
        /// Which.
        operation: Operation,
        /// How it went.
        outcome: Outcome,
        /// The peer's status; 0: none came.
        status: u16,
        /// The peer's phrase, or what failed.
        phrase: String,
        /// How long the peer asks to wait.
        retry_after: Option<Duration>,
        /// The body of the peer's response.
        body: Option<Box<Body>>,
    },
    /// Media changed.
    MediaChanged {
        /// What is negotiated now.
        media: Option<Box<MediaFacts>>,
        /// Who holds whom now.
        hold: Hold,
        /// Whether the peer asked for it.
        by_peer: bool,
    },
    /// A key was pressed.
    DtmfReceived {
        /// Which.
        digit: char,
        /// How long.
        duration: Duration,
    },
    /// INFO came.
    InfoReceived {
        /// Its body.
        body: Option<Body>,
        /// Its header fields.
        fields: Vec<HeaderField>,
    },
    /// MESSAGE came.
    MessageReceived {
        /// Its body.
        body: Option<Body>,
        /// Its header fields.
        fields: Vec<HeaderField>,
    },
    /// In a bridge.
    BridgeJoined {
        /// Which.
        bridge: BridgeId,
        /// How it carries audio.
        mode: BridgeMode,
    },
    /// No longer in a bridge.
    BridgeLeft {
        /// Which.
        bridge: BridgeId,
    },
    /// A playback is heard.
    PlaybackStarted {
        /// Which.
        playback: PlaybackId,
    },
    /// A playback is over.
    PlaybackEnded {
        /// Which.
        playback: PlaybackId,
        /// Why.
        cause: PlaybackCause,
        /// What failed.
        reason: String,
        /// How much was played.
        played: Duration,
    },
    /// RTP stopped or came back.
    MediaHealth {
        /// Whether RTP comes.
        receiving: bool,
        /// How long none came.
        silent_for: Duration,
    },
    /// The call was passed on to another engine of the group, before its engine decided about it. Told to the engine that
    /// had it, outside of the session's own count: its revision is 0.
    Revoked {
        /// The engine that has it now.
        to: Arc<str>,
        /// Why.
        reason: PassedOn,
    },
    /// The peer brought about more events than are told: so many were left away.
    Suppressed(Suppressed),
    /// Over. The last event of a session.
    Ended(Box<Ended>),
}

/// Events of a peer that were left away, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppressed {
    /// Keys.
    pub dtmf: u32,
    /// INFO.
    pub info: u32,
    /// MESSAGE.
    pub message: u32,
    /// Provisional responses.
    pub progress: u32,
    /// RTP that stopped or came back.
    pub media_health: u32,
}

impl Suppressed {
    /// Counts one more.
    pub fn count(&mut self, payload: &EventPayload) {
        let kind = match payload {
            EventPayload::DtmfReceived { .. } => &mut self.dtmf,
            EventPayload::InfoReceived { .. } => &mut self.info,
            EventPayload::MessageReceived { .. } => &mut self.message,
            EventPayload::Progress { .. } => &mut self.progress,
            _ => &mut self.media_health,
        };
        *kind = kind.saturating_add(1);
    }
}

/// Why a call that waits for its engine's decision is passed on to another engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PassedOn {
    /// It did not decide in time.
    Undecided,
    /// It is silent, or does not keep up with its events.
    Behind,
    /// Its stream has ended.
    Away,
}

/// A call came in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IncomingCall {
    /// The session as it stands.
    pub session: SessionView,
    /// The user part of the request URI.
    pub request_user: String,
    /// Header fields that Callplane does not own.
    pub fields: Vec<HeaderField>,
    /// Where it came from.
    pub source: Flow,
    /// Whether it brought an offer.
    pub has_offer: bool,
    /// A body that is no session description.
    pub body: Option<Body>,
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// Why.
    pub cause: EndCause,
    /// The SIP status; 0: none.
    pub status: u16,
    /// Its phrase, or what failed.
    pub phrase: String,
    /// The peer's Reason header.
    pub reason: Option<String>,
    /// Where a 3xx points to.
    pub contacts: Vec<String>,
    /// Header fields of what ended it.
    pub fields: Vec<HeaderField>,
    /// Its body.
    pub body: Option<Body>,
    /// From answer to end.
    pub duration: Option<Duration>,
    /// How long the peer asks to wait.
    pub retry_after: Option<Duration>,
    /// What the media saw; `None` where no media was agreed upon.
    pub statistics: Option<Statistics>,
}
