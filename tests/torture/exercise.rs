//! Reads everything there is in a message, writes everything that can be written from it, and holds the laws.

use std::hint::black_box;
use std::net::IpAddr;

use bytes::Bytes;
use callplane::sip::{
    Contact, HeaderName, Headers, Limits, Message, Request, Response, ResponseBuilder, StatusCode, build_ack,
    build_cancel, multipart, scan, validate, validate_response,
};

use super::mutate::frames_at_once;

/// Reads and writes all there is to read and write. Nothing of it may panic, and these must hold:
/// what was read writes back byte for byte; scan and parser agree; what is written reads the same.
pub fn exercise(bytes: &Bytes) {
    let scanned = scan::route_key(bytes);
    frames_at_once(bytes);
    let message = match Message::parse(bytes.clone(), &Limits::default()) {
        Ok(message) => message,
        Err(error) => {
            assert!(error.status().is_refusal());
            if let Some(salvage) = error.salvage() {
                let answer =
                    salvage.respond(error.status()).build().expect("a salvaged request can be answered");
                reparse(answer.as_bytes());
            }
            return;
        }
    };
    let from = bytes.windows(message.as_bytes().len()).position(|window| window == message.as_bytes());
    assert!(from.is_some(), "an unmodified message is its own bytes");
    agree(scanned.as_ref(), &message);
    read_all(message.headers());
    match &message {
        Message::Request(request) => exercise_request(request),
        Message::Response(response) => exercise_response(response),
    }
}

fn agree(scanned: Option<&scan::RouteKey<'_>>, message: &Message) {
    let headers = message.headers();
    match scanned {
        Some(key) => {
            assert_eq!(headers.call_id(), Ok(key.call_id));
            assert_eq!(headers.to().map(|to| to.tag().is_some()), Ok(key.has_to_tag));
            assert_eq!(message.as_request().map(Request::method), key.method.as_ref());
            assert_eq!(message.as_request().is_some(), key.is_request);
        }
        None => assert!(headers.call_id().is_err() || headers.to().is_err(), "{message:?}"),
    }
}

pub fn reparse(bytes: &Bytes) -> Message {
    match Message::parse(bytes.clone(), &Limits::WIDEST) {
        Ok(message) => {
            assert_eq!(message.as_bytes(), bytes);
            message
        }
        Err(error) => panic!("{error}: {:?}", String::from_utf8_lossy(bytes)),
    }
}

/// The places a builder noted are those that a parser finds.
fn same_fields(built: Headers<'_>, bytes: &Bytes) {
    let reread = reparse(bytes);
    let list = |headers: Headers<'_>| -> Vec<(HeaderName, String, Vec<u8>)> {
        headers
            .iter()
            .map(|field| (field.name(), field.name_text().to_owned(), field.raw().to_vec()))
            .collect()
    };
    assert_eq!(list(built), list(reread.headers()));
}

fn exercise_request(request: &Request) {
    let _ = request.parse_request_uri().map(|uri| (uri.equivalent(&uri), uri.to_buf()));
    let _ = validate(request).map_err(|reject| reject.to_string());
    for (from, port) in [("192.0.2.200", 4711), ("2001:db8::200", 5060)] {
        let from: IpAddr = from.parse().expect("an address");
        let stamped = request.with_received(from, port);
        same_fields(stamped.headers(), stamped.as_bytes());
        if let Ok(via) = request.headers().top_via()
            && via.host.ip() != Some(from)
        {
            let after = stamped.headers().top_via().expect("the Via is still one");
            assert_eq!(after.received(), Some(from));
            assert_eq!((after.branch, after.host), (via.branch, via.host));
            assert_eq!(stamped.headers().vias().count(), request.headers().vias().count());
            assert_eq!(stamped.body(), request.body());
        }
    }
    let response = ResponseBuilder::to_request(request, StatusCode::OK)
        .to_tag("t")
        .record_route()
        .build()
        .expect("a response");
    same_fields(response.headers(), response.as_bytes());
    for made in [build_ack(request, &response), build_cancel(request)].into_iter().flatten() {
        same_fields(made.headers(), made.as_bytes());
    }
    let edited = request
        .edit()
        .remove(HeaderName::UserAgent)
        .prepend(HeaderName::Via, "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx")
        .set(HeaderName::MaxForwards, 69)
        .append_named("X-Added", "yes")
        .body("text/plain", Bytes::from_static(b"hello"))
        .build();
    if let Ok(edited) = edited {
        same_fields(edited.headers(), edited.as_bytes());
        assert_eq!(edited.body(), b"hello");
    }
    let _ =
        multipart::find(request.headers(), &request.body_bytes(), "application", "sdp", &Limits::default());
}

