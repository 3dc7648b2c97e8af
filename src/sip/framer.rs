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
    /// The bytes from the start of the message up to where it shows that the stream cannot be cut: the same however they
    /// came.
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

    /// What can be made out for a stateless answer; see [`super::ParseError::salvage`].
    #[must_use]
    pub fn salvage(&self) -> Option<Salvage> {
        Salvage::from_bytes(&self.bytes, &Limits::default())
    }
}

/// What Content-Length said so far. What is wrong with it is told at the head's end, when all that an answer needs is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Unsaid,
    Bytes(usize),
    Bad,
}

/// What is wrong, and how many bytes of the message show it.
type Fault = (FrameErrorKind, usize);

/// Where in a message the framer is.
#[derive(Clone, Copy, Debug)]
enum State {
    /// Before a message. `after_crlf`: one CRLF was just reported.
    Between { after_crlf: bool },
    /// In the head. The field that is being read begins at `line`, and no line end stands before `scanned`.
    Head { line: usize, scanned: usize, length: Length },
    /// The message has this many bytes.
    Body { total: usize },
    /// An error was reported; nothing comes any more.
    Broken,
}

/// Cuts one stream. Bytes are pushed as they come, then frames are pulled until there is none.
///
/// It holds at most one incomplete message, bounded by [`Limits::message_bytes`], and what was pushed since the last
/// pull. Work is linear in the bytes however they are cut, and so are the frames and the error: what follows a message
/// never changes what becomes of it. NUL, white space, and CR or LF alone between messages are passed over: some peers
/// keep a connection open with them, or end a message with one byte too many.
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
        next.map_err(|(kind, seen)| {
            self.state = State::Broken;
            let bytes = self.buffer.split_to(seen.min(self.buffer.len())).freeze();
            self.buffer.clear();
            FrameError { kind, bytes }
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
    fn step(&mut self) -> Result<Option<State>, Fault> {
        match self.state {
            State::Between { after_crlf } => self.between(after_crlf),
            State::Head { line, scanned, length } => self.head(line, scanned, length),
            State::Body { .. } | State::Broken => Ok(None),
        }
    }

    fn between(&mut self, mut after_crlf: bool) -> Result<Option<State>, Fault> {
        let noise = noise(&self.buffer);
        if noise > 0 {
            self.buffer.advance(noise);
            after_crlf = false;
            self.state = State::Between { after_crlf };
        }
        match *self.buffer {
            [] | [b'\r'] => Ok(None),
            [b'\r', b'\n', ..] => {
                self.buffer.advance(2);
                Ok(Some(State::Between { after_crlf: !after_crlf }))
            }
            _ => Ok(Some(State::Head { line: 0, scanned: 0, length: Length::Unsaid })),
        }
    }

    fn head(&mut self, line: usize, scanned: usize, length: Length) -> Result<Option<State>, Fault> {
        // The first byte past a limit is the last that is looked at, so that it does not matter whether more is there.
        let over_at = self.head_bytes_max(line) + 1;
        let bytes = &self.buffer[..self.buffer.len().min(over_at)];
        let end = match lines::line_end(bytes, scanned) {
            Ok(end) if end + 2 < over_at => end,
            Ok(_) | Err((ParseErrorKind::NoEmptyLine, _)) if bytes.len() == over_at => {
                return Err((self.over_head(line).into(), over_at));
            }
            Ok(_) | Err((ParseErrorKind::NoEmptyLine, _)) => {
                // A CR at the very end may be the first half of a line end.
                let scanned = bytes.len().saturating_sub(1).max(scanned);
                self.state = State::Head { line, scanned, length };
                return Ok(None);
            }
            Err((kind, at)) => {
                let seen = at + if bytes.get(at) == Some(&b'\r') { 2 } else { 1 };
                return Err((kind.into(), seen));
            }
        };
        let next = end + 2;
        if line == 0 {
            start_line(&bytes[..end]).map_err(|kind| (kind, next))?;
        }
        if line == end && line > 0 {
            return self.body(next, length).map(Some).map_err(|kind| (kind, next));
        }
        match bytes.get(next) {
            // A continuation line, perhaps: the next byte says.
            None => {
                self.state = State::Head { line, scanned: end, length };
                Ok(None)
            }
            Some(b' ' | b'\t') if line > 0 => Ok(Some(State::Head { line, scanned: next, length })),
            Some(_) => {
                let length = if line == 0 { length } else { content_length(bytes, line, length) };
                Ok(Some(State::Head { line: next, scanned: next, length }))
            }
        }
    }

    /// How far the head may reach while the field is read that begins at `line`.
    fn head_bytes_max(&self, line: usize) -> usize {
        self.limits.headers_bytes.min(line + self.limits.header_line_bytes)
    }

    /// Which of the two limits that is.
    fn over_head(&self, line: usize) -> ParseErrorKind {
        let Limits { headers_bytes, header_line_bytes, .. } = self.limits;
        if self.head_bytes_max(line) == headers_bytes {
            ParseErrorKind::TooLarge { what: Bound::HeadersBytes, limit: headers_bytes }
        } else {
            ParseErrorKind::TooLarge { what: Bound::HeaderLineBytes, limit: header_line_bytes }
        }
    }

    fn body(&self, head: usize, length: Length) -> Result<State, FrameErrorKind> {
        let length = match length {
            Length::Unsaid => return Err(FrameErrorKind::NoContentLength),
            Length::Bad => return Err(FrameErrorKind::ContentLength),
            Length::Bytes(length) => length,
        };
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

/// How many bytes from the start begin neither a message nor a CRLF. A CR at the very end may be the half of one.
fn noise(bytes: &[u8]) -> usize {
    let mut at = 0;
    loop {
        match bytes[at..] {
            [0 | b' ' | b'\t' | b'\n', ..] => at += 1,
            [b'\r', next, ..] if next != b'\n' => at += 1,
            _ => return at,
        }
    }
}

/// A first line that does not even name SIP is another protocol. Any other flaw is left to the parser, which can have
/// it answered without giving up the stream.
fn start_line(line: &[u8]) -> Result<(), FrameErrorKind> {
    if line.windows(4).any(|window| window.eq_ignore_ascii_case(b"SIP/")) {
        Ok(())
    } else {
        Err(ParseErrorKind::StartLine.into())
    }
}

fn content_length(bytes: &[u8], line: usize, before: Length) -> Length {
    let Ok(Step::Field(field, _)) = lines::field(bytes, line) else { return before };
    if field.name != HeaderName::ContentLength {
        return before;
    }
    match (super::parse::digits(&bytes[field.value_start..field.value_end]), before) {
        (Some(length), Length::Unsaid) => Length::Bytes(length),
        (Some(length), Length::Bytes(same)) if length == same => before,
        _ => Length::Bad,
    }
}
