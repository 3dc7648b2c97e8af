//! Written messages: their text, byte for byte, and what is refused.

use bytes::Bytes;

use super::super::*;
use super::{invite, message, response, text};
use crate::ground::Transport;

const VIA: ViaSpec<'_> = ViaSpec {
    transport: Transport::Udp,
    host: "192.0.2.9",
    port: Some(5060),
    branch: "z9hG4bKx",
    rport: true,
};

fn in_dialog<'a>(route_set: &'a [&'a str]) -> InDialog<'a, &'a str> {
    InDialog {
        via: VIA,
        local: NameAddrSpec::new("sip:bob@example.com").with_tag("b1"),
        remote: NameAddrSpec::new("sip:alice@example.org").with_display_name("Al \"x\"").with_tag("a1"),
        call_id: "7@192.0.2.1",
        sequence: 2,
        remote_target: "sip:alice@192.0.2.1",
        route_set,
        max_forwards: 70,
    }
}

fn written(request: Result<Request, BuildError>) -> String {
    match request {
        Ok(request) => text(request.as_bytes()),
        Err(error) => panic!("{error}"),
    }
}

const TAIL: &str = "From: <sip:bob@example.com>;tag=b1|To: \"Al \\\"x\\\"\" <sip:alice@example.org>;tag=a1|Call-ID: 7@192.0.2.1|CSeq: 2 BYE|Content-Length: 0||";
const HEAD: &str = "Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKx;rport|Max-Forwards: 70|";

#[test]
fn without_routes_a_request_goes_to_the_remote_target() {
    let dialog = in_dialog(&[]);
    assert_eq!(
        written(dialog.request(&Method::Bye).build()),
        format!("BYE sip:alice@192.0.2.1 SIP/2.0|{HEAD}{TAIL}")
    );
    assert_eq!(dialog.next_hop().map(|uri| uri.as_str()), Ok("sip:alice@192.0.2.1"));
}

#[test]
fn loose_routes_are_followed_and_the_remote_target_stays_the_request_uri() {
    let dialog = in_dialog(&["<sip:p1;lr>", "<sip:p2>"]);
    assert_eq!(
        written(dialog.request(&Method::Bye).build()),
        format!("BYE sip:alice@192.0.2.1 SIP/2.0|{HEAD}Route: <sip:p1;lr>|Route: <sip:p2>|{TAIL}")
    );
    assert_eq!(dialog.next_hop().map(|uri| uri.as_str()), Ok("sip:p1;lr"));
}

/// RFC 3261 §12.2.1.1, the example with a strict first route.
#[test]
fn a_strict_first_route_becomes_the_request_uri() {
    let dialog = in_dialog(&["<sip:p1:5070;transport=tcp;method=BYE?x=y>", "<sip:p2;lr>"]);
    assert_eq!(
        written(dialog.request(&Method::Bye).build()),
        format!(
            "BYE sip:p1:5070;transport=tcp SIP/2.0|{HEAD}Route: <sip:p2;lr>|Route: <sip:alice@192.0.2.1>|{TAIL}"
        )
    );
    assert_eq!(dialog.next_hop().map(|uri| uri.host_text()), Ok("p1"));
}

#[test]
fn a_route_that_is_none_is_an_error() {
    let bad = in_dialog(&["nonsense"]);
    assert!(
        matches!(bad.request(&Method::Bye).build(), Err(BuildError::Source(error)) if error.header == HeaderName::Route)
    );
    assert!(bad.next_hop().is_err());
}

#[test]
fn a_request_has_its_fields_in_the_order_of_the_calls() {
    let request = RequestBuilder::new(&Method::Message, "sip:bob@example.com")
        .via(&ViaSpec { host: "2001:db8::1", port: None, transport: Transport::Tls, rport: false, ..VIA })
        .max_forwards(69)
        .from(&NameAddrSpec::new("sip:a@b").with_tag("1"))
        .to(&NameAddrSpec { params: ";x=1", ..NameAddrSpec::new("sip:bob@example.com") })
        .call_id("c")
        .cseq(u32::MAX)
        .contact(&NameAddrSpec::new("sip:a@h"))
        .header(HeaderName::Expires, 60)
        .header_named("X-Padded", "  v  ")
        .header_named("X-Empty", "")
        .body("text/plain", Bytes::from_static(b"hi"))
        .build();
    assert_eq!(
        request.as_ref().map(|request| text(request.as_bytes())),
        Ok("MESSAGE sip:bob@example.com SIP/2.0|Via: SIP/2.0/TLS [2001:db8::1];branch=z9hG4bKx|Max-Forwards: 69|From: <sip:a@b>;tag=1|\
            To: <sip:bob@example.com>;x=1|Call-ID: c|CSeq: 4294967295 MESSAGE|Contact: <sip:a@h>|Expires: 60|X-Padded:   v  |X-Empty: |\
            Content-Type: text/plain|Content-Length: 2||hi".to_owned())
    );
    let Ok(request) = request else { return };
    assert_eq!(request.headers().by_name("x-padded").next().and_then(|field| field.value()), Some("v"));
    assert_eq!(request.headers().by_name("x-empty").next().and_then(|field| field.value()), Some(""));
    assert_eq!(
        (request.body(), request.method(), request.request_uri()),
        (&b"hi"[..], &Method::Message, "sip:bob@example.com")
    );
}

