//! The pace of what is made here: even, and never ahead of the clock, whatever changes.

use std::time::Duration;

use super::playing::tone;
use super::{Exchange, Phone, Sent, assert_continuous};
use crate::ground::{Instant, Random};
use crate::media::core::{BridgeMode, DigitPlan, FRAME, Fabric, FabricSettings, PlaySource};
use crate::media::core::{Clip, PlayOrder};

const MS: Duration = Duration::from_millis(1);

/// Checks that packets lie so far apart, every one.
fn assert_even(packets: &[&Sent], apart: Duration, what: &str) {
    assert!(packets.len() > 10, "{what}: {} packets", packets.len());
    for pair in packets.windows(2) {
        assert_eq!(pair[1].at.since(pair[0].at), apart, "{what}, after {}", pair[0].at);
        let ticks = pair[1].header().timestamp.wrapping_sub(pair[0].header().timestamp);
        assert_eq!(u128::from(ticks), apart.as_millis() * 8, "{what}");
    }
}

fn clip(id: &str) -> PlayOrder {
    let clip = Clip { samples: (0..8000).map(|n| n * 3).collect(), ..Clip::default() };
    PlayOrder { playback: id.into(), source: PlaySource::Clip { clip: clip.into(), times: 0 } }
}

#[test]
fn packets_of_every_duration_leave_evenly_spaced_whatever_feeds_them() {
    for ptime in [10, 20, 30, 40, 50, 60] {
        let (apart, attribute) = (MS * ptime, format!("a=ptime:{ptime}\r\n"));
        let mut exchange = Exchange::new();
        let phones: Vec<Phone> = (0..7).map(|_| exchange.phone("0 101", &attribute)).collect();
        for (n, phone) in phones.iter().enumerate() {
            let order = if n % 2 == 0 { tone("p", 440.0, None) } else { clip("p") };
            exchange.fabric.play(phone.endpoint, order, exchange.now).unwrap();
            exchange.pass(MS * 3);
        }
        exchange.pass(Duration::from_secs(3));
        let played = exchange.sent();
        for phone in &phones {
            assert_even(&phone.received(&played), apart, "played");
            exchange.fabric.stop_play(phone.endpoint, "").unwrap();
        }
        exchange.pass(MS * 200);
        exchange.sent();
        let mut talker = exchange.phone("0 101", "").with_tone(880.0);
        let mut members: Vec<&Phone> = phones.iter().collect();
        members.push(&talker);
        exchange.bridge(BridgeMode::Mix, &members);
        exchange.talk(&mut [&mut talker], 100);
        let mixed = exchange.sent();
        for phone in &phones {
            assert_even(&phone.received(&mixed), apart, "mixed");
            assert_continuous(&phone.received(&mixed));
        }
    }
}

#[test]
fn phones_of_different_packet_times_in_one_room_each_have_their_own_pace() {
    let mut exchange = Exchange::new();
    let phones = [10_u32, 20, 30, 40, 60]
        .map(|ptime| (ptime, exchange.phone("0 101", &format!("a=ptime:{ptime}\r\n"))));
    let mut talker = exchange.phone("8 101", "").with_tone(880.0);
    let members: Vec<&Phone> = phones.iter().map(|(_, phone)| phone).chain([&talker]).collect();
    exchange.bridge(BridgeMode::Mix, &members);
    exchange.talk(&mut [&mut talker], 100);
    let sent = exchange.sent();
    for (ptime, phone) in &phones {
        assert_even(&phone.received(&sent), MS * *ptime, "mixed");
    }
}

#[test]
fn digits_are_evenly_spaced_and_what_was_played_goes_on_evenly_after_them() {
    for ptime in [10_u32, 20, 30] {
        let mut exchange = Exchange::new();
        let a = exchange.phone("0 101", &format!("a=ptime:{ptime}\r\n"));
        exchange.fabric.play(a.endpoint, tone("p", 440.0, None), exchange.now).unwrap();
        exchange.pass(MS * 507);
        exchange.sent();
        let plan = DigitPlan { key: 1, digits: "5".into(), tone: MS * 400, gap: MS * 60 };
        exchange.fabric.send_digits(a.endpoint, &plan, exchange.now).unwrap();
        exchange.pass(Duration::from_secs(2));
        let sent = exchange.sent();
        let received = a.received(&sent);
        assert_continuous(&received);
        let first = received.iter().position(|packet| packet.header().payload_type == 101).unwrap();
        let (events, audio): (Vec<&Sent>, Vec<_>) =
            received[first..].iter().partition(|packet| packet.header().payload_type == 101);
        assert!(events.windows(2).all(|pair| pair[1].at.since(pair[0].at) == FRAME), "{ptime}");
        assert_even(&audio, MS * ptime, "played after the digits");
    }
}

