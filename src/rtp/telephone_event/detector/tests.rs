//! Digits over a network that loses, repeats and reorders, and from peers that make them up.

use super::*;
use crate::rtp::telephone_event::{DIGITS_PER_SECOND_MAX, DigitPacket, DigitSender};

/// A packet every 20 ms, as a phone sends them.
const PACE: Duration = Duration::from_millis(20);

fn event(code: u8, duration_ticks: u16, end: bool) -> TelephoneEvent {
    TelephoneEvent { event: code, end, volume: 10, duration_ticks }
}

/// A peer: what it sends is numbered on and comes at its pace.
struct Peer {
    detector: DigitDetector,
    header: Header,
    now: Instant,
    pace: Duration,
    told: Vec<(char, u32)>,
}

impl Peer {
    fn new() -> Self {
        let header = Header { marker: false, payload_type: 101, sequence: 65_530, timestamp: 0, ssrc: 7 };
        let now = Instant::from_millis(60_000);
        Self { detector: DigitDetector::new(), header, now, pace: PACE, told: Vec::new() }
    }

    fn send(&mut self, timestamp: u32, event: TelephoneEvent) {
        self.header = Header { timestamp, sequence: self.header.sequence.wrapping_add(1), ..self.header };
        self.comes(self.header, event);
    }

    fn comes(&mut self, header: Header, event: TelephoneEvent) {
        self.now = self.now + self.pace;
        let digits = self.detector.receive(&header, event, self.now);
        self.told.extend(digits.map(|digit| (digit.digit, digit.duration_ticks)));
    }

    fn audio(&mut self, timestamp: u32) -> Option<(char, u32)> {
        let header = Header { timestamp, payload_type: 0, ..self.header };
        self.detector.audio(&header, self.now).map(|digit| (digit.digit, digit.duration_ticks))
    }

    /// Reports of a key every 20 ms and its end three times.
    fn press(&mut self, timestamp: u32, code: u8, ticks: u16) {
        for duration in (160..ticks).step_by(160) {
            self.send(timestamp, event(code, duration, false));
        }
        (0..3).for_each(|_| self.send(timestamp, event(code, ticks, true)));
    }
}

