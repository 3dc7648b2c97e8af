//! The INVITE server transaction (RFC 3261 §17.2.1, RFC 6026 §7.1).
//!
//! A 2xx is repeated by the transaction user, not here (RFC 3261 §13.3.1.4).

use std::time::Duration;

use bytes::Bytes;

use super::step::{Effects, Tell};
use super::timer::{Timer, Timing};
use crate::sip::{Request, Response, ResponseBuilder, StatusCode};

/// The machine.
///
/// ```text
///                             | INVITE: tell user
///                             v
///      INVITE: last 1xx  +------------+  200 ms without a response: 100
///      again        +----|            |----+
///                   +--->| Proceeding |<---+  1xx from user: send
///                        +------------+
///     300-699 from user:  |          |  2xx from user:
///     send, set G, H      |          |  send, set L
///                +--------+          +----------+
///                v                              v
///          +-----------+                  +----------+  INVITE: absorbed
///   +------| Completed |----+             | Accepted |  ACK: tell user
///   +----->+-----------+    |             +----------+  2xx from user: send
///  INVITE: send again       | H: tell           |
///  G: send, G ×2 to T2      |                   | L
///                | ACK,     |                   |
///                | set I    |                   |
///                v          |                   |
///          +-----------+    |                   |
///          | Confirmed |    | ACK: absorbed     |
///          +-----------+    |                   |
///                | I        v                   |
///                |    +------------+            |
///                +--->| Terminated |<-----------+
///                     +------------+
/// ```
///
/// A transport error is told to the user in every state in which something is sent, and moves nothing (RFC 6026 §8.8).
/// On reliable transports G is not set and I is zero: the ACK leads straight to `Terminated`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ServerInvite {
    /// Without a final response.
    Proceeding {
        request: Request,
        /// The last provisional response.
        last: Option<Bytes>,
    },
    /// It was refused; the refusal waits for its ACK.
    Completed {
        response: Bytes,
        /// Timer G's interval.
        every: Duration,
    },
    /// The ACK came.
    Confirmed,
    /// It was accepted.
    Accepted,
    /// Over.
    Terminated,
}

/// What can happen to it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Input<'a> {
    Timer(Timer),
    /// The INVITE came again.
    Invite,
    /// Its ACK came.
    Ack,
    /// The user answers.
    Respond(&'a Response),
    /// The last response could not be sent.
    TransportError,
}

impl ServerInvite {
    /// `INVITE: tell user`. With `trying_at_once` the 100 does not wait; but it never goes before the user has heard of the
    /// INVITE, who may refuse it without keeping anything as long as nothing was sent.
    pub fn start(request: Request, trying_at_once: bool, timing: &Timing) -> (Self, Effects) {
        let after = if trying_at_once { Duration::ZERO } else { timing.trying_after };
        (Self::Proceeding { request, last: None }, Effects::none().set(Timer::Trying, after))
    }

    /// One input.
    pub fn step(self, input: Input<'_>, timing: &Timing) -> (Self, Effects) {
        match self {
            Self::Proceeding { request, last } => proceeding(request, last, input, timing),
            Self::Completed { response, every } => completed(response, every, input, timing),
            Self::Confirmed => confirmed(input),
            Self::Accepted => accepted(input),
            Self::Terminated => (Self::Terminated, after_the_end(input)),
        }
    }

    /// The request, as long as it is kept.
    pub const fn request(&self) -> Option<&Request> {
        match self {
            Self::Proceeding { request, .. } => Some(request),
            Self::Completed { .. } | Self::Confirmed | Self::Accepted | Self::Terminated => None,
        }
    }

    /// The last response, as long as it is kept.
    pub const fn response(&self) -> Option<&Bytes> {
        match self {
            Self::Proceeding { last, .. } => last.as_ref(),
            Self::Completed { response, .. } => Some(response),
            Self::Confirmed | Self::Accepted | Self::Terminated => None,
        }
    }

    /// The state's RFC name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Proceeding { .. } => "Proceeding",
            Self::Completed { .. } => "Completed",
            Self::Confirmed => "Confirmed",
            Self::Accepted => "Accepted",
            Self::Terminated => "Terminated",
        }
    }
}

/// Answers 100 Trying, without a To tag (RFC 3261 §17.2.1, §8.2.6).
fn trying(request: Request) -> (ServerInvite, Effects) {
    match ResponseBuilder::to_request(&request, StatusCode::TRYING).build() {
        Ok(response) => {
            let last = response.as_bytes().clone();
            let effects = Effects::none().send(&last);
            (ServerInvite::Proceeding { request, last: Some(last) }, effects)
        }
        // Its header fields are those of a message that was read, so this does not happen; a 100 may be left out.
        Err(_) => (ServerInvite::Proceeding { request, last: None }, Effects::unexpected()),
    }
}

