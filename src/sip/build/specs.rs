//! Values to be written: Via, addresses, quoted strings.

use std::fmt;

use crate::ground::Transport;

use super::super::grammar::{class, is};

/// A Via of our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ViaSpec<'a> {
    /// The transport.
    pub transport: Transport,
    /// The advertised host: a name or an address; an IPv6 address gets its brackets when it has none.
    pub host: &'a str,
    /// The advertised port.
    pub port: Option<u16>,
    /// The branch, magic cookie included.
    pub branch: &'a str,
    /// Whether to ask for `rport` (RFC 3581).
    pub rport: bool,
}

impl fmt::Display for ViaSpec<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SIP/2.0/")?;
        f.write_str(self.transport.via_token())?;
        f.write_str(" ")?;
        if self.host.contains(':') && !self.host.starts_with('[') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(self.host)?;
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(";branch=")?;
        f.write_str(self.branch)?;
        if self.rport { f.write_str(";rport") } else { Ok(()) }
    }
}

/// An address to be written in From, To, Contact, Route, Refer-To: always with angle brackets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NameAddrSpec<'a> {
    /// The display name as it is meant; quoted and escaped when written.
    pub display_name: Option<&'a str>,
    /// The URI.
    pub uri: &'a str,
    /// The tag.
    pub tag: Option<&'a str>,
    /// Further parameters as written, with the first semicolon; or empty.
    pub params: &'a str,
}

impl<'a> NameAddrSpec<'a> {
    /// A URI alone.
    #[must_use]
    pub const fn new(uri: &'a str) -> Self {
        Self { display_name: None, uri, tag: None, params: "" }
    }

    /// With a tag.
    #[must_use]
    pub const fn with_tag(self, tag: &'a str) -> Self {
        Self { tag: Some(tag), ..self }
    }

    /// With a display name.
    #[must_use]
    pub const fn with_display_name(self, name: &'a str) -> Self {
        Self { display_name: Some(name), ..self }
    }
}

impl fmt::Display for NameAddrSpec<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.display_name {
            quote(name).fmt(f)?;
            f.write_str(" ")?;
        }
        // A bracket inside would end the URI early and let the rest pass for parameters.
        if !self.uri.bytes().all(|byte| is(byte, class::URI)) {
            return Err(fmt::Error);
        }
        f.write_str("<")?;
        f.write_str(self.uri)?;
        f.write_str(">")?;
        if let Some(tag) = self.tag {
            f.write_str(";tag=")?;
            f.write_str(tag)?;
        }
        f.write_str(self.params)
    }
}

/// A quoted string: quotes round it, backslashes before quotes and backslashes.
#[must_use]
pub fn quote(text: &str) -> impl fmt::Display + '_ {
    Quoted(text)
}

struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        let mut from = 0;
        for (at, _) in self.0.match_indices(['"', '\\']) {
            f.write_str(&self.0[from..at])?;
            f.write_str("\\")?;
            from = at;
        }
        f.write_str(&self.0[from..])?;
        f.write_str("\"")
    }
}
