//! Who may come in, and what others get.

use super::super::GroupPolicy;
use super::*;
use crate::session::Refusal;

#[test]
fn without_an_engine_a_call_gets_the_refusal_of_its_listeners_group() {
    let mut settings = settings();
    settings.listener_groups.insert(ListenerId(1), "sales".into());
    settings.groups.insert("sales".into(), GroupPolicy { refusal: Refusal::plain(480) });
    let mut bench = Bench::with(settings);
    bench.attach(&[]);
    bench.receive_on(0, &invite("c1"));
    let refusal = bench.last_sent();
    assert!(refusal.starts_with("SIP/2.0 503 ") && refusal.contains("Retry-After: 5"), "{refusal}");
    bench.receive_on(1, &invite("c2"));
    let refusal = bench.last_sent();
    assert!(refusal.starts_with("SIP/2.0 480 ") && !refusal.contains("Retry-After"), "{refusal}");
    assert_eq!(bench.shard.load(), super::super::Load::default(), "nothing is kept of them");
    assert_eq!(bench.shard.counters().refused_no_engine, 2);
    bench.sent.clear();
    bench.receive(&inside("ACK", 1, &refusal, "c2"));
    assert!(bench.sent().is_empty(), "the ACK to it vanishes");
}

#[test]
fn an_engine_without_room_gets_no_call() {
    let mut bench = Bench::new();
    bench.handle(Input::Engines(vec![AttachedEngine {
        engine: engine("e1"),
        sessions_max: Some(1),
        ready: true,
        still: false,
    }]));
    bench.receive(&invite("c1"));
    bench.receive(&invite("c2"));
    assert_eq!(bench.sent(), ["503"]);
    let session = bench.session();
    bench.do_verb(&session, terminate());
    bench.receive(&invite("c3"));
    assert_eq!(bench.shard.load().sessions, 1);
}

#[test]
fn a_full_shard_refuses_new_calls_and_knows_its_own() {
    let mut settings = settings();
    settings.sessions_max = 1;
    let mut bench = Bench::with(settings);
    let (_, ok) = bench.up("c1");
    bench.receive(&invite("c2"));
    assert_eq!(bench.sent(), ["503"]);
    assert_eq!(bench.shard.counters().refused_full, 1);
    bench.receive(&invite("c1"));
    assert!(bench.sent().is_empty(), "a repetition of what was admitted is absorbed");
    bench.receive(&inside("BYE", 2, &ok, "c1"));
    assert_eq!(bench.sent(), ["200"]);
    let made =
        bench.command(&id("o1"), Some(engine("e1")), Verb::Create(Box::new(create("sip:b@198.51.100.7"))));
    assert!(made.is_ok(), "{made:?}");
    let more =
        bench.command(&id("o2"), Some(engine("e1")), Verb::Create(Box::new(create("sip:b@198.51.100.7"))));
    assert_eq!(more, Err(CommandError::LimitReached("sessions")));
}

#[test]
fn a_repeated_invite_of_an_admitted_call_is_never_refused() {
    let mut bench = Bench::new();
    bench.receive(&invite("c1"));
    bench.attach(&[]);
    bench.handle(Input::Drain);
    bench.receive(&invite("c1"));
    assert_eq!(bench.shard.load().sessions, 1);
    assert!(!bench.sent().contains(&"503".to_owned()));
}

#[test]
fn a_draining_shard_takes_no_call_and_lets_those_it_has_go_on() {
    let mut bench = Bench::new();
    let (session, ok) = bench.up("c1");
    bench.handle(Input::Drain);
    bench.receive(&invite("c2"));
    let options =
        invite("c3").replace("INVITE", "OPTIONS").replace("offer", "").replace("Length: 5", "Length: 0");
    bench.receive(&options);
    assert_eq!(bench.sent(), ["503", "503"]);
    let made =
        bench.command(&id("o1"), Some(engine("e1")), Verb::Create(Box::new(create("sip:b@198.51.100.7"))));
    assert_eq!(made, Err(CommandError::Draining));
    bench.do_verb(&session, Verb::Hold);
    assert_eq!(bench.sent(), ["INVITE"]);
    bench.receive(&inside("BYE", 2, &ok, "c1"));
    bench.assert_empty();
}

#[test]
fn options_are_answered_while_calls_are_taken() {
    let mut bench = Bench::new();
    let options =
        invite("c3").replace("INVITE", "OPTIONS").replace("offer", "").replace("Length: 5", "Length: 0");
    bench.receive(&options);
    assert_eq!(bench.sent(), ["200"]);
    assert_eq!(bench.shard.load(), super::super::Load::default());
}

#[test]
fn calls_go_round_the_engines() {
    let mut bench = Bench::new();
    bench.attach(&["e1", "e2"]);
    for call in ["c1", "c2", "c3", "c4"] {
        bench.receive(&invite(call));
    }
    let engines: Vec<&str> = bench.events.iter().map(|(engine, _)| &*engine.id).collect();
    assert_eq!(engines, ["e1", "e2", "e1", "e2"]);
}

#[test]
fn an_engine_that_does_not_decide_loses_the_call() {
    let mut bench = Bench::new();
    bench.receive(&invite("c1"));
    bench.pass(Duration::from_secs(9));
    assert_eq!(bench.sent(), ["100"]);
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.sent().first().map(String::as_str), Some("503"));
    assert_eq!(bench.end_cause(), EndCause::NoEngine);
    bench.assert_empty();
}

#[test]
fn what_is_no_message_is_answered_if_it_can_be_made_out_and_dropped_if_not() {
    let mut bench = Bench::new();
    let bad = invite("c1").replace("Max-Forwards: 70", "Max-Forwards 70");
    bench.receive(&bad);
    assert_eq!(bench.sent(), ["400"]);
    bench.receive("nothing of the kind, and not a little of it, so that it looks like something\r\n\r\n");
    assert!(bench.sent().is_empty());
    let counters = bench.shard.counters();
    assert_eq!((counters.malformed_answered, counters.malformed_dropped), (1, 1));
}

#[test]
fn invites_are_answered_100_at_once_while_the_queue_is_long() {
    let mut bench = Bench::new();
    bench.handle(Input::QueueLong(true));
    bench.receive(&invite("c1"));
    assert_eq!(bench.sent(), ["100"]);
    bench.handle(Input::QueueLong(false));
    bench.receive(&invite("c2"));
    assert!(bench.sent().is_empty());
}
