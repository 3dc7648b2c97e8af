//! Making an offer and applying its answer (RFC 3264 §5, §7, §8).

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Facts, Intent, LocalMedia, Negotiated, SdpError};

/// An offer that waits for its answer, or for several: each forked dialog has its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The description to send.
    pub sdp: Bytes,
    intent: Intent,
}

/// Makes an offer; a re-offer when there is a settled state.
///
/// # Errors
/// [`SdpError::NoCodec`] when `local` speaks nothing.
pub fn make_offer(
    local: &LocalMedia,
    intent: Intent,
    settled: Option<&Negotiated>,
) -> Result<Offer, SdpError> {
    let _ = (local, intent, settled);
    todo!()
}

/// Applies an answer to the offer it belongs to. The offer stays as it is: another dialog may answer it too.
///
/// # Errors
/// When the answer is malformed or does not fit the offer.
pub fn apply_answer(offer: &Offer, answer: &[u8]) -> Result<(Facts, Negotiated), SdpError> {
    let _ = (offer, answer, offer.intent);
    todo!()
}
