//! Bodies: where the session description is, and what else is handed up (RFC 3261 §7.4, §8.2.3, RFC 5621).

use bytes::Bytes;

use crate::ground::{Body, Description};
use crate::sip::{HeaderName, Headers, Limits, MediaType, Request, StatusCode, Token, multipart};

use super::refusal::{Refusal, accepted_types};
use super::settings::DialogSettings;

/// What a message carries. All of it is copied out of the receive buffer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Content {
    /// The session description, also out of a multipart body.
    pub description: Option<Description>,
    /// A body that is none, or the whole multipart body when it holds more than the description.
    pub body: Option<Body>,
}

fn own(content: &[u8]) -> Bytes {
    Bytes::copy_from_slice(content)
}

fn whole(headers: Headers<'_>, content: &[u8]) -> Option<Body> {
    let content_type = headers.first(HeaderName::ContentType)?.to_owned();
    Some(Body { content_type, content: own(content) })
}

/// Any body at all, as INFO, MESSAGE and final responses may have. Without Content-Type there is none.
pub(super) fn any(headers: Headers<'_>, content: &[u8]) -> Option<Body> {
    if content.is_empty() { None } else { whole(headers, content) }
}

/// Whether the body is meant to describe the session: Content-Disposition is `session`, or not there (RFC 3261 §20.11).
fn describes_session(headers: Headers<'_>) -> bool {
    match headers.content_disposition() {
        Ok(Some(disposition)) => disposition.kind.eq_ignore_ascii_case("session"),
        Ok(None) | Err(_) => true,
    }
}

fn is_encoded(headers: Headers<'_>) -> bool {
    headers
        .content_encoding()
        .any(|token| !token.is_ok_and(|Token(token)| token.eq_ignore_ascii_case("identity")))
}

fn is_optional(headers: Headers<'_>) -> bool {
    matches!(headers.content_disposition(), Ok(Some(disposition)) if disposition.is_optional())
}

fn out_of_multipart(
    headers: Headers<'_>,
    media_type: &MediaType<'_>,
    body: &Bytes,
) -> Result<Content, multipart::MultipartError> {
    let limits = Limits::default();
    let boundary = media_type.boundary().ok_or(multipart::MultipartError::NoBoundary)?;
    let parts = multipart::parts(body, boundary, &limits)?.len();
    let sdp = multipart::find(headers, body, "application", "sdp", &limits)?;
    let only_sdp = sdp.is_some() && parts == 1;
    Ok(Content {
        description: sdp.map(|sdp| Description(own(&sdp))),
        body: if only_sdp { None } else { whole(headers, body) },
    })
}

/// The body of an INVITE or re-INVITE.
///
/// # Errors
/// 415 with what would be taken when it is encoded or of a type that must be understood and is not; 400 when it has
/// no readable type or is broken.
pub(super) fn of_invite(request: &Request, settings: &DialogSettings) -> Result<Content, Refusal> {
    let (headers, body) = (request.headers(), request.body_bytes());
    if body.is_empty() {
        return Ok(Content::default());
    }
    if is_encoded(headers) {
        return Err(Refusal::with(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            HeaderName::AcceptEncoding,
            "identity",
        ));
    }
    let Ok(Some(media_type)) = headers.content_type() else {
        return Err(Refusal::new(StatusCode::BAD_REQUEST));
    };
    if media_type.is_sdp() && describes_session(headers) {
        return Ok(Content { description: Some(Description(own(&body))), body: None });
    }
    if media_type.is_multipart() {
        return out_of_multipart(headers, &media_type, &body).map_err(|error| Refusal::new(error.status()));
    }
    let listed = settings.accept.iter().any(|accepted| {
        let name = accepted.split_once('/');
        name.is_some_and(|(kind, subtype)| media_type.is(kind.trim(), subtype.trim()))
    });
    if media_type.is_sdp() || listed || is_optional(headers) {
        return Ok(Content { description: None, body: whole(headers, &body) });
    }
    Err(Refusal::with(StatusCode::UNSUPPORTED_MEDIA_TYPE, HeaderName::Accept, accepted_types(settings)))
}

/// The description in a response or an ACK, which nobody can refuse: what cannot be read is not there.
pub(super) fn description(headers: Headers<'_>, body: &Bytes) -> Option<Description> {
    if body.is_empty() || is_encoded(headers) || !describes_session(headers) {
        return None;
    }
    let found = multipart::find(headers, body, "application", "sdp", &Limits::default());
    found.ok().flatten().map(|sdp| Description(own(&sdp)))
}
