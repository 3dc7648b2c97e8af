//! Mixing: each talker is decoded once, all are summed once, each listener gets the sum without itself (N−1).
//!
//! Listeners that say nothing share one content, encoded once for each codec; a member that is silent costs nothing
//! but the packet it is sent.

use std::collections::VecDeque;

use super::packetizer::PACKET_SAMPLES_MAX;
use super::remote::{Kind, Payloads};
use super::{FRAME_SAMPLES, Frame};
use crate::codec::{Codec, Concealment, Decoder, Encoder, mix};
use crate::rtp::{BufferLayout, HEADER_BYTES, JitterBuffer, PacketView, Playout};

/// Frames without a packet after which a talker is not looked at until it speaks again.
const IDLE_FRAMES_MAX: u8 = 25;

/// The loudest sample of a frame that counts as silence: what G.711 makes of zero.
const SILENCE_PEAK: u16 = 8;

/// How a talker's packets are buffered.
const LAYOUT: BufferLayout =
    BufferLayout { payload_bytes_max: PACKET_SAMPLES_MAX, depth_packets: 2, depth_packets_max: 10 };

/// What one member says: its packets, and the frame that is its share of the running turn.
#[derive(Debug)]
pub struct Talker {
    buffer: JitterBuffer,
    decoder: Option<Decoder>,
    concealment: Concealment,
    /// Decoded samples that did not fit into the last frame.
    rest: VecDeque<i16>,
    /// Its share of the running turn.
    pub frame: Frame,
    /// Whether the share is more than silence.
    pub talks: bool,
    /// Samples in its packets: what one that is missing stands for.
    packet_samples: usize,
    idle_frames: u8,
}

impl Default for Talker {
    fn default() -> Self {
        Self {
            buffer: JitterBuffer::new(LAYOUT),
            decoder: None,
            concealment: Concealment::new(),
            rest: VecDeque::with_capacity(PACKET_SAMPLES_MAX + FRAME_SAMPLES),
            frame: [0; FRAME_SAMPLES],
            talks: false,
            packet_samples: FRAME_SAMPLES,
            idle_frames: IDLE_FRAMES_MAX,
        }
    }
}

impl Talker {
    /// Takes a packet of audio.
    pub fn hear(&mut self, packet: &PacketView<'_>) {
        self.buffer.insert(packet);
        self.idle_frames = 0;
    }

    /// Takes notice of a packet that is not audio: its turn is silence.
    pub fn hear_event(&mut self, packet: &PacketView<'_>) {
        self.buffer.insert_other(packet.header());
    }

    /// Fills the frame with its share of the next turn. Returns whether it says anything.
    pub fn next_frame(&mut self, payloads: &Payloads) -> bool {
        self.talks = false;
        if self.idle_frames >= IDLE_FRAMES_MAX && self.rest.is_empty() {
            return false;
        }
        self.idle_frames = self.idle_frames.saturating_add(1);
        while self.rest.len() < FRAME_SAMPLES {
            self.decode_next(payloads);
        }
        let mut peak = 0;
        for (sample, decoded) in self.frame.iter_mut().zip(self.rest.drain(..FRAME_SAMPLES)) {
            *sample = decoded;
            peak = peak.max(decoded.unsigned_abs());
        }
        self.talks = peak > SILENCE_PEAK;
        self.talks
    }

    /// Appends the samples of the next packet, or what stands in its place.
    fn decode_next(&mut self, payloads: &Payloads) {
        let mut samples = [0; PACKET_SAMPLES_MAX];
        match self.buffer.pull() {
            Playout::Packet { payload_type, payload } => {
                let decoded = match payloads.kind_of(payload_type) {
                    Some(Kind::Audio(codec)) => decode(&mut self.decoder, codec, payload, &mut samples),
                    Some(Kind::Event) | None => 0,
                };
                if decoded > 0 {
                    self.packet_samples = decoded;
                    self.concealment.received(&mut samples[..decoded]);
                }
            }
            Playout::Conceal => self.concealment.conceal(&mut samples[..self.packet_samples]),
            Playout::Silence => {}
        }
        self.rest.extend(&samples[..self.packet_samples]);
    }
}

/// Decodes a payload with the decoder of its codec. Returns how many samples it gave.
fn decode(decoder: &mut Option<Decoder>, codec: Codec, payload: &[u8], samples: &mut [i16]) -> usize {
    if decoder.as_ref().is_none_or(|decoder| decoder.codec() != codec) {
        *decoder = Some(Decoder::new(codec));
    }
    decoder.as_mut().and_then(|decoder| decoder.decode(payload, samples).ok()).unwrap_or(0)
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
        let shared = |_| SharedPacket { packet: [0; HEADER_BYTES + FRAME_SAMPLES], length: 0 };
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
