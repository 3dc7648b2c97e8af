//! The remote target (RFC 3261 §12): which Contacts make one, and what takes their place.

use crate::ground::{Flow, Transport};
use crate::sip::{HeaderError, HeaderName, NameAddr, Request, Response, Uri};

use super::refusal::Refusal;

/// The remote target of a message: the URI of its Contact. For peers that give none, as those of RFC 2543 may, or one
/// that is no SIP URI, it is `otherwise`.
pub(super) fn target<'a>(contact: Result<Option<NameAddr<'a>>, HeaderError>, otherwise: &'a str) -> &'a str {
    contact.ok().flatten().and_then(|contact| usable_target(contact.uri_text())).unwrap_or(otherwise)
}

/// A Contact's URI as a remote target: without headers, which no request URI may have (RFC 3261 §19.1.1). `None` when it
/// is no SIP URI.
pub(super) fn usable_target(uri: &str) -> Option<&str> {
    let target = uri.split_once('?').map_or(uri, |(uri, _)| uri);
    Uri::parse(target).is_ok_and(|uri| uri.is_sip()).then_some(target)
}

/// Where a request came from, as a URI: whoever gives no usable Contact can be reached there at least.
pub(super) fn source_uri(flow: &Flow) -> String {
    match flow.transport {
        Transport::Udp => format!("sip:{}", flow.remote),
        transport => format!("sip:{};transport={}", flow.remote, transport.via_token().to_ascii_lowercase()),
    }
}

/// Whether a response says where requests of its dialog go: by a Contact or by the routes before it.
pub(super) fn names_target(response: &Response) -> bool {
    let headers = response.headers();
    let contact = headers.first_contact().ok().flatten();
    contact.is_some_and(|contact| usable_target(contact.uri_text()).is_some())
        || headers.contains(HeaderName::RecordRoute)
}

/// RFC 3261 §8.1.1.8, §12.1.1: an INVITE has exactly one Contact, and that is a SIP URI: the dialog's remote target. Of
/// clients of RFC 2543, known by a branch without the cookie, it may lack (RFC 4475 §3.4.1): their requests come from
/// where they are.
pub(super) fn check(request: &Request) -> Result<(), Refusal> {
    let headers = request.headers();
    let mut contacts = headers.contacts();
    let what = match (contacts.next(), contacts.next()) {
        (None, _) => match headers.top_via() {
            Ok(via) if via.magic_branch().is_none() => return Ok(()),
            _ => "Contact is missing",
        },
        (Some(_), Some(_)) => "more than one Contact",
        (Some(Err(_)), None) => "Contact is malformed",
        (Some(Ok(contact)), None) => match contact.address() {
            Some(address) if usable_target(address.uri_text()).is_some() => return Ok(()),
            Some(_) => "Contact is no SIP URI",
            None => "Contact is *",
        },
    };
    Err(Refusal::bad(what))
}
