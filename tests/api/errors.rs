//! Every reason, with the code and the details that the contract promises.

use callplane::ground::BridgeId;
use callplane::proto::session::v1 as proto;
use callplane::proto::session::v1::command::Verb;
use callplane::session::command::CommandError;
use callplane::session::event::{Operation, SessionState};
use callplane::session::media::MediaError;
use callplane::shard::io::Output;
use tonic::Code;
use tonic_types::ErrorDetails;

use crate::support::core::{engine, id};
use crate::support::engine::Engine;
use crate::support::{Scripted, refusal, until};

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
        operation: "AnswerSession",
        legal: vec!["HoldSession", "TerminateSession"],
    };
    let rows: Vec<(CommandError, Code, &str, Has)> = vec![
        (CommandError::SessionNotFound(id("s")), Code::NotFound, "SESSION_NOT_FOUND", RESOURCE),
        (CommandError::SessionExists(id("s")), Code::AlreadyExists, "SESSION_EXISTS", RESOURCE),
        (CommandError::SessionEnded(id("s")), Code::AlreadyExists, "SESSION_EXISTS", RESOURCE),
        (wrong_state, Code::FailedPrecondition, "WRONG_STATE", PRECONDITION),
        (
            CommandError::OperationRunning { running: Operation::Hold },
            Code::FailedPrecondition,
            "OPERATION_RUNNING",
            PRECONDITION,
        ),
        (CommandError::NotOwner, Code::PermissionDenied, "NOT_OWNER", RESOURCE),
        (CommandError::NoMedia, Code::FailedPrecondition, "NO_MEDIA", PRECONDITION),
        (CommandError::BadTarget(text()), Code::InvalidArgument, "BAD_TARGET", FIELD),
        (CommandError::BadProxy(text()), Code::InvalidArgument, "BAD_TARGET", FIELD),
        (CommandError::BadArgument("no"), Code::InvalidArgument, "BAD_FIELD", FIELD),
        (CommandError::LimitReached("sessions"), Code::ResourceExhausted, "LIMIT_REACHED", QUOTA),
        (CommandError::MemberNotFound(bridge()), Code::NotFound, "MEMBER_NOT_FOUND", RESOURCE),
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
        let metadata = &details.error_info().expect("info").metadata;
        assert_eq!(metadata.get("session_id").map(String::as_str), Some("s"), "{error:?}");
        if let Some(resource) = details.resource_info() {
            assert!(resource.resource_type.starts_with("callplane.session.v1."), "{resource:?}");
        }
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
        operation: "AnswerSession",
        legal: vec!["ResumeSession", "TerminateSession"],
    });
    let request = proto::AnswerSessionRequest { session_id: "s".into(), ..Default::default() };
    let status = scripted.sessions().answer_session(request).await.expect_err("refused");
    let (_, _, details) = refusal(&status);
    let metadata = &details.error_info().expect("info").metadata;
    assert_eq!(
        (metadata["state"].as_str(), metadata["verb"].as_str()),
        ("SESSION_STATE_ON_HOLD", "AnswerSession")
    );
    assert_eq!(metadata["legal"], "ResumeSession,TerminateSession");
    let violation = &details.precondition_failure().expect("failure").violations[0];
    assert_eq!((violation.r#type.as_str(), violation.subject.as_str()), ("WRONG_STATE", "s"));
    assert!(violation.description.contains("ResumeSession"), "{}", violation.description);
    assert!(
        status.message().contains("AnswerSession is not legal in SESSION_STATE_ON_HOLD"),
        "{}",
        status.message()
    );
    scripted.script.refuse(CommandError::OperationRunning { running: Operation::UpdateMedia });
    let request = proto::HoldSessionRequest { session_id: "s".into(), ..Default::default() };
    let status = scripted.sessions().hold_session(request).await.expect_err("refused");
    let (_, _, details) = refusal(&status);
    assert_eq!(details.error_info().expect("info").metadata["running"], "OPERATION_UPDATE_MEDIA");
    assert_eq!(status.message(), "OPERATION_UPDATE_MEDIA is under way");
}

#[tokio::test]
async fn what_a_refusal_is_about_is_named_in_the_stream_too() {
    let scripted = Scripted::start().await;
    let mut owner = Engine::attach(scripted.events(), "e").await;
    scripted.script.call(&engine("default", "e"), "s");
    owner.event().await;
    let playback = || proto::StopPlaybackRequest {
        session_id: "s".into(),
        playback_id: "p".into(),
        ..Default::default()
    };
    let leave = || proto::RemoveBridgeMemberRequest {
        session_id: "s".into(),
        bridge_id: "b".into(),
        ..Default::default()
    };
    let made = proto::CreateBridgeRequest { bridge_id: "b".into(), ..Default::default() };
    owner.command(Verb::CreateBridge(made)).await;
    owner.result().await;
    let rows = [
        (CommandError::PlaybackNotFound, Verb::StopPlayback(playback()), "Playback", "p", "playback_id"),
        (
            CommandError::MemberNotFound(bridge()),
            Verb::RemoveBridgeMember(leave()),
            "Session",
            "s",
            "bridge_id",
        ),
        (CommandError::NotOwner, Verb::StopPlayback(playback()), "Session", "s", "session_id"),
    ];
    for (error, verb, kind, name, key) in rows {
        scripted.script.refuse(error);
        owner.command(verb).await;
        let told = owner.result().await.status.expect("a status");
        let details = told.details.iter().find(|any| any.type_url.ends_with("google.rpc.ResourceInfo"));
        let resource: tonic_types::pb::ResourceInfo = decoded(details.expect("a resource"));
        assert_eq!(resource.resource_type, format!("callplane.session.v1.{kind}"));
        assert_eq!(resource.resource_name, name);
        let info: tonic_types::pb::ErrorInfo = decoded(&told.details[0]);
        assert!(info.metadata.contains_key(key), "{info:?}");
        assert_eq!(info.metadata["session_id"], "s");
    }
}

fn decoded<M: prost::Message + Default>(any: &prost_types::Any) -> M {
    M::decode(any.value.as_slice()).expect("readable")
}

#[tokio::test]
async fn an_id_that_is_not_free_yet_is_told_from_one_that_lives() {
    let scripted = Scripted::start().await;
    let mut owner = Engine::attach(scripted.events(), "e").await;
    let create = || proto::CreateSessionRequest {
        session_id: "mine".into(),
        target_uri: "sip:bob@127.0.0.1".into(),
        ..Default::default()
    };
    scripted.sessions().create_session(create()).await.expect("made");
    owner.event().await;
    let lives = scripted.sessions().create_session(create()).await.expect_err("taken");
    let (_, reason, details) = refusal(&lives);
    assert_eq!(reason, "SESSION_EXISTS");
    assert!(!details.error_info().expect("info").metadata.contains_key("ended"));
    scripted.script.tell([Output::SessionClosed { session: id("mine") }]);
    until("its end", || scripted.node.counters().held.directory == 0).await;
    let ended = scripted.sessions().create_session(create()).await.expect_err("not free yet");
    let (_, reason, details) = refusal(&ended);
    assert_eq!(reason, "SESSION_EXISTS");
    assert_eq!(details.error_info().expect("info").metadata["ended"], "true");
    let resource = details.resource_info().expect("which");
    assert_eq!(
        (resource.resource_name.as_str(), resource.description.as_str()),
        ("mine", "was used by a session that ended")
    );
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
    assert_eq!(
        (named.resource_type.as_str(), named.resource_name.as_str()),
        ("callplane.session.v1.Session", "nobody")
    );
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
        "ENGINE_REPLACED",
        "MEMBER_NOT_FOUND",
    ];
    for number in 1..=27 {
        let reason = proto::ErrorReason::try_from(number).expect("no hole");
        let name = reason.as_str_name().trim_start_matches("ERROR_REASON_");
        assert!(seen.contains(&name), "{name}");
    }
    assert!(proto::ErrorReason::try_from(28).is_err(), "a new reason wants a test");
}

fn bridge() -> BridgeId {
    BridgeId::parse("b").expect("an id")
}
