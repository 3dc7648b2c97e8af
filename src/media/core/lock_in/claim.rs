//! By what right an address that was not announced may take the place of the one that is heard.

use std::net::{IpAddr, SocketAddr};

use super::{
    ANNOUNCED_SILENCE, LEARNED_SILENCE, LockIn, MOVE_SILENCE, OWN_HOST_SILENCE, PROBATION_PACKETS, Place,
};
use crate::ground::Instant;
use crate::ground::network::is_neighbour;
use crate::media::core::source::{Announced, SourcePolicy};
use crate::rtp::{Header, is_ahead};

/// An address that is heard, and the newest packet of its stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    pub address: SocketAddr,
    pub ssrc: u32,
    pub sequence: u16,
    pub heard_at: Instant,
}

/// By what right an address that was not announced may take the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// It may not.
    None,
    /// Nothing better is known, or the stream is the locked one's own: it keeps the place.
    Good,
    /// The locked address is silent: it comes back to its place when it speaks again.
    Stand,
}

impl LockIn {
    /// By what right an address that was not announced asks for the place.
    pub(super) fn claim(&self, from: SocketAddr, header: &Header, now: Instant) -> Claim {
        let believed = self.announced.filter(|announced| announced.believed);
        let may = believed.is_none_or(|announced| self.policy_lets(announced, from.ip()));
        let rested = now >= self.rules.strict_until && !self.looking_up;
        let learns = may && (rested || self.rules.signaled.is_none_or(|ip| ip == from.ip()));
        let signals = believed.is_some_and(|announced| self.is_seen_elsewhere(announced, from.ip()));
        let own = signals || believed.is_some_and(|announced| self.is_own_host(announced, from.ip(), now));
        match self.place {
            Place::Open { since } => {
                let silent = believed.is_none() || signals || now.since(since) >= ANNOUNCED_SILENCE;
                if (learns || own) && silent { Claim::Good } else { Claim::None }
            }
            Place::Locked(source) => {
                let near = learns || source.address.ip() == from.ip();
                if near && source.goes_on(header, now) {
                    return Claim::Good;
                }
                if learns {
                    return self.claim_against(source, from, now);
                }
                let silent = now.since(source.heard_at) >= OWN_HOST_SILENCE;
                if own && silent { Claim::Stand } else { Claim::None }
            }
        }
    }

    /// Whether an IP address is the announced one that is believed, or the one that is heard. Its other ports are the peer's
    /// as well, behind a symmetric NAT for one; not on a port that has not rested: an old stream of the same gateway would
    /// be taken for the peer's.
    fn is_own_host(&self, announced: Announced, ip: IpAddr, now: Instant) -> bool {
        let heard = matches!(self.place, Place::Locked(source) if source.address.ip() == ip);
        (heard || announced.address.ip() == ip) && now >= self.rules.strict_until
    }

    /// Whether the peer signals from this IP address and announced another one, as a host with several does: it is the
    /// peer's all the same.
    fn is_seen_elsewhere(&self, announced: Announced, ip: IpAddr) -> bool {
        self.rules.signaled == Some(ip) && announced.address.ip() != ip
    }

    /// By what right another stream than the locked one asks for its place.
    fn claim_against(&self, source: Source, from: SocketAddr, now: Instant) -> Claim {
        let announced = self.announced.filter(|announced| announced.address == source.address);
        let silence = match announced {
            Some(Announced { believed: true, .. }) => ANNOUNCED_SILENCE,
            None if self.signals(from) && !self.signals(source.address) => return Claim::Good,
            Some(_) | None if now < self.window_until && !self.is_outranked(from) => MOVE_SILENCE,
            Some(_) | None => LEARNED_SILENCE,
        };
        if now.since(source.heard_at) >= silence { Claim::Stand } else { Claim::None }
    }

    /// Whether the peer signals from the host of this address.
    pub(super) fn signals(&self, address: SocketAddr) -> bool {
        self.rules.signaled == Some(address.ip())
    }

    /// Whether the one that is heard has a better right than this address: the peer signals from there, and not from here.
    pub(super) fn is_outranked(&self, address: SocketAddr) -> bool {
        let heard = matches!(self.place, Place::Locked(source) if self.signals(source.address));
        heard && !self.signals(address)
    }

    /// Whether an address may be heard in place of one that is announced.
    pub(super) fn is_welcome_beside(&self, announced: Announced, address: SocketAddr) -> bool {
        let ip = address.ip();
        !announced.believed
            || announced.address.ip() == ip
            || self.signals(address)
            || self.policy_lets(announced, ip)
    }

    /// Whether the policy lets an IP address send beside an announced one that can be believed.
    fn policy_lets(&self, announced: Announced, ip: IpAddr) -> bool {
        match self.rules.policy {
            SourcePolicy::Exact => false,
            SourcePolicy::Subnet => is_neighbour(announced.address.ip(), ip),
            SourcePolicy::Any => true,
        }
    }
}

impl Source {
    /// Takes note of a packet.
    pub fn note(&mut self, header: &Header, now: Instant) {
        self.heard_at = now;
        if header.ssrc != self.ssrc || is_ahead(self.sequence, header.sequence) {
            (self.ssrc, self.sequence) = (header.ssrc, header.sequence);
        }
    }

    /// Whether this is the next of the stream, after a silence: not further ahead than packets of 10 ms could have got.
    fn goes_on(&self, header: &Header, now: Instant) -> bool {
        let silent = now.since(self.heard_at);
        let ahead = u128::from(header.sequence.wrapping_sub(self.sequence));
        silent >= MOVE_SILENCE
            && header.ssrc == self.ssrc
            && is_ahead(self.sequence, header.sequence)
            && ahead <= silent.as_millis() / 10 + u128::from(PROBATION_PACKETS)
    }
}
