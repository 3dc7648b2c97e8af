//! Cutting bytes into a start line and header fields (RFC 3261 §7). Parser, scan and salvage share this code, so that
//! they cannot disagree on what stands where.

use memchr::memchr2;

use super::HeaderName;
use super::error::ParseErrorKind;
use super::grammar::{class, is, run};
use super::limits::{Bound, Limits};

/// What is wrong, and at which byte.
pub(crate) type LineFault = (ParseErrorKind, usize);

/// One header field by its place in the bytes. Continuation lines are inside `value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RawField {
    pub name: HeaderName,
    pub name_start: usize,
    pub name_end: usize,
    pub value_start: usize,
    pub value_end: usize,
    /// Whether CRLF stands inside the value.
    pub folded: bool,
}

/// The place of the first byte that is not CR or LF: line ends before a message are skipped (RFC 3261 §7.5).
pub(crate) fn skip_line_ends(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len())
}

/// The end of the line that begins at `from`: the place of its CRLF.
pub(crate) fn line_end(bytes: &[u8], from: usize) -> Result<usize, LineFault> {
    let Some(at) = memchr2(b'\r', b'\n', &bytes[from..]) else {
        return Err((ParseErrorKind::NoEmptyLine, bytes.len()));
    };
    let at = from + at;
    if bytes[at] == b'\r' {
        match bytes.get(at + 1) {
            Some(b'\n') => return Ok(at),
            None => return Err((ParseErrorKind::NoEmptyLine, bytes.len())),
            Some(_) => {}
        }
    }
    Err((ParseErrorKind::LineEnd, at))
}

/// A request line's or a status line's parts, by their places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartLine {
    Request { method_end: usize, uri_start: usize, uri_end: usize, version: (u8, u8) },
    Status { code: u16, reason_start: usize, reason_end: usize, version: (u8, u8) },
}

/// `SIP/2.0`, in any case.
fn version(text: &[u8]) -> Option<(u8, u8)> {
    match text {
        [s, i, p, b'/', major @ b'0'..=b'9', b'.', minor @ b'0'..=b'9']
            if s.eq_ignore_ascii_case(&b's')
                && i.eq_ignore_ascii_case(&b'i')
                && p.eq_ignore_ascii_case(&b'p') =>
        {
            Some((major - b'0', minor - b'0'))
        }
        _ => None,
    }
}

/// Reads the line `start..end`. Exactly one space stands between the parts (RFC 3261 §7.1, §7.2).
pub(crate) fn start_line(
    bytes: &[u8],
    start: usize,
    end: usize,
    limits: &Limits,
) -> Result<StartLine, LineFault> {
    let line = &bytes[start..end];
    if let Some(version) = line.get(..7).and_then(version) {
        return status_line(bytes, start, end, version);
    }
    let bad = (ParseErrorKind::StartLine, start);
    let method_len = run(line, class::TOKEN);
    if method_len == 0 || line.get(method_len) != Some(&b' ') {
        return Err(bad);
    }
    over(method_len, limits.method_bytes, Bound::MethodBytes, start)?;
    let uri_start = method_len + 1;
    let uri_len = run(&line[uri_start..], class::URI);
    let uri_end = uri_start + uri_len;
    over(uri_len, limits.uri_bytes, Bound::UriBytes, start + uri_start)?;
    let version = match line.get(uri_end) {
        Some(b' ') => version(&line[uri_end + 1..]),
        _ => return Err((ParseErrorKind::RequestUri, start + uri_end)),
    };
    let Some(version) = version else { return Err((ParseErrorKind::StartLine, start + uri_end)) };
    if !has_scheme(&line[uri_start..uri_end]) {
        return Err((ParseErrorKind::RequestUri, start + uri_start));
    }
    Ok(StartLine::Request {
        method_end: start + method_len,
        uri_start: start + uri_start,
        uri_end: start + uri_end,
        version,
    })
}

/// `scheme ":"` stands at the beginning and something after it.
fn has_scheme(uri: &[u8]) -> bool {
    let scheme =
        uri.iter().position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')));
    scheme.is_some_and(|colon| {
        colon > 0 && uri[0].is_ascii_alphabetic() && uri[colon] == b':' && colon + 1 < uri.len()
    })
}

fn status_line(bytes: &[u8], start: usize, end: usize, version: (u8, u8)) -> Result<StartLine, LineFault> {
    let line = &bytes[start..end];
    if line.get(7) != Some(&b' ') {
        return Err((ParseErrorKind::StartLine, start + 7));
    }
    let digits = run(&line[8..], class::DIGIT);
    let code = match line[8..8 + digits] {
        [a @ b'1'..=b'6', b, c] => u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0'),
        _ => return Err((ParseErrorKind::Status, start + 8)),
    };
    // The space before the reason phrase belongs there even when the phrase is empty; some leave it out.
    match line.get(11) {
        None => Ok(StartLine::Status { code, reason_start: end, reason_end: end, version }),
        Some(b' ') => Ok(StartLine::Status { code, reason_start: start + 12, reason_end: end, version }),
        Some(_) => Err((ParseErrorKind::Status, start + 11)),
    }
}

/// An error when `value` passes `limit`.
pub(crate) const fn over(value: usize, limit: usize, what: Bound, at: usize) -> Result<(), LineFault> {
    if value > limit { Err((ParseErrorKind::TooLarge { what, limit }, at)) } else { Ok(()) }
}

/// What [`field`] found at a place.
pub(crate) enum Step {
    /// A header field; the next line begins at the place given.
    Field(RawField, usize),
    /// The empty line; the body begins at the place given.
    End(usize),
}

