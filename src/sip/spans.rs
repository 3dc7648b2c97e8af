//! What request and response share: the buffer, where the fields stand in it, and where the body begins.

use bytes::Bytes;
use smallvec::SmallVec;

use super::HeaderName;
use super::lines::{self, Step};

/// A stretch of the header section, in bytes. The section is at most 65,535 bytes long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub start: u16,
    pub end: u16,
}

/// Where one header field stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FieldSpan {
    pub name: HeaderName,
    pub name_span: Span,
    pub value: Span,
}

/// Fields kept without a second allocation.
const FIELDS_INLINE: usize = 18;

pub(crate) type FieldSpans = SmallVec<[FieldSpan; FIELDS_INLINE]>;

/// What Content-Length says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Declared {
    /// No such field.
    Nothing,
    /// One field, or several that agree, and that many bytes are there.
    Exact,
    /// More than there is.
    Short,
    /// Not a number, or several that differ.
    Malformed,
}

pub(crate) struct Core {
    /// The message exactly.
    pub bytes: Bytes,
    /// When the message has continuation lines: the header section with each line break and the white space around it
    /// turned into one space (RFC 3261 §7.3.1), filled up behind the value. Spans are those of this copy, and begin at the
    /// same places in `bytes`.
    pub unfolded: Option<Bytes>,
    pub fields: FieldSpans,
    /// Where the body begins.
    pub body: u32,
    pub declared: Declared,
    pub version: (u8, u8),
}

impl Core {
    fn head(&self) -> &[u8] {
        self.unfolded.as_ref().unwrap_or(&self.bytes)
    }

    /// The bytes of a span, without folds.
    pub fn raw(&self, span: Span) -> &[u8] {
        self.head().get(usize::from(span.start)..usize::from(span.end)).unwrap_or_default()
    }

    /// The text of a span, without folds; `None` when it is not UTF-8.
    pub fn text(&self, span: Span) -> Option<&str> {
        std::str::from_utf8(self.raw(span)).ok()
    }

    /// The bytes of a field's value as they came, folds and all.
    pub fn original(&self, field: &FieldSpan) -> &[u8] {
        let Span { start, mut end } = field.value;
        if self.unfolded.is_some()
            && let Ok(Step::Field(raw, _)) = lines::field(&self.bytes, usize::from(field.name_span.start))
        {
            end = u16::try_from(raw.value_end).unwrap_or(end);
        }
        self.bytes.get(usize::from(start)..usize::from(end)).unwrap_or_default()
    }

    pub fn body(&self) -> &[u8] {
        self.bytes.get(self.body as usize..).unwrap_or_default()
    }

    pub fn body_bytes(&self) -> Bytes {
        self.bytes.slice((self.body as usize).min(self.bytes.len())..)
    }
}
