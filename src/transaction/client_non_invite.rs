//! The non-INVITE client transaction (RFC 3261 §17.1.2).

use std::time::Duration;

use super::step::{Effects, Tell};
use super::timer::{Timer, Timing};
use crate::sip::{Request, Response};

/// The machine.
///
/// ```text
///                            | request from user: send, set E, F
///     E: send, E ×2 to T2    v
///                  +--- +--------+  F, transport error: tell user
///                  +--->| Trying |-------------------------------+
///                       +--------+                               |
///       200-699: tell, set K |  | 1xx: tell                      |
///                +-----------+  v                                |
///                |        +------------+  F, UDP: transport      |
///  1xx: tell     |<-------| Proceeding |  error: tell user       |
///  E: send, T2   | final  +------------+------------------------>|
///                v                                               |
///           +-----------+                                        |
///           | Completed | any response: absorbed                 |
///           +-----------+                                        |
///                | K                                             |
///                v                                               |
///          +------------+                                        |
///          | Terminated |<---------------------------------------+
///          +------------+
/// ```
///
/// E is set on unreliable transports only; on reliable ones K is zero: the final response leads straight to
/// `Terminated`. The end of the connection is no error, as with INVITE: in `Trying` the request goes once more, in
/// `Proceeding` it has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ClientNonInvite {
    /// The request is sent, nothing came back.
    Trying {
        request: Request,
        /// Timer E's interval.
        every: Duration,
    },
    /// A provisional response came.
    Proceeding { request: Request },
    /// The final response came.
    Completed,
    /// Over.
    Terminated,
}

/// What can happen to it.
#[derive(Clone, Debug)]
pub(super) enum Input<'a> {
    Timer(Timer),
    Response(&'a Response),
    /// The last message could not be sent.
    TransportError,
    /// The connection that it was sent on ended; from here on it sends on another.
    ConnectionLost,
}

impl ClientNonInvite {
    /// `request from user`.
    pub fn start(request: Request, timing: &Timing) -> (Self, Effects) {
        let effects = Effects::none().send(request.as_bytes()).set(Timer::F, timing.timeout());
        let effects = if timing.reliable { effects } else { effects.set(Timer::E, timing.t1) };
        (Self::Trying { request, every: timing.t1 }, effects)
    }

    /// One input.
    pub fn step(self, input: Input<'_>, timing: &Timing) -> (Self, Effects) {
        match self {
            Self::Trying { request, every } => trying(request, every, &input, timing),
            Self::Proceeding { request } => proceeding(request, &input, timing),
            Self::Completed => completed(&input),
            Self::Terminated => (Self::Terminated, Effects::unexpected()),
        }
    }

    /// The request, as long as it is kept.
    pub const fn request(&self) -> Option<&Request> {
        match self {
            Self::Trying { request, .. } | Self::Proceeding { request } => Some(request),
            Self::Completed | Self::Terminated => None,
        }
    }

    /// The state's RFC name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Trying { .. } => "Trying",
            Self::Proceeding { .. } => "Proceeding",
            Self::Completed => "Completed",
            Self::Terminated => "Terminated",
        }
    }
}

fn trying(
    request: Request,
    every: Duration,
    input: &Input<'_>,
    timing: &Timing,
) -> (ClientNonInvite, Effects) {
    match input {
        Input::Response(response) if response.status().is_provisional() => {
            (ClientNonInvite::Proceeding { request }, Effects::none().tell(Tell::Response))
        }
        Input::Response(_) => answered(timing),
        Input::Timer(Timer::E) => {
            let every = timing.doubled(every);
            let effects = Effects::none().send(request.as_bytes()).set(Timer::E, every);
            (ClientNonInvite::Trying { request, every }, effects)
        }
        Input::Timer(Timer::F) => (ClientNonInvite::Terminated, Effects::none().tell(Tell::Timeout)),
        Input::TransportError => (ClientNonInvite::Terminated, Effects::none().tell(Tell::Transport)),
        // It may have been lost with the connection. A server that has it absorbs it (RFC 3261 §17.2.3).
        Input::ConnectionLost => {
            let effects = Effects::none().send(request.as_bytes());
            (ClientNonInvite::Trying { request, every }, effects)
        }
        Input::Timer(_) => (ClientNonInvite::Trying { request, every }, Effects::unexpected()),
    }
}

fn proceeding(request: Request, input: &Input<'_>, timing: &Timing) -> (ClientNonInvite, Effects) {
    match input {
        Input::Response(response) if response.status().is_provisional() => {
            (ClientNonInvite::Proceeding { request }, Effects::none().tell(Tell::Response))
        }
        Input::Response(_) => answered(timing),
        Input::Timer(Timer::E) => {
            let effects = Effects::none().send(request.as_bytes()).set(Timer::E, timing.t2);
            (ClientNonInvite::Proceeding { request }, effects)
        }
        Input::Timer(Timer::F) => (ClientNonInvite::Terminated, Effects::none().tell(Tell::Timeout)),
        // The peer has it, and the final response may come on another connection (RFC 3261 §18.2.2).
        Input::ConnectionLost => (ClientNonInvite::Proceeding { request }, Effects::none()),
        Input::TransportError if timing.reliable => {
            (ClientNonInvite::Proceeding { request }, Effects::none())
        }
        Input::TransportError => (ClientNonInvite::Terminated, Effects::none().tell(Tell::Transport)),
        Input::Timer(_) => (ClientNonInvite::Proceeding { request }, Effects::unexpected()),
    }
}

fn answered(timing: &Timing) -> (ClientNonInvite, Effects) {
    let effects = Effects::none().tell(Tell::Response).stop_retransmission();
    if timing.reliable {
        (ClientNonInvite::Terminated, effects.stop_deadline())
    } else {
        (ClientNonInvite::Completed, effects.set(Timer::K, timing.t4))
    }
}

fn completed(input: &Input<'_>) -> (ClientNonInvite, Effects) {
    match input {
        Input::Response(_) => (ClientNonInvite::Completed, Effects::none().tell(Tell::Repeat)),
        Input::Timer(Timer::K) => (ClientNonInvite::Terminated, Effects::none()),
        // Nothing is sent from here.
        Input::TransportError | Input::ConnectionLost => (ClientNonInvite::Completed, Effects::none()),
        Input::Timer(_) => (ClientNonInvite::Completed, Effects::unexpected()),
    }
}

#[cfg(test)]
mod tests;
