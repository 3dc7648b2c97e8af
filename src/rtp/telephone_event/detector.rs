//! Digits found in a stream of event packets, whatever is lost, repeated, reordered or made up among them.

mod running;

use std::time::Duration;

use running::Running;

use super::TelephoneEvent;
use crate::ground::{Instant, Pace, Rate};
use crate::rtp::{Header, is_ahead};

/// How long audio must run past an event's last report until its end counts as lost, in ticks: 0.2 s at 8 kHz.
const AUDIO_AFTER_END_TICKS: u32 = 1600;
/// How far behind the last digit a packet may be and still be an old one rather than a new timeline, in ticks: 10 s at
/// 8 kHz.
const OLD_TICKS_MAX: u32 = 80_000;
/// How far a packet that is newer by its sequence number must be behind to begin a new timeline, in ticks: 1 s at 8 kHz.
const TIMELINE_TICKS: u32 = 8000;

/// How long after the last packet a digit counts as over whose end has not come: no packet of it may have been the end,
/// and audio that would show it may stay away, as with silence suppression.
pub const DIGIT_END_LOST: Duration = Duration::from_millis(300);

/// The least that two digits begin apart, in ticks: the shortest tone that ITU-T Q.24 recognises, 40 ms at 8 kHz.
const APART_TICKS_MIN: u32 = 320;

/// Digits of one peer that are believed in a second; as many may come at once after a pause. A hand presses four, a
/// dialler of ITU-T Q.24 at most twelve.
pub const DIGITS_PER_SECOND_MAX: u32 = 20;

/// A digit that was pressed, reported once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digit {
    /// `0`–`9`, `*`, `#`, `A`–`D`.
    pub digit: char,
    /// How long it was pressed, in ticks of the RTP clock.
    pub duration_ticks: u32,
}

/// The digits that one packet shows to have ended: two when it also shows that the one before is over.
pub type Digits = std::iter::Flatten<std::array::IntoIter<Option<Digit>, 2>>;

/// Finds the digits of one peer. A digit none of whose packets come is not found.
///
/// What is remembered belongs to one stream: time stamps of another SSRC have nothing to do with it (RFC 3550 §5.1).
/// A digit is believed when it lasts long enough, begins long enough after the one before, and there are not more than
/// [`DIGITS_PER_SECOND_MAX`].
#[derive(Clone, Debug, Default)]
pub struct DigitDetector {
    /// The stream that is listened to, and its newest sequence number.
    stream: Option<(u32, u16)>,
    running: Option<Running>,
    /// Where the last two digits that are over began, the last one first.
    over: [Option<u32>; 2],
    pace: Pace,
    unbelieved: u32,
}

/// Digits that are believed.
const DIGITS: Rate = Rate::new(DIGITS_PER_SECOND_MAX, DIGITS_PER_SECOND_MAX);

impl DigitDetector {
    /// A detector that has heard nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes an event packet's header and payload. Gives the digits that it shows to have ended.
    pub fn receive(&mut self, header: &Header, event: TelephoneEvent, now: Instant) -> Digits {
        let other_stream = self.follow(header, now);
        if self.is_old(header) {
            return other_stream.digits(None);
        }
        self.note_sequence(header);
        let (timestamp, too_close) = (header.timestamp, self.is_too_close(header.timestamp));
        let before = match &mut self.running {
            Some(running) if running.timestamp == timestamp => {
                running.report(event, now);
                None
            }
            Some(running) if running.goes_on_as(header, event) => {
                running.begin_segment(timestamp, event, now);
                None
            }
            _ if too_close => {
                self.unbelieved += 1;
                return other_stream.digits(None);
            }
            _ => {
                let before = self.finish(now);
                self.running = Some(Running::new(event, timestamp, now));
                before
            }
        };
        let ended = event.end.then(|| self.finish(now)).flatten();
        Ended(other_stream.0.or(before)).digits(ended)
    }

    /// Takes notice of an audio packet: an event whose end was lost is over when audio has gone on without it for
    /// 0.2 s, or nothing came of it for [`DIGIT_END_LOST`].
    pub fn audio(&mut self, header: &Header, now: Instant) -> Option<Digit> {
        let running = self.running.as_ref()?;
        let since = header.timestamp.wrapping_sub(running.timestamp);
        let over = u32::from(running.event.duration_ticks) + AUDIO_AFTER_END_TICKS;
        let same_stream = self.stream.is_some_and(|(ssrc, _)| ssrc == header.ssrc);
        let passed = same_stream && (over..OLD_TICKS_MAX).contains(&since);
        let stayed_away = now.since(running.reported_at) >= DIGIT_END_LOST;
        if passed || stayed_away { self.finish(now) } else { None }
    }

    /// Ends what is running: the caller has heard nothing for long enough, or the stream is over.
    pub fn finish(&mut self, now: Instant) -> Option<Digit> {
        let running = self.running.take()?;
        self.over = [Some(running.timestamp), self.over[0]];
        let digit = running.event.digit()?;
        if running.lasted(now) && self.pace.allows(&DIGITS, now) {
            return Some(Digit { digit, duration_ticks: running.duration_ticks() });
        }
        self.unbelieved += 1;
        None
    }

    /// Whether an event has begun and not ended.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Packets and digits that were not believed since the last call: too short, too close, too many.
    pub const fn take_unbelieved(&mut self) -> u32 {
        std::mem::replace(&mut self.unbelieved, 0)
    }

    /// Another stream takes the place of the one before: what ran in that is over, and nothing of it is known any more.
    fn follow(&mut self, header: &Header, now: Instant) -> Ended {
        if self.stream.is_some_and(|(ssrc, _)| ssrc == header.ssrc) {
            return Ended(None);
        }
        let ended = self.finish(now);
        self.over = [None; 2];
        self.stream = Some((header.ssrc, header.sequence));
        Ended(ended)
    }

    const fn note_sequence(&mut self, header: &Header) {
        if let Some((_, newest)) = &mut self.stream
            && is_ahead(*newest, header.sequence)
        {
            *newest = header.sequence;
        }
    }

    /// Where the last event began that is known.
    fn last_began(&self) -> Option<u32> {
        self.running.as_ref().map(|running| running.timestamp).or(self.over[0])
    }

    /// Whether a packet belongs to an event that is over, or to one before what is known.
    fn is_old(&self, header: &Header) -> bool {
        let timestamp = header.timestamp;
        if self.over.contains(&Some(timestamp)) {
            return true;
        }
        let behind = self.last_began().map_or(0, |known| known.wrapping_sub(timestamp));
        let is_newer = self.stream.is_some_and(|(_, newest)| is_ahead(newest, header.sequence));
        let begins_anew = is_newer && behind >= TIMELINE_TICKS;
        (1..OLD_TICKS_MAX).contains(&behind) && !begins_anew
    }

    fn is_too_close(&self, timestamp: u32) -> bool {
        self.last_began().is_some_and(|before| timestamp.wrapping_sub(before) < APART_TICKS_MIN)
    }
}

/// A digit that is over.
struct Ended(Option<Digit>);

impl Ended {
    fn digits(self, and: Option<Digit>) -> Digits {
        [self.0, and].into_iter().flatten()
    }
}

#[cfg(test)]
mod tests;
