//! CANCEL in both directions (RFC 3261 §9).

use rstest::rstest;

use super::*;
use crate::ground::HeaderField;
use crate::sip::{HeaderName, build_cancel};

fn cancel_of(invite: &Request) -> Request {
    build_cancel(invite).unwrap()
}

fn calling(rig: &mut Rig) -> TransactionId {
    let id = rig.send(&invite(), udp_flow());
    rig.drain();
    id
}

#[test]
fn a_cancel_goes_out_at_once_after_a_provisional_response() {
    let mut rig = Rig::new();
    let id = calling(&mut rig);
    rig.receive(response_to(&invite(), 180));
    let reason =
        HeaderField { name: "Reason".to_owned(), value: "SIP;cause=200;text=\"elsewhere\"".to_owned() };
    assert_eq!(rig.layer.cancel(id, &[reason], rig.now), Ok(Cancelling::Sent));
    let out = rig.drain();
    let cancel = out.message().as_request().cloned().unwrap();
    let headers = cancel.headers();
    assert_eq!((cancel.method(), cancel.request_uri()), (&Method::Cancel, "sip:bob@example.com"));
    assert_eq!(headers.top_via().unwrap().branch, Some("z9hG4bK-i"));
    assert_eq!(headers.cseq().unwrap().to_string(), "1 CANCEL");
    assert_eq!(headers.to().unwrap().tag(), None);
    assert_eq!(headers.by_name("Reason").count(), 1);
    assert_eq!(rig.layer.cancel(id, &[], rig.now), Err(CancelError::AlreadyCancelled));
}

#[test]
fn a_cancel_waits_for_a_provisional_response() {
    let mut rig = Rig::new();
    let id = calling(&mut rig);
    assert_eq!(rig.layer.cancel(id, &[], rig.now), Ok(Cancelling::AfterProvisional));
    assert!(rig.drain().sent.is_empty());
    assert_eq!(rig.layer.cancel(id, &[], rig.now), Err(CancelError::AlreadyCancelled));
    let out = rig.receive(response_to(&invite(), 100));
    assert_eq!(out.lines(), ["CANCEL sip:bob@example.com"]);
    assert_eq!(out.events.len(), 1, "the 100");
}

#[test]
fn a_cancel_that_waits_is_dropped_when_the_final_response_comes_first() {
    let mut rig = Rig::new();
    let id = calling(&mut rig);
    rig.layer.cancel(id, &[], rig.now).unwrap();
    let out = rig.receive(response_to(&invite(), 200));
    assert!(out.sent.is_empty());
    assert_eq!(rig.layer.cancel(id, &[], rig.now), Err(CancelError::AlreadyFinal));
}

#[test]
fn a_cancelled_invite_ends_with_its_487() {
    let mut rig = Rig::new();
    let id = calling(&mut rig);
    rig.receive(response_to(&invite(), 180));
    rig.layer.cancel(id, &[], rig.now).unwrap();
    rig.drain();
    let out = rig.receive(response_to(&cancel_of(&invite()), 200));
    assert!(out.events.is_empty(), "the CANCEL's own transaction is the layer's affair");
    let out = rig.receive(response_to(&invite(), 487));
    assert_eq!(out.lines(), ["ACK sip:bob@example.com"]);
    assert_eq!(out.events.len(), 1);
    let out = rig.advance(ms(32_000));
    assert_eq!(out.events, [TransactionEvent::Terminated { id }]);
    rig.assert_empty();
}

#[test]
fn a_cancel_that_loses_the_race_leaves_the_2xx_to_the_user() {
    let mut rig = Rig::new();
    let id = calling(&mut rig);
    rig.receive(response_to(&invite(), 180));
    rig.layer.cancel(id, &[], rig.now).unwrap();
    rig.drain();
    let accepted = response_to(&invite(), 200);
    let out = rig.receive(accepted.clone());
    assert_eq!(out.events, [TransactionEvent::Response { id, response: accepted, flow: udp_flow() }]);
}

#[test]
fn a_cancelled_invite_without_a_final_response_fails_64_t1_after_the_cancel() {
    let mut rig = Rig::new();
    let id = calling(&mut rig);
    rig.receive(response_to(&invite(), 180));
    rig.advance(ms(60_000));
    rig.layer.cancel(id, &[], rig.now).unwrap();
    rig.drain();
    rig.receive(response_to(&cancel_of(&invite()), 200));
    assert!(rig.advance(ms(31_999)).events.is_empty());
    let error = ClientError::Cancelled;
    let events = [TransactionEvent::Failed { id, error }, TransactionEvent::Terminated { id }];
    assert_eq!(rig.advance(ms(1)).events, events);
    assert_eq!(rig.layer.counters().cancels_without_end, 1);
    rig.assert_empty();
}

