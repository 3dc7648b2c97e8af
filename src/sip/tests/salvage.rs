//! What can be answered although it is no message, and what cannot.

use super::super::*;
use super::{lines, text};

fn salvage(message: &str) -> Option<Salvage> {
    match Message::parse(lines(message), &Limits::default()) {
        Err(error) => error.salvage(),
        Ok(_) => panic!("{message} is a message"),
    }
}

#[test]
fn the_answer_has_what_could_be_read() {
    let found = salvage(
        "INVITE <sip:b> SIP/2.0|Via: SIP/2.0/UDP h;branch=z9hG4bK1|no colon here|From: <sip:a>;tag=1|To:|  <sip:b>|Call-ID: 7|CSeq: 1 INVITE||",
    );
    let answer =
        found.as_ref().and_then(|found| found.respond(StatusCode::BAD_REQUEST).to_tag("x").build().ok());
    assert_eq!(
        answer.map(|answer| text(answer.as_bytes())).as_deref(),
        Some(
            "SIP/2.0 400 Bad Request|Via: SIP/2.0/UDP h;branch=z9hG4bK1|From: <sip:a>;tag=1|To: <sip:b>;tag=x|Call-ID: 7|CSeq: 1 INVITE|Content-Length: 0||"
        )
    );
}

#[test]
fn nobody_is_answered_who_cannot_be_reached_or_must_not_be() {
    for silent in [
        "ACK <sip:b> SIP/2.0|Via: SIP/2.0/UDP h||",
        "INVITE <sip:b> SIP/2.0|To: <sip:b>||",
        "INVITE <sip:b> SIP/2.0|Via: nonsense||",
        "SIP/2.0 9999 x|Via: SIP/2.0/UDP h||",
        "GET / HTTP/1.1|Via: SIP/2.0/UDP h||",
        "garbage",
        "",
        "|||",
    ] {
        assert!(salvage(silent).is_none(), "{silent}");
    }
}

#[test]
fn errors_say_where_they_are() {
    let error = |message: &str| {
        Message::parse(lines(message), &Limits::default()).err().map(|error| (error.kind, error.offset))
    };
    assert_eq!(error("BYE sip:b SIP/2.0|: x||"), Some((ParseErrorKind::HeaderLine, 19)));
    assert_eq!(error("BYE sip:b SIP/2.0|A: x\n||"), Some((ParseErrorKind::LineEnd, 23)));
    assert_eq!(error("BYE sip:b SIP/2.0|A: x|"), Some((ParseErrorKind::NoEmptyLine, 25)));
    assert_eq!(error(" BYE sip:b SIP/2.0||"), Some((ParseErrorKind::StartLine, 0)));
    assert_eq!(error("BYE sip:b SIP/2.0| A: x||"), Some((ParseErrorKind::HeaderLine, 19)));
    assert_eq!(error("||"), Some((ParseErrorKind::Empty, 0)));
}
