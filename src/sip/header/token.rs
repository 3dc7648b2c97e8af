//! Lists of tokens (Allow, Require, Supported, …), weighted lists (Accept-Language, …) and Call-IDs.

use super::super::error::Flaw;
use super::super::grammar::{Parsed, class, eat, some, token, ws};
use super::super::headers::FieldValue;
use super::params::{Params, any_params};

/// One token of a list: an option tag, a method, an event package, a content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a>(pub &'a str);

impl<'a> FieldValue<'a> for Token<'a> {
    const LIST: bool = true;
    const MAY_BE_EMPTY: bool = true;

    fn read(i: &'a str) -> Parsed<'a, Self> {
        let (i, ()) = ws(i)?;
        token(i).map(|(rest, token)| (rest, Self(token)))
    }
}

/// `word [ "@" word ]`: Call-ID and In-Reply-To (RFC 3261 §20.8, §20.21).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallId<'a>(pub &'a str);

impl<'a> FieldValue<'a> for CallId<'a> {
    const LIST: bool = true;

    fn read(i: &'a str) -> Parsed<'a, Self> {
        let (i, ()) = ws(i)?;
        let (mut rest, _) = some(class::WORD, Flaw::Token)(i)?;
        if let Some(host) = eat(rest, b'@') {
            rest = some(class::WORD, Flaw::Token)(host)?.0;
        }
        Ok((rest, Self(&i[..i.len() - rest.len()])))
    }
}

/// A token or `*` with parameters, mostly `q`: Accept-Encoding, Accept-Language, Info-Package, …
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weighted<'a> {
    /// The coding or language range.
    pub token: &'a str,
    /// The parameters.
    pub params: Params<'a>,
}

impl Weighted<'_> {
    /// `q` in thousandths; 1000 when absent (RFC 3261 §20.2).
    #[must_use]
    pub fn q(&self) -> u16 {
        self.params.get("q").and_then(q_value).unwrap_or(1000)
    }
}

impl<'a> FieldValue<'a> for Weighted<'a> {
    const LIST: bool = true;
    const MAY_BE_EMPTY: bool = true;

    fn read(i: &'a str) -> Parsed<'a, Self> {
        let (i, ()) = ws(i)?;
        let (i, token) = token(i)?;
        let (i, params) = any_params(i)?;
        Ok((i, Self { token, params }))
    }
}

/// `qvalue` in thousandths: `0` to `1` with at most three decimals.
pub(crate) fn q_value(text: &str) -> Option<u16> {
    let (whole_part, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths =
        decimals.bytes().chain(*b"000").take(3).fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    match (whole_part, thousandths) {
        ("0" | "", _) if !text.is_empty() => Some(thousandths),
        ("1", 0) => Some(1000),
        _ => None,
    }
}
