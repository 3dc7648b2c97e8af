//! How a refusal is told: `google.rpc.Status` with ErrorInfo first, the same for a unary call and for a command of a
//! stream.
//!
//! | refusal | gRPC code | reason | with |
//! |---|---|---|---|
//! | no such session, bridge, playback | NOT_FOUND | `…_NOT_FOUND` | ResourceInfo |
//! | id taken, engine attached | ALREADY_EXISTS | `…_EXISTS`, `ENGINE_ATTACHED` | ResourceInfo |
//! | not legal now | FAILED_PRECONDITION | `WRONG_STATE`, `OPERATION_RUNNING`, `NOT_OWNER`, `NO_MEDIA`, … | PreconditionFailure |
//! | field, target, file, stream | INVALID_ARGUMENT | `BAD_FIELD`, `BAD_TARGET`, `FILE_UNUSABLE`, `BAD_STREAM` | BadRequest |
//! | not served | UNIMPLEMENTED | `NOT_SERVED` | BadRequest |
//! | a bound | RESOURCE_EXHAUSTED | `LIMIT_REACHED`, `NO_PORT` | QuotaFailure, RetryInfo |
//! | media away, draining | UNAVAILABLE | `MEDIA_UNAVAILABLE`, `DRAINING` | RetryInfo |
//! | too late, silent | DEADLINE_EXCEEDED | `DEADLINE`, `ENGINE_SILENT` | |

use std::collections::HashMap;
use std::time::Duration;

use prost::Message;
use tonic::{Code, Status};
use tonic_types::{
    BadRequest, ErrorDetail, ErrorInfo, FieldViolation, PreconditionFailure, QuotaFailure, ResourceInfo,
    RetryInfo, StatusExt,
};

use crate::proto::session::v1::{CommandStatus, ErrorReason};
use crate::session::command::CommandError;
use crate::session::media::MediaError;
use crate::signaling::refusal::Refusal;

/// ErrorInfo's domain.
const DOMAIN: &str = "callplane";

/// How long to wait before another try, where nothing better is known.
const RETRY: Duration = Duration::from_secs(1);

/// How long an engine should wait that found its id attached: a dead stream is noticed by its silence.
const RETRY_ATTACH: Duration = Duration::from_secs(5);

/// The status of a unary call that is refused.
pub(super) fn status(refusal: &Refusal) -> Status {
    let told = Told::from(refusal);
    let message = refusal.to_string();
    if told.code == Code::Internal {
        tracing::error!(error = message, "internal");
    }
    Status::with_error_details_vec(told.code, message, told.into_details())
}

/// The status of a command of a stream that is refused.
pub(super) fn command_status(refusal: &Refusal) -> CommandStatus {
    let status = status(refusal);
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
}

impl From<&Refusal> for Told {
    fn from(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::Command(error) => of_command(error),
            Refusal::Media(error) => of_media(error),
            Refusal::BadFields(bad) => {
                let violations: Vec<FieldViolation> =
                    bad.iter().map(|bad| FieldViolation::new(&bad.field, &bad.problem)).collect();
                Self::new(Code::InvalidArgument, ErrorReason::BadField).with(BadRequest::new(violations))
            }
            Refusal::NotServed(fields) => {
                let violations: Vec<FieldViolation> =
                    fields.iter().map(|field| FieldViolation::new(*field, "is not served yet")).collect();
                Self::new(Code::Unimplemented, ErrorReason::NotServed).with(BadRequest::new(violations))
            }
            Refusal::Deadline => Self::new(Code::DeadlineExceeded, ErrorReason::Deadline),
            Refusal::Full(bound) => Self::limit(ErrorReason::LimitReached, bound.name(), refusal.to_string()),
            Refusal::BridgeNotFound(bridge) => {
                Self::not_found(ErrorReason::BridgeNotFound, "bridge", bridge.as_str())
            }
            Refusal::BridgeExists(bridge) => {
                Self::exists(ErrorReason::BridgeExists, "bridge", bridge.as_str())
            }
            Refusal::BridgeNotOwned(bridge) => {
                Self::precondition(ErrorReason::NotOwner, bridge.as_str(), refusal.to_string())
            }
            Refusal::EngineAttached(engine) => {
                let name = format!("{}/{}", engine.group, engine.id);
                Self::exists(ErrorReason::EngineAttached, "engine", name)
                    .with(RetryInfo::new(Some(RETRY_ATTACH)))
            }
            Refusal::EngineNotAttached(engine) => {
                let subject = format!("{}/{}", engine.group, engine.id);
                Self::precondition(ErrorReason::EngineNotAttached, &subject, refusal.to_string())
            }
            Refusal::EngineSilent => Self::new(Code::DeadlineExceeded, ErrorReason::EngineSilent),
            Refusal::BadStream(problem) => {
                Self::bad_field(ErrorReason::BadStream, "message", problem.clone())
            }
            Refusal::Draining => Self::unavailable(ErrorReason::Draining),
            Refusal::Internal(_) => Self::new(Code::Internal, ErrorReason::Internal),
        }
    }
}