/// Reads the header field, or the empty line, that begins at `from`.
pub(crate) fn field(bytes: &[u8], from: usize) -> Result<Step, LineFault> {
    let mut end = line_end(bytes, from)?;
    if end == from {
        return Ok(Step::End(from + 2));
    }
    let name_end = from + run(&bytes[from..end], class::TOKEN);
    let colon = name_end + run(&bytes[name_end..end], class::SPACE);
    if name_end == from || bytes[colon] != b':' {
        return Err((ParseErrorKind::HeaderLine, from));
    }
    let name = HeaderName::from_bytes(&bytes[from..name_end]);
    let mut folded = false;
    while bytes.get(end + 2).is_some_and(|&byte| is(byte, class::SPACE)) {
        folded = true;
        end = line_end(bytes, end + 2)?;
    }
    let (value_start, value_end) = trim(bytes, colon + 1, end);
    let field = RawField { name, name_start: from, name_end, value_start, value_end, folded };
    Ok(Step::Field(field, end + 2))
}

/// Joins continuation lines within a value: each line break with the white space around it becomes one SP (RFC 3261
/// §7.3.1). What is left over at the end is filled with SP. Returns the new length.
pub(crate) fn unfold(value: &mut [u8]) -> usize {
    let (mut read, mut written) = (0, 0);
    while read < value.len() {
        let blanks = value[read..].iter().take_while(|&&byte| is_blank(byte)).count();
        let step = blanks.max(1);
        if value[read..read + step].iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
            value[written] = b' ';
            written += 1;
        } else {
            value.copy_within(read..read + step, written);
            written += step;
        }
        read += step;
    }
    value[written..].fill(b' ');
    written
}

/// The same for several header lines at once, as a body's part has them.
pub(crate) fn unfold_lines(head: &[u8]) -> Vec<u8> {
    let mut joined = Vec::with_capacity(head.len());
    let mut at = 0;
    while at < head.len() {
        if head[at..].starts_with(b"\r\n") && head.get(at + 2).is_some_and(|&byte| is(byte, class::SPACE)) {
            at += 2 + run(&head[at + 2..], class::SPACE);
            while joined.last().is_some_and(|&byte| is(byte, class::SPACE)) {
                joined.pop();
            }
            joined.push(b' ');
        } else {
            joined.push(head[at]);
            at += 1;
        }
    }
    joined
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Moves both ends inwards over white space and the line ends of continuation lines.
fn trim(bytes: &[u8], mut start: usize, mut end: usize) -> (usize, usize) {
    while start < end && is_blank(bytes[start]) {
        start += 1;
    }
    while end > start && is_blank(bytes[end - 1]) {
        end -= 1;
    }
    (start, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(line: &str) -> Result<StartLine, ParseErrorKind> {
        start_line(line.as_bytes(), 0, line.len(), &Limits::default()).map_err(|(kind, _)| kind)
    }

    #[test]
    fn a_request_line_has_single_spaces_and_a_bare_uri() {
        assert!(request("INVITE sip:a@b SIP/2.0").is_ok());
        assert!(request("INVITE sip:a@b sip/2.0").is_ok());
        assert!(request("OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0").is_ok());
        for bad in [
            "INVITE  sip:a@b  SIP/2.0",
            "INVITE <sip:a@b> SIP/2.0",
            "INVITE sip:a@b; lr SIP/2.0",
            "OPTIONS sip:a@b SIP/2.0  ",
            "INVITE sip:a@b",
            "INVITE sip: SIP/2.0",
            "INVITE a@b SIP/2.0",
            "INVITE sip:a@b HTTP/1.1",
            "IN(VITE sip:a@b SIP/2.0",
            " ",
            "",
        ] {
            assert!(request(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_status_line_has_three_digits_and_maybe_no_phrase() {
        for good in ["SIP/2.0 200 OK", "SIP/2.0 100 ", "SIP/2.0 100", "SIP/2.0 699 x y"] {
            assert!(matches!(request(good), Ok(StartLine::Status { .. })), "{good:?}");
        }
        for bad in [
            "SIP/2.0 4294967301 x",
            "SIP/2.0 99 x",
            "SIP/2.0 700 x",
            "SIP/2.0  200 OK",
            "SIP/2.0",
            "SIP/2.0 ",
        ] {
            assert!(request(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_line_break_and_the_white_space_around_it_are_one_space() {
        for (folded, joined) in [
            ("one\r\n two", "one two"),
            ("one \t\r\n\t  two", "one two"),
            ("a\r\n \r\n\tb \r\n c", "a b c"),
            ("a  b\tc", "a  b\tc"),
            ("\"q \r\n q\"", "\"q q\""),
        ] {
            let mut value = folded.as_bytes().to_vec();
            let length = unfold(&mut value);
            assert_eq!(std::str::from_utf8(&value[..length]), Ok(joined), "{folded:?}");
            assert!(value[length..].iter().all(|&byte| byte == b' '));
        }
        assert_eq!(unfold_lines(b"A: b;\r\n\tc \r\n  d\r\nE: f"), b"A: b; c d\r\nE: f");
    }

    #[test]
    fn a_bare_cr_or_lf_is_no_line_end() {
        assert_eq!(line_end(b"a\nb\r\n", 0), Err((ParseErrorKind::LineEnd, 1)));
        assert_eq!(line_end(b"a\rb\r\n", 0), Err((ParseErrorKind::LineEnd, 1)));
        assert_eq!(line_end(b"ab\r\n", 0), Ok(2));
        assert_eq!(line_end(b"ab\r", 0), Err((ParseErrorKind::NoEmptyLine, 3)));
    }
}
