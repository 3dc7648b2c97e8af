//! Writing a request (RFC 3261 §8.1.1).

use std::fmt;

use bytes::Bytes;

use super::super::error::BuildError;
use super::super::headers::Field;
use super::super::{HeaderName, Method, Request};
use super::specs::{NameAddrSpec, ViaSpec};
use super::writer::Writer;

/// Writes a request field by field, in the order of the calls. Content-Length is always there and always right.
///
/// ```
/// use callplane::ground::Transport;
/// use callplane::sip::{Method, NameAddrSpec, RequestBuilder, ViaSpec};
///
/// let via = ViaSpec { transport: Transport::Udp, host: "192.0.2.1", port: None, branch: "z9hG4bK1", rport: true };
/// let request = RequestBuilder::new(&Method::Options, "sip:bob@example.com")
///     .via(&via)
///     .max_forwards(70)
///     .from(&NameAddrSpec::new("sip:alice@example.com").with_tag("a1"))
///     .to(&NameAddrSpec::new("sip:bob@example.com"))
///     .call_id("7@192.0.2.1")
///     .cseq(1)
///     .build()?;
/// assert_eq!(request.headers().call_id(), Ok("7@192.0.2.1"));
/// # Ok::<(), callplane::sip::BuildError>(())
/// ```
#[must_use]
pub struct RequestBuilder {
    writer: Box<Writer>,
    method: Method,
    body: Bytes,
}

impl RequestBuilder {
    /// Begins with the request line.
    pub fn new(method: &Method, uri: &str) -> Self {
        Self { writer: Writer::request(method, uri), method: method.clone(), body: Bytes::new() }
    }

    /// Via.
    pub fn via(self, via: &ViaSpec<'_>) -> Self {
        self.header(HeaderName::Via, via)
    }

    /// From.
    pub fn from(self, from: &NameAddrSpec<'_>) -> Self {
        self.header(HeaderName::From, from)
    }

    /// To.
    pub fn to(self, to: &NameAddrSpec<'_>) -> Self {
        self.header(HeaderName::To, to)
    }

    /// Call-ID.
    pub fn call_id(mut self, call_id: &str) -> Self {
        self.writer.text(HeaderName::CallId, call_id);
        self
    }

    /// CSeq with the request's own method.
    pub fn cseq(mut self, sequence: u32) -> Self {
        self.writer.cseq(sequence, &self.method);
        self
    }

    /// Max-Forwards.
    pub fn max_forwards(self, hops: u8) -> Self {
        self.header(HeaderName::MaxForwards, hops)
    }

    /// Contact with one address.
    pub fn contact(self, contact: &NameAddrSpec<'_>) -> Self {
        self.header(HeaderName::Contact, contact)
    }

    /// One Route field for each element, in order. Elements are as in the field: `<sip:proxy.example.com;lr>`.
    pub fn routes<R: AsRef<str>>(mut self, routes: impl IntoIterator<Item = R>) -> Self {
        for route in routes {
            self.writer.text(HeaderName::Route, route.as_ref());
        }
        self
    }

    /// Any header field with a known name.
    pub fn header(mut self, name: HeaderName, value: impl fmt::Display) -> Self {
        self.writer.field(name, value);
        self
    }

    /// Any header field.
    pub fn header_named(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.writer.named(name, value);
        self
    }

    /// A header field of another message.
    pub fn copy(mut self, field: &Field<'_>) -> Self {
        self.writer.copy(field);
        self
    }

    /// The body and its Content-Type.
    pub fn body(mut self, content_type: impl fmt::Display, content: Bytes) -> Self {
        self.writer.field(HeaderName::ContentType, content_type);
        self.body = content;
        self
    }

    pub(super) fn fail(mut self, error: BuildError) -> Self {
        self.writer.fail(error);
        self
    }

    /// Ends the request.
    ///
    /// # Errors
    /// When a value would have begun another header field, a name is no token, the Request-URI cannot stand in a
    /// request line, or the header section is too long.
    pub fn build(self) -> Result<Request, BuildError> {
        self.writer.into_request(&self.body)
    }
}
