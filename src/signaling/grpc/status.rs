//! How a refusal is told: `google.rpc.Status` with ErrorInfo first, the same for a unary call and for a command of a
//! stream.
//!
//! | refusal | gRPC code | reason | with |
//! |---|---|---|---|
//! | no such session, bridge, playback | NOT_FOUND | `…_NOT_FOUND` | ResourceInfo |
//! | id taken, engine attached | ALREADY_EXISTS | `…_EXISTS`, `ENGINE_ATTACHED` | ResourceInfo |
//! | not in that bridge | NOT_FOUND | `MEMBER_NOT_FOUND` | ResourceInfo |
//! | somebody else's | PERMISSION_DENIED | `NOT_OWNER` | ResourceInfo |
//! | not legal now | FAILED_PRECONDITION | `WRONG_STATE`, `OPERATION_RUNNING`, `NO_MEDIA`, … | PreconditionFailure |
//! | field, target, file, stream | INVALID_ARGUMENT | `BAD_FIELD`, `BAD_TARGET`, `FILE_UNUSABLE`, `BAD_STREAM` | BadRequest |
//! | not served | UNIMPLEMENTED | `NOT_SERVED` | BadRequest |
//! | a bound | RESOURCE_EXHAUSTED | `LIMIT_REACHED`, `NO_PORT` | QuotaFailure, RetryInfo |
//! | media away, draining | UNAVAILABLE | `MEDIA_UNAVAILABLE`, `DRAINING` | RetryInfo |
//! | too late, not read | DEADLINE_EXCEEDED | `DEADLINE`, `ENGINE_SILENT` | |
//! | a newer stream of the engine | ABORTED | `ENGINE_REPLACED` | |
//!
//! ErrorInfo's metadata name what the command named: `session_id`, `bridge_id`, `playback_id`. States, operations and
//! verbs are spelled as the API spells them.

use std::collections::HashMap;
use std::time::Duration;

use prost::Message;
use tonic::{Code, Status};
use tonic_types::{
    BadRequest, ErrorDetail, ErrorInfo, FieldViolation, PreconditionFailure, QuotaFailure, ResourceInfo,
    RetryInfo, StatusExt,
};
use tracing::field::display;

use crate::proto::session::v1::{CommandStatus, ErrorReason};
use crate::session::command::{CommandError, EngineRef};
use crate::session::media::MediaError;
use crate::signaling::refusal::{Named, Refusal};

/// ErrorInfo's domain (AIP-193).
const DOMAIN: &str = "callplane.dev";

/// The types of resources, as ResourceInfo has them: the messages that describe them.
mod kind {
    pub const SESSION: &str = "callplane.session.v1.Session";
    pub const BRIDGE: &str = "callplane.session.v1.Bridge";
    pub const PLAYBACK: &str = "callplane.session.v1.Playback";
    pub const ENGINE: &str = "callplane.session.v1.Engine";
}

/// How long to wait before another try, where nothing better is known.
const RETRY: Duration = Duration::from_secs(1);

/// How long an engine should wait whose streams take each other's place too often.
const RETRY_ATTACH: Duration = Duration::from_secs(5);

/// The status of what is refused and names nothing, or names it by itself.
pub(super) fn status(refusal: &Refusal) -> Status {
    status_of(refusal, &Named::default())
}

/// The status of a command that is refused. The details name what it named.
pub(super) fn status_of(refusal: &Refusal, named: &Named) -> Status {
    let told = Told::of(refusal, named);
    let message = refusal.to_string();
    if told.code == Code::Internal {
        let (session, bridge) = (named.session.as_ref().map(display), named.bridge.as_ref().map(display));
        tracing::error!(session, bridge, error = message, "internal");
    }
    Status::with_error_details_vec(told.code, message, told.into_details())
}

/// The status of a command of a stream that is refused.
pub(super) fn command_status(refusal: &Refusal, named: &Named) -> CommandStatus {
    let status = status_of(refusal, named);
    // It was written just now: it can be read.
    let details = tonic_types::pb::Status::decode(status.details()).unwrap_or_default().details;
    CommandStatus { code: status.code() as i32, message: status.message().to_owned(), details }
}

struct Told {
    code: Code,
    reason: ErrorReason,
    metadata: HashMap<String, String>,
    more: Vec<ErrorDetail>,
}

impl Told {
    fn new(code: Code, reason: ErrorReason) -> Self {
        Self { code, reason, metadata: HashMap::new(), more: Vec::new() }
    }

    fn into_details(self) -> Vec<ErrorDetail> {
        let name = self.reason.as_str_name();
        let name = name.strip_prefix("ERROR_REASON_").unwrap_or(name);
        let mut details = vec![ErrorInfo::new(name, DOMAIN, self.metadata).into()];
        details.extend(self.more);
        details
    }

