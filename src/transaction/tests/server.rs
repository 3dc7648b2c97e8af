//! Server transactions through the layer.

use super::*;
use crate::sip::StatusCode;

#[test]
fn an_invite_gets_its_100_after_200_ms_unless_answered_before() {
    let mut rig = Rig::new();
    rig.receive(invite());
    assert_eq!(rig.next_wake(), Some(ms(200)));
    assert_eq!(rig.advance(ms(200)).lines(), ["SIP/2.0 100 Trying"]);

    let mut rig = Rig::new();
    let (id, request) = rig.receive(invite()).new_request();
    assert_eq!(rig.respond(id, &request, 180).lines(), ["SIP/2.0 180 Ringing"]);
    assert!(rig.advance(ms(10_000)).sent.is_empty());
}

#[test]
fn an_invite_gets_its_100_at_once_when_the_queue_is_long() {
    let mut rig = Rig::new();
    rig.layer.set_trying_at_once(true);
    let (id, _) = rig.receive(invite()).new_request();
    assert_eq!(rig.next_wake(), Some(ms(0)));
    assert_eq!(rig.advance(ms(0)).lines(), ["SIP/2.0 100 Trying"]);
    assert_eq!(rig.layer.info(id).unwrap().last_status.map(|s| s.code()), Some(100));
    assert_eq!(rig.next_wake(), None);
}

#[test]
fn an_invite_can_be_refused_without_keeping_anything_also_when_the_queue_is_long() {
    let mut rig = Rig::new();
    rig.layer.set_trying_at_once(true);
    let (id, _) = rig.receive(invite()).new_request();
    rig.layer.respond_statelessly(id, StatusCode::SERVICE_UNAVAILABLE, &[]).unwrap();
    assert_eq!(rig.drain().lines(), ["SIP/2.0 503 Service Unavailable"]);
    assert!(rig.advance(ms(64_000)).sent.is_empty());
    rig.assert_empty();
}

#[test]
fn a_repeated_invite_is_answered_with_the_last_provisional_response() {
    let mut rig = Rig::new();
    let (id, request) = rig.receive(invite()).new_request();
    assert!(rig.receive(invite()).sent.is_empty(), "there is none yet");
    rig.respond(id, &request, 180);
    rig.respond(id, &request, 183);
    let out = rig.receive(invite());
    assert_eq!(out.lines(), ["SIP/2.0 183 Session Progress"]);
    assert!(out.events.is_empty());
    assert_eq!(rig.layer.counters().retransmissions_absorbed, 2);
    assert_eq!(rig.layer.counters().responses_retransmitted, 1);
}

