//! Telephone events: passed, told once, made.

use std::time::Duration;

use super::{Exchange, Phone, assert_continuous};
use crate::media::core::{BridgeMode, DigitPlan, Event, Failure};
use crate::rtp::telephone_event::{DIGIT_END_LOST, DigitDetector, DigitSender, TelephoneEvent};

/// A phone sends a digit as RFC 4733 packets.
pub fn press(exchange: &mut Exchange, phone: &mut Phone, digit: char, ticks: u16) {
    let mut sender = DigitSender::new(digit, ticks).unwrap();
    let (audio, began) = (phone.header.payload_type, phone.header.timestamp);
    phone.header.payload_type = 101;
    while let Some(packet) = sender.next_packet(160) {
        phone.header.timestamp = began;
        phone.header.marker = packet.begins;
        exchange.say(phone, &packet.event.to_bytes());
        exchange.pass(Duration::from_millis(20));
    }
    phone.header.payload_type = audio;
    phone.header.timestamp = began.wrapping_add(u32::from(ticks) + 480);
}

fn digits_told(events: &[Event]) -> Vec<(char, u128)> {
    let told = |event: &Event| match event {
        Event::Dtmf { digit, duration } => Some((*digit, duration.as_millis())),
        _ => None,
    };
    events.iter().filter_map(told).collect()
}

#[test]
fn a_digit_is_told_once_and_passed_to_the_other() {
    let mut exchange = Exchange::new();
    let [mut a, b] = exchange.phones();
    exchange.bridge(BridgeMode::Relay, &[&a, &b]);
    press(&mut exchange, &mut a, '5', 800);
    press(&mut exchange, &mut a, '5', 800);
    press(&mut exchange, &mut a, '#', 1600);
    assert_eq!(digits_told(&exchange.events()), [('5', 100), ('5', 100), ('#', 200)]);
    let sent = exchange.sent();
    let mut detector = DigitDetector::new();
    let passed: String = b
        .received(&sent)
        .iter()
        .flat_map(|packet| {
            assert_eq!(packet.header().payload_type, 101);
            detector.receive(&packet.header(), TelephoneEvent::parse(packet.payload()).unwrap(), packet.at)
        })
        .map(|digit| digit.digit)
        .collect();
    assert_eq!(passed, "55#");
    assert_continuous(&b.received(&sent));
}

#[test]
fn a_digit_is_told_also_when_muted_and_without_a_bridge() {
    let mut exchange = Exchange::new();
    let [mut a] = exchange.phones();
    press(&mut exchange, &mut a, '1', 800);
    exchange.fabric.mute(a.endpoint, true).unwrap();
    press(&mut exchange, &mut a, '2', 800);
    assert_eq!(digits_told(&exchange.events()), [('1', 100), ('2', 100)]);
}

#[test]
fn a_digit_whose_end_is_lost_is_told_soon_also_when_nothing_follows() {
    let mut exchange = Exchange::new();
    let [mut a] = exchange.phones();
    exchange.pass(Duration::from_secs(2));
    a.header.payload_type = 101;
    for (digit, gap) in [(7, 300), (8, 1_000)] {
        let began = a.header.timestamp.wrapping_add(8_000);
        for duration_ticks in [160, 320, 480] {
            exchange.pass(Duration::from_millis(20));
            a.header.timestamp = began;
            let event = TelephoneEvent { event: digit, end: false, volume: 10, duration_ticks };
            exchange.say(&mut a, &event.to_bytes());
        }
        exchange.pass(DIGIT_END_LOST - Duration::from_millis(1));
        assert_eq!(digits_told(&exchange.events()), []);
        exchange.pass(Duration::from_millis(1));
        let told = char::from_digit(u32::from(digit), 10).unwrap();
        assert_eq!(digits_told(&exchange.events()), [(told, 60)]);
        exchange.pass(Duration::from_millis(gap));
        assert_eq!(digits_told(&exchange.events()), [], "it is told once");
    }
}

