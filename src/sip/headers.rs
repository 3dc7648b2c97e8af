//! The header fields of a message: by name as text, and through [`FieldValue`] as typed values, read when asked for.
//!
//! The named accessors ([`Headers::from`], [`Headers::cseq`], …) are in `access.rs`.

use std::marker::PhantomData;

use super::HeaderName;
use super::error::{Flaw, HeaderError};
use super::grammar::{self, Parsed, class};
use super::spans::{Core, FieldSpan};

/// A view on the header fields of one message. Copies freely.
#[derive(Clone, Copy)]
pub struct Headers<'a> {
    core: &'a Core,
}

/// One header field.
#[derive(Clone, Copy)]
pub struct Field<'a> {
    core: &'a Core,
    span: &'a FieldSpan,
}

impl<'a> Field<'a> {
    /// The name, or `Other`.
    #[must_use]
    pub fn name(&self) -> HeaderName {
        self.span.name
    }

    /// The name as written, compact form and case included.
    #[must_use]
    pub fn name_text(&self) -> &'a str {
        self.core.text(self.span.name_span).unwrap_or_default()
    }

    /// The value: trimmed, continuation lines joined by one space each. `None` when it is not UTF-8.
    #[must_use]
    pub fn value(&self) -> Option<&'a str> {
        self.core.text(self.span.value)
    }

    /// The value's bytes as they came, from the first to the last that is not white space.
    #[must_use]
    pub fn raw(&self) -> &'a [u8] {
        self.core.original(self.span)
    }

    /// The whole line with its CRLF, and where the value begins in it, when it is written as this implementation writes
    /// lines: a colon and one space after the name, nothing after the value, no continuation.
    pub(crate) fn plain_line(&self) -> Option<(&'a [u8], usize)> {
        let FieldSpan { name_span, value, .. } = *self.span;
        let offset = usize::from(value.start).checked_sub(usize::from(name_span.start))?;
        if self.core.unfolded.is_some() || usize::from(value.start) != usize::from(name_span.end) + 2 {
            return None;
        }
        let line = self.core.bytes.get(usize::from(name_span.start)..usize::from(value.end) + 2)?;
        (line.ends_with(b"\r\n") && line.get(offset - 2..offset)? == b": ").then_some((line, offset))
    }

    pub(crate) fn unfolded(&self) -> &'a [u8] {
        self.core.raw(self.span.value)
    }
}

/// A value that a header field can hold: one element of its grammar.
pub trait FieldValue<'a>: Sized {
    /// Whether fields of this kind hold comma-separated elements.
    const LIST: bool;
    /// Whether an empty value, or an empty element between commas, is simply no element.
    const MAY_BE_EMPTY: bool = false;

    /// Reads one element from the beginning of `i` and leaves the rest.
    ///
    /// # Errors
    /// A [`grammar::Fault`] that says where and what.
    fn read(i: &'a str) -> Parsed<'a, Self>;
}

impl<'a> Headers<'a> {
    pub(crate) const fn new(core: &'a Core) -> Self {
        Self { core }
    }

    /// All fields in order.
    pub fn iter(&self) -> impl Iterator<Item = Field<'a>> + use<'a> {
        let core = self.core;
        core.fields.iter().map(move |span| Field { core, span })
    }

    /// The fields of one name in order. For `Other`: all whose names are not known.
    pub fn fields(&self, name: HeaderName) -> impl Iterator<Item = Field<'a>> + use<'a> {
        self.iter().filter(move |field| field.name() == name)
    }

