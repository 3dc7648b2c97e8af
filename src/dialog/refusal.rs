//! Requests that are refused before anybody is asked: RFC 3261 §8.2.1 to §8.2.3 and §12.2.2.

use crate::ground::{HeaderField, Mismatch};
use crate::sip::{
    BuildError, HeaderName, Method, Request, Response, ResponseBuilder, Scheme, StatusCode, Token, quote,
};

use super::counters::Counters;
use super::settings::{DialogSettings, Listener};

/// What we do in a dialog: Allow.
pub(super) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, MESSAGE";

/// What we do outside of dialogs: the Allow of a 405 there.
pub(super) const ALLOW_OUTSIDE: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS";

/// Extensions that a peer may require: none of them is served yet.
pub(super) const SUPPORTED: &[&str] = &[];

/// A refusal: status, and the header field that explains it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub status: StatusCode,
    pub field: Option<(HeaderName, String)>,
}

impl Refusal {
    pub const fn new(status: StatusCode) -> Self {
        Self { status, field: None }
    }

    pub fn with(status: StatusCode, name: HeaderName, value: impl Into<String>) -> Self {
        Self { status, field: Some((name, value.into())) }
    }

    /// 400, with a Warning for people that says what is wrong (RFC 3261 §20.43, §21.4.1).
    pub fn bad(what: &str) -> Self {
        Self::because(StatusCode::BAD_REQUEST, what)
    }

    /// The same with another status.
    pub fn because(status: StatusCode, what: &str) -> Self {
        Self::with(status, HeaderName::Warning, format!("399 callplane {}", quote(what)))
    }

    /// The response. The tag is put on To where it has none.
    pub fn response(
        &self,
        request: &Request,
        to_tag: &str,
        settings: &DialogSettings,
    ) -> Result<Response, BuildError> {
        let builder = signed(head(request, self.status, to_tag), settings, &[]);
        match &self.field {
            Some((name, value)) => builder.header(*name, value),
            None => builder,
        }
        .build()
    }

    /// Counts it.
    pub const fn count(&self, counters: &mut Counters) {
        let counter = match self.status {
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => &mut counters.methods_refused,
            StatusCode::BAD_EXTENSION => &mut counters.extensions_refused,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => &mut counters.bodies_refused,
            StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST => &mut counters.dialogs_unknown,
            StatusCode::REQUEST_PENDING => &mut counters.glare_refused,
            StatusCode::SERVER_INTERNAL_ERROR => &mut counters.out_of_order,
            _ => &mut counters.requests_refused,
        };
        *counter += 1;
    }
}

/// The head of every response of ours: the request's fields and our tag.
pub(super) fn head<'a>(request: &'a Request, status: StatusCode, to_tag: &'a str) -> ResponseBuilder<'a> {
    ResponseBuilder::to_request(request, status).to_tag(to_tag)
}

/// Adds Server, unless the session gives its own, and what the session gives.
pub(super) fn signed<'a>(
    mut builder: ResponseBuilder<'a>,
    settings: &DialogSettings,
    fields: &[HeaderField],
) -> ResponseBuilder<'a> {
    let theirs = fields.iter().any(|field| HeaderName::parse(&field.name) == HeaderName::Server);
    if !settings.product.is_empty() && !theirs {
        builder = builder.header(HeaderName::Server, &settings.product);
    }
    fields.iter().fold(builder, |builder, field| builder.header_named(&field.name, &field.value))
}

/// The Warning that says what of a description does not fit (RFC 3261 §20.43). The warn-agent is the listener that the
/// peer knows us by.
pub(super) fn warning(listener: Option<&Listener>, mismatch: Mismatch) -> String {
    let agent = listener.map_or_else(|| "callplane".to_owned(), |at| format!("{}:{}", at.host, at.port));
    format!("{} {agent} {}", mismatch.warn_code(), quote(mismatch.text()))
}

