//! Many calls that end together.

use super::*;
use crate::session::media::MediaEvent;
use crate::shard::farewell::{HANG_UP_ALL_WITHIN, HANG_UPS_PER_SECOND};

/// So many calls that are up.
fn with_calls(count: usize) -> Bench {
    let mut bench = Bench::new();
    for n in 0..count {
        bench.up(&format!("c{n}"));
    }
    bench.sent.clear();
    bench.events.clear();
    bench
}

/// Passes so many milliseconds one by one. Returns how many BYEs went out for the first time in each.
fn byes_by_millisecond(bench: &mut Bench, millis: usize) -> Vec<usize> {
    let mut seen = std::collections::HashSet::new();
    let mut new = |bench: &mut Bench| {
        let byes: Vec<_> = bench.sent.drain(..).filter(|message| message.starts_with("BYE")).collect();
        byes.into_iter().filter(|bye| seen.insert(bye.clone())).count()
    };
    let mut counts = vec![new(bench)];
    for _ in 0..millis {
        bench.pass(ms(1));
        counts.push(new(bench));
    }
    counts
}

fn assert_paced(counts: &[usize], calls: usize) {
    assert_eq!(counts.iter().sum::<usize>(), calls);
    assert!(counts.iter().all(|count| *count <= 20), "no burst: {counts:?}");
    let first_second: usize = counts[..=1_000.min(counts.len() - 1)].iter().sum();
    assert!(first_second >= calls.min(HANG_UPS_PER_SECOND as usize * 8 / 10), "{first_second}");
    let pauses: std::collections::BTreeSet<usize> = {
        let at: Vec<_> = (0..counts.len()).filter(|at| counts[*at] > 0).collect();
        at.windows(2).map(|pair| pair[1] - pair[0]).collect()
    };
    assert!(pauses.len() > 3, "rounds are not in step: {pauses:?}");
}

#[test]
fn the_calls_of_an_engine_that_is_gone_are_ended_by_rounds() {
    let mut bench = with_calls(600);
    bench.handle(Input::EngineGone(engine("e1")));
    let counts = byes_by_millisecond(&mut bench, 1_500);
    assert_paced(&counts, 600);
    assert_eq!(bench.shard.load().sessions, 0);
    bench.assert_empty();
}

#[test]
fn the_calls_of_a_media_service_that_is_lost_are_ended_by_rounds_and_what_rings_first() {
    let mut bench = with_calls(600);
    bench.receive(&invite("ringing"));
    let session = bench.session();
    bench.do_verb(&session, Verb::EarlyMedia { media: MediaPreferences::default(), fields: Vec::new() });
    bench.sent.clear();
    bench.handle(Input::MediaLost);
    assert!(bench.sent.iter().any(|message| message.starts_with("SIP/2.0 503")));
    let counts = byes_by_millisecond(&mut bench, 1_500);
    assert_paced(&counts, 600);
    assert_eq!(bench.end_cause(), EndCause::MediaFailure);
    bench.assert_empty();
}

#[test]
fn calls_that_ring_with_media_are_ended_by_rounds_too_when_it_is_lost() {
    let mut settings = settings();
    settings.unconfirmed_max = 100_000;
    let mut bench = Bench::with(settings);
    for n in 0..600 {
        bench.receive(&invite(&format!("c{n}")));
        let session = bench.session();
        bench.do_verb(&session, Verb::EarlyMedia { media: MediaPreferences::default(), fields: Vec::new() });
    }
    bench.sent.clear();
    bench.handle(Input::MediaLost);
    let mut seen = std::collections::HashSet::new();
    let mut counts = Vec::new();
    for _ in 0..1_500 {
        let refused: Vec<_> = bench.sent.drain(..).filter(|sent| sent.starts_with("SIP/2.0 503")).collect();
        counts.push(refused.into_iter().filter(|sent| seen.insert(sent.clone())).count());
        bench.pass(ms(1));
    }
    assert_paced(&counts, 600);
    assert_eq!(bench.shard.load().sessions, 0);
    bench.assert_empty();
}

#[test]
fn at_a_shutdown_all_calls_are_ended_in_time_however_many_there_are() {
    let mut bench = with_calls(3_000);
    bench.handle(Input::HangUpAll);
    let counts = byes_by_millisecond(&mut bench, HANG_UP_ALL_WITHIN.as_millis() as usize);
    assert_eq!(counts.iter().sum::<usize>(), 3_000);
    assert!(counts.iter().all(|count| *count <= 50), "{counts:?}");
    assert_eq!(bench.shard.load().sessions, 0);
}

#[test]
fn a_call_that_waits_to_be_ended_may_end_by_itself_and_is_told_once() {
    let mut bench = with_calls(60);
    bench.handle(Input::EngineGone(engine("e1")));
    bench.handle(Input::MediaLost);
    let last = bench.shard.slots.ids().last().copied().expect("a call");
    let id = bench.shard.slots.get(last).expect("a call").session.id().clone();
    bench.handle(Input::MediaEvent { session: id.clone(), event: MediaEvent::Lost("gone".into()) });
    bench.handle(Input::HangUpAll);
    bench.pass(ms(2_000));
    let ends = bench.events.iter().filter(|(_, event)| matches!(event.payload, EventPayload::Ended(_)));
    assert_eq!(ends.count(), 60);
    bench.assert_empty();
}

#[test]
fn a_new_call_of_an_engine_that_came_back_is_not_ended_with_the_old_ones() {
    let mut bench = with_calls(60);
    bench.handle(Input::EngineGone(engine("e1")));
    bench.attach(&["e1"]);
    let (session, _) = bench.up("new");
    bench.pass(ms(2_000));
    assert_eq!(bench.shard.load().sessions, 1);
    bench.do_verb(&session, terminate());
    bench.assert_empty();
}