fn of_command(error: &CommandError) -> Told {
    match error {
        CommandError::SessionNotFound(session) => {
            Told::not_found(ErrorReason::SessionNotFound, "session", session.as_str())
        }
        CommandError::SessionExists(session) => {
            Told::exists(ErrorReason::SessionExists, "session", session.as_str())
        }
        CommandError::WrongState { state, operation, legal } => {
            let mut told = Told::precondition(ErrorReason::WrongState, operation, error.to_string());
            told.metadata.insert("state".into(), state.to_string());
            told.metadata.insert("operation".into(), (*operation).to_owned());
            told.metadata.insert("legal".into(), legal.join(","));
            told
        }
        CommandError::OperationRunning { running } => {
            let running = format!("{running:?}");
            let mut told = Told::precondition(ErrorReason::OperationRunning, &running, error.to_string());
            told.metadata.insert("running".into(), running);
            told
        }
        CommandError::NotOwner => Told::precondition(ErrorReason::NotOwner, "session", error.to_string()),
        CommandError::NoMedia => Told::precondition(ErrorReason::NoMedia, "session", error.to_string()),
        CommandError::BadTarget(_) => {
            Told::bad_field(ErrorReason::BadTarget, "target_uri", error.to_string())
        }
        CommandError::BadArgument(problem) => {
            Told::bad_field(ErrorReason::BadField, "verb", (*problem).to_owned())
        }
        CommandError::LimitReached(bound) => Told::limit(ErrorReason::LimitReached, bound, error.to_string()),
        CommandError::BridgeNotFound(bridge) => {
            Told::not_found(ErrorReason::BridgeNotFound, "bridge", bridge.as_str())
        }
        CommandError::PlaybackNotFound => Told::not_found(ErrorReason::PlaybackNotFound, "playback", ""),
        CommandError::PlaybackExists => Told::exists(ErrorReason::PlaybackExists, "playback", ""),
        CommandError::Media(error) => of_media(error),
        CommandError::Draining => Told::unavailable(ErrorReason::Draining),
    }
}

fn of_media(error: &MediaError) -> Told {
    match error {
        MediaError::Unavailable => Told::unavailable(ErrorReason::MediaUnavailable),
        MediaError::NoEndpoint | MediaError::NotNegotiated(_) => {
            Told::precondition(ErrorReason::NoMedia, "session", error.to_string())
        }
        MediaError::NoBridge => Told::not_found(ErrorReason::BridgeNotFound, "bridge", ""),
        MediaError::NoPlayback => Told::not_found(ErrorReason::PlaybackNotFound, "playback", ""),
        MediaError::NoPort => Told::limit(ErrorReason::NoPort, "rtp_ports", error.to_string()),
        MediaError::Limit(bound) => Told::limit(ErrorReason::LimitReached, bound, error.to_string()),
        MediaError::FileUnusable(_) => Told::bad_field(ErrorReason::FileUnusable, "file", error.to_string()),
        MediaError::NodeDiffers(_) => {
            Told::precondition(ErrorReason::MediaNodeDiffers, "bridge", error.to_string())
        }
        MediaError::NothingAcceptable(_)
        | MediaError::BadDescription(_)
        | MediaError::BadAnswer(_)
        | MediaError::Other(_) => Told::new(Code::Internal, ErrorReason::Internal),
    }
}
