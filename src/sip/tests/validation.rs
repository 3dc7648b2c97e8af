//! What every server checks first.

use super::super::*;
use super::{invite, request, response};

fn verdict(text: &str) -> Result<(), (u16, &'static str)> {
    validate(&request(text)).map(drop).map_err(|reject| (reject.status.code(), reject.reason))
}

/// An OPTIONS in which one line is exchanged for another.
fn with(line: &str, other: &str) -> Result<(), (u16, &'static str)> {
    let text = "OPTIONS sip:b SIP/2.0|Via: SIP/2.0/UDP h;branch=z9hG4bK1|From: <sip:a>;tag=1|To: <sip:b>|Call-ID: 1|CSeq: 1 OPTIONS|Max-Forwards: 70|Contact: <sip:a@h>||";
    assert!(text.contains(line), "{line}");
    verdict(&text.replacen(line, other, 1))
}

#[test]
fn a_good_request_gives_its_essentials() {
    let request = invite("");
    let Ok(found) = validate(&request) else { panic!("refused") };
    assert_eq!(
        (found.via.branch, found.call_id, found.cseq.sequence),
        (Some("z9hG4bK776"), "7@192.0.2.1", 314_159)
    );
    assert_eq!((found.from.tag(), found.to.tag(), found.max_forwards), (Some("a1"), None, Some(70)));
    assert_eq!(found.contact.map(|contact| contact.uri_text()), Some("sip:alice@192.0.2.1"));
}

#[test]
fn what_must_be_there_once_is_there_once() {
    for (line, reason) in [
        ("Via: SIP/2.0/UDP h;branch=z9hG4bK1|", "Missing Via"),
        ("From: <sip:a>;tag=1|", "Missing From"),
        ("To: <sip:b>|", "Missing To"),
        ("Call-ID: 1|", "Missing Call-ID"),
        ("CSeq: 1 OPTIONS|", "Missing CSeq"),
    ] {
        assert_eq!(with(line, ""), Err((400, reason)));
        if !line.starts_with("Via") {
            assert_eq!(with(line, &format!("{line}{line}")), Err((400, "Repeated Header Field")));
        }
    }
    assert_eq!(with("Max-Forwards: 70|", ""), Ok(()));
    assert_eq!(with("Contact: <sip:a@h>|", "Contact: <sip:a@h>|Contact: <sip:c@h>|"), Ok(()));
}

#[test]
fn what_is_malformed_is_named() {
    for (line, other, reason) in [
        ("Via: SIP/2.0/UDP h", "Via: SIP/2.0/UDP ", "Bad Via"),
        ("|From", "|Via: lower|From", "Bad Via"),
        ("From: <sip:a>", "From: <sip:a", "Bad From"),
        ("To: <sip:b>", "To: sip:b, sip:c", "Bad To"),
        ("Call-ID: 1", "Call-ID: 1 2", "Bad Call-ID"),
        ("CSeq: 1 ", "CSeq: one ", "Bad CSeq"),
        ("CSeq: 1 ", "CSeq: 2147483648 ", "Bad CSeq"),
        ("CSeq: 1 OPTIONS", "CSeq: 1 INVITE", "CSeq Method Mismatch"),
        ("Max-Forwards: 70", "Max-Forwards: 300", "Bad Max-Forwards"),
        ("<sip:a@h>", "<sip:a@h>, <", "Bad Contact"),
        ("<sip:a@h>", "<sip:a@h>, *", "Bad Contact"),
        ("<sip:a@h>|", "*|m: *|", "Bad Contact"),
        ("<sip:a@h>|", "<sip:a@h>|Content-Length: 1|", "Content-Length Exceeds Body"),
        ("<sip:a@h>|", "<sip:a@h>|Content-Length: x|", "Bad Content-Length"),
        ("OPTIONS sip:b", "OPTIONS sip:b:x", "Bad Request-URI"),
        ("OPTIONS sip:b", "OPTIONS sip:b?Route=x", "Header In Request-URI"),
    ] {
        assert_eq!(with(line, other), Err((400, reason)), "{other}");
    }
}

#[test]
fn versions_and_schemes_have_their_own_status() {
    assert_eq!(with("sip:b SIP/2.0", "sip:b SIP/3.0").map_err(|(status, _)| status), Err(505));
    assert_eq!(with("OPTIONS sip:b", "OPTIONS http:b").map_err(|(status, _)| status), Err(416));
    assert_eq!(with("OPTIONS sip:b", "OPTIONS tel:+1"), Ok(()));
    assert_eq!(with("CSeq: 1 ", "CSeq: 2147483647 "), Ok(()));
}

#[test]
fn a_bad_response_is_dropped_but_not_for_its_contact() {
    let text = "SIP/2.0 200 OK|Via: SIP/2.0/UDP h|From: <sip:a>;tag=1|To: <sip:b>;tag=2|Call-ID: 1|CSeq: 1 INVITE|Contact: <||";
    let contact = |text: &str| validate_response(&response(text)).map(|found| found.contact.is_some());
    assert_eq!(contact(text), Ok(false));
    assert_eq!(contact(&text.replace("SIP/2.0 200", "SIP/3.0 200")), Err(Discard::Version));
    assert_eq!(contact(&text.replace("Contact: <", "Content-Length: 7")), Err(Discard::ContentLength));
    assert!(matches!(contact(&text.replace("CSeq: 1 INVITE|", "")), Err(Discard::Header(_))));
    assert!(matches!(
        contact(&text.replace("To: <sip:b>;tag=2|", "To: <sip:b>|t: <sip:b>|")),
        Err(Discard::Header(_))
    ));
}
