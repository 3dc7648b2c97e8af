//! Of which calls an INVITE waits for its shard: counted by a number of the call, so that nothing is stored and nobody
//! waits. Calls that share a number by chance wait for each other's, which does no harm.

use std::sync::atomic::{AtomicU32, Ordering};

/// Numbers told apart; in one lane there are fewer INVITEs.
const NUMBERS: usize = 4_096;

/// INVITEs that wait, by their calls' numbers.
#[derive(Debug)]
pub(super) struct WaitingInvites(Box<[AtomicU32]>);

impl WaitingInvites {
    pub fn new() -> Self {
        Self((0..NUMBERS).map(|_| AtomicU32::new(0)).collect())
    }

    fn count(&self, call: u32) -> &AtomicU32 {
        &self.0[call as usize % NUMBERS]
    }

    /// One more waits. To be said before it can be taken.
    pub fn enter(&self, call: u32) {
        self.count(call).fetch_add(1, Ordering::AcqRel);
    }

    /// One was taken, or found no room. What is put into the other lane from then on is taken after it.
    pub fn leave(&self, call: u32) {
        self.count(call).fetch_sub(1, Ordering::AcqRel);
    }

    /// Whether one of this call waits, perhaps.
    pub fn waits(&self, call: u32) -> bool {
        self.count(call).load(Ordering::Acquire) > 0
    }
}
