//! What goes wrong, and what it becomes: the refusal that the peer gets and the cause that the engine hears.
//!
//! | media says | an INVITE or re-INVITE is refused with |
//! |---|---|
//! | nothing acceptable in the offer, or an answer that does not fit | 488 with a Warning that says why |
//! | unreadable description | 400 with a Warning |
//! | away, no port, a bound reached | 503 with Retry-After |
//! | no reply in time | 504 |
//! | anything else | 500 |
//!
//! | the leg says | before the answer | after it |
//! |---|---|---|
//! | `Timeout` | Timeout | DialogLost |
//! | `Transport`, `Unlocated` | NetworkFailure | NetworkFailure |
//! | `DialogLost` | DialogLost | DialogLost |
//! | `Protocol` | MediaFailure | MediaFailure |
//! | `Limit` | Internal | Internal |
//!
//! | final response to our INVITE | cause |
//! |---|---|
//! | 300 to 399 | Redirected |
//! | 408 | Timeout |
//! | 486, 600 | Busy |
//! | 487 | Cancelled |
//! | 603 | Declined |
//! | any other | Rejected |

use super::action::MediaFault;
use super::event::{EndCause, Ended, Outcome};
use super::media::MediaError;
use super::settings::{Refusal, SessionSettings};
use crate::ground::Mismatch;
use crate::ground::leg::{Farewell, LegFailure, Unanswered};
use crate::sip::StatusCode;

/// What the peer gets when media could not serve its INVITE or re-INVITE.
pub(super) fn refusal_for(fault: &MediaFault, settings: &SessionSettings) -> Refusal {
    let MediaFault::Refused(error) = fault else { return Refusal::plain(504) };
    match error {
        &MediaError::NothingAcceptable(mismatch) => Refusal::unfit(mismatch),
        MediaError::BadAnswer(_) => Refusal::unfit(Mismatch::Other),
        MediaError::BadDescription(_) => Refusal::unreadable(),
        MediaError::Unavailable | MediaError::NoPort | MediaError::Limit(_) => {
            Refusal::later(503, settings.media_retry_after)
        }
        MediaError::NoEndpoint
        | MediaError::NoBridge
        | MediaError::NoPlayback
        | MediaError::FileUnusable(_)
        | MediaError::NodeDiffers(_)
        | MediaError::NotNegotiated(_)
        | MediaError::Other(_) => Refusal::plain(500),
    }
}

/// Why a call ended that was refused with this status.
pub(super) const fn cause_of_status(status: u16) -> EndCause {
    match status {
        300..=399 => EndCause::Redirected,
        408 => EndCause::Timeout,
        486 | 600 => EndCause::Busy,
        487 => EndCause::Cancelled,
        603 => EndCause::Declined,
        _ => EndCause::Rejected,
    }
}

/// The phrase that goes with a status of ours where no other was given.
pub(super) fn phrase_of(status: u16) -> String {
    StatusCode::new(status).map_or_else(|_| String::new(), |status| status.reason().to_owned())
}

/// Why a call ended whose leg failed.
pub(super) const fn cause_of_failure(failure: LegFailure, answered: bool) -> EndCause {
    match failure {
        LegFailure::Timeout if answered => EndCause::DialogLost,
        LegFailure::Timeout => EndCause::Timeout,
        LegFailure::Transport | LegFailure::Unlocated => EndCause::NetworkFailure,
        LegFailure::DialogLost => EndCause::DialogLost,
        LegFailure::Protocol => EndCause::MediaFailure,
        LegFailure::Limit => EndCause::Internal,
    }
}

/// How a request within the dialog went, and what there is to tell of it.
pub(super) fn outcome_of_request(outcome: Result<Box<Farewell>, Unanswered>) -> (Outcome, Farewell) {
    match outcome {
        Ok(farewell) if farewell.status < 300 => (Outcome::Succeeded, *farewell),
        Ok(farewell) => (Outcome::Refused, *farewell),
        Err(Unanswered { failure, reason }) => {
            let outcome = if failure == LegFailure::Timeout { Outcome::TimedOut } else { Outcome::Failed };
            let phrase = if reason.is_empty() { failure.to_string() } else { reason.into() };
            (outcome, Farewell { phrase, ..Farewell::default() })
        }
    }
}

impl Ended {
    /// An end with this cause and nothing else to tell.
    #[must_use]
    pub const fn with_cause(cause: EndCause) -> Self {
        Self {
            cause,
            status: 0,
            phrase: String::new(),
            reason: None,
            contacts: Vec::new(),
            fields: Vec::new(),
            body: None,
            duration: None,
            retry_after: None,
            statistics: None,
        }
    }

    /// An end by what the peer sent.
    pub(super) fn by_peer(cause: EndCause, farewell: Farewell) -> Self {
        Self {
            status: farewell.status,
            phrase: farewell.phrase,
            reason: farewell.reason,
            contacts: farewell.contacts,
            fields: farewell.fields,
            body: farewell.body,
            retry_after: farewell.retry_after,
            ..Self::with_cause(cause)
        }
    }

    /// An end because media could not serve the call.
    pub(super) fn by_media(fault: &MediaFault) -> Self {
        Self { phrase: fault.to_string(), ..Self::with_cause(EndCause::MediaFailure) }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(MediaError::NothingAcceptable(Mismatch::MediaFormat), Refusal::unfit(Mismatch::MediaFormat))]
    #[case(MediaError::BadAnswer(String::new()), Refusal::unfit(Mismatch::Other))]
    #[case(MediaError::BadDescription(String::new()), Refusal::unreadable())]
    #[case(MediaError::Unavailable, Refusal::later(503, 5))]
    #[case(MediaError::NoPort, Refusal::later(503, 5))]
    #[case(MediaError::Limit(String::new()), Refusal::later(503, 5))]
    #[case(MediaError::Other(String::new()), Refusal::plain(500))]
    fn each_refusal_of_media_has_its_status(#[case] error: MediaError, #[case] refusal: Refusal) {
        let settings = SessionSettings::default();
        assert_eq!(refusal_for(&MediaFault::Refused(error), &settings), refusal);
        assert_eq!(refusal_for(&MediaFault::TimedOut, &settings), Refusal::plain(504));
    }

    #[rstest]
    #[case(302, EndCause::Redirected)]
    #[case(404, EndCause::Rejected)]
    #[case(408, EndCause::Timeout)]
    #[case(486, EndCause::Busy)]
    #[case(487, EndCause::Cancelled)]
    #[case(600, EndCause::Busy)]
    #[case(603, EndCause::Declined)]
    fn each_final_response_has_its_cause(#[case] status: u16, #[case] cause: EndCause) {
        assert_eq!(cause_of_status(status), cause);
    }

    #[rstest]
    #[case(LegFailure::Timeout, EndCause::Timeout, EndCause::DialogLost)]
    #[case(LegFailure::Transport, EndCause::NetworkFailure, EndCause::NetworkFailure)]
    #[case(LegFailure::Unlocated, EndCause::NetworkFailure, EndCause::NetworkFailure)]
    #[case(LegFailure::DialogLost, EndCause::DialogLost, EndCause::DialogLost)]
    #[case(LegFailure::Protocol, EndCause::MediaFailure, EndCause::MediaFailure)]
    #[case(LegFailure::Limit, EndCause::Internal, EndCause::Internal)]
    fn each_failure_of_the_leg_has_its_cause(
        #[case] failure: LegFailure,
        #[case] before: EndCause,
        #[case] after: EndCause,
    ) {
        assert_eq!(cause_of_failure(failure, false), before);
        assert_eq!(cause_of_failure(failure, true), after);
    }
}
