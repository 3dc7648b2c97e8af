//! Reading a URI into offsets.

use super::super::error::{Flaw, UriError};
use super::super::grammar::{class, is};
use super::super::limits::PARAMS_MAX;
use super::{Host, HostKind, Part, Parts, SchemeKind};

const fn bad<T>(what: Flaw, offset: usize) -> Result<T, UriError> {
    Err(UriError { what, offset })
}

/// A part of a text that was checked to be at most 65,535 bytes long.
fn part(start: usize, end: usize) -> Part {
    let clamp = |at: usize| u16::try_from(at).unwrap_or(u16::MAX);
    Part { start: clamp(start), end: clamp(end) }
}

pub(super) fn parse(text: &str) -> Result<Parts, UriError> {
    if text.len() > usize::from(u16::MAX) {
        return bad(Flaw::TooMany, usize::from(u16::MAX));
    }
    let bytes = text.as_bytes();
    if let Some(at) = bytes.iter().position(|&byte| !is(byte, class::URI)) {
        return bad(Flaw::Uri, at);
    }
    let Some(colon) = memchr::memchr(b':', bytes) else { return bad(Flaw::Uri, 0) };
    let scheme = &bytes[..colon];
    let parts = empty(colon);
    match scheme.len() {
        3 if scheme.eq_ignore_ascii_case(b"sip") => sip(bytes, Parts { scheme: SchemeKind::Sip, ..parts }),
        4 if scheme.eq_ignore_ascii_case(b"sips") => sip(bytes, Parts { scheme: SchemeKind::Sips, ..parts }),
        3 if scheme.eq_ignore_ascii_case(b"tel") => tel(bytes, Parts { scheme: SchemeKind::Tel, ..parts }),
        _ => other(bytes, parts),
    }
}

fn empty(scheme_end: usize) -> Parts {
    let none = part(0, 0);
    Parts {
        scheme: SchemeKind::Other,
        scheme_end: part(0, scheme_end).end,
        user: None,
        password: None,
        host: none,
        host_kind: HostKind::None,
        port: None,
        params: none,
        headers: none,
    }
}

/// `absoluteURI` with a scheme that means nothing here: only its characters are judged.
fn other(bytes: &[u8], parts: Parts) -> Result<Parts, UriError> {
    let scheme = &bytes[..usize::from(parts.scheme_end)];
    let [first, more @ ..] = scheme else { return bad(Flaw::Uri, 0) };
    let named = first.is_ascii_alphabetic()
        && more.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    if named && bytes.len() > scheme.len() + 1 { Ok(parts) } else { bad(Flaw::Uri, 0) }
}

/// `userinfo` may hold `;`, `?`, `/` and more: only after the last-possible `@` do host, parameters and headers begin.
/// An `@` cannot stand unescaped in what follows a host, so the first one ends the user part.
fn sip(bytes: &[u8], mut parts: Parts) -> Result<Parts, UriError> {
    let from = usize::from(parts.scheme_end) + 1;
    let mut at = from;
    if let Some(found) = memchr::memchr(b'@', &bytes[from..]) {
        let end = from + found;
        user_info(bytes, from, end, &mut parts)?;
        at = end + 1;
    }
    at = host_port(bytes, at, &mut parts)?;
    if bytes.get(at) == Some(&b';') {
        let end = memchr::memchr(b'?', &bytes[at..]).map_or(bytes.len(), |found| at + found);
        check_params(bytes, at, end, b';', super::super::uri::params::is_param_byte)?;
        parts.params = part(at, end);
        at = end;
    }
    if bytes.get(at) == Some(&b'?') {
        check_params(bytes, at, bytes.len(), b'&', super::super::uri::params::is_header_byte)?;
        parts.headers = part(at + 1, bytes.len());
        at = bytes.len();
    }
    if at == bytes.len() { Ok(parts) } else { bad(Flaw::Trailing, at) }
}

fn user_info(bytes: &[u8], start: usize, end: usize, parts: &mut Parts) -> Result<(), UriError> {
    let colon = memchr::memchr(b':', &bytes[start..end]).map(|found| start + found);
    let user_end = colon.unwrap_or(end);
    if user_end == start {
        return bad(Flaw::Uri, start);
    }
    check(bytes, start, user_end, |byte| is_unreserved(byte) || b"&=+$,;?/#[]".contains(&byte))?;
    parts.user = Some(part(start, user_end));
    if let Some(colon) = colon {
        check(bytes, colon + 1, end, |byte| is_unreserved(byte) || b"&=+$,:;?/#[]".contains(&byte))?;
        parts.password = Some(part(colon + 1, end));
    }
    Ok(())
}

