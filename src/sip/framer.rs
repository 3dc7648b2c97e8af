//! Cutting a byte stream into messages (RFC 3261 §18.3, RFC 5626 §3.5.1).

use bytes::{Buf, Bytes, BytesMut};

use super::error::ParseErrorKind;
use super::limits::{Bound, Limits};
use super::lines::{self, Step};
use super::{HeaderName, Salvage, StatusCode};

/// What a stream held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// One whole message, to be given to [`super::Message::parse`].
    Message(Bytes),
    /// CRLF between messages: the answer to our ping. The first of two CRLF is reported like this as well, at once,
    /// because nobody can know whether another will follow; a pong that was not waited for means nothing.
    Pong,
    /// A second CRLF right after the first: the peer's ping. It is answered with one CRLF.
    Ping,
}

/// Why a stream cannot be cut any further. The connection is to be closed; a request that can be made out may be
/// answered first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stream: {kind}")]
pub struct FrameError {
    /// What is wrong.
    pub kind: FrameErrorKind,
    /// The bytes from the start of the message on, as far as they came.
    pub bytes: Bytes,
}

/// What makes a stream impossible to cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameErrorKind {
    /// The head breaks the grammar so that its end cannot be trusted, or passes a limit.
    #[error(transparent)]
    Head(#[from] ParseErrorKind),
    /// Content-Length is missing: on a stream it must be there (RFC 3261 §18.3).
    #[error("no Content-Length")]
    NoContentLength,
    /// Content-Length is not a number, or there are several that differ.
    #[error("bad Content-Length")]
    ContentLength,
}

impl FrameError {
    /// The status that answers a request with this error.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self.kind {
            FrameErrorKind::Head(ParseErrorKind::TooLarge { what, .. }) => what.status(),
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// Whether what was found is SIP at all. If not, it does not belong to whoever sent it as a message: right behind
    /// one, the length of that one was too short.
    #[must_use]
    pub fn begins_as_sip(&self) -> bool {
        let line = self.bytes.split(|byte| matches!(byte, b'\r' | b'\n')).next();
        line.is_some_and(names_sip)
    }

    /// What can be made out for a stateless answer; see [`super::ParseError::salvage`].
    #[must_use]
    pub fn salvage(&self) -> Option<Salvage> {
        Salvage::from_bytes(&self.bytes, &Limits::default())
    }
}

/// Where in a message the framer is.
#[derive(Clone, Copy, Debug)]
enum State {
    /// Before a message. `after_crlf`: one CRLF was just reported.
    Between { after_crlf: bool },
    /// In the head. The field that is being read begins at `line`, and no line end stands before `scanned`.
    Head { line: usize, scanned: usize, length: Option<usize> },
    /// The message has this many bytes.
    Body { total: usize },
    /// An error was reported; nothing comes any more.
    Broken,
}

/// Cuts one stream. Bytes are pushed as they come, then frames are pulled until there is none.
///
/// It holds at most one incomplete message, bounded by [`Limits::message_bytes`], and what was pushed since the last
/// pull. Work is linear in the bytes however they are cut.
#[derive(Debug)]
pub struct StreamFramer {
    limits: Limits,
    buffer: BytesMut,
    state: State,
}

