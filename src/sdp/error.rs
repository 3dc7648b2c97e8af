//! Why a description is refused.

use crate::ground::Mismatch;

use super::{DESCRIPTION_BYTES_MAX, MEDIA_LINES_MAX};

/// Why an offer cannot be answered or an answer not applied. The peer is at fault, except for
/// [`SdpError::NoCodec`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// More bytes than [`DESCRIPTION_BYTES_MAX`].
    #[error("a description of {0} bytes; {DESCRIPTION_BYTES_MAX} are read")]
    TooLong(usize),
    /// More m-lines than [`MEDIA_LINES_MAX`].
    #[error("{0} media lines; {MEDIA_LINES_MAX} are read")]
    TooManyLines(usize),
    /// Not a session description.
    #[error("not a session description: {0}")]
    Malformed(String),
    /// A well-formed offer with nothing in it that can be spoken here: to be answered with 488.
    #[error("nothing in the offer is acceptable: {}", .0.text())]
    NothingAcceptable(Mismatch),
    /// A re-offer with fewer m-lines than the session has (RFC 3264 §8).
    #[error("an offer with {offered} media lines for a session that has {established}")]
    LinesMissing {
        /// m-lines of the re-offer.
        offered: usize,
        /// m-lines of the session.
        established: usize,
    },
    /// An answer whose m-lines are not those of the offer, in number or kind (RFC 3264 §6).
    #[error("an answer that does not fit the offer: {0}")]
    AnswerUnfit(&'static str),
    /// No codec to offer: the caller is at fault.
    #[error("there is no codec to offer")]
    NoCodec,
}
