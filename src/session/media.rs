//! What a session asks of media, and what it hears. The words of `callplane.media.v1`, without its wire format.
//!
//! Every request is answered by exactly one reply, or by [`MediaError::Unavailable`] when the service is away or the
//! time is up; a reply to a request that the session no longer waits for is closed by its generation.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ground::{BridgeId, Description, IpVersion, Mismatch, SessionId};

/// How media may flow, from our side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// We send only.
    SendOnly,
    /// We receive only.
    RecvOnly,
    /// Neither.
    Inactive,
}

/// Which addresses may send audio besides the one that the peer announces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RtpSources {
    /// None of another IP address but the one that signaling comes from, where it can be believed.
    #[default]
    Exact,
    /// Those of its subnet.
    Subnet,
    /// All.
    Any,
}

/// What signaling knows of the peer whose audio is negotiated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignaledPeer {
    /// The address that its signaling comes from. `None`: not known yet.
    pub address: Option<IpAddr>,
    /// It has shown that it gets what is sent to that address.
    pub reached: bool,
    /// Who may send, where the engine does not say.
    pub sources: RtpSources,
    /// Calls from there were confirmed lately: it is hardly a forged address.
    pub familiar: bool,
}

/// How audio is to be negotiated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaPreferences {
    /// Encoding names, best first. Empty: the media service's own list.
    pub codecs: Vec<String>,
    /// Use the codecs of this session.
    pub codecs_from: Option<SessionId>,
    /// Who may send audio. `None`: as before, else as the listener says.
    pub rtp_sources: Option<RtpSources>,
    /// The IP version of a first offer. `None`: IPv4, where media has it.
    pub ip_version: Option<IpVersion>,
}

/// What to do in a negotiation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NegotiationStep {
    /// Make an offer.
    MakeOffer,
    /// Answer this offer.
    AnswerOffer(Description),
    /// Apply this answer to the offer of the same generation.
    ApplyAnswer(Description),
}

/// What is agreed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaFacts {
    /// How media may flow, from our side.
    pub direction: Direction,
    /// For example `PCMU/8000`.
    pub codec: String,
    /// Our RTP address.
    pub local_address: String,
    /// The peer's RTP address.
    pub remote_address: String,
    /// Whether RFC 4733 events are agreed.
    pub telephone_event: bool,
    /// Milliseconds in each packet that we send.
    pub ptime_ms: u32,
    /// The peer's description holds us.
    pub held_by_peer: bool,
}

/// What to play.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum PlaybackSource {
    /// A tone.
    Tone {
        /// Hertz.
        frequency_hz: f64,
        /// Decibels below full scale, 0 or less.
        level_db: f64,
        /// How long; `None` until stopped.
        duration: Option<Duration>,
    },
    /// A WAV file.
    File {
        /// Relative to one of the media service's audio folders.
        path: String,
        /// How often; 0 until stopped.
        times: u32,
    },
}

/// How a bridge carries audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum BridgeMode {
    /// Two members, each receives the other's packets.
    Relay,
    /// Every member receives every other's packets as a stream of its own.
    Mesh,
    /// Every member receives the sum of all others.
    Mix,
    /// Every member receives its own audio back.
    Echo,
}

/// What became of a session's place in a bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Membership {
    /// It is in.
    Joined,
    /// It was in, and is out.
    Left,
    /// It was to come in, and does not.
    NotJoined,
}

/// What is asked for one session's endpoint. The endpoint's id is the session's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum MediaRequest {
    /// Describe, answer or apply; makes the endpoint if there is none.
    Negotiate {
        /// Grows with each negotiation; an answer has its offer's.
        generation: u64,
        /// Which fork; empty: the only one.
        remote: String,
        /// The direction wanted; narrowed to what an offer allows.
        direction: Direction,
        /// Codecs.
        preferences: MediaPreferences,
        /// What to do.
        step: NegotiationStep,
        /// Put the result into force at once: the answer is certain to be used, and a second request is saved.
        commit: bool,
    },
    /// Put a pending negotiation into force.
    Commit {
        /// Which.
        generation: u64,
        /// Which fork; empty: the only one.
        remote: String,
    },
    /// Drop a pending negotiation.
    Rollback {
        /// Which.
        generation: u64,
    },
    /// Choose which fork is heard; the others are dropped, and no further one may answer our offer. Asked for on the 2xx,
    /// behind the winner's Commit. Before it the fork that was committed first is heard.
    SelectRemote {
        /// Which.
        remote: String,
    },
    /// Close the endpoint.
    Close,
    /// Join a bridge.
    Join {
        /// Which.
        bridge: BridgeId,
    },
    /// Leave the bridge.
    Leave {
        /// Which.
        bridge: BridgeId,
    },
    /// Play.
    Play {
        /// Comes back in [`MediaEvent::PlayStarted`] and [`MediaEvent::PlayEnded`]. Never the same twice in one session, as
        /// an engine's own id may be.
        key: u64,
        /// What.
        source: PlaybackSource,
    },
    /// Stop playing.
    StopPlay {
        /// As given with Play.
        key: u64,
    },
    /// Send telephone events.
    SendDtmf {
        /// Comes back in [`MediaEvent::DtmfSent`].
        key: u64,
        /// The digits.
        digits: String,
        /// How long each sounds.
        tone: Duration,
        /// The pause between two.
        gap: Duration,
    },
    /// The peer has shown that it gets what is sent to the address that it signals from: audio may go there as well.
    PeerReached,
    /// Mute what the peer says.
    Mute {
        /// Whether it is muted.
        muted: bool,
    },
}

