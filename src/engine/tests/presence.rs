use std::time::Duration;

use rstest::rstest;

use super::event;
use crate::engine::limits::{LEAVE_TIME, REPLACED_MAX};
use crate::engine::{
    AckError, AttachError, Attachment, Cursor, Engine, EngineLimits, Input, Item, Keeping, Lapse, Logged,
    Open, Opened,
};
use crate::ground::leg::Party;
use crate::ground::{Instant, SessionId, WallTime};
use crate::session::event::{CallDirection, EndCause, Ended, EventPayload, Hold, SessionState, SessionView};

const EPOCH: u64 = 3;
const HEARTBEAT: Duration = Duration::from_secs(5);

fn limits() -> EngineLimits {
    EngineLimits { grace: Duration::from_secs(60), ..EngineLimits::default() }
}

fn seconds(seconds: u64) -> Instant {
    Instant::from_millis(seconds * 1_000)
}

fn at(sequence: u64) -> Cursor {
    Cursor { epoch: EPOCH, sequence }
}

/// An engine attached at 0 s.
fn attached() -> (Engine, Attachment) {
    let mut engine = Engine::new(limits(), EPOCH, seconds(0));
    let opened = engine.attach(Open::default(), seconds(0)).unwrap();
    (engine, opened.attachment)
}

#[derive(Clone, Copy, Debug)]
enum State {
    Attached,
    Away,
    Gone,
}

fn engine_in(state: State) -> (Engine, Attachment) {
    let (mut engine, stream) = attached();
    if !matches!(state, State::Attached) {
        engine.handle(Input::Detach(stream), seconds(0)).unwrap();
    }
    if matches!(state, State::Gone) {
        assert_eq!(engine.handle_timeout(seconds(60)), Some(Lapse::Gone));
    }
    (engine, stream)
}

#[rstest]
#[case::the_newest_wins(State::Attached, Ok(Attachment(2)))]
#[case(State::Away, Ok(Attachment(2)))]
#[case(State::Gone, Err(AttachError::Gone))]
fn who_is_gone_cannot_attach(#[case] state: State, #[case] expected: Result<Attachment, AttachError>) {
    let (mut engine, _) = engine_in(state);
    let outcome = engine.attach(Open::default(), seconds(61)).map(|opened| opened.attachment);
    assert_eq!(outcome, expected);
}

#[rstest]
#[case::the_heartbeat_is_due_first(State::Attached, 5, Some(Lapse::Heartbeat))]
#[case::nothing_is_due_before(State::Attached, 4, None)]
#[case::a_late_look_makes_a_heartbeat_first(State::Attached, 1_000, Some(Lapse::Heartbeat))]
#[case::an_engine_may_be_away_for_the_grace(State::Away, 59, None)]
#[case::and_is_gone_behind_it(State::Away, 60, Some(Lapse::Gone))]
#[case::gone_is_the_end(State::Gone, 1_000, None)]
fn what_time_does(#[case] state: State, #[case] now: u64, #[case] expected: Option<Lapse>) {
    let (mut engine, _) = engine_in(state);
    assert_eq!(engine.handle_timeout(seconds(now)), expected);
    assert!(engine.poll_timeout().is_none_or(|at| at > seconds(now)));
}

#[test]
fn an_engine_that_reads_nothing_for_three_heartbeats_is_away_from_then_on_and_gone_a_grace_later() {
    let (mut engine, stream) = attached();
    assert_eq!(engine.handle_timeout(seconds(5)), Some(Lapse::Heartbeat));
    assert_eq!((engine.poll_timeout(), engine.handle_timeout(seconds(14))), (Some(seconds(15)), None));
    assert_eq!(engine.handle_timeout(seconds(15)), Some(Lapse::Unread(stream)));
    assert!(!engine.is_attached());
    assert_eq!(engine.handle_timeout(seconds(74)), None);
    assert_eq!(engine.handle_timeout(seconds(75)), Some(Lapse::Gone));
    assert_eq!(engine.poll_timeout(), None);
}

#[test]
fn an_engine_that_reads_and_says_nothing_stays() {
    let (mut engine, stream) = attached();
    for now in (5..600).step_by(5) {
        assert_eq!(engine.handle_timeout(seconds(now)), Some(Lapse::Heartbeat));
        assert!(engine.poll_item(stream, seconds(now)).is_some());
    }
    assert!(engine.is_attached());
}

#[test]
fn the_newest_stream_takes_the_place_of_the_one_before() {
    let (mut engine, first) = attached();
    engine.handle(Input::Append(begun()), seconds(1)).unwrap();
    assert!(engine.poll_item(first, seconds(1)).is_some());
    let opened = engine.attach(Open::default(), seconds(2)).unwrap();
    assert_eq!((opened.replaces, opened.sessions_owned), (Some(first), 1));
    assert_eq!(engine.poll_item(first, seconds(2)), None);
    let again = engine.poll_item(opened.attachment, seconds(2));
    assert!(matches!(again, Some(Item::Event { cursor, .. }) if cursor == at(1)), "what is not acknowledged");
    engine.handle(Input::Detach(first), seconds(3)).unwrap();
    assert!(engine.is_attached(), "the end of the first changes nothing");
    assert_eq!(engine.counters().replaced, 1);
}

