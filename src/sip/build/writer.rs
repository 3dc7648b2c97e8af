//! The buffer under the builders: header fields in, a finished message out.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use bytes::{BufMut, BytesMut};

use super::super::error::BuildError;
use super::super::grammar::is_token;
use super::super::headers::Field;
use super::super::message::{RequestParts, ResponseParts};
use super::super::parse::span;
use super::super::spans::{Core, Declared, FieldSpan, FieldSpans, Span};
use super::super::{HeaderName, Method, Request, Response, StatusCode};

/// Bytes taken for a message at first; most fit.
const FIRST_BYTES: usize = 1024;

/// The start line that was written.
enum Start {
    Request(Method, Span),
    Response(StatusCode, Span),
}

/// Writes a header section. The first fault sticks and comes out at the end.
pub(crate) struct Writer {
    out: BytesMut,
    fields: FieldSpans,
    start: Start,
    fault: Option<BuildError>,
}

/// Lets text through that cannot begin another line.
struct Checked<'a> {
    out: &'a mut BytesMut,
    clean: bool,
}

fn is_clean(text: &[u8]) -> bool {
    memchr::memchr3(b'\r', b'\n', 0, text).is_none()
}

impl fmt::Write for Checked<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.clean &= is_clean(text.as_bytes());
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

impl Writer {
    pub fn request(method: &Method, uri: &str) -> Self {
        let mut out = BytesMut::with_capacity(FIRST_BYTES);
        let mut fault = None;
        if !is_token(method.as_str()) {
            fault = Some(BuildError::Token(method.as_str().to_owned()));
        }
        let graphic =
            uri.bytes().all(|byte| super::super::grammar::is(byte, super::super::grammar::class::URI));
        if !graphic || !uri.contains(':') {
            fault = Some(BuildError::RequestUri(uri.to_owned()));
        }
        out.extend_from_slice(method.as_str().as_bytes());
        out.put_u8(b' ');
        let start = out.len();
        out.extend_from_slice(uri.as_bytes());
        let uri = span(start, out.len());
        out.extend_from_slice(b" SIP/2.0\r\n");
        Self { out, fields: FieldSpans::new(), start: Start::Request(method.clone(), uri), fault }
    }

    pub fn response(status: StatusCode, reason: &str) -> Self {
        let mut out = BytesMut::with_capacity(FIRST_BYTES);
        let code = status.code();
        out.extend_from_slice(b"SIP/2.0 ");
        out.extend_from_slice(&[100, 10, 1].map(|unit| b'0' + (code / unit % 10) as u8));
        out.put_u8(b' ');
        let start = out.len();
        out.extend_from_slice(reason.as_bytes());
        let reason_span = span(start, out.len());
        out.extend_from_slice(b"\r\n");
        // The status line is no header field; the nearest name stands for it in the error.
        let fault = (!is_clean(reason.as_bytes())).then_some(BuildError::Injection(HeaderName::Other));
        Self { out, fields: FieldSpans::new(), start: Start::Response(status, reason_span), fault }
    }

    fn blame(&mut self, error: BuildError) {
        self.fault.get_or_insert(error);
    }

    /// A fault found by a builder.
    pub fn fail(&mut self, error: BuildError) {
        self.blame(error);
    }

    fn line(&mut self, name: HeaderName, name_text: &[u8], write: impl FnOnce(&mut BytesMut) -> bool) {
        let name_start = self.out.len();
        self.out.extend_from_slice(name_text);
        let name_end = self.out.len();
        self.out.extend_from_slice(b": ");
        let value_start = self.out.len();
        if !write(&mut self.out) {
            self.blame(BuildError::Injection(name));
        }
        let (value_start, value_end) = trimmed(&self.out, value_start);
        self.fields.push(FieldSpan {
            name,
            name_span: span(name_start, name_end),
            value: span(value_start, value_end),
        });
        self.out.extend_from_slice(b"\r\n");
    }

