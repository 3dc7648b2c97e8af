//! Bytes to a message: start line, header lines, Content-Length (RFC 3261 §7, §18.3).

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::error::{ParseError, ParseErrorKind};
use super::limits::{Bound, Limits};
use super::lines::{self, LineFault, RawField, StartLine, Step, over};
use super::message::{RequestParts, ResponseParts};
use super::spans::{Core, Declared, FieldSpan, FieldSpans, Span};
use super::{HeaderName, Message, Method, Request, Response, StatusCode};

/// See [`Message::parse`].
pub(crate) fn message(bytes: Bytes, limits: &Limits) -> Result<Message, ParseError> {
    match read(&bytes, limits) {
        Ok(message) => Ok(message),
        Err((kind, offset)) => Err(ParseError::new(kind, offset, bytes)),
    }
}

fn read(bytes: &Bytes, limits: &Limits) -> Result<Message, LineFault> {
    over(bytes.len(), limits.message_bytes.min(u32::MAX as usize), Bound::MessageBytes, 0)?;
    let skipped = lines::skip_line_ends(bytes);
    let bytes = if skipped == 0 { bytes.clone() } else { bytes.slice(skipped..) };
    if bytes.is_empty() {
        return Err((ParseErrorKind::Empty, 0));
    }
    let end = lines::line_end(&bytes, 0)?;
    let start = lines::start_line(&bytes, 0, end, limits)?;
    let fields = Fields::read(&bytes, end + 2, limits)?;
    assemble(bytes, start, fields, limits)
}

/// Header fields found so far.
pub(crate) struct Fields {
    pub spans: FieldSpans,
    pub folded: bool,
    pub body: usize,
    vias: usize,
}

impl Fields {
    pub(crate) fn new() -> Self {
        Self { spans: FieldSpans::new(), folded: false, body: 0, vias: 0 }
    }

    fn read(bytes: &[u8], from: usize, limits: &Limits) -> Result<Self, LineFault> {
        let mut fields = Self::new();
        let mut at = from;
        loop {
            // A datagram that ends with its last header line lacks the empty one: nothing else could come, and some phones
            // send such. Streams are cut at the empty line.
            if at == bytes.len() && !fields.spans.is_empty() {
                over(at, headers_max(limits), Bound::HeadersBytes, at)?;
                fields.body = at;
                return Ok(fields);
            }
            match lines::field(bytes, at)? {
                Step::Field(field, next) => {
                    fields.push(&field, next, limits)?;
                    at = next;
                }
                Step::End(body) => {
                    over(body, headers_max(limits), Bound::HeadersBytes, at)?;
                    fields.body = body;
                    return Ok(fields);
                }
            }
        }
    }

    /// Takes one field in, if the limits allow.
    pub(crate) fn push(&mut self, field: &RawField, next: usize, limits: &Limits) -> Result<(), LineFault> {
        let at = field.name_start;
        over(next, headers_max(limits), Bound::HeadersBytes, at)?;
        over(next - at, limits.header_line_bytes, Bound::HeaderLineBytes, at)?;
        over(self.spans.len() + 1, limits.header_count, Bound::HeaderCount, at)?;
        if field.name == HeaderName::Via {
            self.vias += 1;
            over(self.vias, limits.via_count, Bound::ViaCount, at)?;
        }
        self.folded |= field.folded;
        self.spans.push(FieldSpan {
            name: field.name,
            name_span: span(field.name_start, field.name_end),
            value: span(field.value_start, field.value_end),
        });
        Ok(())
    }
}

fn headers_max(limits: &Limits) -> usize {
    limits.headers_bytes.min(usize::from(u16::MAX))
}

/// A span inside the header section, whose length was checked against 65,535.
pub(crate) fn span(start: usize, end: usize) -> Span {
    let clamp = |at: usize| u16::try_from(at).unwrap_or(u16::MAX);
    Span { start: clamp(start), end: clamp(end) }
}

fn assemble(bytes: Bytes, start: StartLine, fields: Fields, limits: &Limits) -> Result<Message, LineFault> {
    let there = bytes.len() - fields.body;
    let (declared, length) = content_length(&bytes, &fields.spans, there);
    over(length, limits.body_bytes, Bound::BodyBytes, fields.body)?;
    Ok(build(bytes.slice(..fields.body + length), start, fields, declared))
}

/// Puts the parts together. `bytes` ends with the body.
pub(crate) fn build(bytes: Bytes, start: StartLine, mut fields: Fields, declared: Declared) -> Message {
    let unfolded = fields.folded.then(|| unfold(&bytes, &mut fields.spans));
    let body = u32::try_from(fields.body).unwrap_or(u32::MAX);
    let core =
        |version| Core { bytes: bytes.clone(), unfolded, fields: fields.spans, body, declared, version };
    match start {
        StartLine::Request { method_end, uri_start, uri_end, version } => {
            // The line reader let only token characters through, which are ASCII.
            let method = Method::parse(std::str::from_utf8(&bytes[..method_end]).unwrap_or_default());
            let method = method.unwrap_or_else(|| Method::Other("".into()));
            let core = core(version);
            Message::Request(Request(Arc::new(RequestParts { method, uri: span(uri_start, uri_end), core })))
        }
        StartLine::Status { code, reason_start, reason_end, version } => {
            let status = StatusCode::new(code).unwrap_or(StatusCode::SERVER_INTERNAL_ERROR);
            let core = core(version);
            Message::Response(Response(Arc::new(ResponseParts {
                status,
                reason: span(reason_start, reason_end),
                core,
            })))
        }
    }
}

/// A copy whose continuation lines are joined. What a value loses by it is filled up behind it, so that all places hold
/// for both; the values' ends are moved.
fn unfold(bytes: &[u8], fields: &mut [FieldSpan]) -> Bytes {
    let head = fields.last().map_or(0, |field| usize::from(field.value.end));
    let mut copy = BytesMut::from(&bytes[..head]);
    for Span { start, end } in fields.iter_mut().map(|field| &mut field.value) {
        let length = lines::unfold(&mut copy[usize::from(*start)..usize::from(*end)]);
        *end = span(0, usize::from(*start) + length).end;
    }
    copy.freeze()
}

/// What Content-Length declares and how many bytes of body there are to take, of the `there` that follow.
fn content_length(bytes: &[u8], fields: &[FieldSpan], there: usize) -> (Declared, usize) {
    let mut declared: Option<usize> = None;
    for field in fields.iter().filter(|field| field.name == HeaderName::ContentLength) {
        let value = &bytes[usize::from(field.value.start)..usize::from(field.value.end)];
        match digits(value) {
            Some(length) if declared.is_none_or(|before| before == length) => declared = Some(length),
            _ => return (Declared::Malformed, there),
        }
    }
    match declared {
        None => (Declared::Nothing, there),
        Some(length) if length <= there => (Declared::Exact, length),
        Some(_) => (Declared::Short, there),
    }
}

/// Decimal digits and nothing else.
pub(crate) fn digits(value: &[u8]) -> Option<usize> {
    if value.is_empty() || value.len() > 10 {
        return None;
    }
    value
        .iter()
        .try_fold(0_usize, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + usize::from(byte - b'0')))
}
