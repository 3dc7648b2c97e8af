use super::*;
use crate::callengine::call::Asked;
use crate::callengine::call::tests::{begin, connected, done, ended, happens, over, refused};
use crate::proto::session::v1::{ErrorReason, Event, Progress, SessionEnded};

fn progress(early_media: bool) -> Event {
    happens("a-b", Payload::Progress(Progress { early_media, ..Default::default() }))
}

fn bridge() -> Vec<Action> {
    vec![act(command::create_bridge("dial-a", BridgeMode::Relay, &["a", "a-b"]))]
}

fn answer() -> Vec<Action> {
    vec![act(command::answer("a", "a-b"))]
}

fn early_media() -> Vec<Action> {
    vec![act(command::early_media("a", "a-b"))]
}

#[test]
fn a_call_is_dialled_rung_answered_bridged_and_hung_up() {
    let (mut call, _) = begin("dial-bob");
    let ringing = happens("a-b", Payload::Progress(Default::default()));
    assert_eq!(call.on_event(&ringing), vec![act(command::ring("a"))]);
    assert_eq!(call.on_event(&ringing), vec![], "it rings once");
    assert_eq!(call.on_event(&connected("a-b")), vec![act(command::answer("a", "a-b"))]);
    let bridge = act(command::create_bridge("dial-a", BridgeMode::Relay, &["a", "a-b"]));
    assert_eq!(call.on_event(&connected("a")), vec![bridge]);
    assert_eq!(call.on_event(&ended("a-b", 0)), vec![act(command::terminate("a"))]);
    assert_eq!(call.on_event(&ended("a", 0)), vec![]);
}

#[test]
fn a_callee_that_refuses_passes_its_status_to_the_caller() {
    let rows = [(486, 486), (603, 603), (487, 480), (0, 480), (302, 480), (401, 403), (407, 403), (420, 480)];
    for (callee, caller) in rows {
        let (mut call, _) = begin("dial-bob");
        assert_eq!(call.on_event(&ended("a-b", callee)), vec![act(command::reject("a", caller))]);
    }
}

#[test]
fn a_callee_s_retry_after_goes_with_its_status() {
    let minute = Some(prost_types::Duration { seconds: 60, nanos: 0 });
    let full = SessionEnded { sip_status: 503, retry_after: minute, ..Default::default() };
    let (mut call, _) = begin("dial-bob");
    let actions = call.on_event(&happens("a-b", Payload::SessionEnded(full)));
    assert_eq!(actions, [act(command::reject_until("a", 503, minute))]);
}

#[test]
fn a_caller_that_gives_up_ends_the_callee_s_leg() {
    let (mut call, _) = begin("dial-bob");
    assert_eq!(call.on_event(&ended("a", 487)), vec![act(command::terminate("a-b"))]);
}

#[test]
fn without_a_trunk_nobody_is_dialled() {
    let (_, actions) = Call::begin("a", "dial-bob", "h", None);
    assert_eq!(actions, vec![act(command::reject("a", 404))]);
}

#[test]
fn a_callee_s_audio_before_its_answer_is_heard() {
    let (mut call, _) = begin("dial-bob");
    assert_eq!(call.on_event(&progress(false)), vec![act(command::ring("a"))]);
    assert_eq!(call.on_event(&progress(true)), early_media());
    assert_eq!(call.on_event(&progress(true)), vec![], "it is asked for once");
    assert_eq!(call.on_event(&done(Operation::EarlyMedia)), bridge());
    assert_eq!(call.on_event(&progress(false)), vec![], "audio stays");
    assert_eq!(call.on_event(&connected("a-b")), answer());
    assert_eq!(call.on_event(&connected("a")), vec![], "they are bridged");
}

#[test]
fn a_callee_that_answers_while_early_media_is_under_way_is_answered_to_behind_it() {
    for (outcome, then) in [(Outcome::Succeeded, answer()), (Outcome::Failed, answer())] {
        let (mut call, _) = begin("dial-bob");
        call.on_event(&progress(true));
        assert_eq!(call.on_event(&connected("a-b")), vec![]);
        assert_eq!(call.on_event(&over(Operation::EarlyMedia, outcome)), then, "{outcome:?}");
        assert_eq!(call.on_event(&connected("a")), bridge());
    }
}

#[test]
fn a_caller_that_can_hear_nothing_before_the_answer_is_rung() {
    let ring = || vec![act(command::ring("a"))];
    let (mut call, _) = begin("dial-bob");
    call.on_event(&progress(true));
    assert_eq!(call.on_event(&over(Operation::EarlyMedia, Outcome::TimedOut)), ring());
    assert_eq!(call.on_event(&connected("a-b")), answer());
    let (mut call, _) = begin("dial-bob");
    call.on_event(&progress(true));
    assert_eq!(call.on_refused(Asked::EarlyMedia, &refused(ErrorReason::NoMedia)), ring());
    assert_eq!(call.on_event(&over(Operation::EarlyMedia, Outcome::SessionEnded)), vec![]);
}

#[test]
fn two_that_cannot_be_bridged_before_the_answer_are_bridged_then_or_hung_up() {
    let refusals: [fn(&mut Call) -> Vec<Action>; 3] = [
        |call| call.on_refused(Asked::Bridge, &refused(ErrorReason::Internal)),
        |call| call.on_event(&over(Operation::BridgeJoin, Outcome::Failed)),
        |call| {
            let mut event = over(Operation::BridgeJoin, Outcome::TimedOut);
            event.session_id = "a-b".into();
            call.on_event(&event)
        },
    ];
    for refuse in refusals {
        let (mut call, _) = begin("dial-bob");
        call.on_event(&progress(true));
        call.on_event(&done(Operation::EarlyMedia));
        assert_eq!(refuse(&mut call), vec![]);
        call.on_event(&connected("a-b"));
        assert_eq!(call.on_event(&connected("a")), bridge());
        assert_eq!(refuse(&mut call), vec![act(command::terminate("a"))]);
    }
}
