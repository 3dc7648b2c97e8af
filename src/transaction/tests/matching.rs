//! Which message belongs to which transaction (RFC 3261 §17.1.3, §17.2.3, §8.2.2.2).

use super::*;
use crate::sip::HeaderName;

fn with_via(request: &Request, via: &str) -> Request {
    request.edit().set(HeaderName::Via, via).build().unwrap()
}

fn is_new(out: &Out) -> bool {
    matches!(out.events.as_slice(), [TransactionEvent::Request { .. }])
}

#[test]
fn a_request_is_the_same_only_with_branch_sent_by_and_method() {
    let mut rig = Rig::new();
    let options = request(Method::Options);
    assert!(is_new(&rig.receive(options.clone())));
    assert!(!is_new(&rig.receive(options.clone())));
    let in_dialog = as_request(&request_text("OPTIONS", "z9hG4bK-r", 1, Some("b1")));
    assert!(!is_new(&rig.receive(in_dialog.clone())), "what else is in it does not matter");
    for via in [
        "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK-R",
        "SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK-r",
        "SIP/2.0/UDP 192.0.2.1:5080;branch=z9hG4bK-r",
    ] {
        assert!(is_new(&rig.receive(with_via(&in_dialog, via))), "{via}");
    }
    let info = as_request(&request_text("INFO", "z9hG4bK-r", 1, Some("b1")));
    assert!(is_new(&rig.receive(info)));
}

#[test]
fn the_host_of_sent_by_is_compared_without_case() {
    let mut rig = Rig::new();
    let options = request(Method::Options);
    assert!(is_new(&rig.receive(with_via(&options, "SIP/2.0/UDP Host.Example.com;branch=z9hG4bK-r"))));
    assert!(!is_new(&rig.receive(with_via(&options, "SIP/2.0/UDP host.example.COM:5060;branch=z9hG4bK-r"))));
}

#[test]
fn a_response_is_matched_by_branch_and_cseq_method() {
    let mut rig = Rig::new();
    rig.send(&request(Method::Bye), udp_flow());
    rig.drain();
    let other_branch = fixture::request(&Method::Bye, "z9hG4bK-other");
    assert!(rig.receive(response_to(&other_branch, 200)).events.is_empty());
    assert!(rig.receive(response_to(&request(Method::Options), 200)).events.is_empty());
    assert_eq!(rig.layer.counters().stray_responses, 2);
    assert_eq!(rig.receive(response_to(&request(Method::Bye), 200)).events.len(), 1);
}

#[test]
fn a_response_with_a_second_via_is_dropped() {
    let mut rig = Rig::new();
    rig.send(&request(Method::Bye), udp_flow());
    rig.drain();
    let ok = response_to(&request(Method::Bye), 200);
    let via = "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK-r, SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK-x";
    let meant_for_another = ok.edit().set(HeaderName::Via, via).build().unwrap();
    assert!(rig.receive(meant_for_another).events.is_empty());
    assert_eq!(rig.layer.counters().unreadable, 1);
}

/// A request as RFC 2543 has it: without the cookie.
fn old(method: &str, cseq: u32, to_tag: Option<&str>) -> Request {
    as_request(&request_text(method, "1", cseq, to_tag))
}

#[test]
fn without_the_cookie_the_rules_of_rfc_2543_apply() {
    let mut rig = Rig::new();
    assert!(is_new(&rig.receive(old("INVITE", 1, None))));
    assert!(!is_new(&rig.receive(old("INVITE", 1, None))));
    assert!(is_new(&rig.receive(old("INVITE", 2, None))), "the branch is the same, the CSeq is not");
    let no_branch = with_via(&old("INVITE", 3, None), "SIP/2.0/UDP 192.0.2.1");
    assert!(is_new(&rig.receive(no_branch.clone())));
    assert!(!is_new(&rig.receive(no_branch)));
}

#[test]
fn an_ack_of_rfc_2543_acknowledges_the_refusal_whose_to_tag_it_bears() {
    let mut rig = Rig::new();
    let (id, request) = rig.receive(old("INVITE", 1, None)).new_request();
    rig.respond(id, &request, 486);
    let out = rig.receive(old("ACK", 1, Some("someone-else")));
    assert!(matches!(out.events.as_slice(), [TransactionEvent::Ack { .. }]), "{:?}", out.events);
    assert_eq!(rig.layer.info(id).unwrap().state, "Completed");
    assert!(rig.receive(old("ACK", 1, Some("b1"))).events.is_empty());
    assert_eq!(rig.layer.info(id).unwrap().state, "Confirmed");
}

#[test]
fn a_cancel_of_rfc_2543_finds_its_invite() {
    let mut rig = Rig::new();
    let (id, _) = rig.receive(old("INVITE", 1, None)).new_request();
    let out = rig.receive(old("CANCEL", 1, None));
    assert!(matches!(out.events.as_slice(), [TransactionEvent::Cancel { invite, .. }] if *invite == id));
}

#[test]
fn a_request_that_comes_a_second_way_is_refused_482() {
    let mut rig = Rig::new();
    let (first, _) = rig.receive(invite()).new_request();
    let second = fixture::request(&Method::Invite, "z9hG4bK-second-way");
    let out = rig.receive(second.clone());
    assert_eq!(out.lines(), ["SIP/2.0 482 Loop Detected"]);
    assert!(out.events.is_empty());
    assert_eq!(rig.layer.counters().merged, 1);
    assert_eq!(rig.layer.len(), 1);
    let tag = out.response().headers().to().unwrap().tag().unwrap().to_owned();
    assert!(rig.receive(ack("z9hG4bK-second-way", &tag)).events.is_empty(), "its ACK vanishes");
    rig.respond(first, &invite(), 486);
    rig.receive(ack("z9hG4bK-i", "b1"));
    rig.advance(ms(5000));
    assert!(is_new(&rig.receive(second)), "the first is over");
}

#[test]
fn requests_inside_a_dialog_and_new_attempts_are_not_merged() {
    let mut rig = Rig::new();
    assert!(is_new(&rig.receive(invite())));
    assert!(is_new(&rig.receive(as_request(&request_text("INVITE", "z9hG4bK-2", 2, None)))));
    assert!(is_new(&rig.receive(as_request(&request_text("INVITE", "z9hG4bK-3", 1, Some("b1"))))));
    assert!(is_new(&rig.receive(as_request(&request_text("OPTIONS", "z9hG4bK-4", 1, None)))));
}
