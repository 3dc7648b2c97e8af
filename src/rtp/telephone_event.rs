//! Telephone events: DTMF digits as packets (RFC 4733 §2.3, §2.5).
//!
//! An event is many packets with one RTP timestamp and a growing duration; the last, marked as the end, is sent three
//! times. [`DigitDetector`] reports each digit once, [`DigitSender`] makes the packets.

/// Bytes of an event's payload.
pub const EVENT_BYTES: usize = 4;

/// The duration at which an event goes on as a new segment (RFC 4733 §2.5.1.3), in ticks.
const SEGMENT_TICKS: u16 = 0xFFFF;
/// How long audio must run past an event's last report until its end counts as lost, in ticks: 0.2 s at 8 kHz.
const END_LOST_TICKS: u32 = 1600;
/// How far behind the last digit a packet may be and still be an old one rather than a new timeline, in ticks: 10 s at
/// 8 kHz.
const OLD_TICKS_MAX: u32 = 80_000;
/// Times the end of an event is sent (RFC 4733 §2.5.1.4).
const END_PACKETS: u8 = 3;

const DIGITS: &[u8; 16] = b"0123456789*#ABCD";

/// One event report, as a packet carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TelephoneEvent {
    /// The event code: 0–9 digits, 10 `*`, 11 `#`, 12–15 A–D, 16 flash.
    pub event: u8,
    /// The event has ended.
    pub end: bool,
    /// Power level without sign: 0–63 means 0 to −63 dBm0.
    pub volume: u8,
    /// How long the event lasts so far, in ticks of the RTP clock.
    pub duration_ticks: u16,
}

impl TelephoneEvent {
    /// Reads a payload; bytes after the first event are ignored. `None` when there are fewer than four bytes.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let &[event, flags, d0, d1] = payload.first_chunk()?;
        let duration_ticks = u16::from_be_bytes([d0, d1]);
        Some(Self { event, end: flags & 0x80 != 0, volume: flags & 0x3F, duration_ticks })
    }

    /// The payload's bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; EVENT_BYTES] {
        let [d0, d1] = self.duration_ticks.to_be_bytes();
        [self.event, (self.end as u8) << 7 | self.volume & 0x3F, d0, d1]
    }

    /// The digit of the event code: `0`–`9`, `*`, `#`, `A`–`D`; `None` for other events.
    #[must_use]
    pub fn digit(self) -> Option<char> {
        DIGITS.get(usize::from(self.event)).map(|&digit| char::from(digit))
    }
}

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

/// Finds the digits in a stream of event packets, whatever is lost, repeated or reordered among them. A digit none of
/// whose packets come is not found.
#[derive(Clone, Debug, Default)]
pub struct DigitDetector {
    running: Option<Running>,
    /// The timestamp of the last digit that was reported.
    reported: Option<u32>,
}

/// An event that has not ended.
#[derive(Clone, Debug)]
struct Running {
    event: TelephoneEvent,
    /// The RTP timestamp of its current segment.
    timestamp: u32,
    /// What earlier segments lasted.
    segments_ticks: u32,
}

impl Running {
    fn duration_ticks(&self) -> u32 {
        self.segments_ticks.saturating_add(u32::from(self.event.duration_ticks))
    }
}

impl DigitDetector {
    /// A detector that has heard nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes an event packet's RTP timestamp and payload. Gives the digits that it shows to have ended.
    pub fn receive(&mut self, timestamp: u32, event: TelephoneEvent) -> Digits {
        if self.is_old(timestamp) {
            return none();
        }
        let before = match &mut self.running {
            Some(running) if running.timestamp == timestamp => {
                let longest = running.event.duration_ticks.max(event.duration_ticks);
                running.event = TelephoneEvent { duration_ticks: longest, ..event };
                None
            }
            Some(running) if running.goes_on_as(timestamp, event) => {
                running.segments_ticks = running.duration_ticks();
                running.timestamp = timestamp;
                running.event = event;
                None
            }
            _ => {
                let before = self.finish();
                self.running = Some(Running { event, timestamp, segments_ticks: 0 });
                before
            }
        };
        let ended = event.end.then(|| self.finish()).flatten();
        [before, ended].into_iter().flatten()
    }

    /// Takes notice of an audio packet's timestamp: an event whose end was lost is over when audio has gone on without
    /// it for 0.2 s.
    pub fn audio(&mut self, timestamp: u32) -> Option<Digit> {
        let running = self.running.as_ref()?;
        let since = timestamp.wrapping_sub(running.timestamp);
        let over = u32::from(running.event.duration_ticks) + END_LOST_TICKS;
        (over..OLD_TICKS_MAX).contains(&since).then(|| self.finish()).flatten()
    }

    /// Ends what is running: the caller has heard nothing for long enough, or the stream is over.
    pub fn finish(&mut self) -> Option<Digit> {
        let running = self.running.take()?;
        self.reported = Some(running.timestamp);
        let digit = running.event.digit()?;
        Some(Digit { digit, duration_ticks: running.duration_ticks() })
    }

    /// Whether an event has begun and not ended.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Whether a packet belongs to an event that was reported, or to one before what is known.
    fn is_old(&self, timestamp: u32) -> bool {
        let behind = |known: u32| known.wrapping_sub(timestamp) < OLD_TICKS_MAX;
        self.reported.is_some_and(behind)
            || self
                .running
                .as_ref()
                .is_some_and(|running| running.timestamp != timestamp && behind(running.timestamp))
    }
}

impl Running {
    /// Whether a packet is the next segment of this event: it begins where the last one could not count on.
    fn goes_on_as(&self, timestamp: u32, event: TelephoneEvent) -> bool {
        event.event == self.event.event
            && self.event.duration_ticks == SEGMENT_TICKS
            && timestamp == self.timestamp.wrapping_add(u32::from(SEGMENT_TICKS))
    }
}

fn none() -> Digits {
    [None, None].into_iter().flatten()
}

/// Makes the packets of one digit, one per packet time.
#[derive(Clone, Debug)]
pub struct DigitSender {
    event: TelephoneEvent,
    duration_ticks: u16,
    begun: bool,
    ends_left: u8,
}

/// A packet of a digit that is being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DigitPacket {
    /// The first of the event: new timestamp, marker bit.
    pub begins: bool,
    /// What it says.
    pub event: TelephoneEvent,
}

impl DigitSender {
    /// A digit of this length, at −10 dBm0; `None` for a character that is no digit. The length is at most 65,535
    /// ticks, one segment.
    #[must_use]
    pub fn new(digit: char, duration_ticks: u16) -> Option<Self> {
        let code = DIGITS.iter().position(|&known| char::from(known) == digit.to_ascii_uppercase())?;
        let event = TelephoneEvent { event: code as u8, end: false, volume: 10, duration_ticks: 0 };
        Some(Self { event, duration_ticks, begun: false, ends_left: END_PACKETS })
    }

    /// The next packet, `ticks` after the last; `None` when the digit is sent.
    pub fn next_packet(&mut self, ticks: u16) -> Option<DigitPacket> {
        if self.ends_left == 0 {
            return None;
        }
        let begins = !std::mem::replace(&mut self.begun, true);
        let event = &mut self.event;
        event.duration_ticks = event.duration_ticks.saturating_add(ticks).min(self.duration_ticks);
        event.end = event.duration_ticks == self.duration_ticks;
        if event.end {
            self.ends_left -= 1;
        }
        Some(DigitPacket { begins, event: *event })
    }
}

#[cfg(test)]
mod tests;
