//! Why a command was refused, and what a caller is told whose call cannot go on because of it.

use prost_types::{Any, Duration};
use tonic_types::pb::{ErrorInfo, QuotaFailure, RetryInfo};

use crate::proto::session::v1::{CommandStatus, ErrorReason, SessionState};

/// What the bound is called that a call has reached which went through too many proxies (RFC 3261 §16.3).
const HOPS: &str = "Max-Forwards";

/// A command's refusal.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// Why.
    pub reason: ErrorReason,
    /// Which bound is reached; empty when none is.
    pub bound: String,
    /// When to try again, where that is known.
    pub retry_after: Option<Duration>,
    /// The session that the command was for is being ended.
    pub is_ending: bool,
}

impl Refusal {
    /// Reads the details of a status.
    #[must_use]
    pub fn of(status: &CommandStatus) -> Self {
        let info = detail::<ErrorInfo>(&status.details, "google.rpc.ErrorInfo").unwrap_or_default();
        let reason = ErrorReason::from_str_name(&format!("ERROR_REASON_{}", info.reason)).unwrap_or_default();
        let state = info.metadata.get("state").and_then(|name| SessionState::from_str_name(name));
        let quota = detail::<QuotaFailure>(&status.details, "google.rpc.QuotaFailure");
        let bound = quota.and_then(|quota| quota.violations.into_iter().next()).map(|first| first.subject);
        let retry = detail::<RetryInfo>(&status.details, "google.rpc.RetryInfo");
        Self {
            reason,
            bound: bound.unwrap_or_default(),
            retry_after: retry.and_then(|retry| retry.retry_delay),
            is_ending: matches!(state, Some(SessionState::Terminating | SessionState::Terminated)),
        }
    }

    /// Whether the session that the command was for is over, or ends just now: nobody is left to be told anything. Commands
    /// and a caller who hangs up meet all the time.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.is_ending || self.reason == ErrorReason::SessionNotFound
    }

    /// The status with which a call ends that this refusal stops, and its Retry-After.
    #[must_use]
    pub fn sip_status(&self) -> (u32, Option<Duration>) {
        match self.reason {
            ErrorReason::BadTarget | ErrorReason::BadField | ErrorReason::FileUnusable => (404, None),
            // It would be refused again: the call goes in a loop.
            ErrorReason::LimitReached if self.bound.starts_with(HOPS) => (483, None),
            ErrorReason::LimitReached
            | ErrorReason::NoPort
            | ErrorReason::Draining
            | ErrorReason::MediaUnavailable
            | ErrorReason::EngineNotAttached
            | ErrorReason::Deadline => (503, self.retry_after),
            _ => (500, None),
        }
    }
}

/// The detail of this name.
fn detail<M: prost::Message + Default>(details: &[Any], name: &str) -> Option<M> {
    let is_named = |any: &&Any| any.type_url.rsplit('/').next() == Some(name);
    details.iter().find(is_named).and_then(|any| M::decode(any.value.as_slice()).ok())
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use tonic_types::{ErrorDetails, StatusExt as _};

    use super::*;

    /// A status as the service writes it.
    fn refused(reason: &str, bound: &str) -> CommandStatus {
        refused_in("SESSION_STATE_CONNECTED", reason, bound)
    }

    /// As [`refused`], of a session in this state.
    fn refused_in(state: &str, reason: &str, bound: &str) -> CommandStatus {
        let state = [("state".to_owned(), state.to_owned())];
        let mut details = ErrorDetails::with_error_info(reason, "callplane.dev", state);
        if !bound.is_empty() {
            details.add_quota_failure_violation(bound, "is reached");
            details.set_retry_info(Some(std::time::Duration::from_secs(1)));
        }
        let status = tonic::Status::with_error_details(tonic::Code::Unknown, "refused", details);
        let details = tonic_types::pb::Status::decode(status.details()).unwrap().details;
        CommandStatus { code: status.code() as i32, message: "refused".into(), details }
    }

    #[test]
    fn every_refusal_has_the_status_that_says_it_best() {
        let second = Some(Duration { seconds: 1, nanos: 0 });
        let rows = [
            ("BAD_TARGET", "", (404, None)),
            ("LIMIT_REACHED", "Max-Forwards: the call has been forwarded too often", (483, None)),
            ("LIMIT_REACHED", "sessions", (503, second)),
            ("NO_PORT", "rtp_ports", (503, second)),
            ("DRAINING", "", (503, None)),
            ("WRONG_STATE", "", (500, None)),
            ("SOMETHING_NEW", "", (500, None)),
        ];
        for (reason, bound, told) in rows {
            assert_eq!(Refusal::of(&refused(reason, bound)).sip_status(), told, "{reason} {bound}");
        }
    }

    #[test]
    fn nobody_is_told_of_a_session_that_is_over_or_ends() {
        assert!(Refusal::of(&refused("SESSION_NOT_FOUND", "")).is_gone());
        assert!(Refusal::of(&refused_in("SESSION_STATE_TERMINATING", "WRONG_STATE", "")).is_gone());
        assert!(!Refusal::of(&refused("WRONG_STATE", "")).is_gone());
    }

    #[test]
    fn a_status_without_details_is_a_fault_of_ours() {
        let bare = CommandStatus { code: 13, message: String::new(), details: vec![] };
        assert_eq!(Refusal::of(&bare).sip_status(), (500, None));
    }
}
