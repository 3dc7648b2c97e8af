//! The non-INVITE server transaction (RFC 3261 §17.2.2).

use bytes::Bytes;

use super::step::{Effects, Tell};
use super::timer::{Timer, Timing};
use crate::sip::{Request, Response};

/// The machine.
///
/// ```text
///                       | request: tell user
///                       v
///                  +--------+  request: absorbed
///                  | Trying |
///                  +--------+
///     1xx from user: |    | 200-699 from user: send, set J
///               send v    |
///           +------------+|
///      +----| Proceeding || 200-699 from user: send, set J
///      +--->+------------+|------------+
///   request: last 1xx     |            |
///   again; 1xx: send      v            |
///                  +-----------+<------+
///                  | Completed | request: final response again
///                  +-----------+
///                       | J
///                       v
///                 +------------+
///                 | Terminated |
///                 +------------+
/// ```
///
/// A transport error is told to the user and moves nothing (RFC 6026 §8.8). On reliable transports J is zero: the final
/// response leads straight to `Terminated`. A request that the user leaves without a final response is given up 64·T1
/// after it came: its client's timer F has fired and a response would find nobody (RFC 4320 §4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ServerNonInvite {
    /// Without any response.
    Trying { request: Request },
    /// With a provisional response.
    Proceeding { request: Request, last: Bytes },
    /// With the final response.
    Completed { response: Bytes },
    /// Over.
    Terminated,
}

/// What can happen to it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Input<'a> {
    Timer(Timer),
    /// The request came again.
    Request,
    /// The user answers.
    Respond(&'a Response),
    /// The last response could not be sent.
    TransportError,
}

impl ServerNonInvite {
    /// `request: tell user`.
    pub fn start(request: Request, timing: &Timing) -> (Self, Effects) {
        (Self::Trying { request }, Effects::none().set(Timer::Unanswered, timing.timeout()))
    }

    /// One input.
    pub fn step(self, input: Input<'_>, timing: &Timing) -> (Self, Effects) {
        match self {
            Self::Trying { request } => trying(request, input, timing),
            Self::Proceeding { request, last } => proceeding(request, last, input, timing),
            Self::Completed { response } => completed(response, input),
            Self::Terminated => match input {
                Input::Respond(_) => (Self::Terminated, Effects::none().tell(Tell::AlreadyFinal)),
                Input::Timer(_) | Input::Request | Input::TransportError => {
                    (Self::Terminated, Effects::unexpected())
                }
            },
        }
    }

    /// The request, as long as it is kept.
    pub const fn request(&self) -> Option<&Request> {
        match self {
            Self::Trying { request } | Self::Proceeding { request, .. } => Some(request),
            Self::Completed { .. } | Self::Terminated => None,
        }
    }

    /// The state's RFC name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Trying { .. } => "Trying",
            Self::Proceeding { .. } => "Proceeding",
            Self::Completed { .. } => "Completed",
            Self::Terminated => "Terminated",
        }
    }
}

fn trying(request: Request, input: Input<'_>, timing: &Timing) -> (ServerNonInvite, Effects) {
    let effects = match input {
        Input::Respond(response) => return answer(request, response, timing),
        Input::Timer(Timer::Unanswered) => return unanswered(),
        Input::Request => Effects::none().tell(Tell::Repeat),
        // Nothing was sent yet.
        Input::TransportError => Effects::none(),
        Input::Timer(_) => Effects::unexpected(),
    };
    (ServerNonInvite::Trying { request }, effects)
}

fn proceeding(
    request: Request,
    last: Bytes,
    input: Input<'_>,
    timing: &Timing,
) -> (ServerNonInvite, Effects) {
    let effects = match input {
        Input::Respond(response) => return answer(request, response, timing),
        Input::Timer(Timer::Unanswered) => return unanswered(),
        Input::Request => Effects::none().send(&last).tell(Tell::Repeat),
        Input::TransportError => Effects::none().tell(Tell::Transport),
        Input::Timer(_) => Effects::unexpected(),
    };
    (ServerNonInvite::Proceeding { request, last }, effects)
}

fn unanswered() -> (ServerNonInvite, Effects) {
    (ServerNonInvite::Terminated, Effects::none().tell(Tell::Unanswered))
}

fn answer(request: Request, response: &Response, timing: &Timing) -> (ServerNonInvite, Effects) {
    let bytes = response.as_bytes().clone();
    let effects = Effects::none().send(&bytes);
    if response.status().is_provisional() {
        (ServerNonInvite::Proceeding { request, last: bytes }, effects)
    } else if timing.reliable {
        (ServerNonInvite::Terminated, effects.stop_deadline())
    } else {
        (ServerNonInvite::Completed { response: bytes }, effects.set(Timer::J, timing.timeout()))
    }
}

fn completed(response: Bytes, input: Input<'_>) -> (ServerNonInvite, Effects) {
    let effects = match input {
        Input::Timer(Timer::J) => return (ServerNonInvite::Terminated, Effects::none()),
        Input::Request => Effects::none().send(&response).tell(Tell::Repeat),
        Input::Respond(_) => Effects::none().tell(Tell::AlreadyFinal),
        Input::TransportError => Effects::none().tell(Tell::Transport),
        Input::Timer(_) => Effects::unexpected(),
    };
    (ServerNonInvite::Completed { response }, effects)
}

#[cfg(test)]
mod tests;