#[test]
fn a_refusal_over_udp_is_repeated_until_timer_h_tells_that_no_ack_came() {
    let mut rig = Rig::new();
    let (id, request) = rig.receive(invite()).new_request();
    assert_eq!(rig.respond(id, &request, 486).lines(), ["SIP/2.0 486 Busy Here"]);
    let times = [500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
    assert_eq!(rig.sending_times(ms(31_999)), times);
    let out = rig.advance(ms(1));
    let error = ServerError::Timeout;
    assert_eq!(
        out.events,
        [TransactionEvent::ServerFailed { id, error }, TransactionEvent::Terminated { id }]
    );
    assert_eq!(rig.layer.counters().acks_missing, 1);
    rig.assert_empty();
}

#[test]
fn the_ack_to_a_refusal_stays_here_and_its_repeats_are_absorbed_for_t4() {
    let mut rig = Rig::new();
    let (id, request) = rig.receive(invite()).new_request();
    rig.respond(id, &request, 486);
    for _ in 0..2 {
        let out = rig.receive(ack("z9hG4bK-i", "b1"));
        assert!(out.sent.is_empty() && out.events.is_empty());
    }
    assert_eq!(rig.next_wake(), Some(ms(5000)));
    assert_eq!(rig.advance(ms(5000)).events, [TransactionEvent::Terminated { id }]);
    rig.assert_empty();
}

#[test]
fn over_tcp_a_refusal_is_sent_once_and_its_ack_ends_the_transaction() {
    let mut rig = Rig::new();
    let (id, request) = rig.receive_on(tcp_flow(1), invite()).new_request();
    rig.respond(id, &request, 486);
    assert_eq!(rig.next_wake(), Some(ms(32_000)), "timer H runs on every transport");
    let out = rig.receive_on(tcp_flow(1), ack("z9hG4bK-i", "b1"));
    assert_eq!(out.events, [TransactionEvent::Terminated { id }]);
    rig.assert_empty();
}

#[test]
fn a_2xx_is_repeated_by_the_user_and_repeated_invites_are_absorbed_until_timer_l() {
    for flow in [udp_flow(), tcp_flow(1)] {
        let mut rig = Rig::new();
        let (id, request) = rig.receive_on(flow, invite()).new_request();
        rig.respond(id, &request, 200);
        assert!(rig.receive_on(flow, invite()).sent.is_empty());
        assert_eq!(rig.respond(id, &request, 200).lines(), ["SIP/2.0 200 OK"]);
        let busy = response_to(&request, 486);
        assert_eq!(rig.layer.respond(id, &busy, rig.now), Err(RespondError::AlreadyFinal));
        assert_eq!(rig.next_wake(), Some(ms(32_000)));
        assert_eq!(rig.advance(ms(32_000)).events, [TransactionEvent::Terminated { id }]);
        rig.assert_empty();
        assert_eq!(rig.layer.respond(id, &busy, rig.now), Err(RespondError::Unknown));
    }
}

#[test]
fn the_ack_to_a_2xx_goes_up_with_its_own_branch_or_the_invites() {
    let mut rig = Rig::new();
    let (id, request) = rig.receive(invite()).new_request();
    rig.respond(id, &request, 200);
    for branch in ["z9hG4bK-other", "z9hG4bK-i"] {
        let ack = ack(branch, "b1");
        let out = rig.receive(ack.clone());
        assert_eq!(out.events, [TransactionEvent::Ack { request: ack, flow: udp_flow() }]);
    }
}

#[test]
fn another_request_is_absorbed_then_answered_as_before_until_timer_j() {
    let mut rig = Rig::new();
    let (id, request) = rig.receive(request(Method::Options)).new_request();
    let again = |rig: &mut Rig| rig.receive(request_again()).lines();
    assert!(again(&mut rig).is_empty());
    rig.respond(id, &request, 100);
    assert_eq!(again(&mut rig), ["SIP/2.0 100 Trying"]);
    rig.respond(id, &request, 200);
    assert_eq!(again(&mut rig), ["SIP/2.0 200 OK"]);
    assert_eq!(rig.next_wake(), Some(ms(32_000)));
    assert_eq!(rig.advance(ms(32_000)).events, [TransactionEvent::Terminated { id }]);
    rig.assert_empty();
}

fn request_again() -> Request {
    request(Method::Options)
}

#[test]
fn over_tcp_a_final_response_ends_another_request_at_once() {
    let mut rig = Rig::new();
    let (id, request) = rig.receive_on(tcp_flow(1), request(Method::Options)).new_request();
    let out = rig.respond(id, &request, 200);
    assert_eq!(out.lines(), ["SIP/2.0 200 OK"]);
    assert_eq!(out.events, [TransactionEvent::Terminated { id }]);
    rig.assert_empty();
}

#[test]
fn a_request_that_the_user_leaves_unanswered_is_given_up_when_its_client_has() {
    let mut rig = Rig::new();
    let (id, _) = rig.receive(request(Method::Options)).new_request();
    let error = ServerError::Timeout;
    let events = [TransactionEvent::ServerFailed { id, error }, TransactionEvent::Terminated { id }];
    assert_eq!(rig.advance(ms(32_000)).events, events);
    assert_eq!(rig.layer.counters().unanswered, 1);
    rig.assert_empty();
}

#[test]
fn a_response_that_could_not_be_sent_is_told_and_moves_nothing() {
    let mut rig = Rig::new();
    let (id, request) = rig.receive(invite()).new_request();
    let tag = rig.respond(id, &request, 180).sent[0].2;
    assert_eq!(TransactionId::from_tag(tag), id);
    rig.layer.send_failed(tag, rig.now);
    let error = ServerError::Transport;
    assert_eq!(rig.drain().events, [TransactionEvent::ServerFailed { id, error }]);
    assert_eq!(rig.layer.info(id).unwrap().state, "Proceeding");
    assert_eq!(rig.respond(id, &request, 500).lines(), ["SIP/2.0 500 Server Internal Error"]);
}

#[test]
fn the_user_answers_only_what_it_was_asked() {
    let mut rig = Rig::new();
    let client = rig.send(&invite(), udp_flow());
    let response = response_to(&invite(), 200);
    assert_eq!(rig.layer.respond(client, &response, rig.now), Err(RespondError::Unknown));
    let nobody = TransactionId::from_tag(77);
    assert_eq!(rig.layer.respond(nobody, &response, rig.now), Err(RespondError::Unknown));
}

#[test]
fn a_pending_server_transaction_shows_its_request_and_a_done_one_lets_it_go() {
    let mut rig = Rig::new();
    let (id, request) = rig.receive(invite()).new_request();
    let info = rig.layer.info(id).unwrap();
    assert_eq!((info.is_client, info.outcome), (false, Outcome::Pending));
    assert_eq!(info.request, Some(request.clone()));
    rig.respond(id, &request, 200);
    let info = rig.layer.info(id).unwrap();
    assert_eq!((info.state, info.outcome, info.request), ("Accepted", Outcome::Done, None));
    assert_eq!(info.last_status.map(|s| s.code()), Some(200));
}
