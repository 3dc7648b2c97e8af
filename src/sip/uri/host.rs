//! Hosts: names, IPv4 addresses and IPv6 addresses (RFC 3261 §25.1, RFC 5118).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::grammar::{class, is};

/// The host of a URI or of Via's sent-by.
#[derive(Clone, Copy, Debug)]
pub enum Host<'a> {
    /// A domain name; compared without regard to case.
    Name(&'a str),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address, written in brackets.
    V6(Ipv6Addr),
}

impl<'a> Host<'a> {
    /// Reads a host. IPv6 is expected in brackets; without them it is taken too, where the text is a host alone.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix('[') {
            return ipv6(inner.strip_suffix(']')?).map(Self::V6);
        }
        if text.starts_with(|c: char| c.is_ascii_digit())
            && let Ok(address) = text.parse()
        {
            return Some(Self::V4(address));
        }
        if text.contains(':') {
            return ipv6(text).map(Self::V6);
        }
        (!text.is_empty() && text.bytes().all(|byte| is(byte, class::HOST))).then_some(Self::Name(text))
    }

    /// The address, when it is one.
    #[must_use]
    pub const fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Name(_) => None,
            Self::V4(address) => Some(IpAddr::V4(*address)),
            Self::V6(address) => Some(IpAddr::V6(*address)),
        }
    }
}

/// An IPv6 address; three colons in a row count as two (RFC 5118 §4.10 asks to accept what older grammar allowed).
fn ipv6(text: &str) -> Option<Ipv6Addr> {
    text.parse().ok().or_else(|| {
        let (before, after) = text.split_once(":::")?;
        if after.starts_with(':') {
            return None;
        }
        format!("{before}::{after}").parse().ok()
    })
}

impl PartialEq for Host<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(a), Self::Name(b)) => a.eq_ignore_ascii_case(b),
            (Self::V4(a), Self::V4(b)) => a == b,
            (Self::V6(a), Self::V6(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Host<'_> {}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => write!(f, "[{address}]"),
        }
    }
}

impl From<IpAddr> for Host<'_> {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6(address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_or_addresses() {
        assert!(matches!(Host::parse("example.com"), Some(Host::Name("example.com"))));
        assert!(matches!(Host::parse("192.0.2.1"), Some(Host::V4(_))));
        assert!(matches!(Host::parse("192.0.2.example"), Some(Host::Name(_))));
        assert!(matches!(Host::parse("[2001:db8::1]"), Some(Host::V6(_))));
        assert!(matches!(Host::parse("2001:db8::1"), Some(Host::V6(_))));
        for bad in ["", "[", "[]", "[2001:db8::1", "[zz]", "a b", "a/b", "2001:db8"] {
            assert!(Host::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn three_colons_count_as_two_and_four_do_not() {
        assert_eq!(Host::parse("[2001:db8:::192.0.2.1]"), Host::parse("[2001:db8::192.0.2.1]"));
        assert!(Host::parse("[2001:db8::::1]").is_none());
    }

    #[test]
    fn names_compare_without_case_and_addresses_by_value() {
        assert_eq!(Host::parse("EXAMPLE.com"), Host::parse("example.COM"));
        assert_eq!(Host::parse("[2001:DB8::0:1]"), Host::parse("[2001:db8::1]"));
        assert_ne!(Host::parse("192.0.2.1"), Host::parse("[::ffff:192.0.2.1]"));
    }
}
