//! Warning (RFC 3261 §20.43).

use std::borrow::Cow;

use super::super::error::Flaw;
use super::super::grammar::{Parsed, class, fault, lws, quoted, some, ws};
use super::super::headers::FieldValue;
use super::params::unescape;

/// One warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Warning<'a> {
    /// The code, three digits.
    pub code: u16,
    /// Who warns: a host with an optional port, or a pseudonym.
    pub agent: &'a str,
    text: &'a str,
}

impl<'a> Warning<'a> {
    /// The text, escapes taken off.
    #[must_use]
    pub fn text(&self) -> Cow<'a, str> {
        unescape(self.text)
    }
}

impl<'a> FieldValue<'a> for Warning<'a> {
    const LIST: bool = true;

    fn read(i: &'a str) -> Parsed<'a, Self> {
        let (i, ()) = ws(i)?;
        let (rest, digits) = some(class::DIGIT, Flaw::Number)(i)?;
        let code = match digits.parse() {
            Ok(code) if digits.len() == 3 => code,
            _ => return fault(i, Flaw::Number),
        };
        let (rest, ()) = lws(rest)?;
        let (rest, agent) = some(class::VALUE, Flaw::Host)(rest)?;
        let (rest, ()) = lws(rest)?;
        let (rest, text) = quoted(rest)?;
        Ok((rest, Self { code, agent, text }))
    }
}
