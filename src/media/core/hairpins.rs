//! Packets that go from one port of this node to another: a call of ours to ourselves, or a loop.
//!
//! A leg that hairpins is legal, a circle of them is not: each turn costs as much as the packet did, and where a mesh is in
//! it each turn makes more of them. Every hop rewrites the packet, so nothing in it says that it was here before. But each
//! port notes where it sends to and how often the packets that it sends have passed this node already; in a circle that
//! number grows with each turn, and past [`HAIRPINS_MAX`] no packet is taken. What a port has noted stays for
//! [`NOTE_LIFE`], whatever smaller numbers come, so that a circle is not fed anew by each packet that comes from outside.
//!
//! Tones and rooms send without being sent to, so legs that name each other's ports hear packets all the time, though their
//! peers are gone. A port therefore also notes when packets from outside last led to what it sends: nothing else shows that
//! somebody is there.
//!
//! Addresses are not compared: one that is bound to all addresses of a host, or behind a NAT, does not know its own. A packet
//! from a port like one of ours is our own by its SSRC: that of what our port sends there, and nobody else knows it. Of the
//! streams that a mesh sends a port notes one bit of 64 each.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::ground::Instant;

/// How often a packet may pass this node by hairpins.
pub const HAIRPINS_MAX: u8 = 8;

/// How long a note holds.
pub const NOTE_LIFE: Duration = Duration::from_secs(2);

/// What a packet has behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trail {
    /// How often it has passed this node.
    pub passed: u8,
    /// When packets from outside last led to it: now, where it is one.
    pub fed_at: Instant,
}

/// What a port has noted: where it sends, how often that has passed, until when (in milliseconds) that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Note {
    to: u16,
    passed: u8,
    until_ms: u64,
}

impl Note {
    const fn read(word: u64) -> Self {
        Self { to: word as u16, passed: (word >> 16) as u8, until_ms: word >> 24 }
    }

    const fn written(self) -> u64 {
        self.until_ms << 24 | (self.passed as u64) << 16 | self.to as u64
    }
}

/// What else it has noted: the SSRC of what it sends, 0 for several as in a mesh, and the low half of the milliseconds at
/// which packets from outside last led to that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Feed {
    ssrc: u32,
    at_ms: u32,
}

impl Feed {
    const fn read(word: u64) -> Self {
        Self { ssrc: (word >> 32) as u32, at_ms: word as u32 }
    }

    const fn written(self) -> u64 {
        (self.ssrc as u64) << 32 | self.at_ms as u64
    }

    /// Whether a stream is what the port sends.
    const fn is_of(self, ssrc: u32) -> bool {
        self.ssrc == 0 || self.ssrc == ssrc
    }

    /// The time, which is within 24 days. One that another worker's clock is a little ahead with counts as now.
    fn at(self, now: Instant) -> Instant {
        let age_ms = (millis(now) as u32).wrapping_sub(self.at_ms) as i32;
        if age_ms <= 0 { now } else { Instant::from_millis(millis(now).saturating_sub(age_ms as u64)) }
    }
}

/// A stream that a port sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentStream {
    /// Its own, with this SSRC.
    Own(u32),
    /// One of the several that it passes on in a mesh.
    OneOfSeveral(u32),
}

impl SentStream {
    /// The SSRC that a feed is noted with.
    const fn of_feed(self) -> u32 {
        match self {
            Self::Own(ssrc) => ssrc,
            Self::OneOfSeveral(_) => 0,
        }
    }
}

/// The notes of one port.
#[derive(Debug, Default)]
struct Port {
    note: AtomicU64,
    feed: AtomicU64,
    /// The SSRC of its own stream, with [`SENT`] above it once there is one.
    own: AtomicU64,
    /// A bit for each stream that it passes on.
    several: AtomicU64,
}

const SENT: u64 = 1 << 32;

