//! What begins and ends in mid-word does not click: no two neighbouring samples lie further apart than the signal itself
//! and a ramp of 10 ms make them.

use std::time::Duration;

use super::playing::tone;
use super::{Exchange, Phone, decode};
use crate::media::core::{BridgeKey, BridgeMode, Clip, FRAME, PlayOrder, PlaySource};

/// A hum whose frames end at ever other places of its wave.
const HUM_HZ: f64 = 70.0;

/// The most that two samples may lie apart: 440 by the hum at its steepest, 200 by two ramps, 512 by the steps of G.711.
const STEP_MAX: u16 = 1_200;

/// The largest step of what a phone heard, with silence before it and after it.
fn largest_step(phone: &Phone, exchange: &mut Exchange) -> u16 {
    let sent = exchange.sent();
    let mut samples = decode(&phone.received(&sent));
    assert!(samples.iter().any(|sample| sample.unsigned_abs() > 4_000), "something is heard");
    samples.insert(0, 0);
    samples.push(0);
    samples.windows(2).map(|pair| pair[0].abs_diff(pair[1])).max().unwrap()
}

/// A room in which one hums and others listen.
fn room(listeners: usize) -> (Exchange, BridgeKey, Phone, Vec<Phone>) {
    let mut exchange = Exchange::new();
    let talker = exchange.phone("0 101", "").with_tone(HUM_HZ);
    let listeners: Vec<Phone> = (0..listeners).map(|_| exchange.phone("0 101", "")).collect();
    let bridge = exchange.bridge(BridgeMode::Mix, &listeners.iter().collect::<Vec<_>>());
    (exchange, bridge, talker, listeners)
}

/// Does something to a hum at ten places of its wave, and judges what a listener hears of it.
fn assert_no_click(listeners: usize, act: impl Fn(&mut Exchange, BridgeKey, &Phone)) {
    for frames in 20..30 {
        let (mut exchange, bridge, mut talker, listeners) = room(listeners);
        exchange.fabric.add_member(bridge, talker.endpoint, exchange.now).unwrap();
        exchange.talk(&mut [&mut talker], frames);
        act(&mut exchange, bridge, &talker);
        exchange.talk(&mut [&mut talker], 10);
        // The hum does not end with the test, but softly.
        let _ = exchange.fabric.remove_member(bridge, talker.endpoint);
        exchange.pass(FRAME * 3);
        let step = largest_step(&listeners[0], &mut exchange);
        assert!(step <= STEP_MAX, "a step of {step} after {frames} frames");
    }
}

#[test]
fn the_measure_finds_a_click() {
    let (mut exchange, bridge, mut talker, listeners) = room(1);
    exchange.fabric.add_member(bridge, talker.endpoint, exchange.now).unwrap();
    exchange.talk(&mut [&mut talker], 23);
    // What the phone says itself is cut off.
    talker.header.sequence = talker.header.sequence.wrapping_add(1);
    talker = talker.with_tone(1_900.0);
    exchange.talk(&mut [&mut talker], 5);
    assert!(largest_step(&listeners[0], &mut exchange) > STEP_MAX);
}

#[test]
fn a_member_that_leaves_in_mid_word_does_not_click_for_the_others() {
    for listeners in [1, 2, 5] {
        assert_no_click(listeners, |exchange, bridge, talker| {
            exchange.fabric.remove_member(bridge, talker.endpoint).unwrap();
        });
    }
}

#[test]
fn a_member_that_hangs_up_or_goes_to_another_room_does_not_click_for_the_others() {
    for listeners in [1, 2] {
        assert_no_click(listeners, |exchange, _, talker| {
            let other = exchange.fabric.create_bridge("c".into(), 7, BridgeMode::Echo).unwrap();
            exchange.fabric.add_member(other, talker.endpoint, exchange.now).unwrap();
        });
    }
    for frames in 20..30 {
        let (mut exchange, bridge, mut talker, listeners) = room(2);
        exchange.fabric.add_member(bridge, talker.endpoint, exchange.now).unwrap();
        exchange.talk(&mut [&mut talker], frames);
        exchange.fabric.close(talker.endpoint).unwrap();
        exchange.pass(FRAME * 10);
        let step = largest_step(&listeners[0], &mut exchange);
        assert!(step <= STEP_MAX, "a step of {step} after {frames} frames");
    }
}

#[test]
fn what_a_member_that_left_was_saying_is_heard_10_ms_more_and_no_longer() {
    let (mut exchange, bridge, mut talker, listeners) = room(2);
    exchange.fabric.add_member(bridge, talker.endpoint, exchange.now).unwrap();
    exchange.talk(&mut [&mut talker], 23);
    exchange.fabric.remove_member(bridge, talker.endpoint).unwrap();
    exchange.sent();
    exchange.talk(&mut [&mut talker], 10);
    let heard = listeners[0].heard(&exchange.sent());
    let sounds = heard.iter().rposition(|sample| sample.unsigned_abs() > 8).unwrap();
    assert!((40..=80).contains(&sounds), "{sounds} samples");
}

