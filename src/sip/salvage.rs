//! Answering what is no message (RFC 3261 §8.2, §16.3 ask for a 400 where one can be sent).

use std::net::IpAddr;

use bytes::Bytes;

use super::error::ParseErrorKind;
use super::limits::Limits;
use super::lines::{self, StartLine, Step};
use super::parse::{self, Fields};
use super::spans::Declared;
use super::{HeaderName, Message, Method, Request, ResponseBuilder, StatusCode};

/// What could be made out of a request that does not parse: good for nothing but a stateless refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salvage(Request);

impl Salvage {
    /// Reads leniently: header lines that cannot be read are left out, a Request-URI may be anything. `None` when it is
    /// no request, an ACK, or has no Via of SIP: then nobody is to be answered.
    pub(crate) fn from_bytes(bytes: &Bytes, limits: &Limits) -> Option<Self> {
        let head = bytes.len().min(limits.headers_bytes).min(usize::from(u16::MAX));
        let bytes = bytes.slice(lines::skip_line_ends(&bytes[..head])..head);
        let end = lines::line_end(&bytes, 0).ok()?;
        let start = request_line(&bytes, end, limits)?;
        let mut fields = Fields::new();
        let mut at = end + 2;
        while at < bytes.len() {
            at = match lines::field(&bytes, at) {
                Ok(Step::Field(field, next)) => fields.push(&field, next, limits).ok().map(|()| next),
                Ok(Step::End(_)) => None,
                Err((ParseErrorKind::HeaderLine, _)) => lines::line_end(&bytes, at).ok().map(|end| end + 2),
                Err(_) => None,
            }
            .unwrap_or(bytes.len());
        }
        fields.body = bytes.len();
        let Message::Request(request) = parse::build(bytes, start, fields, Declared::Nothing) else {
            return None;
        };
        let answerable = *request.method() != Method::Ack && request.headers().has_via_of_sip();
        answerable.then_some(Self(request))
    }

    /// The same with `received`, and where it is asked for `rport`, in the top Via; see [`Request::with_received`].
    #[must_use]
    pub fn with_received(&self, from: IpAddr, port: u16) -> Self {
        Self(self.0.with_received(from, port))
    }

    /// A refusal with Via, From, To, Call-ID and CSeq as far as they could be read.
    pub fn respond(&self, status: StatusCode) -> ResponseBuilder<'_> {
        ResponseBuilder::to_request(&self.0, status)
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        self.0.method()
    }

    /// The header fields that could be read.
    #[must_use]
    pub fn headers(&self) -> super::Headers<'_> {
        self.0.headers()
    }

    /// Whether a header field could be read.
    #[must_use]
    pub fn contains(&self, name: HeaderName) -> bool {
        self.0.headers().contains(name)
    }
}

/// A method token, then anything, then a SIP version.
fn request_line(bytes: &[u8], end: usize, limits: &Limits) -> Option<StartLine> {
    if let Ok(start) = lines::start_line(bytes, 0, end, limits) {
        return matches!(start, StartLine::Request { .. }).then_some(start);
    }
    let line = &bytes[..end];
    let method_end = super::grammar::run(line, super::grammar::class::TOKEN);
    let trimmed = line.trim_ascii_end();
    let version = trimmed.len().checked_sub(7).map(|at| &trimmed[at..])?;
    if method_end == 0
        || line.get(method_end) != Some(&b' ')
        || !version.to_ascii_uppercase().starts_with(b"SIP/")
    {
        return None;
    }
    Some(StartLine::Request { method_end, uri_start: method_end, uri_end: method_end, version: (2, 0) })
}
