//! Packets that go from one port of this node to another: a call of ours to ourselves, or a loop.
//!
//! A leg that hairpins is legal, a circle of them is not: each turn costs as much as the packet did, and where a mesh is in
//! it each turn makes more of them. Every hop rewrites the packet, so nothing in it says that it was here before. But each
//! port notes where it sends to and how often the packets that it sends have passed this node already; in a circle that
//! number grows with each turn, and past [`HAIRPINS_MAX`] no packet is taken. What a port has noted stays for
//! [`NOTE_LIFE`], whatever smaller numbers come, so that a circle is not fed anew by each packet that comes from outside.
//!
//! Only ports are compared: a peer elsewhere whose port looks like one of ours passes, since nothing grows.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::ground::Instant;

/// How often a packet may pass this node by hairpins.
pub const HAIRPINS_MAX: u8 = 8;

/// How long a note holds.
pub const NOTE_LIFE: Duration = Duration::from_secs(2);

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

/// The notes of a node's ports. Shared by its workers; a lost update costs a turn of a circle.
#[derive(Debug, Default)]
pub struct Hairpins {
    first: u16,
    notes: Box<[AtomicU64]>,
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
        Self { first, notes: (0..pairs).map(|_| AtomicU64::new(0)).collect() }
    }

    fn note_of(&self, port: u16) -> Option<&AtomicU64> {
        let above = port.checked_sub(self.first).filter(|above| above % 2 == 0)?;
        self.notes.get(usize::from(above / 2))
    }

    /// How often a packet that came from `from` to our port `at` has passed this node before.
    #[must_use]
    pub fn passed(&self, from: u16, at: u16, now: Instant) -> u8 {
        let Some(word) = self.note_of(from) else { return 0 };
        let note = Note::read(word.load(Ordering::Relaxed));
        if note.to == at && note.until_ms > millis(now) { note.passed } else { 0 }
    }

    /// Our port `from` sends to `to` what has passed this node so often.
    pub fn sends(&self, from: u16, to: u16, passed: u8, now: Instant) {
        if self.note_of(to).is_none() {
            return;
        }
        let Some(word) = self.note_of(from) else { return };
        let note = Note::read(word.load(Ordering::Relaxed));
        let (now_ms, life_ms) = (millis(now), NOTE_LIFE.as_millis() as u64);
        let holds = note.to == to && note.until_ms > now_ms;
        // One that stays the same is written again when half of its life is over.
        let fresh = note.until_ms > now_ms + life_ms / 2;
        if holds && (note.passed > passed || note.passed == passed && fresh) {
            return;
        }
        word.store(Note { to, passed, until_ms: now_ms + life_ms }.written(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_millis(1_000_000);

    #[test]
    fn a_note_tells_who_is_sent_to_how_often_and_for_a_while() {
        let hairpins = Hairpins::new(10_000, 10_009);
        assert_eq!(hairpins.passed(10_000, 10_002, NOW), 0);
        hairpins.sends(10_000, 10_002, 3, NOW);
        let rows = [
            (10_000, 10_002, 0, 3),
            (10_000, 10_004, 0, 0),
            (10_002, 10_000, 0, 0),
            (10_001, 10_002, 0, 0),
            (9_998, 10_002, 0, 0),
            (10_010, 10_002, 0, 0),
            (10_000, 10_002, 1_999, 3),
            (10_000, 10_002, 2_000, 0),
        ];
        for (from, at, ms, expected) in rows {
            let later = NOW + Duration::from_millis(ms);
            assert_eq!(hairpins.passed(from, at, later), expected, "{from} to {at} after {ms} ms");
        }
    }

    #[test]
    fn the_largest_number_holds_as_long_as_it_is_not_old() {
        let hairpins = Hairpins::new(10_000, 10_009);
        let after = |ms| NOW + Duration::from_millis(ms);
        hairpins.sends(10_000, 10_002, 8, NOW);
        hairpins.sends(10_000, 10_002, 1, after(500));
        assert_eq!(hairpins.passed(10_000, 10_002, after(1_000)), 8);
        hairpins.sends(10_000, 10_002, 8, after(1_500));
        assert_eq!(hairpins.passed(10_000, 10_002, after(3_000)), 8);
        hairpins.sends(10_000, 10_002, 1, after(3_600));
        assert_eq!(hairpins.passed(10_000, 10_002, after(3_700)), 1);
        // Another peer is another matter.
        hairpins.sends(10_000, 10_002, 8, after(4_000));
        hairpins.sends(10_000, 10_004, 1, after(4_100));
        assert_eq!(hairpins.passed(10_000, 10_004, after(4_200)), 1);
    }

    #[test]
    fn who_sends_to_no_port_of_ours_notes_nothing() {
        let hairpins = Hairpins::new(10_000, 10_009);
        hairpins.sends(10_000, 40_000, 3, NOW);
        hairpins.sends(20_000, 10_002, 3, NOW);
        Hairpins::default().sends(10_000, 10_002, 3, NOW);
        assert!(hairpins.notes.iter().all(|note| note.load(Ordering::Relaxed) == 0));
        assert_eq!(Hairpins::default().passed(10_000, 10_002, NOW), 0);
    }
}
