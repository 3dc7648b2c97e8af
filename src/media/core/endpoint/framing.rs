//! Frames made here, as packets to the peer: at their time, in the duration that it wants, without clicks.

use std::net::SocketAddr;

use super::{Endpoint, Tie};
use crate::codec::{Codec, mix};
use crate::ground::Instant;
use crate::media::core::fabric::{Scratch, Wire};
use crate::media::core::mix::SharedPacket;
use crate::media::core::packetizer::PACKET_SAMPLES_MAX;
use crate::media::core::talker::SILENCE_PEAK;
use crate::media::core::{FRAME, FRAME_SAMPLES, Frame, RAMP_SAMPLES};
use crate::rtp::{HEADER_BYTES, Header};

impl Endpoint {
    /// The codec and payload type in which a frame can be sent that was encoded once for several endpoints. `None`:
    /// packets of another duration are wanted, the frame begins something new, or nothing is negotiated.
    #[must_use]
    pub fn shared_codec(&self, deadline: Instant) -> Option<(Codec, u8)> {
        let alike = self.packetizer.is_none() && !self.is_cut && self.next_frame_from() == Some(deadline);
        if alike { self.remote()?.payloads.preferred() } else { None }
    }

    /// What is made here next goes on with something else: another playback, another room.
    pub const fn cut(&mut self) {
        self.is_cut = true;
    }

    /// Where the next frame has to begin so that it does not click; `None` where it goes on with the last one.
    fn joint(&self, deadline: Instant) -> Option<i16> {
        let from = self.next_frame_from();
        match from {
            Some(from) if from == deadline && !self.is_cut => None,
            Some(from) if deadline < from + FRAME => Some(self.last_sample),
            Some(_) | None => Some(0),
        }
    }

    /// Lets what was made here last fade out, where nothing takes its place.
    pub fn fade_out(
        &mut self,
        deadline: Instant,
        scratch: &mut Scratch,
        wire: &mut impl Wire,
    ) -> Option<Instant> {
        let sounds = self.last_sample.unsigned_abs() > SILENCE_PEAK && self.outgoing.is_generated();
        let to = self.destination().filter(|_| sounds && !matches!(self.tie, Tie::Mix(_)))?;
        self.send_frame(to, &[0; FRAME_SAMPLES], deadline, scratch, wire)
    }

    /// Before when the next frame made here would run ahead of the clock.
    #[must_use]
    pub fn next_frame_from(&self) -> Option<Instant> {
        self.last_frame.map(|last| last + FRAME)
    }

    /// Whether a frame now would come before its time: one was sent less than a frame ago, as when a member changes its
    /// room. It is left out.
    fn is_early(&self, deadline: Instant) -> bool {
        self.next_frame_from().is_some_and(|from| deadline < from)
    }

    /// Takes note of a frame. If it does not follow the last one, the next packet begins a talk-spurt, and what waited
    /// to fill a packet is forgotten.
    fn frame_begins(&mut self, deadline: Instant) {
        let contiguous = self.last_frame.is_some_and(|last| last + FRAME == deadline);
        self.last_frame = Some(deadline);
        self.is_cut = false;
        if !contiguous {
            self.spurt_due = true;
            if let Some(packetizer) = &mut self.packetizer {
                packetizer.clear();
            }
        }
    }

    fn next_header(&mut self, payload_type: u8, samples: usize, deadline: Instant) -> Header {
        let talk_spurt = std::mem::take(&mut self.spurt_due);
        self.outgoing.generate(payload_type, samples as u32, talk_spurt, deadline)
    }

    /// Sends a frame that is encoded already, in the [codec](Self::shared_codec) of the endpoint.
    pub fn send_shared(
        &mut self,
        to: SocketAddr,
        payload_type: u8,
        shared: &mut SharedPacket,
        deadline: Instant,
        wire: &mut impl Wire,
    ) {
        self.frame_begins(deadline);
        self.last_sample = shared.last_sample;
        if self.next_header(payload_type, FRAME_SAMPLES, deadline).write(&mut shared.packet).is_ok() {
            let packet = &shared.packet[..HEADER_BYTES + shared.length];
            self.transmit(to, self.way_of_own(deadline), packet, wire);
        }
    }

    /// Sends a frame of the endpoint's own, in packets of the duration that the peer wants. Gives the time at which
    /// [`Endpoint::send_waiting`] is to be called, before the next frame, if a packet has to wait.
    pub fn send_frame(
        &mut self,
        to: SocketAddr,
        frame: &Frame,
        deadline: Instant,
        scratch: &mut Scratch,
        wire: &mut impl Wire,
    ) -> Option<Instant> {
        if self.is_early(deadline) {
            return None;
        }
        let mut frame = *frame;
        if let Some(from) = self.joint(deadline) {
            mix::join_to(from, &mut frame, RAMP_SAMPLES);
        }
        self.frame_begins(deadline);
        self.last_sample = frame[FRAME_SAMPLES - 1];
        let Some(packetizer) = &mut self.packetizer else {
            self.send_samples(to, &frame, deadline, &mut scratch.packet, wire);
            return None;
        };
        packetizer.push(&frame);
        self.send_due(to, deadline, scratch, wire)
    }

    /// Sends the packet that waited for its time, unless something else is sent meanwhile.
    pub fn send_waiting(
        &mut self,
        deadline: Instant,
        scratch: &mut Scratch,
        wire: &mut impl Wire,
    ) -> Option<Instant> {
        let to = self.destination().filter(|_| self.outgoing.is_generated() && self.last_frame.is_some())?;
        self.send_due(to, deadline, scratch, wire)
    }

    /// When a packet is to be sent that waits, as far as is known now.
    pub fn waiting_until(&self) -> Option<Instant> {
        self.packetizer.as_ref()?.waits_until(self.last_frame?)
    }

    fn send_due(
        &mut self,
        to: SocketAddr,
        deadline: Instant,
        scratch: &mut Scratch,
        wire: &mut impl Wire,
    ) -> Option<Instant> {
        let mut packetizer = self.packetizer.take()?;
        let mut room = [0; PACKET_SAMPLES_MAX];
        while let Some(samples) = packetizer.pop(&mut room, deadline) {
            self.send_samples(to, samples, deadline, &mut scratch.packet, wire);
        }
        let until = packetizer.waits_until(deadline);
        self.packetizer = Some(packetizer);
        until
    }

    fn send_samples(
        &mut self,
        to: SocketAddr,
        samples: &[i16],
        deadline: Instant,
        packet: &mut [u8],
        wire: &mut impl Wire,
    ) {
        let payload_type =
            self.remote().and_then(|remote| remote.payloads.preferred()).map(|(_, number)| number);
        let (Some(payload_type), Some(encoder)) = (payload_type, &mut self.encoder) else { return };
        let Ok(length) = encoder.encode(samples, &mut packet[HEADER_BYTES..]) else { return };
        if self.next_header(payload_type, samples.len(), deadline).write(packet).is_ok() {
            self.transmit(to, self.way_of_own(deadline), &packet[..HEADER_BYTES + length], wire);
        }
    }
}
