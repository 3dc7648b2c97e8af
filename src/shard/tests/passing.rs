//! Calls whose engine decides nothing, and whose they become.

use std::collections::BTreeMap;

use super::*;
use crate::session::event::PassedOn;
use crate::shard::ENGINES_ASKED_MAX;

/// Attaches engines, those that keep up and those that do not.
fn attach(bench: &mut Bench, engines: &[(&str, bool)]) {
    let attached = engines.iter().map(|(id, ready)| AttachedEngine {
        engine: engine(id),
        sessions_max: None,
        ready: *ready,
        still: !*ready,
    });
    bench.handle(Input::Engines(attached.collect()));
}

/// What engines were told since the last time: to whom, and what.
fn told(bench: &mut Bench) -> Vec<(String, String)> {
    let words = |payload: &EventPayload| match payload {
        EventPayload::IncomingCall(call) => format!("call of {}", call.session.engine),
        EventPayload::Revoked { to, reason } => format!("to {to}, {reason:?}"),
        EventPayload::Ended(ended) => format!("ended {}", ended.cause),
        payload => format!("{payload:?}"),
    };
    bench.events.drain(..).map(|(engine, event)| (engine.id.to_string(), words(&event.payload))).collect()
}

fn pairs(told: &[(String, String)]) -> Vec<(&str, &str)> {
    told.iter().map(|(engine, what)| (engine.as_str(), what.as_str())).collect()
}

#[test]
fn without_a_decision_in_time_a_call_goes_to_the_next_engine_and_to_each_once() {
    let mut bench = Bench::new();
    bench.attach(&["e1", "e2"]);
    bench.receive(&invite("c1"));
    let session = bench.session();
    bench.pass(Duration::from_secs(11));
    let first = bench.events[0].clone();
    let again = bench.events.last().expect("an event").clone();
    assert_eq!((first.1.revision, again.1.revision), (1, 1), "the same event, in another log");
    assert_eq!(first.1.time, again.1.time);
    let heard = told(&mut bench);
    assert_eq!(pairs(&heard), [("e1", "call of e1"), ("e1", "to e2, Undecided"), ("e2", "call of e2")]);
    assert_eq!(bench.command(&session, Some(engine("e1")), answer()), Err(CommandError::NotOwner));
    assert_eq!(bench.shard.view(&session).map(|view| view.engine.to_string()), Some("e2".into()));
    bench.sent.clear();
    bench.pass(Duration::from_secs(11));
    assert_eq!(bench.sent().first().map(String::as_str), Some("503"), "e1 is not asked again");
    assert_eq!(bench.end_cause(), EndCause::NoEngine);
    assert_eq!(bench.shard.counters().calls_passed_on, 1);
    bench.assert_empty();
}

#[test]
fn the_engine_that_a_call_was_passed_on_to_decides_about_it() {
    let mut bench = Bench::new();
    bench.attach(&["e1", "e2"]);
    bench.receive(&invite("c1"));
    let session = bench.session();
    bench.pass(Duration::from_secs(11));
    bench.sent.clear();
    assert!(bench.command(&session, Some(engine("e2")), answer()).is_ok());
    assert_eq!(bench.sent(), ["200"]);
    bench.attach(&[]);
    assert_eq!(bench.shard.counters().calls_passed_on, 1, "what is decided about stays where it is");
}

#[test]
fn callers_beside_two_engines_that_never_decide_wait_for_the_first_time_outs_and_few_trials() {
    let mut bench = Bench::new();
    bench.attach(&["mute", "mute-too", "quick"]);
    let began = bench.now.mono;
    let mut came = BTreeMap::new();
    let mut waited = Vec::new();
    for call in 0..240 {
        bench.receive(&invite(&format!("c{call}")));
        came.insert(bench.session(), bench.now.mono);
        for _ in 0..4 {
            for (engine, event) in std::mem::take(&mut bench.events) {
                if *engine.id == *"quick" && matches!(event.payload, EventPayload::IncomingCall(_)) {
                    let since = came[&event.session];
                    waited.push((since.since(began).as_secs(), bench.now.mono.since(since)));
                    assert!(bench.command(&event.session, Some(engine), terminate()).is_ok());
                }
            }
            bench.pass(ms(100));
        }
    }
    assert_eq!(waited.len(), 240, "nobody is lost");
    let long: Vec<_> = waited.iter().filter(|(_, waited)| *waited > ms(100)).collect();
    let when: Vec<u64> = long.iter().map(|(at, _)| *at).collect();
    // The third comes in the moment in which the first is passed on: one call waits for each of the two that nothing is known of.
    assert_eq!(when, [0, 0, 10, 40, 40], "the first calls, and one on trial of each: {long:?}");
    assert!(long.iter().all(|(_, waited)| *waited < ms(10_300)), "one time-out each: {long:?}");
}

