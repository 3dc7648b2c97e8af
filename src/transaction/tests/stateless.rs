//! Replies without a transaction, and the ACKs to them.

use super::*;
use crate::ground::HeaderField;
use crate::sip::{HeaderName, StatusCode};

fn retry_after() -> HeaderField {
    HeaderField { name: "Retry-After".to_owned(), value: "7".to_owned() }
}

fn to_tag(response: &Response) -> String {
    response.headers().to().unwrap().tag().unwrap().to_owned()
}

#[test]
fn a_stateless_reply_is_the_same_each_time_and_its_ack_vanishes() {
    let mut rig = Rig::new();
    let mut tags = Vec::new();
    for _ in 0..2 {
        let busy = StatusCode::SERVICE_UNAVAILABLE;
        rig.layer.reply_statelessly(&invite(), udp_flow(), busy, &[retry_after()]);
        let out = rig.drain();
        assert_eq!(out.sent[0].2, TransactionId::NO_TAG);
        let response = out.response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers().first(HeaderName::RetryAfter), Some("7"));
        tags.push(to_tag(&response));
    }
    assert_eq!(tags[0], tags[1]);
    assert_ne!(tags[0], rig.layer.to_tag(&invite()), "a dialog's tag is another");
    assert!(rig.receive(ack("z9hG4bK-i", &tags[0])).events.is_empty());
    assert_eq!(rig.layer.counters().stateless_acks, 1);
    let other = rig.receive(ack("z9hG4bK-other", &tags[0]));
    assert_eq!(other.events.len(), 1, "an ACK with another branch may be for a dialog");
    assert_eq!(rig.receive(ack("z9hG4bK-i", "b1")).events.len(), 1);
    rig.assert_empty();
}

#[test]
fn a_pending_request_can_be_refused_without_keeping_anything() {
    let mut rig = Rig::new();
    let (id, _) = rig.receive(invite()).new_request();
    let busy = StatusCode::SERVICE_UNAVAILABLE;
    rig.layer.respond_statelessly(id, busy, &[retry_after()]).unwrap();
    let out = rig.drain();
    assert_eq!(out.lines(), ["SIP/2.0 503 Service Unavailable"]);
    assert_eq!(out.events, [TransactionEvent::Terminated { id }]);
    rig.assert_empty();
    assert!(rig.receive(ack("z9hG4bK-i", &to_tag(&out.response()))).events.is_empty());
    assert_eq!(rig.layer.respond_statelessly(id, busy, &[]), Err(RespondError::Unknown));
    let (id_2, _) = rig.receive(invite()).new_request();
    assert_ne!(id, id_2, "a repeat of the INVITE is a new request");
}

#[test]
fn once_a_response_went_a_refusal_must_be_kept() {
    let mut rig = Rig::new();
    let (id, _) = rig.receive(invite()).new_request();
    rig.advance(ms(200));
    let refused = rig.layer.respond_statelessly(id, StatusCode::SERVICE_UNAVAILABLE, &[]);
    assert_eq!(refused, Err(RespondError::AlreadyFinal));
}

#[test]
fn a_request_that_fails_examination_is_answered_and_not_told() {
    let mut rig = Rig::new();
    let text = request_text("INVITE", "z9hG4bK-i", 1, None).replace("CSeq: 1 INVITE", "CSeq: 1 OPTIONS");
    let out = rig.receive_text(&text);
    assert_eq!(out.lines(), ["SIP/2.0 400 CSeq Method Mismatch"]);
    assert!(out.events.is_empty());
    assert_eq!(rig.layer.counters().unreadable, 1);
    rig.assert_empty();
}

#[test]
fn a_request_whose_via_is_unreadable_in_part_is_answered_at_its_source() {
    for via in ["192.0.2.15:5080;branch=z9hG4bK-i;;", "h;rport;;a=", "h:99999", "[::1;branch=z9hG4bK-i"] {
        for flow in [udp_flow(), tcp_flow(1)] {
            let mut rig = Rig::new();
            let text = request_text("OPTIONS", "z9hG4bK-i", 1, None);
            let out = rig.receive_on(flow, parse(&text.replace("192.0.2.1;branch=z9hG4bK-i", via)));
            assert_eq!(out.lines(), ["SIP/2.0 400 Bad Via"], "{via}");
            assert_eq!(out.sent[0].0, flow);
            assert!(out.sent[0].1.len() <= text.len(), "no more goes back than came");
        }
    }
    let mut rig = Rig::new();
    let text = request_text("ACK", "z9hG4bK-i", 1, None).replace("branch=", ";branch=");
    assert!(rig.receive_text(&text).sent.is_empty());
    let text = request_text("OPTIONS", "z9hG4bK-i", 1, None).replace("SIP/2.0/UDP", "nonsense");
    assert!(rig.receive_text(&text).sent.is_empty(), "no way back");
}

#[test]
fn a_bad_ack_is_never_answered() {
    let mut rig = Rig::new();
    let text = request_text("ACK", "z9hG4bK-i", 1, Some("b1")).replace("CSeq: 1 ACK", "CSeq: 1 OPTIONS");
    let out = rig.receive_text(&text);
    assert!(out.sent.is_empty() && out.events.is_empty());
    rig.layer.reply_statelessly(&ack("z9hG4bK-i", "b1"), udp_flow(), StatusCode::BAD_REQUEST, &[]);
    assert!(rig.drain().sent.is_empty());
}

#[test]
fn what_is_no_message_is_answered_as_far_as_it_can_be_made_out() {
    let mut rig = Rig::new();
    let text = request_text("INVITE", "z9hG4bK-i", 1, None).replace("Max-Forwards: 70", "no header line");
    let error = Message::parse(Bytes::from(text), &Limits::default()).unwrap_err();
    let status = error.status();
    rig.layer.reply_to_salvage(&error.salvage().unwrap(), udp_flow(), status);
    let out = rig.drain();
    assert_eq!(out.lines(), ["SIP/2.0 400 Bad Request"]);
    assert!(rig.receive(ack("z9hG4bK-i", &to_tag(&out.response()))).events.is_empty());
}

#[test]
fn tags_depend_on_the_key() {
    let tag_under =
        |key| Transactions::new(TransactionSettings::default(), &mut Random::from_key(key)).to_tag(&invite());
    assert_eq!(tag_under([1, 2]), tag_under([1, 2]));
    assert_ne!(tag_under([1, 2]), tag_under([1, 3]));
}

#[test]
fn an_ack_for_a_2xx_is_sent_as_it_is() {
    let mut rig = Rig::new();
    let bytes = ack("z9hG4bK-2xx", "b1").as_bytes().clone();
    rig.layer.send_stateless(bytes.clone(), udp_flow());
    assert_eq!(rig.drain().sent, [(udp_flow(), bytes, TransactionId::NO_TAG)]);
}
