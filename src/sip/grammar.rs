//! The small pieces of RFC 3261 §25.1 that all values are made of, as nom parsers over `&str`.
//!
//! They see unfolded text: a message with continuation lines was given a copy without them when it was parsed, so
//! that white space is only space and tab here.

use nom::combinator::opt;
use nom::error::{ErrorKind, ParseError};
use nom::{IResult, Parser};

use super::error::Flaw;

/// Where a parser stopped and why. Small and `Copy`: a failure costs nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault<'a> {
    /// The text from the offending place on.
    pub rest: &'a str,
    /// What is wrong there.
    pub what: Flaw,
}

impl<'a> ParseError<&'a str> for Fault<'a> {
    fn from_error_kind(rest: &'a str, _: ErrorKind) -> Self {
        Self { rest, what: Flaw::Trailing }
    }

    fn append(_: &'a str, _: ErrorKind, other: Self) -> Self {
        other
    }
}

/// What every parser here returns.
pub type Parsed<'a, T> = IResult<&'a str, T, Fault<'a>>;

pub(crate) const fn fault<T>(rest: &str, what: Flaw) -> Parsed<'_, T> {
    Err(nom::Err::Error(Fault { rest, what }))
}

/// A failure that no alternative may hide.
pub(crate) const fn failure<T>(rest: &str, what: Flaw) -> Parsed<'_, T> {
    Err(nom::Err::Failure(Fault { rest, what }))
}

/// Character classes of RFC 3261 §25.1, one bit each.
pub(crate) mod class {
    pub const TOKEN: u8 = 1;
    pub const WORD: u8 = 1 << 1;
    pub const VALUE: u8 = 1 << 2;
    pub const URI: u8 = 1 << 3;
    pub const DISPLAY: u8 = 1 << 4;
    pub const HOST: u8 = 1 << 5;
    pub const DIGIT: u8 = 1 << 6;
    pub const SPACE: u8 = 1 << 7;
}

static CLASSES: [u8; 256] = classes();

const fn contains(set: &[u8], byte: u8) -> bool {
    let mut i = 0;
    while i < set.len() {
        if set[i] == byte {
            return true;
        }
        i += 1;
    }
    false
}

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let byte = i as u8;
        let token = byte.is_ascii_alphanumeric() || contains(b"-.!%*_+`'~", byte);
        let mut bits = 0;
        if token {
            bits |= class::TOKEN;
        }
        if token || contains(b"()<>:\\\"/[]?{}", byte) {
            bits |= class::WORD;
        }
        // Token and host, and what is seen unquoted in the field: URIs and base64.
        if token || contains(b"[]:/@=&$", byte) || byte >= 0x80 {
            bits |= class::VALUE;
        }
        if byte.is_ascii_graphic() && !contains(b"<>\"", byte) {
            bits |= class::URI;
        }
        if token || byte == b' ' || byte == b'\t' || byte >= 0x80 {
            bits |= class::DISPLAY;
        }
        if byte.is_ascii_alphanumeric() || contains(b"-._", byte) {
            bits |= class::HOST;
        }
        if byte.is_ascii_digit() {
            bits |= class::DIGIT;
        }
        if byte == b' ' || byte == b'\t' {
            bits |= class::SPACE;
        }
        table[i] = bits;
        i += 1;
    }
    table
}

#[inline]
pub(crate) const fn is(byte: u8, class: u8) -> bool {
    CLASSES[byte as usize] & class != 0
}

pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| is(byte, class::TOKEN))
}

/// The length of the leading run of `class` in `bytes`.
#[inline]
pub(crate) fn run(bytes: &[u8], class: u8) -> usize {
    bytes.iter().position(|&byte| !is(byte, class)).unwrap_or(bytes.len())
}

/// Splits off the leading run of `class`; may be empty.
#[inline]
pub(crate) fn take(i: &str, class: u8) -> (&str, &str) {
    // Every class holds either all bytes from 0x80 up or none of them, so the cut is at a character boundary.
    let (taken, rest) = i.split_at(run(i.as_bytes(), class));
    (rest, taken)
}

/// At least one character of `class`.
pub(crate) fn some(class: u8, what: Flaw) -> impl Fn(&str) -> Parsed<'_, &str> {
    move |i| match take(i, class) {
        (_, "") => fault(i, what),
        (rest, taken) => Ok((rest, taken)),
    }
}

/// `token`.
#[inline]
pub(crate) fn token(i: &str) -> Parsed<'_, &str> {
    some(class::TOKEN, Flaw::Token)(i)
}

/// Optional white space.
#[inline]
pub(crate) fn ws(i: &str) -> Parsed<'_, ()> {
    Ok((take(i, class::SPACE).0, ()))
}

