//! What goes to the peer: one continuous stream (RFC 3550 §5.1), whether relayed, mixed, played or dialled.

use std::net::SocketAddr;

use super::sending::{Numbering, Passage};
use super::{Endpoint, Transcoder};
use crate::codec::{Codec, Decoder, Encoder};
use crate::ground::Instant;
use crate::media::core::fabric::{Scratch, Wire};
use crate::media::core::remote::{Kind, Remote};
use crate::rtp::telephone_event::{EVENT_BYTES, TelephoneEvent};
use crate::rtp::{HEADER_BYTES, Header, PacketViewMut};

impl Endpoint {
    /// Where packets made here go, if any may be sent now.
    #[must_use]
    pub fn destination(&self) -> Option<SocketAddr> {
        let remote = self.remote()?;
        if remote.may_be_sent_to() { remote.lock.destination() } else { None }
    }

    /// Where packets of the bridge go, if any may be sent now: not to a peer that we hold, nor over a playback or
    /// digits.
    #[must_use]
    pub fn bridge_destination(&self) -> Option<SocketAddr> {
        let free = self.playback.is_none() && self.digits.is_none();
        let held = self.remote()?.settled.held_by_us();
        if free && !held { self.destination() } else { None }
    }

    /// Passes a packet of another endpoint on: in place where the peer takes its codec, else in the peer's preferred
    /// one. `false`: not sent.
    pub fn forward(
        &mut self,
        passage: Passage,
        packet: &mut PacketViewMut<'_>,
        kind: Kind,
        scratch: &mut Scratch,
        wire: &mut impl Wire,
    ) -> bool {
        let (Some(to), Some(remote)) = (self.bridge_destination(), self.remote()) else { return false };
        let (payload_type, recode) =
            match (remote.payloads.send_type(kind), kind, remote.payloads.preferred()) {
                (Some(payload_type), ..) => (payload_type, None),
                (None, Kind::Audio(from), Some((codec, payload_type))) => (payload_type, Some((from, codec))),
                (None, ..) => return false,
            };
        match passage.numbering {
            Numbering::Own(source) => {
                if self.outgoing.relay(source, packet, payload_type, passage.now).is_err() {
                    return false;
                }
            }
            Numbering::AsItIs => packet.set_header(&Header { payload_type, ..packet.header() }),
        }
        match recode {
            None => self.transmit(to, passage, packet.as_bytes(), wire),
            Some((from, codec)) => match self.transcode(packet, from, codec, scratch) {
                Some(length) => self.transmit(to, passage, &scratch.packet[..length], wire),
                None => return false,
            },
        }
        true
    }

    /// Writes the packet, its header as it stands and its payload in another codec, to the scratch.
    fn transcode(
        &mut self,
        packet: &PacketViewMut<'_>,
        from: Codec,
        to: Codec,
        scratch: &mut Scratch,
    ) -> Option<usize> {
        let fits =
            self.transcoder.as_ref().is_some_and(|t| t.decoder.codec() == from && t.encoder.codec() == to);
        if !fits {
            self.transcoder = Some(Transcoder { decoder: Decoder::new(from), encoder: Encoder::new(to) });
        }
        let transcoder = self.transcoder.as_mut()?;
        let samples = transcoder.decoder.decode(packet.payload(), &mut scratch.samples).ok()?;
        packet.header().write(&mut scratch.packet).ok()?;
        let room = &mut scratch.packet[HEADER_BYTES..];
        let bytes = transcoder.encoder.encode(&scratch.samples[..samples], room).ok()?;
        Some(HEADER_BYTES + bytes)
    }

    /// Sends one packet of a telephone event (RFC 4733 §2.5.1).
    pub fn send_event(
        &mut self,
        event: TelephoneEvent,
        first: bool,
        deadline: Instant,
        wire: &mut impl Wire,
    ) {
        let payload_type = self.remote().and_then(|remote| remote.payloads.send_type(Kind::Event));
        let (Some(to), Some(payload_type)) = (self.destination(), payload_type) else { return };
        let mut packet = [0; HEADER_BYTES + EVENT_BYTES];
        packet[HEADER_BYTES..].copy_from_slice(&event.to_bytes());
        if self.outgoing.generate_event(payload_type, first, deadline).write(&mut packet).is_ok() {
            self.transmit(to, self.way_of_own(deadline), &packet, wire);
        }
        // Whatever is made here next comes after a pause.
        self.last_frame = None;
    }

    /// Whether the peer takes telephone events.
    #[must_use]
    pub fn takes_digits(&self) -> bool {
        self.remote().is_some_and(|remote: &Remote| remote.payloads.send_type(Kind::Event).is_some())
    }
}
