//! The one way out: how a packet of a bridge passes, and whether a packet may go where it is to go.

use std::net::SocketAddr;

use super::Endpoint;
use crate::ground::Instant;
use crate::media::core::fabric::Wire;
use crate::media::core::hairpins::{SentStream, Trail};
use crate::rtp::SourceId;

/// How a packet of a bridge gets its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbering {
    /// It goes into the endpoint's own stream, fed by this source.
    Own(SourceId),
    /// It belongs to a stream beside it, whose numbers it bears already.
    AsItIs,
}

/// A packet's way through a bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage {
    /// How it gets its numbers.
    pub numbering: Numbering,
    /// What it has behind it.
    pub trail: Trail,
    /// When.
    pub now: Instant,
}

impl Endpoint {
    /// The way of a packet that is made here: as fresh as what the endpoint, or its room, hears from outside.
    pub(super) fn way_of_own(&self, now: Instant) -> Passage {
        let trail = Trail { passed: 0, fed_at: self.hearing.feeds_at() };
        Passage { numbering: Numbering::Own(SourceId(self.key.as_u64())), trail, now }
    }

    /// Sends a packet that goes this way, unless its host has had more than it asked for.
    pub(super) fn transmit(&mut self, to: SocketAddr, passage: Passage, packet: &[u8], wire: &mut impl Wire) {
        let Passage { numbering, trail, now } = passage;
        if !self.leave.is_given(to.ip()) && !self.may_send_unasked(to, now) {
            return;
        }
        let stream = match numbering {
            Numbering::Own(_) => SentStream::Own(self.outgoing.ssrc()),
            Numbering::AsItIs => SentStream::OneOfSeveral(ssrc_of(packet)),
        };
        let trail = Trail { passed: trail.passed + 1, ..trail };
        self.settings.safeguards.hairpins.sends(self.settings.local.port(), to.port(), stream, trail, now);
        if wire.send(self.key, to, packet) {
            self.sent.packets_sent += 1;
            self.sent.bytes_sent += packet.len() as u64;
        }
    }

    /// Whether a packet may go where none has come from.
    fn may_send_unasked(&mut self, to: SocketAddr, now: Instant) -> bool {
        let peer = self.remote().map(|remote| remote.settled.peer).unwrap_or_default();
        let vouched = peer.vouches_for(to.ip());
        let consents = &self.settings.safeguards.consents;
        if vouched {
            self.leave.give(to.ip(), consents);
        }
        vouched || self.leave.spares(to.ip(), peer, consents, now)
    }
}

/// The SSRC of an RTP packet that is whole (RFC 3550 §5.1).
fn ssrc_of(packet: &[u8]) -> u32 {
    packet.get(8..12).and_then(|ssrc| ssrc.try_into().ok()).map_or(0, u32::from_be_bytes)
}
