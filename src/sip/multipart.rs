//! Multipart bodies (RFC 2046 §5.1, RFC 5621): their parts, and the first part of a type.

use bytes::Bytes;

use super::grammar::{self, class, run};
use super::limits::{Bound, Limits};
use super::lines;
use super::{Disposition, FieldValue, HeaderName, Headers, MediaType, StatusCode};

/// One part of a multipart body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    head: Bytes,
    /// The content, sharing the message's buffer.
    pub content: Bytes,
}

/// Why a multipart body cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MultipartError {
    /// Content-Type says multipart and has no usable `boundary`.
    #[error("no boundary")]
    NoBoundary,
    /// The boundary does not stand in the body, or nothing closes the last part.
    #[error("a part without an end")]
    Unclosed,
    /// A bound of [`Limits`] is passed.
    #[error("more than {limit} {}", what.name())]
    TooLarge {
        /// Which bound.
        what: Bound,
        /// Its setting.
        limit: usize,
    },
}

impl MultipartError {
    /// The status that answers a request with this error.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::TooLarge { what, .. } => what.status(),
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// The longest boundary (RFC 2046 §5.1.1), in bytes.
const BOUNDARY_MAX: usize = 70;

impl Part {
    /// The value of one of the part's own header fields, as written but for continuation lines, which are joined.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let head = std::str::from_utf8(&self.head).ok()?;
        head.split("\r\n").find_map(|line| {
            let (found, value) = line.split_once(':')?;
            let same = match HeaderName::parse(name) {
                HeaderName::Other => found.trim().eq_ignore_ascii_case(name),
                known => HeaderName::parse(found.trim()) == known,
            };
            same.then_some(value.trim())
        })
    }

    /// The part's type; `text/plain` when it names none (RFC 2046 §5.1).
    #[must_use]
    pub fn content_type(&self) -> Option<MediaType<'_>> {
        let text = self.header("Content-Type").unwrap_or("text/plain");
        grammar::whole(text, MediaType::read).ok()
    }

    /// What the part is for; `None` when it does not say so, or not readably.
    #[must_use]
    pub fn content_disposition(&self) -> Option<Disposition<'_>> {
        grammar::whole(self.header("Content-Disposition")?, Disposition::read).ok()
    }

    /// Whether the content is not as the type says but encoded, by Content-Encoding or by a Content-Transfer-Encoding
    /// that changes it (RFC 5621 §3.2).
    #[must_use]
    pub fn is_encoded(&self) -> bool {
        let plain = |value: &str| {
            ["identity", "binary", "8bit", "7bit"].iter().any(|name| name.eq_ignore_ascii_case(value))
        };
        ["Content-Encoding", "Content-Transfer-Encoding"]
            .iter()
            .any(|name| self.header(name).is_some_and(|value| !plain(value)))
    }
}

/// A part to be written.
#[derive(Clone, Copy, Debug)]
pub struct PartSpec<'a> {
    /// Its Content-Type.
    pub content_type: &'a str,
    /// Its Content-Disposition.
    pub disposition: &'a str,
    /// Its content.
    pub content: &'a [u8],
}

