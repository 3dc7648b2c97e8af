//! Every reason, with the code and the details that the contract promises.

use callplane::ground::BridgeId;
use callplane::proto::session::v1 as proto;
use callplane::session::command::CommandError;
use callplane::session::event::{Operation, SessionState};
use callplane::session::media::MediaError;
use tonic::Code;
use tonic_types::ErrorDetails;

use crate::support::core::{engine, id};
use crate::support::engine::Engine;
use crate::support::{Scripted, refusal};

type Has = fn(&ErrorDetails) -> bool;

const RESOURCE: Has = |details| details.resource_info().is_some();
const PRECONDITION: Has = |details| details.precondition_failure().is_some();
const FIELD: Has = |details| details.bad_request().is_some();
const RETRY: Has = |details| details.retry_info().is_some();
const QUOTA: Has = |details| details.quota_failure().is_some() && details.retry_info().is_some();
const NOTHING: Has = |_| true;

#[tokio::test]
async fn each_refusal_of_a_shard_has_its_code_reason_and_details() {
    let scripted = Scripted::start().await;
    let mut owner = Engine::attach(scripted.events(), "e").await;
    scripted.script.call(&engine("default", "e"), "s");
    owner.event().await;
    let text = String::new;
    let wrong_state = CommandError::WrongState {
        state: SessionState::Connected,
        operation: "Answer",
        legal: vec!["Hold", "Terminate"],
    };
    let rows: Vec<(CommandError, Code, &str, Has)> = vec![
        (CommandError::SessionNotFound(id("s")), Code::NotFound, "SESSION_NOT_FOUND", RESOURCE),
        (CommandError::SessionExists(id("s")), Code::AlreadyExists, "SESSION_EXISTS", RESOURCE),
        (wrong_state, Code::FailedPrecondition, "WRONG_STATE", PRECONDITION),
        (
            CommandError::OperationRunning { running: Operation::Hold },
            Code::FailedPrecondition,
            "OPERATION_RUNNING",
            PRECONDITION,
        ),
        (CommandError::NotOwner, Code::FailedPrecondition, "NOT_OWNER", PRECONDITION),
        (CommandError::NoMedia, Code::FailedPrecondition, "NO_MEDIA", PRECONDITION),
        (CommandError::BadTarget(text()), Code::InvalidArgument, "BAD_TARGET", FIELD),
        (CommandError::BadArgument("no"), Code::InvalidArgument, "BAD_FIELD", FIELD),
        (CommandError::LimitReached("sessions"), Code::ResourceExhausted, "LIMIT_REACHED", QUOTA),
        (CommandError::BridgeNotFound(bridge()), Code::NotFound, "BRIDGE_NOT_FOUND", RESOURCE),
        (CommandError::PlaybackNotFound, Code::NotFound, "PLAYBACK_NOT_FOUND", RESOURCE),
        (CommandError::PlaybackExists, Code::AlreadyExists, "PLAYBACK_EXISTS", RESOURCE),
        (CommandError::Draining, Code::Unavailable, "DRAINING", RETRY),
        (MediaError::Unavailable.into(), Code::Unavailable, "MEDIA_UNAVAILABLE", RETRY),
        (MediaError::NoEndpoint.into(), Code::FailedPrecondition, "NO_MEDIA", PRECONDITION),
        (MediaError::NotNegotiated(text()).into(), Code::FailedPrecondition, "NO_MEDIA", PRECONDITION),
        (MediaError::NoBridge.into(), Code::NotFound, "BRIDGE_NOT_FOUND", RESOURCE),
        (MediaError::NoPlayback.into(), Code::NotFound, "PLAYBACK_NOT_FOUND", RESOURCE),
        (MediaError::NoPort.into(), Code::ResourceExhausted, "NO_PORT", QUOTA),
        (MediaError::Limit("x".into()).into(), Code::ResourceExhausted, "LIMIT_REACHED", QUOTA),
        (MediaError::FileUnusable(text()).into(), Code::InvalidArgument, "FILE_UNUSABLE", FIELD),
        (
            MediaError::NodeDiffers(text()).into(),
            Code::FailedPrecondition,
            "MEDIA_NODE_DIFFERS",
            PRECONDITION,
        ),
        (MediaError::Other(text()).into(), Code::Internal, "INTERNAL", NOTHING),
    ];
    for (error, code, reason, has) in rows {
        scripted.script.refuse(error.clone());
        let request = proto::HoldSessionRequest { session_id: "s".into(), ..Default::default() };
        let status = scripted.sessions().hold_session(request).await.expect_err("refused");
        let (told_code, told_reason, details) = refusal(&status);
        assert_eq!((told_code, told_reason.as_str()), (code, reason), "{error:?}");
        assert!(has(&details), "{error:?}: {details:?}");
    }
}