/// Feeds (timestamp, code, duration, end) and collects the digits with their durations.
fn detected(packets: &[(u32, u8, u16, bool)]) -> Vec<(char, u32)> {
    let mut peer = Peer::new();
    for &(timestamp, code, duration, end) in packets {
        peer.send(timestamp, event(code, duration, end));
    }
    peer.told
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
fn a_long_press_stays_one_when_the_report_of_its_full_segment_is_lost() {
    let begun = [(1000, 5, 160, false), (1000, 5, 30_000, false), (1000, 5, 65_440, false)];
    let goes_on = |at: u32| [(at, 5, 160, false), (at, 5, 480, true), (at, 5, 480, true)];
    for at in [1000 + 65_535, 1000 + 65_440] {
        let packets: Vec<_> = begun.into_iter().chain(goes_on(at)).collect();
        assert_eq!(detected(&packets), [('5', at - 1000 + 480)], "the next segment at {at}");
    }
    // The same key pressed anew says so, and another key needs not.
    let mut peer = Peer::new();
    begun.into_iter().for_each(|(at, code, ticks, end)| peer.send(at, event(code, ticks, end)));
    peer.header.marker = true;
    peer.send(1000 + 65_535, event(5, 480, true));
    assert_eq!(peer.told, [('5', 65_440), ('5', 480)]);
    let other: Vec<_> = begun.into_iter().chain([(1000 + 65_535, 6, 480, true)]).collect();
    assert_eq!(detected(&other), [('5', 65_440), ('6', 480)]);
}

#[test]
fn a_new_stream_is_heard_wherever_its_time_stamps_begin() {
    for (before, after) in [(25_000, 0), (0, 25_000), (25_000, 25_000), (25_000, 25_001), (25_000, 24_999)] {
        let mut peer = Peer::new();
        peer.press(before, 1, 800);
        peer.header.ssrc = 8;
        peer.press(after, 2, 800);
        peer.press(after + 4_000, 2, 800);
        peer.header.ssrc = 9;
        peer.press(after, 2, 800);
        assert_eq!(peer.told, [('1', 800), ('2', 800), ('2', 800), ('2', 800)], "{before}, then {after}");
    }
}

#[test]
fn a_key_that_a_stream_still_held_when_another_took_its_place_is_told() {
    let mut peer = Peer::new();
    peer.send(25_000, event(1, 160, false));
    peer.send(25_000, event(1, 320, false));
    peer.header.ssrc = 8;
    peer.press(0, 1, 800);
    assert_eq!(peer.told, [('1', 320), ('1', 800)]);
}

#[test]
fn events_with_an_ssrc_of_their_own_beside_audio_are_told_once() {
    let mut peer = Peer::new();
    let mut heard = Vec::new();
    for duration in (160..=1_600).step_by(160) {
        peer.send(25_000, event(3, duration, duration == 1_600));
        let audio = Header { ssrc: 99, timestamp: 900_000 + u32::from(duration), ..peer.header };
        heard.extend(peer.detector.audio(&audio, peer.now));
    }
    assert_eq!((peer.told, heard), (vec![('3', 1_600)], vec![]));
}

#[test]
fn audio_after_a_lost_end_ends_the_digit() {
    let mut peer = Peer::new();
    peer.send(1000, event(7, 320, false));
    // Some senders go on with audio during the event.
    assert_eq!(peer.audio(1160), None);
    assert_eq!(peer.audio(1000 + 320 + 1599), None);
    assert_eq!(peer.audio(1000 + 320 + 1600), Some(('7', 320)));
    peer.send(1000, event(7, 480, true));
    assert_eq!(peer.told, [], "its end came after all");
    // Audio from before the event says nothing about it.
    peer.send(9000, event(8, 160, false));
    assert_eq!(peer.audio(8840), None);
    assert!(peer.detector.is_running());
    let digit = peer.detector.finish(peer.now).unwrap();
    assert_eq!((digit.digit, digit.duration_ticks), ('8', 160));
    assert_eq!(peer.detector.finish(peer.now), None);
}

#[test]
fn audio_of_another_stream_ends_a_digit_only_by_the_clock() {
    let mut peer = Peer::new();
    peer.send(1000, event(7, 320, false));
    peer.header.ssrc = 8;
    assert_eq!(peer.audio(1000 + 320 + 1600), None);
    peer.now = peer.now + DIGIT_END_LOST;
    assert_eq!(peer.audio(0), Some(('7', 320)));
}

#[test]
fn a_stream_whose_clock_jumps_back_goes_on_being_heard() {
    let mut peer = Peer::new();
    peer.press(40_000, 1, 800);
    peer.press(44_000, 2, 800);
    peer.press(16_000, 3, 800);
    peer.press(20_000, 4, 800);
    assert_eq!(peer.told, [('1', 800), ('2', 800), ('3', 800), ('4', 800)]);
    // An old packet that comes late is none of a new timeline.
    let late = Header { timestamp: 8_000, sequence: peer.header.sequence.wrapping_sub(20), ..peer.header };
    peer.comes(late, event(9, 800, true));
    assert_eq!(peer.told.len(), 4);
}

#[test]
fn a_digit_in_every_packet_is_not_believed() {
    let mut peer = Peer::new();
    peer.pace = Duration::from_micros(33);
    for n in 0..30_000 {
        peer.send(1000 + n, event((n % 16) as u8, 800, true));
    }
    // 30,000 ticks are not quite 94 times 40 ms.
    assert!(peer.told.len() <= DIGITS_PER_SECOND_MAX as usize * 2, "{}", peer.told.len());
    assert!(peer.detector.take_unbelieved() > 29_900);
    assert_eq!(peer.detector.take_unbelieved(), 0);
}

#[test]
fn digits_faster_than_any_dialler_are_told_at_a_bounded_rate() {
    for end in [true, false] {
        let mut peer = Peer::new();
        peer.pace = Duration::from_micros(100);
        for n in 0..100_000 {
            peer.send(n * 800, event((n % 10) as u8, 400, end));
        }
        let bound = DIGITS_PER_SECOND_MAX as usize * 11;
        assert!((bound - 2..=bound).contains(&peer.told.len()), "{} in 10 s", peer.told.len());
    }
}

#[test]
fn the_shortest_keys_of_a_fast_dialler_are_told_each() {
    let mut peer = Peer::new();
    // 40 ms of tone, 40 ms of pause; of each only some packets come.
    for n in 0..60_u32 {
        let at = n * 640;
        let ticks = [160, 320][n as usize % 2];
        peer.pace = Duration::from_millis(80);
        peer.send(at, event((n % 10) as u8, ticks, n % 3 != 0));
    }
    assert!(peer.told.len() >= 59, "{}", peer.told.len());
    assert_eq!(peer.detector.take_unbelieved(), 0);
}

#[test]
fn a_key_counts_by_the_clock_where_its_reports_say_no_duration() {
    let mut peer = Peer::new();
    for end in [false, false, true] {
        peer.send(1000, event(4, 0, end));
    }
    assert_eq!(peer.told, [('4', 0)]);
    peer.send(9000, event(5, 80, true));
    assert_eq!(peer.told.len(), 1, "one packet of 10 ms is no key");
    assert_eq!(peer.detector.take_unbelieved(), 1);
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
    let mut peer = Peer::new();
    let mut timestamp = 77;
    for digit in "0123456789*#ABCD".chars() {
        timestamp += 8000;
        let mut sender = DigitSender::new(digit, 800).unwrap();
        let packets: Vec<DigitPacket> = std::iter::from_fn(|| sender.next_packet(160)).collect();
        assert_eq!(packets.len(), 7, "four reports and three ends");
        assert!(packets.iter().enumerate().all(|(n, packet)| packet.begins == (n == 0)));
        packets.iter().for_each(|packet| peer.send(timestamp, packet.event));
        assert_eq!(std::mem::take(&mut peer.told), [(digit, 800)]);
    }
    assert!(DigitSender::new('x', 800).is_none());
    assert!(DigitSender::new('d', 800).is_some());
}