/// The endpoint goes to another fabric, as to another worker, and takes so long on its way.
fn move_away(exchange: &mut Exchange, phone: &mut Phone, takes: Duration, crowd: u64) {
    let settings = FabricSettings { endpoints_max: 100, bridges_max: 10 };
    let mut other = Fabric::new(settings, Random::from_key([crowd, 2]));
    let endpoint = exchange.fabric.detach(phone.endpoint).unwrap();
    exchange.pass(takes);
    phone.endpoint = other.attach(endpoint, exchange.now);
    exchange.fabric = other;
}

#[test]
fn a_playback_that_moves_between_workers_keeps_its_pace() {
    for ptime in [10_u32, 20, 30] {
        let mut exchange = Exchange::new();
        let mut a = exchange.phone("0 101", &format!("a=ptime:{ptime}\r\n"));
        exchange.fabric.play(a.endpoint, tone("p", 440.0, None), exchange.now).unwrap();
        for step in 0..100_u64 {
            exchange.pass(MS * (20 + step as u32 * 7 % 23));
            move_away(&mut exchange, &mut a, Duration::ZERO, step);
        }
        exchange.pass(MS * 100);
        let sent = exchange.sent();
        assert_even(&a.received(&sent), MS * ptime, "moved a hundred times");
    }
}

#[test]
fn a_playback_that_was_long_on_its_way_goes_on_at_once_and_not_ahead_of_the_clock() {
    let mut exchange = Exchange::new();
    let mut a = exchange.phone("0 101", "");
    exchange.fabric.play(a.endpoint, tone("p", 440.0, None), exchange.now).unwrap();
    let began = exchange.now;
    for step in 0..50_u64 {
        exchange.pass(MS * 55);
        move_away(&mut exchange, &mut a, MS * (step as u32 % 40), step);
    }
    let sent = exchange.sent();
    let received = a.received(&sent);
    assert_continuous(&received);
    let gaps = received.windows(2).map(|pair| pair[1].at.since(pair[0].at));
    assert!(gaps.into_iter().all(|gap| (FRAME..=FRAME + MS * 41).contains(&gap)));
    assert_on_the_clock(&received, began);
}

/// Checks that timestamps follow the time that passed, to within a packet and a half.
fn assert_on_the_clock(received: &[&Sent], began: Instant) {
    let first = received[0].header().timestamp;
    for packet in received {
        let ticks = packet.header().timestamp.wrapping_sub(first);
        let passed = packet.at.since(received[0].at).as_millis() as u32 * 8;
        assert!(
            ticks.abs_diff(passed) <= 240,
            "{ticks} ticks after {passed}, {}",
            packet.at.since(began).as_millis()
        );
    }
}

#[test]
fn digits_that_move_between_workers_keep_their_pace() {
    let mut exchange = Exchange::new();
    let mut a = exchange.phone("0 101", "");
    let plan = DigitPlan { key: 1, digits: "123456789".into(), tone: MS * 100, gap: MS * 60 };
    exchange.fabric.send_digits(a.endpoint, &plan, exchange.now).unwrap();
    for step in 0..60_u64 {
        exchange.pass(MS * 23);
        move_away(&mut exchange, &mut a, Duration::ZERO, step);
    }
    exchange.pass(Duration::from_secs(2));
    let sent = exchange.sent();
    let received = a.received(&sent);
    assert_eq!(received.len(), 9 * 7);
    // The tone's five, two ends more, and the rest of the pause.
    let gaps: Vec<_> = received.windows(2).map(|pair| pair[1].at.since(pair[0].at)).collect();
    assert!(
        gaps.iter().enumerate().all(|(n, gap)| *gap == if n % 7 == 6 { FRAME * 2 } else { FRAME }),
        "{gaps:?}"
    );
}

#[test]
fn a_member_that_changes_its_room_is_sent_nothing_ahead_of_the_clock() {
    let mut exchange = Exchange::new();
    let [a, b, c] = exchange.phones();
    let (mut b, mut c) = (b.with_tone(440.0), c.with_tone(880.0));
    let first = exchange.bridge(BridgeMode::Mix, &[&b, &c]);
    exchange.pass(MS * 7);
    let [d, e] = exchange.phones();
    let (mut d, mut e) = (d.with_tone(440.0), e.with_tone(880.0));
    let second = exchange.bridge(BridgeMode::Mix, &[&d, &e]);
    exchange.fabric.add_member(first, a.endpoint, exchange.now).unwrap();
    for step in 0..60 {
        exchange.talk(&mut [&mut b, &mut c, &mut d, &mut e], 2);
        exchange.pass(MS * (step * 3 % 20));
        let room = if step % 2 == 0 { second } else { first };
        exchange.fabric.add_member(room, a.endpoint, exchange.now).unwrap();
    }
    let sent = exchange.sent();
    let received = a.received(&sent);
    assert_continuous(&received);
    let gaps = received.windows(2).map(|pair| pair[1].at.since(pair[0].at));
    assert!(gaps.into_iter().all(|gap| gap >= FRAME && gap < FRAME * 3));
    assert_on_the_clock(&received, exchange.now);
}