#[test]
fn digits_are_not_passed_to_a_peer_that_did_not_agree_to_them() {
    let mut exchange = Exchange::new();
    let [mut a] = exchange.phones();
    let b = exchange.phone("0", "");
    exchange.bridge(BridgeMode::Relay, &[&a, &b]);
    press(&mut exchange, &mut a, '1', 800);
    assert!(b.received(&exchange.sent()).is_empty());
    let plan = DigitPlan { key: 1, digits: "1".into(), tone: Duration::ZERO, gap: Duration::ZERO };
    assert_eq!(exchange.fabric.send_digits(b.endpoint, &plan, exchange.now), Err(Failure::NoTelephoneEvent));
}

#[test]
fn digits_that_are_sent_take_the_place_of_audio_and_end_with_an_event() {
    let mut exchange = Exchange::new();
    let [a, b] = exchange.phones();
    let mut b = b.with_tone(880.0);
    exchange.bridge(BridgeMode::Relay, &[&a, &b]);
    exchange.talk(&mut [&mut b], 5);
    let plan = DigitPlan {
        key: 5,
        digits: "19*#aD".into(),
        tone: Duration::from_millis(100),
        gap: Duration::from_millis(60),
    };
    exchange.fabric.send_digits(a.endpoint, &plan, exchange.now).unwrap();
    exchange.talk(&mut [&mut b], 60);
    assert_eq!(exchange.events(), [Event::DtmfSent { key: 5 }]);
    let sent = exchange.sent();
    let received = a.received(&sent);
    assert_continuous(&received);
    let events: Vec<_> = received.iter().filter(|packet| packet.header().payload_type == 101).collect();
    assert_eq!(events.len(), 6 * 7);
    let mut detector = DigitDetector::new();
    let digits: Vec<_> = events
        .iter()
        .flat_map(|packet| {
            detector.receive(&packet.header(), TelephoneEvent::parse(packet.payload()).unwrap(), packet.at)
        })
        .map(|digit| (digit.digit, digit.duration_ticks))
        .collect();
    assert_eq!(digits, ['1', '9', '*', '#', 'A', 'D'].map(|digit| (digit, 800)));
    // Between the first and the last of them no audio is sent; after them it is again.
    let first = received.iter().position(|packet| packet.header().payload_type == 101).unwrap();
    let last = received.iter().rposition(|packet| packet.header().payload_type == 101).unwrap();
    assert_eq!(last - first + 1, events.len());
    assert!(received.len() > last + 5);
}

#[test]
fn a_peer_whose_stream_changes_is_heard_whatever_its_time_stamps() {
    let mut exchange = Exchange::new();
    let [mut a] = exchange.phones();
    a.header.timestamp = 25_000;
    press(&mut exchange, &mut a, '1', 800);
    press(&mut exchange, &mut a, '2', 800);
    (a.header.ssrc, a.header.timestamp) = (4711, 0);
    press(&mut exchange, &mut a, '3', 800);
    press(&mut exchange, &mut a, '4', 800);
    assert_eq!(digits_told(&exchange.events()), [('1', 100), ('2', 100), ('3', 100), ('4', 100)]);
}

#[test]
fn digits_that_nobody_could_press_are_bounded_and_counted() {
    let mut exchange = Exchange::new();
    let [mut a] = exchange.phones();
    a.header.payload_type = 101;
    for muted in [false, true] {
        exchange.fabric.mute(a.endpoint, muted).unwrap();
        for n in 0..600_u32 {
            a.header.timestamp = n;
            let event = TelephoneEvent { event: (n % 10) as u8, end: true, volume: 10, duration_ticks: 800 };
            exchange.say(&mut a, &event.to_bytes());
            exchange.pass(Duration::from_millis(3));
        }
        a.header.ssrc += 1;
    }
    let told = digits_told(&exchange.events()).len();
    assert!(told <= 4, "{told} of 1,200");
    let counted = exchange.fabric.counters().digits_unbelieved;
    assert_eq!(counted + told as u64, 1_200);
}
