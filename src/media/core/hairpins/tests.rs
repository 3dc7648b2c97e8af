//! Who sends where, what that has behind it, and what is known of it at the other port.

use super::*;

const NOW: Instant = Instant::from_millis(1_000_000);

/// The SSRC of a port's own stream.
const OWN: u32 = 0xABCD_EF01;

impl Hairpins {
    fn notes(&self, from: u16, to: u16, passed: u8, now: Instant) {
        self.sends(from, to, SentStream::Own(OWN), Trail { passed, fed_at: now }, now);
    }

    fn passed(&self, from: u16, at: u16, now: Instant) -> u8 {
        self.trail(from, at, OWN, now).passed
    }
}

#[test]
fn a_note_tells_who_is_sent_to_how_often_and_for_a_while() {
    let hairpins = Hairpins::new(10_000, 10_009);
    assert_eq!(hairpins.passed(10_000, 10_002, NOW), 0);
    hairpins.notes(10_000, 10_002, 3, NOW);
    let rows = [
        (10_000, 10_002, 0, 3),
        (10_000, 10_004, 0, 0),
        (10_002, 10_000, 0, 0),
        (10_001, 10_002, 0, 0),
        (9_998, 10_002, 0, 0),
        (10_010, 10_002, 0, 0),
        (10_000, 10_002, 1_999, 3),
        (10_000, 10_002, 2_000, 0),
    ];
    for (from, at, ms, expected) in rows {
        let later = NOW + Duration::from_millis(ms);
        assert_eq!(hairpins.passed(from, at, later), expected, "{from} to {at} after {ms} ms");
    }
}

#[test]
fn a_peer_elsewhere_whose_port_looks_like_one_of_ours_is_in_no_loop() {
    // Two calls whose peers' ports are each other's port of ours, each echoed: every packet comes from "our" port.
    let hairpins = Hairpins::new(10_000, 10_009);
    let (ours, theirs) = ([0x1111, 0x2222], [0x3333, 0x4444]);
    for ms in 0..1_000 {
        let now = NOW + Duration::from_millis(ms);
        for (at, from, own, peer) in
            [(10_000, 10_002, ours[0], theirs[0]), (10_002, 10_000, ours[1], theirs[1])]
        {
            let trail = hairpins.trail(from, at, peer, now);
            assert_eq!(trail, Trail { passed: 0, fed_at: now });
            hairpins.sends(at, from, SentStream::Own(own), Trail { passed: 1, ..trail }, now);
        }
    }
    // The same packets as a loop would bring them.
    assert_eq!(hairpins.trail(10_000, 10_002, ours[0], NOW + Duration::from_secs(1)).passed, 1);
}

#[test]
fn a_mesh_knows_its_streams_and_few_others() {
    let hairpins = Hairpins::new(10_000, 10_009);
    let trail = Trail { passed: 1, fed_at: NOW };
    let sent = [0xCAFE_0001, 0x0001_BEEF, 77];
    hairpins.sends(10_000, 10_002, SentStream::Own(OWN), trail, NOW);
    for ssrc in sent {
        hairpins.sends(10_000, 10_002, SentStream::OneOfSeveral(ssrc), trail, NOW);
    }
    assert!(sent.iter().chain([&OWN]).all(|ssrc| hairpins.trail(10_000, 10_002, *ssrc, NOW).passed == 1));
    let taken_for_ours =
        (1..=6_400).filter(|n| hairpins.trail(10_000, 10_002, n * 7919, NOW).passed > 0).count();
    assert!(taken_for_ours < 6_400 / 16, "{taken_for_ours}");
}

#[test]
fn the_largest_number_holds_as_long_as_it_is_not_old() {
    let hairpins = Hairpins::new(10_000, 10_009);
    let after = |ms| NOW + Duration::from_millis(ms);
    hairpins.notes(10_000, 10_002, 8, NOW);
    hairpins.notes(10_000, 10_002, 1, after(500));
    assert_eq!(hairpins.passed(10_000, 10_002, after(1_000)), 8);
    hairpins.notes(10_000, 10_002, 8, after(1_500));
    assert_eq!(hairpins.passed(10_000, 10_002, after(3_000)), 8);
    hairpins.notes(10_000, 10_002, 1, after(3_600));
    assert_eq!(hairpins.passed(10_000, 10_002, after(3_700)), 1);
    // Another peer is another matter.
    hairpins.notes(10_000, 10_002, 8, after(4_000));
    hairpins.notes(10_000, 10_004, 1, after(4_100));
    assert_eq!(hairpins.passed(10_000, 10_004, after(4_200)), 1);
}

