//! Session descriptions (RFC 8866) and the content of offers and answers (RFC 3264, advice of RFC 6337).
//!
//! Pure functions: [`make_offer`], [`make_answer`], [`apply_answer`]. Text is parsed by the `sdp-types` crate after
//! [`Description`] has smoothed over what peers get wrong; the original bytes are kept. *Whose turn* it is to offer
//! belongs to dialogs, what is done with the result to media.

mod answer;
mod audio_line;
mod description;
mod direction;
mod error;
mod facts;
mod local;
mod negotiated;
mod offer;
mod whereabouts;
mod write;

pub use answer::{Answer, make_answer};
pub use description::{DESCRIPTION_BYTES_MAX, Description, MEDIA_LINES_MAX, WORD_BYTES_MAX};
pub use direction::Direction;
pub use error::SdpError;
pub use facts::{EventPayloadTypes, Facts, NegotiatedFormat, RemotePlace, Stream};
pub use local::{CodecOrder, Intent, LocalMedia};
pub use negotiated::Negotiated;
pub use offer::{Offer, apply_answer, make_offer};
pub use whereabouts::Whereabouts;

#[cfg(test)]
mod tests;
