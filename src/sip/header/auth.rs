//! Challenges and credentials: a scheme and its parameters (RFC 3261 §20.7, §20.27, §20.28, §20.44, RFC 8760).
//!
//! What the parameters of Digest mean is for `auth/` to know.

use std::borrow::Cow;

use super::super::error::Flaw;
use super::super::grammar::{Parsed, class, failure, lws, run, sep, take, token, ws};
use super::super::headers::FieldValue;
use super::params::{Param, generic_param};
use nom::Parser;
use nom::sequence::terminated;

/// `auth-param`s: `name=value`, separated by commas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthParams<'a> {
    text: &'a str,
}

impl<'a> AuthParams<'a> {
    /// The parameters in order.
    pub fn iter(&self) -> impl Iterator<Item = Param<'a>> + use<'a> {
        let mut rest = self.text;
        std::iter::from_fn(move || {
            let (next, param) = generic_param(rest).ok()?;
            rest = sep(b',')(next).map_or("", |(next, ())| next);
            Some(param)
        })
    }

    /// The value of a parameter, quotes and escapes taken off.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        self.iter().find(|param| param.name.eq_ignore_ascii_case(name)).map(|param| param.text())
    }

    /// As written.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.text
    }
}

fn auth_params(i: &str) -> Parsed<'_, AuthParams<'_>> {
    let mut rest = i;
    loop {
        let (next, param) = generic_param(rest)?;
        if param.value.is_none() {
            return failure(rest, Flaw::Parameter);
        }
        match sep(b',')(next) {
            Ok((after, ())) => rest = after,
            Err(_) => return Ok((next, AuthParams { text: &i[..i.len() - next.len()] })),
        }
    }
}

/// Authentication-Info holds parameters without a scheme (RFC 3261 §20.6).
impl<'a> FieldValue<'a> for AuthParams<'a> {
    const LIST: bool = false;

    fn read(i: &'a str) -> Parsed<'a, Self> {
        let (i, ()) = ws(i)?;
        auth_params(i)
    }
}

/// WWW-Authenticate, Proxy-Authenticate, Authorization, Proxy-Authorization. One per header field: here a comma
/// separates parameters, not elements (RFC 3261 §7.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials<'a> {
    /// The scheme: `Digest`, `Bearer`, …; compared without regard to case.
    pub scheme: &'a str,
    /// Its parameters; empty for a scheme with another syntax.
    pub params: AuthParams<'a>,
    /// All after the scheme, as written.
    pub text: &'a str,
}

impl Credentials<'_> {
    /// Whether the scheme is Digest.
    #[must_use]
    pub const fn is_digest(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("Digest")
    }
}

impl<'a> FieldValue<'a> for Credentials<'a> {
    const LIST: bool = false;

    fn read(i: &'a str) -> Parsed<'a, Self> {
        let (i, ()) = ws(i)?;
        let (i, scheme) = terminated(token, lws).parse(i)?;
        let text = i.trim_end();
        match auth_params(i) {
            Ok((rest, params)) if take(rest, class::SPACE).0.is_empty() => {
                Ok((rest, Self { scheme, params, text }))
            }
            Err(error) if scheme.eq_ignore_ascii_case("Digest") => Err(error),
            Ok((rest, _)) if scheme.eq_ignore_ascii_case("Digest") => failure(rest, Flaw::Trailing),
            _ if run(i.as_bytes(), class::VALUE) == 0 => failure(i, Flaw::Parameter),
            // RFC 7235 lets a scheme carry a bare token68; what it means is the scheme's own.
            _ => Ok(("", Self { scheme, params: AuthParams { text: "" }, text })),
        }
    }
}
