//! What of a body is understood, its parts included: RFC 3261 §8.2.3 and §20.11, RFC 5621 §4 and §6, RFC 2046 §5.1.
//!
//! A session description is understood where it is meant for the session, and a type that engines take whatever it is
//! for. A part must be understood where it says `handling=required`; of alternatives one is enough.
//!
//! RFC 3261 §20.11 has a part that says nothing of its handling required. Real calls bring locations, ISUP and plain text
//! beside their description without a word about it, and are refused by nobody else; so the rule is kept for a body that
//! is nothing but the part, and for a multipart body without a description: a call that says nothing we understand.

use bytes::Bytes;

use crate::sip::multipart::{MultipartError, Part, parts};
use crate::sip::{Bound, Disposition, Limits, MediaType};

/// What came of a body or a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Everything that must be understood is.
    Understood {
        /// The first description for the session.
        description: Option<Bytes>,
        /// Whether there is more than the description.
        more: bool,
    },
    /// It is not understood.
    Not,
    /// A part of it that says `handling=required` is not.
    Required,
}

/// How bodies are read.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    accept: &'a [String],
    /// Whether a part that is not understood makes the whole not understood.
    strict: bool,
    limits: Limits,
}

impl<'a> Reader<'a> {
    /// For a request, which can be refused. `accept` is what engines take.
    pub fn strict(accept: &'a [String]) -> Self {
        Self { accept, strict: true, limits: Limits::default() }
    }

    /// For what cannot be refused: the description is looked for, everything else passed over.
    pub fn lenient() -> Self {
        Self { accept: &[], strict: false, limits: Limits::default() }
    }

    /// Reads a body.
    ///
    /// # Errors
    /// When a multipart body cannot be taken apart, or nests too deep.
    pub fn read(
        &self,
        media_type: &MediaType<'_>,
        disposition: Option<Disposition<'_>>,
        content: &Bytes,
    ) -> Result<Reading, MultipartError> {
        self.within(media_type, disposition, content, 0)
    }

    fn within(
        &self,
        media_type: &MediaType<'_>,
        disposition: Option<Disposition<'_>>,
        content: &Bytes,
        depth: usize,
    ) -> Result<Reading, MultipartError> {
        if !media_type.is_multipart() {
            return Ok(self.single(media_type, disposition, content));
        }
        if depth == self.limits.multipart_nesting {
            let limit = self.limits.multipart_nesting;
            return Err(MultipartError::TooLarge { what: Bound::MultipartNesting, limit });
        }
        let boundary = media_type.boundary().ok_or(MultipartError::NoBoundary)?;
        let parts = parts(content, boundary, &self.limits)?;
        if media_type.is("multipart", "alternative") {
            return self.alternatives(&parts, depth);
        }
        let root = media_type.is("multipart", "related").then(|| root(media_type, &parts));
        self.together(&parts, root, depth)
    }

    fn single(
        &self,
        media_type: &MediaType<'_>,
        disposition: Option<Disposition<'_>>,
        content: &Bytes,
    ) -> Reading {
        let for_session =
            disposition.is_none_or(|disposition| disposition.kind.eq_ignore_ascii_case("session"));
        if media_type.is_sdp() && for_session {
            return Reading::Understood { description: Some(content.clone()), more: false };
        }
        let listed = self.accept.iter().any(|accepted| {
            let name = accepted.split_once('/');
            name.is_some_and(|(kind, subtype)| media_type.is(kind.trim(), subtype.trim()))
        });
        if listed { Reading::Understood { description: None, more: true } } else { Reading::Not }
    }

    fn part(&self, part: &Part, depth: usize) -> Result<Reading, MultipartError> {
        match part.content_type() {
            Some(media_type) if !part.is_encoded() => {
                self.within(&media_type, part.content_disposition(), &part.content, depth + 1)
            }
            _ => Ok(Reading::Not),
        }
    }

    /// The last alternative that is understood is the one that is meant (RFC 2046 §5.1.4).
    fn alternatives(&self, parts: &[Part], depth: usize) -> Result<Reading, MultipartError> {
        for part in parts.iter().rev() {
            if let Reading::Understood { description, more } = self.part(part, depth)? {
                return Ok(Reading::Understood { description, more: more || parts.len() > 1 });
            }
        }
        Ok(Reading::Not)
    }

    /// Parts that are all there to be read: every multipart type that is not known is taken as mixed (RFC 2046 §5.1.3).
    fn together(&self, parts: &[Part], root: Option<usize>, depth: usize) -> Result<Reading, MultipartError> {
        let (mut found, mut more, mut passed_over) = (None, parts.is_empty(), false);
        for (place, part) in parts.iter().enumerate() {
            match self.part(part, depth)? {
                Reading::Understood { description, more: also } => {
                    more |= also || (found.is_some() && description.is_some());
                    found = found.or(description);
                }
                reading @ (Reading::Not | Reading::Required) => {
                    let disposition = part.content_disposition();
                    let optional = disposition.is_some_and(|disposition| disposition.is_optional());
                    let required = disposition.is_some_and(|disposition| disposition.is_required());
                    if self.strict && (required || !optional && reading == Reading::Required) {
                        return Ok(Reading::Required);
                    }
                    if self.strict && root == Some(place) && !optional {
                        return Ok(Reading::Not);
                    }
                    // With a root, the others only help to read it (RFC 2387).
                    passed_over |= root.is_none() && !optional;
                    more = true;
                }
            }
        }
        if self.strict && passed_over && found.is_none() {
            return Ok(Reading::Not);
        }
        Ok(Reading::Understood { description: found, more })
    }
}

/// Which part `start` names; the first when it names none (RFC 2387 §3.2).
fn root(media_type: &MediaType<'_>, parts: &[Part]) -> usize {
    let Some(start) = media_type.params.get("start") else { return 0 };
    parts.iter().position(|part| part.header("Content-ID") == Some(start)).unwrap_or(0)
}