/// The bit of a stream, by the upper bits of a product that all bits of the SSRC are in.
const fn bit_of(ssrc: u32) -> u64 {
    1 << ((ssrc as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58)
}

/// The notes of a node's ports. Shared by its workers; a lost update costs a turn of a circle.
#[derive(Debug, Default)]
pub struct Hairpins {
    first: u16,
    ports: Box<[Port]>,
}

const fn millis(now: Instant) -> u64 {
    now.as_nanos() / 1_000_000
}

impl Hairpins {
    /// For the ports of `min..=max`, of which endpoints have even ones.
    #[must_use]
    pub fn new(min: u16, max: u16) -> Self {
        let first = min & !1;
        let pairs = usize::from(max.saturating_sub(first) / 2) + 1;
        Self { first, ports: (0..pairs).map(|_| Port::default()).collect() }
    }

    fn notes_of(&self, port: u16) -> Option<&Port> {
        let above = port.checked_sub(self.first).filter(|above| above % 2 == 0)?;
        self.ports.get(usize::from(above / 2))
    }

    /// What a packet of this SSRC has behind it that came from `from` to our port `at`.
    #[must_use]
    pub fn trail(&self, from: u16, at: u16, ssrc: u32, now: Instant) -> Trail {
        let outside = Trail { passed: 0, fed_at: now };
        let Some(port) = self.notes_of(from) else { return outside };
        let note = Note::read(port.note.load(Ordering::Relaxed));
        if note.to != at || note.until_ms <= millis(now) || !port.sends(ssrc) {
            return outside;
        }
        let feed = Feed::read(port.feed.load(Ordering::Relaxed));
        Trail { passed: note.passed, fed_at: if feed.is_of(ssrc) { feed.at(now) } else { now } }
    }

    /// Our port `from` sends to `to` what has this behind it, in this stream.
    pub fn sends(&self, from: u16, to: u16, stream: SentStream, trail: Trail, now: Instant) {
        if self.notes_of(to).is_none() {
            return;
        }
        let Some(port) = self.notes_of(from) else { return };
        port.note_feed(stream.of_feed(), trail.fed_at, now);
        port.note_passage(to, trail.passed, now);
        port.note_stream(stream);
    }
}

impl Port {
    /// Whether a stream is one that it sends.
    fn sends(&self, ssrc: u32) -> bool {
        self.own.load(Ordering::Relaxed) == SENT | u64::from(ssrc)
            || self.several.load(Ordering::Relaxed) & bit_of(ssrc) != 0
    }

    fn note_stream(&self, stream: SentStream) {
        match stream {
            SentStream::Own(ssrc) => {
                let own = SENT | u64::from(ssrc);
                if self.own.load(Ordering::Relaxed) != own {
                    self.own.store(own, Ordering::Relaxed);
                }
            }
            SentStream::OneOfSeveral(ssrc) => {
                let several = self.several.load(Ordering::Relaxed);
                if several & bit_of(ssrc) == 0 {
                    self.several.store(several | bit_of(ssrc), Ordering::Relaxed);
                }
            }
        }
    }

    /// The newest time holds, as long as the stream is the same.
    fn note_feed(&self, ssrc: u32, fed_at: Instant, now: Instant) {
        let word = self.feed.load(Ordering::Relaxed);
        let feed = Feed::read(word);
        let fed_at = if feed.ssrc == ssrc && word != 0 { fed_at.max(feed.at(now)) } else { fed_at };
        let written = Feed { ssrc, at_ms: millis(fed_at) as u32 }.written();
        if written != word {
            self.feed.store(written, Ordering::Relaxed);
        }
    }

    fn note_passage(&self, to: u16, passed: u8, now: Instant) {
        let note = Note::read(self.note.load(Ordering::Relaxed));
        let (now_ms, life_ms) = (millis(now), NOTE_LIFE.as_millis() as u64);
        let holds = note.to == to && note.until_ms > now_ms;
        // One that stays the same is written again when half of its life is over.
        let fresh = note.until_ms > now_ms + life_ms / 2;
        if holds && (note.passed > passed || note.passed == passed && fresh) {
            return;
        }
        if !holds {
            // What it sent to another port, or long ago, is none of this peer's.
            self.own.store(0, Ordering::Relaxed);
            self.several.store(0, Ordering::Relaxed);
        }
        self.note.store(Note { to, passed, until_ms: now_ms + life_ms }.written(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