#[test]
fn who_sends_to_no_port_of_ours_notes_nothing() {
    let hairpins = Hairpins::new(10_000, 10_009);
    hairpins.notes(10_000, 40_000, 3, NOW);
    hairpins.notes(20_000, 10_002, 3, NOW);
    Hairpins::default().notes(10_000, 10_002, 3, NOW);
    let untouched = |port: &Port| {
        [&port.note, &port.feed, &port.own, &port.several]
            .iter()
            .all(|word| word.load(Ordering::Relaxed) == 0)
    };
    assert!(hairpins.ports.iter().all(untouched));
    assert_eq!(Hairpins::default().passed(10_000, 10_002, NOW), 0);
}

#[test]
fn packets_of_our_own_are_as_fresh_as_what_led_to_them() {
    let after = |ms| NOW + Duration::from_millis(ms);
    // Sent at, and when it was fed; asked at, with which SSRC, and the answer, all in milliseconds.
    let rows = [
        (1_000, 1_000, 1_001, OWN, 1_000),
        (1_000, 0, 1_001, OWN, 0),
        (1_000, 0, 3_100, OWN, 3_100),
        // Somebody else's, whose port looks like one of ours.
        (1_000, 0, 1_001, 7, 1_001),
        // The other worker's clock is ahead.
        (1_000, 1_000, 995, OWN, 995),
        // An hour and more.
        (9_000_000, 5, 9_000_020, OWN, 5),
    ];
    for (sent, fed, asked, ssrc, expected) in rows {
        let hairpins = Hairpins::new(10_000, 10_009);
        let trail = Trail { passed: 1, fed_at: after(fed) };
        hairpins.sends(10_000, 10_002, SentStream::Own(OWN), trail, after(sent));
        let found = hairpins.trail(10_000, 10_002, ssrc, after(asked)).fed_at;
        assert_eq!(found, after(expected), "sent at {sent}, asked at {asked}");
    }
    // Where a port sends several streams, any of them is ours.
    let hairpins = Hairpins::new(10_000, 10_009);
    for ssrc in [7, 8] {
        let trail = Trail { passed: 1, fed_at: NOW };
        hairpins.sends(10_000, 10_002, SentStream::OneOfSeveral(ssrc), trail, after(500));
    }
    for ssrc in [7, 8] {
        assert_eq!(hairpins.trail(10_000, 10_002, ssrc, after(600)).fed_at, NOW);
        assert_eq!(hairpins.trail(10_000, 10_004, ssrc, after(600)).fed_at, after(600), "it sends elsewhere");
    }
}

#[test]
fn the_newest_feed_of_a_stream_holds_and_another_stream_has_its_own() {
    let hairpins = Hairpins::new(10_000, 10_009);
    let after = |ms| NOW + Duration::from_millis(ms);
    let sends = |ssrc, fed| {
        let trail = Trail { passed: 1, fed_at: after(fed) };
        hairpins.sends(10_000, 10_002, SentStream::Own(ssrc), trail, after(900));
    };
    let fed = |ssrc| hairpins.trail(10_000, 10_002, ssrc, after(900)).fed_at;
    sends(OWN, 800);
    sends(OWN, 300);
    assert_eq!(fed(OWN), after(800));
    // The port is another endpoint's now.
    sends(7, 300);
    assert_eq!(fed(7), after(300));
}

#[test]
fn the_time_of_a_feed_is_found_again_when_its_low_half_begins_anew() {
    let hairpins = Hairpins::new(10_000, 10_009);
    let wrap = 1_u64 << 32;
    let (fed_at, sent_at) = (Instant::from_millis(wrap - 10_000), Instant::from_millis(wrap + 10_000));
    hairpins.sends(10_000, 10_002, SentStream::Own(OWN), Trail { passed: 1, fed_at }, sent_at);
    assert_eq!(hairpins.trail(10_000, 10_002, OWN, sent_at).fed_at, fed_at);
}
