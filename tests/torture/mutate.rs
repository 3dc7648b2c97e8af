//! Cuts and flips bytes, and cuts streams.

use bytes::Bytes;
use callplane::sip::{Frame, Limits, StreamFramer};

use super::exercise::exercise;

/// A small generator with a fixed seed, so that a failing mutation can be found again.
struct Dice(pub u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % below.max(1)
    }
}

/// Bytes that matter to the grammar, to be put where they do most harm.
const SPICE: &[u8] = b"\r\n \t:;,=<>\"\\@%[]()?/*\0\x7f\x80\xff0A";

/// No cut and no flipped bytes make anything panic.
pub fn mutate(name: &str, bytes: &Bytes, rounds: usize) {
    for cut in 0..bytes.len() {
        exercise(&bytes.slice(..cut));
    }
    let mut dice =
        Dice(name.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte))));
    for _ in 0..rounds {
        let mut changed = bytes.to_vec();
        for _ in 0..=dice.roll(4) {
            let at = dice.roll(changed.len());
            match dice.roll(4) {
                0 => changed[at] = dice.roll(256) as u8,
                1 => changed[at] = SPICE[dice.roll(SPICE.len())],
                2 => changed.insert(at, SPICE[dice.roll(SPICE.len())]),
                _ => drop(changed.remove(at)),
            }
        }
        exercise(&changed.into());
    }
}

/// The frames of a stream cut in two at every byte are those of the stream in one piece.
pub fn cut_everywhere(name: &str, bytes: &Bytes) {
    let whole = frames_at_once(bytes);
    for cut in 0..=bytes.len() {
        let mut framer = StreamFramer::new(Limits::default());
        let mut frames = Vec::new();
        for piece in [&bytes[..cut], &bytes[cut..]] {
            framer.push(piece);
            while let Ok(Some(frame)) = framer.pull() {
                frames.push(frame);
            }
        }
        assert_eq!(frames, whole, "{name} cut at {cut}");
    }
    let mut framer = StreamFramer::new(Limits::default());
    let mut frames = Vec::new();
    for byte in bytes {
        framer.push(&[*byte]);
        while let Ok(Some(frame)) = framer.pull() {
            frames.push(frame);
        }
    }
    assert_eq!(frames, whole, "{name} byte by byte");
}

/// The frames of a stream that comes in one piece.
pub fn frames_at_once(bytes: &[u8]) -> Vec<Frame> {
    let mut framer = StreamFramer::new(Limits::default());
    framer.push(bytes);
    let mut frames = Vec::new();
    while let Ok(Some(frame)) = framer.pull() {
        frames.push(frame);
    }
    frames
}
