//! The INVITE client transaction (RFC 3261 §17.1.1, RFC 6026 §7.2, and CANCEL by §9.1).
//!
//! The ACK to a refusal is made here; the ACK to a 2xx is the transaction user's.

use std::time::Duration;

use bytes::Bytes;

use super::event::{CancelError, Cancelling};
use super::step::{Effects, Tell};
use super::timer::{Timer, Timing};
use crate::sip::{Request, Response, build_ack};

/// The machine.
///
/// ```text
///                           | INVITE from user: send, set A, B
///        A: send, A ×2      v
///                 +--- +---------+  B, transport error: tell user
///                 +--->| Calling |------------------------------------+
///                      +---------+                                    |
///            2xx: tell   |  |  |  300-699: ACK, tell, set D           |
///       +----------------+  |  +-----------------------+              |
///       |               1xx: tell, CANCEL if wished    |              |
///       |                   v                          |              |
///       |            +------------+ 1xx: tell          |              |
///       |<-----------| Proceeding | CANCEL: send       |              |
///       | 2xx: tell  +------------+                    |              |
///       |              |     | 300-699: ACK, tell, set D              |
///       |              |     +------------------------>|              |
///       |              | 64·T1 after CANCEL:           |              |
///       |              | tell user                     v              |
///       v              |                        +-----------+         |
///  +----------+        |   300-699: ACK again   | Completed |         |
///  | Accepted |        |                        +-----------+         |
///  +----------+        |                 D, transport error |         |
///   2xx: tell | M      v                                    v         |
///             +----->+------------+<--------------------------<-------+
///                    | Terminated |
///                    +------------+
/// ```
///
/// A is set on unreliable transports only; on reliable ones D is zero: a refusal leads straight to `Terminated`.
/// A CANCEL waits in `Calling` for a provisional response. In `Proceeding` no timer runs unless a CANCEL was sent: how
/// long a phone may ring is the user's business.
///
/// The end of the connection is no error: in `Calling` the INVITE may have been lost with it and goes once more, with
/// the same branch, by which a server that has it absorbs it (§17.2.3). In `Proceeding` the INVITE has arrived, and
/// Figure 5 knows no transport error there: the final response may come on another connection (§18.2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ClientInvite {
    /// The INVITE is sent, nothing came back.
    Calling {
        request: Request,
        /// Timer A's interval.
        every: Duration,
        /// To be sent when a provisional response comes.
        cancel: Option<Request>,
    },
    /// A provisional response came.
    Proceeding { request: Request, cancelled: bool },
    /// It was refused; its ACK is kept for repeats of the refusal.
    Completed { ack: Bytes },
    /// It was accepted.
    Accepted,
    /// Over.
    Terminated,
}

/// What can happen to it.
#[derive(Clone, Debug)]
pub(super) enum Input<'a> {
    Timer(Timer),
    Response(&'a Response),
    /// The user withdraws it by this CANCEL.
    Cancel(Request),
    /// The last message could not be sent.
    TransportError,
    /// The connection that it was sent on ended; from here on it sends on another.
    ConnectionLost,
}

impl ClientInvite {
    /// `INVITE from user`.
    pub fn start(request: Request, timing: &Timing) -> (Self, Effects) {
        let effects = Effects::none().send(request.as_bytes()).set(Timer::B, timing.timeout());
        let effects = if timing.reliable { effects } else { effects.set(Timer::A, timing.t1) };
        (Self::Calling { request, every: timing.t1, cancel: None }, effects)
    }

    /// What [`Input::Cancel`] would do.
    pub const fn cancelling(&self) -> Result<Cancelling, CancelError> {
        match self {
            Self::Calling { cancel: None, .. } => Ok(Cancelling::AfterProvisional),
            Self::Proceeding { cancelled: false, .. } => Ok(Cancelling::Sent),
            Self::Calling { .. } | Self::Proceeding { .. } => Err(CancelError::AlreadyCancelled),
            Self::Completed { .. } | Self::Accepted | Self::Terminated => Err(CancelError::AlreadyFinal),
        }
    }

    /// One input.
    pub fn step(self, input: Input<'_>, timing: &Timing) -> (Self, Effects) {
        match self {
            Self::Calling { request, every, cancel } => calling(request, every, cancel, input, timing),
            Self::Proceeding { request, cancelled } => proceeding(request, cancelled, input, timing),
            Self::Completed { ack } => completed(ack, input),
            Self::Accepted => accepted(input),
            Self::Terminated => (Self::Terminated, Effects::unexpected()),
        }
    }

    /// The request, as long as it is kept.
    pub const fn request(&self) -> Option<&Request> {
        match self {
            Self::Calling { request, .. } | Self::Proceeding { request, .. } => Some(request),
            Self::Completed { .. } | Self::Accepted | Self::Terminated => None,
        }
    }

    /// The state's RFC name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Calling { .. } => "Calling",
            Self::Proceeding { .. } => "Proceeding",
            Self::Completed { .. } => "Completed",
            Self::Accepted => "Accepted",
            Self::Terminated => "Terminated",
        }
    }
}

