//! Which message belongs to which transaction (RFC 3261 §17.1.3, §17.2.3, §8.2.2.2).

use super::*;
use crate::sip::{HeaderName, ResponseBuilder, StatusCode};

fn with_via(request: &Request, via: &str) -> Request {
    request.edit().set(HeaderName::Via, via).build().unwrap()
}

fn is_new(out: &Out) -> bool {
    matches!(out.events.as_slice(), [TransactionEvent::Request { .. }])
}

#[test]
fn a_request_is_the_same_only_with_branch_sent_by_method_and_call() {
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

/// Over a connection nothing is repeated, so that nothing has to be kept for it.
#[test]
fn an_ack_of_rfc_2543_over_a_connection_ends_the_transaction_whose_to_tag_it_bears() {
    let over_tcp = "SIP/2.0/TCP 192.0.2.1;branch=1";
    for via in [over_tcp, "SIP/2.0/TCP 192.0.2.1"] {
        let mut rig = Rig::new();
        let flow = tcp_flow(1);
        let (id, request) = rig.receive_on(flow, with_via(&old("INVITE", 1, None), via)).new_request();
        rig.respond(id, &request, 486);
        let out = rig.receive_on(flow, with_via(&old("ACK", 1, Some("someone-else")), via));
        assert!(matches!(out.events.as_slice(), [TransactionEvent::Ack { .. }]), "{via}: {:?}", out.events);
        assert_eq!(rig.layer.info(id).unwrap().state, "Completed");
        // It may come by another connection than the INVITE.
        let out = rig.receive_on(tcp_flow(2), with_via(&old("ACK", 1, Some("b1")), via));
        assert!(
            matches!(out.events.as_slice(), [TransactionEvent::Terminated { id: ended }] if *ended == id),
            "{via}: {:?}",
            out.events
        );
        rig.assert_empty();
    }
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
    assert!(is_new(&rig.receive(second)), "the first is settled");
}

/// A proxy that hunts through a group, or goes on to voicemail, asks again with another branch.
#[test]
fn a_request_may_come_another_way_as_soon_as_the_first_was_refused() {
    let another = |branch: &str| fixture::request(&Method::Invite, branch);
    for (status, acknowledged) in [(486, true), (487, true), (302, true), (603, true), (486, false)] {
        for flow in [udp_flow(), tcp_flow(1)] {
            let mut rig = Rig::new();
            let (first, request) = rig.receive_on(flow, invite()).new_request();
            rig.respond(first, &request, status);
            if acknowledged {
                rig.receive_on(flow, ack("z9hG4bK-i", "b1"));
            }
            let (second, request) = rig.receive_on(flow, another("z9hG4bK-2")).new_request();
            assert_eq!(rig.receive_on(flow, another("z9hG4bK-3")).lines(), ["SIP/2.0 482 Loop Detected"]);
            rig.respond(second, &request, 486);
            assert!(is_new(&rig.receive_on(flow, another("z9hG4bK-4"))));
            if !flow.transport.is_reliable() {
                assert!(
                    rig.receive_on(flow, invite()).events.is_empty(),
                    "a repeat of the first is still one"
                );
            }
            rig.advance(ms(64_000));
            assert_eq!(rig.layer.counters().merged, 1);
        }
    }
}

#[test]
fn a_call_that_is_up_is_not_begun_a_second_way() {
    let mut rig = Rig::new();
    let (first, request) = rig.receive(invite()).new_request();
    rig.respond(first, &request, 200);
    let second = fixture::request(&Method::Invite, "z9hG4bK-2");
    assert_eq!(rig.receive(second.clone()).lines(), ["SIP/2.0 482 Loop Detected"]);
    rig.receive(ack("z9hG4bK-ack", "b1"));
    rig.advance(ms(1_000));
    assert_eq!(rig.receive(second).lines(), ["SIP/2.0 482 Loop Detected"]);
}

#[test]
fn another_method_is_merged_until_it_is_answered() {
    let mut rig = Rig::new();
    let (first, request) = rig.receive(request(Method::Message)).new_request();
    let second = fixture::request(&Method::Message, "z9hG4bK-2");
    assert_eq!(rig.receive(second.clone()).lines(), ["SIP/2.0 482 Loop Detected"]);
    rig.respond(first, &request, 200);
    assert!(is_new(&rig.receive(second)));
}

/// Some clients take the branch of the first INVITE for what follows in the dialog.
#[test]
fn a_branch_used_again_with_another_sequence_number_begins_another_transaction() {
    let mut rig = Rig::new();
    let (first, request) = rig.receive(invite()).new_request();
    rig.respond(first, &request, 200);
    let reinvite = as_request(&request_text("INVITE", "z9hG4bK-i", 2, Some("b1")));
    let (second, request) = rig.receive(reinvite.clone()).new_request();
    assert!(!is_new(&rig.receive(reinvite)), "a repeat of it is a repeat");
    let cancel = as_request(&request_text("CANCEL", "z9hG4bK-i", 2, Some("b1")));
    let out = rig.receive(cancel);
    assert!(matches!(out.events.as_slice(), [TransactionEvent::Cancel { invite, .. }] if *invite == second));
    rig.respond(second, &request, 487);
    rig.receive(as_request(&request_text("ACK", "z9hG4bK-i", 2, Some("b1"))));
    assert_eq!(rig.layer.info(second).unwrap().state, "Confirmed");
    assert_eq!(rig.layer.info(first).unwrap().state, "Accepted");
}

#[test]
fn a_cancel_that_knows_no_more_than_the_branch_finds_nothing() {
    let text = request_text("CANCEL", "z9hG4bK-i", 1, None);
    for (from, to) in
        [("Call-ID: c1", "Call-ID: c2"), ("tag=a1", "tag=a2"), (";tag=a1", ""), ("CSeq: 1", "CSeq: 2")]
    {
        let mut rig = Rig::new();
        assert!(is_new(&rig.receive(invite())));
        let out = rig.receive_text(&text.replace(from, to));
        assert_eq!(out.lines(), ["SIP/2.0 481 Call/Transaction Does Not Exist"], "{to}");
        assert!(out.events.is_empty());
    }
}

/// The dialog's own tag never is that of a stateless reply, though such a client's ACK repeats all that both are made of.
#[test]
fn an_ack_of_rfc_2543_to_a_2xx_reaches_the_dialog_whatever_uri_it_is_sent_to() {
    for via in
        ["SIP/2.0/UDP 192.0.2.1", "SIP/2.0/UDP 192.0.2.1;branch=1", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK"]
    {
        let mut rig = Rig::new();
        let (id, request) = rig.receive(with_via(&old("INVITE", 1, None), via)).new_request();
        let tag = rig.layer.to_tag(&request);
        let ok = ResponseBuilder::to_request(&request, StatusCode::OK).to_tag(&tag).build().unwrap();
        rig.layer.respond(id, &ok, rig.now).unwrap();
        rig.drain();
        let to_invite = with_via(&old("ACK", 1, Some(&tag)), via);
        let to_contact = to_invite.edit().uri("sip:T@192.0.2.9:5060").build().unwrap();
        for ack in [to_contact, to_invite] {
            let out = rig.receive(ack);
            assert!(
                matches!(out.events.as_slice(), [TransactionEvent::Ack { .. }]),
                "{via}: {:?}",
                out.events
            );
        }
        assert_eq!(rig.layer.counters().stateless_acks, 0);
        let bye =
            with_via(&old("BYE", 2, Some(&tag)), via).edit().uri("sip:T@192.0.2.9:5060").build().unwrap();
        assert!(is_new(&rig.receive(bye.clone())));
        assert!(!is_new(&rig.receive(bye)));
    }
}

#[test]
fn the_answer_to_a_cancel_has_the_tag_of_the_dialog_to_be() {
    for branch in ["z9hG4bK-i", "1"] {
        let mut rig = Rig::new();
        let (_, invite) = rig.receive_text(&request_text("INVITE", branch, 1, None)).new_request();
        let out = rig.receive_text(&request_text("CANCEL", branch, 1, None));
        let tag = out.response().headers().to().unwrap().tag().map(str::to_owned);
        assert_eq!(tag, Some(rig.layer.to_tag(&invite)));
    }
}

#[test]
fn a_refusal_that_lacks_what_only_a_dialog_needs_is_acknowledged_and_told() {
    for lacks in [HeaderName::From, HeaderName::To, HeaderName::CallId] {
        for flow in [udp_flow(), tcp_flow(1)] {
            let mut rig = Rig::new();
            rig.send(&invite(), flow);
            rig.drain();
            let refusal = response_to(&invite(), 486).edit().remove(lacks).build().unwrap();
            let out = rig.receive_on(flow, refusal);
            assert_eq!(out.lines(), ["ACK sip:bob@example.com"], "{lacks:?}");
            assert!(matches!(out.events.first(), Some(TransactionEvent::Response { .. })));
            let accepted = response_to(&invite(), 200).edit().remove(lacks).build().unwrap();
            assert!(rig.receive_on(flow, accepted).events.is_empty(), "that would be a dialog");
        }
    }
    let mut rig = Rig::new();
    rig.send(&request(Method::Bye), udp_flow());
    rig.drain();
    let refusal = response_to(&request(Method::Bye), 481).edit().remove(HeaderName::From).build().unwrap();
    assert_eq!(rig.receive(refusal).events.len(), 1);
}

#[test]
fn requests_inside_a_dialog_and_new_attempts_are_not_merged() {
    let mut rig = Rig::new();
    assert!(is_new(&rig.receive(invite())));
    assert!(is_new(&rig.receive(as_request(&request_text("INVITE", "z9hG4bK-2", 2, None)))));
    assert!(is_new(&rig.receive(as_request(&request_text("INVITE", "z9hG4bK-3", 1, Some("b1"))))));
    assert!(is_new(&rig.receive(as_request(&request_text("OPTIONS", "z9hG4bK-4", 1, None)))));
}
