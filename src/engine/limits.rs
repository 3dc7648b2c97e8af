//! What one engine may ask for, and what is kept for it.

use std::time::Duration;

/// The bounds of engines and their logs. Whatever an engine asks for is clamped to them and told to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineLimits {
    /// Events under way to an engine that does not say how many it wants.
    pub unacked_events_default: u32,
    /// Most events that may be under way to one engine, sent and not acknowledged.
    pub unacked_events_max: u32,
    /// Most events that a log keeps. Past it what is worth least is dropped, of the session that has most of it; it is
    /// counted, and the engine is told of the gap.
    pub retention_events: u32,
    /// Most bytes of events that a log keeps, as told by [`weight`](super::weight()). Past it as above; the newest
    /// event is kept whatever its size.
    pub retention_bytes: u64,
    /// Most bytes of events that all logs keep together. Past it the log that keeps most gives up events as above.
    pub total_bytes: u64,
    /// The heartbeat of an engine that does not ask for one.
    pub heartbeat_default: Duration,
    /// The shortest heartbeat.
    pub heartbeat_min: Duration,
    /// The longest heartbeat.
    pub heartbeat_max: Duration,
    /// How long an engine that went away may stay away before its sessions end.
    pub grace: Duration,
    /// Most engines, attached and away. One more is refused.
    pub engines_max: u32,
}

/// An engine that reads nothing of its stream for so many heartbeats is taken for dead.
pub(super) const UNREAD_HEARTBEATS: u32 = 3;

/// How often within [`REPLACED_TIME`] a stream of an engine may take the place of an earlier one. Two processes that share
/// an id take it in turns; one more is refused.
pub(super) const REPLACED_MAX: usize = 5;

/// See [`REPLACED_MAX`].
pub(super) const REPLACED_TIME: Duration = Duration::from_secs(10);

/// How long an engine that leaves and has nothing left here is still known: until shards have heard that it is away, one
/// of them may give it a call, and then it has the grace like any other.
pub(super) const LEAVE_TIME: Duration = Duration::from_millis(200);

impl Default for EngineLimits {
    fn default() -> Self {
        Self {
            unacked_events_default: 10_000,
            unacked_events_max: 100_000,
            retention_events: 100_000,
            retention_bytes: 64 << 20,
            total_bytes: 256 << 20,
            heartbeat_default: Duration::from_secs(5),
            heartbeat_min: Duration::from_secs(1),
            heartbeat_max: Duration::from_secs(60),
            grace: Duration::from_secs(60),
            engines_max: 1_024,
        }
    }
}

impl EngineLimits {
    /// The window asked for, 0 for the default, within bounds.
    pub(super) fn window(&self, asked: u32) -> u32 {
        let asked = if asked == 0 { self.unacked_events_default } else { asked };
        asked.clamp(1, self.unacked_events_max.max(1))
    }

    /// The heartbeat asked for, within bounds.
    pub(super) fn heartbeat(&self, asked: Option<Duration>) -> Duration {
        let asked = asked.unwrap_or(self.heartbeat_default);
        asked.max(self.heartbeat_min).min(self.heartbeat_max)
    }
}
