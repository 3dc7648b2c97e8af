//! URIs: `sip:`, `sips:`, `tel:` and any other absolute one (RFC 3261 §19, RFC 3966, RFC 3986).
//!
//! A URI is read once into offsets; parts are borrowed from its text and keep their escapes.

mod compare;
mod escape;
mod host;
mod params;
mod parse;

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::error::UriError;

pub use escape::{EscapeSet, escape, unescape};
pub use host::Host;
pub use params::{UriHeaders, UriParams};

/// A URI scheme. Compared without regard to case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme<'a> {
    /// `sip`.
    Sip,
    /// `sips`.
    Sips,
    /// `tel`.
    Tel,
    /// Any other, as written.
    Other(&'a str),
}

/// A stretch of a URI's text; empty and `NONE` differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Part {
    start: u16,
    end: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SchemeKind {
    Sip,
    Sips,
    Tel,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HostKind {
    None,
    Name,
    V4(Ipv4Addr),
    V6(Ipv6Addr),
}

/// Where the parts of a URI stand in its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Parts {
    scheme: SchemeKind,
    scheme_end: u16,
    user: Option<Part>,
    password: Option<Part>,
    host: Part,
    host_kind: HostKind,
    port: Option<u16>,
    params: Part,
    headers: Part,
}

/// A URI, borrowed.
#[derive(Clone, Copy)]
pub struct Uri<'a> {
    text: &'a str,
    parts: Parts,
}

impl<'a> Uri<'a> {
    /// Reads a URI: the whole of `text`, without angle brackets.
    ///
    /// # Errors
    /// When it has no scheme, when a `sip:`, `sips:` or `tel:` URI does not follow its grammar, or when another one
    /// holds a character no URI may hold.
    pub fn parse(text: &'a str) -> Result<Self, UriError> {
        parse::parse(text).map(|parts| Self { text, parts })
    }

    fn part(&self, part: Part) -> &'a str {
        self.text.get(usize::from(part.start)..usize::from(part.end)).unwrap_or_default()
    }

    /// The URI as written.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.text
    }

    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> Scheme<'a> {
        match self.parts.scheme {
            SchemeKind::Sip => Scheme::Sip,
            SchemeKind::Sips => Scheme::Sips,
            SchemeKind::Tel => Scheme::Tel,
            SchemeKind::Other => Scheme::Other(self.part(Part { start: 0, end: self.parts.scheme_end })),
        }
    }

    /// Whether it is a `sip:` or `sips:` URI.
    #[must_use]
    pub const fn is_sip(&self) -> bool {
        matches!(self.parts.scheme, SchemeKind::Sip | SchemeKind::Sips)
    }

    /// The user part, still escaped; for `tel:` the number. `None` when there is none.
    #[must_use]
    pub fn user(&self) -> Option<&'a str> {
        self.parts.user.map(|part| self.part(part))
    }

    /// The password, still escaped.
    #[must_use]
    pub fn password(&self) -> Option<&'a str> {
        self.parts.password.map(|part| self.part(part))
    }

    /// The host; `None` for URIs other than `sip:` and `sips:`.
    #[must_use]
    pub fn host(&self) -> Option<Host<'a>> {
        match self.parts.host_kind {
            HostKind::None => None,
            HostKind::Name => Some(Host::Name(self.host_text())),
            HostKind::V4(address) => Some(Host::V4(address)),
            HostKind::V6(address) => Some(Host::V6(address)),
        }
    }

    /// The host as written, brackets included; empty when there is none.
    #[must_use]
    pub fn host_text(&self) -> &'a str {
        self.part(self.parts.host)
    }

    /// The port, when one is written.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.parts.port
    }

    /// The parameters.
    #[must_use]
    pub fn params(&self) -> UriParams<'a> {
        UriParams::new(self.part(self.parts.params))
    }

    /// The headers after the question mark.
    #[must_use]
    pub fn headers(&self) -> UriHeaders<'a> {
        UriHeaders::new(self.part(self.parts.headers))
    }

    /// Whether the `lr` parameter marks a loose router (RFC 3261 §19.1.1).
    #[must_use]
    pub fn is_loose_router(&self) -> bool {
        self.params().has("lr")
    }

    /// The `transport` parameter.
    #[must_use]
    pub fn transport(&self) -> Option<&'a str> {
        self.params().get("transport")
    }

    /// The `maddr` parameter.
    #[must_use]
    pub fn maddr(&self) -> Option<&'a str> {
        self.params().get("maddr")
    }

    /// Whether both name the same resource by RFC 3261 §19.1.4. Not transitive: a parameter that only one of them has
    /// is mostly ignored.
    #[must_use]
    pub fn equivalent(&self, other: &Uri<'_>) -> bool {
        compare::equivalent(self, other)
    }

    /// An owned copy.
    #[must_use]
    pub fn to_buf(&self) -> UriBuf {
        UriBuf { text: self.text.into(), parts: self.parts }
    }
}

impl fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

impl fmt::Debug for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uri({})", self.text)
    }
}

/// A URI that owns its text. Cloning is one reference count; `==` compares the text, [`Uri::equivalent`] the meaning.
#[derive(Clone)]
pub struct UriBuf {
    text: Arc<str>,
    parts: Parts,
}

impl UriBuf {
    /// Reads a URI and keeps a copy.
    ///
    /// # Errors
    /// As [`Uri::parse`].
    pub fn parse(text: &str) -> Result<Self, UriError> {
        Uri::parse(text).map(|uri| uri.to_buf())
    }

    /// The URI.
    #[must_use]
    pub fn as_uri(&self) -> Uri<'_> {
        Uri { text: &self.text, parts: self.parts }
    }

    /// The URI as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for UriBuf {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for UriBuf {}

impl std::hash::Hash for UriBuf {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Display for UriBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for UriBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UriBuf({})", self.text)
    }
}

impl Serialize for UriBuf {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for UriBuf {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