#[test]
fn streams_that_take_each_others_place_too_often_are_refused_for_a_while() {
    let (mut engine, _) = attached();
    let took: Vec<bool> =
        (0..20).map(|second| engine.attach(Open::default(), seconds(second)).is_ok()).collect();
    assert_eq!(took.iter().filter(|took| **took).count(), 2 * REPLACED_MAX);
    assert_eq!(engine.attach(Open::default(), seconds(20)).map(|opened| opened.replaces.is_some()), Ok(true));
    assert!(engine.is_attached(), "whoever is there stays");
}

#[test]
fn an_engine_is_full_or_behind_when_it_is_so_from_one_look_to_the_next() {
    let mut engine = Engine::new(limits(), EPOCH, seconds(0));
    let narrow = Open { unacked_events_max: 1, ..Open::default() };
    let stream = engine.attach(narrow, seconds(0)).unwrap().attachment;
    let append = |engine: &mut Engine, revision| {
        engine.handle(Input::Append(event(revision)), seconds(1)).unwrap();
        while engine.poll_item(stream, seconds(1)).is_some() {}
    };
    let (up, full) = (Keeping::default(), Keeping { full: true, ..Keeping::default() });
    append(&mut engine, 1);
    assert_eq!(engine.watch(false), up, "it came a moment ago");
    assert_eq!(engine.watch(false), full, "nothing waits, but nothing more could go");
    append(&mut engine, 2);
    assert_eq!(engine.watch(false), full);
    assert_eq!(engine.watch(false), Keeping { behind: true, ..full });
    engine.handle(Input::Ack(stream, at(1)), seconds(2)).unwrap();
    while engine.poll_item(stream, seconds(2)).is_some() {}
    assert_eq!(engine.watch(false), up, "it moves");
    assert_eq!(engine.watch(true), Keeping { silent: true, ..full });
    engine.handle(Input::Ack(stream, at(2)), seconds(2)).unwrap();
    assert_eq!(engine.watch(false), up);
}

#[test]
fn an_engine_that_is_away_with_nothing_left_can_be_forgotten() {
    let (mut engine, stream) = attached();
    assert!(!engine.is_dispensable(), "it is there");
    engine.handle(Input::Detach(stream), seconds(1)).unwrap();
    assert!(engine.is_dispensable());
    engine.handle(Input::Append(begun()), seconds(2)).unwrap();
    assert!(!engine.is_dispensable(), "it has a call");
}

#[test]
fn a_heartbeat_comes_once_and_only_when_nothing_else_was_said() {
    let (mut engine, stream) = attached();
    assert_eq!(engine.poll_timeout(), Some(seconds(5)));
    engine.handle(Input::Append(event(1)), seconds(4)).unwrap();
    assert!(matches!(engine.poll_item(stream, seconds(4)), Some(Item::Event { .. })));
    assert_eq!(engine.handle_timeout(seconds(5)), None);
    assert_eq!(engine.handle_timeout(seconds(9)), Some(Lapse::Heartbeat));
    assert_eq!(engine.handle_timeout(seconds(9)), None);
    assert_eq!(engine.poll_item(stream, seconds(9)), Some(Item::Heartbeat { at: at(1), unacked: 1 }));
    assert_eq!(engine.poll_item(stream, seconds(9)), None);
    assert_eq!(engine.poll_timeout(), Some(seconds(14)));
}

#[test]
fn what_goes_out_beside_the_log_is_a_sign_of_life_too() {
    let (mut engine, stream) = attached();
    engine.handle(Input::Said(stream), seconds(3)).unwrap();
    assert_eq!(engine.handle_timeout(seconds(5)), None);
    assert_eq!(engine.poll_timeout(), Some(seconds(8)));
}

#[test]
fn an_engine_that_comes_back_gets_what_it_missed_and_what_it_has_not_acknowledged() {
    let (mut engine, first) = attached();
    for revision in 1..=3 {
        engine.handle(Input::Append(event(revision)), seconds(1)).unwrap();
    }
    while engine.poll_item(first, seconds(1)).is_some() {}
    engine.handle(Input::Ack(first, at(1)), seconds(1)).unwrap();
    engine.handle(Input::Detach(first), seconds(2)).unwrap();
    engine.handle(Input::Append(event(4)), seconds(30)).unwrap();

    let opened = engine.attach(Open::default(), seconds(40)).unwrap();
    assert_eq!(opened.at, at(1));
    let stream = opened.attachment;
    assert_eq!(engine.poll_item(first, seconds(40)), None, "the old stream gets nothing");
    for sequence in 2..=4 {
        let item = engine.poll_item(stream, seconds(40));
        let Some(Item::Event { cursor, previous, logged }) = item else { panic!("{item:?}") };
        assert_eq!((cursor, previous, logged.event.revision), (at(sequence), at(sequence - 1), sequence));
    }
    assert_eq!(engine.poll_item(stream, seconds(40)), None);
}

