//! Content-Type, Accept and Content-Disposition (RFC 3261 §20.1, §20.11, §20.15).

use std::fmt;

use super::super::grammar::{Parsed, sep, token, ws};
use super::super::headers::FieldValue;
use super::params::{Params, any_params};
use super::token::q_value;
use nom::Parser;
use nom::sequence::separated_pair;

/// A media type, or a media range with `*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaType<'a> {
    /// The type: `application`.
    pub kind: &'a str,
    /// The subtype: `sdp`.
    pub subtype: &'a str,
    /// The parameters.
    pub params: Params<'a>,
}

impl<'a> MediaType<'a> {
    /// Whether it is this type, case aside and parameters ignored.
    #[must_use]
    pub const fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind) && self.subtype.eq_ignore_ascii_case(subtype)
    }

    /// Whether it is `application/sdp`.
    #[must_use]
    pub const fn is_sdp(&self) -> bool {
        self.is("application", "sdp")
    }

    /// Whether it is a `multipart` type.
    #[must_use]
    pub const fn is_multipart(&self) -> bool {
        self.kind.eq_ignore_ascii_case("multipart")
    }

    /// The `boundary` parameter, quotes taken off.
    #[must_use]
    pub fn boundary(&self) -> Option<&'a str> {
        self.params.get("boundary")
    }

    /// As a range of Accept: whether it takes in this type.
    #[must_use]
    pub fn accepts(&self, kind: &str, subtype: &str) -> bool {
        (self.kind == "*" || self.kind.eq_ignore_ascii_case(kind))
            && (self.subtype == "*" || self.subtype.eq_ignore_ascii_case(subtype))
    }

    /// `q` in thousandths; 1000 when absent.
    #[must_use]
    pub fn q(&self) -> u16 {
        self.params.get("q").and_then(q_value).unwrap_or(1000)
    }
}

impl<'a> FieldValue<'a> for MediaType<'a> {
    const LIST: bool = true;
    const MAY_BE_EMPTY: bool = true;

    fn read(i: &'a str) -> Parsed<'a, Self> {
        let (i, ()) = ws(i)?;
        let (i, (kind, subtype)) = separated_pair(token, sep(b'/'), token).parse(i)?;
        let (i, params) = any_params(i)?;
        Ok((i, Self { kind, subtype, params }))
    }
}

impl fmt::Display for MediaType<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}{}", self.kind, self.subtype, self.params.as_str())
    }
}

/// Content-Disposition: how a body is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disposition<'a> {
    /// `session`, `render`, `icon`, `alert`, …
    pub kind: &'a str,
    /// The parameters.
    pub params: Params<'a>,
}

impl Disposition<'_> {
    /// Whether a receiver that does not understand the body may ignore it (`handling=optional`). Default: required.
    #[must_use]
    pub fn is_optional(&self) -> bool {
        self.has_handling("optional")
    }

    /// Whether it says that a receiver must understand the body (`handling=required`).
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.has_handling("required")
    }

    fn has_handling(&self, value: &str) -> bool {
        self.params.get("handling").is_some_and(|handling| handling.eq_ignore_ascii_case(value))
    }
}

impl<'a> FieldValue<'a> for Disposition<'a> {
    const LIST: bool = false;

    fn read(i: &'a str) -> Parsed<'a, Self> {
        let (i, ()) = ws(i)?;
        let (i, kind) = token(i)?;
        let (i, params) = any_params(i)?;
        Ok((i, Self { kind, params }))
    }
}
