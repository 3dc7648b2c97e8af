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
    assert_eq!(more, Err(CommandError::LimitReached("sessions_max")));
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
    bench.receive(&options("c3"));
    assert_eq!(bench.sent(), ["503", "503"]);
    let made =
        bench.command(&id("o1"), Some(engine("e1")), Verb::Create(Box::new(create("sip:b@198.51.100.7"))));
    assert_eq!(made, Err(CommandError::Draining));
    bench.do_verb(&session, Verb::Hold);
    assert_eq!(bench.sent(), ["INVITE"]);
    bench.receive(&inside("BYE", 2, &ok, "c1"));
    bench.assert_empty();
}

fn options(call: &str) -> String {
    invite(call).replace("INVITE", "OPTIONS").replace("offer", "").replace("Length: 5", "Length: 0")
}

#[test]
fn options_are_answered_while_calls_are_taken() {
    let mut bench = Bench::new();
    for options in [options("c3"), options("c4").replace("sip:echo@", "sip:")] {
        bench.receive(&options);
        assert_eq!(bench.sent(), ["200"]);
    }
    assert_eq!(bench.shard.load(), super::super::Load::default());
}

/// What a message was answered with: its status and Retry-After.
fn refused(bench: &mut Bench, message: &str) -> (String, bool) {
    bench.sent.clear();
    bench.receive_on(1, message);
    let retry_after = bench.last_sent().contains("Retry-After: ");
    (bench.sent().pop().unwrap_or_default(), retry_after)
}

/// RFC 3261 §11.2: "the same that would have been chosen had the request been an INVITE".
#[test]
fn options_get_what_an_invite_would_get() {
    type Change = fn(&mut Bench);
    let cases: [(&str, Change, &str); 6] = [
        ("no engine", |bench| bench.attach(&[]), "480"),
        ("no engine of this group", |bench| bench.attach(&["e1"]), "480"),
        ("draining", |bench| bench.handle(Input::Drain), "503"),
        ("full", |bench| (0..3).for_each(|call| bench.receive(&invite(&format!("full-{call}")))), "503"),
        (
            "the engine has no room",
            |bench| {
                let engine = EngineRef { group: "sales".into(), id: "e9".into() };
                bench.handle(Input::Engines(vec![AttachedEngine {
                    engine,
                    sessions_max: Some(0),
                    ready: true,
                    still: false,
                }]));
            },
            "480",
        ),
        ("unconfirmed", |bench| bench.receive_on(1, &invite("waits")), "503"),
    ];
    for (what, change, status) in cases {
        let mut settings = settings();
        settings.listener_groups.insert(ListenerId(1), "sales".into());
        settings.groups.insert("sales".into(), GroupPolicy { refusal: Refusal::plain(480) });
        settings.sessions_max = 3;
        settings.unconfirmed_max = if what == "unconfirmed" { 1 } else { 100 };
        let mut bench = Bench::with(settings);
        let engine = EngineRef { group: "sales".into(), id: "e1".into() };
        let other =
            AttachedEngine { engine: super::engine("e1"), sessions_max: None, ready: true, still: false };
        let engines = vec![AttachedEngine { engine, sessions_max: None, ready: true, still: false }, other];
        bench.handle(Input::Engines(engines));
        assert_eq!(refused(&mut bench, &options("before")).0, "200", "{what}");
        change(&mut bench);
        let expected = (status.to_owned(), status == "503");
        assert_eq!(refused(&mut bench, &options("o")), expected, "{what}");
        assert_eq!(refused(&mut bench, &options("p").replace("sip:echo@", "sip:")), expected, "{what}");
        assert_eq!(refused(&mut bench, &invite("c")), expected, "{what}");
        for method in [options("r"), invite("r")] {
            let requires = method.replace("Max-Forwards: 70", "Max-Forwards: 70\r\nRequire: foo");
            assert_eq!(
                refused(&mut bench, &requires),
                ("420".into(), false),
                "{what}: its own fault comes first"
            );
        }
    }
}

#[test]
fn options_tell_that_media_had_no_room_for_a_call_until_it_has_or_for_five_seconds() {
    for error in [MediaError::NoPort, MediaError::Limit("endpoints".into()), MediaError::Unavailable] {
        let mut bench = Bench::new();
        bench.media_answers = false;
        bench.receive(&invite("c1"));
        let session = bench.session();
        bench.do_verb(&session, answer());
        let (request, ..) = bench.asked.remove(0);
        bench.handle(Input::MediaReply { request, result: Err(error.clone()) });
        bench.media_answers = true;
        assert_eq!(refused(&mut bench, &options("o1")), ("503".into(), true), "{error}");
        bench.pass(Duration::from_secs(6));
        assert_eq!(refused(&mut bench, &options("o2")).0, "200");
        bench.handle(Input::MediaLost);
        assert_eq!(refused(&mut bench, &options("o3")), ("503".into(), true));
        bench.up("c2");
        assert_eq!(
            refused(&mut bench, &options("o4")).0,
            "200",
            "a call that came up says that there is room"
        );
        assert_eq!(bench.shard.counters().refused_media_full, 2);
    }
}

