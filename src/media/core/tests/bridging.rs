//! Bridges: who hears whom, in which stream.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Exchange, assert_continuous, share};
use crate::media::core::{BridgeMode, Event, Failure};

#[test]
fn a_relay_passes_payloads_untouched_in_one_stream_each_way() {
    let mut exchange = Exchange::new();
    let [a, b] = exchange.phones();
    let (mut a, mut b) = (a.with_tone(440.0), b.with_tone(880.0));
    exchange.bridge(BridgeMode::Relay, &[&a, &b]);
    exchange.talk(&mut [&mut a, &mut b], 50);
    let sent = exchange.sent();
    for (listener, talker, frequency) in [(&a, &b, 880.0), (&b, &a, 440.0)] {
        let received = listener.received(&sent);
        assert_eq!(received.len(), 50);
        assert_continuous(&received);
        assert!(received.iter().all(|packet| packet.from == listener.endpoint));
        assert_ne!(received[0].header().ssrc, talker.header.ssrc);
        assert!(share(&listener.heard(&sent), frequency) > 0.95);
        let steps =
            received.windows(2).map(|p| p[1].header().timestamp.wrapping_sub(p[0].header().timestamp));
        assert!(steps.into_iter().all(|step| step == 160));
    }
}

#[test]
fn a_relay_transcodes_only_when_the_other_does_not_speak_the_codec() {
    let mut exchange = Exchange::new();
    let mut a = exchange.phone("0 101", "").with_tone(440.0);
    let both = exchange.phone("8 0 101", "");
    let only_pcma = exchange.phone("8 101", "");
    let bridge = exchange.bridge(BridgeMode::Relay, &[&a, &both]);
    exchange.talk(&mut [&mut a], 50);
    exchange.fabric.remove_member(bridge, both.endpoint).unwrap();
    exchange.fabric.add_member(bridge, only_pcma.endpoint, exchange.now).unwrap();
    exchange.talk(&mut [&mut a], 50);
    let sent = exchange.sent();
    assert!(both.received(&sent).iter().all(|packet| packet.header().payload_type == 0));
    let transcoded = only_pcma.received(&sent);
    assert_eq!(transcoded.len(), 50);
    assert!(transcoded.iter().all(|packet| packet.header().payload_type == 8));
    assert_continuous(&transcoded);
    assert!(share(&only_pcma.heard(&sent), 440.0) > 0.95);
}

#[test]
fn an_echo_gives_each_member_its_own_audio_back() {
    let mut exchange = Exchange::new();
    let [a, b] = exchange.phones();
    let (mut a, mut b) = (a.with_tone(440.0), b.with_tone(880.0));
    exchange.bridge(BridgeMode::Echo, &[&a, &b]);
    exchange.talk(&mut [&mut a, &mut b], 50);
    let sent = exchange.sent();
    assert!(share(&a.heard(&sent), 440.0) > 0.95);
    assert!(share(&b.heard(&sent), 880.0) > 0.95);
}

#[test]
fn alone_in_a_relay_a_mesh_or_a_room_nothing_is_sent() {
    for mode in [BridgeMode::Relay, BridgeMode::Mesh, BridgeMode::Mix] {
        let mut exchange = Exchange::new();
        let [a] = exchange.phones();
        let mut a = a.with_tone(440.0);
        exchange.bridge(mode, &[&a]);
        exchange.talk(&mut [&mut a], 10);
        assert!(exchange.sent().is_empty(), "{mode:?}");
    }
}

