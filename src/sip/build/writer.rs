//! The buffer under the builders: header fields in, a finished message out.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use bytes::{BufMut, BytesMut};

use super::super::error::BuildError;
use super::super::grammar::{class, is, is_token};
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
///
/// Boxed, because builders are handed on by value with every call.
pub(crate) struct Writer {
    out: BytesMut,
    fields: FieldSpans,
    start: Start,
    fault: Option<BuildError>,
}

/// Nothing in it can begin another line.
fn is_clean(text: &[u8]) -> bool {
    memchr::memchr3(b'\r', b'\n', 0, text).is_none()
}

impl Writer {
    pub fn request(method: &Method, uri: &str) -> Box<Self> {
        let mut out = BytesMut::with_capacity(FIRST_BYTES);
        let mut fault = None;
        if !is_token(method.as_str()) {
            fault = Some(BuildError::Token(method.as_str().to_owned()));
        }
        if !uri.bytes().all(|byte| is(byte, class::URI)) || !uri.contains(':') {
            fault = Some(BuildError::RequestUri(uri.to_owned()));
        }
        out.extend_from_slice(method.as_str().as_bytes());
        out.put_u8(b' ');
        let start = out.len();
        out.extend_from_slice(uri.as_bytes());
        let uri = span(start, out.len());
        out.extend_from_slice(b" SIP/2.0\r\n");
        Box::new(Self { out, fields: FieldSpans::new(), start: Start::Request(method.clone(), uri), fault })
    }

    pub fn response(status: StatusCode, reason: &str) -> Box<Self> {
        let mut out = BytesMut::with_capacity(FIRST_BYTES);
        let [a, b, c] = [100, 10, 1].map(|unit| b'0' + (status.code() / unit % 10) as u8);
        out.extend_from_slice(&[b'S', b'I', b'P', b'/', b'2', b'.', b'0', b' ', a, b, c, b' ']);
        let start = out.len();
        out.extend_from_slice(reason.as_bytes());
        let span = span(start, out.len());
        out.extend_from_slice(b"\r\n");
        let fault = (!is_clean(reason.as_bytes())).then_some(BuildError::Reason);
        Box::new(Self { out, fields: FieldSpans::new(), start: Start::Response(status, span), fault })
    }

    /// Notes a fault; the first one stays.
    pub fn fail(&mut self, error: BuildError) {
        self.fault.get_or_insert(error);
    }

    /// One line: the name, then what `write` puts after it. `write` says whether that can stand there.
    fn line(&mut self, name: HeaderName, name_text: &str, write: impl FnOnce(&mut BytesMut) -> bool) {
        let name_start = self.out.len();
        self.out.extend_from_slice(name_text.as_bytes());
        let name_end = self.out.len();
        self.out.extend_from_slice(b": ");
        let value_start = self.out.len();
        if !write(&mut self.out) {
            self.fail(BuildError::Injection(name));
        }
        let value = trimmed(&self.out, value_start);
        self.fields.push(FieldSpan { name, name_span: span(name_start, name_end), value });
        self.out.extend_from_slice(b"\r\n");
    }

    /// One header field with a known name.
    pub fn field(&mut self, name: HeaderName, value: impl fmt::Display) {
        if name == HeaderName::Other {
            return self.fail(BuildError::Token(String::new()));
        }
        self.line(name, name.as_str(), |out| display(out, value));
    }

    /// One header field with a known name whose value is text already.
    pub fn text(&mut self, name: HeaderName, value: &str) {
        self.line(name, name.as_str(), |out| {
            out.extend_from_slice(value.as_bytes());
            is_clean(value.as_bytes())
        });
    }

    /// CSeq.
    pub fn cseq(&mut self, sequence: u32, method: &Method) {
        self.line(HeaderName::CSeq, HeaderName::CSeq.as_str(), |out| {
            put_decimal(out, sequence as usize);
            out.put_u8(b' ');
            out.extend_from_slice(method.as_str().as_bytes());
            true
        });
    }