fn exercise_response(response: &Response) {
    let _ = (response.reason(), response.status().reason());
    let _ = validate_response(response).map_err(|discard| discard.to_string());
    if let Ok(edited) = response.edit().append_named("X-Added", "yes").build() {
        same_fields(edited.headers(), edited.as_bytes());
    }
}

/// Every typed accessor there is.
fn read_all(headers: Headers<'_>) {
    for field in headers.iter() {
        assert!(headers.by_name(field.name_text()).next().is_some());
        let _ = (field.raw(), field.value());
    }
    addresses(headers);
    let _ = (headers.call_id(), headers.cseq(), headers.rack(), headers.rseq(), headers.date());
    let _ = (headers.max_forwards(), headers.max_breadth(), headers.expires(), headers.min_expires());
    let _ = (headers.content_length(), headers.mime_version(), headers.priority(), headers.info_package());
    let _ =
        (headers.subject(), headers.organization(), headers.user_agent().count(), headers.server().count());
    let _ = headers
        .content_type()
        .map(|found| found.map(|media| (media.q(), media.to_string(), media.boundary())));
    let _ = headers.content_disposition().map(|found| found.map(|disposition| disposition.is_optional()));
    let _ = headers.retry_after().map(|found| found.map(|after| after.duration()));
    let _ = headers.timestamp();
    let _ = headers.authentication_info().map(|found| found.map(|params| params.iter().count()));
    let _ = headers.event().map(|found| found.map(|event| event.id().is_some()));
    let _ =
        headers.subscription_state().map(|found| found.map(|state| (state.expires(), state.retry_after())));
    let _ = (headers.replaces(), headers.join(), headers.target_dialog());
    let _ = headers.session_expires().map(|found| found.map(|expires| expires.refresher().is_some()));
    let _ = headers.min_se();
    lists(headers);
}

fn addresses(headers: Headers<'_>) {
    for address in [headers.from(), headers.to()].into_iter().flatten() {
        let _ = (address.display_name(), address.tag(), address.uri(), address.to_string());
    }
    for address in
        [headers.reply_to(), headers.refer_to(), headers.referred_by()].into_iter().flatten().flatten()
    {
        let _ = address.uri();
    }
    for list in [headers.routes(), headers.record_routes(), headers.paths(), headers.service_routes()] {
        list.flatten().for_each(|address| {
            let _ = black_box(address.uri());
        });
    }
    for list in [headers.asserted_identities(), headers.preferred_identities(), headers.diversions()] {
        list.flatten().for_each(|address| {
            let _ = black_box(address.display_name());
        });
    }
    headers.history_info().flatten().for_each(|address| {
        let _ = black_box(address.params().iter().count());
    });
    let _ = headers.first_contact();
    for contact in headers.contacts().flatten().filter_map(Contact::address) {
        let _ = (contact.q(), contact.expires(), contact.uri());
    }
    for via in headers.vias().flatten() {
        let _ = (via.transport(), via.magic_branch(), via.received(), via.port_or_default(), via.to_string());
    }
}

fn lists(headers: Headers<'_>) {
    for list in [headers.accept_encoding(), headers.accept_language(), headers.recv_info()] {
        list.flatten().for_each(|weighted| {
            let _ = black_box(weighted.q());
        });
    }
    for list in [headers.alert_info(), headers.call_info(), headers.error_info()] {
        list.flatten().for_each(|info| {
            let _ = black_box(info.uri());
        });
    }
    for list in [
        headers.allow(),
        headers.allow_events(),
        headers.require(),
        headers.proxy_require(),
        headers.supported(),
        headers.unsupported(),
        headers.content_encoding(),
        headers.content_language(),
    ] {
        let _ = list.count();
    }
    let _ = (headers.accept().count(), headers.in_reply_to().count(), headers.knows_option("timer"));
    headers.warnings().flatten().for_each(|warning| {
        let _ = black_box(warning.text());
    });
    headers.reasons().flatten().for_each(|reason| {
        let _ = black_box((reason.cause(), reason.text().is_some()));
    });
    let credentials = headers.www_authenticate().chain(headers.proxy_authenticate());
    for found in credentials.chain(headers.authorization()).chain(headers.proxy_authorization()).flatten() {
        let _ = (found.is_digest(), found.params.get("realm"));
    }
}
