//! Why media refuses a request, and whose fault that is.

use crate::ground::Mismatch;
use crate::sdp::SdpError;

/// Why a request is refused. One for one the codes of `callplane.media.v1.Failure`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The endpoint is not known: the asker is at fault.
    #[error("no such endpoint")]
    NoEndpoint,
    /// The bridge is not known: the asker is at fault.
    #[error("no such bridge")]
    NoBridge,
    /// The playback is not the one that runs, or none runs.
    #[error("no such playback")]
    NoPlayback,
    /// The id is taken.
    #[error("the {0} exists already")]
    Exists(&'static str),
    /// Every port pair is in use or rests: a resource is short.
    #[error("no free port pair")]
    NoPort,
    /// The peer's offer has nothing that can be accepted: 488.
    #[error("nothing in the offer is acceptable: {}", .0.text())]
    NothingAcceptable(Mismatch),
    /// The peer's description cannot be read: 400.
    #[error("{0}")]
    BadDescription(String),
    /// The peer's answer does not fit the offer.
    #[error("{0}")]
    BadAnswer(String),
    /// The generation is not the pending one, or not higher than one already seen.
    #[error("generation {asked} is stale, {seen} was seen")]
    StaleGeneration {
        /// The one in the request.
        asked: u64,
        /// The highest one seen.
        seen: u64,
    },
    /// The endpoint has no description in force that lets the request be served.
    #[error("{0}")]
    NotNegotiated(&'static str),
    /// Telephone events were not agreed with the peer.
    #[error("telephone events were not negotiated")]
    NoTelephoneEvent,
    /// The file does not exist, lies outside the roots, or cannot be read.
    #[error("{0}")]
    FileUnusable(String),
    /// A bound is reached.
    #[error("the limit of {limit} {what} is reached")]
    Limit {
        /// What is counted.
        what: &'static str,
        /// The bound.
        limit: usize,
    },
    /// The system is short of descriptors or memory.
    #[error("the system is short of something: {0}")]
    Short(String),
    /// The node is ending and takes no new endpoints.
    #[error("the media node is ending: it takes no new endpoints")]
    Draining,
    /// A field is missing or malformed.
    #[error("{0}")]
    BadRequest(String),
    /// Another process of the owner's name has an open stream that says something: two share one name.
    #[error("another process named {0:?} is connected: each signaling process needs a name of its own")]
    OwnerConnected(String),
    /// A fault of this node.
    #[error("{0}")]
    Internal(String),
}

impl Failure {
    /// What an SDP error means when the peer's offer was read or ours was made.
    #[must_use]
    pub fn of_offer(error: &SdpError) -> Self {
        match error {
            &SdpError::NothingAcceptable(mismatch) => Self::NothingAcceptable(mismatch),
            SdpError::NoCodec => Self::BadRequest(error.to_string()),
            other => Self::BadDescription(other.to_string()),
        }
    }

    /// What an SDP error means when the peer's answer was read.
    #[must_use]
    pub fn of_answer(error: &SdpError) -> Self {
        match error {
            SdpError::AnswerUnfit(_) | SdpError::NothingAcceptable(_) | SdpError::LinesMissing { .. } => {
                Self::BadAnswer(error.to_string())
            }
            other => Self::BadDescription(other.to_string()),
        }
    }
}
