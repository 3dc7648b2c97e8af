//! What the peer is told when we end a call on our own: the Reason (RFC 3326) of the BYE or CANCEL, by the end's cause.
//!
//! | end | Reason |
//! |---|---|
//! | `Timeout`: it rang too long | `Q.850;cause=19`, no answer |
//! | `MediaTimeout`: no RTP came | `Q.850;cause=102`, a timer expired |
//! | `MediaFailure`: media is lost, or cannot apply what was agreed | `Q.850;cause=41`, a temporary failure |
//! | `EngineGone`, `Shutdown`, `NoEngine`, `Internal` | `Q.850;cause=41` |
//! | `DurationLimit` | `Q.850;cause=31`, normal |
//!
//! An engine's own `Terminate` bears what the engine gives. Ends that the leg finds, such as an ACK that never came,
//! have their Reason from the leg. A final response has none: its status says it.

use super::event::EndCause;
use crate::ground::Reason;

/// The Reason of an end that no command led to. `None`: the peer knows, or the leg says it.
pub(super) const fn of(cause: EndCause) -> Option<Reason> {
    Some(match cause {
        EndCause::Timeout => Reason::q850(19, "No answer"),
        EndCause::MediaTimeout => Reason::q850(102, "No RTP received"),
        EndCause::MediaFailure => Reason::q850(41, "Media failure"),
        EndCause::EngineGone | EndCause::NoEngine => Reason::q850(41, "Application gone"),
        EndCause::Shutdown => Reason::q850(41, "Shutting down"),
        EndCause::Internal => Reason::q850(41, "Internal error"),
        EndCause::DurationLimit => Reason::q850(31, "Maximum call duration"),
        EndCause::RemoteHangup
        | EndCause::LocalHangup
        | EndCause::Cancelled
        | EndCause::Busy
        | EndCause::Declined
        | EndCause::Rejected
        | EndCause::Redirected
        | EndCause::AckTimeout
        | EndCause::NetworkFailure
        | EndCause::DialogLost => return None,
    })
}
