//! When endpoints want to be looked at: RTP timeouts, and digits whose end may be lost. Packets of audio do not touch it;
//! an entry that comes up is checked against what came since, and put back if it was too early.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::EndpointKey;
use crate::ground::Instant;

/// The entries, soonest first. At most one of an endpoint is valid: the one that the endpoint remembers. All others go
/// when they come up, after one RTP timeout at the latest; there is one for each digit, one of the time before, and none
/// besides.
#[derive(Debug, Default)]
pub struct Deadlines {
    entries: BinaryHeap<Reverse<(Instant, EndpointKey)>>,
}

impl Deadlines {
    /// Puts an entry in.
    pub fn push(&mut self, at: Instant, endpoint: EndpointKey) {
        self.entries.push(Reverse((at, endpoint)));
    }

    /// The soonest.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.entries.peek().map(|entry| entry.0.0)
    }

    /// Takes the soonest, if it is due.
    pub fn due(&mut self, now: Instant) -> Option<(Instant, EndpointKey)> {
        if self.next()? > now {
            return None;
        }
        self.entries.pop().map(|entry| entry.0)
    }
}
