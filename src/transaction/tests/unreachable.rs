//! ICMP errors: whom they concern, and how often anybody is looked for.

use super::client::events_of;
use super::*;
use crate::ground::ListenerId;

fn unreachable(rig: &mut Rig) -> Out {
    let flow = udp_flow();
    rig.layer.unreachable(flow.listener, flow.remote, rig.now);
    rig.drain()
}

#[test]
fn a_request_that_heard_nothing_fails_when_its_peer_is_unreachable() {
    for method in [Method::Invite, Method::Bye] {
        let mut rig = Rig::new();
        rig.send(&request(method), udp_flow());
        rig.drain();
        assert_eq!(events_of(&unreachable(&mut rig)), ["Transport", "terminated"]);
        rig.assert_empty();
    }
}

#[test]
fn one_that_was_answered_in_any_way_goes_on() {
    for (method, status) in
        [(Method::Invite, 180), (Method::Invite, 486), (Method::Bye, 100), (Method::Bye, 200)]
    {
        let mut rig = Rig::new();
        rig.send(&request(method.clone()), udp_flow());
        rig.drain();
        rig.receive(response_to(&request(method), status));
        assert!(events_of(&unreachable(&mut rig)).is_empty(), "{status}");
        assert_eq!(rig.layer.len(), 1);
    }
}

#[test]
fn only_clients_of_that_listener_port_and_transport_are_concerned() {
    let there = udp_flow();
    let elsewhere = [
        Flow { remote: "192.0.2.1:5061".parse().unwrap(), ..there },
        Flow { remote: "192.0.2.2:5060".parse().unwrap(), ..there },
        Flow { listener: ListenerId(1), ..there },
        tcp_flow(1),
    ];
    for flow in elsewhere {
        let mut rig = Rig::new();
        rig.send(&invite(), flow);
        rig.drain();
        assert!(events_of(&unreachable(&mut rig)).is_empty(), "{flow:?}");
    }
    let mut rig = Rig::new();
    rig.receive(invite());
    assert!(events_of(&unreachable(&mut rig)).is_empty(), "a server transaction");
    assert_eq!(rig.layer.len(), 1);
}

#[test]
fn nobody_is_looked_for_right_after_a_look_and_the_next_error_finds_them() {
    let mut rig = Rig::new();
    unreachable(&mut rig);
    rig.send(&invite(), udp_flow());
    rig.drain();
    assert!(events_of(&unreachable(&mut rig)).is_empty());
    assert_eq!(rig.layer.counters().unreachable_passed_over, 1);
    rig.advance(ms(500));
    assert_eq!(events_of(&unreachable(&mut rig)), ["Transport", "terminated"]);
    assert_eq!(rig.layer.counters().unreachable_passed_over, 1);
}