/// RFC 3261 §8.2.2.3: whatever the peer requires must be known. CANCEL and ACK never come here.
pub(super) fn extensions(request: &Request) -> Result<(), Refusal> {
    let mut unknown = String::new();
    for tag in request.headers().require() {
        let Ok(Token(tag)) = tag else { return Err(Refusal::bad("Require is malformed")) };
        if !SUPPORTED.iter().any(|known| known.eq_ignore_ascii_case(tag)) {
            if !unknown.is_empty() {
                unknown.push_str(", ");
            }
            unknown.push_str(tag);
        }
    }
    if unknown.is_empty() {
        return Ok(());
    }
    Err(Refusal::with(StatusCode::BAD_EXTENSION, HeaderName::Unsupported, unknown))
}

/// RFC 3261 §20.1, §21.4.7: a peer that says what it takes in responses, and that is no session description.
pub(super) fn descriptions_accepted(request: &Request) -> Result<(), Refusal> {
    let headers = request.headers();
    let taken = headers.accept().any(|range| range.is_ok_and(|range| range.accepts("application", "sdp")));
    if headers.contains(HeaderName::Accept) && !taken {
        return Err(Refusal::new(StatusCode::NOT_ACCEPTABLE));
    }
    Ok(())
}

/// RFC 3261 §8.2.2.1: a request URI of a scheme that is not understood.
pub(super) fn scheme(request: &Request) -> Result<(), Refusal> {
    match request.parse_request_uri().map(|uri| uri.scheme()) {
        Ok(Scheme::Sip | Scheme::Sips | Scheme::Tel) => Ok(()),
        Ok(Scheme::Other(_)) => Err(Refusal::new(StatusCode::UNSUPPORTED_URI_SCHEME)),
        Err(_) => Err(Refusal::bad("the Request-URI is malformed")),
    }
}

/// The answer to a method that is not served outside of dialogs: 481 for those that need one (RFC 3261 §15.1.2,
/// RFC 3311 §5.2, RFC 6086 §4.2.2, RFC 6665 §4.1.3), 405 for those that are known, 501 for others (RFC 3261 §21.5.2).
pub(super) fn method_outside(method: &Method) -> Refusal {
    match method {
        Method::Bye | Method::Info | Method::Prack | Method::Update | Method::Notify => {
            Refusal::new(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST)
        }
        Method::Other(_) => Refusal::with(StatusCode::NOT_IMPLEMENTED, HeaderName::Allow, ALLOW_OUTSIDE),
        _ => Refusal::with(StatusCode::METHOD_NOT_ALLOWED, HeaderName::Allow, ALLOW_OUTSIDE),
    }
}

/// The answer to a method that is not served within a dialog.
pub(super) fn method_inside(method: &Method) -> Refusal {
    match method {
        Method::Other(_) => Refusal::with(StatusCode::NOT_IMPLEMENTED, HeaderName::Allow, ALLOW),
        _ => Refusal::with(StatusCode::METHOD_NOT_ALLOWED, HeaderName::Allow, ALLOW),
    }
}

/// What we take in a body, as in Accept.
pub(super) fn accepted_types(settings: &DialogSettings) -> String {
    let mut types =
        String::from("application/sdp, multipart/mixed, multipart/alternative, multipart/related");
    for more in &settings.accept {
        types.push_str(", ");
        types.push_str(more);
    }
    types
}

/// 200 to OPTIONS: what an INVITE could use here (RFC 3261 §11.2).
pub(super) fn options(
    request: &Request,
    to_tag: &str,
    settings: &DialogSettings,
) -> Result<Response, BuildError> {
    let builder = signed(head(request, StatusCode::OK, to_tag), settings, &[]);
    capabilities(settings)
        .into_iter()
        .fold(builder, |builder, (name, value)| builder.header(name, value))
        .build()
}

/// The header fields that say what an INVITE could use here. Supported stands there only where it says something.
pub(super) fn capabilities(settings: &DialogSettings) -> Vec<(HeaderName, String)> {
    let mut fields = vec![
        (HeaderName::Allow, ALLOW.to_owned()),
        (HeaderName::Accept, accepted_types(settings)),
        (HeaderName::AcceptEncoding, "identity".to_owned()),
    ];
    fields.extend(supported().map(|supported| (HeaderName::Supported, supported)));
    fields
}

/// The value of Supported, where there is any.
pub(super) fn supported() -> Option<String> {
    (!SUPPORTED.is_empty()).then(|| SUPPORTED.join(", "))
}