    /// One header field with any name.
    pub fn named(&mut self, name: &str, value: impl fmt::Display) {
        if !is_token(name) {
            return self.fail(BuildError::Token(name.to_owned()));
        }
        self.line(HeaderName::parse(name), name, |out| display(out, value));
    }

    /// A header field of another message: its value byte for byte but for continuation lines, which are joined; its
    /// name in full.
    pub fn copy(&mut self, field: &Field<'_>) {
        let name = field.name();
        let text = field.name_text();
        if let Some((line, value)) = field.plain_line()
            && (name == HeaderName::Other || text == name.as_str())
        {
            let start = self.out.len();
            self.out.extend_from_slice(line);
            let end = self.out.len() - 2;
            let name_span = span(start, start + text.len());
            self.fields.push(FieldSpan { name, name_span, value: span(start + value, end) });
            return;
        }
        self.copy_with(field, |_| {});
    }

    /// As [`Writer::copy`], with a tag parameter after the value.
    pub fn copy_tagged(&mut self, field: &Field<'_>, tag: &str) {
        if !is_token(tag) {
            self.fail(BuildError::Token(tag.to_owned()));
        }
        self.copy_with(field, |out| {
            out.extend_from_slice(b";tag=");
            out.extend_from_slice(tag.as_bytes());
        });
    }

    fn copy_with(&mut self, field: &Field<'_>, more: impl FnOnce(&mut BytesMut)) {
        let name = field.name();
        let text = if name == HeaderName::Other { field.name_text() } else { name.as_str() };
        self.line(name, text, |out| {
            out.extend_from_slice(field.unfolded());
            more(out);
            true
        });
    }

    /// Content-Length, the empty line and the body.
    fn finish(&mut self, body: &[u8]) -> Result<Core, BuildError> {
        self.out.reserve(body.len() + 32);
        self.line(HeaderName::ContentLength, HeaderName::ContentLength.as_str(), |out| {
            put_decimal(out, body.len());
            true
        });
        self.out.extend_from_slice(b"\r\n");
        let head = self.out.len();
        self.out.extend_from_slice(body);
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        if head > usize::from(u16::MAX) || self.out.len() > u32::MAX as usize {
            return Err(BuildError::TooLarge);
        }
        Ok(Core {
            bytes: self.out.split().freeze(),
            unfolded: None,
            fields: std::mem::take(&mut self.fields),
            body: head as u32,
            declared: Declared::Exact,
            version: (2, 0),
        })
    }

    /// Ends a request.
    pub fn into_request(mut self: Box<Self>, body: &[u8]) -> Result<Request, BuildError> {
        let core = self.finish(body)?;
        match self.start {
            Start::Request(method, uri) => Ok(Request(Arc::new(RequestParts { method, uri, core }))),
            Start::Response(..) => Err(BuildError::Order),
        }
    }

    /// Ends a response.
    pub fn into_response(mut self: Box<Self>, body: &[u8]) -> Result<Response, BuildError> {
        let core = self.finish(body)?;
        match self.start {
            Start::Response(status, reason) => Ok(Response(Arc::new(ResponseParts { status, reason, core }))),
            Start::Request(..) => Err(BuildError::Order),
        }
    }
}

/// Writes a value and says whether it can stand in a line.
fn display(out: &mut BytesMut, value: impl fmt::Display) -> bool {
    let start = out.len();
    // Writing into a buffer does not fail; a Display that fails itself is refused like a bad value.
    write!(out, "{value}").is_ok() && is_clean(&out[start..])
}

/// The place of a value without white space at its ends, as a parser would note it.
fn trimmed(out: &[u8], start: usize) -> Span {
    let value = &out[start..];
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let end = value.iter().rposition(|byte| !blank(byte)).map_or(0, |last| last + 1);
    // A value of nothing but blanks is noted where its line ends, as the parser notes it.
    let skipped = value.iter().position(|byte| !blank(byte)).unwrap_or(value.len());
    span(start + skipped, start + end.max(skipped))
}

/// A number in decimal, without going through formatting.
fn put_decimal(out: &mut BytesMut, mut number: usize) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return out.extend_from_slice(&digits[at..]);
        }
    }
}