    fn with(mut self, detail: impl Into<ErrorDetail>) -> Self {
        self.more.push(detail.into());
        self
    }

    fn not_found(reason: ErrorReason, kind: &str, name: impl Into<String>) -> Self {
        Self::new(Code::NotFound, reason).with(ResourceInfo::new(kind, name, "", "does not exist"))
    }

    fn exists(reason: ErrorReason, kind: &str, name: impl Into<String>) -> Self {
        Self::new(Code::AlreadyExists, reason).with(ResourceInfo::new(kind, name, "", "is taken"))
    }

    fn precondition(reason: ErrorReason, subject: &str, description: String) -> Self {
        let kind = reason.as_str_name().trim_start_matches("ERROR_REASON_");
        Self::new(Code::FailedPrecondition, reason).with(PreconditionFailure::with_violation(
            kind,
            subject,
            description,
        ))
    }

    /// It is somebody else's.
    fn not_owner(kind: &str, name: impl Into<String>, description: String) -> Self {
        Self::new(Code::PermissionDenied, ErrorReason::NotOwner).with(ResourceInfo::new(
            kind,
            name,
            "",
            description,
        ))
    }

    fn bad_field(reason: ErrorReason, field: &str, problem: String) -> Self {
        Self::new(Code::InvalidArgument, reason).with(BadRequest::with_violation(field, problem))
    }

    fn limit(reason: ErrorReason, subject: &str, description: String) -> Self {
        Self::new(Code::ResourceExhausted, reason)
            .with(QuotaFailure::with_violation(subject, description))
            .with(RetryInfo::new(Some(RETRY)))
    }

    fn unavailable(reason: ErrorReason) -> Self {
        Self::new(Code::Unavailable, reason).with(RetryInfo::new(Some(RETRY)))
    }

