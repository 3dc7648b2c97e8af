//! A look at a message before it is parsed: which shard and which lane it belongs to.
//!
//! Uses the same line reader and the same value readers as the parser, so both see the same (property-tested: what
//! the scan finds is what the parsed message says).

use super::grammar;
use super::headers::FieldValue;
use super::lines::{self, StartLine, Step};
use super::{CallId, HeaderName, Limits, Method, NameAddr};

/// What a message can be sorted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteKey<'a> {
    /// Call-ID: its keyed hash picks the shard.
    pub call_id: &'a str,
    /// Whether it is a request.
    pub is_request: bool,
    /// The method of a request; `None` for a response.
    pub method: Option<Method>,
    /// Whether To has a tag: the message belongs to a dialog that exists.
    pub has_to_tag: bool,
}

impl RouteKey<'_> {
    /// Whether the message serves calls that exist: a response, ACK, CANCEL, BYE or anything with a To tag. Such
    /// messages go before new requests.
    #[must_use]
    pub const fn is_for_existing(&self) -> bool {
        !self.is_request
            || self.has_to_tag
            || matches!(self.method, Some(Method::Ack | Method::Cancel | Method::Bye))
    }

    /// Whether the message may be about an INVITE that nobody has looked at yet: it serves a call that exists, but not by
    /// a tag of ours, which its sender could not know before.
    #[must_use]
    pub const fn may_follow_invite(&self) -> bool {
        self.is_request && !self.has_to_tag && self.is_for_existing()
    }
}

/// Finds Call-ID, method and To tag without reading the rest. `None` when the bytes have no readable start line, no
/// Call-ID or no To: such a message goes to any shard, whose parser says what is wrong with it.
#[must_use]
pub fn route_key(bytes: &[u8]) -> Option<RouteKey<'_>> {
    let bytes = &bytes[lines::skip_line_ends(bytes)..];
    let end = lines::line_end(bytes, 0).ok()?;
    let method = match lines::start_line(bytes, 0, end, &Limits::WIDEST).ok()? {
        StartLine::Request { method_end, .. } => {
            Some(Method::parse(std::str::from_utf8(&bytes[..method_end]).ok()?)?)
        }
        StartLine::Status { .. } => None,
    };
    let (mut call_id, mut has_to_tag) = (None, None);
    let mut at = end + 2;
    while call_id.is_none() || has_to_tag.is_none() {
        let Step::Field(field, next) = lines::field(bytes, at).ok()? else { return None };
        at = next;
        // As in the parsed message, the first field of a name counts.
        let wanted = match field.name {
            HeaderName::CallId => call_id.is_none(),
            HeaderName::To => has_to_tag.is_none(),
            _ => false,
        };
        if !wanted {
            continue;
        }
        let value = std::str::from_utf8(&bytes[field.value_start..field.value_end]).ok()?;
        match field.name {
            HeaderName::CallId => call_id = Some(grammar::whole(value, CallId::read).ok()?.0),
            _ if field.folded => has_to_tag = Some(to_tag(&joined(value))?),
            _ => has_to_tag = Some(to_tag(value)?),
        }
    }
    Some(RouteKey { call_id: call_id?, is_request: method.is_some(), method, has_to_tag: has_to_tag? })
}

fn to_tag(value: &str) -> Option<bool> {
    grammar::whole(value, NameAddr::read).ok().map(|to| to.tag().is_some())
}

/// Continuation lines joined, as the parser does it. Call-IDs hold no white space, so only To can have come folded.
fn joined(value: &str) -> String {
    value.replace(['\r', '\n'], " ")
}