#[tokio::test]
async fn a_wrong_state_says_where_the_session_stands_and_what_would_be_legal() {
    let scripted = Scripted::start().await;
    let mut owner = Engine::attach(scripted.events(), "e").await;
    scripted.script.call(&engine("default", "e"), "s");
    owner.event().await;
    scripted.script.refuse(CommandError::WrongState {
        state: SessionState::OnHold,
        operation: "Answer",
        legal: vec!["Resume", "Terminate"],
    });
    let request = proto::AnswerSessionRequest { session_id: "s".into(), ..Default::default() };
    let status = scripted.sessions().answer_session(request).await.expect_err("refused");
    let (_, _, details) = refusal(&status);
    let metadata = &details.error_info().expect("info").metadata;
    assert_eq!((metadata["state"].as_str(), metadata["operation"].as_str()), ("OnHold", "Answer"));
    assert_eq!(metadata["legal"], "Resume,Terminate");
    let violation = &details.precondition_failure().expect("failure").violations[0];
    assert_eq!((violation.r#type.as_str(), violation.subject.as_str()), ("WRONG_STATE", "Answer"));
    assert!(violation.description.contains("Resume"), "{}", violation.description);
}

#[tokio::test]
async fn what_does_not_exist_is_named() {
    let scripted = Scripted::start().await;
    let _engine = Engine::attach(scripted.events(), "e").await;
    let get = proto::GetSessionRequest { session_id: "nobody".into() };
    let status = scripted.sessions().get_session(get).await.expect_err("none");
    let (code, reason, details) = refusal(&status);
    assert_eq!((code, reason.as_str()), (Code::NotFound, "SESSION_NOT_FOUND"));
    let named = details.resource_info().expect("which");
    assert_eq!((named.resource_type.as_str(), named.resource_name.as_str()), ("session", "nobody"));
    let ring = proto::RingSessionRequest { session_id: "nobody".into(), ..Default::default() };
    assert_eq!(crate::support::reason(scripted.sessions().ring_session(ring).await), "SESSION_NOT_FOUND");
    let get = proto::GetBridgeRequest { bridge_id: "nowhere".into() };
    assert_eq!(crate::support::reason(scripted.bridges().get_bridge(get).await), "BRIDGE_NOT_FOUND");
}

#[test]
fn every_reason_is_one_that_a_test_has_seen_or_that_cannot_be_had_yet() {
    // Seen here: the table above. Elsewhere: attach, bridges, commands, fields, service.
    let seen = [
        "SESSION_NOT_FOUND",
        "SESSION_EXISTS",
        "WRONG_STATE",
        "OPERATION_RUNNING",
        "NOT_OWNER",
        "BAD_FIELD",
        "NOT_SERVED",
        "LIMIT_REACHED",
        "MEDIA_UNAVAILABLE",
        "DRAINING",
        "BRIDGE_NOT_FOUND",
        "BRIDGE_EXISTS",
        "PLAYBACK_NOT_FOUND",
        "PLAYBACK_EXISTS",
        "MEDIA_NODE_DIFFERS",
        "NO_PORT",
        "FILE_UNUSABLE",
        "ENGINE_ATTACHED",
        "ENGINE_NOT_ATTACHED",
        "DEADLINE",
        "INTERNAL",
        "BAD_STREAM",
        "BAD_TARGET",
        "NO_MEDIA",
        "ENGINE_SILENT",
    ];
    for number in 1..=25 {
        let reason = proto::ErrorReason::try_from(number).expect("no hole");
        let name = reason.as_str_name().trim_start_matches("ERROR_REASON_");
        assert!(seen.contains(&name), "{name}");
    }
    assert!(proto::ErrorReason::try_from(26).is_err(), "a new reason wants a test");
}

fn bridge() -> BridgeId {
    BridgeId::parse("b").expect("an id")
}