#[test]
fn words_of_an_ended_stream_change_nothing_and_are_counted() {
    let (mut engine, first) = attached();
    engine.handle(Input::Detach(first), seconds(1)).unwrap();
    let second = engine.attach(Open::default(), seconds(2)).unwrap().attachment;
    for input in [Input::Said(first), Input::Ack(first, at(9)), Input::Detach(first)] {
        engine.handle(input, seconds(3)).unwrap();
    }
    assert!(engine.is_attached());
    assert_eq!(engine.counters().stale, 3);
    assert_eq!(
        engine.handle(Input::Ack(second, at(9)), seconds(3)),
        Err(AckError::NotSent { got: 9, sent: 0 })
    );
}

#[test]
fn events_behind_the_end_are_counted_and_not_kept() {
    let (mut engine, _) = engine_in(State::Gone);
    engine.handle(Input::Append(event(1)), seconds(61)).unwrap();
    assert_eq!((engine.counters().events_late, engine.log().len()), (1, 0));
}

#[rstest]
#[case::defaults(Open::default(), 10_000, 5_000)]
#[case::as_asked(Open { unacked_events_max: 7, sessions_max: 3, heartbeat: Some(HEARTBEAT * 2) }, 7, 10_000)]
#[case::too_much(Open { unacked_events_max: u32::MAX, sessions_max: 0, heartbeat: Some(HEARTBEAT * 99) }, 100_000, 60_000)]
#[case::too_often(Open { unacked_events_max: 1, sessions_max: 0, heartbeat: Some(Duration::ZERO) }, 1, 1_000)]
fn terms_are_clamped(#[case] open: Open, #[case] window: u32, #[case] heartbeat_ms: u64) {
    let mut engine = Engine::new(limits(), EPOCH, seconds(0));
    let opened = engine.attach(open, seconds(0)).unwrap();
    let expected = Opened {
        attachment: Attachment(1),
        at: at(0),
        unacked_events_max: window,
        sessions_max: open.sessions_max,
        heartbeat: Duration::from_millis(heartbeat_ms),
        sessions_owned: 0,
        replaces: None,
    };
    assert_eq!(opened, expected);
}

fn of(payload: EventPayload) -> Logged {
    let mut logged = event(1);
    logged.event.payload = payload;
    logged
}

fn begun() -> Logged {
    of(EventPayload::Created(Box::new(SessionView {
        id: SessionId::parse("s").unwrap(),
        revision: 1,
        state: SessionState::Dialing,
        direction: CallDirection::Outbound,
        group: "g".into(),
        engine: "e".into(),
        from: Party::default(),
        to: Party::default(),
        request_uri: String::new(),
        call_id: String::new(),
        hold: Hold::default(),
        muted: false,
        bridge: None,
        media: None,
        created_at: WallTime::default(),
        connected_at: None,
        running: None,
        end_cause: None,
        parent: None,
    })))
}

fn ended() -> Logged {
    of(EventPayload::Ended(Box::new(Ended::with_cause(EndCause::LocalHangup))))
}

/// What an engine was told of when it left, how much of that it acknowledged, what came then, and when it is gone.
#[rstest]
#[case::nothing_ever(vec![], 0, vec![], 0)]
#[case::a_session_that_is_over(vec![begun(), ended()], 2, vec![], 0)]
#[case::a_session_whose_end_it_has_not_acknowledged(vec![begun(), ended()], 1, vec![], 60)]
#[case::a_session_that_lives(vec![begun()], 1, vec![], 60)]
#[case::one_of_two(vec![begun(), begun(), ended()], 3, vec![], 60)]
#[case::a_session_that_was_on_its_way(vec![], 0, vec![begun()], 60)]
fn an_engine_that_leaves_is_gone_at_once_when_nothing_is_left_of_it(
    #[case] before: Vec<Logged>,
    #[case] acked: u64,
    #[case] behind: Vec<Logged>,
    #[case] gone_at: u64,
) {
    let (mut engine, stream) = attached();
    for logged in before {
        engine.handle(Input::Append(logged), seconds(0)).unwrap();
    }
    while engine.poll_item(stream, seconds(0)).is_some() {}
    engine.handle(Input::Ack(stream, at(acked)), seconds(0)).unwrap();
    engine.handle(Input::Leave(stream), seconds(0)).unwrap();
    assert!(!engine.is_attached());
    for logged in behind {
        engine.handle(Input::Append(logged), seconds(0)).unwrap();
    }
    // Shards may be about to give it a call.
    let gone = if gone_at == 0 { seconds(0) + LEAVE_TIME } else { seconds(gone_at) };
    assert_eq!(engine.poll_timeout(), Some(gone));
    assert_eq!(engine.handle_timeout(gone), Some(Lapse::Gone));
}
