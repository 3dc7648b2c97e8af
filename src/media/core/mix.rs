//! Mixing: each talker is decoded once, all are summed once, each listener gets the sum without itself (N−1).
//!
//! Listeners that say nothing share one content, encoded once for each codec; a member that is silent costs nothing
//! but the packet it is sent.

use super::{FRAME_SAMPLES, Frame};
use crate::codec::{Codec, Encoder, mix};
use crate::rtp::HEADER_BYTES;

/// The last frame of members that leave a room in mid-word: it is heard once more and fades out.
#[derive(Clone, Debug)]
pub struct Fading([i32; FRAME_SAMPLES]);

impl Default for Fading {
    fn default() -> Self {
        Self([0; FRAME_SAMPLES])
    }
}

impl Fading {
    /// Adds the share of a member that has gone.
    pub fn add(&mut self, frame: &Frame) {
        mix::add(&mut self.0, frame);
    }
}

/// What several listeners may get alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Everything that is said: for those who say nothing.
    Everything,
    /// Nothing: for the only one who speaks.
    Silence,
}

/// A packet whose payload is written; its header is written anew for each listener.
#[derive(Debug)]
pub struct SharedPacket {
    /// Room for the header, and the payload after it.
    pub packet: [u8; HEADER_BYTES + FRAME_SAMPLES],
    /// Bytes of payload; 0 while nothing is written.
    pub length: usize,
    /// The last sample of the frame.
    pub last_sample: i16,
}

/// One turn of a room.
#[derive(Debug)]
pub struct Mix {
    sum: [i32; FRAME_SAMPLES],
    talkers: usize,
    shared: [[SharedPacket; Codec::ALL.len()]; 2],
}

impl Default for Mix {
    fn default() -> Self {
        let shared =
            |_| SharedPacket { packet: [0; HEADER_BYTES + FRAME_SAMPLES], length: 0, last_sample: 0 };
        let shared = std::array::from_fn(|_| std::array::from_fn(shared));
        Self { sum: [0; FRAME_SAMPLES], talkers: 0, shared }
    }
}

impl Mix {
    /// A turn begins.
    pub fn begin(&mut self) {
        self.sum.fill(0);
        self.talkers = 0;
        self.shared.iter_mut().flatten().for_each(|shared| shared.length = 0);
    }

    /// Adds a talker's share.
    pub fn add(&mut self, frame: &Frame) {
        mix::add(&mut self.sum, frame);
        self.talkers += 1;
    }

    /// Adds what is left to hear of members that have gone.
    pub fn add_fading(&mut self, fading: &Fading) {
        for (sum, &sample) in self.sum.iter_mut().zip(&fading.0) {
            *sum += sample;
        }
        self.talkers += 1;
    }

    /// What a member gets alike with others; `None` when it gets something of its own, by [`Mix::without`].
    #[must_use]
    pub const fn content_for(&self, talks: bool) -> Option<Content> {
        match (talks, self.talkers) {
            (true, 0 | 1) | (false, 0) => Some(Content::Silence),
            (true, _) => None,
            (false, _) => Some(Content::Everything),
        }
    }

    /// Writes what a talker with this share gets: the others.
    pub fn without(&self, own: &Frame, out: &mut Frame) {
        mix::saturate_without(&self.sum, own, out);
    }

    /// Writes what is shared, as samples.
    pub fn samples(&self, content: Content, out: &mut Frame) {
        match content {
            Content::Everything => mix::saturate(&self.sum, out),
            Content::Silence => out.fill(0),
        }
    }

    /// What is shared, encoded: at the first call of a turn, and kept for the next ones.
    pub fn encoded(&mut self, content: Content, codec: Codec) -> Option<&mut SharedPacket> {
        let place = Codec::ALL.iter().position(|&known| known == codec)?;
        if self.shared[content as usize][place].length == 0 {
            let mut frame = [0; FRAME_SAMPLES];
            self.samples(content, &mut frame);
            let shared = &mut self.shared[content as usize][place];
            shared.last_sample = frame[FRAME_SAMPLES - 1];
            shared.length = Encoder::new(codec).encode(&frame, &mut shared.packet[HEADER_BYTES..]).ok()?;
        }
        Some(&mut self.shared[content as usize][place])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_share_what_is_the_same_and_talkers_get_the_others() {
        let mut mix = Mix::default();
        mix.begin();
        assert_eq!(mix.content_for(false), Some(Content::Silence));
        mix.add(&[100; FRAME_SAMPLES]);
        assert_eq!(mix.content_for(false), Some(Content::Everything));
        assert_eq!(mix.content_for(true), Some(Content::Silence));
        mix.add(&[-30; FRAME_SAMPLES]);
        assert_eq!(mix.content_for(true), None);
        let mut out = [0; FRAME_SAMPLES];
        mix.without(&[100; FRAME_SAMPLES], &mut out);
        assert_eq!(out, [-30; FRAME_SAMPLES]);
        mix.samples(Content::Everything, &mut out);
        assert_eq!(out, [70; FRAME_SAMPLES]);
    }

    #[test]
    fn what_is_shared_is_encoded_once_a_turn() {
        let mut mix = Mix::default();
        mix.begin();
        mix.add(&[5000; FRAME_SAMPLES]);
        let first = mix.encoded(Content::Everything, Codec::Pcma).unwrap().packet;
        // A later share does not change what was encoded already.
        mix.add(&[5000; FRAME_SAMPLES]);
        assert_eq!(mix.encoded(Content::Everything, Codec::Pcma).unwrap().packet, first);
        assert_ne!(mix.encoded(Content::Everything, Codec::Pcmu).unwrap().packet, first);
        mix.begin();
        mix.add(&[-5000; FRAME_SAMPLES]);
        assert_ne!(mix.encoded(Content::Everything, Codec::Pcma).unwrap().packet, first);
    }
}
