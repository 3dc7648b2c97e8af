//! Digits over a network that loses, repeats and reorders.

use super::*;

fn event(code: u8, duration_ticks: u16, end: bool) -> TelephoneEvent {
    TelephoneEvent { event: code, end, volume: 10, duration_ticks }
}

/// Feeds (timestamp, code, duration, end) and collects the digits with their durations.
fn detected(packets: &[(u32, u8, u16, bool)]) -> Vec<(char, u32)> {
    let mut detector = DigitDetector::new();
    let each = packets.iter().flat_map(|&(timestamp, code, duration, end)| {
        detector.receive(timestamp, event(code, duration, end)).collect::<Vec<_>>()
    });
    each.map(|digit| (digit.digit, digit.duration_ticks)).collect()
}

#[test]
fn payloads_round_trip_and_short_ones_are_nothing() {
    let bytes = [11, 0x8A, 0x03, 0x20];
    let parsed = TelephoneEvent::parse(&bytes).unwrap();
    assert_eq!(parsed, event(11, 800, true));
    assert_eq!(parsed.digit(), Some('#'));
    assert_eq!(parsed.to_bytes(), bytes);
    assert_eq!(TelephoneEvent::parse(&bytes[..3]), None);
    assert_eq!(event(16, 0, false).digit(), None);
}

#[test]
fn each_digit_is_reported_once_with_its_duration() {
    let digit = |at: u32, code: u8| {
        [
            (at, code, 160, false),
            (at, code, 320, false),
            (at, code, 480, true),
            (at, code, 480, true),
            (at, code, 480, true),
        ]
    };
    let packets: Vec<_> = [digit(1000, 1), digit(3000, 1), digit(5000, 10)].concat();
    assert_eq!(detected(&packets), [('1', 480), ('1', 480), ('*', 480)]);
}

#[test]
fn one_packet_of_a_digit_is_enough() {
    assert_eq!(detected(&[(1000, 5, 800, true)]), [('5', 800)]);
    assert_eq!(detected(&[(1000, 5, 160, false), (9000, 6, 480, true)]), [('5', 160), ('6', 480)]);
}

#[test]
fn packets_out_of_order_neither_repeat_nor_shorten_a_digit() {
    let reordered =
        [(1000, 5, 320, false), (1000, 5, 160, false), (1000, 5, 480, true), (1000, 5, 320, false)];
    assert_eq!(detected(&reordered), [('5', 480)]);
    let an_end_that_comes_after_the_next = [
        (1000, 5, 320, false),
        (3000, 6, 160, false),
        (1000, 5, 480, true),
        (3000, 6, 320, true),
        (1000, 5, 480, true),
    ];
    assert_eq!(detected(&an_end_that_comes_after_the_next), [('5', 320), ('6', 320)]);
}

#[test]
fn a_long_press_goes_on_over_its_segments() {
    let packets = [
        (1000, 5, 65_535, false),
        (1000 + 65_535, 5, 160, false),
        (1000 + 65_535, 5, 8000, true),
        (1000 + 65_535, 5, 8000, true),
    ];
    assert_eq!(detected(&packets), [('5', 73_535)]);
}

#[test]
fn audio_after_a_lost_end_ends_the_digit() {
    let mut detector = DigitDetector::new();
    assert_eq!(detector.receive(1000, event(7, 320, false)).count(), 0);
    // Some senders go on with audio during the event.
    assert_eq!(detector.audio(1160), None);
    assert_eq!(detector.audio(1000 + 320 + 1599), None);
    assert_eq!(detector.audio(1000 + 320 + 1600), Some(Digit { digit: '7', duration_ticks: 320 }));
    assert_eq!(detector.receive(1000, event(7, 480, true)).count(), 0, "its end came after all");
    // Audio from before the event says nothing about it.
    assert_eq!(detector.receive(9000, event(8, 160, false)).count(), 0);
    assert_eq!(detector.audio(8840), None);
    assert!(detector.is_running());
    assert_eq!(detector.finish(), Some(Digit { digit: '8', duration_ticks: 160 }));
    assert_eq!(detector.finish(), None);
}

#[test]
fn a_new_timeline_is_not_taken_for_the_past() {
    assert_eq!(detected(&[(4_000_000, 1, 480, true), (1000, 2, 480, true)]), [('1', 480), ('2', 480)]);
    assert_eq!(detected(&[(u32::MAX, 1, 480, true), (1000, 2, 480, true)]), [('1', 480), ('2', 480)]);
}

#[test]
fn other_events_are_no_digits() {
    assert_eq!(detected(&[(1000, 16, 480, true), (3000, 3, 480, true)]), [('3', 480)]);
}

#[test]
fn what_the_sender_makes_the_detector_finds() {
    let mut detector = DigitDetector::new();
    let mut timestamp = 77;
    for digit in "0123456789*#ABCD".chars() {
        timestamp += 8000;
        let mut sender = DigitSender::new(digit, 800).unwrap();
        let packets: Vec<DigitPacket> = std::iter::from_fn(|| sender.next_packet(160)).collect();
        assert_eq!(packets.len(), 7, "four reports and three ends");
        assert!(packets.iter().enumerate().all(|(n, packet)| packet.begins == (n == 0)));
        let found: Vec<Digit> =
            packets.iter().flat_map(|packet| detector.receive(timestamp, packet.event)).collect();
        assert_eq!(found, [Digit { digit, duration_ticks: 800 }]);
    }
    assert!(DigitSender::new('x', 800).is_none());
    assert!(DigitSender::new('d', 800).is_some());
}