    fn with_fact(mut self, key: &str, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    fn of(refusal: &Refusal, named: &Named) -> Self {
        let mut told = of_refusal(refusal, named);
        let ids = [
            ("session_id", named.session.as_ref().map(ToString::to_string)),
            ("bridge_id", named.bridge.as_ref().map(ToString::to_string)),
            ("playback_id", named.playback.as_ref().map(ToString::to_string)),
        ];
        for (key, id) in ids {
            if let Some(id) = id {
                told.metadata.entry(key.into()).or_insert(id);
            }
        }
        told
    }
}

fn engine_name(engine: &EngineRef) -> String {
    if engine.id.is_empty() { engine.group.to_string() } else { format!("{}/{}", engine.group, engine.id) }
}

fn of_refusal(refusal: &Refusal, named: &Named) -> Told {
    match refusal {
        Refusal::Command(error) => of_command(error, named),
        Refusal::Media(error) => of_media(error, named),
        // It is about that one of the members that the command named.
        Refusal::Member { session, refusal } => {
            Told::of(refusal, &Named { session: Some(session.clone()), ..named.clone() })
        }
        Refusal::BadFields(bad) => {
            let violations: Vec<FieldViolation> =
                bad.iter().map(|bad| FieldViolation::new(&bad.field, &bad.problem)).collect();
            Told::new(Code::InvalidArgument, ErrorReason::BadField).with(BadRequest::new(violations))
        }
        Refusal::NotServed(fields) => {
            let violations: Vec<FieldViolation> =
                fields.iter().map(|field| FieldViolation::new(*field, "is not served yet")).collect();
            Told::new(Code::Unimplemented, ErrorReason::NotServed).with(BadRequest::new(violations))
        }
        Refusal::Deadline => Told::new(Code::DeadlineExceeded, ErrorReason::Deadline),
        Refusal::Full(bound) => Told::limit(ErrorReason::LimitReached, bound.name(), refusal.to_string()),
        Refusal::BridgeNotFound(bridge) => {
            Told::not_found(ErrorReason::BridgeNotFound, kind::BRIDGE, bridge.as_str())
        }
        Refusal::BridgeExists(bridge) => {
            Told::exists(ErrorReason::BridgeExists, kind::BRIDGE, bridge.as_str())
        }
        Refusal::BridgeNotOwned(bridge) => {
            Told::not_owner(kind::BRIDGE, bridge.as_str(), refusal.to_string())
        }
        Refusal::EngineAttached(engine) => {
            Told::exists(ErrorReason::EngineAttached, kind::ENGINE, engine_name(engine))
                .with(RetryInfo::new(Some(RETRY_ATTACH)))
        }
        Refusal::EngineNotAttached(engine) => {
            let subject = engine_name(engine);
            Told::precondition(ErrorReason::EngineNotAttached, &subject, refusal.to_string())
        }
        Refusal::EngineReplaced => Told::new(Code::Aborted, ErrorReason::EngineReplaced),
        Refusal::EngineSilent => Told::new(Code::DeadlineExceeded, ErrorReason::EngineSilent),
        Refusal::BadStream(problem) => Told::bad_field(ErrorReason::BadStream, "message", problem.clone()),
        Refusal::Draining => Told::unavailable(ErrorReason::Draining),
        Refusal::Internal(_) => Told::new(Code::Internal, ErrorReason::Internal),
    }
}

fn of_command(error: &CommandError, named: &Named) -> Told {
    let session = name(named.session.as_ref());
    match error {
        CommandError::SessionNotFound(session) => {
            Told::not_found(ErrorReason::SessionNotFound, kind::SESSION, session.as_str())
                .with_fact("session_id", session.as_str())
        }
        CommandError::SessionExists(session) => {
            Told::exists(ErrorReason::SessionExists, kind::SESSION, session.as_str())
                .with_fact("session_id", session.as_str())
        }
        CommandError::SessionEnded(session) => Told::new(Code::AlreadyExists, ErrorReason::SessionExists)
            .with(ResourceInfo::new(kind::SESSION, session.as_str(), "", "was used by a session that ended"))
            .with_fact("session_id", session.as_str())
            .with_fact("ended", "true"),
        CommandError::WrongState { state, operation, legal } => {
            Told::precondition(ErrorReason::WrongState, &session, error.to_string())
                .with_fact("state", super::words::state(*state).as_str_name())
                .with_fact("verb", *operation)
                .with_fact("legal", legal.join(","))
        }
        CommandError::OperationRunning { running } => {
            Told::precondition(ErrorReason::OperationRunning, &session, error.to_string())
                .with_fact("running", super::words::operation(*running).as_str_name())
        }
        CommandError::NotOwner => Told::not_owner(kind::SESSION, session, error.to_string()),
        CommandError::NoMedia => Told::precondition(ErrorReason::NoMedia, &session, error.to_string()),
        CommandError::BadTarget(_) => {
            Told::bad_field(ErrorReason::BadTarget, "target_uri", error.to_string())
        }
        CommandError::BadProxy(_) => {
            Told::bad_field(ErrorReason::BadTarget, "outbound_proxy_uri", error.to_string())
        }
        CommandError::BadArgument(problem) => {
            Told::bad_field(ErrorReason::BadField, "verb", (*problem).to_owned())
        }
        CommandError::LimitReached(bound) => Told::limit(ErrorReason::LimitReached, bound, error.to_string()),
        CommandError::MemberNotFound(bridge) => Told::new(Code::NotFound, ErrorReason::MemberNotFound)
            .with(ResourceInfo::new(kind::SESSION, session, bridge.as_str(), "is not in the bridge"))
            .with_fact("bridge_id", bridge.as_str()),
        CommandError::PlaybackNotFound => {
            Told::not_found(ErrorReason::PlaybackNotFound, kind::PLAYBACK, name(named.playback.as_ref()))
        }
        CommandError::PlaybackExists => {
            Told::exists(ErrorReason::PlaybackExists, kind::PLAYBACK, name(named.playback.as_ref()))
        }
        CommandError::Media(error) => of_media(error, named),
        CommandError::Draining => Told::unavailable(ErrorReason::Draining),
    }
}

/// An id as text; empty where none was named.
fn name(id: Option<&impl ToString>) -> String {
    id.map(ToString::to_string).unwrap_or_default()
}

fn of_media(error: &MediaError, named: &Named) -> Told {
    match error {
        MediaError::Unavailable => Told::unavailable(ErrorReason::MediaUnavailable),
        MediaError::NoEndpoint | MediaError::NotNegotiated(_) => {
            Told::precondition(ErrorReason::NoMedia, &name(named.session.as_ref()), error.to_string())
        }
        MediaError::NoBridge => {
            Told::not_found(ErrorReason::BridgeNotFound, kind::BRIDGE, name(named.bridge.as_ref()))
        }
        MediaError::NoPlayback => {
            Told::not_found(ErrorReason::PlaybackNotFound, kind::PLAYBACK, name(named.playback.as_ref()))
        }
        MediaError::NoPort => Told::limit(ErrorReason::NoPort, "rtp_ports", error.to_string()),
        MediaError::Limit(bound) => Told::limit(ErrorReason::LimitReached, bound, error.to_string()),
        MediaError::FileUnusable(_) => Told::bad_field(ErrorReason::FileUnusable, "file", error.to_string()),
        MediaError::NodeDiffers(_) => {
            let bridge = name(named.bridge.as_ref());
            Told::precondition(ErrorReason::MediaNodeDiffers, &bridge, error.to_string())
        }
        MediaError::NothingAcceptable(_)
        | MediaError::BadDescription(_)
        | MediaError::BadAnswer(_)
        | MediaError::Other(_) => Told::new(Code::Internal, ErrorReason::Internal),
    }
}

#[cfg(test)]
mod tests;
