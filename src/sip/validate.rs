//! Whether a message may be acted on (RFC 3261 §8.1.1, §8.2, §16.3, §18.3; the verdicts of RFC 4475).
//!
//! Only what the message itself shows is judged. What depends on methods, extensions, dialogs or transactions is left
//! to those who know them: Max-Forwards 0, Require, unknown methods, missing dialogs.

use super::error::{Flaw, HeaderError};
use super::spans::{Core, Declared};
use super::{CSeq, Contact, HeaderName, Headers, NameAddr, Request, Response, Scheme, StatusCode, Uri, Via};

/// The fields that every message must have, read once. Whoever goes on with the message takes them from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Essentials<'a> {
    /// The topmost Via.
    pub via: Via<'a>,
    /// From.
    pub from: NameAddr<'a>,
    /// To.
    pub to: NameAddr<'a>,
    /// Call-ID.
    pub call_id: &'a str,
    /// CSeq.
    pub cseq: CSeq,
    /// Max-Forwards, where it is given. Requests of RFC 2543 have none.
    pub max_forwards: Option<u8>,
    /// The first Contact that is an address. `None` also for a response whose Contact is malformed.
    pub contact: Option<NameAddr<'a>>,
}

/// Why a request is refused, and how. The peer's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{status} {reason}")]
pub struct Reject {
    /// The status of the answer.
    pub status: StatusCode,
    /// The reason phrase of the answer: says what is wrong.
    pub reason: &'static str,
    /// The header field at fault, if it is one.
    pub header: Option<HeaderError>,
}

/// Why a response is dropped without a word: nobody is told about a bad response (RFC 3261 §18.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Discard {
    /// Not SIP/2.0.
    #[error("version")]
    Version,
    /// Content-Length is malformed or more than there is.
    #[error("Content-Length")]
    ContentLength,
    /// A header field that must be there is not, or is malformed.
    #[error(transparent)]
    Header(#[from] HeaderError),
}

/// Fields that may stand in a message once only (RFC 3261 §7.3.1).
const ONCE: [HeaderName; 7] = [
    HeaderName::From,
    HeaderName::To,
    HeaderName::CallId,
    HeaderName::CSeq,
    HeaderName::MaxForwards,
    HeaderName::ContentLength,
    HeaderName::ContentType,
];

/// A sequence number is less than 2³¹ (RFC 3261 §8.1.1.5).
const SEQUENCE_END: u32 = 1 << 31;

fn repeated(core: &Core) -> Option<HeaderName> {
    let mut seen = [false; ONCE.len()];
    for field in &core.fields {
        if let Some(at) = ONCE.iter().position(|name| *name == field.name)
            && std::mem::replace(&mut seen[at], true)
        {
            return Some(field.name);
        }
    }
    None
}

const fn reject(status: StatusCode, reason: &'static str) -> Reject {
    Reject { status, reason, header: None }
}

fn bad(error: HeaderError) -> Reject {
    let reason = match (error.what, error.header) {
        (Flaw::Missing, HeaderName::Via) => "Missing Via",
        (Flaw::Missing, HeaderName::From) => "Missing From",
        (Flaw::Missing, HeaderName::To) => "Missing To",
        (Flaw::Missing, HeaderName::CallId) => "Missing Call-ID",
        (Flaw::Missing, HeaderName::CSeq) => "Missing CSeq",
        (Flaw::Repeated, _) => "Repeated Header Field",
        (_, HeaderName::Via) => "Bad Via",
        (_, HeaderName::From) => "Bad From",
        (_, HeaderName::To) => "Bad To",
        (_, HeaderName::CallId) => "Bad Call-ID",
        (_, HeaderName::CSeq) => "Bad CSeq",
        (_, HeaderName::Contact) => "Bad Contact",
        (_, HeaderName::MaxForwards) => "Bad Max-Forwards",
        _ => "Bad Header Field",
    };
    Reject { status: StatusCode::BAD_REQUEST, reason, header: Some(error) }
}