#[test]
fn in_a_mesh_every_other_member_is_a_stream_of_its_own() {
    let mut exchange = Exchange::new();
    let [a, b, c] = exchange.phones();
    let (mut a, mut b, mut c) = (a.with_tone(440.0), b.with_tone(880.0), c.with_tone(1320.0));
    exchange.bridge(BridgeMode::Mesh, &[&a, &b, &c]);
    exchange.talk(&mut [&mut a, &mut b, &mut c], 50);
    let sent = exchange.sent();
    for (listener, others) in [(&a, [880.0, 1320.0]), (&b, [440.0, 1320.0]), (&c, [440.0, 880.0])] {
        let mut streams = BTreeMap::<u32, Vec<_>>::new();
        for packet in listener.received(&sent) {
            streams.entry(packet.header().ssrc).or_default().push(packet);
        }
        assert_eq!(streams.len(), 2);
        let mut frequencies = Vec::new();
        for packets in streams.values() {
            assert_eq!(packets.len(), 50);
            assert_continuous(packets);
            let samples = super::decode(packets);
            frequencies.extend([440.0, 880.0, 1320.0].into_iter().filter(|&f| share(&samples, f) > 0.95));
        }
        frequencies.sort_by(f64::total_cmp);
        assert_eq!(frequencies, others);
    }
}

#[test]
fn in_a_room_each_hears_the_others_and_not_itself() {
    let mut exchange = Exchange::new();
    let a = exchange.phone("0 101", "");
    let b = exchange.phone("8 101", "");
    let c = exchange.phone("8 0 101", "");
    let (mut a, mut b, mut c) = (a.with_tone(440.0), b.with_tone(880.0), c.with_tone(1320.0));
    exchange.bridge(BridgeMode::Mix, &[&a, &b, &c]);
    exchange.talk(&mut [&mut a, &mut b, &mut c], 20);
    exchange.sent();
    exchange.talk(&mut [&mut a, &mut b, &mut c], 50);
    let sent = exchange.sent();
    for (listener, own, others) in
        [(&a, 440.0, [880.0, 1320.0]), (&b, 880.0, [440.0, 1320.0]), (&c, 1320.0, [440.0, 880.0])]
    {
        let received = listener.received(&sent);
        assert!((49..=51).contains(&received.len()));
        assert_continuous(&received);
        assert!(received.windows(2).all(|pair| pair[1].at.since(pair[0].at) == Duration::from_millis(20)));
        let heard = listener.heard(&sent);
        assert!(others.iter().all(|&frequency| share(&heard, frequency) > 0.45));
        assert!(share(&heard, own) < 0.001);
    }
}

#[test]
fn a_packet_that_is_lost_on_the_way_to_a_room_is_concealed() {
    let mut exchange = Exchange::new();
    let [a, b] = exchange.phones();
    let mut a = a.with_tone(440.0);
    exchange.bridge(BridgeMode::Mix, &[&a, &b]);
    exchange.talk(&mut [&mut a], 20);
    exchange.sent();
    for _ in 0..10 {
        exchange.talk(&mut [&mut a], 9);
        // The tenth of each ten is said, but does not come.
        a.header.sequence = a.header.sequence.wrapping_add(1);
        a.header.timestamp = a.header.timestamp.wrapping_add(160);
        exchange.pass(Duration::from_millis(20));
    }
    let sent = exchange.sent();
    assert_eq!(b.received(&sent).len(), 100);
    let quiet = |packet: &&super::Sent| super::decode(&[packet]).iter().all(|sample| sample.abs() < 500);
    assert_eq!(b.received(&sent).iter().filter(|packet| quiet(packet)).count(), 0);
    // That the last one is lost is not known before another comes.
    assert_eq!(exchange.fabric.close(a.endpoint).unwrap().packets_lost, 9);
}

#[test]
fn a_member_whose_stream_begins_anew_is_heard_on_wherever_its_numbers_stand() {
    // The change of the SSRC, of the sequence number and of the time stamp.
    let rows = [(1, 65_436, 0), (1, 2_900, 0), (1, 0, 9_999), (0, 65_036, 0), (0, 60_000, 80_000), (1, 0, 0)];
    for (ssrc, sequence, timestamp) in rows {
        let mut exchange = Exchange::new();
        let [a, b] = exchange.phones();
        let mut a = a.with_tone(440.0);
        exchange.bridge(BridgeMode::Mix, &[&a, &b]);
        exchange.talk(&mut [&mut a], 150);
        a.header.ssrc += ssrc;
        a.header.sequence = a.header.sequence.wrapping_add(sequence);
        a.header.timestamp = a.header.timestamp.wrapping_add(timestamp);
        exchange.talk(&mut [&mut a], 10);
        exchange.sent();
        exchange.talk(&mut [&mut a], 50);
        let sent = exchange.sent();
        assert!(share(&b.heard(&sent), 440.0) > 0.95, "{ssrc}, {sequence}, {timestamp}");
    }
}