/// What media answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MediaReply {
    /// Done.
    Done,
    /// Negotiated.
    Negotiated {
        /// Our description; `None` after applying an answer.
        local: Option<Description>,
        /// What is agreed; `None` after making an offer.
        facts: Option<Box<MediaFacts>>,
    },
    /// Closed.
    Closed(Statistics),
}

/// What an endpoint saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statistics {
    /// RTP packets received.
    pub packets_received: u64,
    /// RTP packets sent.
    pub packets_sent: u64,
    /// RTP packets that never came.
    pub packets_lost: u64,
    /// Interarrival jitter, microseconds.
    pub jitter_us: u64,
}

/// Why media refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum MediaError {
    /// The service is away, or did not answer in time.
    #[error("the media service is away")]
    Unavailable,
    /// The endpoint is not known there (any more).
    #[error("media does not know the endpoint")]
    NoEndpoint,
    /// The bridge is not known there (any more).
    #[error("media does not know the bridge")]
    NoBridge,
    /// The playback is not known or has ended.
    #[error("media does not know the playback")]
    NoPlayback,
    /// No free port.
    #[error("no free RTP port")]
    NoPort,
    /// A bound is reached.
    #[error("a bound of media is reached: {0}")]
    Limit(String),
    /// The offer has nothing that can be accepted: 488.
    #[error("nothing acceptable in the offer: {}", .0.text())]
    NothingAcceptable(Mismatch),
    /// The description cannot be read: 400.
    #[error("unreadable description: {0}")]
    BadDescription(String),
    /// The answer does not fit the offer.
    #[error("the answer does not fit the offer: {0}")]
    BadAnswer(String),
    /// The file cannot be used.
    #[error("unusable file: {0}")]
    FileUnusable(String),
    /// Endpoint and bridge are on different nodes or workers.
    #[error("endpoint and bridge are apart: {0}")]
    NodeDiffers(String),
    /// Nothing negotiated that could do this.
    #[error("nothing negotiated that could do this: {0}")]
    NotNegotiated(String),
    /// Something else.
    #[error("media refused: {0}")]
    Other(String),
}

/// What media tells unasked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MediaEvent {
    /// A key was pressed.
    Dtmf {
        /// 0-9, *, #, A-D.
        digit: char,
        /// How long.
        duration: Duration,
    },
    /// No RTP for the configured time.
    RtpSilent {
        /// How long.
        silent_for: Duration,
    },
    /// RTP is back.
    RtpBack {
        /// How long it was away.
        silent_for: Duration,
    },
    /// A playback is heard.
    PlayStarted {
        /// As given with Play.
        key: u64,
    },
    /// A playback is over.
    PlayEnded {
        /// As given with Play.
        key: u64,
        /// Why.
        cause: PlaybackCause,
        /// What failed.
        reason: String,
        /// How much was played.
        played: Duration,
    },
    /// All digits of a SendDtmf are sent.
    DtmfSent {
        /// As given with it.
        key: u64,
    },
    /// The endpoint left its bridge unasked.
    LeftBridge(BridgeId),
    /// The endpoint is gone: closed by itself, or its node was lost.
    Lost(String),
}

/// Why a playback ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlaybackCause {
    /// Played to its end.
    Finished,
    /// Stopped by command.
    Stopped,
    /// Another took its place.
    Replaced,
    /// It could not be played.
    Failed,
    /// The session ended.
    SessionEnded,
}

impl Direction {
    /// Whether we receive.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}
