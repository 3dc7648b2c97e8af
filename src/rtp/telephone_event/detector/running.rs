//! An event that has not ended, as its reports say it.

use std::time::Duration;

use super::TelephoneEvent;
use crate::ground::Instant;
use crate::rtp::Header;

/// The duration at which an event goes on as a new segment (RFC 4733 §2.5.1.3), in ticks.
const SEGMENT_TICKS: u32 = 0xFFFF;
/// How far from there a new segment may begin: the report of the full duration may be lost, or rounded by the sender.
const SEGMENT_SLACK_TICKS: u32 = 800;

/// The least that a digit has to last: by its own report in ticks, 20 ms at 8 kHz, or by the clock. Half of what ITU-T
/// Q.24 asks for: of a short key all but the first report may be lost.
const DURATION_TICKS_MIN: u32 = 160;
const DURATION_MIN: Duration = Duration::from_millis(20);

/// An event that has not ended.
#[derive(Clone, Debug)]
pub(super) struct Running {
    pub event: TelephoneEvent,
    /// The RTP timestamp of its current segment.
    pub timestamp: u32,
    /// What earlier segments lasted.
    segments_ticks: u32,
    began_at: Instant,
    /// When its last report came.
    pub reported_at: Instant,
}

impl Running {
    pub const fn new(event: TelephoneEvent, timestamp: u32, now: Instant) -> Self {
        Self { event, timestamp, segments_ticks: 0, began_at: now, reported_at: now }
    }

    /// A further report of the same segment; one that was overtaken does not shorten it.
    pub fn report(&mut self, event: TelephoneEvent, now: Instant) {
        let longest = self.event.duration_ticks.max(event.duration_ticks);
        self.event = TelephoneEvent { duration_ticks: longest, ..event };
        self.reported_at = now;
    }

    /// Whether a packet is the next segment of this event: the same key without a new beginning, where the last segment
    /// could not count on.
    pub fn goes_on_as(&self, header: &Header, event: TelephoneEvent) -> bool {
        let since = header.timestamp.wrapping_sub(self.timestamp);
        event.event == self.event.event
            && !header.marker
            && since.abs_diff(SEGMENT_TICKS) <= SEGMENT_SLACK_TICKS
    }

    pub const fn begin_segment(&mut self, timestamp: u32, event: TelephoneEvent, now: Instant) {
        let segment_ticks = timestamp.wrapping_sub(self.timestamp);
        self.segments_ticks = self.segments_ticks.saturating_add(segment_ticks);
        self.timestamp = timestamp;
        self.event = event;
        self.reported_at = now;
    }

    pub fn duration_ticks(&self) -> u32 {
        self.segments_ticks.saturating_add(u32::from(self.event.duration_ticks))
    }

    /// Whether it has lasted long enough to be believed.
    pub fn lasted(&self, now: Instant) -> bool {
        self.duration_ticks() >= DURATION_TICKS_MIN || now.since(self.began_at) >= DURATION_MIN
    }
}
