//! Telephone events: DTMF digits as packets (RFC 4733 §2.3, §2.5).
//!
//! An event is many packets with one RTP timestamp and a growing duration; the last, marked as the end, is sent three
//! times. [`DigitDetector`] reports each digit once, [`DigitSender`] makes the packets.

mod detector;

pub use detector::{DIGIT_END_LOST, DIGITS_PER_SECOND_MAX, Digit, DigitDetector, Digits};

/// Bytes of an event's payload.
pub const EVENT_BYTES: usize = 4;

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
mod tests {
    use super::*;

    #[test]
    fn payloads_round_trip_and_short_ones_are_nothing() {
        let bytes = [11, 0x8A, 0x03, 0x20];
        let parsed = TelephoneEvent::parse(&bytes).unwrap();
        let event = TelephoneEvent { event: 11, end: true, volume: 10, duration_ticks: 800 };
        assert_eq!(parsed, event);
        assert_eq!(parsed.digit(), Some('#'));
        assert_eq!(parsed.to_bytes(), bytes);
        assert_eq!(TelephoneEvent::parse(&bytes[..3]), None);
        assert_eq!(TelephoneEvent { event: 16, ..event }.digit(), None);
    }
}
