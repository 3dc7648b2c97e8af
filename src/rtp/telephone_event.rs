//! Telephone events: DTMF digits as packets (RFC 4733 §2.3, §2.5).

/// Bytes of an event's payload.
pub const EVENT_BYTES: usize = 4;

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
        Some(Self {
            event,
            end: flags & 0x80 != 0,
            volume: flags & 0x3F,
            duration_ticks: u16::from_be_bytes([d0, d1]),
        })
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
        b"0123456789*#ABCD".get(usize::from(self.event)).map(|&digit| char::from(digit))
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

/// Finds the digits in a stream of event packets.
#[derive(Clone, Debug, Default)]
pub struct DigitDetector {}

impl DigitDetector {
    /// A detector that has heard nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes an event packet's RTP timestamp and payload. Returns a digit when one is known to have ended.
    pub fn receive(&mut self, timestamp: u32, event: TelephoneEvent) -> Option<Digit> {
        let _ = (timestamp, event);
        todo!()
    }

    /// Takes notice of any other packet's timestamp: an event whose end was lost is over when audio follows it.
    pub fn audio(&mut self, timestamp: u32) -> Option<Digit> {
        let _ = timestamp;
        todo!()
    }
}