fn calling(
    request: Request,
    every: Duration,
    cancel: Option<Request>,
    input: Input<'_>,
    timing: &Timing,
) -> (ClientInvite, Effects) {
    match input {
        Input::Response(response) if response.status().is_provisional() => {
            let effects = Effects::none().tell(Tell::Response).stop_retransmission();
            let cancelled = cancel.is_some();
            let effects = match cancel {
                Some(cancel) => effects.cancel(cancel).set(Timer::Cancelled, timing.timeout()),
                None => effects.stop_deadline(),
            };
            (ClientInvite::Proceeding { request, cancelled }, effects)
        }
        Input::Response(response) => match answered(&request, response, timing) {
            Some(step) => step,
            None => (ClientInvite::Calling { request, every, cancel }, Effects::unexpected()),
        },
        Input::Timer(Timer::A) => {
            let every = every.saturating_mul(2);
            let effects = Effects::none().send(request.as_bytes()).set(Timer::A, every);
            (ClientInvite::Calling { request, every, cancel }, effects)
        }
        Input::Timer(Timer::B) => (ClientInvite::Terminated, Effects::none().tell(Tell::Timeout)),
        Input::TransportError => (ClientInvite::Terminated, Effects::none().tell(Tell::Transport)),
        Input::ConnectionLost => {
            let effects = Effects::none().send(request.as_bytes());
            (ClientInvite::Calling { request, every, cancel }, effects)
        }
        Input::Cancel(wish) if cancel.is_none() => {
            (ClientInvite::Calling { request, every, cancel: Some(wish) }, Effects::none())
        }
        Input::Cancel(_) | Input::Timer(_) => {
            (ClientInvite::Calling { request, every, cancel }, Effects::unexpected())
        }
    }
}

fn proceeding(
    request: Request,
    cancelled: bool,
    input: Input<'_>,
    timing: &Timing,
) -> (ClientInvite, Effects) {
    match input {
        Input::Response(response) if response.status().is_provisional() => {
            (ClientInvite::Proceeding { request, cancelled }, Effects::none().tell(Tell::Response))
        }
        Input::Response(response) => match answered(&request, response, timing) {
            Some(step) => step,
            None => (ClientInvite::Proceeding { request, cancelled }, Effects::unexpected()),
        },
        Input::Cancel(cancel) if !cancelled => {
            let effects = Effects::none().cancel(cancel).set(Timer::Cancelled, timing.timeout());
            (ClientInvite::Proceeding { request, cancelled: true }, effects)
        }
        Input::Timer(Timer::Cancelled) if cancelled => {
            (ClientInvite::Terminated, Effects::none().tell(Tell::Cancelled))
        }
        // The peer has the INVITE, whatever became of a repeat of it.
        Input::TransportError | Input::ConnectionLost => {
            (ClientInvite::Proceeding { request, cancelled }, Effects::none())
        }
        Input::Cancel(_) | Input::Timer(_) => {
            (ClientInvite::Proceeding { request, cancelled }, Effects::unexpected())
        }
    }
}

/// The final response. `None` when it is a refusal that cannot be acknowledged, because no ACK can be written.
fn answered(request: &Request, response: &Response, timing: &Timing) -> Option<(ClientInvite, Effects)> {
    let effects = Effects::none().tell(Tell::Response).stop_retransmission();
    if response.status().is_success() {
        return Some((ClientInvite::Accepted, effects.set(Timer::M, timing.timeout())));
    }
    let ack = build_ack(request, response).ok()?.as_bytes().clone();
    let effects = effects.send(&ack);
    Some(if timing.reliable {
        (ClientInvite::Terminated, effects.stop_deadline())
    } else {
        (ClientInvite::Completed { ack }, effects.set(Timer::D, timing.d))
    })
}

fn completed(ack: Bytes, input: Input<'_>) -> (ClientInvite, Effects) {
    match input {
        Input::Response(response) if response.status().code() >= 300 => {
            let effects = Effects::none().send(&ack).tell(Tell::Repeat);
            (ClientInvite::Completed { ack }, effects)
        }
        // The user has its final response and learns of the end by that of the transaction.
        Input::Timer(Timer::D) | Input::TransportError => (ClientInvite::Terminated, Effects::none()),
        // A repeat of the refusal may come another way.
        Input::ConnectionLost => (ClientInvite::Completed { ack }, Effects::none()),
        Input::Response(_) | Input::Cancel(_) | Input::Timer(_) => {
            (ClientInvite::Completed { ack }, Effects::unexpected())
        }
    }
}

fn accepted(input: Input<'_>) -> (ClientInvite, Effects) {
    match input {
        Input::Response(response) if response.status().is_success() => {
            (ClientInvite::Accepted, Effects::none().tell(Tell::Response))
        }
        Input::Timer(Timer::M) => (ClientInvite::Terminated, Effects::none()),
        // Nothing is sent from here, and further 2xx may come another way.
        Input::TransportError | Input::ConnectionLost => (ClientInvite::Accepted, Effects::none()),
        Input::Response(_) | Input::Cancel(_) | Input::Timer(_) => {
            (ClientInvite::Accepted, Effects::unexpected())
        }
    }
}

#[cfg(test)]
mod tests;
