//! What a settled exchange leaves behind for the next one.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The settled state of one session's descriptions. Opaque to those who keep it; it can be written down and taken up
/// by another process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Negotiated {
    /// Our description as it was last settled.
    pub local: Bytes,
    /// The peer's description as it was last settled.
    pub remote: Bytes,
    /// The `o=` version of our last description, also of one that was not settled.
    pub(super) version: u64,
    /// The m-line that carries the audio.
    pub(super) audio_line: Option<u8>,
}