#[test]
fn an_engine_that_decides_again_gets_its_share_again() {
    let mut bench = Bench::new();
    bench.attach(&["e1", "e2"]);
    bench.receive(&invite("c1"));
    bench.pass(Duration::from_secs(11));
    let session = bench.session();
    assert!(bench.command(&session, Some(engine("e2")), terminate()).is_ok());
    bench.pass(Duration::from_secs(30));
    told(&mut bench);
    // It is on trial, and calls somebody for the caller: that is work on the call.
    bench.receive(&invite("c2"));
    let caller = bench.session();
    let made = Create { parent: Some(caller), ..create("sip:b@198.51.100.7") };
    bench.command(&id("b1"), Some(engine("e1")), Verb::Create(Box::new(made))).expect("taken");
    assert_eq!(told(&mut bench).first().map(|(engine, _)| engine.as_str()), Some("e1"));
    for (call, to) in [("c3", "e2"), ("c4", "e1")] {
        bench.receive(&invite(call));
        let session = bench.session();
        assert!(bench.command(&session, Some(engine(to)), terminate()).is_ok(), "{call} is {to}'s");
    }
}

#[test]
fn an_engine_whose_callers_give_up_before_it_decides_is_passed_over_if_they_were_patient() {
    for (patience, next) in [(ms(1_900), ["e1", "e2"]), (ms(2_000), ["e2", "e2"])] {
        let mut bench = Bench::new();
        bench.attach(&["e1", "e2"]);
        for call in ["c1", "c2"] {
            bench.receive(&invite(call));
        }
        let second = bench.session();
        assert!(bench.command(&second, Some(engine("e2")), terminate()).is_ok());
        bench.pass(patience);
        let invite_of = |call| invite(call).replace("offer", "").replace("Length: 5", "Length: 0");
        bench.receive(&invite_of("c1").replace("INVITE", "CANCEL"));
        assert_eq!(bench.end_cause(), EndCause::Cancelled);
        for (call, to) in ["c3", "c4"].into_iter().zip(next) {
            bench.receive(&invite(call));
            let session = bench.session();
            assert!(bench.command(&session, Some(engine(to)), terminate()).is_ok(), "{call}, {patience:?}");
        }
    }
}

#[test]
fn only_so_many_engines_are_asked() {
    let mut bench = Bench::new();
    let names: Vec<String> = (0..10).map(|number| format!("e{number}")).collect();
    bench.attach(&names.iter().map(String::as_str).collect::<Vec<_>>());
    bench.receive(&invite("c1"));
    bench.pass(Duration::from_secs(200));
    let heard = told(&mut bench);
    let asked = heard.iter().filter(|(_, what)| what.starts_with("call of")).count();
    assert_eq!(asked, ENGINES_ASKED_MAX);
    assert_eq!(heard.last().map(|(_, what)| what.as_str()), Some("ended no-engine"));
}

#[test]
fn an_engine_that_is_away_or_behind_loses_what_it_has_not_decided_about_at_once() {
    for (engines, reason) in
        [(&[("e1", false), ("e2", true)][..], PassedOn::Behind), (&[("e2", true)][..], PassedOn::Away)]
    {
        let mut bench = Bench::new();
        bench.attach(&["e1"]);
        bench.receive(&invite("c1"));
        bench.receive(&invite("c2"));
        let second = bench.session();
        bench.do_verb(&second, Verb::Ring { status: 180, fields: Vec::new() });
        told(&mut bench);
        attach(&mut bench, engines);
        let heard = told(&mut bench);
        let revoked = format!("to e2, {reason:?}");
        assert_eq!(pairs(&heard), [("e1", revoked.as_str()), ("e2", "call of e2")]);
        // New calls go elsewhere, too.
        bench.receive(&invite("c3"));
        assert_eq!(pairs(&told(&mut bench)), [("e2", "call of e2")]);
    }
}

