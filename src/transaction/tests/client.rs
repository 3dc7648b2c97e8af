//! Client transactions through the layer.

use super::*;

pub(super) fn events_of(out: &Out) -> Vec<String> {
    let word = |event: &TransactionEvent| match event {
        TransactionEvent::Response { response, .. } => response.status().code().to_string(),
        TransactionEvent::Failed { error, .. } => format!("{error:?}"),
        TransactionEvent::Terminated { .. } => "terminated".to_owned(),
        other => panic!("{other:?}"),
    };
    out.events.iter().map(word).collect()
}

#[test]
fn an_invite_over_udp_is_repeated_at_doubling_intervals_until_timer_b() {
    let mut rig = Rig::new();
    let id = rig.send(&invite(), udp_flow());
    assert_eq!(rig.drain().lines(), ["INVITE sip:bob@example.com"]);
    assert_eq!(rig.sending_times(ms(31_999)), [500, 1500, 3500, 7500, 15_500, 31_500]);
    let out = rig.advance(ms(1));
    assert_eq!(
        out.events,
        [TransactionEvent::Failed { id, error: ClientError::Timeout }, TransactionEvent::Terminated { id }]
    );
    assert_eq!(rig.layer.counters().requests_retransmitted, 6);
    assert_eq!(rig.layer.counters().clients_timed_out, 1);
    rig.assert_empty();
}