#[test]
fn a_member_whose_stream_begins_anew_while_it_is_muted_is_heard_when_it_is_not() {
    let mut exchange = Exchange::new();
    let [a, b] = exchange.phones();
    let mut a = a.with_tone(440.0);
    exchange.bridge(BridgeMode::Mix, &[&a, &b]);
    exchange.talk(&mut [&mut a], 150);
    exchange.pass(Duration::from_secs(1));
    exchange.fabric.mute(a.endpoint, true).unwrap();
    (a.header.ssrc, a.header.sequence) = (a.header.ssrc + 1, a.header.sequence.wrapping_sub(2_000));
    exchange.talk(&mut [&mut a], 50);
    exchange.fabric.mute(a.endpoint, false).unwrap();
    exchange.talk(&mut [&mut a], 10);
    exchange.sent();
    exchange.talk(&mut [&mut a], 50);
    assert!(share(&b.heard(&exchange.sent()), 440.0) > 0.95);
}

#[test]
fn listeners_that_say_nothing_share_one_payload_for_each_codec() {
    let mut exchange = Exchange::new();
    let mut talker = exchange.phone("0 101", "").with_tone(440.0);
    let listeners = [exchange.phone("0 101", ""), exchange.phone("0 101", ""), exchange.phone("8 101", "")];
    exchange.bridge(BridgeMode::Mix, &[&talker, &listeners[0], &listeners[1], &listeners[2]]);
    exchange.talk(&mut [&mut talker], 20);
    exchange.sent();
    exchange.talk(&mut [&mut talker], 20);
    let sent = exchange.sent();
    let heard = listeners.each_ref().map(|listener| listener.received(&sent));
    for ((first, second), third) in heard[0].iter().zip(&heard[1]).zip(&heard[2]) {
        assert_eq!(first.payload(), second.payload());
        assert_ne!(first.header().ssrc, second.header().ssrc);
        assert_eq!((second.header().payload_type, third.header().payload_type), (0, 8));
    }
    assert!(share(&listeners[2].heard(&sent), 440.0) > 0.95);
    // The only one who speaks hears silence, in packets all the same.
    assert!(talker.heard(&sent).iter().all(|sample| sample.abs() <= 8));
    assert_eq!(talker.received(&sent).len(), heard[0].len());
}

#[test]
fn a_peer_gets_one_continuous_stream_over_relay_room_and_playback() {
    let mut exchange = Exchange::new();
    let [a, b] = exchange.phones();
    let (mut a, mut b) = (a.with_tone(440.0), b.with_tone(880.0));
    exchange.bridge(BridgeMode::Relay, &[&a, &b]);
    exchange.talk(&mut [&mut a, &mut b], 10);
    exchange.fabric.play(a.endpoint, super::playing::tone("p", 1320.0, Some(200)), exchange.now).unwrap();
    exchange.talk(&mut [&mut a, &mut b], 20);
    let room = exchange.bridge(BridgeMode::Mix, &[&a, &b]);
    exchange.talk(&mut [&mut a, &mut b], 20);
    exchange.fabric.destroy_bridge(room).unwrap();
    exchange.bridge(BridgeMode::Relay, &[&a, &b]);
    exchange.talk(&mut [&mut a, &mut b], 10);
    let sent = exchange.sent();
    let received = a.received(&sent);
    assert!(received.len() > 50);
    assert_continuous(&received);
    // One marker at each change: relay, playback, relay, room, relay.
    assert_eq!(received.iter().filter(|packet| packet.header().marker).count(), 5);
    let first = received[0];
    for packet in &received {
        let ticks = packet.header().timestamp.wrapping_sub(first.header().timestamp);
        let passed = packet.at.since(first.at).as_millis() as u32 * 8;
        assert!(ticks.abs_diff(passed) <= 480, "{ticks} ticks after {passed}");
    }
}

