//! Calls that wait for an engine's decision, and the engine that they are passed on to when it decides nothing.

use super::groups::{GIVEN_UP_AFTER, Standing};
use super::io::Output;
use super::{Shard, SlotId};
use crate::ground::{Instant, Now};
use crate::session::command::EngineRef;
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
            let Some(entry) = self.slots.get(slot).filter(|entry| entry.waits.is_some()) else { continue };
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
        if entry.waits.is_none() || entry.passed.len() + 1 >= ENGINES_ASKED_MAX {
            return false;
        }
        let mut asked = entry.passed.clone();
        asked.push(from.clone());
        let Some(to) = self.groups.choose_other(&from.group, &asked) else { return false };
        let passed = self.step(slot, now, |session, cx| session.pass_on(to.clone(), reason, cx));
        let Some(revoked) = passed.flatten() else { return false };
        if let Some(entry) = self.slots.get_mut(slot) {
            entry.passed = asked;
            entry.waits = Some(now.mono);
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

    /// The time in which a call's engine was to decide is up.
    pub(super) fn note_lapse(&mut self, slot: SlotId, now: Now) {
        if let Some(entry) = self.slots.get(slot).filter(|entry| entry.waits.is_some()) {
            self.groups.lapsed(entry.session.engine(), now.mono);
        }
    }

    /// Notes when a call's engine has decided about it: to be called after what it commanded.
    pub(super) fn note_decision(&mut self, slot: SlotId) {
        if let Some((engine, _)) = self.wait_over(slot) {
            self.groups.proved(&engine);
        }
    }

    /// Notes when a call does not wait for its engine's decision any more because somebody else has ended it.
    pub(super) fn note_end_of_wait(&mut self, slot: SlotId, now: Now) {
        if let Some((engine, since)) = self.wait_over(slot)
            && now.mono.since(since) >= GIVEN_UP_AFTER
        {
            self.groups.lapsed(&engine, now.mono);
        }
    }

    /// The engine that a call waited for, and since when, once it does not any more.
    fn wait_over(&mut self, slot: SlotId) -> Option<(EngineRef, Instant)> {
        let entry = self.slots.get_mut(slot)?;
        if entry.session.is_undecided() {
            return None;
        }
        let since = entry.waits.take()?;
        entry.passed = Vec::new();
        let engine = entry.session.engine().clone();
        self.groups.decided(&engine);
        Some((engine, since))
    }
}