#[test]
fn another_request_over_udp_is_repeated_at_intervals_up_to_t2_until_timer_f() {
    let mut rig = Rig::new();
    rig.send(&request(Method::Bye), udp_flow());
    rig.drain();
    let times = [500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
    assert_eq!(rig.sending_times(ms(31_999)), times);
    assert_eq!(events_of(&rig.advance(ms(1))), ["Timeout", "terminated"]);
    rig.assert_empty();
}

#[test]
fn a_request_that_is_sent_sparingly_is_repeated_so_often_and_waited_for_as_long() {
    for (repeats, times) in [(0, vec![]), (1, vec![500]), (3, vec![500, 1500, 3500])] {
        for request in [invite(), request(Method::Bye)] {
            let mut rig = Rig::new();
            let sent = rig.layer.send_request_sparingly(request, udp_flow(), rig.now, repeats);
            assert!(sent.is_ok());
            rig.drain();
            assert_eq!(rig.sending_times(ms(31_999)), times);
            assert_eq!(events_of(&rig.advance(ms(1))), ["Timeout", "terminated"]);
            rig.assert_empty();
        }
    }
}

#[test]
fn nothing_is_repeated_over_tcp() {
    for method in [Method::Invite, Method::Bye] {
        let mut rig = Rig::new();
        rig.send(&request(method), tcp_flow(1));
        assert_eq!(rig.drain().sent.len(), 1);
        assert_eq!(rig.next_wake(), Some(ms(32_000)));
        assert_eq!(events_of(&rig.advance(ms(32_000))), ["Timeout", "terminated"]);
        rig.assert_empty();
    }
}

#[test]
fn a_provisional_response_ends_repetition_and_timer_b() {
    let mut rig = Rig::new();
    rig.send(&invite(), udp_flow());
    rig.drain();
    assert_eq!(events_of(&rig.receive(response_to(&invite(), 180))), ["180"]);
    assert_eq!(events_of(&rig.receive(response_to(&invite(), 180))), ["180"], "each one comes up");
    assert_eq!(rig.next_wake(), None);
    assert_eq!(rig.layer.len(), 1);
}

#[test]
fn a_refused_invite_is_acknowledged_each_time_for_32_s() {
    let mut rig = Rig::new();
    let id = rig.send(&invite(), udp_flow());
    let tag = rig.drain().sent[0].2;
    let busy = response_to(&invite(), 486);
    let out = rig.receive(busy.clone());
    assert_eq!(out.lines(), ["ACK sip:bob@example.com"]);
    assert_eq!(out.sent[0].2, tag);
    assert_eq!(events_of(&out), ["486"]);
    let again = rig.receive(busy.clone());
    assert_eq!(again.lines(), ["ACK sip:bob@example.com"]);
    assert!(again.events.is_empty());
    assert_eq!(rig.layer.counters().repeated_responses, 1);
    assert_eq!(rig.advance(ms(32_000)).events, [TransactionEvent::Terminated { id }]);
    rig.assert_empty();
    let stray = rig.receive(busy);
    assert!(stray.sent.is_empty() && stray.events.is_empty());
    assert_eq!(rig.layer.counters().stray_responses, 1);
}

#[test]
fn a_refusal_over_tcp_is_acknowledged_once_and_ends_the_transaction() {
    let mut rig = Rig::new();
    rig.send(&invite(), tcp_flow(1));
    rig.drain();
    let out = rig.receive_on(tcp_flow(1), response_to(&invite(), 486));
    assert_eq!(out.lines(), ["ACK sip:bob@example.com"]);
    assert_eq!(events_of(&out), ["486", "terminated"]);
    rig.assert_empty();
}

#[test]
fn every_2xx_comes_up_for_64_t1_and_strays_after_that() {
    for flow in [udp_flow(), tcp_flow(1)] {
        let mut rig = Rig::new();
        rig.send(&invite(), flow);
        rig.drain();
        let accepted = response_to(&invite(), 200);
        for _ in 0..3 {
            let out = rig.receive_on(flow, accepted.clone());
            assert!(out.sent.is_empty(), "the ACK is the user's");
            assert_eq!(events_of(&out), ["200"]);
        }
        let another = accepted.edit().set(crate::sip::HeaderName::To, "<sip:bob@example.com>;tag=b2");
        assert_eq!(events_of(&rig.receive_on(flow, another.build().unwrap())), ["200"]);
        assert_eq!(rig.next_wake(), Some(ms(32_000)));
        assert_eq!(events_of(&rig.advance(ms(32_000))), ["terminated"]);
        rig.assert_empty();
        let out = rig.receive_on(flow, accepted.clone());
        assert_eq!(out.events, [TransactionEvent::StrayAccepted { response: accepted, flow }]);
    }
}

#[test]
fn a_final_response_to_another_request_comes_up_once() {
    let mut rig = Rig::new();
    rig.send(&request(Method::Bye), udp_flow());
    rig.drain();
    let ok = response_to(&request(Method::Bye), 200);
    assert_eq!(events_of(&rig.receive(ok.clone())), ["200"]);
    assert!(rig.receive(ok).events.is_empty());
    assert_eq!(rig.next_wake(), Some(ms(5000)), "timer K is T4");
    assert_eq!(events_of(&rig.advance(ms(5000))), ["terminated"]);
    rig.assert_empty();
}

#[test]
fn a_final_response_over_tcp_ends_another_request_at_once() {
    let mut rig = Rig::new();
    rig.send(&request(Method::Bye), tcp_flow(1));
    rig.drain();
    let out = rig.receive_on(tcp_flow(1), response_to(&request(Method::Bye), 200));
    assert_eq!(events_of(&out), ["200", "terminated"]);
    rig.assert_empty();
}

#[test]
fn a_request_that_could_not_be_sent_fails_with_transport() {
    for method in [Method::Invite, Method::Bye] {
        let mut rig = Rig::new();
        rig.send(&request(method), udp_flow());
        let tag = rig.drain().sent[0].2;
        rig.layer.send_failed(tag, rig.now);
        assert_eq!(events_of(&rig.drain()), ["Transport", "terminated"]);
        rig.layer.send_failed(tag, rig.now);
        assert!(rig.drain().events.is_empty(), "the tag means nothing any more");
        rig.layer.send_failed(TransactionId::NO_TAG, rig.now);
        assert!(rig.drain().events.is_empty());
        rig.assert_empty();
    }
}

#[test]
fn what_a_transaction_is_about_can_be_asked_until_its_end_is_told() {
    let mut rig = Rig::new();
    let id = rig.send(&invite(), udp_flow());
    rig.drain();
    let info = rig.layer.info(id).unwrap();
    assert_eq!((info.method.clone(), info.is_client, info.state), (Method::Invite, true, "Calling"));
    assert_eq!((info.request, info.last_status, info.outcome), (Some(invite()), None, Outcome::Pending));
    rig.receive(response_to(&invite(), 183));
    let info = rig.layer.info(id).unwrap();
    assert_eq!((info.state, info.last_status.map(|s| s.code())), ("Proceeding", Some(183)));
    rig.receive(response_to(&invite(), 404));
    let info = rig.layer.info(id).unwrap();
    assert_eq!((info.state, info.outcome, info.request), ("Completed", Outcome::Done, None));
    assert_eq!(info.last_status.map(|s| s.code()), Some(404));
    rig.advance(ms(32_000));
    assert_eq!(rig.layer.info(id), None);
}

#[test]
fn how_a_transaction_failed_can_be_asked_while_its_end_is_being_told() {
    let mut rig = Rig::new();
    let id = rig.send(&invite(), tcp_flow(1));
    rig.drain();
    rig.now = rig.now.advanced(ms(32_000));
    rig.layer.handle_timeout(rig.now);
    let failed = Output::ToUser(TransactionEvent::Failed { id, error: ClientError::Timeout });
    assert_eq!(rig.layer.poll_output(), Some(failed));
    let info = rig.layer.info(id).unwrap();
    assert_eq!((info.outcome, info.request), (Outcome::Failed(ClientError::Timeout), Some(invite())));
    assert_eq!(rig.layer.len(), 0);
    assert_eq!(rig.layer.poll_output(), Some(Output::ToUser(TransactionEvent::Terminated { id })));
    assert_eq!(rig.layer.info(id), None);
}

#[test]
fn what_cannot_be_a_transaction_is_refused() {
    let mut rig = Rig::new();
    let mut send = |request: Request| rig.layer.send_request(request, udp_flow(), Now::default());
    assert_eq!(send(ack("z9hG4bK-a", "b1")), Err(SendError::Method(Method::Ack)));
    assert_eq!(send(request(Method::Cancel)), Err(SendError::Method(Method::Cancel)));
    assert_eq!(send(fixture::request(&Method::Bye, "1")), Err(SendError::Branch));
    assert!(send(request(Method::Bye)).is_ok());
    assert_eq!(send(request(Method::Bye)), Err(SendError::BranchInUse));
}
