//! Why an intent is refused. The caller's fault, but for the bounds; nothing was done.

use std::fmt;

use crate::ground::leg::LegId;

use super::offer_answer::Breach;

/// Where a leg stands. See the figures of `uac`, `uas` and `confirmed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LegState {
    /// Made, and no INVITE yet.
    Opened,
    /// Outgoing: the INVITE waits for a look-up.
    Locating,
    /// Outgoing: the INVITE is sent, no final response yet.
    Calling,
    /// Outgoing: a 2xx with an offer came; its ACK waits for the answer.
    Answering,
    /// Incoming: no final response sent.
    Proceeding,
    /// Incoming: the 2xx is sent, its ACK not here.
    Accepted,
    /// Acknowledged.
    Confirmed,
    /// BYE is sent, or about to be.
    Closing,
    /// Nothing but transactions that linger.
    Over,
}

impl fmt::Display for LegState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Why an intent is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LegIntentError {
    /// No such leg, or it has ended.
    #[error("no leg {0:?}, or it has ended")]
    Unknown(LegId),
    /// Not legal in the state.
    #[error("{intent} is not legal in {state}")]
    Unexpected {
        /// Where the leg stands.
        state: LegState,
        /// What was asked.
        intent: &'static str,
    },
    /// An offer/answer exchange of the dialog is under way.
    #[error("another re-INVITE is under way")]
    Pending,
    /// The description may not stand there, or must.
    #[error("offer/answer: {0}")]
    OfferAnswer(#[from] Breach),
    /// A status that the intent does not take.
    #[error("status {0} does not fit here")]
    Status(u16),
    /// A header field that this floor writes itself.
    #[error("header field {0} is written by Callplane itself")]
    OwnedField(String),
    /// A header field that cannot be written.
    #[error("header field {0:?} cannot be written")]
    BadField(String),
    /// What was given makes no message: a value that cannot stand in one, or too much.
    #[error("it makes no message: {0}")]
    Unwritable(#[from] crate::sip::BuildError),
    /// A bound of [`super::DialogSettings`].
    #[error("as many {0} as there may be")]
    Limit(&'static str),
}