#[test]
fn a_response_copies_what_it_must_and_nothing_else() {
    let request = invite(
        "Record-Route: <sip:p1;lr>, <sip:p2;lr>|v: SIP/2.0/TCP p0|  ;branch=z9hG4bKq|Timestamp: 7|User-Agent: x|",
    );
    let trying = ResponseBuilder::to_request(&request, StatusCode::TRYING).build();
    assert_eq!(
        trying.map(|response| text(response.as_bytes())),
        Ok("SIP/2.0 100 Trying|Via: SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK776|Via: SIP/2.0/TCP p0 ;branch=z9hG4bKq|\
            From: \"Alice\" <sip:alice@example.org>;tag=a1|To: <sip:bob@example.com>|Call-ID: 7@192.0.2.1|CSeq: 314159 INVITE|\
            Timestamp: 7|Content-Length: 0||".to_owned())
    );
    let ok = ResponseBuilder::to_request(&request, StatusCode::OK)
        .reason("Fine")
        .to_tag("b1")
        .record_route()
        .contact(&NameAddrSpec::new("sip:bob@192.0.2.9"))
        .body("application/sdp", Bytes::from_static(b"v=0\r\n"))
        .build();
    let Ok(ok) = ok else { panic!("{ok:?}") };
    assert_eq!((ok.reason(), ok.status(), ok.body()), ("Fine", StatusCode::OK, &b"v=0\r\n"[..]));
    assert_eq!(ok.headers().to().map(|to| to.tag()), Ok(Some("b1")));
    assert_eq!(ok.headers().record_routes().count(), 2);
    assert!(!ok.headers().contains(HeaderName::Timestamp) && !ok.headers().contains(HeaderName::UserAgent));
}

#[test]
fn a_to_tag_that_is_there_is_kept() {
    let request = super::request(
        "BYE sip:b SIP/2.0|Via: SIP/2.0/UDP h|To: <sip:b>;tag=old|From: <sip:a>|Call-ID: 1|CSeq: 1 BYE||",
    );
    let response = ResponseBuilder::to_request(&request, StatusCode::OK).to_tag("new").build();
    assert_eq!(response.map(|r| r.headers().to().map(|to| to.tag() == Some("old"))), Ok(Ok(true)));
}

#[test]
fn the_ack_to_a_refusal_is_made_of_its_invite() {
    let invite = invite("Via: SIP/2.0/UDP lower;branch=z9hG4bKl|Route: <sip:p1;lr>, <sip:p2;lr>|Require: x|");
    let refusal = ResponseBuilder::to_request(&invite, StatusCode::BUSY_HERE).to_tag("b9").build();
    let ack = refusal.and_then(|refusal| build_ack(&invite, &refusal));
    assert_eq!(
        written(ack),
        "ACK sip:bob@example.com SIP/2.0|Via: SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK776|Max-Forwards: 70|Route: <sip:p1;lr>, <sip:p2;lr>|\
         From: \"Alice\" <sip:alice@example.org>;tag=a1|To: <sip:bob@example.com>;tag=b9|Call-ID: 7@192.0.2.1|CSeq: 314159 ACK|Content-Length: 0||"
    );
}

#[test]
fn the_cancel_is_made_of_its_invite_alone() {
    let cancel = build_cancel(&invite("Via: SIP/2.0/UDP lower;branch=z9hG4bKl|"));
    assert_eq!(
        written(cancel),
        "CANCEL sip:bob@example.com SIP/2.0|Via: SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK776|Max-Forwards: 70|\
         From: \"Alice\" <sip:alice@example.org>;tag=a1|To: <sip:bob@example.com>|Call-ID: 7@192.0.2.1|CSeq: 314159 CANCEL|Content-Length: 0||"
    );
    let without = super::request("INVITE sip:b SIP/2.0|Via: SIP/2.0/UDP h||");
    assert!(matches!(build_cancel(&without), Err(BuildError::Source(_))));
    let refusal = response("SIP/2.0 486 Busy|Via: SIP/2.0/UDP h||");
    assert!(build_ack(&without, &refusal).is_err());
}

