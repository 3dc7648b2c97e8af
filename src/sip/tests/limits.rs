//! Every bound of `Limits`: at it a message passes, over it there is an error with its status.

use super::super::*;
use super::lines;

fn status(text: &str, limits: &Limits) -> Option<u16> {
    Message::parse(lines(text), limits).err().map(|error| {
        assert!(matches!(error.kind, ParseErrorKind::TooLarge { .. }), "{error}");
        error.status().code()
    })
}

#[test]
fn each_bound_has_its_status() {
    let none = Limits::default();
    let text = "OPTIONS sip:abc SIP/2.0|Via: SIP/2.0/UDP h|Via: SIP/2.0/UDP g|A: b|Content-Length: 4||body";
    let length = lines(text).len();
    assert_eq!(status(text, &none), None);
    for (at, over, code) in [
        (
            Limits { message_bytes: length, ..none.clone() },
            Limits { message_bytes: length - 1, ..none.clone() },
            513,
        ),
        (
            Limits { headers_bytes: length - 4, ..none.clone() },
            Limits { headers_bytes: length - 5, ..none.clone() },
            513,
        ),
        (Limits { body_bytes: 4, ..none.clone() }, Limits { body_bytes: 3, ..none.clone() }, 413),
        (Limits { header_count: 4, ..none.clone() }, Limits { header_count: 3, ..none.clone() }, 400),
        (
            Limits { header_line_bytes: 20, ..none.clone() },
            Limits { header_line_bytes: 18, ..none.clone() },
            400,
        ),
        (Limits { method_bytes: 7, ..none.clone() }, Limits { method_bytes: 6, ..none.clone() }, 400),
        (Limits { uri_bytes: 7, ..none.clone() }, Limits { uri_bytes: 6, ..none.clone() }, 414),
        (Limits { via_count: 2, ..none.clone() }, Limits { via_count: 1, ..none.clone() }, 400),
    ] {
        assert_eq!(status(text, &at), None, "{at:?}");
        assert_eq!(status(text, &over), Some(code), "{over:?}");
    }
}

#[test]
fn a_request_over_a_bound_can_be_answered() {
    let long = "x".repeat(3000);
    let text = format!(
        "OPTIONS sip:{long} SIP/2.0|Via: SIP/2.0/UDP h;branch=z9hG4bK1|To: <sip:a>|From: <sip:b>|Call-ID: 1|CSeq: 1 OPTIONS||"
    );
    let error = Message::parse(lines(&text), &Limits::default()).err();
    let answer = error.as_ref().and_then(|error| error.salvage()?.respond(error.status()).build().ok());
    assert_eq!(answer.map(|answer| answer.status()), Some(StatusCode::REQUEST_URI_TOO_LONG));
}

#[test]
fn the_widest_limits_still_hold_the_head_to_what_its_places_can_say() {
    let field = format!("A: {}|", "x".repeat(60_000));
    let text = format!("OPTIONS sip:a SIP/2.0|{field}{field}|");
    assert_eq!(status(&text, &Limits::WIDEST), Some(513));
    let text = format!("OPTIONS sip:a SIP/2.0|{field}|{}", "x".repeat(100_000));
    assert_eq!(status(&text, &Limits::WIDEST), None);
}
