//! What one member of a room says: its packets, decoded at the pace of the room, without clicks where they begin or end.

use std::collections::VecDeque;

use super::packetizer::PACKET_SAMPLES_MAX;
use super::remote::{Kind, Payloads};
use super::{FRAME_SAMPLES, Frame, RAMP_SAMPLES};
use crate::codec::{Codec, Concealment, Decoder, mix};
use crate::rtp::{BufferLayout, JitterBuffer, PacketView, Playout};

/// Frames without a packet after which a talker is not looked at until it speaks again.
const IDLE_FRAMES_MAX: u8 = 25;

/// The loudest sample of a frame that counts as silence: what G.711 makes of zero.
pub const SILENCE_PEAK: u16 = 8;

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
    /// It is to say nothing more until something new comes.
    hushed: bool,
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
            hushed: false,
        }
    }
}

impl Talker {
    /// Another stream takes the place of the one that was heard, or it is numbered anew.
    pub fn begin_anew(&mut self) {
        self.buffer.clear();
    }

    /// What waits is not to be heard any more: the next frame fades out.
    pub const fn hush(&mut self) {
        self.hushed = true;
    }

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
            self.hushed = false;
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
        if self.hushed {
            self.fall_silent();
        }
        self.talks
    }

    /// The running frame is the last one: it fades out, and what waits is dropped.
    fn fall_silent(&mut self) {
        mix::fade_out(&mut self.frame, RAMP_SAMPLES);
        self.buffer.clear();
        self.rest.clear();
        self.concealment = Concealment::new();
        self.idle_frames = IDLE_FRAMES_MAX;
        self.hushed = false;
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
                } else {
                    self.concealment.silence(&mut samples[..self.packet_samples]);
                }
            }
            Playout::Conceal => self.concealment.conceal(&mut samples[..self.packet_samples]),
            Playout::Silence => self.concealment.silence(&mut samples[..self.packet_samples]),
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