fn proceeding(
    request: Request,
    last: Option<Bytes>,
    input: Input<'_>,
    timing: &Timing,
) -> (ServerInvite, Effects) {
    match input {
        Input::Respond(response) => answer(request, response, timing),
        Input::Invite => {
            let mut effects = Effects::none().tell(Tell::Repeat);
            effects.send.clone_from(&last);
            (ServerInvite::Proceeding { request, last }, effects)
        }
        Input::Timer(Timer::Trying) if last.is_none() => trying(request),
        Input::TransportError => {
            (ServerInvite::Proceeding { request, last }, Effects::none().tell(Tell::Transport))
        }
        Input::Ack | Input::Timer(_) => (ServerInvite::Proceeding { request, last }, Effects::unexpected()),
    }
}

fn answer(request: Request, response: &Response, timing: &Timing) -> (ServerInvite, Effects) {
    let bytes = response.as_bytes().clone();
    let effects = Effects::none().send(&bytes);
    if response.status().is_provisional() {
        (ServerInvite::Proceeding { request, last: Some(bytes) }, effects.stop_deadline())
    } else if response.status().is_success() {
        (ServerInvite::Accepted, effects.set(Timer::L, timing.timeout()))
    } else {
        let effects = effects.set(Timer::H, timing.timeout());
        let effects = if timing.reliable { effects } else { effects.set(Timer::G, timing.t1) };
        (ServerInvite::Completed { response: bytes, every: timing.t1 }, effects)
    }
}

fn completed(response: Bytes, every: Duration, input: Input<'_>, timing: &Timing) -> (ServerInvite, Effects) {
    let (every, effects) = match input {
        Input::Ack if timing.reliable => return (ServerInvite::Terminated, Effects::none().stop_deadline()),
        Input::Ack => {
            let effects = Effects::none().stop_retransmission().set(Timer::I, timing.t4);
            return (ServerInvite::Confirmed, effects);
        }
        Input::Timer(Timer::H) => return (ServerInvite::Terminated, Effects::none().tell(Tell::Timeout)),
        Input::Timer(Timer::G) => {
            let every = timing.doubled(every);
            (every, Effects::none().send(&response).set(Timer::G, every))
        }
        Input::Invite => (every, Effects::none().send(&response).tell(Tell::Repeat)),
        Input::Respond(_) => (every, Effects::none().tell(Tell::AlreadyFinal)),
        Input::TransportError => (every, Effects::none().tell(Tell::Transport)),
        Input::Timer(_) => (every, Effects::unexpected()),
    };
    (ServerInvite::Completed { response, every }, effects)
}

fn confirmed(input: Input<'_>) -> (ServerInvite, Effects) {
    match input {
        Input::Timer(Timer::I) => (ServerInvite::Terminated, Effects::none()),
        // An INVITE that was overtaken by the ACK is as absorbed as the ACK.
        Input::Ack | Input::Invite => (ServerInvite::Confirmed, Effects::none().tell(Tell::Repeat)),
        Input::Respond(_) => (ServerInvite::Confirmed, Effects::none().tell(Tell::AlreadyFinal)),
        // The refusal has arrived, whatever becomes of the repeat that could not be sent.
        Input::TransportError => (ServerInvite::Confirmed, Effects::none()),
        Input::Timer(_) => (ServerInvite::Confirmed, Effects::unexpected()),
    }
}

fn accepted(input: Input<'_>) -> (ServerInvite, Effects) {
    let effects = match input {
        Input::Timer(Timer::L) => return (ServerInvite::Terminated, Effects::none()),
        Input::Invite => Effects::none().tell(Tell::Repeat),
        Input::Ack => Effects::none().tell(Tell::Ack),
        Input::Respond(response) if response.status().is_success() => {
            Effects::none().send(response.as_bytes())
        }
        Input::Respond(_) => Effects::none().tell(Tell::AlreadyFinal),
        Input::TransportError => Effects::none().tell(Tell::Transport),
        Input::Timer(_) => Effects::unexpected(),
    };
    (ServerInvite::Accepted, effects)
}

fn after_the_end(input: Input<'_>) -> Effects {
    match input {
        Input::Respond(_) => Effects::none().tell(Tell::AlreadyFinal),
        Input::Timer(_) | Input::Invite | Input::Ack | Input::TransportError => Effects::unexpected(),
    }
}

#[cfg(test)]
mod tests;
