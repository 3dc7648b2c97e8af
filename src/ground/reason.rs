//! Why a call is ended by us, as the peer is told in a Reason header field (RFC 3326): in a BYE and in a CANCEL.

use std::fmt;

use super::HeaderField;

/// A protocol, a cause of it, and words for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    protocol: &'static str,
    cause: u16,
    text: &'static str,
}

impl Reason {
    /// A cause of ITU-T Q.850.
    #[must_use]
    pub const fn q850(cause: u16, text: &'static str) -> Self {
        Self { protocol: "Q.850", cause, text }
    }

    /// A SIP status.
    #[must_use]
    pub const fn sip(status: u16, text: &'static str) -> Self {
        Self { protocol: "SIP", cause: status, text }
    }

    /// The header field.
    #[must_use]
    pub fn field(&self) -> HeaderField {
        HeaderField { name: "Reason".to_owned(), value: self.to_string() }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { protocol, cause, text } = self;
        write!(f, "{protocol};cause={cause};text=\"{text}\"")
    }
}
