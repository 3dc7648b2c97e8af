//! Media that is late, refuses, or goes away; engines that go away; the end of everything.

use super::*;

#[test]
fn media_that_does_not_answer_in_time_is_a_504_and_its_late_reply_finds_nobody() {
    let mut bench = Bench::new();
    bench.media_answers = false;
    bench.receive(&invite("c1"));
    let session = bench.session();
    bench.do_verb(&session, answer());
    bench.pass(ms(1_999));
    assert!(!bench.sent().contains(&"504".to_owned()));
    bench.pass(ms(2));
    assert_eq!(bench.sent().first().map(String::as_str), Some("504"));
    let asked: Vec<MediaRequest> = bench.asked.iter().map(|(_, _, body)| body.clone()).collect();
    assert!(matches!(asked[..], [MediaRequest::Negotiate { .. }, MediaRequest::Close]), "{asked:?}");
    bench.media_answers = true;
    bench.handle(Input::MediaReply { request: 99, result: no_port() });
    assert_eq!(bench.end_cause(), EndCause::MediaFailure);
    assert_eq!(bench.shard.counters().media_late, 2);
    bench.assert_empty();
}

#[test]
fn media_that_refuses_is_what_the_caller_hears() {
    let mut bench = Bench::new();
    bench.media_answers = false;
    bench.receive(&invite("c1"));
    let session = bench.session();
    bench.do_verb(&session, answer());
    let (request, _, _) = bench.asked.remove(0);
    bench.media_answers = true;
    bench.handle(Input::MediaReply { request, result: no_port() });
    assert_eq!(bench.sent(), ["503"]);
    assert_eq!(bench.end_cause(), EndCause::MediaFailure);
    bench.assert_empty();
}

#[test]
fn more_requests_than_may_wait_are_refused_at_once() {
    let mut settings = settings();
    settings.media_requests_max = 0;
    let mut bench = Bench::with(settings);
    bench.receive(&invite("c1"));
    let session = bench.session();
    bench.do_verb(&session, answer());
    assert_eq!(bench.sent(), ["503"]);
    assert_eq!(bench.end_cause(), EndCause::MediaFailure);
    assert_eq!(bench.shard.counters().media_refused, 1, "the close is asked for all the same");
    bench.assert_empty();
}

#[test]
fn a_bridge_whose_join_was_not_answered_is_left_though_there_was_no_room_to_ask_for_it() {
    let mut settings = settings();
    settings.media_requests_max = 1;
    let mut bench = Bench::with(settings);
    let (session, _) = bench.up("c1");
    let (other, _) = bench.up("c2");
    bench.media_answers = false;
    let bridge = crate::ground::BridgeId::parse("b1").expect("an id");
    let mode = crate::session::media::BridgeMode::Mix;
    bench.do_verb(&session, Verb::JoinBridge { bridge: bridge.clone(), mode });
    bench.pass(ms(1_000));
    bench.do_verb(&other, terminate());
    bench.pass(ms(1_500));
    let leaves = |bench: &Bench| {
        let leave = MediaRequest::Leave { bridge: bridge.clone() };
        bench.asked.iter().filter(|(_, of, body)| *of == session && *body == leave).count()
    };
    assert_eq!(leaves(&bench), 0, "there is no room");
    assert!(bench.shard.counters().media_refused > 1, "it is tried again");
    let close = bench.asked.iter().position(|(.., body)| *body == MediaRequest::Close).expect("a close");
    let (request, ..) = bench.asked.remove(close);
    bench.handle(Input::MediaReply { request, result: Ok(MediaReply::Closed(Statistics::default())) });
    bench.pass(ms(200));
    assert_eq!(leaves(&bench), 1);
    bench.media_answers = true;
    bench.do_verb(&session, terminate());
    bench.pass_all();
}

#[test]
fn lost_media_ends_calls_that_are_up_or_wait_and_no_others() {
    let mut bench = Bench::new();
    bench.up("c1");
    bench.receive(&invite("c2"));
    bench.media_answers = false;
    bench.receive(&invite("c3"));
    let waiting = bench.session();
    bench.do_verb(&waiting, answer());
    bench.sent.clear();
    bench.asked.clear();
    bench.media_answers = true;
    bench.handle(Input::MediaLost);
    assert_eq!(bench.sent(), ["503", "BYE"]);
    assert_eq!(bench.shard.load().sessions, 1, "the one that only rings goes on");
    let causes = bench.events.iter().filter_map(|(_, event)| match &event.payload {
        EventPayload::Ended(ended) => Some(ended.cause),
        _ => None,
    });
    assert_eq!(causes.collect::<Vec<_>>(), [EndCause::MediaFailure, EndCause::MediaFailure]);
    bench.pass_all();
    bench.assert_empty();
}

#[test]
fn an_engine_that_is_gone_takes_its_sessions_with_it_and_no_others() {
    let mut bench = Bench::new();
    let (session, ok) = bench.up("c1");
    bench.attach(&["e2"]);
    let (other, _) = bench.up("c2");
    bench.handle(Input::EngineGone(engine("e1")));
    assert_eq!(bench.sent(), ["BYE"]);
    assert_eq!(bench.end_cause(), EndCause::EngineGone);
    assert!(bench.query(Query::One(session)).is_empty());
    assert_eq!(bench.query(Query::One(other)).len(), 1);
    drop(ok);
}

#[test]
fn hanging_up_all_ends_whatever_there_is() {
    let mut bench = Bench::new();
    bench.up("c1");
    bench.receive(&invite("c2"));
    bench.sent.clear();
    bench.handle(Input::HangUpAll);
    assert_eq!(bench.sent(), ["BYE", "503"]);
    assert_eq!(bench.end_cause(), EndCause::Shutdown);
    assert_eq!(bench.shard.load().sessions, 0);
    bench.assert_empty();
}

#[test]
fn news_of_media_about_nobody_is_counted() {
    let mut bench = Bench::new();
    let event = crate::session::media::MediaEvent::DtmfSent { key: 1 };
    bench.handle(Input::MediaEvent { session: id("nobody"), event });
    assert_eq!(bench.shard.counters().media_news_late, 1);
}
