//! When two URIs name the same resource (RFC 3261 §19.1.4, RFC 3966 §5).

use super::escape::nibble;
use super::params::same_name;
use super::{Scheme, Uri, UriHeaders, UriParams};

pub(super) fn equivalent(a: &Uri<'_>, b: &Uri<'_>) -> bool {
    match (a.scheme(), b.scheme()) {
        (Scheme::Sip, Scheme::Sip) | (Scheme::Sips, Scheme::Sips) => sip(a, b),
        (Scheme::Tel, Scheme::Tel) => tel(a, b),
        (Scheme::Other(x), Scheme::Other(y)) => {
            x.eq_ignore_ascii_case(y) && a.as_str()[x.len()..] == b.as_str()[y.len()..]
        }
        _ => false,
    }
}

fn sip(a: &Uri<'_>, b: &Uri<'_>) -> bool {
    optional(a.user(), b.user(), |x, y| same(x, y, false))
        && optional(a.password(), b.password(), |x, y| same(x, y, false))
        && a.host() == b.host()
        && a.port() == b.port()
        && params(a.params(), b.params())
        && headers(a.headers(), b.headers())
}

fn optional(a: Option<&str>, b: Option<&str>, same: impl Fn(&str, &str) -> bool) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => same(a, b),
        _ => false,
    }
}

/// Equal once escapes are resolved.
fn same(a: &str, b: &str, any_case: bool) -> bool {
    let fold =
        |(byte, reserved): (u8, bool)| (if any_case { byte.to_ascii_lowercase() } else { byte }, reserved);
    resolved(a).map(fold).eq(resolved(b).map(fold))
}

/// The bytes of a text with its escapes resolved, and for each whether it came escaped and is a reserved character:
/// such a one is not the same as a bare one (RFC 3261 §19.1.4).
fn resolved(text: &str) -> impl Iterator<Item = (u8, bool)> + '_ {
    let mut rest = text.as_bytes();
    std::iter::from_fn(move || {
        let (&first, more) = rest.split_first()?;
        if let (b'%', [high, low, after @ ..]) = (first, more) {
            rest = after;
            let byte = nibble(*high) << 4 | nibble(*low);
            return Some((byte, b";/?:@&=+$,".contains(&byte)));
        }
        rest = more;
        Some((first, false))
    })
}

/// Parameters that both have must agree; these must be in both or in neither, whatever their value.
const NEVER_IGNORED: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

fn params(a: UriParams<'_>, b: UriParams<'_>) -> bool {
    let agree = |from: UriParams<'_>, to: UriParams<'_>| {
        from.iter().all(|(name, value)| match to.get(name) {
            Some(other) => same(value.unwrap_or_default(), other, true),
            None => !NEVER_IGNORED.iter().any(|kept| same_name(kept, name)),
        })
    };
    agree(a, b) && agree(b, a)
}

/// Headers are never ignored; their order means nothing.
fn headers(a: UriHeaders<'_>, b: UriHeaders<'_>) -> bool {
    let within = |from: UriHeaders<'_>, to: UriHeaders<'_>| {
        from.iter().all(|(name, value)| {
            to.iter().any(|(other_name, other)| same_name(name, other_name) && same(value, other, false))
        })
    };
    a.iter().count() == b.iter().count() && within(a, b) && within(b, a)
}

/// Visual separators mean nothing; parameters must be the same set (RFC 3966 §5).
fn tel(a: &Uri<'_>, b: &Uri<'_>) -> bool {
    fn digits(text: Option<&str>) -> impl Iterator<Item = u8> + '_ {
        let bytes = text.unwrap_or_default().bytes();
        bytes.filter(|byte| !matches!(byte, b'-' | b'.' | b'(' | b')')).map(|byte| byte.to_ascii_lowercase())
    }
    let within = |from: UriParams<'_>, to: UriParams<'_>| {
        from.iter().all(|(name, value)| {
            to.get(name).is_some_and(|other| same(value.unwrap_or_default(), other, true))
        })
    };
    digits(a.user()).eq(digits(b.user())) && within(a.params(), b.params()) && within(b.params(), a.params())
}
