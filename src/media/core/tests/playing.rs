//! Playing: pace, continuity, events.

use std::time::Duration;

use super::{Exchange, assert_continuous, share};
use crate::media::core::{BridgeMode, Event, Failure, PlayEnd, PlayOrder, PlaySource};

pub fn tone(id: &str, frequency_hz: f64, ms: Option<u64>) -> PlayOrder {
    let source = PlaySource::Tone { frequency_hz, level_db: -12.0, duration: ms.map(Duration::from_millis) };
    PlayOrder { playback: id.into(), source }
}

fn started(id: &str) -> Event {
    Event::PlayStarted { playback: id.into() }
}

fn ended(id: &str, end: PlayEnd, ms: u64) -> Event {
    Event::PlayEnded { playback: id.into(), end, played: Duration::from_millis(ms) }
}

#[test]
fn ten_minutes_of_a_tone_are_thirty_thousand_packets_20_ms_apart() {
    let mut exchange = Exchange::new();
    let [a] = exchange.phones();
    exchange.fabric.play(a.endpoint, tone("p", 440.0, None), exchange.now).unwrap();
    exchange.pass(Duration::from_secs(600));
    let sent = exchange.sent();
    let received = a.received(&sent);
    assert!((29_999..=30_000).contains(&received.len()), "{}", received.len());
    assert_continuous(&received);
    assert!(received.windows(2).all(|pair| pair[1].at.since(pair[0].at) == Duration::from_millis(20)));
    assert_eq!(received.iter().filter(|packet| packet.header().marker).count(), 1);
    assert!(share(&a.heard(&sent[..500]), 440.0) > 0.95);
}

#[test]
fn a_playback_tells_when_it_begins_and_once_how_it_ended() {
    let mut exchange = Exchange::new();
    let [a] = exchange.phones();
    exchange.fabric.play(a.endpoint, tone("finished", 440.0, Some(110)), exchange.now).unwrap();
    exchange.pass(Duration::from_secs(1));
    assert_eq!(exchange.events(), [started("finished"), ended("finished", PlayEnd::Finished, 110)]);
    exchange.fabric.play(a.endpoint, tone("replaced", 440.0, None), exchange.now).unwrap();
    exchange.pass(Duration::from_millis(100));
    exchange.fabric.play(a.endpoint, tone("stopped", 440.0, None), exchange.now).unwrap();
    exchange.pass(Duration::from_millis(200));
    assert_eq!(exchange.fabric.stop_play(a.endpoint, "other"), Err(Failure::NoPlayback));
    exchange.fabric.stop_play(a.endpoint, "").unwrap();
    assert_eq!(exchange.fabric.stop_play(a.endpoint, ""), Err(Failure::NoPlayback));
    let events = exchange.events();
    assert_eq!(events[0], started("replaced"));
    assert!(matches!(&events[1], Event::PlayEnded { end: PlayEnd::Replaced, .. }));
    assert_eq!(events[2], started("stopped"));
    assert_eq!(events[3..], [ended("stopped", PlayEnd::Stopped, 200)]);
    exchange.fabric.play(a.endpoint, tone("closed", 440.0, None), exchange.now).unwrap();
    exchange.fabric.close(a.endpoint).unwrap();
    assert_eq!(exchange.events(), [ended("closed", PlayEnd::Closed, 0)]);
    exchange.pass(Duration::from_millis(20));
    assert!(exchange.fabric.poll_timeout().is_none_or(|at| at > exchange.now + Duration::from_secs(20)));
}

#[test]
fn nothing_can_be_played_before_something_is_in_force() {
    let mut exchange = Exchange::new();
    let endpoint = exchange.open();
    let refused = exchange.fabric.play(endpoint, tone("p", 440.0, None), exchange.now);
    assert!(matches!(refused, Err(Failure::NotNegotiated(_))));
}

#[test]
fn a_playback_stands_in_place_of_the_bridge() {
    for mode in [BridgeMode::Relay, BridgeMode::Mesh, BridgeMode::Mix, BridgeMode::Echo] {
        let mut exchange = Exchange::new();
        let [a, b] = exchange.phones();
        let (mut a, mut b) = (a.with_tone(440.0), b.with_tone(880.0));
        exchange.bridge(mode, &[&a, &b]);
        exchange.fabric.play(a.endpoint, tone("p", 1320.0, None), exchange.now).unwrap();
        exchange.talk(&mut [&mut a, &mut b], 50);
        let sent = exchange.sent();
        assert!(share(&a.heard(&sent), 1320.0) > 0.95, "{mode:?}");
        // What it says still reaches the others.
        let expected = if mode == BridgeMode::Echo { 880.0 } else { 440.0 };
        assert!(share(&b.heard(&sent), expected) > 0.85, "{mode:?}");
    }
}

#[test]
fn peers_that_want_other_packet_times_get_them() {
    for (ptime, length) in [("a=ptime:10\r\n", 80), ("a=ptime:30\r\n", 240), ("a=ptime:40\r\n", 320)] {
        let mut exchange = Exchange::new();
        let a = exchange.phone("0 101", ptime);
        let mut b = exchange.phone("0 101", "").with_tone(880.0);
        exchange.fabric.play(a.endpoint, tone("p", 440.0, Some(1200)), exchange.now).unwrap();
        exchange.pass(Duration::from_millis(1300));
        let played = exchange.sent();
        assert_eq!(a.received(&played).len(), 1200 * 8 / length);
        exchange.bridge(BridgeMode::Mix, &[&a, &b]);
        exchange.talk(&mut [&mut b], 100);
        let mixed = exchange.sent();
        for (sent, frequency) in [(&played, 440.0), (&mixed, 880.0)] {
            let received = a.received(sent);
            assert!(received.iter().all(|packet| packet.payload().len() == length), "{ptime}");
            assert_continuous(&received);
            assert!(share(&a.heard(sent), frequency) > 0.85, "{ptime}");
        }
    }
}
