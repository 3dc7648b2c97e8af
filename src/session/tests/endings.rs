//! From every phase, by every way to end, in every order: one `Close`, one `Ended`, nothing after it.

use super::super::event::EndCause;
use super::*;

type Way = (&'static str, fn(&mut Bench));

const WAYS: [Way; 7] = [
    ("a BYE", |bench| bench.leg(LegEvent::HungUp(farewell(0)))),
    ("a failure", |bench| bench.leg(failed(LegFailure::Transport))),
    ("an unannounced end", |bench| bench.leg(LegEvent::Ended)),
    ("a command", |bench| drop(bench.command(verb("Terminate")))),
    ("an engine that is gone", |bench| bench.step(|session, cx| session.give_up(EndCause::EngineGone, cx))),
    ("lost media", |bench| bench.event(MediaEvent::Lost("gone".into()))),
    ("silence and then a shutdown", |bench| {
        bench.event(MediaEvent::RtpSilent { silent_for: Duration::from_secs(30) });
        bench.step(|session, cx| session.give_up(EndCause::Shutdown, cx));
    }),
];

#[test]
fn every_phase_ends_by_every_way_with_one_close_and_one_last_event() {
    for phase in Phase::ALL.into_iter().filter(|phase| !matches!(phase, Phase::Ending | Phase::Over)) {
        for way in WAYS {
            for media_first in [true, false] {
                end(phase, way, media_first);
            }
        }
    }
}

fn end(phase: Phase, (name, way): Way, media_first: bool) {
    let place = format!("{phase}, by {name}, media first: {media_first}");
    let mut bench = Bench::at(phase);
    let endpoint = bench.session.has_endpoint();
    way(&mut bench);
    if !bench.session.is_ending() {
        assert_eq!(name, "lost media", "{place}");
        bench.step(|session, cx| session.give_up(EndCause::Shutdown, cx));
    }
    let closes = bench.closes();
    assert_eq!(closes, usize::from(endpoint && name != "lost media"), "{place}");
    // Whatever is under way is answered late, and the Close with it.
    if media_first {
        bench.media_does_all();
        bench.leg(LegEvent::Ended);
    } else {
        bench.leg(LegEvent::Ended);
        bench.media_does_all();
    }
    assert!(bench.over, "{place}: {:?}", bench.session);
    let ends = bench.events.iter().filter(|event| matches!(event.payload, EventPayload::Ended(_))).count();
    assert_eq!(ends, 1, "{place}");
    let last = bench.events.last().expect("events");
    assert!(matches!(last.payload, EventPayload::Ended(_)), "{place}");
    assert_eq!(last.state, super::super::event::SessionState::Terminated, "{place}");
    assert!(bench.asked.is_empty(), "{place}: nothing is asked of media that is closed");
}

#[test]
fn a_close_that_is_not_answered_ends_without_statistics() {
    let mut bench = Bench::at(Phase::Ending);
    bench.leg(LegEvent::Ended);
    bench.media_refuses(MediaFault::TimedOut);
    assert!(bench.over);
    match &bench.events.last().expect("events").payload {
        EventPayload::Ended(ended) => assert_eq!(ended.statistics, None),
        other => panic!("{other:?}"),
    }
}
