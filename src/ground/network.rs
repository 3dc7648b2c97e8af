//! What kind of address an address is, as far as trust depends on it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Whether an address means nothing outside its own network: private (RFC 1918, RFC 4193), shared by carriers (RFC 6598),
/// link-local, loopback, unspecified.
#[must_use]
pub const fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified() || is_shared(v4)
        }
        IpAddr::V6(v6) => {
            v6.is_loopback() || v6.is_unspecified() || v6.is_unique_local() || v6.is_unicast_link_local()
        }
    }
}

/// Whether sockets of one transport cannot have these addresses both, as they are configured: they are the same, or one is
/// every address of this host and the other one of them. Port 0 is another one each time.
#[must_use]
pub fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let (ours, theirs) = (one.ip().to_canonical(), other.ip().to_canonical());
    let is_same_ip = ours == theirs || ours.is_unspecified() || theirs.is_unspecified();
    one.port() == other.port() && one.port() != 0 && ours.is_ipv4() == theirs.is_ipv4() && is_same_ip
}

/// How far an address reaches: nobody beyond it means the same by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// This host: loopback, unspecified, 0.0.0.0/8.
    Host,
    /// The link.
    Link,
    /// The site: RFC 1918, RFC 4193, RFC 6598.
    Site,
    /// The Internet.
    Internet,
}

impl Reach {
    /// How far this one reaches. An IPv4 address written as an IPv6 one is what it is.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        let address = address.to_canonical();
        let of_host = match address {
            IpAddr::V4(v4) => v4.is_loopback() || v4.octets()[0] == 0,
            IpAddr::V6(v6) => v6.is_loopback() || v6.is_unspecified(),
        };
        match (of_host, is_link_local(address), is_private(address)) {
            (true, ..) => Self::Host,
            (_, true, _) => Self::Link,
            (_, _, true) => Self::Site,
            (..) => Self::Internet,
        }
    }
}

/// Whether it is the address of many: multicast, broadcast.
#[must_use]
pub fn is_of_many(address: IpAddr) -> bool {
    let address = address.to_canonical();
    address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST)
}

/// Whether an address reaches no further than its link: 169.254.0.0/16 (where clouds keep their metadata), fe80::/10.
#[must_use]
pub const fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

/// Whether two addresses are neighbours: of one /24 (IPv4) or one /64 (IPv6).
#[must_use]
pub fn is_neighbour(one: IpAddr, other: IpAddr) -> bool {
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => one.octets()[..3] == other.octets()[..3],
        (IpAddr::V6(one), IpAddr::V6(other)) => one.octets()[..8] == other.octets()[..8],
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

/// Who counts as one: an IPv4 address, or all of an IPv6 /64, which is what one customer gets and may use as he likes.
#[must_use]
pub const fn one_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
    }
}

/// 100.64.0.0/10.
const fn is_shared(address: Ipv4Addr) -> bool {
    let octets = address.octets();
    octets[0] == 100 && octets[1] & 0xC0 == 64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_ones_own_network_are_told_from_those_of_the_world() {
        let rows = [
            ("10.1.2.3", true, false),
            ("192.168.0.1", true, false),
            ("172.31.0.1", true, false),
            ("172.32.0.1", false, false),
            ("100.64.0.1", true, false),
            ("100.128.0.1", false, false),
            ("127.0.0.99", true, false),
            ("169.254.169.254", true, true),
            ("0.0.0.0", true, false),
            ("203.0.113.7", false, false),
            ("::1", true, false),
            ("fd00::1", true, false),
            ("fe80::1", true, true),
            ("2001:db8::1", false, false),
        ];
        for (text, private, link_local) in rows {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!((is_private(address), is_link_local(address)), (private, link_local), "{text}");
        }
    }

    #[test]
    fn an_address_reaches_as_far_as_its_network() {
        let rows = [
            ("127.0.0.99", Reach::Host),
            ("0.0.0.0", Reach::Host),
            ("0.1.2.3", Reach::Host),
            ("::1", Reach::Host),
            ("::ffff:127.0.0.1", Reach::Host),
            ("169.254.169.254", Reach::Link),
            ("fe80::1", Reach::Link),
            ("10.0.0.1", Reach::Site),
            ("100.64.0.1", Reach::Site),
            ("::ffff:192.168.0.1", Reach::Site),
            ("fd00::1", Reach::Site),
            ("203.0.113.7", Reach::Internet),
            ("2001:db8::1", Reach::Internet),
        ];
        for (text, reach) in rows {
            assert_eq!(Reach::of(text.parse().unwrap()), reach, "{text}");
        }
        assert!(Reach::Host < Reach::Link && Reach::Link < Reach::Site && Reach::Site < Reach::Internet);
    }

    #[test]
    fn all_of_a_64_is_one_and_each_ipv4_address_is() {
        let rows = [
            ("203.0.113.7", "203.0.113.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::", "2001:db8:1:2::"),
        ];
        for (text, one) in rows {
            assert_eq!(one_of(text.parse().unwrap()), one.parse::<IpAddr>().unwrap(), "{text}");
        }
    }

    #[test]
    fn neighbours_share_all_but_the_part_of_the_host() {
        let rows = [
            ("203.0.113.7", "203.0.113.250", true),
            ("203.0.113.7", "203.0.114.7", false),
            ("2001:db8::1", "2001:db8::ffff:1", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("203.0.113.7", "2001:db8::1", false),
        ];
        for (one, other, expected) in rows {
            assert_eq!(is_neighbour(one.parse().unwrap(), other.parse().unwrap()), expected, "{one} {other}");
        }
    }
}
