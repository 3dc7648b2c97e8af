//! Where things are sent, and what the end of a connection means (RFC 3261 §18.2, RFC 3581).

use super::*;
use crate::ground::{ConnectionId, Transport};
use crate::sip::HeaderName;

#[test]
fn a_request_comes_up_with_where_it_really_came_from() {
    let mut rig = Rig::new();
    let text = request_text("INVITE", "z9hG4bK-i;rport", 1, None);
    let from = Flow { remote: "198.51.100.9:33333".parse().unwrap(), ..udp_flow() };
    let (id, request) = rig.receive_on(from, as_request(&text)).new_request();
    let via = request.headers().top_via().unwrap();
    assert_eq!(via.received(), Some("198.51.100.9".parse().unwrap()));
    assert_eq!(via.rport, crate::sip::Rport::Port(33333));
    let out = rig.respond(id, &request, 180);
    assert_eq!(out.sent[0].0, from);
    let answered = out.response();
    let copied = answered.headers().first(HeaderName::Via);
    assert_eq!(copied, request.headers().first(HeaderName::Via));
    assert!(rig.receive_on(from, as_request(&text)).events.is_empty(), "the repeat bears no mark yet");
}

#[test]
fn without_rport_a_datagram_is_answered_at_the_port_of_sent_by() {
    let mut rig = Rig::new();
    let from = Flow { remote: "198.51.100.9:33333".parse().unwrap(), ..udp_flow() };
    let (id, request) = rig.receive_on(from, invite()).new_request();
    assert_eq!(rig.respond(id, &request, 180).sent[0].0.remote, "198.51.100.9:5060".parse().unwrap());
}

#[test]
fn clients_that_heard_nothing_send_once_more_when_their_connection_ends_and_others_do_not() {
    let mut rig = Rig::new();
    rig.send(&invite(), tcp_flow(1));
    rig.send(&request(Method::Bye), tcp_flow(1));
    rig.send(&fixture::request(&Method::Bye, "z9hG4bK-elsewhere"), tcp_flow(2));
    let first = rig.drain().sent;
    rig.layer.flow_down(ConnectionId(1), rig.now);
    let again = rig.drain();
    assert!(again.events.is_empty(), "nothing has failed: {:?}", again.events);
    let anew = Flow { connection: None, ..tcp_flow(1) };
    let expected: Vec<_> = [&first[1], &first[0]].map(|(_, bytes, tag)| (anew, bytes.clone(), *tag)).into();
    assert_eq!(again.sent, expected, "the same bytes, so the same branch");
    assert_eq!(rig.layer.counters().requests_retransmitted, 2);
    rig.layer.flow_down(ConnectionId(1), rig.now);
    assert!(rig.drain().sent.is_empty(), "once");
    // Nobody can be reached there.
    for (_, _, tag) in again.sent {
        rig.layer.send_failed(tag, rig.now);
        assert_eq!(super::client::events_of(&rig.drain()), ["Transport", "terminated"]);
    }
    assert_eq!(rig.layer.len(), 1);
}

#[test]
fn clients_that_heard_a_provisional_response_wait_on_when_their_connection_ends() {
    for (method, last) in [(Method::Invite, 200), (Method::Invite, 486), (Method::Bye, 200)] {
        let mut rig = Rig::new();
        let sent = request(method);
        rig.send(&sent, Flow { connection: None, ..tcp_flow(0) });
        rig.drain();
        // It is bound to the connection that its response comes on.
        rig.receive_on(tcp_flow(7), response_to(&sent, 183));
        rig.layer.flow_down(ConnectionId(7), rig.now);
        let out = rig.drain();
        assert!(out.events.is_empty() && out.sent.is_empty(), "{:?}", out.events);
        // The peer opens another one for its answer (RFC 3261 §18.2.2).
        let out = rig.receive_on(tcp_flow(8), response_to(&sent, last));
        assert_eq!(super::client::events_of(&out)[0], last.to_string());
        if last == 486 {
            assert_eq!(out.sent[0].0.connection, Some(ConnectionId(8)), "the ACK goes the same way");
        }
        rig.advance(ms(32_000));
        rig.assert_empty();
    }
}

#[test]
fn another_request_that_waits_on_has_its_timer_f() {
    let mut rig = Rig::new();
    let bye = request(Method::Bye);
    rig.send(&bye, tcp_flow(1));
    rig.receive_on(tcp_flow(1), response_to(&bye, 100));
    rig.layer.flow_down(ConnectionId(1), rig.now);
    rig.drain();
    assert_eq!(super::client::events_of(&rig.advance(ms(32_000))), ["Timeout", "terminated"]);
    rig.assert_empty();
}

