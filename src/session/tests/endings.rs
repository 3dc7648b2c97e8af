//! From every phase, by every way to end, in every order: one `Close`, one `Ended`, nothing after it.

use super::super::event::{EndCause, Ended};
use super::*;

fn ended(bench: &Bench) -> &Ended {
    match &bench.events.last().expect("events").payload {
        EventPayload::Ended(ended) => ended,
        other => panic!("the last event is {other:?}"),
    }
}

/// A Terminate before the answer is answered for the caller with a status, and so the engine hears it.
#[test]
fn an_unanswered_incoming_call_that_is_terminated_ends_with_the_status_that_went_out() {
    for (phase, status) in
        [(Phase::Incoming, 480), (Phase::Alerting, 480), (Phase::EarlyMedia, 480), (Phase::AwaitingAck, 0)]
    {
        let mut bench = Bench::at(phase);
        bench.command(verb("Terminate")).expect("legal");
        bench.leg(LegEvent::Ended);
        bench.media_does_all();
        let ended = ended(&bench);
        assert_eq!((ended.cause, ended.status), (EndCause::LocalHangup, status), "{phase}");
    }
}

#[test]
fn what_we_end_ourselves_bears_its_reason() {
    let table: [(Phase, Way, &str); 8] = [
        (
            Phase::Connected,
            ("", |bench| bench.timer(SessionTimer::Duration)),
            "Q.850;cause=31;text=\"Maximum call duration\"",
        ),
        (
            Phase::Connected,
            ("", |bench| bench.event(MediaEvent::RtpSilent { silent_for: Duration::from_secs(30) })),
            "Q.850;cause=102;text=\"No RTP received\"",
        ),
        (
            Phase::Connected,
            ("", |bench| bench.event(MediaEvent::Lost("gone".into()))),
            "Q.850;cause=41;text=\"Media failure\"",
        ),
        (
            Phase::Connected,
            ("", |bench| bench.step(|session, cx| session.give_up(EndCause::EngineGone, cx))),
            "Q.850;cause=41;text=\"Application gone\"",
        ),
        (
            Phase::Connected,
            ("", |bench| bench.step(|session, cx| session.give_up(EndCause::Shutdown, cx))),
            "Q.850;cause=41;text=\"Shutting down\"",
        ),
        (Phase::Calling, ("", |bench| bench.timer(SessionTimer::Ring)), "Q.850;cause=19;text=\"No answer\""),
        (
            Phase::AwaitingAck,
            ("", |bench| bench.event(MediaEvent::Lost("gone".into()))),
            "Q.850;cause=41;text=\"Media failure\"",
        ),
        // An engine says what it likes, or nothing.
        (Phase::Connected, ("", |bench| drop(bench.command(verb("Terminate")))), ""),
    ];
    for (phase, (_, way), reason) in table {
        let mut bench = Bench::at(phase);
        way(&mut bench);
        assert_eq!(bench.hang_up_reason.take().as_deref(), Some(reason), "{phase}");
    }
}

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
fn statistics_are_told_where_media_was_agreed_upon_or_saw_packets_all_the_same() {
    for (phase, packets_received, told) in [
        (Phase::Connected, 0, true),
        (Phase::EarlyMedia, 0, true),
        (Phase::AwaitingAnswerMedia, 0, false),
        (Phase::AwaitingOfferMedia, 0, false),
        (Phase::AwaitingOfferMedia, 3, true),
    ] {
        let mut bench = Bench::at(phase);
        bench.step(|session, cx| session.give_up(EndCause::Shutdown, cx));
        bench.leg(LegEvent::Ended);
        let close = bench.asked.iter().position(|asked| matches!(asked.1, MediaRequest::Close));
        let (asked, _) = bench.asked.remove(close.expect("a close"));
        let seen = Statistics { packets_received, ..Statistics::default() };
        bench.reply(asked, Ok(MediaReply::Closed(seen)));
        assert_eq!(ended(&bench).statistics, told.then_some(seen), "{phase}");
    }
}

/// Each way to refuse an incoming call: the status and the phrase that the peer got.
#[test]
fn a_call_that_we_refuse_ends_with_the_phrase_that_the_peer_got() {
    let reject = |status, phrase: Option<&str>| Verb::Reject {
        status,
        phrase: phrase.map(ToOwned::to_owned),
        retry_after: None,
        fields: Vec::new(),
        body: None,
    };
    let redirect = || Verb::Redirect { status: 302, contacts: vec!["sip:c@d".into()], fields: Vec::new() };
    type Refusing = Box<dyn Fn(&mut Bench)>;
    let command = |verb: Verb| -> Refusing { Box::new(move |bench| drop(bench.command(verb.clone()))) };
    let rows: [(Refusing, u16, &str); 6] = [
        (command(reject(486, None)), 486, "Busy Here"),
        (command(reject(486, Some("Not now"))), 486, "Not now"),
        (command(redirect()), 302, "Moved Temporarily"),
        (Box::new(|bench| bench.leg(LegEvent::Cancelled(farewell(0)))), 487, "Request Terminated"),
        (Box::new(|bench| bench.timer(SessionTimer::Ring)), 480, "Temporarily Unavailable"),
        (
            Box::new(|bench| bench.step(|session, cx| session.give_up(EndCause::EngineGone, cx))),
            503,
            "Service Unavailable",
        ),
    ];
    for (way, status, phrase) in rows {
        let mut bench = Bench::at(Phase::Alerting);
        way(&mut bench);
        bench.leg(LegEvent::Ended);
        let ended = ended(&bench);
        assert_eq!((ended.status, ended.phrase.as_str()), (status, phrase));
    }
}

#[test]
fn a_close_that_is_not_answered_ends_without_statistics() {
    let mut bench = Bench::at(Phase::Ending);
    bench.leg(LegEvent::Ended);
    bench.media_refuses(MediaFault::TimedOut);
    assert!(bench.over);
    assert_eq!(ended(&bench).statistics, None);
}
