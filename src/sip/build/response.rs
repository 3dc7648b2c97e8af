//! Writing a response to a request (RFC 3261 §8.2.6).

use std::fmt;

use bytes::Bytes;

use super::super::error::BuildError;
use super::super::headers::Field;
use super::super::{HeaderName, Request, Response, StatusCode};
use super::specs::NameAddrSpec;
use super::writer::Writer;

/// Writes a response. Via set, From, To, Call-ID and CSeq are the request's, as is Timestamp in a 100; what the request
/// lacks is left out.
///
/// Reason phrase, To tag and Record-Route are chosen before the first further header field.
#[must_use]
pub struct ResponseBuilder<'a> {
    request: &'a Request,
    status: StatusCode,
    reason: Option<&'a str>,
    to_tag: Option<&'a str>,
    record_route: bool,
    writer: Option<Box<Writer>>,
    misordered: bool,
    body: Bytes,
}

impl<'a> ResponseBuilder<'a> {
    /// A response to this request with the status' default reason phrase.
    pub fn to_request(request: &'a Request, status: StatusCode) -> Self {
        Self {
            request,
            status,
            reason: None,
            to_tag: None,
            record_route: false,
            writer: None,
            misordered: false,
            body: Bytes::new(),
        }
    }

    /// Another reason phrase.
    pub fn reason(mut self, reason: &'a str) -> Self {
        self.misordered |= self.writer.is_some();
        self.reason = Some(reason);
        self
    }

    /// The tag to put on To; a To that has one already keeps it (RFC 3261 §8.2.6.2).
    pub fn to_tag(mut self, tag: &'a str) -> Self {
        self.misordered |= self.writer.is_some();
        self.to_tag = Some(tag);
        self
    }

    /// Copies the Record-Route fields, as a response that establishes a dialog must (RFC 3261 §12.1.1).
    pub fn record_route(mut self) -> Self {
        self.misordered |= self.writer.is_some();
        self.record_route = true;
        self
    }

    fn head(&self) -> Box<Writer> {
        let mut writer = Writer::response(self.status, self.reason.unwrap_or(self.status.reason()));
        let headers = self.request.headers();
        for via in headers.fields(HeaderName::Via) {
            writer.copy(&via);
        }
        if self.record_route {
            for route in headers.fields(HeaderName::RecordRoute) {
                writer.copy(&route);
            }
        }
        for name in [HeaderName::From, HeaderName::To, HeaderName::CallId, HeaderName::CSeq] {
            let Some(field) = headers.fields(name).next() else { continue };
            match self.to_tag {
                Some(tag) if name == HeaderName::To && headers.to().is_ok_and(|to| to.tag().is_none()) => {
                    writer.copy_tagged(&field, tag);
                }
                _ => writer.copy(&field),
            }
        }
        if self.status == StatusCode::TRYING
            && let Some(timestamp) = headers.fields(HeaderName::Timestamp).next()
        {
            writer.copy(&timestamp);
        }
        writer
    }

    fn write(mut self, write: impl FnOnce(&mut Writer)) -> Self {
        let mut writer = self.writer.take().unwrap_or_else(|| self.head());
        write(&mut writer);
        self.writer = Some(writer);
        self
    }

    /// Contact with one address.
    pub fn contact(self, contact: &NameAddrSpec<'_>) -> Self {
        self.header(HeaderName::Contact, contact)
    }

    /// Any header field with a known name.
    pub fn header(self, name: HeaderName, value: impl fmt::Display) -> Self {
        self.write(|writer| writer.field(name, value))
    }

    /// Any header field.
    pub fn header_named(self, name: &str, value: impl fmt::Display) -> Self {
        self.write(|writer| writer.named(name, value))
    }

    /// A header field of another message.
    pub fn copy(self, field: &Field<'_>) -> Self {
        self.write(|writer| writer.copy(field))
    }

    /// The body and its Content-Type.
    pub fn body(mut self, content_type: impl fmt::Display, content: Bytes) -> Self {
        self.body = content;
        self.header(HeaderName::ContentType, content_type)
    }

    /// Ends the response.
    ///
    /// # Errors
    /// When a value would have begun another header field, a name is no token, or the header section is too long; or
    /// when a head option came after a header field.
    pub fn build(mut self) -> Result<Response, BuildError> {
        if self.misordered {
            return Err(BuildError::Order);
        }
        let writer = self.writer.take().unwrap_or_else(|| self.head());
        writer.into_response(&self.body)
    }
}
