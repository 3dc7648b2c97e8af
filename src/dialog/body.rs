//! Bodies: where the session description is, and what else is handed up (RFC 3261 §7.4, §8.2.3, RFC 5621). What the
//! parts of a multipart body mean together is in `parts`.

use bytes::Bytes;

use crate::ground::{Body, DESCRIPTION_BYTES_MAX, Description};
use crate::sip::{HeaderName, Headers, Request, Response, StatusCode, Token};

use super::parts::{Reader, Reading};
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

fn is_encoded(headers: Headers<'_>) -> bool {
    headers
        .content_encoding()
        .any(|token| !token.is_ok_and(|Token(token)| token.eq_ignore_ascii_case("identity")))
}

/// The body of an INVITE or re-INVITE.
///
/// # Errors
/// 415 with what would be taken when it is encoded, or it or a part of it must be understood and is not; 400 when it has
/// no readable type or is broken; 413 when its description is longer than media reads.
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
        return Err(Refusal::bad("Content-Type is missing or malformed"));
    };
    let disposition = headers.content_disposition().ok().flatten();
    let reading = Reader::strict(&settings.accept)
        .read(&media_type, disposition, &body)
        .map_err(|error| Refusal::because(error.status(), &error.to_string()))?;
    match reading {
        Reading::Understood { description: Some(sdp), .. } if sdp.len() > DESCRIPTION_BYTES_MAX => {
            let what = format!("a session description of more than {DESCRIPTION_BYTES_MAX} bytes");
            Err(Refusal::because(StatusCode::REQUEST_ENTITY_TOO_LARGE, &what))
        }
        Reading::Understood { description, more } => Ok(Content {
            description: description.map(|sdp| Description(own(&sdp))),
            body: if more { whole(headers, &body) } else { None },
        }),
        // RFC 3261 §20.11: who says nothing of `handling` requires that it be understood.
        Reading::Not | Reading::Required
            if disposition.is_some_and(|disposition| disposition.is_optional()) =>
        {
            Ok(Content { description: None, body: whole(headers, &body) })
        }
        Reading::Not | Reading::Required => Err(Refusal::with(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            HeaderName::Accept,
            accepted_types(settings),
        )),
    }
}

/// What a response to an INVITE carries. Nobody can refuse it: what cannot be read as a description comes up as it is.
pub(super) fn of_response(response: &Response) -> Content {
    let (headers, body) = (response.headers(), response.body_bytes());
    if body.is_empty() {
        return Content::default();
    }
    let Some(media_type) = headers.content_type().ok().flatten().filter(|_| !is_encoded(headers)) else {
        return Content { description: None, body: whole(headers, &body) };
    };
    let disposition = headers.content_disposition().ok().flatten();
    let (description, more) = match Reader::lenient().read(&media_type, disposition, &body) {
        Ok(Reading::Understood { description, more }) => (description, more),
        Ok(Reading::Not | Reading::Required) | Err(_) => (None, true),
    };
    Content {
        description: description.map(|sdp| Description(own(&sdp))),
        body: if more { whole(headers, &body) } else { None },
    }
}

/// The description in an ACK or in a response to a re-INVITE, which nobody can refuse: what cannot be read is not there.
pub(super) fn description(headers: Headers<'_>, body: &Bytes) -> Option<Description> {
    if body.is_empty() || is_encoded(headers) {
        return None;
    }
    let media_type = headers.content_type().ok().flatten()?;
    let disposition = headers.content_disposition().ok().flatten();
    match Reader::lenient().read(&media_type, disposition, body) {
        Ok(Reading::Understood { description, .. }) => description.map(|sdp| Description(own(&sdp))),
        Ok(Reading::Not | Reading::Required) | Err(_) => None,
    }
}
