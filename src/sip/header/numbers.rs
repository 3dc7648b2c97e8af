//! Fields that are numbers: Expires, Max-Forwards, RSeq, Retry-After, Session-Expires, Timestamp (RFC 3261 §20,
//! RFC 3262 §7.1, RFC 4028 §4).

use super::super::error::Flaw;
use super::super::grammar::{Parsed, class, delta_seconds, failure, fault, number, run, whole, ws};
use super::super::headers::FieldValue;
use super::params::{Params, any_params};

/// Seconds: Expires, Min-Expires. More than fits counts as the most that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seconds(pub u32);

impl<'a> FieldValue<'a> for Seconds {
    const LIST: bool = false;

    fn read(i: &'a str) -> Parsed<'a, Self> {
        let (i, ()) = ws(i)?;
        delta_seconds(i).map(|(rest, seconds)| (rest, Self(seconds)))
    }
}

/// A number that must fit: RSeq, Content-Length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number(pub u32);

impl<'a> FieldValue<'a> for Number {
    const LIST: bool = false;

    fn read(i: &'a str) -> Parsed<'a, Self> {
        let (i, ()) = ws(i)?;
        number(i).map(|(rest, number)| (rest, Self(number)))
    }
}

/// Max-Forwards and Max-Breadth: 0 to 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hops(pub u8);

impl<'a> FieldValue<'a> for Hops {
    const LIST: bool = false;

    fn read(i: &'a str) -> Parsed<'a, Self> {
        let (i, ()) = ws(i)?;
        let (rest, hops) = number(i)?;
        match u8::try_from(hops) {
            Ok(hops) => Ok((rest, Self(hops))),
            Err(_) => failure(i, Flaw::NumberTooLarge),
        }
    }
}

/// Retry-After (RFC 3261 §20.33).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter<'a> {
    /// Seconds to wait.
    pub seconds: u32,
    /// The comment, without its parentheses.
    pub comment: Option<&'a str>,
    /// The parameters.
    pub params: Params<'a>,
}

impl RetryAfter<'_> {
    /// The `duration` parameter: for how many seconds the callee will then be there.
    #[must_use]
    pub fn duration(&self) -> Option<u32> {
        whole(self.params.get("duration")?, delta_seconds).ok()
    }
}

/// `comment`: parentheses may nest, a backslash escapes.
pub(crate) fn comment(i: &str) -> Parsed<'_, &str> {
    let mut depth = 0_u32;
    let mut escaped = false;
    for (at, byte) in i.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'(' => depth += 1,
            b')' if depth == 1 => return Ok((&i[at + 1..], &i[1..at])),
            b')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => break,
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    fault(i, Flaw::Brackets)
}

impl<'a> FieldValue<'a> for RetryAfter<'a> {
    const LIST: bool = false;

    fn read(i: &'a str) -> Parsed<'a, Self> {
        let (i, ()) = ws(i)?;
        let (i, seconds) = delta_seconds(i)?;
        let (after, ()) = ws(i)?;
        let (i, comment) = if after.starts_with('(') {
            let (rest, comment) = comment(after)?;
            (rest, Some(comment))
        } else {
            (i, None)
        };
        let (i, params) = any_params(i)?;
        Ok((i, Self { seconds, comment, params }))
    }
}

/// Session-Expires and Min-SE (RFC 4028 §4, §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionExpires<'a> {
    /// The interval.
    pub seconds: u32,
    /// The parameters.
    pub params: Params<'a>,
}

impl<'a> SessionExpires<'a> {
    /// The `refresher` parameter: `uac` or `uas`.
    #[must_use]
    pub fn refresher(&self) -> Option<&'a str> {
        self.params.get("refresher")
    }
}

impl<'a> FieldValue<'a> for SessionExpires<'a> {
    const LIST: bool = false;

    fn read(i: &'a str) -> Parsed<'a, Self> {
        let (i, ()) = ws(i)?;
        let (i, seconds) = delta_seconds(i)?;
        let (i, params) = any_params(i)?;
        Ok((i, Self { seconds, params }))
    }
}

/// Timestamp (RFC 3261 §20.38): decimal numbers as written, to be copied into a 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp<'a> {
    /// When the request was sent, in seconds of the client's own clock.
    pub sent: &'a str,
    /// Seconds between receipt and answer.
    pub delay: Option<&'a str>,
}

/// `*DIGIT [ "." *DIGIT ]`: the rest, and what was taken.
fn decimal(i: &str) -> (&str, &str) {
    let bytes = i.as_bytes();
    let mut end = run(bytes, class::DIGIT);
    if bytes.get(end) == Some(&b'.') {
        end += 1 + run(&bytes[end + 1..], class::DIGIT);
    }
    (&i[end..], &i[..end])
}

impl<'a> FieldValue<'a> for Timestamp<'a> {
    const LIST: bool = false;

    fn read(i: &'a str) -> Parsed<'a, Self> {
        let (i, ()) = ws(i)?;
        let (rest, sent) = decimal(i);
        if !sent.starts_with(|c: char| c.is_ascii_digit()) {
            return fault(i, Flaw::Number);
        }
        let (after, ()) = ws(rest)?;
        let (rest, delay) = decimal(after);
        Ok((rest, Self { sent, delay: (!delay.is_empty()).then_some(delay) }))
    }
}
