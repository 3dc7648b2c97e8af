//! What can be asked of a node, by the names that its owners chose, and what is answered.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::barrier::Part;
use crate::codec::Codec;
use crate::ground::IpVersion;
use crate::media::core::{
    BridgeMode, Described, DigitPlan, Failure, Signaled, SourcePolicy, Statistics, Step,
};
use crate::sdp::Direction;

/// What an endpoint is made with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Create {
    /// Endpoints with equal affinity are put on one worker. Empty: any.
    pub affinity: String,
    /// For logs: the session.
    pub session_id: String,
    /// For logs: the SIP Call-ID.
    pub call_id: String,
    /// W3C traceparent under which the endpoint's spans hang. Empty: none.
    pub traceparent: String,
    /// After how long without RTP an event is sent. `None`: the node's setting.
    pub rtp_timeout: Option<Duration>,
}

/// Describe, answer or apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiate {
    /// The endpoint.
    pub endpoint: String,
    /// Make it with these if it does not exist.
    pub create: Option<Create>,
    /// Grows with each negotiation of the endpoint.
    pub generation: u64,
    /// The dialog's remote tag; empty: the only one.
    pub remote: String,
    /// How media may flow.
    pub direction: Direction,
    /// Codecs, best first. Empty: the node's.
    pub codecs: Vec<Codec>,
    /// Use only the codecs of this endpoint. Empty: none.
    pub codecs_from: String,
    /// Who may send besides the address that the peer announces; `None`: as before, else as `peer` says.
    pub sources: Option<SourcePolicy>,
    /// What the owner knows of the peer.
    pub peer: Signaled,
    /// The IP version of an endpoint that is made for an offer of ours, where media has an address of it. `None`: IPv4,
    /// if there is one.
    pub ip_version: Option<IpVersion>,
    /// What to do.
    pub step: Step,
    /// Put the result into force at once.
    pub commit: bool,
}

/// What to play.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A sine tone.
    Tone {
        /// Hertz.
        frequency_hz: f64,
        /// Decibels against full scale.
        level_db: f64,
        /// How long; `None`: until stopped.
        duration: Option<Duration>,
    },
    /// A WAV file.
    File {
        /// Relative to one of the node's audio folders.
        path: String,
        /// How often; 0: until stopped.
        times: u32,
    },
}

/// Something that is asked. Ids are the owner's.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// Describe, answer or apply.
    Negotiate(Box<Negotiate>),
    /// Put a pending negotiation into force.
    Commit {
        /// The endpoint.
        endpoint: String,
        /// Which negotiation.
        generation: u64,
        /// Which remote; empty: the only one.
        remote: String,
    },
    /// Drop a pending negotiation.
    Rollback {
        /// The endpoint.
        endpoint: String,
        /// Which negotiation.
        generation: u64,
    },
    /// Choose which remote is heard.
    SelectRemote {
        /// The endpoint.
        endpoint: String,
        /// Which remote; empty: the only one.
        remote: String,
    },
    /// Close an endpoint.
    Close {
        /// The endpoint.
        endpoint: String,
    },
    /// Make a bridge.
    CreateBridge {
        /// The bridge.
        bridge: String,
        /// How it carries audio.
        mode: BridgeMode,
        /// Where to put it. Empty: where the first member is.
        affinity: String,
    },
    /// End a bridge.
    DestroyBridge {
        /// The bridge.
        bridge: String,
    },
    /// Put an endpoint into a bridge.
    AddMember {
        /// The bridge.
        bridge: String,
        /// The endpoint.
        endpoint: String,
    },
    /// Take an endpoint out of a bridge.
    RemoveMember {
        /// The bridge.
        bridge: String,
        /// The endpoint.
        endpoint: String,
    },
    /// Start a playback.
    Play {
        /// The endpoint.
        endpoint: String,
        /// The playback.
        playback: String,
        /// What to play.
        source: Source,
    },
    /// Stop a playback.
    StopPlay {
        /// The endpoint.
        endpoint: String,
        /// The playback; empty: whichever runs.
        playback: String,
    },
    /// Send telephone events.
    SendDigits {
        /// The endpoint.
        endpoint: String,
        /// What to send.
        plan: DigitPlan,
    },
    /// Mute or unmute.
    Mute {
        /// The endpoint.
        endpoint: String,
        /// Whether it is muted.
        muted: bool,
    },
    /// The peer gets what is sent to the address that it signals from.
    PeerReached {
        /// The endpoint.
        endpoint: String,
    },
    /// Close whatever the owner has that is not named.
    Reconcile(Arc<Kept>),
    /// Say that you work.
    Heartbeat,
}

/// What stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Endpoints.
    pub endpoints: HashSet<String>,
    /// Bridges, each with its members.
    pub bridges: HashMap<String, HashSet<String>>,
}

impl Operation {
    /// The endpoint that it is about, for those that are about one alone.
    #[must_use]
    pub fn endpoint(&self) -> Option<&str> {
        match self {
            Self::Negotiate(negotiate) => Some(&negotiate.endpoint),
            Self::Commit { endpoint, .. }
            | Self::Rollback { endpoint, .. }
            | Self::SelectRemote { endpoint, .. }
            | Self::Close { endpoint }
            | Self::AddMember { endpoint, .. }
            | Self::RemoveMember { endpoint, .. }
            | Self::Play { endpoint, .. }
            | Self::StopPlay { endpoint, .. }
            | Self::SendDigits { endpoint, .. }
            | Self::PeerReached { endpoint }
            | Self::Mute { endpoint, .. } => Some(endpoint),
            Self::CreateBridge { .. } | Self::DestroyBridge { .. } | Self::Reconcile(_) | Self::Heartbeat => {
                None
            }
        }
    }
}

/// What came of something that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There is nothing more to say.
    Done,
    /// Negotiated.
    Negotiated(Box<Described>),
    /// The endpoint is closed.
    Closed(Statistics),
}

/// What is answered.
pub type Reply = Result<Outcome, Failure>;

/// Who is answered.
#[derive(Debug)]
pub enum ReplyTo {
    /// The owner, on the stream with this number, under this request's id.
    Stream {
        /// Which of the owner's streams.
        stream: u64,
        /// The request's id.
        id: u64,
    },
    /// Who waits for just this.
    Once(oneshot::Sender<Reply>),
    /// The last of several workers to be done answers whoever asked.
    Last(Part),
    /// Nobody.
    Nobody,
}
