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
fn a_via_that_names_sip_is_enough_to_be_answered_whatever_else_is_wrong_with_it() {
    for via in [
        "h;;",
        "h;rport;;a=",
        "h:99999",
        "[::1;branch=z9hG4bK1",
        "h:x",
        "h;branch=\"",
        "",
        ";branch=z9hG4bK1",
    ] {
        let found = salvage(&format!("BYE <sip:b> SIP/2.0|v: SIP / 2.0/UDP {via}|CSeq: 1 BYE||"));
        let answer = found.map(|found| found.respond(StatusCode::BAD_REQUEST).build());
        let Some(Ok(answer)) = answer else { panic!("{via}: {answer:?}") };
        let expected = format!("Via: SIP / 2.0/UDP {via}");
        assert!(text(answer.as_bytes()).contains(expected.trim_end()), "{via}: {}", text(answer.as_bytes()));
    }
}

#[test]
fn nobody_is_answered_who_cannot_be_reached_or_must_not_be() {
    for silent in [
        "ACK <sip:b> SIP/2.0|Via: SIP/2.0/UDP h||",
        "INVITE <sip:b> SIP/2.0|To: <sip:b>||",
        "INVITE <sip:b> SIP/2.0|Via: nonsense||",
        "INVITE <sip:b> SIP/2.0|Via: HTTP/1.1/TCP h||",
        "INVITE <sip:b> SIP/2.0|Via: SIP/2.0/||",
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
fn a_datagram_that_lacks_the_closing_empty_line_is_a_message_without_a_body() {
    let bye = Message::parse(lines("BYE sip:b SIP/2.0|A: x|Content-Length: 0|"), &Limits::default());
    assert_eq!(bye.map(|bye| bye.body().len()), Ok(0));
    let short = Message::parse(lines("BYE sip:b SIP/2.0|A: x|Content-Length: 9|"), &Limits::default());
    let Ok(Message::Request(short)) = short else { panic!("{short:?}") };
    assert!(validate(&short).is_err_and(|reject| reject.reason == "Content-Length Exceeds Body"));
}

#[test]
fn errors_say_where_they_are() {
    let error = |message: &str| {
        Message::parse(lines(message), &Limits::default()).err().map(|error| (error.kind, error.offset))
    };
    assert_eq!(error("BYE sip:b SIP/2.0|: x||"), Some((ParseErrorKind::HeaderLine, 19)));
    assert_eq!(error("BYE sip:b SIP/2.0|A: x\n||"), Some((ParseErrorKind::LineEnd, 23)));
    assert_eq!(error("BYE sip:b SIP/2.0|A: x"), Some((ParseErrorKind::NoEmptyLine, 23)));
    assert_eq!(error("BYE sip:b SIP/2.0|"), Some((ParseErrorKind::NoEmptyLine, 19)));
    assert_eq!(error(" BYE sip:b SIP/2.0||"), Some((ParseErrorKind::StartLine, 0)));
    assert_eq!(error("BYE sip:b SIP/2.0| A: x||"), Some((ParseErrorKind::HeaderLine, 19)));
    assert_eq!(error("||"), Some((ParseErrorKind::Empty, 0)));
}