/// `unreserved` of RFC 3261 §25.1.
pub(super) const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')')
}

/// Every byte is allowed, or a percent sign with two hexadecimal digits.
fn check(bytes: &[u8], start: usize, end: usize, allowed: impl Fn(u8) -> bool) -> Result<(), UriError> {
    let mut at = start;
    while at < end {
        match bytes[at] {
            b'%' => {
                let digits = bytes[..end].get(at + 1..at + 3);
                if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                    return bad(Flaw::Escape, at);
                }
                at += 3;
            }
            byte if allowed(byte) => at += 1,
            _ => return bad(Flaw::Uri, at),
        }
    }
    Ok(())
}

/// Host and port from `at`; gives where they end.
fn host_port(bytes: &[u8], at: usize, parts: &mut Parts) -> Result<usize, UriError> {
    let end = if bytes.get(at) == Some(&b'[') {
        match memchr::memchr(b']', &bytes[at..]) {
            Some(found) => at + found + 1,
            None => return bad(Flaw::Host, at),
        }
    } else {
        at + super::super::grammar::run(&bytes[at..], class::HOST)
    };
    let host = std::str::from_utf8(&bytes[at..end]).ok().and_then(Host::parse);
    parts.host_kind = match host {
        Some(Host::Name(_)) => HostKind::Name,
        Some(Host::V4(address)) => HostKind::V4(address),
        Some(Host::V6(address)) => HostKind::V6(address),
        None => return bad(Flaw::Host, at),
    };
    parts.host = part(at, end);
    if bytes.get(end) != Some(&b':') {
        return Ok(end);
    }
    let digits = super::super::grammar::run(&bytes[end + 1..], class::DIGIT);
    let after = end + 1 + digits;
    match super::super::parse::digits(&bytes[end + 1..after]).map(u16::try_from) {
        Some(Ok(port)) => parts.port = Some(port),
        _ => return bad(Flaw::Port, end + 1),
    }
    Ok(after)
}

/// `start` is at the first mark (`;` or `?`); between the separators stand `name [ = value ]`, names not empty.
fn check_params(
    bytes: &[u8],
    start: usize,
    end: usize,
    separator: u8,
    allowed: impl Fn(u8) -> bool,
) -> Result<(), UriError> {
    let mut at = start + 1;
    for _ in 0..PARAMS_MAX {
        let stop = memchr::memchr(separator, &bytes[at..end]).map_or(end, |found| at + found);
        let equals = memchr::memchr(b'=', &bytes[at..stop]).map(|found| at + found);
        let name_end = equals.unwrap_or(stop);
        if name_end == at {
            return bad(Flaw::Parameter, at);
        }
        check(bytes, at, name_end, &allowed)?;
        if let Some(equals) = equals {
            check(bytes, equals + 1, stop, |byte| byte == b'=' || allowed(byte))?;
        }
        if stop == end {
            return Ok(());
        }
        at = stop + 1;
    }
    bad(Flaw::TooMany, at)
}

/// `telephone-subscriber` (RFC 3966 §3): digits with visual separators, then parameters.
fn tel(bytes: &[u8], mut parts: Parts) -> Result<Parts, UriError> {
    let from = usize::from(parts.scheme_end) + 1;
    let end = memchr::memchr(b';', &bytes[from..]).map_or(bytes.len(), |found| from + found);
    let digits = if bytes.get(from) == Some(&b'+') { from + 1 } else { from };
    let is_digit = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b'*' | b'#');
    if !bytes[digits..end].iter().any(|&byte| is_digit(byte)) {
        return bad(Flaw::Number, from);
    }
    if let Some(at) =
        bytes[digits..end].iter().position(|&b| !is_digit(b) && !matches!(b, b'-' | b'.' | b'(' | b')'))
    {
        return bad(Flaw::Number, digits + at);
    }
    parts.user = Some(part(from, end));
    if end < bytes.len() {
        check_params(bytes, end, bytes.len(), b';', super::super::uri::params::is_param_byte)?;
        parts.params = part(end, bytes.len());
    }
    Ok(parts)
}