#[test]
fn muting_and_unmuting_does_not_click_and_muting_is_heard_at_once() {
    for muted_for in [1, 2, 20] {
        assert_no_click(2, |exchange, _, talker| {
            exchange.fabric.mute(talker.endpoint, true).unwrap();
            let mut silent = talker.clone();
            exchange.talk(&mut [&mut silent], muted_for);
            exchange.fabric.mute(talker.endpoint, false).unwrap();
        });
    }
    let (mut exchange, bridge, mut talker, listeners) = room(2);
    exchange.fabric.add_member(bridge, talker.endpoint, exchange.now).unwrap();
    exchange.talk(&mut [&mut talker], 23);
    exchange.fabric.mute(talker.endpoint, true).unwrap();
    exchange.sent();
    exchange.talk(&mut [&mut talker], 10);
    let heard = listeners[0].heard(&exchange.sent());
    assert!(heard[80..].iter().all(|sample| sample.unsigned_abs() <= 8));
    exchange.fabric.mute(talker.endpoint, false).unwrap();
    exchange.talk(&mut [&mut talker], 10);
    let heard = listeners[0].heard(&exchange.sent());
    assert!(heard.iter().any(|sample| sample.unsigned_abs() > 4_000), "it is heard again");
}

#[test]
fn a_member_that_comes_in_mid_word_does_not_click_whether_it_speaks_or_listens() {
    for frames in 20..30 {
        let (mut exchange, bridge, mut talker, listeners) = room(2);
        exchange.talk(&mut [&mut talker], frames);
        exchange.fabric.add_member(bridge, talker.endpoint, exchange.now).unwrap();
        exchange.talk(&mut [&mut talker], frames);
        let late = exchange.phone("0 101", "");
        exchange.fabric.add_member(bridge, late.endpoint, exchange.now).unwrap();
        exchange.talk(&mut [&mut talker], 10);
        exchange.fabric.remove_member(bridge, talker.endpoint).unwrap();
        exchange.talk(&mut [&mut talker], 5);
        let sent = exchange.sent();
        for phone in [&listeners[0], &late] {
            exchange.recorder.sent.clone_from(&sent);
            let step = largest_step(phone, &mut exchange);
            assert!(step <= STEP_MAX, "a step of {step} after {frames} frames");
        }
    }
}

#[test]
fn a_member_that_pauses_or_sends_digits_does_not_click() {
    for away in [1, 3, 4, 10] {
        assert_no_click(2, |exchange, _, _| exchange.pass(FRAME * away));
    }
    for frames in 20..30 {
        let (mut exchange, bridge, mut talker, listeners) = room(2);
        exchange.fabric.add_member(bridge, talker.endpoint, exchange.now).unwrap();
        exchange.talk(&mut [&mut talker], frames);
        super::digits::press(&mut exchange, &mut talker, '5', 800);
        exchange.talk(&mut [&mut talker], 10);
        exchange.fabric.remove_member(bridge, talker.endpoint).unwrap();
        exchange.talk(&mut [&mut talker], 5);
        let step = largest_step(&listeners[0], &mut exchange);
        assert!(step <= STEP_MAX, "a step of {step} after {frames} frames");
    }
}

fn loud_clip() -> PlayOrder {
    let clip = Clip { samples: vec![7_000; 8_000], ..Clip::default() };
    PlayOrder { playback: "loud".into(), source: PlaySource::Clip { clip: clip.into(), times: 0 } }
}

#[test]
fn playbacks_that_begin_stop_and_follow_each_other_do_not_click() {
    for ms in (0..40).step_by(3) {
        let mut exchange = Exchange::new();
        let [a] = exchange.phones();
        for order in [tone("a", HUM_HZ, None), loud_clip(), tone("b", HUM_HZ, None)] {
            exchange.fabric.play(a.endpoint, order, exchange.now).unwrap();
            exchange.pass(Duration::from_millis(100 + ms));
        }
        exchange.fabric.stop_play(a.endpoint, "").unwrap();
        exchange.pass(Duration::from_millis(100));
        exchange.fabric.play(a.endpoint, loud_clip(), exchange.now).unwrap();
        exchange.pass(Duration::from_millis(100));
        exchange.fabric.stop_play(a.endpoint, "").unwrap();
        exchange.pass(Duration::from_millis(ms));
        let last = tone("last", HUM_HZ, Some(100 + ms));
        exchange.fabric.play(a.endpoint, last, exchange.now).unwrap();
        exchange.pass(Duration::from_millis(300));
        let step = largest_step(&a, &mut exchange);
        assert!(step <= STEP_MAX, "a step of {step} with {ms} ms");
    }
}

#[test]
fn a_playback_into_a_room_and_a_hold_do_not_click() {
    for frames in 20..30 {
        let (mut exchange, bridge, mut talker, listeners) = room(2);
        exchange.fabric.add_member(bridge, talker.endpoint, exchange.now).unwrap();
        let listener = &listeners[0];
        exchange.talk(&mut [&mut talker], frames);
        exchange.fabric.play(listener.endpoint, loud_clip(), exchange.now).unwrap();
        exchange.talk(&mut [&mut talker], frames);
        exchange.fabric.stop_play(listener.endpoint, "").unwrap();
        exchange.talk(&mut [&mut talker], frames);
        exchange.fabric.remove_member(bridge, talker.endpoint).unwrap();
        exchange.pass(FRAME * 5);
        let step = largest_step(listener, &mut exchange);
        assert!(step <= STEP_MAX, "a step of {step} after {frames} frames");
    }
}
