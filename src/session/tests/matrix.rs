//! The matrix against the machine: every verb in every phase.

use super::super::matrix::{Legality, RPCS, VERBS, column, legal, legality, needs_media};
use super::*;
use crate::session::command::CommandError;
use crate::session::event::SessionState;

#[test]
fn the_machine_does_in_every_phase_what_the_matrix_says_of_every_verb() {
    for phase in Phase::ALL {
        for name in VERBS {
            check(phase, name);
        }
    }
}

fn check(phase: Phase, name: &str) {
    let mut bench = Bench::at(phase);
    let verb = verb(name);
    let column = column(&verb).expect("a verb for a session");
    let has_media = bench.session.view().media.is_some();
    let before = (bench.session.public_state(), bench.session.running_operation());
    let result = bench.command(verb);
    let place = format!("{name} in {phase}: {result:?}");
    match legality(phase, column) {
        Legality::Legal if needs_media(column) && !has_media => {
            assert_eq!(result, Err(CommandError::NoMedia), "{place}");
        }
        Legality::Legal => match name {
            "LeaveBridge" => assert!(matches!(result, Err(CommandError::MemberNotFound(_))), "{place}"),
            "StopPlay" => assert_eq!(result, Err(CommandError::PlaybackNotFound), "{place}"),
            _ => assert!(result.is_ok(), "{place}"),
        },
        Legality::Busy => match (result.clone(), before.1) {
            (Err(CommandError::OperationRunning { running }), Some(expected)) => {
                assert_eq!(running, expected, "{place}");
            }
            _ => panic!("{place}"),
        },
        Legality::Wrong => {
            let legal = legal(phase, has_media);
            assert!(has_media || !legal.contains(&"Mute"), "{place}");
            let expected = CommandError::WrongState { state: before.0, operation: RPCS[column], legal };
            assert_eq!(result, Err(expected), "{place}");
        }
    }
    if result.is_err() {
        assert_eq!(
            (bench.said(), bench.session.phase()),
            (String::new(), phase),
            "a refused {name} does nothing"
        );
    }
}

#[test]
fn only_the_owner_and_an_operators_tool_may_command() {
    let mut bench = Bench::at(Phase::Connected);
    let other = EngineRef { group: "default".into(), id: "e2".into() };
    let command = |engine| Command { command_id: "x".into(), engine, verb: Verb::Hold };
    assert_eq!(bench.step(|s, cx| s.command(command(Some(other)), cx)), Err(CommandError::NotOwner));
    assert!(bench.step(|s, cx| s.command(command(None), cx)).is_ok());
}

#[test]
fn arguments_outside_their_range_are_refused() {
    let bad = [
        Verb::Ring { status: 200, fields: Vec::new() },
        Verb::Reject { status: 200, phrase: None, retry_after: None, fields: Vec::new(), body: None },
        Verb::Redirect { status: 302, contacts: Vec::new(), fields: Vec::new() },
        Verb::Redirect { status: 404, contacts: vec!["sip:x@y".into()], fields: Vec::new() },
    ];
    for verb in bad {
        let mut bench = Bench::at(Phase::Incoming);
        assert!(matches!(bench.command(verb), Err(CommandError::BadArgument(_))));
        assert_eq!(bench.said(), "");
    }
}

#[test]
fn why_a_session_ends_is_seen_in_the_last_state_that_can_be_asked_for() {
    for phase in Phase::ALL {
        let view = Bench::at(phase).session.view();
        assert_eq!(view.end_cause.is_some(), view.state == SessionState::Terminating, "{phase}");
    }
}

#[test]
fn a_refused_verb_is_told_what_is_legal_or_that_nothing_is() {
    for (phase, told) in [
        (Phase::Calling, "HoldSession is not legal in SESSION_STATE_DIALING; legal here: TerminateSession"),
        (Phase::Ending, "HoldSession is not legal in SESSION_STATE_TERMINATING; nothing is legal here"),
    ] {
        let mut bench = Bench::at(phase);
        let error = bench.command(verb("Hold")).expect_err("not legal here");
        assert_eq!(error.to_string(), told);
    }
}