/// White space that must be there.
#[inline]
pub(crate) fn lws(i: &str) -> Parsed<'_, ()> {
    some(class::SPACE, Flaw::Separator).map(|_| ()).parse(i)
}

/// One separator with white space allowed round it: SLASH, EQUAL, COMMA, SEMI, COLON.
pub(crate) fn sep(separator: u8) -> impl Fn(&str) -> Parsed<'_, ()> {
    move |i| match eat(take(i, class::SPACE).0, separator) {
        Some(rest) => ws(rest),
        None => fault(i, Flaw::Separator),
    }
}

/// What follows one ASCII character, when the text begins with it.
#[inline]
pub(crate) fn eat(i: &str, byte: u8) -> Option<&str> {
    if i.as_bytes().first() == Some(&byte) { i.get(1..) } else { None }
}

/// `quoted-string`: gives what stands between the quotes, still escaped.
pub(crate) fn quoted(i: &str) -> Parsed<'_, &str> {
    let Some(inner) = eat(i, b'"') else { return fault(i, Flaw::Quotes) };
    let bytes = inner.as_bytes();
    let mut at = 0;
    while let Some(found) = memchr::memchr2(b'"', b'\\', &bytes[at..]) {
        let here = at + found;
        if bytes[here] == b'"' {
            let (text, rest) = inner.split_at(here);
            return Ok((&rest[1..], text));
        }
        at = (here + 2).min(bytes.len());
    }
    failure(i, Flaw::Quotes)
}

/// Digits as a number; more than `u32` holds is an error.
pub(crate) fn number(i: &str) -> Parsed<'_, u32> {
    let (rest, digits) = some(class::DIGIT, Flaw::Number)(i)?;
    match digits.parse() {
        Ok(value) => Ok((rest, value)),
        Err(_) => failure(i, Flaw::NumberTooLarge),
    }
}

/// `delta-seconds`: more than `u32` holds counts as the most it holds, about 136 years.
pub(crate) fn delta_seconds(i: &str) -> Parsed<'_, u32> {
    let (rest, digits) = some(class::DIGIT, Flaw::Number)(i)?;
    Ok((rest, digits.parse().unwrap_or(u32::MAX)))
}

/// Digits as a port.
pub(crate) fn port(i: &str) -> Parsed<'_, u16> {
    let (rest, digits) = some(class::DIGIT, Flaw::Port)(i)?;
    match digits.parse() {
        Ok(value) => Ok((rest, value)),
        Err(_) => failure(i, Flaw::Port),
    }
}

/// `[ first ] *( LWS next )`-like: an optional piece after a separator.
pub(crate) fn after<'a, T>(
    separator: u8,
    piece: impl Parser<&'a str, Output = T, Error = Fault<'a>>,
) -> impl Parser<&'a str, Output = Option<T>, Error = Fault<'a>> {
    opt(nom::sequence::preceded(sep(separator), piece))
}

/// Runs a parser over a whole text: white space may follow, nothing else. The error says where in bytes.
pub(crate) fn whole<'a, T>(
    text: &'a str,
    mut parser: impl Parser<&'a str, Output = T, Error = Fault<'a>>,
) -> Result<T, (Flaw, usize)> {
    match parser.parse(text) {
        Ok((rest, value)) => match take(rest, class::SPACE).0 {
            "" => Ok(value),
            rest => Err((Flaw::Trailing, text.len() - rest.len())),
        },
        Err(nom::Err::Error(fault) | nom::Err::Failure(fault)) => {
            Err((fault.what, text.len() - fault.rest.len()))
        }
        // Only parsers of the streaming kind ask for more, and none is used.
        Err(nom::Err::Incomplete(_)) => Err((Flaw::Trailing, text.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_strings_end_at_the_first_quote_that_is_not_escaped() {
        assert_eq!(quoted(r#""J Rosenberg \\\"" <sip:a>"#), Ok((" <sip:a>", r#"J Rosenberg \\\""#)));
        assert!(quoted(r#""no end \""#).is_err());
        assert!(quoted("\"\\").is_err());
        assert_eq!(quoted("\"\"x"), Ok(("x", "")));
    }

    #[test]
    fn numbers_are_bounded() {
        assert_eq!(number("0009 x"), Ok((" x", 9)));
        assert!(number("4294967296").is_err());
        assert_eq!(delta_seconds("99999999999999999999"), Ok(("", u32::MAX)));
        assert!(port("65536").is_err());
    }

    #[test]
    fn offsets_count_from_the_start_of_the_text() {
        assert_eq!(whole("abc  ", token), Ok("abc"));
        assert_eq!(whole("abc (", token), Err((Flaw::Trailing, 4)));
    }
}