    /// The value of the first field of this name. `None` when there is none, or it is not UTF-8.
    #[must_use]
    pub fn first(&self, name: HeaderName) -> Option<&'a str> {
        self.fields(name).next().and_then(|field| field.value())
    }

    /// The values of all fields of this name, each as one text; those that are not UTF-8 are left out.
    pub fn all(&self, name: HeaderName) -> impl Iterator<Item = &'a str> + use<'a> {
        self.fields(name).filter_map(|field| field.value())
    }

    /// The fields whose name as written is this one, in any case. For names that [`HeaderName`] does not know; one it
    /// knows is found under all its forms.
    pub fn by_name<'n>(&self, name: &'n str) -> impl Iterator<Item = Field<'a>> + use<'a, 'n> {
        let known = HeaderName::parse(name);
        self.iter().filter(move |field| match known {
            HeaderName::Other => {
                field.name() == HeaderName::Other && field.name_text().eq_ignore_ascii_case(name)
            }
            known => field.name() == known,
        })
    }

    /// How many fields bear this name.
    #[must_use]
    pub fn count(&self, name: HeaderName) -> usize {
        self.core.fields.iter().filter(|span| span.name == name).count()
    }

    /// Whether a field bears this name.
    #[must_use]
    pub fn contains(&self, name: HeaderName) -> bool {
        self.core.fields.iter().any(|span| span.name == name)
    }

    fn text(&self, name: HeaderName) -> Result<Option<&'a str>, HeaderError> {
        match self.fields(name).next() {
            None => Ok(None),
            Some(field) => field.value().map(Some).ok_or(HeaderError::new(name, Flaw::NotUtf8, 0)),
        }
    }

    /// The first field of this name, read as the only value in it.
    ///
    /// # Errors
    /// When it does not follow its grammar.
    pub fn get<T: FieldValue<'a>>(&self, name: HeaderName) -> Result<Option<T>, HeaderError> {
        self.text(name)?.map(|text| whole(name, text)).transpose()
    }

    /// The first field of this name, which must be there.
    ///
    /// # Errors
    /// When it is missing or does not follow its grammar.
    pub fn need<T: FieldValue<'a>>(&self, name: HeaderName) -> Result<T, HeaderError> {
        self.get(name)?.ok_or(HeaderError::missing(name))
    }

    /// The elements of all fields of this name in order: commas split them where the grammar says so. After an error
    /// there is nothing more.
    #[must_use]
    pub fn list<T: FieldValue<'a>>(&self, name: HeaderName) -> List<'a, T> {
        List { core: self.core, next_field: 0, name, text: "", rest: None, value: PhantomData }
    }

    pub(crate) const fn core(&self) -> &'a Core {
        self.core
    }
}

fn whole<'a, T: FieldValue<'a>>(name: HeaderName, text: &'a str) -> Result<T, HeaderError> {
    grammar::whole(text, T::read).map_err(|(what, offset)| HeaderError::new(name, what, offset))
}

/// The elements of a header field that may be repeated. See [`Headers::list`].
pub struct List<'a, T> {
    core: &'a Core,
    next_field: usize,
    name: HeaderName,
    /// The field value that is being read.
    text: &'a str,
    /// What is left of it; `None` before the first and after each field.
    rest: Option<&'a str>,
    value: PhantomData<fn() -> T>,
}

impl<'a, T: FieldValue<'a>> List<'a, T> {
    fn next_text(&mut self) -> Option<Result<(), HeaderError>> {
        let (index, span) = self
            .core
            .fields
            .iter()
            .enumerate()
            .skip(self.next_field)
            .find(|(_, span)| span.name == self.name)?;
        self.next_field = index + 1;
        match self.core.text(span.value) {
            Some(text) => {
                self.text = text;
                self.rest = Some(text);
                Some(Ok(()))
            }
            None => Some(Err(self.stop(Flaw::NotUtf8, ""))),
        }
    }

    fn stop(&mut self, what: Flaw, at: &str) -> HeaderError {
        self.rest = None;
        self.next_field = usize::MAX;
        HeaderError::new(self.name, what, self.text.len() - at.len())
    }

    fn element(&mut self, i: &'a str) -> Result<T, HeaderError> {
        match T::read(i) {
            Ok((rest, value)) => {
                let rest = grammar::take(rest, class::SPACE).0;
                self.rest = match grammar::eat(rest, b',') {
                    Some(next) if T::LIST => Some(grammar::take(next, class::SPACE).0),
                    _ if rest.is_empty() => None,
                    _ => return Err(self.stop(Flaw::Trailing, rest)),
                };
                Ok(value)
            }
            Err(nom::Err::Error(fault) | nom::Err::Failure(fault)) => Err(self.stop(fault.what, fault.rest)),
            Err(nom::Err::Incomplete(_)) => Err(self.stop(Flaw::Trailing, "")),
        }
    }
}

impl<'a, T: FieldValue<'a>> Iterator for List<'a, T> {
    type Item = Result<T, HeaderError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some(i) = self.rest else {
                match self.next_text()? {
                    Ok(()) => continue,
                    Err(error) => return Some(Err(error)),
                }
            };
            if T::MAY_BE_EMPTY {
                if i.is_empty() {
                    self.rest = None;
                    continue;
                }
                if let Some(next) = grammar::eat(i, b',') {
                    self.rest = Some(grammar::take(next, class::SPACE).0);
                    continue;
                }
            }
            return Some(self.element(i));
        }
    }
}
