//! Calls that wait for an engine's decision, and the engine that they are passed on to when it decides nothing.

use super::groups::Standing;
use super::io::Output;
use super::{Shard, SlotId};
use crate::ground::Now;
use crate::session::event::PassedOn;

/// How many engines are asked about one call, the first included; then the group's policy decides.
pub const ENGINES_ASKED_MAX: usize = 4;

impl Shard {
    /// The engines have changed: calls that wait for one that is not there, or stands still, go to another.
    pub(super) fn pass_on_stranded(&mut self, now: Now) {
        if !self.groups.has_stranded() {
            return;
        }
        for slot in self.slots.ids() {
            let Some(entry) = self.slots.get(slot).filter(|entry| entry.waits) else { continue };
            let reason = match self.groups.standing(entry.session.engine()) {
                Standing::There => continue,
                Standing::Still => PassedOn::Behind,
                Standing::Away => PassedOn::Away,
            };
            self.pass_on(slot, reason, now);
        }
    }

    /// Passes a call on to another engine, if there is one that was not asked yet. Whether it is that one's now.
    pub(super) fn pass_on(&mut self, slot: SlotId, reason: PassedOn, now: Now) -> bool {
        let Some(entry) = self.slots.get_mut(slot) else { return false };
        let from = entry.session.engine().clone();
        if !entry.waits || entry.passed.len() + 1 >= ENGINES_ASKED_MAX {
            return false;
        }
        let mut asked = entry.passed.clone();
        asked.push(from.clone());
        let Some(to) = self.groups.choose_other(&from.group, &asked) else { return false };
        let passed = self.step(slot, now, |session, cx| session.pass_on(to.clone(), reason, cx));
        let Some(revoked) = passed.flatten() else { return false };
        if let Some(entry) = self.slots.get_mut(slot) {
            entry.passed = asked;
        }
        self.groups.decided(&from);
        self.groups.over(&from, false);
        self.groups.begun(&to, false);
        self.groups.waits(&to);
        self.counters.calls_passed_on += 1;
        self.outputs.push_back(Output::Event { engine: from, event: revoked });
        self.act(slot, now);
        true
    }

    /// Notes when a call does not wait for its engine's decision any more.
    pub(super) fn note_decision(&mut self, slot: SlotId) {
        let Some(entry) = self.slots.get_mut(slot) else { return };
        if entry.waits && !entry.session.is_undecided() {
            entry.waits = false;
            entry.passed = Vec::new();
            let engine = entry.session.engine().clone();
            self.groups.decided(&engine);
        }
    }
}
