use super::*;
use crate::proto::session::v1::{ErrorReason, OperationCompleted, SessionEnded};

pub(super) fn happens(session: &str, payload: Payload) -> Event {
    Event { session_id: session.into(), payload: Some(payload), ..Default::default() }
}

pub(super) fn connected(session: &str) -> Event {
    happens(session, Payload::Connected(Default::default()))
}

pub(super) fn done(operation: Operation) -> Event {
    over(operation, Outcome::Succeeded)
}

pub(super) fn over(operation: Operation, outcome: Outcome) -> Event {
    let done =
        OperationCompleted { operation: operation.into(), outcome: outcome.into(), ..Default::default() };
    happens("a", Payload::OperationCompleted(done))
}

pub(super) fn refused(reason: ErrorReason) -> Refusal {
    Refusal { reason, bound: String::new(), retry_after: None, is_ending: false }
}

pub(super) fn ended(session: &str, status: u32) -> Event {
    happens(session, Payload::SessionEnded(SessionEnded { sip_status: status, ..Default::default() }))
}

pub(super) fn begin(user: &str) -> (Call, Vec<Action>) {
    Call::begin("a", user, "192.0.2.1:5060", Some("192.0.2.9:5070"))
}

#[test]
fn the_first_action_of_every_script_is_as_its_table_says() {
    let b = "a-b";
    let rows = [
        ("echo", vec![act(command::answer("a", ""))]),
        ("answer", vec![act(command::answer("a", ""))]),
        ("ring-2", vec![act(command::ring("a")), Action::Wait(Duration::from_secs(2))]),
        ("noanswer", vec![act(command::ring("a"))]),
        ("answer-180", vec![act(command::ring("a")), act(command::answer("a", ""))]),
        ("early", vec![act(command::early_media("a", ""))]),
        ("reject-486", vec![act(command::reject("a", 486))]),
        ("redirect-bob", vec![act(command::redirect("a", "sip:bob@192.0.2.1:5060"))]),
        ("dial-bob", vec![act(command::create(b, "sip:bob@192.0.2.9:5070", "a")), Action::Follow(b.into())]),
    ];
    for (user, actions) in rows {
        assert_eq!(begin(user).1, actions, "{user}");
    }
}

#[test]
fn what_follows_the_answer_is_as_the_table_says() {
    let join = |bridge: &str, mode| join("a", bridge, mode);
    let rows = [
        ("echo", join("echo-a", BridgeMode::Echo)),
        ("answer", vec![]),
        ("tone-440", vec![act(command::tone("a", 440.0))]),
        ("play-x.wav", vec![act(command::file("a", "x.wav"))]),
        ("room-x", join("room-x", BridgeMode::Mix)),
        ("mesh-x", join("mesh-x", BridgeMode::Mesh)),
    ];
    for (user, actions) in rows {
        assert_eq!(begin(user).0.on_event(&connected("a")), actions, "{user}");
    }
}

#[test]
fn hold_waits_holds_waits_and_resumes() {
    let pause = Duration::from_secs(2);
    let (mut call, _) = begin("hold-2");
    assert_eq!(call.on_event(&connected("a")), vec![act(command::tone("a", 440.0)), Action::Wait(pause)]);
    assert_eq!(call.on_timer(), vec![act(command::hold("a"))]);
    assert_eq!(call.on_event(&done(Operation::Hold)), vec![Action::Wait(pause)]);
    assert_eq!(call.on_timer(), vec![act(command::resume("a"))]);
    assert_eq!(call.on_timer(), vec![]);
}

#[test]
fn early_plays_then_answers_then_echoes() {
    let (mut call, _) = begin("early");
    let plays = vec![act(command::tone_for("a", 440.0, EARLY_TONE)), Action::Wait(EARLY_TONE)];
    assert_eq!(call.on_event(&done(Operation::EarlyMedia)), plays);
    assert_eq!(call.on_timer(), vec![act(command::answer("a", ""))]);
    let echo = command::create_bridge("echo-a", BridgeMode::Echo, &["a"]);
    assert_eq!(call.on_event(&connected("a")), [act(echo)]);
}

