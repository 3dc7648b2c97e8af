//! What a shard holds and did, as of its last round, for others to read.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::FloorCounters;
use crate::shard::Load;

/// Written by a driver after each round that did something.
#[derive(Debug, Default)]
pub struct Gauges(Mutex<(Load, FloorCounters)>);

impl Gauges {
    fn lock(&self) -> MutexGuard<'_, (Load, FloorCounters)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn publish(&self, load: Load, counters: FloorCounters) {
        *self.lock() = (load, counters);
    }

    /// What the shard holds.
    #[must_use]
    pub fn load(&self) -> Load {
        self.lock().0
    }

    /// What the shard and its floors did.
    #[must_use]
    pub fn counters(&self) -> FloorCounters {
        self.lock().1
    }
}
