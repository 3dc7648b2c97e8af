//! Ports and descriptors: taken, rested, given back.

use std::net::UdpSocket;

use callplane::proto::media::v1::Direction;
use callplane::proto::media::v1::failure::Code;
use callplane::proto::media::v1::reply::Result as Outcome;

use crate::harness::{Studio, answer_offer, close, make_offer, settings, until};

fn port_of(outcome: Outcome) -> u16 {
    let Outcome::Negotiated(negotiated) = outcome else { panic!("{outcome:?}") };
    let sdp = String::from_utf8(negotiated.local_description.to_vec()).unwrap();
    let line = sdp.lines().find(|line| line.starts_with("m=audio ")).unwrap();
    line.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_port_rests_after_its_release_and_without_one_it_is_no_port() {
    let mut settings = settings(23_000, 2);
    settings.port_rest_ms = 300;
    let mut studio = Studio::start(&settings).await;
    let first = port_of(studio.control.ask(make_offer("a", 1)).await);
    let second = port_of(studio.control.ask(make_offer("b", 1)).await);
    assert_ne!(first, second);
    assert!([first, second].iter().all(|port| port % 2 == 0 && (23_000..23_004).contains(port)));
    assert_eq!(studio.control.fails(make_offer("c", 1)).await, Code::NoPort);
    studio.control.close("a").await;
    assert_eq!(studio.control.fails(make_offer("c", 1)).await, Code::NoPort);
    let ports = studio.node.snapshot().ports;
    assert_eq!((ports.used, ports.resting, ports.free), (1, 1, 0));
    until("the port has rested", || studio.node.snapshot().ports.free == 1).await;
    assert_eq!(port_of(studio.control.ask(make_offer("c", 1)).await), first);
    assert_eq!(studio.node.snapshot().endpoints, 2);
}

#[tokio::test]
async fn a_port_that_another_process_has_is_passed_over() {
    let taken = UdpSocket::bind("127.0.0.1:23020").unwrap();
    let mut studio = Studio::start(&settings(23_020, 2)).await;
    // Whichever of the two pairs is drawn first.
    assert_eq!(port_of(studio.control.ask(make_offer("a", 1)).await), 23_022);
    assert_eq!(studio.control.fails(make_offer("b", 1)).await, Code::NoPort);
    assert_eq!(studio.node.snapshot().ports.taken_by_others, 1);
    drop(taken);
}

/// The kernel's UDP sockets that are bound to ports of a range.
fn sockets_in(ports: std::ops::Range<u16>) -> usize {
    let table = std::fs::read_to_string("/proc/net/udp").unwrap();
    let bound =
        |line: &str| u16::from_str_radix(line.split_whitespace().nth(1)?.rsplit(':').next()?, 16).ok();
    table.lines().skip(1).filter_map(bound).filter(|port| ports.contains(port)).count()
}

#[tokio::test]
async fn five_hundred_endpoints_leave_nothing_behind() {
    let mut settings = settings(23_100, 600);
    settings.port_rest_ms = 100;
    let mut studio = Studio::start(&settings).await;
    let before = studio.node.snapshot();
    let offer =
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
    let mut ids = Vec::new();
    for endpoint in 0..500 {
        ids.push(answer_offer(&endpoint.to_string(), 1, offer, Direction::Sendrecv));
    }
    for id in studio.control.send(ids).await {
        assert!(matches!(studio.control.reply(id).await, Outcome::Negotiated(_)));
    }
    assert_eq!(sockets_in(23_100..24_300), 500);
    let during = studio.node.snapshot();
    assert_eq!((during.endpoints, during.sockets, during.ports.used), (500, 500, 500));
    let closing = (0..500).map(|endpoint| close(&endpoint.to_string())).collect();
    for id in studio.control.send(closing).await {
        assert!(matches!(studio.control.reply(id).await, Outcome::EndpointClosed(_)));
    }
    until("all ports have rested", || studio.node.snapshot().ports.free == 600).await;
    let after = studio.node.snapshot();
    assert_eq!((after.endpoints, after.bridges, after.playbacks, after.sockets), (0, 0, 0, 0));
    assert_eq!(after.ports, before.ports);
    assert_eq!(sockets_in(23_100..24_300), 0);
}

#[tokio::test]
async fn an_endpoint_whose_first_negotiation_fails_is_not_made() {
    let mut studio = Studio::start(&settings(24_400, 4)).await;
    let g729 = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 18\r\n";
    for (offer, code) in [(g729, Code::NothingAcceptable), ("not a description", Code::BadDescription)] {
        assert_eq!(studio.control.fails(answer_offer("a", 1, offer, Direction::Sendrecv)).await, code);
    }
    let snapshot = studio.node.snapshot();
    assert_eq!((snapshot.endpoints, snapshot.sockets, snapshot.ports.used), (0, 0, 0));
    assert_eq!(studio.control.fails(close("a")).await, Code::NoEndpoint);
}

#[tokio::test]
#[cfg_attr(not(callplane_ipv6), ignore = "this machine had no IPv6 when the tests were built")]
async fn an_endpoint_can_be_at_an_ipv6_address() {
    let mut settings = settings(24_420, 4);
    settings.bind_ipv6 = Some(std::net::Ipv6Addr::LOCALHOST);
    let mut studio = Studio::start(&settings).await;
    let offer = "v=0\r\no=- 1 1 IN IP6 ::1\r\ns=-\r\nc=IN IP6 ::1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
    let outcome = studio.control.ask(answer_offer("a", 1, offer, Direction::Sendrecv)).await;
    let Outcome::Negotiated(negotiated) = outcome else { panic!("{outcome:?}") };
    assert!(negotiated.facts.unwrap().local_address.starts_with("[::1]:"));
    assert!(String::from_utf8_lossy(&negotiated.local_description).contains("c=IN IP6 ::1\r\n"));
}
