//! Whose word counts about where a peer's packets come from: its description's, signaling's, and what is set.

use std::net::{IpAddr, SocketAddr};

use crate::ground::Instant;
use crate::ground::network::{is_link_local, is_private};

/// Which addresses may send besides one that is announced and can be believed. What may send in place of one that cannot
/// does not depend on it: without that no peer behind a NAT could be heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SourcePolicy {
    /// None but the one that the peer signals from and, after a silence, other ports of the announced IP address and of
    /// the one that is heard.
    #[default]
    Exact,
    /// Those of the same /24 (IPv4) or /64 (IPv6).
    Subnet,
    /// All.
    Any,
}

/// What the owner of an endpoint knows of its peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signaled {
    /// The address that its signaling comes from. `None`: the owner does not say, and answers for the peer.
    pub address: Option<IpAddr>,
    /// It has shown that it gets what is sent to that address.
    pub reached: bool,
    /// Calls from there were confirmed lately: it is hardly a forged address.
    pub familiar: bool,
    /// Who may send besides the announced address.
    pub policy: SourcePolicy,
}

impl Signaled {
    /// Whether packets may be sent to this address though none came from there: it is the peer's, or the owner answers
    /// for it.
    #[must_use]
    pub fn vouches_for(&self, address: IpAddr) -> bool {
        self.address.is_none_or(|signaled| self.reached && signaled == address)
    }
}

/// Where an endpoint stands: what of its own makes addresses of others more or less plausible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standpoint {
    /// The address that its socket is bound to.
    pub bind: IpAddr,
    /// Until when its port would have had to rest: an old stream of somebody else may still come to it.
    pub rests_until: Instant,
}

/// Where an endpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its RTP address as peers are told.
    pub address: SocketAddr,
    /// Where it stands there.
    pub standpoint: Standpoint,
}

/// An address that a description announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announced {
    /// The address.
    pub address: SocketAddr,
    /// It can be believed: it is a public one, or the one that the peer signals from. A private one that differs from
    /// that is most likely behind a NAT.
    pub believed: bool,
}

impl Announced {
    /// What is to be thought of an address. `None`: it is never sent to, and the peer has to be learned from what it
    /// sends. That is a loopback or link-local address of a peer that does not signal from such a one, where media itself
    /// is not bound to one: it would be an address of this host, or of a neighbour such as a cloud's metadata service.
    #[must_use]
    pub fn judge(address: SocketAddr, peer: &Signaled, bind: IpAddr) -> Option<Self> {
        let ip = address.ip();
        let like = |kind: fn(IpAddr) -> bool| kind(bind) || peer.address.is_some_and(kind);
        if ip.is_loopback() && !like(|ip| ip.is_loopback()) || is_link_local(ip) && !like(is_link_local) {
            return None;
        }
        Some(Self { address, believed: !is_private(ip) || peer.address == Some(ip) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announced_address_is_believed_learned_beside_or_never_sent_to() {
        // Announced, the peer's signaling, what we are bound to; whether it is sent to, whether it is believed.
        let rows = [
            ("203.0.113.7", Some("203.0.113.7"), "0.0.0.0", Some(true)),
            ("203.0.113.7", Some("198.51.100.1"), "0.0.0.0", Some(true)),
            ("203.0.113.7", None, "0.0.0.0", Some(true)),
            ("192.168.1.5", Some("203.0.113.7"), "0.0.0.0", Some(false)),
            ("192.168.1.5", Some("192.168.1.5"), "0.0.0.0", Some(true)),
            ("192.168.1.5", Some("192.168.1.6"), "192.168.1.1", Some(false)),
            ("192.168.1.5", None, "0.0.0.0", Some(false)),
            ("127.0.0.1", Some("127.0.0.1"), "127.0.0.1", Some(true)),
            ("127.0.0.99", Some("127.0.0.1"), "127.0.0.1", Some(false)),
            ("127.0.0.1", Some("127.0.0.1"), "0.0.0.0", Some(true)),
            ("127.0.0.1", Some("203.0.113.7"), "0.0.0.0", None),
            ("127.0.0.1", Some("192.168.1.5"), "0.0.0.0", None),
            ("127.0.0.1", None, "0.0.0.0", None),
            ("127.0.0.1", None, "127.0.0.1", Some(false)),
            ("169.254.169.254", Some("203.0.113.7"), "0.0.0.0", None),
            ("169.254.169.254", Some("10.0.0.1"), "10.0.0.2", None),
            ("169.254.1.1", Some("169.254.1.1"), "0.0.0.0", Some(true)),
            ("::1", Some("2001:db8::1"), "::", None),
            ("fe80::1", Some("2001:db8::1"), "::", None),
            ("fd00::1", Some("2001:db8::1"), "::", Some(false)),
            ("2001:db8::1", Some("2001:db8::1"), "::", Some(true)),
        ];
        for (announced, signaled, bind, expected) in rows {
            let peer = Signaled { address: signaled.map(|ip| ip.parse().unwrap()), ..Signaled::default() };
            let address = SocketAddr::new(announced.parse().unwrap(), 4000);
            let judged = Announced::judge(address, &peer, bind.parse().unwrap());
            let believed = judged.map(|announced| announced.believed);
            assert_eq!(believed, expected, "{announced} of {signaled:?} to {bind}");
        }
    }
}
