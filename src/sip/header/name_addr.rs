//! `name-addr / addr-spec` with parameters: From, To, Contact, Route, Refer-To and their kin (RFC 3261 §20.10, §25.1).

use std::borrow::Cow;
use std::fmt;

use super::super::error::{Flaw, UriError};
use super::super::grammar::{Parsed, class, eat, failure, fault, quoted, take, ws};
use super::super::headers::FieldValue;
use super::super::uri::Uri;
use super::params::{Params, params, unescape};

/// An address with an optional display name and parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameAddr<'a> {
    /// As written: with quotes, or bare tokens.
    display: Option<&'a str>,
    uri: &'a str,
    tag: Option<&'a str>,
    params: Params<'a>,
}

impl<'a> NameAddr<'a> {
    /// The display name with quotes and escapes taken off; `None` when there is none or it is empty.
    #[must_use]
    pub fn display_name(&self) -> Option<Cow<'a, str>> {
        let display = self.display?;
        let text = match display.strip_prefix('"') {
            Some(inner) => unescape(inner.strip_suffix('"').unwrap_or(inner)),
            None => Cow::Borrowed(display),
        };
        (!text.is_empty()).then_some(text)
    }

    /// The URI as written, without angle brackets.
    #[must_use]
    pub const fn uri_text(&self) -> &'a str {
        self.uri
    }

    /// The URI, read.
    ///
    /// # Errors
    /// When it does not follow the grammar of its scheme.
    pub fn uri(&self) -> Result<Uri<'a>, UriError> {
        Uri::parse(self.uri)
    }

    /// The `tag` parameter.
    #[must_use]
    pub const fn tag(&self) -> Option<&'a str> {
        self.tag
    }

    /// The parameters of the header field (not those of the URI).
    #[must_use]
    pub const fn params(&self) -> Params<'a> {
        self.params
    }

    /// `q` in thousandths, 0 to 1000 (RFC 3261 §20.10); `None` when it is absent or no such number.
    #[must_use]
    pub fn q(&self) -> Option<u16> {
        super::token::q_value(self.params.get("q")?)
    }

    /// The `expires` parameter in seconds; one too large counts as the largest, one malformed as 3600 (RFC 3261 §20.10).
    #[must_use]
    pub fn expires(&self) -> Option<u32> {
        let text = self.params.get("expires")?;
        let number = super::super::grammar::whole(text, super::super::grammar::delta_seconds);
        Some(number.unwrap_or(3600))
    }
}

impl fmt::Display for NameAddr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(display) = self.display {
            write!(f, "{display} ")?;
        }
        write!(f, "<{}>{}", self.uri, self.params.as_str())
    }
}

/// `[ display-name ] LAQUOT addr-spec RAQUOT`; fails softly when there is no angle bracket.
fn bracketed(i: &str) -> Parsed<'_, (Option<&str>, &str)> {
    let (open, display) = if i.starts_with('"') {
        let (rest, _) = quoted(i)?;
        (rest, &i[..i.len() - rest.len()])
    } else {
        take(i, class::DISPLAY)
    };
    let open = take(open, class::SPACE).0;
    let Some(inner) = eat(open, b'<') else { return fault(open, Flaw::Brackets) };
    let (rest, uri) = take(inner, class::URI);
    let Some(rest) = eat(rest, b'>') else { return failure(rest, Flaw::Brackets) };
    if uri.is_empty() {
        return failure(inner, Flaw::Uri);
    }
    let display = display.trim_end();
    Ok((rest, ((!display.is_empty()).then_some(display), uri)))
}

/// An `addr-spec` without brackets: comma, question mark and semicolon cannot be part of it (RFC 3261 §20.10).
fn bare(i: &str) -> Parsed<'_, &str> {
    let end =
        i.bytes().position(|byte| matches!(byte, b';' | b',' | b'?' | b' ' | b'\t' | b'<' | b'>' | b'"'));
    let (uri, rest) = i.split_at(end.unwrap_or(i.len()));
    if rest.starts_with('?') {
        return failure(rest, Flaw::Uri);
    }
    if !uri.contains(':') || !uri.bytes().all(|byte| super::super::grammar::is(byte, class::URI)) {
        return failure(i, Flaw::Uri);
    }
    Ok((rest, uri))
}

impl<'a> FieldValue<'a> for NameAddr<'a> {
    const LIST: bool = true;

    fn read(i: &'a str) -> Parsed<'a, Self> {
        let (i, ()) = ws(i)?;
        let (i, (display, uri)) = match bracketed(i) {
            Ok(found) => found,
            Err(nom::Err::Error(_)) if !i.starts_with('"') => {
                let (i, uri) = bare(i)?;
                (i, (None, uri))
            }
            Err(error) => return Err(error),
        };
        let mut tag = None;
        let (i, params) = params(i, |param| {
            if tag.is_none() && param.name.eq_ignore_ascii_case("tag") {
                tag = param.value;
            }
        })?;
        Ok((i, Self { display, uri, tag, params }))
    }
}

/// One element of Contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contact<'a> {
    /// `*`: all bindings (RFC 3261 §10.2.2).
    Star,
    /// An address.
    Address(NameAddr<'a>),
}

impl<'a> Contact<'a> {
    /// The address, if it is one.
    #[must_use]
    pub const fn address(self) -> Option<NameAddr<'a>> {
        match self {
            Self::Star => None,
            Self::Address(address) => Some(address),
        }
    }
}

impl<'a> FieldValue<'a> for Contact<'a> {
    const LIST: bool = true;

    fn read(i: &'a str) -> Parsed<'a, Self> {
        let (i, ()) = ws(i)?;
        // `*` is also a token character: it is the wildcard only when nothing follows.
        if let Some(rest) = eat(i, b'*')
            && rest.trim_start().is_empty()
        {
            return Ok((rest, Self::Star));
        }
        NameAddr::read(i).map(|(rest, address)| (rest, Self::Address(address)))
    }
}