#[test]
fn a_cancel_is_repeated_like_any_request_and_its_failure_is_not_told() {
    let mut rig = Rig::new();
    let id = calling(&mut rig);
    rig.receive(response_to(&invite(), 180));
    rig.layer.cancel(id, &[], rig.now).unwrap();
    rig.drain();
    assert_eq!(rig.sending_times(ms(3500)), [500, 1500, 3500]);
    let out = rig.advance(ms(30_000));
    assert_eq!(out.events.len(), 2, "the INVITE's failure and end: {:?}", out.events);
    rig.assert_empty();
}

#[test]
fn only_a_pending_invite_of_ours_can_be_cancelled() {
    let mut rig = Rig::new();
    let bye = rig.send(&request(Method::Bye), udp_flow());
    rig.drain();
    let (incoming, _) = rig.receive(fixture::request(&Method::Invite, "z9hG4bK-in")).new_request();
    for id in [bye, incoming, TransactionId::from_tag(99)] {
        assert_eq!(rig.layer.cancel(id, &[], rig.now), Err(CancelError::Unknown));
    }
}

#[test]
fn a_header_field_that_cannot_be_written_leaves_the_invite_uncancelled() {
    let mut rig = Rig::new();
    let id = calling(&mut rig);
    let bad = HeaderField { name: "X".to_owned(), value: "a\r\nVia: b".to_owned() };
    assert!(matches!(rig.layer.cancel(id, &[bad], rig.now), Err(CancelError::Header(_))));
    assert_eq!(rig.layer.cancel(id, &[], rig.now), Ok(Cancelling::AfterProvisional));
}

#[test]
fn an_incoming_cancel_is_answered_and_told() {
    let mut rig = Rig::new();
    let (id, _) = rig.receive(invite()).new_request();
    let out = rig.receive(cancel_of(&invite()));
    assert_eq!(out.lines(), ["SIP/2.0 200 OK"]);
    assert_eq!(out.response().headers().cseq().unwrap().to_string(), "1 CANCEL");
    assert_eq!(out.events, [TransactionEvent::Cancel { invite: id, request: cancel_of(&invite()) }]);
    let again = rig.receive(cancel_of(&invite()));
    assert_eq!(again.lines(), ["SIP/2.0 200 OK"]);
    assert!(again.events.is_empty(), "a repeated CANCEL is told once");
    assert_eq!(rig.respond(id, &invite(), 487).lines(), ["SIP/2.0 487 Request Terminated"]);
}

#[rstest]
#[case::a_refusal(486)]
#[case::a_2xx(200)]
fn a_cancel_after_the_final_response_is_answered_and_has_no_effect(#[case] code: u16) {
    let mut rig = Rig::new();
    let (id, request) = rig.receive(invite()).new_request();
    rig.respond(id, &request, code);
    let out = rig.receive(cancel_of(&invite()));
    assert_eq!(out.lines(), ["SIP/2.0 200 OK"]);
    assert!(out.events.is_empty());
}

#[test]
fn the_answer_to_a_cancel_has_the_to_tag_of_the_invites_responses() {
    let mut rig = Rig::new();
    let (id, request) = rig.receive(invite()).new_request();
    let tag = rig.layer.to_tag(&request);
    let answer = rig.receive(cancel_of(&invite())).response();
    assert_eq!(answer.headers().to().unwrap().tag(), Some(tag.as_str()), "no response yet: the hashed one");

    let mut rig = Rig::new();
    let (id_2, request) = rig.receive(invite()).new_request();
    assert_eq!(id, id_2);
    rig.respond(id_2, &request, 180);
    let answer = rig.receive(cancel_of(&invite())).response();
    assert_eq!(answer.headers().to().unwrap().tag(), Some("b1"));
}

#[test]
fn a_cancel_that_matches_nothing_gets_481() {
    let mut rig = Rig::new();
    let out = rig.receive(cancel_of(&invite()));
    assert_eq!(out.lines(), ["SIP/2.0 481 Call/Transaction Does Not Exist"]);
    assert!(out.response().headers().to().unwrap().tag().is_some());
    assert!(out.events.is_empty());
    rig.receive(request(Method::Options));
    let other = cancel_of(&request(Method::Options));
    assert_eq!(rig.receive(other).lines(), ["SIP/2.0 481 Call/Transaction Does Not Exist"]);
    assert_eq!(rig.layer.counters().cancels_unmatched, 2);
}

#[test]
fn a_cancel_behind_a_nat_is_answered_where_it_came_from() {
    let mut rig = Rig::new();
    let text = request_text("INVITE", "z9hG4bK-i;rport", 1, None);
    let from = Flow { remote: "198.51.100.9:33333".parse().unwrap(), ..udp_flow() };
    rig.receive_on(from, as_request(&text));
    let cancel = cancel_of(&as_request(&text));
    let out = rig.receive_on(from, cancel);
    assert_eq!(out.sent[0].0.remote, from.remote);
    let response = out.response();
    let via = response.headers().fields(HeaderName::Via).next().unwrap().value().unwrap();
    assert!(via.contains("received=198.51.100.9") && via.contains("rport=33333"), "{via}");
}