impl StreamFramer {
    /// A framer for a new stream.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, buffer: BytesMut::new(), state: State::Between { after_crlf: false } }
    }

    /// Takes bytes in.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The buffer to read a socket into, at its end. Bytes that are there already must stay as they are.
    pub const fn buffer_mut(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Whether a message has begun and is not complete: what a slow peer is watched by.
    #[must_use]
    pub const fn is_mid_message(&self) -> bool {
        matches!(self.state, State::Head { .. } | State::Body { .. })
    }

    /// The next frame; `None` until more bytes come.
    ///
    /// # Errors
    /// When the stream cannot be cut any further. After that there is nothing but `None`.
    pub fn pull(&mut self) -> Result<Option<Frame>, FrameError> {
        if let State::Broken = self.state {
            self.buffer.clear();
            return Ok(None);
        }
        let next = loop {
            match self.step() {
                Ok(Some(state)) => self.state = state,
                Ok(None) => break Ok(self.complete()),
                Err(kind) => break Err(kind),
            }
            if let State::Between { .. } = self.state {
                let ping = matches!(self.state, State::Between { after_crlf: false });
                return Ok(Some(if ping { Frame::Ping } else { Frame::Pong }));
            }
        };
        next.map_err(|kind| {
            self.state = State::Broken;
            FrameError { kind, bytes: self.buffer.split().freeze() }
        })
    }

    /// The message, when all of it is there.
    fn complete(&mut self) -> Option<Frame> {
        match self.state {
            State::Body { total } if self.buffer.len() >= total => {
                self.state = State::Between { after_crlf: false };
                Some(Frame::Message(self.buffer.split_to(total).freeze()))
            }
            _ => None,
        }
    }

    /// One step on: the next state, or `None` when nothing more can be done with what is there.
    fn step(&mut self) -> Result<Option<State>, FrameErrorKind> {
        match self.state {
            State::Between { after_crlf } => self.between(after_crlf),
            State::Head { line, scanned, length } => self.head(line, scanned, length),
            State::Body { .. } | State::Broken => Ok(None),
        }
    }

    fn between(&mut self, after_crlf: bool) -> Result<Option<State>, FrameErrorKind> {
        match *self.buffer {
            [] | [b'\r'] => Ok(None),
            [b'\r', b'\n', ..] => {
                self.buffer.advance(2);
                Ok(Some(State::Between { after_crlf: !after_crlf }))
            }
            [b'\r' | b'\n', ..] => Err(ParseErrorKind::LineEnd.into()),
            _ => Ok(Some(State::Head { line: 0, scanned: 0, length: None })),
        }
    }

    fn head(
        &mut self,
        line: usize,
        scanned: usize,
        length: Option<usize>,
    ) -> Result<Option<State>, FrameErrorKind> {
        let bytes = &self.buffer[..];
        let end = match lines::line_end(bytes, scanned) {
            Ok(end) => end,
            Err((ParseErrorKind::NoEmptyLine, _)) => {
                self.check_head(bytes.len(), bytes.len() - line)?;
                // A CR at the very end may be the first half of a line end.
                self.state =
                    State::Head { line, scanned: bytes.len().saturating_sub(1).max(scanned), length };
                return Ok(None);
            }
            Err((kind, _)) => return Err(kind.into()),
        };
        let next = end + 2;
        self.check_head(next, next - line)?;
        if line == 0 {
            start_line(&bytes[..end])?;
        }
        if line == end && line > 0 {
            return self.body(next, length).map(Some);
        }
        match bytes.get(next) {
            // A continuation line, perhaps: the next byte says.
            None => {
                self.state = State::Head { line, scanned: end, length };
                Ok(None)
            }
            Some(b' ' | b'\t') if line > 0 => Ok(Some(State::Head { line, scanned: next, length })),
            Some(_) => {
                let length = if line == 0 { None } else { content_length(bytes, line, length)? };
                Ok(Some(State::Head { line: next, scanned: next, length }))
            }
        }
    }

    fn check_head(&self, head: usize, line: usize) -> Result<(), ParseErrorKind> {
        let limits = &self.limits;
        let over = |what, limit| Err(ParseErrorKind::TooLarge { what, limit });
        if head > limits.headers_bytes {
            return over(Bound::HeadersBytes, limits.headers_bytes);
        }
        if line > limits.header_line_bytes {
            return over(Bound::HeaderLineBytes, limits.header_line_bytes);
        }
        Ok(())
    }

    fn body(&self, head: usize, length: Option<usize>) -> Result<State, FrameErrorKind> {
        let length = length.ok_or(FrameErrorKind::NoContentLength)?;
        let over = |what, limit| Err(ParseErrorKind::TooLarge { what, limit }.into());
        if length > self.limits.body_bytes {
            return over(Bound::BodyBytes, self.limits.body_bytes);
        }
        if head + length > self.limits.message_bytes {
            return over(Bound::MessageBytes, self.limits.message_bytes);
        }
        Ok(State::Body { total: head + length })
    }
}

/// A first line that does not even name SIP is another protocol. Any other flaw is left to the parser, which can have
/// it answered without giving up the stream.
fn start_line(line: &[u8]) -> Result<(), FrameErrorKind> {
    if names_sip(line) { Ok(()) } else { Err(ParseErrorKind::StartLine.into()) }
}

fn names_sip(line: &[u8]) -> bool {
    line.windows(4).any(|window| window.eq_ignore_ascii_case(b"SIP/"))
}

fn content_length(bytes: &[u8], line: usize, before: Option<usize>) -> Result<Option<usize>, FrameErrorKind> {
    let Ok(Step::Field(field, _)) = lines::field(bytes, line) else { return Ok(before) };
    if field.name != HeaderName::ContentLength {
        return Ok(before);
    }
    match super::parse::digits(&bytes[field.value_start..field.value_end]) {
        Some(length) if before.is_none_or(|before| before == length) => Ok(Some(length)),
        _ => Err(FrameErrorKind::ContentLength),
    }
}
