//! Parameters and headers of a URI (RFC 3261 §19.1.1).

use super::escape::unescape;
use super::parse::is_unreserved;

/// `paramchar`, without the percent sign of an escape.
pub(super) fn is_param_byte(byte: u8) -> bool {
    is_unreserved(byte) || b"[]/:&+$@,".contains(&byte)
}

/// `hnv-unreserved` and unreserved, and what is seen there unescaped.
pub(super) fn is_header_byte(byte: u8) -> bool {
    is_unreserved(byte) || b"[]/?:+$;,@".contains(&byte)
}

/// The parameters of a URI, cut apart when asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct UriParams<'a> {
    /// From the first semicolon on, or empty.
    text: &'a str,
}

impl<'a> UriParams<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text }
    }

    /// Name and value in order, still escaped; the value is `None` for a parameter that only has a name.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> + use<'a> {
        self.text.split(';').skip(1).map(|pair| match pair.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (pair, None),
        })
    }

    /// The value of a parameter, still escaped; `""` when it has none, `None` when it is not there. Names are compared
    /// without regard to case and escapes.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        if self.text.is_empty() {
            return None;
        }
        self.iter().find(|(found, _)| same_name(found, name)).map(|(_, value)| value.unwrap_or_default())
    }

    /// Whether the parameter is there.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// As written, with the first semicolon.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.text
    }
}

pub(super) fn same_name(a: &str, b: &str) -> bool {
    if a.contains('%') || b.contains('%') {
        return unescape(a).eq_ignore_ascii_case(&unescape(b));
    }
    a.eq_ignore_ascii_case(b)
}

/// The headers of a URI: `?name=value&name=value`.
#[derive(Clone, Copy, Debug, Default)]
pub struct UriHeaders<'a> {
    /// From after the question mark on, or empty.
    text: &'a str,
}

impl<'a> UriHeaders<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text }
    }

    /// Name and value in order, still escaped.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let parts = (!self.text.is_empty()).then(|| self.text.split('&'));
        parts.into_iter().flatten().map(|pair| pair.split_once('=').unwrap_or((pair, "")))
    }

    /// The value of the first header of this name, still escaped.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.iter().find(|(found, _)| same_name(found, name)).map(|(_, value)| value)
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// As written, without the question mark.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.text
    }
}
