//! What can be wrong with a message, a header field value or a URI, and which status answers it.

use std::fmt;

use bytes::Bytes;

use super::limits::Bound;
use super::{HeaderName, Limits, Salvage, StatusCode};

/// What is wrong with a text, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Flaw {
    /// The header field is not there.
    #[error("missing")]
    Missing,
    /// There are several where one is allowed.
    #[error("given more than once")]
    Repeated,
    /// The bytes are not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// A token was expected.
    #[error("token expected")]
    Token,
    /// A quoted string that does not end, or a stray quote.
    #[error("unbalanced quotes")]
    Quotes,
    /// `<` without `>`, or the other way round.
    #[error("unbalanced angle brackets")]
    Brackets,
    /// Digits were expected.
    #[error("number expected")]
    Number,
    /// More than the field may hold.
    #[error("number too large")]
    NumberTooLarge,
    /// Not a host name, an IPv4 address or a bracketed IPv6 address.
    #[error("bad host")]
    Host,
    /// Not a port.
    #[error("bad port")]
    Port,
    /// Not a URI: no scheme, or a character that may not stand there.
    #[error("bad URI")]
    Uri,
    /// A percent sign without two hexadecimal digits.
    #[error("bad escape")]
    Escape,
    /// A parameter without a name, or with a bad value.
    #[error("bad parameter")]
    Parameter,
    /// More than [`super::limits::PARAMS_MAX`] parameters.
    #[error("too many parameters")]
    TooMany,
    /// Not a date (RFC 3261 §20.17).
    #[error("bad date")]
    Date,
    /// A particular separator was expected: `/`, `,`, `;`, `=`, `:` or a space.
    #[error("separator expected")]
    Separator,
    /// Something is left over after the value.
    #[error("unexpected text after the value")]
    Trailing,
}

/// A header field whose value does not follow its grammar, or that is not there. The peer's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{header}: {what} at byte {offset} of the value")]
pub struct HeaderError {
    /// Which header field.
    pub header: HeaderName,
    /// What is wrong.
    pub what: Flaw,
    /// Where, in bytes from the start of the field value.
    pub offset: usize,
}

impl HeaderError {
    pub(crate) const fn new(header: HeaderName, what: Flaw, offset: usize) -> Self {
        Self { header, what, offset }
    }

    pub(crate) const fn missing(header: HeaderName) -> Self {
        Self::new(header, Flaw::Missing, 0)
    }
}

/// A text that is not a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("URI: {what} at byte {offset}")]
pub struct UriError {
    /// What is wrong.
    pub what: Flaw,
    /// Where, in bytes from the start of the URI.
    pub offset: usize,
}

/// Why bytes are not a SIP message. The peer's fault. Carries the bytes, so that a request that can be made out may
/// still be answered: [`ParseError::salvage`].
#[derive(Clone, PartialEq, Eq)]
pub struct ParseError {
    /// What is wrong.
    pub kind: ParseErrorKind,
    /// Where, in bytes from the start of the message.
    pub offset: usize,
    bytes: Bytes,
}

/// What makes bytes no SIP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ParseErrorKind {
    /// Nothing but line ends.
    #[error("empty")]
    Empty,
    /// The first line is neither a request line nor a status line.
    #[error("bad start line")]
    StartLine,
    /// The request line names something that is not a URI.
    #[error("bad Request-URI")]
    RequestUri,
    /// The status lies outside 100..=699.
    #[error("bad status code")]
    Status,
    /// A header line without a name or a colon.
    #[error("bad header line")]
    HeaderLine,
    /// CR or LF alone.
    #[error("a line end that is not CRLF")]
    LineEnd,
    /// The header section has no end.
    #[error("no empty line after the header fields")]
    NoEmptyLine,
    /// A bound of [`Limits`] is passed.
    #[error("more than {limit} {}", what.name())]
    TooLarge {
        /// Which bound.
        what: Bound,
        /// Its setting.
        limit: usize,
    },
}

impl ParseError {
    pub(crate) const fn new(kind: ParseErrorKind, offset: usize, bytes: Bytes) -> Self {
        Self { kind, offset, bytes }
    }

    /// The status that answers a request with this error.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self.kind {
            ParseErrorKind::TooLarge { what, .. } => what.status(),
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The bytes that were refused.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// What can be made out of the refused bytes, when that is enough for a stateless answer: a request (not an ACK)
    /// with a Via that says where to, and From, To, Call-ID and CSeq as far as they are there.
    #[must_use]
    pub fn salvage(&self) -> Option<Salvage> {
        Salvage::from_bytes(&self.bytes, &Limits::default())
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a SIP message: {} at byte {}", self.kind, self.offset)
    }
}

impl fmt::Debug for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParseError")
            .field("kind", &self.kind)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for ParseError {}

/// Why a message cannot be written. The caller's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// A value holds CR, LF or NUL: written out it would begin another header field.
    #[error("{0}: a value may not hold CR, LF or NUL")]
    Injection(HeaderName),
    /// A reason phrase holds CR, LF or NUL.
    #[error("a reason phrase may not hold CR, LF or NUL")]
    Reason,
    /// A field name, method or tag that is not a token.
    #[error("{0:?} is not a token")]
    Token(String),
    /// A Request-URI with a character that may not stand there.
    #[error("{0:?} cannot be a Request-URI")]
    RequestUri(String),
    /// Start line and header fields together pass 65,535 bytes.
    #[error("the header section would have more than {} bytes", u16::MAX)]
    TooLarge,
    /// The message it is made from lacks a header field or has a bad one.
    #[error(transparent)]
    Source(#[from] HeaderError),
    /// Head options were set after the first header field was written.
    #[error("reason, To tag and Record-Route are to be chosen before the first header field")]
    Order,
}