#[test]
fn where_nobody_else_keeps_up_a_call_stays_and_goes_on_when_somebody_comes() {
    let mut bench = Bench::new();
    attach(&mut bench, &[("e1", false), ("e2", false)]);
    bench.receive(&invite("c1"));
    attach(&mut bench, &[("e2", false)]);
    attach(&mut bench, &[]);
    assert_eq!(told(&mut bench).len(), 1);
    attach(&mut bench, &[("e3", true)]);
    assert_eq!(pairs(&told(&mut bench)), [("e1", "to e3, Away"), ("e3", "call of e3")]);
}

#[test]
fn calling_somebody_for_a_caller_is_work_on_the_call() {
    let mut bench = Bench::new();
    bench.attach(&["e1", "e2"]);
    bench.receive(&invite("c1"));
    let caller = bench.session();
    let made = Create { parent: Some(caller.clone()), ..create("sip:b@198.51.100.7") };
    let other = Create { parent: Some(caller.clone()), ..create("sip:b@198.51.100.7") };
    bench.command(&id("b0"), Some(engine("e2")), Verb::Create(Box::new(other))).expect("taken");
    bench.command(&id("b1"), Some(engine("e1")), Verb::Create(Box::new(made))).expect("taken");
    bench.pass(Duration::from_secs(60));
    assert_eq!(bench.shard.view(&caller).map(|view| view.engine.to_string()), Some("e1".into()));
    assert_eq!(bench.shard.counters().calls_passed_on, 0);
    bench.pass(Duration::from_secs(600));
    assert!(bench.shard.view(&caller).is_none(), "it does not wait for ever");
}

#[test]
fn calling_somebody_for_another_engines_caller_is_no_work_on_it() {
    let mut bench = Bench::new();
    bench.attach(&["e1", "e2"]);
    bench.receive(&invite("c1"));
    let caller = bench.session();
    let other = Create { parent: Some(caller.clone()), ..create("sip:b@198.51.100.7") };
    bench.command(&id("b0"), Some(engine("e2")), Verb::Create(Box::new(other))).expect("taken");
    bench.pass(Duration::from_secs(11));
    assert_eq!(bench.shard.view(&caller).map(|view| view.engine.to_string()), Some("e2".into()));
}

#[test]
fn one_engine_may_make_only_its_share_of_what_can_be_carried() {
    let mut settings = settings();
    settings.sessions_max = 8;
    settings.made_percent = 50;
    let mut bench = Bench::with(settings);
    bench.attach(&["e1", "e2"]);
    let mut number = 0;
    let mut make = |bench: &mut Bench, by: &str| {
        number += 1;
        let create = Verb::Create(Box::new(create("sip:b@198.51.100.7")));
        bench.command(&id(&format!("o{number}")), Some(engine(by)), create).map(|done| done.session)
    };
    let made: Vec<_> = (0..6).map(|_| make(&mut bench, "e1")).collect();
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 4);
    assert!(matches!(made[5], Err(CommandError::LimitReached("made_percent"))));
    assert!(make(&mut bench, "e2").is_ok());
    bench.receive(&invite("c1"));
    assert_eq!(bench.shard.load().sessions, 6, "there is room for others");
    let first = made[0].clone().expect("made");
    bench.do_verb(&first, terminate());
    bench.pass(Duration::from_secs(64));
    assert!(make(&mut bench, "e1").is_ok(), "and for its own, when one has ended");
    // What media can carry counts, too.
    let mut bench = Bench::with(ShardSettings { made_percent: 50, ..super::settings() });
    bench.handle(Input::MediaCapacity { endpoints: 2 });
    assert!(make(&mut bench, "e1").is_ok());
    assert!(make(&mut bench, "e1").is_err());
}
