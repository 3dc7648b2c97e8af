//! RTP that stays away, and addresses that change.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Exchange, RTP_TIMEOUT, description};
use crate::media::core::{BridgeMode, Event};
use crate::rtp::HEADER_BYTES;
use crate::sdp::Direction;

#[test]
fn silence_is_told_once_after_the_timeout_and_its_end_too() {
    let mut exchange = Exchange::new();
    let [a] = exchange.phones();
    let mut a = a.with_tone(440.0);
    exchange.talk(&mut [&mut a], 500);
    exchange.pass(RTP_TIMEOUT - Duration::from_millis(100));
    assert_eq!(exchange.events(), []);
    exchange.pass(Duration::from_secs(90));
    assert_eq!(exchange.events(), [Event::RtpSilent { silent_for: RTP_TIMEOUT }]);
    let away = RTP_TIMEOUT + Duration::from_millis(90_000 - 100);
    let silent_since = exchange.now;
    exchange.talk(&mut [&mut a], 1);
    let events = exchange.events();
    assert!(
        matches!(events[..], [Event::RtpBack { silent_for }] if silent_for.abs_diff(away) < Duration::from_millis(50)),
        "{events:?} at {silent_since}"
    );
    exchange.pass(RTP_TIMEOUT);
    assert_eq!(exchange.events(), [Event::RtpSilent { silent_for: RTP_TIMEOUT }]);
}

#[test]
fn a_peer_that_never_sends_is_told_after_the_commit() {
    let mut exchange = Exchange::new();
    exchange.phones::<1>();
    exchange.pass(RTP_TIMEOUT);
    assert_eq!(exchange.events(), [Event::RtpSilent { silent_for: RTP_TIMEOUT }]);
}

#[test]
fn no_silence_is_told_while_nothing_is_to_come() {
    let mut exchange = Exchange::new();
    let [a] = exchange.phones();
    exchange.pass(Duration::from_secs(20));
    let held = description(a.address, "0 101", "a=recvonly\r\n");
    exchange.answer(a.endpoint, 2, &held, Direction::SendRecv);
    exchange.pass(Duration::from_secs(300));
    assert_eq!(exchange.events(), []);
    exchange.answer(a.endpoint, 3, &description(a.address, "0 101", ""), Direction::SendRecv);
    exchange.pass(RTP_TIMEOUT - Duration::from_millis(1));
    assert_eq!(exchange.events(), []);
    exchange.pass(Duration::from_millis(1));
    assert_eq!(exchange.events(), [Event::RtpSilent { silent_for: RTP_TIMEOUT }]);
}

#[test]
fn a_phone_behind_a_nat_is_answered_where_it_sends_from() {
    let mut exchange = Exchange::new();
    let [a, b] = exchange.phones();
    let announced = SocketAddr::from(([192, 168, 1, 5], 4000));
    exchange.answer(a.endpoint, 2, &description(announced, "0 101", ""), Direction::SendRecv);
    let (mut a, mut b) = (a.with_tone(440.0), b.with_tone(880.0));
    exchange.bridge(BridgeMode::Relay, &[&a, &b]);
    exchange.talk(&mut [&mut b], 1);
    assert_eq!(exchange.sent()[0].to, announced);
    a.address = SocketAddr::from(([203, 0, 113, 5], 9999));
    exchange.talk(&mut [&mut a, &mut b], 10);
    let sent = exchange.sent();
    assert_eq!(b.received(&sent).len(), 8, "two packets on probation, the third is heard");
    assert!(a.received(&sent).len() >= 7);
    // Somebody else's packets change nothing, neither at once nor later.
    exchange.pass(Duration::from_secs(6));
    let mut stranger = a.clone();
    stranger.address = SocketAddr::from(([203, 0, 113, 66], 6));
    stranger.header.ssrc = 666;
    exchange.talk(&mut [&mut stranger, &mut b], 10);
    let sent = exchange.sent();
    assert!(b.received(&sent).is_empty());
    assert!(stranger.received(&sent).is_empty());
    assert_eq!(a.received(&sent).len(), 10);
}

#[test]
fn what_is_no_packet_of_the_call_is_dropped_and_counted() {
    let mut exchange = Exchange::new();
    let [mut a, b] = exchange.phones();
    exchange.bridge(BridgeMode::Relay, &[&a, &b]);
    let before = exchange.fabric.counters();
    let mut rtcp = vec![0x80, 200, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0];
    exchange.receive(a.endpoint, a.address, &mut rtcp);
    exchange.receive(a.endpoint, a.address, &mut []);
    exchange.receive(a.endpoint, a.address, &mut [0x80, 0, 1]);
    exchange.receive(a.endpoint, a.address, &mut [0xFF; HEADER_BYTES]);
    a.header.payload_type = 77;
    exchange.say(&mut a, &[0; 160]);
    assert!(exchange.sent().is_empty());
    let after = exchange.fabric.counters();
    assert_eq!(after.received - before.received, 5);
    assert_eq!(after.dropped.iter().sum::<u64>() - before.dropped.iter().sum::<u64>(), 5);
}

#[test]
fn packets_that_come_twice_are_passed_once() {
    let mut exchange = Exchange::new();
    let [mut a, b] = exchange.phones();
    exchange.bridge(BridgeMode::Relay, &[&a, &b]);
    for _ in 0..5 {
        let again = a.clone();
        exchange.say(&mut a, &[0; 160]);
        exchange.say(&mut again.clone(), &[0; 160]);
        exchange.pass(Duration::from_millis(20));
    }
    assert_eq!(b.received(&exchange.sent()).len(), 5);
    let statistics = exchange.fabric.close(a.endpoint).unwrap();
    assert_eq!((statistics.packets_received, statistics.packets_lost), (5, 0));
    let statistics = exchange.fabric.close(b.endpoint).unwrap();
    assert_eq!((statistics.packets_sent, statistics.bytes_sent), (5, 5 * 172));
}