#[test]
fn options_tell_that_media_is_away_or_drains_for_as_long_as_it_does_and_calls_are_tried() {
    let mut bench = Bench::new();
    bench.media_answers = false;
    bench.handle(Input::MediaTakesCalls(false));
    for n in 0..4 {
        assert_eq!(refused(&mut bench, &options(&format!("o{n}"))), ("503".into(), true));
        bench.pass(Duration::from_secs(10));
    }
    assert_eq!(bench.shard.counters().refused_media_away, 4);
    bench.receive(&invite("c1"));
    let session = bench.session();
    let contacts = vec!["sip:elsewhere@192.0.2.9".into()];
    bench.do_verb(&session, Verb::Redirect { status: 302, contacts, fields: Vec::new() });
    assert_eq!(bench.sent().last().map(String::as_str), Some("302"), "what needs no media is done");
    bench.receive(&invite("c2"));
    let session = bench.session();
    bench.do_verb(&session, answer());
    let (request, ..) = bench.asked.remove(0);
    bench.media_answers = true;
    bench.handle(Input::MediaReply { request, result: Err(MediaError::Unavailable) });
    assert_eq!(bench.sent().last().map(String::as_str), Some("503"));
    bench.handle(Input::MediaTakesCalls(true));
    assert_eq!(refused(&mut bench, &options("back")).0, "200", "it is back, whatever was before");
}

#[test]
fn options_are_refused_until_media_is_there() {
    let mut bench = Bench::new();
    bench.shard = Shard::new(settings(), Random::from_key([1, 2]));
    bench.attach(&["e1"]);
    assert_eq!(refused(&mut bench, &options("o1")), ("503".into(), true));
    bench.handle(Input::MediaTakesCalls(true));
    assert_eq!(refused(&mut bench, &options("o2")).0, "200");
}

#[test]
fn calls_that_nobody_confirms_have_a_bound_and_what_is_confirmed_or_over_is_not_counted() {
    let mut settings = settings();
    settings.unconfirmed_max = 3;
    let mut bench = Bench::with(settings);
    bench.receive(&invite("c1"));
    assert_eq!(bench.shard.load().unconfirmed, 1);
    assert_eq!(
        refused(&mut bench, &invite("c2")),
        ("503".into(), true),
        "a third, for who has shown nothing yet"
    );
    assert_eq!(bench.shard.counters().refused_unconfirmed, 1);
    let session = bench.events.last().expect("an event").1.session.clone();
    bench.do_verb(&session, answer());
    let ok = bench.last_sent();
    bench.receive(&inside("ACK", 1, &ok, "c1"));
    assert_eq!(bench.shard.load().unconfirmed, 0);
    bench.receive(&invite("c3"));
    bench.receive(&invite("c4"));
    assert_eq!(bench.shard.load().unconfirmed, 2, "now more of them are let in");
    bench.handle(Input::HangUpAll);
    bench.assert_empty();
}

#[test]
fn a_new_request_that_waited_too_long_is_refused_and_whatever_belongs_to_a_call_is_not() {
    let mut bench = Bench::new();
    let overdue = |bench: &mut Bench, message: &str| {
        bench.sent.clear();
        bench.handle(Input::Overdue { bytes: Bytes::copy_from_slice(message.as_bytes()), flow: flow(0) });
        bench.sent()
    };
    assert_eq!(overdue(&mut bench, &invite("c1")), ["503"]);
    assert_eq!(overdue(&mut bench, &options("c1")), ["503"]);
    assert_eq!(bench.shard.counters().refused_overdue, 2);
    bench.receive(&invite("c2"));
    assert!(overdue(&mut bench, &invite("c2")).is_empty(), "a repeat is absorbed");
    let cancel =
        invite("c2").replace("INVITE", "CANCEL").replace("offer", "").replace("Length: 5", "Length: 0");
    assert_eq!(overdue(&mut bench, &cancel), ["200", "487"]);
    bench.receive(&invite("c3"));
    assert_eq!(bench.shard.counters().calls_in, 2, "the next one is taken");
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
    bench.pass(Duration::ZERO);
    assert_eq!(bench.sent(), ["100"]);
    bench.attach(&[]);
    bench.receive(&invite("refused"));
    bench.pass(Duration::ZERO);
    assert_eq!(bench.sent(), ["503"], "and nothing is kept of it");
    assert_eq!(bench.shard.load().sessions, 1);
    bench.attach(&["e1"]);
    bench.handle(Input::QueueLong(false));
    bench.receive(&invite("c2"));
    assert!(bench.sent().is_empty());
}
