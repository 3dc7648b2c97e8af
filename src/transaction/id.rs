//! Names of transactions.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One transaction of one shard. Never used twice: a late answer about an old one finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TransactionId {
    pub(super) generation: u32,
    pub(super) slot: u32,
}

impl TransactionId {
    /// The tag of what no transaction sends.
    pub const NO_TAG: u64 = 0;

    /// As it stands in [`super::Output::Transmit`] and comes back with [`super::Transactions::send_failed`].
    #[must_use]
    pub const fn tag(self) -> u64 {
        ((self.generation as u64) << 32) | self.slot as u64
    }

    /// The transaction that sent something with this tag.
    #[must_use]
    pub const fn from_tag(tag: u64) -> Self {
        Self { generation: (tag >> 32) as u32, slot: tag as u32 }
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.slot, self.generation)
    }
}
