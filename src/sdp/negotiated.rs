//! What a settled exchange leaves behind for the next one.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::write::{self, Line};
use super::{Facts, LocalMedia, Offer};

/// The `o=` version of a session's first description.
const FIRST_VERSION: u64 = 1;

/// The settled state of one session's descriptions. Opaque to those who keep it; it can be written down and taken up
/// by another process. It takes at most about 2 KiB.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Negotiated {
    /// Our description as it was last settled.
    pub local: Bytes,
    /// What was settled with it.
    pub facts: Facts,
    /// The `o=` version of our last description, also of one that was not settled.
    pub(super) version: u64,
    /// How many m-lines the session has.
    pub(super) line_count: usize,
    /// The m-line that carries the audio, or carried it last.
    pub(super) audio_line: Option<usize>,
}

impl Negotiated {
    /// Takes note that an offer was sent and came to nothing, so that its `o=` version is not used again for
    /// something else.
    pub fn abandon(&mut self, offer: &Offer) {
        self.version = self.version.max(offer.version);
    }

    /// The place of the m-line that carries the audio, or carried it last.
    #[must_use]
    pub const fn audio_line(&self) -> Option<usize> {
        self.audio_line
    }

    /// Leaves `stride` versions out. For a state that was written down some time ago: descriptions may have been sent
    /// since.
    pub fn skip_versions(&mut self, stride: u64) {
        self.version = self.version.saturating_add(stride);
    }
}

/// Writes our next description with the version it must have (RFC 3264 §8): that of the last one when nothing
/// changed, else one more.
pub(super) fn next_description(
    local: &LocalMedia,
    settled: Option<&Negotiated>,
    lines: &[Line<'_>],
) -> (Bytes, u64) {
    let Some(settled) = settled else {
        return (write::description(local, FIRST_VERSION, lines).into(), FIRST_VERSION);
    };
    let unchanged = write::description(local, settled.version, lines);
    if unchanged.as_bytes() == settled.local {
        return (settled.local.clone(), settled.version);
    }
    let version = settled.version.saturating_add(1);
    (write::description(local, version, lines).into(), version)
}
