//! Free text, Priority, and the products of Server and User-Agent (RFC 3261 §20.25, §20.26, §20.35, §20.36, §20.41).

use super::super::grammar::{Parsed, after, token, ws};
use super::super::headers::FieldValue;
use super::numbers::comment;
use nom::Parser;

/// Any text: Subject, Organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a>(pub &'a str);

impl<'a> FieldValue<'a> for Text<'a> {
    const LIST: bool = false;

    fn read(i: &'a str) -> Parsed<'a, Self> {
        Ok(("", Self(i.trim())))
    }
}

/// Priority (RFC 3261 §20.26).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority<'a> {
    /// `emergency`.
    Emergency,
    /// `urgent`.
    Urgent,
    /// `normal`.
    Normal,
    /// `non-urgent`.
    NonUrgent,
    /// Another token.
    Other(&'a str),
}

impl<'a> FieldValue<'a> for Priority<'a> {
    const LIST: bool = false;

    fn read(i: &'a str) -> Parsed<'a, Self> {
        let (i, ()) = ws(i)?;
        let (rest, token) = token(i)?;
        let known = [
            ("emergency", Self::Emergency),
            ("urgent", Self::Urgent),
            ("normal", Self::Normal),
            ("non-urgent", Self::NonUrgent),
        ];
        let found = known.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(token));
        Ok((rest, found.map_or(Self::Other(token), |(_, priority)| priority)))
    }
}

/// One `server-val` of Server or User-Agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product<'a> {
    /// `name/version`.
    Named {
        /// The product.
        name: &'a str,
        /// Its version.
        version: Option<&'a str>,
    },
    /// A comment, without its parentheses.
    Comment(&'a str),
}

impl<'a> Product<'a> {
    /// The products of a Server or User-Agent value in order; ends at the first thing that is none.
    pub fn all(value: &'a str) -> impl Iterator<Item = Self> {
        let mut rest = value;
        std::iter::from_fn(move || {
            let (next, product) = product(rest).ok()?;
            rest = next;
            Some(product)
        })
    }
}

fn product(i: &str) -> Parsed<'_, Product<'_>> {
    let (i, ()) = ws(i)?;
    if i.starts_with('(') {
        return comment(i).map(|(rest, text)| (rest, Product::Comment(text)));
    }
    let (i, name) = token(i)?;
    let (i, version) = after(b'/', token).parse(i)?;
    Ok((i, Product::Named { name, version }))
}
