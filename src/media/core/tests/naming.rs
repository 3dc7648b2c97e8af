//! Descriptions that name a host: looked up, found too late, found no more.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Exchange, Phone, description};
use crate::media::core::{EndpointKey, NamedHost, Step};
use crate::sdp::Direction;

const PORT: u16 = 30_002;

fn at(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], PORT))
}

/// An offer of a phone at this host: a name or an address.
fn offer(host: &str) -> String {
    description(at(1), "0 8 101", "").replace("c=IN IP4 192.0.2.1", &format!("c=IN IP4 {host}"))
}

/// An exchange with a phone at 192.0.2.1 whose description said this host.
fn called(host: &str) -> (Exchange, Phone) {
    let mut exchange = Exchange::new();
    let [phone] = exchange.phones();
    assert_eq!(phone.address, at(1));
    let endpoint = exchange.open();
    exchange.answer(endpoint, 1, &offer(host), Direction::SendRecv);
    (exchange, Phone { endpoint, ..phone })
}

fn names(exchange: &mut Exchange, endpoint: EndpointKey) -> Vec<String> {
    let names = exchange.fabric.take_names(endpoint).into_iter();
    names.map(|NamedHost { host, port, .. }| format!("{host}:{port}")).collect()
}

fn destination(exchange: &Exchange, phone: &Phone) -> Option<SocketAddr> {
    exchange.fabric.endpoint(phone.endpoint).unwrap().destination()
}

#[test]
fn a_host_is_asked_for_once_and_is_where_packets_go() {
    let (mut exchange, phone) = called("a.example");
    assert_eq!(destination(&exchange, &phone), None);
    assert_eq!(names(&mut exchange, phone.endpoint), ["a.example:30002"]);
    assert_eq!(names(&mut exchange, phone.endpoint), [""; 0]);
    assert!(exchange.fabric.located(phone.endpoint, "a.example", PORT, Some(at(7)), exchange.now));
    assert_eq!(destination(&exchange, &phone), Some(at(7)));
    assert!(!exchange.fabric.located(phone.endpoint, "a.example", PORT, Some(at(8)), exchange.now));
    assert_eq!(destination(&exchange, &phone), Some(at(7)));
}

#[test]
fn what_only_pends_is_not_looked_up() {
    let mut exchange = Exchange::new();
    let endpoint = exchange.open();
    let step = Step::AnswerOffer(offer("a.example").into());
    exchange.negotiate(endpoint, 1, "", Direction::SendRecv, step).unwrap();
    assert_eq!(names(&mut exchange, endpoint), [""; 0]);
    exchange.fabric.commit(endpoint, 1, "", exchange.now).unwrap();
    assert_eq!(names(&mut exchange, endpoint), ["a.example:30002"]);
}

#[test]
fn a_found_host_is_heard_at_its_first_packet() {
    let (mut exchange, phone) = called("a.example");
    names(&mut exchange, phone.endpoint);
    exchange.fabric.located(phone.endpoint, "a.example", PORT, Some(phone.address), exchange.now);
    let mut phone = phone.with_tone(440.0);
    exchange.talk(&mut [&mut phone], 1);
    assert_eq!(exchange.fabric.endpoint(phone.endpoint).unwrap().statistics().packets_received, 1);
}

#[test]
fn a_remote_that_was_heard_stays_where_it_was_heard_if_its_name_is_of_that_host() {
    let (mut exchange, phone) = called("a.example");
    names(&mut exchange, phone.endpoint);
    let mut phone = phone.with_tone(440.0);
    exchange.talk(&mut [&mut phone], 3);
    let found = SocketAddr::new(phone.address.ip(), PORT + 2);
    assert!(exchange.fabric.located(phone.endpoint, "a.example", PORT, Some(found), exchange.now));
    assert_eq!(destination(&exchange, &phone), Some(phone.address));
    // Nor is it asked for again as long as it is there.
    exchange.answer(phone.endpoint, 2, &offer("a.example"), Direction::SendRecv);
    assert_eq!(names(&mut exchange, phone.endpoint), [""; 0]);
    assert_eq!(destination(&exchange, &phone), Some(phone.address));
}

#[test]
fn who_spoke_during_the_look_up_leaves_the_place_to_the_host_that_was_found() {
    let (mut exchange, phone) = called("a.example");
    names(&mut exchange, phone.endpoint);
    let mut stranger = phone.with_tone(440.0);
    exchange.talk(&mut [&mut stranger], 3);
    assert_eq!(destination(&exchange, &stranger), Some(stranger.address));
    assert!(exchange.fabric.located(stranger.endpoint, "a.example", PORT, Some(at(77)), exchange.now));
    assert_eq!(destination(&exchange, &stranger), Some(at(77)));
    exchange.talk(&mut [&mut stranger], 50);
    assert_eq!(destination(&exchange, &stranger), Some(at(77)));
}

