//! What happens when there are as many transactions as there may be.

use super::*;
use crate::sip::{HeaderName, build_cancel};

fn tight() -> Rig {
    Rig::with(TransactionSettings {
        transactions_max: 2,
        in_dialog_reserve: 1,
        ..TransactionSettings::default()
    })
}

fn numbered(n: u32) -> Request {
    as_request(&request_text("INVITE", &format!("z9hG4bK-{n}"), n, None))
}

fn full() -> Rig {
    let mut rig = tight();
    rig.receive(numbered(1)).new_request();
    rig.receive(numbered(2)).new_request();
    rig
}

#[test]
fn a_new_request_beyond_the_bound_gets_a_stateless_503() {
    let mut rig = full();
    let out = rig.receive(numbered(3));
    assert_eq!(out.lines(), ["SIP/2.0 503 Service Unavailable"]);
    let response = out.response();
    assert_eq!(response.headers().first(HeaderName::RetryAfter), Some("5"));
    assert!(out.events.is_empty());
    let tag = response.headers().to().unwrap().tag().unwrap().to_owned();
    let ack = as_request(&request_text("ACK", "z9hG4bK-3", 3, Some(&tag)));
    assert!(rig.receive(ack).events.is_empty());
    assert_eq!((rig.layer.len(), rig.layer.counters().refused_at_limit), (2, 1));
}

#[test]
fn a_repeat_of_an_admitted_request_is_not_refused() {
    let mut rig = full();
    assert!(rig.receive(numbered(1)).sent.is_empty());
    assert_eq!(rig.layer.counters().retransmissions_absorbed, 1);
}

#[test]
fn requests_inside_dialogs_have_a_reserve() {
    let mut rig = full();
    let bye = |n: u32| as_request(&request_text("BYE", &format!("z9hG4bK-b{n}"), n, Some("b1")));
    rig.receive(bye(10)).new_request();
    assert_eq!(rig.receive(bye(11)).lines(), ["SIP/2.0 503 Service Unavailable"]);
    let mut send = |request| rig.layer.send_request(request, udp_flow(), Now::default());
    assert_eq!(send(bye(12)), Err(SendError::AtLimit));
    assert_eq!(send(numbered(13)), Err(SendError::AtLimit));
    assert_eq!(rig.layer.counters().unsent_at_limit, 2);
}

#[test]
fn a_cancel_is_served_beyond_every_bound() {
    let mut rig = full();
    rig.receive(as_request(&request_text("BYE", "z9hG4bK-b", 9, Some("b1")))).new_request();
    assert_eq!(rig.layer.len(), 3);
    for _ in 0..2 {
        let out = rig.receive(build_cancel(&numbered(1)).unwrap());
        assert_eq!(out.lines(), ["SIP/2.0 200 OK"]);
        assert!(matches!(out.events.as_slice(), [TransactionEvent::Cancel { .. }]));
    }
    assert_eq!(rig.layer.len(), 3);
}

#[test]
fn our_own_cancel_is_sent_beyond_every_bound() {
    let mut rig = tight();
    let invite = numbered(1);
    let id = rig.send(&invite, udp_flow());
    rig.send(&numbered(2), udp_flow());
    rig.drain();
    rig.receive(response_to(&invite, 180));
    assert_eq!(rig.layer.cancel(id, &[], rig.now), Ok(Cancelling::Sent));
    assert_eq!(rig.drain().lines(), ["CANCEL sip:bob@example.com"]);
    assert_eq!(rig.layer.len(), 3);
}

#[test]
fn a_transaction_that_is_done_keeps_a_few_hundred_bytes() {
    let bytes = super::super::slots::Slots::SLOT_BYTES;
    assert!(bytes <= 256, "{bytes}");
}