#[test]
fn no_value_can_begin_another_line() {
    let begin = || RequestBuilder::new(&Method::Options, "sip:a@b");
    for evil in ["a\r\nX: y", "a\rb", "a\nb", "a\0b", "\r\n"] {
        let injection = |name| Err(BuildError::Injection(name));
        assert_eq!(
            begin().header(HeaderName::Subject, evil).build(),
            injection(HeaderName::Subject),
            "{evil:?}"
        );
        assert_eq!(begin().header_named("X-A", evil).build(), injection(HeaderName::Other));
        assert_eq!(begin().call_id(evil).build(), injection(HeaderName::CallId));
        assert_eq!(begin().routes([evil]).build(), injection(HeaderName::Route));
        assert_eq!(begin().body(evil, Bytes::new()).build(), injection(HeaderName::ContentType));
        assert_eq!(begin().via(&ViaSpec { branch: evil, ..VIA }).build(), injection(HeaderName::Via));
        assert_eq!(
            begin().from(&NameAddrSpec::new("sip:a").with_display_name(evil)).build(),
            injection(HeaderName::From)
        );
        assert_eq!(begin().to(&NameAddrSpec::new("sip:a").with_tag(evil)).build(), injection(HeaderName::To));
        assert_eq!(begin().contact(&NameAddrSpec::new(evil)).build(), injection(HeaderName::Contact));
        assert!(begin().header_named(evil, "x").build().is_err());
        assert!(RequestBuilder::new(&Method::Other(evil.into()), "sip:a").build().is_err());
        assert!(RequestBuilder::new(&Method::Bye, evil).build().is_err());
        let request = invite("");
        let respond = || ResponseBuilder::to_request(&request, StatusCode::OK);
        assert_eq!(respond().reason(evil).build(), Err(BuildError::Reason));
        assert!(respond().to_tag(evil).build().is_err());
        assert!(respond().header(HeaderName::Warning, evil).build().is_err());
        assert!(request.edit().append(HeaderName::Subject, evil).build().is_err());
        assert!(request.edit().set(HeaderName::Subject, evil).build().is_err());
        assert!(request.edit().uri(evil).build().is_err());
        assert!(request.edit().body(evil, Bytes::new()).build().is_err());
    }
}

#[test]
fn an_address_cannot_break_out_of_its_brackets() {
    let begin = || RequestBuilder::new(&Method::Refer, "sip:a@b");
    for evil in ["sip:a@b>;evil=<", "sip:a b", "sip:a\"b"] {
        assert!(begin().header(HeaderName::ReferTo, NameAddrSpec::new(evil)).build().is_err(), "{evil}");
        assert!(
            invite("").edit().append(HeaderName::ReferTo, NameAddrSpec::new(evil)).build().is_err(),
            "{evil}"
        );
    }
    let quoted = quote("a\"b\\c").to_string();
    assert_eq!(quoted, "\"a\\\"b\\\\c\"");
}

#[test]
fn the_first_fault_comes_out_and_names_are_tokens() {
    let built = RequestBuilder::new(&Method::Bye, "sip:a").header_named("X Y", "1").call_id("\n").build();
    assert_eq!(built, Err(BuildError::Token("X Y".into())));
    assert!(RequestBuilder::new(&Method::Bye, "no-scheme").build().is_err());
    assert!(RequestBuilder::new(&Method::Bye, "sip:a").header(HeaderName::Other, "1").build().is_err());
    let long = "x".repeat(40_000);
    let built =
        RequestBuilder::new(&Method::Bye, "sip:a").header_named("A", &long).header_named("B", &long).build();
    assert_eq!(built, Err(BuildError::TooLarge));
}

#[test]
fn head_options_after_a_field_are_refused() {
    let request = invite("");
    let respond =
        || ResponseBuilder::to_request(&request, StatusCode::OK).header(HeaderName::Allow, "INVITE");
    assert_eq!(respond().to_tag("x").build(), Err(BuildError::Order));
    assert_eq!(respond().reason("x").build(), Err(BuildError::Order));
    assert_eq!(respond().record_route().build(), Err(BuildError::Order));
}

#[test]
fn messages_are_equal_by_their_bytes_and_cloning_shares_them() {
    let first = invite("");
    let second = first.clone();
    assert_eq!(first, second);
    assert_eq!(first.as_bytes().as_ptr(), second.as_bytes().as_ptr());
    assert!(message("SIP/2.0 200 OK|A: b||").as_response().is_some());
}
