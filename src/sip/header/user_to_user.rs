//! User-to-User (RFC 7433) and Privacy (RFC 3323).

use std::borrow::Cow;

use super::super::error::Flaw;
use super::super::grammar::{Parsed, class, quoted, some, ws};
use super::super::headers::FieldValue;
use super::params::{Params, any_params, unquote};
use nom::Parser;
use nom::combinator::recognize;

/// One element of User-to-User: data that two users pass each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserToUser<'a> {
    data: &'a str,
    /// The parameters.
    pub params: Params<'a>,
}

impl<'a> UserToUser<'a> {
    /// The data, quotes and escapes taken off; still in its encoding.
    #[must_use]
    pub fn data(&self) -> Cow<'a, str> {
        unquote(self.data)
    }

    /// The `encoding`; absent means hexadecimal.
    #[must_use]
    pub fn encoding(&self) -> Option<&'a str> {
        self.params.get("encoding")
    }

    /// The `purpose`: the application.
    #[must_use]
    pub fn purpose(&self) -> Option<&'a str> {
        self.params.get("purpose")
    }

    /// The `content`: what the data is.
    #[must_use]
    pub fn content(&self) -> Option<&'a str> {
        self.params.get("content")
    }
}

impl<'a> FieldValue<'a> for UserToUser<'a> {
    const LIST: bool = true;

    fn read(i: &'a str) -> Parsed<'a, Self> {
        let (i, ()) = ws(i)?;
        let (i, data) = if i.starts_with('"') {
            recognize(quoted).parse(i)?
        } else {
            some(class::VALUE, Flaw::Token)(i)?
        };
        let (i, params) = any_params(i)?;
        Ok((i, Self { data, params }))
    }
}

/// The values of one Privacy field: `id`, `header`, `user`, `session`, `none`, `critical`, … separated by semicolons.
pub(super) fn privacy_values(value: &str) -> impl Iterator<Item = &str> {
    value.split(';').map(str::trim).filter(|value| !value.is_empty())
}
