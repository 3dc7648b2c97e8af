//! What a step of a machine has to say to the layer round it.

use std::time::Duration;

use bytes::Bytes;

use super::timer::Timer;
use crate::sip::Request;

/// A timer is set, stopped or left as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Change {
    #[default]
    Keep,
    Stop,
    Set(Timer, Duration),
}

/// What the layer tells the transaction user, or counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Tell {
    #[default]
    Nothing,
    /// The response in hand goes up.
    Response,
    /// The ACK in hand goes up: it acknowledges a 2xx.
    Ack,
    /// The peer did not do in time what it must.
    Timeout,
    /// The user did not.
    Unanswered,
    /// The network failed.
    Transport,
    /// A cancelled INVITE found no end.
    Cancelled,
    /// The message in hand is a repeat: absorbed, or answered as before.
    Repeat,
    /// The user's response comes after a final one: refused.
    AlreadyFinal,
    /// The RFC does not foresee this input in this state: dropped.
    Unexpected,
}

/// All that comes of one step besides the next state. A step sends at most one message, says at most one thing and
/// moves at most one timer of each kind, so this needs no list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Effects {
    pub send: Option<Bytes>,
    pub tell: Tell,
    /// Timer A, E or G.
    pub retransmission: Change,
    /// Any other timer.
    pub deadline: Change,
    /// This CANCEL is to be sent in a transaction of its own.
    pub cancel: Option<Request>,
}

impl Effects {
    pub fn none() -> Self {
        Self::default()
    }

    pub fn unexpected() -> Self {
        Self::none().tell(Tell::Unexpected)
    }

    pub fn send(mut self, bytes: &Bytes) -> Self {
        self.send = Some(bytes.clone());
        self
    }

    pub const fn tell(mut self, what: Tell) -> Self {
        self.tell = what;
        self
    }

    pub const fn set(mut self, timer: Timer, after: Duration) -> Self {
        if timer.is_retransmission() {
            self.retransmission = Change::Set(timer, after);
        } else {
            self.deadline = Change::Set(timer, after);
        }
        self
    }

    /// Nothing is sent again from here on.
    pub const fn stop_retransmission(mut self) -> Self {
        self.retransmission = Change::Stop;
        self
    }

    pub const fn stop_deadline(mut self) -> Self {
        self.deadline = Change::Stop;
        self
    }

    pub fn cancel(mut self, request: Request) -> Self {
        self.cancel = Some(request);
        self
    }
}
