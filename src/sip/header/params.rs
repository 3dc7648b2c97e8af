//! Header field parameters: `*( SEMI generic-param )` (RFC 3261 §25.1).

use std::borrow::Cow;

use super::super::error::Flaw;
use super::super::grammar::{Parsed, after, class, failure, quoted, sep, some, take, token};
use super::super::limits::PARAMS_MAX;
use nom::Parser;
use nom::combinator::recognize;
use nom::sequence::preceded;

/// One parameter as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param<'a> {
    /// The name; compared without regard to case.
    pub name: &'a str,
    /// The value as written, quotes included; `None` for a parameter that only has a name.
    pub value: Option<&'a str>,
}

impl<'a> Param<'a> {
    /// The value with quotes and escapes taken off; empty when there is none.
    #[must_use]
    pub fn text(&self) -> Cow<'a, str> {
        unquote(self.value.unwrap_or_default())
    }
}

/// The parameters after a value. Their syntax was checked when the value was read; they are cut apart again when asked
/// for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Params<'a> {
    /// From the first semicolon on, or empty.
    text: &'a str,
}

impl<'a> Params<'a> {
    /// The parameters in order.
    pub fn iter(&self) -> impl Iterator<Item = Param<'a>> + use<'a> {
        let mut rest = self.text;
        std::iter::from_fn(move || {
            let (next, param) = preceded(sep(b';'), generic_param).parse(rest).ok()?;
            rest = next;
            Some(param)
        })
    }

    /// The value of a parameter: quotes taken off, escapes left; `""` when it has no value, `None` when it is not there.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.find(name).map(|param| strip_quotes(param.value.unwrap_or_default()))
    }

    /// A parameter by name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Param<'a>> {
        if self.text.is_empty() {
            return None;
        }
        self.iter().find(|param| param.name.eq_ignore_ascii_case(name))
    }

    /// Whether the parameter is there.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// As written, with the first semicolon.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.text
    }
}

/// Takes the quotes off a value that has them.
pub(crate) fn strip_quotes(value: &str) -> &str {
    value.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(value)
}

/// Takes quotes and backslashes off a value that has them.
pub(crate) fn unquote(value: &str) -> Cow<'_, str> {
    match value.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')) {
        Some(inner) => unescape(inner),
        None => Cow::Borrowed(value),
    }
}

/// Resolves the backslashes of what stood between quotes.
pub(crate) fn unescape(inner: &str) -> Cow<'_, str> {
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        text.push(if c == '\\' { chars.next().unwrap_or('\\') } else { c });
    }
    Cow::Owned(text)
}

/// `token / host / quoted-string`, as written.
#[inline]
fn value(i: &str) -> Parsed<'_, &str> {
    if i.starts_with('"') { recognize(quoted).parse(i) } else { some(class::VALUE, Flaw::Parameter)(i) }
}

/// `token [ EQUAL gen-value ]`.
#[inline]
pub(crate) fn generic_param(i: &str) -> Parsed<'_, Param<'_>> {
    let (i, name) = token(i)?;
    let (i, value) = after(b'=', value).parse(i)?;
    Ok((i, Param { name, value }))
}

/// All parameters from here on, each shown to `see` once. Ends at the first thing that is no semicolon.
pub(crate) fn params<'a>(i: &'a str, mut see: impl FnMut(Param<'a>)) -> Parsed<'a, Params<'a>> {
    let mut rest = i;
    for _ in 0..=PARAMS_MAX {
        let Ok((at_name, ())) = sep(b';')(rest) else {
            let text = take(&i[..i.len() - rest.len()], class::SPACE).0;
            return Ok((rest, Params { text }));
        };
        match generic_param(at_name) {
            Ok((next, param)) => {
                see(param);
                rest = next;
            }
            Err(nom::Err::Failure(fault)) => return Err(nom::Err::Failure(fault)),
            Err(_) => return failure(rest, Flaw::Parameter),
        }
    }
    failure(rest, Flaw::TooMany)
}

/// The parameters from here on, none of special interest.
pub(crate) fn any_params(i: &str) -> Parsed<'_, Params<'_>> {
    params(i, |_| {})
}
