//! When media is asked again for what it has to do in any case and did not (see [`Settlement`](crate::session::Settlement)).

use std::collections::VecDeque;
use std::time::Duration;

use super::{Shard, SlotId};
use crate::ground::{Instant, Now};
use crate::session::Session;

/// How long after media did not settle something it is asked again.
pub(super) const SETTLE_AGAIN: Duration = Duration::from_millis(200);

/// Sessions of which media has something to settle, in the order of their turns: each once.
#[derive(Debug, Default)]
pub(super) struct Settling(VecDeque<(Instant, SlotId)>);

impl Settling {
    /// When the first has its turn.
    pub fn next(&self) -> Option<Instant> {
        self.0.front().map(|(at, _)| *at)
    }
}

impl Shard {
    /// Notes that media is to be asked again about this session, if it is.
    pub(super) fn note_unsettled(&mut self, slot: SlotId, now: Now) {
        let Some(entry) = self.slots.get_mut(slot) else { return };
        if entry.session.is_unsettled() && !std::mem::replace(&mut entry.settles, true) {
            self.counters.media_settled_late += 1;
            self.settling.0.push_back((now.mono + SETTLE_AGAIN, slot));
        }
    }

    /// Has those sessions ask again whose turn has come.
    pub(super) fn settle_again(&mut self, now: Now) {
        while self.settling.next().is_some_and(|at| at <= now.mono) {
            let Some((_, slot)) = self.settling.0.pop_front() else { break };
            if let Some(entry) = self.slots.get_mut(slot) {
                entry.settles = false;
            }
            self.with_session(slot, now, Session::settle_again);
            self.carry(now);
        }
    }
}
