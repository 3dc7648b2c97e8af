//! A shard as its driver sees it, so that a scripted one can stand in its place.

use crate::ground::{Instant, Now};
use crate::shard::io::{Input, Output};
use crate::shard::{Counters, Load, Shard};
use crate::{dialog, transaction};

/// What a shard did, floor by floor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FloorCounters {
    /// The shard itself.
    pub shard: Counters,
    /// Its transactions.
    pub transactions: transaction::Counters,
    /// Its dialogs.
    pub dialogs: dialog::Counters,
}

/// The contract of the pure floors.
pub trait Core: Send + 'static {
    /// Takes an input. [`poll_output`](Self::poll_output) is then drained.
    fn handle(&mut self, input: Input, now: Now);

    /// Does what is due. [`poll_output`](Self::poll_output) is then drained.
    fn handle_timeout(&mut self, now: Now);

    /// When [`handle_timeout`](Self::handle_timeout) is due next.
    fn poll_timeout(&self) -> Option<Instant>;

    /// What is to be done next.
    fn poll_output(&mut self) -> Option<Output>;

    /// How much it holds. Cheap: asked after every round.
    fn load(&self) -> Load;

    /// What it did. Cheap: asked after every round.
    fn counters(&self) -> FloorCounters;
}

impl Core for Shard {
    fn handle(&mut self, input: Input, now: Now) {
        Self::handle(self, input, now);
    }

    fn handle_timeout(&mut self, now: Now) {
        Self::handle_timeout(self, now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        Self::poll_timeout(self)
    }

    fn poll_output(&mut self) -> Option<Output> {
        Self::poll_output(self)
    }

    fn load(&self) -> Load {
        Self::load(self)
    }

    fn counters(&self) -> FloorCounters {
        FloorCounters {
            shard: *Self::counters(self),
            transactions: *self.transaction_counters(),
            dialogs: *self.dialog_counters(),
        }
    }
}
