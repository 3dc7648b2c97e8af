//! Messages made from messages.

use bytes::Bytes;

use super::super::*;
use super::{invite, request, response, text};

const BASE: &str =
    "BYE sip:b SIP/2.0|v: SIP/2.0/UDP h;branch=z9hG4bK1|Route: <sip:p1>|X-A: 1|Route: <sip:p2>|x-a: 2|";

fn base() -> Request {
    request(&format!("{BASE}Content-Length: 0||"))
}

fn edited(edit: EditRequest<'_>) -> String {
    match edit.build() {
        Ok(request) => text(request.as_bytes()).replacen("Content-Length: 0||", "", 1),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn fields_are_put_in_replaced_and_taken_out_in_place() {
    let base = base();
    let head = "BYE sip:b SIP/2.0|Via: SIP/2.0/UDP h;branch=z9hG4bK1|";
    assert_eq!(edited(base.edit()), BASE.replace("|v:", "|Via:"));
    assert_eq!(edited(base.edit().remove(HeaderName::Route)), format!("{head}X-A: 1|x-a: 2|"));
    assert_eq!(edited(base.edit().remove_named("X-a")), format!("{head}Route: <sip:p1>|Route: <sip:p2>|"));
    assert_eq!(
        edited(base.edit().remove_named("V").remove(HeaderName::Route)),
        "BYE sip:b SIP/2.0|X-A: 1|x-a: 2|"
    );
    assert_eq!(
        edited(base.edit().set(HeaderName::Route, "<sip:q>")),
        format!("{head}Route: <sip:q>|X-A: 1|x-a: 2|")
    );
    assert_eq!(
        edited(base.edit().replace_first(HeaderName::Route, "<sip:q>")),
        format!("{head}Route: <sip:q>|X-A: 1|Route: <sip:p2>|x-a: 2|")
    );
    assert_eq!(
        edited(base.edit().prepend(HeaderName::Route, "<sip:q>")),
        format!("{head}Route: <sip:q>|Route: <sip:p1>|X-A: 1|Route: <sip:p2>|x-a: 2|")
    );
    assert_eq!(
        edited(base.edit().remove(HeaderName::Route).append_named("X-B", 3)),
        format!("{head}X-A: 1|x-a: 2|X-B: 3|")
    );
    assert!(
        edited(base.edit().prepend(HeaderName::RecordRoute, "<sip:r>"))
            .starts_with("BYE sip:b SIP/2.0|Record-Route: <sip:r>|Via")
    );
    assert!(edited(base.edit().uri("sip:c")).starts_with("BYE sip:c SIP/2.0|"));
}

#[test]
fn a_new_body_brings_its_type_and_length() {
    let with = base().edit().body("text/plain", Bytes::from_static(b"hello")).build();
    let Ok(with) = with else { panic!("{with:?}") };
    assert_eq!((with.body(), with.headers().content_length()), (&b"hello"[..], Ok(Some(5))));
    let without = with.edit().body("", Bytes::new()).build();
    assert!(without.is_ok_and(|r| r.body().is_empty() && !r.headers().contains(HeaderName::ContentType)));
    assert_eq!(base().body(), b"");
}

#[test]
fn a_response_is_edited_alike() {
    let edited =
        response("SIP/2.0 180 Ring ring|X-A: b|l: 0||").edit().append(HeaderName::Subject, "s").build();
    assert_eq!(
        edited.map(|r| text(r.as_bytes())),
        Ok("SIP/2.0 180 Ring ring|X-A: b|Subject: s|Content-Length: 0||".into())
    );
}

fn stamped(via: &str, from: &str, port: u16) -> String {
    let request = request(&format!(
        "BYE sip:b SIP/2.0|Subject: folded|  one|Via: {via}|Call-ID: 1|Content-Length: 4||body"
    ));
    let Ok(from) = from.parse() else { panic!("{from}") };
    let stamped = request.with_received(from, port);
    assert_eq!(stamped.headers().call_id(), Ok("1"));
    assert_eq!(stamped.body(), b"body");
    let reread = super::message(&text(stamped.as_bytes()));
    assert_eq!(reread.as_bytes(), stamped.as_bytes());
    stamped.headers().first(HeaderName::Via).unwrap_or_default().to_owned()
}

/// RFC 3261 §18.2.1, RFC 3581 §4.
#[test]
fn the_top_via_says_where_a_request_came_from() {
    for (via, from, port, expected) in [
        ("SIP/2.0/UDP 192.0.2.1;branch=x", "192.0.2.1", 5060, "SIP/2.0/UDP 192.0.2.1;branch=x"),
        (
            "SIP/2.0/UDP 192.0.2.1;branch=x",
            "192.0.2.2",
            5060,
            "SIP/2.0/UDP 192.0.2.1;branch=x;received=192.0.2.2",
        ),
        ("SIP/2.0/UDP h:5070", "192.0.2.2", 99, "SIP/2.0/UDP h:5070;received=192.0.2.2"),
        (
            "SIP/2.0/UDP 192.0.2.1;rport;branch=x",
            "192.0.2.1",
            99,
            "SIP/2.0/UDP 192.0.2.1;branch=x;received=192.0.2.1;rport=99",
        ),
        (
            "SIP/2.0/UDP 192.0.2.1;received=6.6.6.6;rport=6",
            "192.0.2.1",
            99,
            "SIP/2.0/UDP 192.0.2.1;received=192.0.2.1;rport=99",
        ),
        ("SIP/2.0/UDP [2001:db8::1]", "2001:db8::2", 1, "SIP/2.0/UDP [2001:db8::1];received=2001:db8::2"),
        (
            "SIP/2.0/UDP h;a=b , SIP/2.0/TCP g;rport",
            "192.0.2.2",
            9,
            "SIP/2.0/UDP h;a=b;received=192.0.2.2, SIP/2.0/TCP g;rport",
        ),
        ("SIP/2.0/UDP h:7,SIP/2.0/TCP g", "192.0.2.2", 9, "SIP/2.0/UDP h:7;received=192.0.2.2,SIP/2.0/TCP g"),
        (
            "SIP / 2.0 /|  UDP h ; branch = x",
            "192.0.2.2",
            9,
            "SIP / 2.0 / UDP h ;branch=x;received=192.0.2.2",
        ),
        ("nonsense", "192.0.2.2", 9, "nonsense"),
    ] {
        assert_eq!(stamped(via, from, port), expected, "{via}");
    }
}

#[test]
fn a_request_that_needs_no_stamp_is_the_same_request() {
    let request = invite("");
    let Ok(own) = "192.0.2.1".parse() else { return };
    assert_eq!(request.with_received(own, 5070).as_bytes().as_ptr(), request.as_bytes().as_ptr());
}