/// Judges a request by what every server checks first, and gives what was read on the way.
///
/// # Errors
/// A status and a reason phrase for the answer. For an ACK nobody is answered.
pub fn validate(request: &Request) -> Result<Essentials<'_>, Reject> {
    let headers = request.headers();
    if request.version() != (2, 0) {
        return Err(reject(StatusCode::VERSION_NOT_SUPPORTED, StatusCode::VERSION_NOT_SUPPORTED.reason()));
    }
    if let Some(name) = repeated(headers.core()) {
        return Err(bad(HeaderError::new(name, Flaw::Repeated, 0)));
    }
    content_length(headers.core())?;
    let essentials = essentials(headers, Strict::Request).map_err(bad)?;
    if essentials.cseq.method != *request.method() {
        return Err(reject(StatusCode::BAD_REQUEST, "CSeq Method Mismatch"));
    }
    request_uri(request.request_uri())?;
    Ok(essentials)
}

fn content_length(core: &Core) -> Result<(), Reject> {
    match core.declared {
        Declared::Nothing | Declared::Exact => Ok(()),
        Declared::Short => Err(reject(StatusCode::BAD_REQUEST, "Content-Length Exceeds Body")),
        Declared::Malformed => Err(reject(StatusCode::BAD_REQUEST, "Bad Content-Length")),
    }
}

/// Whether lower Vias and Contact are judged as well. A response is not dropped for them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strict {
    Request,
    Response,
}

fn essentials(headers: Headers<'_>, strict: Strict) -> Result<Essentials<'_>, HeaderError> {
    let essentials = Essentials {
        via: top_via(headers, strict)?,
        from: headers.from()?,
        to: headers.to()?,
        call_id: headers.call_id()?,
        cseq: headers.cseq()?,
        max_forwards: headers.max_forwards()?,
        contact: contact(headers, strict)?,
    };
    if essentials.cseq.sequence >= SEQUENCE_END {
        return Err(HeaderError::new(HeaderName::CSeq, Flaw::NumberTooLarge, 0));
    }
    Ok(essentials)
}

fn top_via(headers: Headers<'_>, strict: Strict) -> Result<Via<'_>, HeaderError> {
    let mut vias = headers.vias();
    let top = vias.next().unwrap_or(Err(HeaderError::missing(HeaderName::Via)))?;
    if strict == Strict::Request {
        vias.try_for_each(|via| via.map(drop))?;
    }
    Ok(top)
}

/// The first address. A `*` stands alone or not at all (RFC 3261 §10.2.2).
fn contact(headers: Headers<'_>, strict: Strict) -> Result<Option<NameAddr<'_>>, HeaderError> {
    let mut contacts = headers.contacts();
    let first = match contacts.next().transpose() {
        Ok(first) => first,
        Err(_) if strict == Strict::Response => return Ok(None),
        Err(error) => return Err(error),
    };
    if strict == Strict::Request {
        for contact in contacts {
            if Contact::Star == contact? || first == Some(Contact::Star) {
                return Err(HeaderError::new(HeaderName::Contact, Flaw::Trailing, 0));
            }
        }
    }
    Ok(first.and_then(Contact::address))
}

/// The Request-URI follows its grammar, has no headers (RFC 3261 §19.1.1, table 1) and a scheme that is served.
fn request_uri(text: &str) -> Result<(), Reject> {
    let Ok(uri) = Uri::parse(text) else {
        return Err(reject(StatusCode::BAD_REQUEST, "Bad Request-URI"));
    };
    match uri.scheme() {
        Scheme::Other(_) => {
            Err(reject(StatusCode::UNSUPPORTED_URI_SCHEME, StatusCode::UNSUPPORTED_URI_SCHEME.reason()))
        }
        _ if !uri.headers().is_empty() => Err(reject(StatusCode::BAD_REQUEST, "Header In Request-URI")),
        _ => Ok(()),
    }
}

/// Judges a response, and gives what was read on the way.
///
/// # Errors
/// When it is to be dropped.
pub fn validate_response(response: &Response) -> Result<Essentials<'_>, Discard> {
    let headers = response.headers();
    if response.version() != (2, 0) {
        return Err(Discard::Version);
    }
    if let Some(name) = repeated(headers.core()) {
        return Err(HeaderError::new(name, Flaw::Repeated, 0).into());
    }
    match headers.core().declared {
        Declared::Nothing | Declared::Exact => {}
        Declared::Short | Declared::Malformed => return Err(Discard::ContentLength),
    }
    Ok(essentials(headers, Strict::Response)?)
}
