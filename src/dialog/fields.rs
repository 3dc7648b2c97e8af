//! Which header fields belong to this floor and which pass through, both ways.

use std::time::Duration;

use crate::ground::leg::{Farewell, Party};
use crate::ground::{Body, HeaderField};
use crate::sip::{HeaderName, Headers, NameAddr, Request, Response};

use super::body;
use super::counters::Counters;
use super::error::LegIntentError;
use super::settings::{FIELDS_BYTES_MAX, FIELDS_MAX};

/// The header fields that are the floor's own: they are written from what is known here, never taken from a session, and
/// never handed up. All others pass.
pub const OWNED: [HeaderName; 31] = {
    use HeaderName as H;
    [
        H::Via,
        H::From,
        H::To,
        H::CallId,
        H::CSeq,
        H::Contact,
        H::MaxForwards,
        H::Route,
        H::RecordRoute,
        H::ContentLength,
        H::ContentType,
        H::ContentEncoding,
        H::ContentDisposition,
        H::MimeVersion,
        H::Allow,
        H::Supported,
        H::Require,
        H::ProxyRequire,
        H::Unsupported,
        H::Accept,
        H::AcceptEncoding,
        H::Expires,
        H::RetryAfter,
        H::RSeq,
        H::RAck,
        H::SessionExpires,
        H::MinSe,
        H::Replaces,
        H::Timestamp,
        H::Authorization,
        H::ProxyAuthorization,
    ]
};

/// Whether a name is one of [`OWNED`], by the name's number.
static IS_OWNED: [bool; HeaderName::KNOWN.len() + 1] = {
    let mut table = [false; HeaderName::KNOWN.len() + 1];
    let mut i = 0;
    while i < OWNED.len() {
        table[OWNED[i] as usize] = true;
        i += 1;
    }
    table
};

/// Whether a header field is one of [`OWNED`].
#[must_use]
pub fn is_owned(name: &str) -> bool {
    owned(HeaderName::parse(name))
}

fn owned(name: HeaderName) -> bool {
    IS_OWNED[name as usize]
}

/// Checks what a session gives along.
///
/// # Errors
/// When a name is the floor's own or no token, or a value would begin another field.
pub fn check(fields: &[HeaderField]) -> Result<(), LegIntentError> {
    for field in fields {
        let token = !field.name.is_empty() && field.name.bytes().all(is_token_byte);
        if !token || field.value.contains(['\r', '\n', '\0']) {
            return Err(LegIntentError::BadField(field.name.clone()));
        }
        if is_owned(&field.name) {
            return Err(LegIntentError::OwnedField(field.name.clone()));
        }
    }
    Ok(())
}

/// Checks what a session gives along with a message that has a body.
///
/// # Errors
/// As [`check`], and when the body's type would begin another field.
pub(super) fn check_all(fields: &[HeaderField], body: Option<&Body>) -> Result<(), LegIntentError> {
    match body {
        Some(body) if body.content_type.is_empty() || body.content_type.contains(['\r', '\n', '\0']) => {
            Err(LegIntentError::BadField("Content-Type".to_owned()))
        }
        _ => check(fields),
    }
}

const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
}

/// The fields of a message that pass up, in order, as many as there may be.
pub(super) fn handed_up(headers: Headers<'_>, counters: &mut Counters) -> Vec<HeaderField> {
    passing(headers, counters, |_| true)
}

fn passing(
    headers: Headers<'_>,
    counters: &mut Counters,
    also: impl Fn(HeaderName) -> bool,
) -> Vec<HeaderField> {
    let mut fields = Vec::new();
    let mut bytes = 0;
    for field in headers.iter().filter(|field| !owned(field.name()) && also(field.name())) {
        let Some(value) = field.value() else {
            counters.fields_dropped += 1;
            continue;
        };
        let name = field.name_text();
        if fields.len() == FIELDS_MAX || bytes + name.len() + value.len() > FIELDS_BYTES_MAX {
            counters.fields_dropped += 1;
            continue;
        }
        bytes += name.len() + value.len();
        fields.push(HeaderField { name: name.to_owned(), value: value.to_owned() });
    }
    fields
}

/// From or To as a session knows it.
pub(super) fn party(address: &NameAddr<'_>) -> Party {
    Party {
        uri: address.uri_text().to_owned(),
        display_name: address.display_name().map_or_else(String::new, std::borrow::Cow::into_owned),
    }
}

/// All Reason fields as one list in their order: there may be one of each protocol (RFC 3326 §2), and several fields mean
/// the same as one with commas (RFC 3261 §7.3.1). Bounded as all that is handed up.
fn reasons(headers: Headers<'_>, counters: &mut Counters) -> Option<String> {
    let mut list = String::new();
    for field in headers.fields(HeaderName::Reason) {
        match field.value() {
            Some("") => {}
            Some(value) if list.len() + value.len() <= FIELDS_BYTES_MAX => {
                if !list.is_empty() {
                    list.push_str(", ");
                }
                list.push_str(value);
            }
            Some(_) | None => counters.fields_dropped += 1,
        }
    }
    (!list.is_empty()).then_some(list)
}

fn farewell(headers: Headers<'_>, content: &[u8], counters: &mut Counters) -> Farewell {
    Farewell {
        status: 0,
        phrase: String::new(),
        reason: reasons(headers, counters),
        contacts: Vec::new(),
        retry_after: match headers.retry_after() {
            Ok(Some(retry_after)) => Some(Duration::from_secs(u64::from(retry_after.seconds))),
            Ok(None) | Err(_) => None,
        },
        fields: passing(headers, counters, |name| name != HeaderName::Reason),
        body: body::any(headers, content),
    }
}

/// What a CANCEL or a BYE brings.
pub(super) fn farewell_of_request(request: &Request, counters: &mut Counters) -> Box<Farewell> {
    Box::new(farewell(request.headers(), request.body(), counters))
}

/// What a final response brings.
pub(super) fn farewell_of_response(response: &Response, counters: &mut Counters) -> Box<Farewell> {
    let mut farewell = farewell(response.headers(), response.body(), counters);
    farewell.status = response.status().code();
    response.reason().clone_into(&mut farewell.phrase);
    if response.status().is_redirection() {
        let contacts = response.headers().contacts().filter_map(Result::ok);
        let mut contacts: Vec<_> = contacts.filter_map(crate::sip::Contact::address).collect();
        contacts.truncate(FIELDS_MAX);
        // Best first: highest q; without one it counts as 1 (RFC 3261 §20.10).
        contacts.sort_by_key(|contact| std::cmp::Reverse(contact.q().unwrap_or(1000)));
        farewell.contacts = contacts.iter().map(|contact| contact.uri_text().to_owned()).collect();
    }
    Box::new(farewell)
}
