//! Answering an offer (RFC 3264 §6, §8).

use bytes::Bytes;

use super::{Facts, Intent, LocalMedia, Negotiated, SdpError};

/// An answer, and what is settled once it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The description to send.
    pub sdp: Bytes,
    /// What the exchange settles.
    pub facts: Facts,
    /// The state for the next exchange.
    pub negotiated: Negotiated,
}

/// Answers an offer; a re-offer when there is a settled state.
///
/// # Errors
/// [`SdpError::NothingAcceptable`] when every live m-line would have to be refused (488), and the errors of a
/// malformed description (400).
pub fn make_answer(
    offer: &[u8],
    local: &LocalMedia,
    intent: Intent,
    settled: Option<&Negotiated>,
) -> Result<Answer, SdpError> {
    let _ = (offer, local, intent, settled);
    todo!()
}
