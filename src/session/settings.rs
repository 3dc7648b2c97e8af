//! What can be set about sessions.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ground::Mismatch;

/// What can be set about sessions. Durations are whole or fractional seconds, as `Duration` has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionSettings {
    /// How long an incoming call waits for the first decision of its engine: a ring, early media, an answer, a refusal.
    /// Then the group's refusal is sent. Default 10 s.
    pub decision_timeout: Duration,
    /// How long an incoming call may then stay unanswered before it is refused with 480. A caller that vanished without
    /// a CANCEL is noticed by nothing else. Default 600 s.
    pub alerting_timeout: Duration,
    /// How long an outbound call may ring where its engine does not say. Default 180 s.
    pub ring_timeout: Duration,
    /// How long a call may last after its answer where its engine does not say. Default `None`: as long as it likes.
    pub max_duration: Option<Duration>,
    /// Whether a call ends when media reports that no RTP came for its configured time. Never while somebody holds.
    /// Default true.
    pub end_on_rtp_silence: bool,
    /// Retry-After of a 503 that media's state makes necessary, seconds. Default 5.
    pub media_retry_after: u32,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            decision_timeout: Duration::from_secs(10),
            alerting_timeout: Duration::from_secs(600),
            ring_timeout: Duration::from_secs(180),
            max_duration: None,
            end_on_rtp_silence: true,
            media_retry_after: 5,
        }
    }
}

/// How an INVITE is refused without its engine: a status and how long to wait before another try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// 400 to 699.
    pub status: u16,
    /// Retry-After, seconds.
    pub retry_after: Option<u32>,
    /// With 488 and 400: what does not fit in the peer's description.
    pub mismatch: Option<Mismatch>,
}

impl Refusal {
    /// A refusal without Retry-After.
    #[must_use]
    pub const fn plain(status: u16) -> Self {
        Self { status, retry_after: None, mismatch: None }
    }

    /// A refusal that says when to come again, in seconds.
    #[must_use]
    pub const fn later(status: u16, retry_after: u32) -> Self {
        Self { status, retry_after: Some(retry_after), mismatch: None }
    }

    /// 400: the peer's description cannot be read.
    #[must_use]
    pub const fn unreadable() -> Self {
        Self { status: 400, retry_after: None, mismatch: Some(Mismatch::Other) }
    }

    /// 488: the peer's description cannot be lived with.
    #[must_use]
    pub const fn unfit(mismatch: Mismatch) -> Self {
        Self { status: 488, retry_after: None, mismatch: Some(mismatch) }
    }
}

impl Default for Refusal {
    fn default() -> Self {
        Self::later(503, 5)
    }
}

/// How many playbacks of one session may be under way; each new one replaces the one that is heard, and the replaced
/// one is under way until media has said so. Beyond: `LimitReached`.
pub const PLAYBACKS_MAX: usize = 8;

/// How many INFO and MESSAGE requests of one session may wait for their final response. Beyond: `LimitReached`.
pub const REQUESTS_MAX: usize = 8;

/// How many forks of one outbound INVITE may have early media. A further one rings without it, and is a call like any
/// other when it answers.
pub const EARLY_FORKS_MAX: usize = 8;

/// How many forks' answers are kept until the call is answered: as many as a leg has early dialogs.
pub const FORKS_MAX: usize = 16;

/// How much media may have to settle of one session (a bridge to be left, a playback to be stopped, and so on) while it has
/// no room for it, is away, or does not answer. Beyond: the call ends, and its endpoint is closed.
pub const SETTLEMENTS_MAX: usize = 16;

/// How many commands to mute or unmute one session may wait for media. Beyond: `LimitReached`.
pub const MUTES_MAX: usize = 8;