/// Writes a multipart body. The boundary must not stand in any part, and neither text may hold a line end.
#[must_use]
pub fn write(parts: &[PartSpec<'_>], boundary: &str) -> Bytes {
    let mut body = Vec::new();
    for PartSpec { content_type, disposition, content } in parts {
        let head = format!(
            "--{boundary}\r\nContent-Type: {content_type}\r\nContent-Disposition: {disposition}\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Bytes::from(body)
}

/// The parts of a multipart body with this boundary.
///
/// # Errors
/// When they cannot be told apart, or there are too many.
pub fn parts(body: &Bytes, boundary: &str, limits: &Limits) -> Result<Vec<Part>, MultipartError> {
    if boundary.is_empty() || boundary.len() > BOUNDARY_MAX {
        return Err(MultipartError::NoBoundary);
    }
    let mut parts = Vec::new();
    let mut delimiter = next_delimiter(body, 0, boundary).ok_or(MultipartError::Unclosed)?;
    while !delimiter.last {
        let next = next_delimiter(body, delimiter.content, boundary).ok_or(MultipartError::Unclosed)?;
        if parts.len() == limits.multipart_parts {
            let limit = limits.multipart_parts;
            return Err(MultipartError::TooLarge { what: Bound::MultipartParts, limit });
        }
        parts.push(part(body.slice(delimiter.content..next.before.max(delimiter.content))));
        delimiter = next;
    }
    Ok(parts)
}

/// A line of two hyphens and the boundary.
struct Delimiter {
    /// Where the content before it ends: before its own line end.
    before: usize,
    /// Where the content after it begins.
    content: usize,
    last: bool,
}

fn next_delimiter(body: &[u8], from: usize, boundary: &str) -> Option<Delimiter> {
    let mut at = from;
    loop {
        let dashes = at + memchr::memmem::find(&body[at..], b"--")?;
        at = dashes + 1;
        // What follows a delimiter line may itself begin with one: its content is empty then.
        let line_start = dashes == from || body[..dashes].ends_with(b"\r\n");
        let Some(mut rest) = body[dashes + 2..].strip_prefix(boundary.as_bytes()) else { continue };
        if !line_start {
            continue;
        }
        let last = rest.starts_with(b"--");
        if last {
            rest = &rest[2..];
        }
        rest = &rest[run(rest, class::SPACE)..];
        if !(rest.starts_with(b"\r\n") || (last && rest.is_empty())) {
            continue;
        }
        let content = (body.len() - rest.len() + 2).min(body.len());
        let before = if dashes == from { dashes } else { dashes - 2 };
        return Some(Delimiter { before, content, last });
    }
}

fn part(bytes: Bytes) -> Part {
    if bytes.starts_with(b"\r\n") {
        return Part { head: Bytes::new(), content: bytes.slice(2..) };
    }
    let (head, content) = match memchr::memmem::find(&bytes, b"\r\n\r\n") {
        Some(end) => (bytes.slice(..end), bytes.slice(end + 4..)),
        None => (bytes, Bytes::new()),
    };
    let folded = [b"\r\n ", b"\r\n\t"].iter().any(|fold| memchr::memmem::find(&head, *fold).is_some());
    Part { head: if folded { lines::unfold_lines(&head).into() } else { head }, content }
}

/// The body, or the part of it, that has this type: a body that is not multipart is its own only part.
///
/// # Errors
/// When a multipart body cannot be read, or nests too deep.
pub fn find(
    headers: Headers<'_>,
    body: &Bytes,
    kind: &str,
    subtype: &str,
    limits: &Limits,
) -> Result<Option<Bytes>, MultipartError> {
    match headers.content_type() {
        Ok(Some(media_type)) => within(&media_type, body, kind, subtype, limits, 0),
        _ => Ok(None),
    }
}

fn within(
    media_type: &MediaType<'_>,
    body: &Bytes,
    kind: &str,
    subtype: &str,
    limits: &Limits,
    depth: usize,
) -> Result<Option<Bytes>, MultipartError> {
    if media_type.is(kind, subtype) {
        return Ok(Some(body.clone()));
    }
    if !media_type.is_multipart() {
        return Ok(None);
    }
    if depth == limits.multipart_nesting {
        let limit = limits.multipart_nesting;
        return Err(MultipartError::TooLarge { what: Bound::MultipartNesting, limit });
    }
    let boundary = media_type.boundary().ok_or(MultipartError::NoBoundary)?;
    for part in parts(body, boundary, limits)? {
        let Some(media_type) = part.content_type() else { continue };
        if let Some(found) = within(&media_type, &part.content, kind, subtype, limits, depth + 1)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}
