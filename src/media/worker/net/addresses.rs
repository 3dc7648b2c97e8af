//! Which local address an endpoint is bound to, and which one its description tells.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use crate::ground::{Instant, IpVersion};
use crate::sdp::Whereabouts;

/// Peers whose route is remembered. Past this, all are forgotten.
const ROUTES_MAX: usize = 256;

/// How long a route is remembered.
const ROUTE_LIFE: Duration = Duration::from_secs(10);

/// One address family.
#[derive(Clone, Copy, Debug)]
struct Family {
    bind: IpAddr,
    advertised: Option<IpAddr>,
}

/// The local addresses of media, at most one of each family.
#[derive(Clone, Debug)]
pub struct Addresses {
    ipv4: Option<Family>,
    ipv6: Option<Family>,
    routes: HashMap<IpAddr, (IpAddr, Instant)>,
}

impl Addresses {
    /// The addresses to bind, each with what is told to peers. Without that it is the bound address, or, where any is
    /// bound, the one from which the system reaches the peer.
    #[must_use]
    pub fn new(
        ipv4: Option<(Ipv4Addr, Option<Ipv4Addr>)>,
        ipv6: Option<(Ipv6Addr, Option<Ipv6Addr>)>,
    ) -> Self {
        Self {
            ipv4: ipv4.map(|(bind, told)| Family { bind: bind.into(), advertised: told.map(IpAddr::from) }),
            ipv6: ipv6.map(|(bind, told)| Family { bind: bind.into(), advertised: told.map(IpAddr::from) }),
            routes: HashMap::new(),
        }
    }

    /// The address to bind and the one to tell, for an endpoint whose peer is there; `None` where the peer is not
    /// known yet. A peer of a family that is not spoken here gets the other one, and will refuse it.
    pub fn choose(&mut self, peer: Option<Whereabouts>, now: Instant) -> Option<(IpAddr, IpAddr)> {
        let family = match peer.map(|peer| peer.version) {
            Some(IpVersion::V6) => self.ipv6.or(self.ipv4)?,
            Some(IpVersion::V4) | None => self.ipv4.or(self.ipv6)?,
        };
        let peer = peer.and_then(|peer| peer.address);
        let advertised = match family.advertised {
            Some(advertised) => advertised,
            None if !family.bind.is_unspecified() => family.bind,
            None => self.route_from(family.bind, peer, now),
        };
        Some((family.bind, advertised))
    }

    /// The local address from which the system reaches a peer, or the world where the peer is not known.
    fn route_from(&mut self, bind: IpAddr, peer: Option<IpAddr>, now: Instant) -> IpAddr {
        let peer = peer.filter(|peer| !peer.is_unspecified() && peer.is_ipv4() == bind.is_ipv4());
        let peer = peer.unwrap_or(match bind {
            // Addresses for documentation: nothing is sent, only the route is asked for.
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
        });
        if let Some(&(local, until)) = self.routes.get(&peer)
            && now < until
        {
            return local;
        }
        let local = ask_route(bind, peer).unwrap_or(match bind {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
        if self.routes.len() >= ROUTES_MAX {
            self.routes.clear();
        }
        self.routes.insert(peer, (local, now + ROUTE_LIFE));
        local
    }
}

/// Asks the system for its own address towards a peer: a connected datagram socket has it, and sends nothing.
fn ask_route(bind: IpAddr, peer: IpAddr) -> Option<IpAddr> {
    let socket = UdpSocket::bind(SocketAddr::new(bind, 0)).ok()?;
    socket.connect(SocketAddr::new(peer, 9)).ok()?;
    let local = socket.local_addr().ok()?.ip();
    (!local.is_unspecified()).then_some(local)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> Option<Whereabouts> {
        let address: IpAddr = address.parse().unwrap();
        Some(Whereabouts { version: IpVersion::of(address), address: Some(address) })
    }

    #[test]
    fn the_family_follows_the_peer_and_the_told_address_its_setting() {
        let bind4 = Ipv4Addr::new(127, 0, 0, 1);
        let told = Ipv4Addr::new(203, 0, 113, 1);
        let mut addresses = Addresses::new(Some((bind4, Some(told))), Some((Ipv6Addr::LOCALHOST, None)));
        let now = Instant::ZERO;
        let v4 = Some((IpAddr::V4(bind4), IpAddr::V4(told)));
        let v6 = Some((IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)));
        assert_eq!(addresses.choose(None, now), v4);
        assert_eq!(addresses.choose(at("192.0.2.1"), now), v4);
        assert_eq!(addresses.choose(at("2001:db8::1"), now), v6);
        assert_eq!(addresses.choose(Some(Whereabouts::in_version(IpVersion::V4)), now), v4);
        assert_eq!(addresses.choose(Some(Whereabouts::in_version(IpVersion::V6)), now), v6);
        let mut only4 = Addresses::new(Some((bind4, Some(told))), None);
        assert_eq!(only4.choose(at("2001:db8::1"), now), v4);
        assert_eq!(Addresses::new(None, None).choose(None, now), None);
    }

    #[test]
    fn bound_to_any_address_the_route_to_the_peer_tells() {
        let mut addresses = Addresses::new(Some((Ipv4Addr::UNSPECIFIED, None)), None);
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let chosen = addresses.choose(at("127.0.0.1"), Instant::ZERO);
        assert_eq!(chosen, Some((Ipv4Addr::UNSPECIFIED.into(), loopback)));
        assert_eq!(addresses.choose(at("127.0.0.1"), Instant::ZERO), chosen);
        assert_eq!(addresses.routes.len(), 1);
    }
}
