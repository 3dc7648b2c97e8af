//! What the details name.

use super::*;
use crate::ground::{BridgeId, SessionId};
use crate::session::event::{Operation, SessionState};
use crate::telemetry::tests::Written;

fn named(session: Option<&str>, bridge: Option<&str>) -> Named {
    Named {
        session: session.map(|id| SessionId::parse(id).unwrap()),
        bridge: bridge.map(|id| BridgeId::parse(id).unwrap()),
        playback: None,
    }
}

/// The session and the bridge of the metadata, and what else is named: a resource, or the subject of a failure.
fn told(status: &Status) -> [String; 3] {
    let details = status.get_error_details();
    let metadata = &details.error_info().unwrap().metadata;
    let id = |key: &str| metadata.get(key).cloned().unwrap_or_default();
    let resource = details.resource_info().map(|resource| resource.resource_name.clone());
    let failure = details.precondition_failure().map(|failure| failure.violations[0].subject.clone());
    [id("session_id"), id("bridge_id"), resource.or(failure).unwrap_or_default()]
}

#[test]
fn a_bridge_that_cannot_be_made_names_the_member_that_cannot_come() {
    let wrong_state = CommandError::WrongState {
        state: SessionState::Ringing,
        operation: "AddBridgeMember",
        legal: vec!["TerminateSession"],
    };
    let member = SessionId::parse("m").unwrap();
    let rows = [
        (CommandError::SessionNotFound(member.clone()), "m"),
        (CommandError::NotOwner, "m"),
        (CommandError::NoMedia, "m"),
        (CommandError::OperationRunning { running: Operation::BridgeJoin }, "m"),
        (wrong_state, "m"),
        (MediaError::NoEndpoint.into(), "m"),
        (MediaError::NodeDiffers(String::new()).into(), "b"),
    ];
    for (error, about) in rows {
        let refusal = Refusal::Member { session: member.clone(), refusal: Box::new(error.clone().into()) };
        let status = status_of(&refusal, &named(None, Some("b")));
        assert_eq!(told(&status), ["m", "b", about].map(String::from), "{error:?}");
        let alone = status_of(&error.clone().into(), &named(Some("m"), Some("b")));
        assert_eq!(status.code(), alone.code(), "{error:?}");
        assert!(status.message().contains("member m: "), "{}", status.message());
    }
    let late = Refusal::Member { session: member, refusal: Box::new(Refusal::Deadline) };
    assert_eq!(told(&status_of(&late, &named(None, Some("b")))), ["m", "b", ""].map(String::from));
}

#[test]
fn bad_fields_and_what_is_not_served_name_what_the_command_named() {
    for refusal in [Refusal::BadFields(Vec::new()), Refusal::NotServed(vec!["context.lease"])] {
        let status = status_of(&refusal, &named(Some("s"), Some("b")));
        assert_eq!(told(&status), ["s", "b", ""].map(String::from), "{refusal:?}");
    }
}

#[test]
fn a_target_and_a_proxy_that_cannot_be_used_are_told_by_their_own_fields() {
    let rows = [
        (CommandError::BadTarget("no".into()), "target_uri"),
        (CommandError::BadProxy("no".into()), "outbound_proxy_uri"),
    ];
    for (error, field) in rows {
        let details = status_of(&error.into(), &Named::default()).get_error_details();
        assert_eq!(details.error_info().unwrap().reason, "BAD_TARGET");
        let violations = &details.bad_request().unwrap().field_violations;
        assert_eq!(violations.iter().map(|bad| bad.field.as_str()).collect::<Vec<_>>(), [field]);
    }
}

#[test]
fn a_message_spells_states_and_operations_as_the_metadata_do() {
    let states = [
        SessionState::Initializing,
        SessionState::Dialing,
        SessionState::Ringing,
        SessionState::Connected,
        SessionState::OnHold,
        SessionState::Transferring,
        SessionState::Terminating,
        SessionState::Terminated,
    ];
    let operations = [
        Operation::Create,
        Operation::Answer,
        Operation::EarlyMedia,
        Operation::Hold,
        Operation::Resume,
        Operation::UpdateMedia,
        Operation::SendDtmf,
        Operation::Mute,
        Operation::SendInfo,
        Operation::SendMessage,
        Operation::Terminate,
        Operation::BridgeJoin,
        Operation::BridgeLeave,
        Operation::Playback,
        Operation::RemoteUpdate,
    ];
    let wrong =
        |state| ("state", CommandError::WrongState { state, operation: "HoldSession", legal: Vec::new() });
    let running = |running| ("running", CommandError::OperationRunning { running });
    for (key, error) in states.map(wrong).into_iter().chain(operations.map(running)) {
        let status = status_of(&error.into(), &Named::default());
        let details = status.get_error_details();
        let word = &details.error_info().unwrap().metadata[key];
        let told = status.message().split([' ', ';']).any(|part| part == word);
        assert!(told, "{word} in {:?}", status.message());
    }
}

#[test]
fn what_is_our_own_fault_is_logged_with_what_the_command_named() {
    let session = Some(SessionId::parse("s-1").unwrap());
    let rows = [
        (Named { session, ..Named::default() }, "internal session=s-1 error="),
        (Named::default(), "internal error="),
    ];
    for (named, line) in rows {
        let written = Written::default();
        let subscriber = tracing_subscriber::fmt().with_writer(written.clone()).with_ansi(false).finish();
        tracing::subscriber::with_default(subscriber, || {
            let _told = status_of(&Refusal::Internal("it went astray"), &named);
        });
        assert!(written.text().contains(line), "{}", written.text());
    }
}
