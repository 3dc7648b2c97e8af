//! What the endpoints of a node share so that none of them can be used against others.

use super::consent::Consents;
use super::hairpins::Hairpins;

/// The safeguards of a node.
#[derive(Debug, Default)]
pub struct Safeguards {
    /// How much is sent to those who did not ask for it.
    pub consents: Consents,
    /// What goes from port to port of the node itself.
    pub hairpins: Hairpins,
}

impl Safeguards {
    /// Those of a node whose RTP ports lie within `min..=max`.
    #[must_use]
    pub fn new(min: u16, max: u16) -> Self {
        Self { consents: Consents::default(), hairpins: Hairpins::new(min, max) }
    }
}