#[test]
fn a_file_played_to_its_end_hangs_up() {
    let (mut call, _) = begin("play-x.wav");
    call.on_event(&connected("a"));
    let over = happens("a", Payload::PlaybackEnded(Default::default()));
    assert_eq!(call.on_event(&over), vec![act(command::terminate("a"))]);
}

#[test]
fn bye_hangs_up_after_its_time() {
    let (mut call, _) = begin("bye-1");
    let actions = call.on_event(&connected("a"));
    assert_eq!(actions.last(), Some(&Action::Wait(Duration::from_secs(1))));
    assert_eq!(call.on_timer(), vec![act(command::terminate("a"))]);
}

#[test]
fn a_refused_command_never_leaves_the_caller_waiting() {
    use ErrorReason::{BadTarget, Draining, FileUnusable, Internal, NoMedia, SessionNotFound, WrongState};
    let reject = |status| vec![act(command::reject("a", status))];
    let hang_up = || vec![act(command::terminate("a"))];
    let rows = [
        ("dial-bob", false, Asked::Dial, BadTarget, reject(404)),
        ("dial-bob", false, Asked::Dial, Draining, reject(503)),
        ("dial-bob", false, Asked::Dial, SessionNotFound, vec![]),
        ("early", false, Asked::EarlyMedia, NoMedia, vec![act(command::answer("a", ""))]),
        ("echo", false, Asked::Step, Internal, reject(500)),
        ("echo", false, Asked::Step, SessionNotFound, vec![]),
        ("redirect-bob", false, Asked::Step, BadTarget, reject(404)),
        ("reject-486", false, Asked::Reject, WrongState, hang_up()),
        ("room-x", true, Asked::Bridge, Internal, hang_up()),
        ("play-x.wav", true, Asked::Playback, FileUnusable, hang_up()),
    ];
    for (user, connects, asked, reason, actions) in rows {
        let (mut call, _) = begin(user);
        if connects {
            call.on_event(&connected("a"));
        }
        assert_eq!(call.on_refused(asked, &refused(reason)), actions, "{user} {asked:?} {reason:?}");
    }
}

#[test]
fn what_a_caller_is_told_of_a_bound_says_when_to_try_again() {
    let second = Some(prost_types::Duration { seconds: 1, nanos: 0 });
    let full = Refusal { retry_after: second, ..refused(ErrorReason::LimitReached) };
    let (mut call, _) = begin("dial-bob");
    assert_eq!(call.on_refused(Asked::Dial, &full), [act(command::reject_until("a", 503, second))]);
    assert_eq!(call.on_event(&ended("a", 503)), vec![], "there is no callee's leg to end");
}

#[test]
fn early_media_that_fails_is_followed_by_the_answer_unless_the_caller_has_gone() {
    let answer = || vec![act(command::answer("a", ""))];
    for (outcome, actions) in
        [(Outcome::Failed, answer()), (Outcome::TimedOut, answer()), (Outcome::SessionEnded, vec![])]
    {
        let (mut call, _) = begin("early");
        assert_eq!(call.on_event(&over(Operation::EarlyMedia, outcome)), actions, "{outcome:?}");
    }
}

#[test]
fn a_tone_refused_before_the_answer_does_not_keep_the_answer() {
    let (mut call, _) = begin("early");
    call.on_event(&done(Operation::EarlyMedia));
    assert_eq!(call.on_refused(Asked::Playback, &refused(ErrorReason::NoMedia)), vec![]);
    assert_eq!(call.on_timer(), vec![act(command::answer("a", ""))]);
}

#[test]
fn a_caller_who_cannot_join_is_hung_up() {
    let (mut call, _) = begin("room-x");
    call.on_event(&connected("a"));
    assert_eq!(
        call.on_event(&over(Operation::BridgeJoin, Outcome::Failed)),
        vec![act(command::terminate("a"))]
    );
}