    /// One header field with a known name.
    pub fn field(&mut self, name: HeaderName, value: impl fmt::Display) {
        if name == HeaderName::Other {
            return self.blame(BuildError::Token(String::new()));
        }
        self.line(name, name.as_str().as_bytes(), |out| display(out, value));
    }

    /// One header field whose value is text already.
    pub fn text(&mut self, name: HeaderName, value: &str) {
        self.line(name, name.as_str().as_bytes(), |out| {
            out.extend_from_slice(value.as_bytes());
            is_clean(value.as_bytes())
        });
    }

    /// One header field with any name.
    pub fn named(&mut self, name: &str, value: impl fmt::Display) {
        if !is_token(name) {
            self.blame(BuildError::Token(name.to_owned()));
            return;
        }
        self.line(HeaderName::parse(name), name.as_bytes(), |out| display(out, value));
    }

    /// A header field of another message, its value byte for byte but for continuation lines, which are joined.
    pub fn copy(&mut self, field: &Field<'_>) {
        self.copy_with(field, |_| {});
    }

    /// As [`Writer::copy`], with a tag parameter after the value.
    pub fn copy_tagged(&mut self, field: &Field<'_>, tag: &str) {
        self.copy_with(field, |out| {
            out.extend_from_slice(b";tag=");
            out.extend_from_slice(tag.as_bytes());
        });
        if !is_token(tag) {
            self.blame(BuildError::Token(tag.to_owned()));
        }
    }

    fn copy_with(&mut self, field: &Field<'_>, more: impl FnOnce(&mut BytesMut)) {
        let name = field.name();
        let text = if name == HeaderName::Other { field.name_text() } else { name.as_str() };
        self.line(name, text.as_bytes(), |out| {
            out.extend_from_slice(field.unfolded());
            more(out);
            true
        });
    }

    /// Content-Length, the empty line and the body.
    fn finish(mut self, body: &[u8]) -> Result<(Core, Start), BuildError> {
        let mut digits = [0; 20];
        let length = decimal(body.len() as u64, &mut digits);
        self.line(HeaderName::ContentLength, b"Content-Length", |out| {
            out.extend_from_slice(length);
            true
        });
        self.out.extend_from_slice(b"\r\n");
        let head = self.out.len();
        self.out.extend_from_slice(body);
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if head > usize::from(u16::MAX) || self.out.len() > u32::MAX as usize {
            return Err(BuildError::TooLarge);
        }
        let core = Core {
            bytes: self.out.freeze(),
            unfolded: None,
            fields: self.fields,
            body: head as u32,
            declared: Declared::Exact,
            version: (2, 0),
        };
        Ok((core, self.start))
    }

    /// Ends a request.
    pub fn into_request(self, body: &[u8]) -> Result<Request, BuildError> {
        match self.finish(body)? {
            (core, Start::Request(method, uri)) => Ok(Request(Arc::new(RequestParts { method, uri, core }))),
            (_, Start::Response(..)) => Err(BuildError::Order),
        }
    }

    /// Ends a response.
    pub fn into_response(self, body: &[u8]) -> Result<Response, BuildError> {
        match self.finish(body)? {
            (core, Start::Response(status, reason)) => {
                Ok(Response(Arc::new(ResponseParts { status, reason, core })))
            }
            (_, Start::Request(..)) => Err(BuildError::Order),
        }
    }
}

fn display(out: &mut BytesMut, value: impl fmt::Display) -> bool {
    let mut checked = Checked { out, clean: true };
    // Writing into a buffer does not fail; a Display that fails itself is refused like a bad value.
    write!(checked, "{value}").is_ok() && checked.clean
}

/// The value without white space at its ends, as a parser would note it.
fn trimmed(out: &[u8], start: usize) -> (usize, usize) {
    let value = &out[start..];
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let skipped = value.iter().position(|byte| !blank(byte)).unwrap_or(value.len());
    let kept = value.iter().rposition(|byte| !blank(byte)).map_or(skipped, |last| last + 1);
    (start + skipped, start + kept.max(skipped))
}

/// A number in decimal, without going through formatting.
pub(crate) fn decimal(mut number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[at..];
        }
    }
}
