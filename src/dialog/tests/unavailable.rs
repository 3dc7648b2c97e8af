//! 503: who answers it is not asked again, by whatever transport; others may be (RFC 3261 §21.5.4, RFC 3263 §4.3).

use super::bench::{Bench, invite_to, sdp};
use crate::ground::leg::{InDialogMethod, Invite, LegEvent, LegId, LegIntent};
use crate::ground::{ConnectionId, Flow, ListenerId, Transport};
use crate::sip::{HeaderName, Method, Request};

/// Too long for a datagram: by TCP first, by UDP if that fails.
fn call(bench: &mut Bench, target: &str) -> LegId {
    let leg = bench.legs.open().unwrap();
    let invite = Invite { offer: Some(sdp(&"x".repeat(1300))), ..invite_to(target) };
    assert_eq!(bench.intent(leg, LegIntent::Invite(Box::new(invite))), Ok(()));
    leg
}

fn sent_to(bench: &Bench) -> (Transport, String) {
    let flow = bench.sent.front().expect("a request").0;
    (flow.transport, flow.remote.to_string())
}

/// Says 503, after a 100 or not, by TCP.
fn unavailable(bench: &mut Bench, invite: &Request, trying: bool) {
    bench.source = Flow {
        transport: Transport::Tcp,
        listener: ListenerId(1),
        remote: "198.51.100.20:5060".parse().unwrap(),
        connection: Some(ConnectionId(1)),
    };
    if trying {
        bench.answer(invite, 100, "", None);
    }
    bench.answer(invite, 503, "bob-1", None);
    bench.request(&Method::Ack);
}

#[test]
fn a_503_of_the_only_address_is_the_answer_though_another_transport_is_left() {
    for trying in [false, true] {
        let mut bench = Bench::new();
        call(&mut bench, "sip:bob@198.51.100.20");
        assert_eq!(sent_to(&bench), (Transport::Tcp, "198.51.100.20:5060".to_owned()));
        let invite = bench.request(&Method::Invite);
        unavailable(&mut bench, &invite, trying);
        bench.silent();
        let LegEvent::Rejected(farewell) = bench.told() else { panic!() };
        assert_eq!(farewell.status, 503);
        bench.ended();
        assert_eq!(bench.legs.counters().failovers, 0);
        bench.assert_empty();
    }
}

#[test]
fn after_a_503_of_one_address_only_the_others_are_asked() {
    for trying in [false, true] {
        let mut bench = Bench::new();
        call(&mut bench, "sip:bob@proxy.example.com");
        let (query, ..) = bench.resolves.pop_front().unwrap();
        let addresses = ["198.51.100.20:5060", "198.51.100.20:5070", "198.51.100.21:5060"];
        let addresses = addresses.map(|address| address.parse().unwrap()).to_vec();
        bench.legs.resolved(query, &Ok(addresses), &mut bench.transactions, bench.now);
        bench.drain();
        assert_eq!(sent_to(&bench), (Transport::Tcp, "198.51.100.20:5060".to_owned()));
        let first = bench.request(&Method::Invite);
        unavailable(&mut bench, &first, trying);
        bench.nothing_told();
        // It is as long as before. What does not go by TCP goes by UDP.
        assert_eq!(sent_to(&bench), (Transport::Tcp, "198.51.100.21:5060".to_owned()));
        bench.request(&Method::Invite);
        let tag = bench.tags.pop_back().unwrap();
        bench.send_failed(tag);
        assert_eq!(sent_to(&bench), (Transport::Udp, "198.51.100.21:5060".to_owned()));
        let last = bench.request(&Method::Invite);
        bench.answer(&last, 503, "bob-2", None);
        bench.request(&Method::Ack);
        bench.silent();
        assert!(matches!(bench.told(), LegEvent::Rejected(_)));
        bench.ended();
        bench.assert_empty();
    }
}

/// A phone on a connection is reached at its Contact, and where it is seen if that fails.
#[test]
fn a_503_to_a_request_within_a_call_is_the_answer_too() {
    let mut bench = Bench::new();
    bench.source = Flow {
        transport: Transport::Tcp,
        listener: ListenerId(1),
        remote: "198.51.100.7:40000".parse().unwrap(),
        connection: Some(ConnectionId(1)),
    };
    let head = bench.head(&Method::Invite, 1, None);
    let invite = Bench::offering(head, Some(&sdp("offer")));
    let contact = "<sip:alice@198.51.100.7;transport=tcp>";
    bench.receive(&invite.edit().set(HeaderName::Contact, contact).build().unwrap().into());
    let (leg, _) = bench.events.pop_front().expect("an INVITE");
    let accept = LegIntent::Accept { description: Some(sdp("answer")), fields: Vec::new(), body: None };
    assert_eq!(bench.intent(leg, accept), Ok(()));
    let accepted = bench.response(200, &Method::Invite);
    bench.ack(1, &super::bench::tag_of(&accepted), None);
    bench.told();
    let info = LegIntent::Request { key: 1, method: InDialogMethod::Info, fields: Vec::new(), body: None };
    assert_eq!(bench.intent(leg, info), Ok(()));
    assert_eq!(sent_to(&bench), (Transport::Tcp, "198.51.100.7:5060".to_owned()));
    let info = bench.request(&Method::Info);
    bench.answer(&info, 503, "", None);
    bench.silent();
    assert!(matches!(bench.told(), LegEvent::RequestDone { key: 1, outcome: Ok(_) }));
    bench.hang_up(leg);
    bench.assert_empty();
}
