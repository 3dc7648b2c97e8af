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
fn clients_on_a_connection_that_ends_fail_and_others_do_not() {
    let mut rig = Rig::new();
    let here = rig.send(&invite(), tcp_flow(1));
    let also_here = rig.send(&request(Method::Bye), tcp_flow(1));
    rig.send(&fixture::request(&Method::Bye, "z9hG4bK-elsewhere"), tcp_flow(2));
    rig.drain();
    rig.layer.flow_down(ConnectionId(1), rig.now);
    let failed: Vec<_> = rig
        .drain()
        .events
        .into_iter()
        .filter_map(|event| match event {
            TransactionEvent::Failed { id, error } => Some((id, error)),
            _ => None,
        })
        .collect();
    assert_eq!(failed, [(also_here, ClientError::Transport), (here, ClientError::Transport)]);
    assert_eq!(rig.layer.len(), 1);
    rig.layer.flow_down(ConnectionId(2), rig.now);
    rig.drain();
    rig.assert_empty();
}

#[test]
fn a_request_to_a_peer_is_bound_to_the_connection_that_its_response_comes_on() {
    let mut rig = Rig::new();
    let unconnected = Flow { connection: None, ..tcp_flow(0) };
    let id = rig.send(&invite(), unconnected);
    assert_eq!(rig.drain().sent[0].0, unconnected);
    rig.receive_on(tcp_flow(7), response_to(&invite(), 180));
    rig.layer.flow_down(ConnectionId(7), rig.now);
    let error = ClientError::Transport;
    let events = [TransactionEvent::Failed { id, error }, TransactionEvent::Terminated { id }];
    assert_eq!(rig.drain().events, events);
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
    assert_eq!(rig.drain().events.iter().filter(|event| is_terminated(event)).count(), 2);
    rig.assert_empty();
}