#[test]
fn an_invite_whose_connection_ended_is_cancelled_on_a_new_one() {
    let mut rig = Rig::new();
    let id = rig.send(&invite(), tcp_flow(1));
    rig.receive_on(tcp_flow(1), response_to(&invite(), 180));
    rig.layer.flow_down(ConnectionId(1), rig.now);
    rig.drain();
    assert_eq!(rig.layer.cancel(id, &[], rig.now), Ok(Cancelling::Sent));
    let out = rig.drain();
    assert_eq!(out.lines(), ["CANCEL sip:bob@example.com"]);
    assert_eq!(out.sent[0].0, Flow { connection: None, ..tcp_flow(1) });
    // A CANCEL that went into a connection that was dead already goes once more, too.
    let mut rig = Rig::new();
    let id = rig.send(&invite(), tcp_flow(1));
    rig.receive_on(tcp_flow(1), response_to(&invite(), 180));
    assert_eq!(rig.layer.cancel(id, &[], rig.now), Ok(Cancelling::Sent));
    rig.drain();
    rig.layer.flow_down(ConnectionId(1), rig.now);
    let out = rig.drain();
    assert_eq!(out.lines(), ["CANCEL sip:bob@example.com"]);
    assert_eq!(out.sent[0].0.connection, None);
    assert_eq!(super::client::events_of(&rig.advance(ms(32_000))), ["Cancelled", "terminated"]);
    rig.assert_empty();
}

/// The user may act before it is known that the connection has ended.
#[test]
fn a_cancel_that_finds_its_connection_gone_goes_by_a_new_one() {
    let mut rig = Rig::new();
    let id = rig.send(&invite(), tcp_flow(1));
    rig.receive_on(tcp_flow(1), response_to(&invite(), 180));
    assert_eq!(rig.layer.cancel(id, &[], rig.now), Ok(Cancelling::Sent));
    let (flow, bytes, tag) = rig.drain().sent.pop().unwrap();
    assert_eq!(flow, tcp_flow(1));
    rig.layer.send_failed(tag, rig.now);
    assert_eq!(rig.drain().sent, [(Flow { connection: None, ..flow }, bytes, tag)]);
    rig.layer.flow_down(ConnectionId(1), rig.now);
    assert!(rig.drain().sent.is_empty());
    // Nobody can be reached there: the INVITE waits out its time.
    rig.layer.send_failed(tag, rig.now);
    let out = rig.drain();
    assert!(out.sent.is_empty() && out.events.is_empty());
    assert_eq!(super::client::events_of(&rig.advance(ms(32_000))), ["Cancelled", "terminated"]);
    rig.assert_empty();
}

#[test]
fn an_accepted_client_outlives_its_connection() {
    let mut rig = Rig::new();
    rig.send(&invite(), tcp_flow(1));
    rig.drain();
    rig.receive_on(tcp_flow(1), response_to(&invite(), 200));
    rig.layer.flow_down(ConnectionId(1), rig.now);
    assert!(rig.drain().events.is_empty());
    assert_eq!(rig.receive_on(tcp_flow(2), response_to(&invite(), 200)).events.len(), 1);
    rig.advance(ms(32_000));
    rig.assert_empty();
}

#[test]
fn a_server_whose_connection_ended_answers_at_the_port_of_sent_by() {
    let mut rig = Rig::new();
    let from = Flow { remote: "192.0.2.1:40000".parse().unwrap(), ..tcp_flow(1) };
    let text = request_text("INVITE", "z9hG4bK-i", 1, None).replace("192.0.2.1;", "192.0.2.1:5070;");
    let (id, request) = rig.receive_on(from, as_request(&text)).new_request();
    assert_eq!(rig.respond(id, &request, 180).sent[0].0, from);
    rig.layer.flow_down(ConnectionId(1), rig.now);
    assert!(rig.drain().events.is_empty());
    let anew = Flow { connection: None, remote: "192.0.2.1:5070".parse().unwrap(), ..from };
    assert_eq!(rig.respond(id, &request, 183).sent[0].0, anew);
}

#[test]
fn a_websocket_client_cannot_be_called_back() {
    let mut rig = Rig::new();
    let from = Flow { transport: Transport::Ws, ..tcp_flow(1) };
    let (id, _) = rig.receive_on(from, invite()).new_request();
    rig.layer.flow_down(ConnectionId(1), rig.now);
    let error = ServerError::Transport;
    assert_eq!(rig.drain().events, [TransactionEvent::ServerFailed { id, error }]);
    assert_eq!(rig.layer.len(), 1, "it still wants its answer");
}

#[test]
fn many_transactions_on_one_connection_leave_it_in_any_order() {
    let mut rig = Rig::new();
    let byes: Vec<_> = (0..5).map(|n| fixture::request(&Method::Bye, &format!("z9hG4bK-{n}"))).collect();
    for bye in &byes {
        rig.send(bye, tcp_flow(1));
    }
    rig.drain();
    for n in [2, 4, 0] {
        rig.receive_on(tcp_flow(1), response_to(&byes[n], 200));
    }
    rig.layer.flow_down(ConnectionId(1), rig.now);
    assert_eq!(rig.drain().sent.len(), 2);
    assert_eq!(rig.layer.slots.connections(), 0);
    rig.advance(ms(32_000));
    rig.assert_empty();
}