#[test]
fn members_that_leave_hear_nothing_more_and_are_told_unless_they_were_asked_to() {
    let mut exchange = Exchange::new();
    let [a, b, c] = exchange.phones();
    let mut a = a.with_tone(440.0);
    let first = exchange.bridge(BridgeMode::Mix, &[&a, &b, &c]);
    exchange.fabric.remove_member(first, c.endpoint).unwrap();
    assert_eq!(exchange.events(), []);
    assert_eq!(exchange.fabric.remove_member(first, c.endpoint), Err(Failure::NoBridge));
    let second = exchange.bridge(BridgeMode::Relay, &[&a]);
    assert_eq!(exchange.events(), [Event::LeftBridge { bridge: "b".into() }]);
    exchange.fabric.add_member(second, a.endpoint, exchange.now).unwrap();
    exchange.fabric.add_member(second, b.endpoint, exchange.now).unwrap();
    exchange.events();
    assert!(matches!(
        exchange.fabric.add_member(second, c.endpoint, exchange.now),
        Err(Failure::Limit { limit: 2, .. })
    ));
    exchange.fabric.close(b.endpoint).unwrap();
    exchange.talk(&mut [&mut a], 10);
    exchange.fabric.destroy_bridge(second).unwrap();
    assert_eq!(exchange.events(), [Event::LeftBridge { bridge: "b".into() }]);
    exchange.talk(&mut [&mut a], 10);
    assert!(exchange.sent().is_empty());
    assert_eq!((exchange.fabric.endpoints(), exchange.fabric.bridges()), (2, 1));
}

#[test]
fn a_muted_peer_is_not_heard_in_any_bridge() {
    for mode in [BridgeMode::Relay, BridgeMode::Mesh, BridgeMode::Mix] {
        let mut exchange = Exchange::new();
        let [a, b] = exchange.phones();
        let mut a = a.with_tone(440.0);
        exchange.bridge(mode, &[&a, &b]);
        exchange.fabric.mute(a.endpoint, true).unwrap();
        exchange.talk(&mut [&mut a], 50);
        let sent = exchange.sent();
        assert!(b.heard(&sent).iter().all(|sample| sample.abs() <= 8), "{mode:?}");
        exchange.fabric.mute(a.endpoint, false).unwrap();
        exchange.talk(&mut [&mut a], 50);
        assert!(share(&b.heard(&exchange.sent()), 440.0) > 0.9, "{mode:?}");
    }
}

#[test]
fn an_endpoint_goes_to_another_fabric_with_its_stream_and_its_playback() {
    let mut exchange = Exchange::new();
    let mut a = exchange.phones::<1>()[0].clone();
    exchange.fabric.play(a.endpoint, super::playing::tone("p", 440.0, Some(1000)), exchange.now).unwrap();
    exchange.pass(Duration::from_millis(500));
    let before = exchange.sent();
    let endpoint = exchange.fabric.detach(a.endpoint).unwrap();
    assert_eq!(exchange.fabric.endpoints(), 0);
    exchange.pass(Duration::from_millis(5));
    let mut other = Exchange::new();
    other.now = exchange.now;
    let [_, mut b] = other.phones();
    a.endpoint = other.fabric.attach(endpoint, other.now);
    other.pass(Duration::from_secs(1));
    let after = other.sent();
    let all: Vec<_> = a.received(&before).into_iter().chain(a.received(&after)).collect();
    assert_eq!(all.len(), 50);
    assert_continuous(&all);
    assert!(other.events().contains(&Event::PlayEnded {
        playback: "p".into(),
        end: crate::media::core::PlayEnd::Finished,
        played: Duration::from_secs(1)
    }));
    other.bridge(BridgeMode::Relay, &[&a, &b]);
    b = b.with_tone(880.0);
    other.talk(&mut [&mut b], 5);
    assert_eq!(a.received(&other.sent()).len(), 5);
}
