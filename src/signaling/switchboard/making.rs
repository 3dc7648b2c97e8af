//! Bridges in the making, and the commands that wait until it is known whether they could be made.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Switchboard;
use crate::ground::BridgeId;

/// Most commands that wait for one bridge. One more is refused with `LIMIT_REACHED`.
pub const COMMANDS_WAITING_MAX: usize = 1_024;

/// A command that waits.
type Waiting = Box<dyn FnOnce(&Switchboard) + Send>;

/// The bridges in the making.
#[derive(Default)]
pub struct Making(Mutex<HashMap<BridgeId, Vec<Waiting>>>);

/// When a command to a bridge is carried out.
pub(super) enum Turn<T> {
    /// Now.
    Now(T),
    /// When the bridge is made, or given up.
    Waits,
    /// Not at all: too many wait.
    Full(T),
}

impl Making {
    fn bridges(&self) -> MutexGuard<'_, HashMap<BridgeId, Vec<Waiting>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A bridge is being made from now on. Its id has been claimed.
    pub(super) fn begin(&self, bridge: &BridgeId) {
        self.bridges().insert(bridge.clone(), Vec::new());
    }

    /// It is made, or given up: what waited for that, in order.
    pub(super) fn end(&self, bridge: &BridgeId) -> Vec<Waiting> {
        self.bridges().remove(bridge).unwrap_or_default()
    }

    /// Has a command to a bridge wait while that is being made; else it comes back.
    pub(super) fn wait<R, W>(&self, bridge: &BridgeId, command: (R, W)) -> Turn<(R, W)>
    where
        R: Send + 'static,
        W: FnOnce(&Switchboard, R) + Send + 'static,
    {
        let mut bridges = self.bridges();
        let Some(waiting) = bridges.get_mut(bridge) else { return Turn::Now(command) };
        if waiting.len() >= COMMANDS_WAITING_MAX {
            return Turn::Full(command);
        }
        let (reply, work) = command;
        waiting.push(Box::new(move |board| work(board, reply)));
        Turn::Waits
    }
}