#[test]
fn an_answer_to_what_is_no_longer_asked_changes_nothing() {
    // What the peer says next, what is to be looked up then, and where packets go.
    let rows: [(&str, &[&str], Option<SocketAddr>); 4] = [
        ("192.0.2.9", &[], Some(at(9))),
        ("b.example", &["b.example:30002"], None),
        ("0.0.0.0", &[], None),
        ("a.example", &[], Some(at(7))),
    ];
    for (host, asked, to) in rows {
        let (mut exchange, phone) = called("a.example");
        names(&mut exchange, phone.endpoint);
        exchange.answer(phone.endpoint, 2, &offer(host), Direction::SendRecv);
        assert_eq!(names(&mut exchange, phone.endpoint), asked, "{host}");
        let taken = exchange.fabric.located(phone.endpoint, "a.example", PORT, Some(at(7)), exchange.now);
        assert_eq!((taken, destination(&exchange, &phone)), (host == "a.example", to), "{host}");
    }
    let (mut exchange, phone) = called("a.example");
    names(&mut exchange, phone.endpoint);
    exchange.fabric.close(phone.endpoint).unwrap();
    assert!(!exchange.fabric.located(phone.endpoint, "a.example", PORT, Some(at(7)), exchange.now));
}

#[test]
fn a_name_said_again_keeps_its_address_and_another_one_drops_it() {
    let (mut exchange, phone) = called("a.example");
    names(&mut exchange, phone.endpoint);
    exchange.fabric.located(phone.endpoint, "a.example", PORT, Some(phone.address), exchange.now);
    let mut phone = phone.with_tone(440.0);
    exchange.talk(&mut [&mut phone], 5);
    exchange.pass(Duration::from_secs(10));
    exchange.answer(phone.endpoint, 2, &offer("a.example"), Direction::SendRecv);
    assert_eq!(names(&mut exchange, phone.endpoint), [""; 0]);
    assert_eq!(destination(&exchange, &phone), Some(phone.address));
    exchange.answer(phone.endpoint, 3, &offer("b.example"), Direction::SendRecv);
    assert_eq!(names(&mut exchange, phone.endpoint), ["b.example:30002"]);
    assert_eq!(destination(&exchange, &phone), None);
}

#[test]
fn a_host_without_an_address_is_learned_from_its_packets_and_asked_for_at_the_next_negotiation() {
    let (mut exchange, phone) = called("a.example");
    names(&mut exchange, phone.endpoint);
    assert!(exchange.fabric.located(phone.endpoint, "a.example", PORT, None, exchange.now));
    assert_eq!(destination(&exchange, &phone), None);
    exchange.answer(phone.endpoint, 2, &offer("a.example"), Direction::SendRecv);
    assert_eq!(names(&mut exchange, phone.endpoint), ["a.example:30002"]);
    assert!(exchange.fabric.located(phone.endpoint, "a.example", PORT, None, exchange.now));
    let mut phone = phone.with_tone(440.0);
    exchange.talk(&mut [&mut phone], 3);
    assert_eq!(destination(&exchange, &phone), Some(phone.address));
}

#[test]
fn each_fork_has_its_own_host() {
    let mut exchange = Exchange::new();
    let endpoint = exchange.open();
    exchange.negotiate(endpoint, 1, "", Direction::SendRecv, Step::MakeOffer).unwrap();
    for tag in ["a", "b"] {
        let answer = Step::ApplyAnswer(offer(&format!("{tag}.example")).into());
        exchange.negotiate(endpoint, 1, tag, Direction::SendRecv, answer).unwrap();
        exchange.fabric.commit(endpoint, 1, tag, exchange.now).unwrap();
    }
    assert_eq!(names(&mut exchange, endpoint), ["a.example:30002", "b.example:30002"]);
    exchange.fabric.located(endpoint, "a.example", PORT, Some(at(7)), exchange.now);
    exchange.fabric.located(endpoint, "b.example", PORT, Some(at(8)), exchange.now);
    exchange.fabric.select_remote(endpoint, "b", exchange.now).unwrap();
    assert_eq!(exchange.fabric.endpoint(endpoint).unwrap().destination(), Some(at(8)));
}
