//! The hot path: a packet comes in and goes on. No allocation, no lock; relayed packets are rewritten in place.

use std::net::SocketAddr;

use super::{Fabric, Wire};
use crate::ground::Instant;
use crate::media::core::bridge::BridgeKey;
use crate::media::core::endpoint::{Dropped, Endpoint, EndpointKey, Numbering, Passage, Tie};
use crate::media::core::hairpins::HAIRPINS_MAX;
use crate::media::core::remote::Kind;
use crate::rtp::{PacketKind, PacketView, PacketViewMut, SourceId, classify};

impl Fabric {
    /// Takes a datagram that came to an endpoint's socket, and passes it on where it belongs.
    pub fn received(
        &mut self,
        at: EndpointKey,
        datagram: &mut [u8],
        from: SocketAddr,
        now: Instant,
        wire: &mut impl Wire,
    ) {
        self.counters.received += 1;
        if let Err(reason) = self.pass_on(at, datagram, from, now, wire) {
            self.dropped(reason);
        }
    }

    /// Counts a datagram that is not passed on.
    pub fn dropped(&mut self, reason: Dropped) {
        self.counters.dropped[reason as usize] += 1;
    }

    /// Counts datagrams that waited too long to be passed on.
    pub fn dropped_stale(&mut self, count: u64) {
        self.counters.received += count;
        self.counters.dropped[Dropped::Stale as usize] += count;
    }

    fn pass_on(
        &mut self,
        at: EndpointKey,
        datagram: &mut [u8],
        from: SocketAddr,
        now: Instant,
        wire: &mut impl Wire,
    ) -> Result<(), Dropped> {
        match classify(datagram) {
            PacketKind::Rtp => {}
            PacketKind::Unknown => return Err(Dropped::Malformed),
            PacketKind::Rtcp | PacketKind::Stun | PacketKind::Dtls | PacketKind::Other => {
                return Err(Dropped::OtherProtocol);
            }
        }
        let mut packet = PacketViewMut::parse(datagram).map_err(|_| Dropped::Malformed)?;
        let endpoint = self.endpoints.get_mut(at).ok_or(Dropped::NoEndpoint)?;
        let settings = endpoint.settings();
        let (hairpins, ssrc) = (&settings.safeguards.hairpins, packet.header().ssrc);
        let trail = hairpins.trail(from.port(), settings.local.port(), ssrc, now);
        if trail.passed >= HAIRPINS_MAX {
            return Err(Dropped::Loop);
        }
        let heard = endpoint.receive(&packet, from, trail.fed_at, now, &mut self.outputs);
        let tie = endpoint.tie;
        let unwatched = endpoint.watched_at.is_none() || endpoint.hears_digit();
        if unwatched {
            self.watch(at);
        }
        if heard == Ok(Kind::Event) || heard == Err(Dropped::Muted) {
            self.count_unbelieved(at);
        }
        let kind = heard?;
        let passage = Passage { numbering: Numbering::Own(SourceId(at.as_u64())), trail, now };
        match tie {
            Tie::Relay { peer: Some(to), .. } => self.forward(to, passage, &mut packet, kind, wire),
            Tie::Echo(_) => self.forward(at, passage, &mut packet, kind, wire),
            Tie::Mesh(bridge) => self.spread(bridge, at, passage, &mut packet, kind, wire),
            Tie::Mix(_) => self.listen(at, packet.as_bytes(), kind),
            Tie::Loose | Tie::Relay { peer: None, .. } => Err(Dropped::Unconnected),
        }
    }

    /// Counts the digits that a peer's events told and that are not believed.
    fn count_unbelieved(&mut self, at: EndpointKey) {
        let unbelieved = self.endpoints.get_mut(at).map_or(0, Endpoint::take_unbelieved_digits);
        self.counters.digits_unbelieved += u64::from(unbelieved);
    }

    fn forward(
        &mut self,
        to: EndpointKey,
        passage: Passage,
        packet: &mut PacketViewMut<'_>,
        kind: Kind,
        wire: &mut impl Wire,
    ) -> Result<(), Dropped> {
        let target = self.endpoints.get_mut(to).ok_or(Dropped::Unconnected)?;
        let sent = target.forward(passage, packet, kind, &mut self.scratch, wire);
        if sent { Ok(()) } else { Err(Dropped::NotSending) }
    }

    /// Every other member of the mesh gets the packet, in the talker's own stream.
    fn spread(
        &mut self,
        bridge: BridgeKey,
        at: EndpointKey,
        passage: Passage,
        packet: &mut PacketViewMut<'_>,
        kind: Kind,
        wire: &mut impl Wire,
    ) -> Result<(), Dropped> {
        let bridge = self.bridges.get_mut(bridge).ok_or(Dropped::Unconnected)?;
        let talker = bridge.members.iter_mut().find(|member| member.endpoint == at);
        let stream = talker.and_then(|member| member.stream.as_mut()).ok_or(Dropped::Unconnected)?;
        let payload_type = packet.header().payload_type;
        stream
            .relay(SourceId(at.as_u64()), packet, payload_type, passage.now)
            .map_err(|_| Dropped::OutOfOrder)?;
        let passage = Passage { numbering: Numbering::AsItIs, ..passage };
        let mut sent = false;
        for listener in bridge.members.iter().filter(|member| member.endpoint != at) {
            if let Some(listener) = self.endpoints.get_mut(listener.endpoint) {
                sent |= listener.forward(passage, packet, kind, &mut self.scratch, wire);
            }
        }
        if sent { Ok(()) } else { Err(Dropped::NotSending) }
    }

    /// The packet waits for the room's next turn. Telephone events are told, not mixed.
    fn listen(&mut self, at: EndpointKey, packet: &[u8], kind: Kind) -> Result<(), Dropped> {
        let endpoint = self.endpoints.get_mut(at).ok_or(Dropped::NoEndpoint)?;
        let talker = endpoint.talker.as_mut().ok_or(Dropped::Unconnected)?;
        let packet = PacketView::parse(packet).map_err(|_| Dropped::Malformed)?;
        match kind {
            Kind::Audio(_) => talker.hear(&packet),
            Kind::Event => talker.hear_event(&packet),
        }
        Ok(())
    }
}
