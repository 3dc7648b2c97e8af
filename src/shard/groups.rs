//! Which engine gets a call: of those of the group that are attached and have room, the one with the fewest calls that wait
//! for its decision, and round robin where these are as many. Those that keep up and decide come first.
//!
//! | in this order | gets a call |
//! |---|---|
//! | keeps up, has not decided in time, and its pause is over | one, on trial |
//! | keeps up and decides | by turns, and by how many calls wait for it |
//! | keeps up, has not decided in time | where nobody else can take it |
//! | is silent or behind | the same, after these |

use std::sync::Arc;
use std::time::Duration;

use super::io::AttachedEngine;
use crate::ground::Instant;
use crate::session::command::EngineRef;

/// How long an engine that did not decide in time is passed over before it gets a call on trial. Each trial that fails
/// doubles it: the callers of an engine that never decides again are few.
pub const TRIAL_PAUSE: Duration = Duration::from_secs(30);

/// The longest such pause.
pub const TRIAL_PAUSE_MAX: Duration = Duration::from_secs(480);

/// Where a call ends before its engine has decided, and has waited for so long, the engine counts as one that did not decide
/// in time: callers of an engine that never decides may all have less patience than we have.
pub const GIVEN_UP_AFTER: Duration = Duration::from_secs(2);

/// The attached engines, and how many sessions each has here.
#[derive(Debug, Default)]
pub(super) struct Groups {
    attached: Vec<AttachedEngine>,
    /// What engines have here, also engines that went away. Few engines: a scan is as fast as a map.
    loads: Vec<(EngineRef, Load)>,
    /// Where each group's round stands: the engine that got the last call.
    last: Vec<(Arc<str>, EngineRef)>,
    /// The attached engines that did not decide in time and have not decided since.
    mute: Vec<(EngineRef, Mute)>,
}

/// An engine that did not decide in time.
#[derive(Clone, Copy, Debug)]
struct Mute {
    /// From when on it may get a call on trial.
    trial_at: Instant,
    /// How long its pause is.
    pause: Duration,
}

/// What an engine has here.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    sessions: u32,
    /// Those of them that it made itself.
    made: u32,
    /// Those of them that wait for its decision.
    waiting: u32,
}

impl Groups {
    /// The attached engines are these now.
    pub fn attach(&mut self, engines: Vec<AttachedEngine>) {
        self.last.retain(|(group, _)| engines.iter().any(|attached| attached.engine.group == *group));
        // Whoever comes back may be another process: it begins anew.
        self.mute.retain(|(mute, _)| engines.iter().any(|attached| attached.engine == *mute));
        self.attached = engines;
    }

    /// Whether an engine of the group has room.
    pub fn has_room(&self, group: &str) -> bool {
        self.attached.iter().any(|attached| *attached.engine.group == *group && self.takes(attached))
    }

    /// The engine of the group that gets the next call.
    pub fn choose(&mut self, group: &str, now: Instant) -> Option<EngineRef> {
        self.next(group, |groups, attached| attached.ready && groups.is_due(&attached.engine, now))
            .or_else(|| {
                self.next(group, |groups, attached| attached.ready && groups.decides(&attached.engine))
            })
            .or_else(|| self.next(group, |_, attached| attached.ready))
            .or_else(|| self.next(group, |_, _| true))
    }

    /// The engine of the group that a call is passed on to: one that keeps up, but not these. Nobody is on trial with a
    /// caller who has waited already.
    pub fn choose_other(&mut self, group: &str, but: &[EngineRef]) -> Option<EngineRef> {
        let other = |attached: &AttachedEngine| attached.ready && !but.contains(&attached.engine);
        self.next(group, |groups, attached| other(attached) && groups.decides(&attached.engine))
            .or_else(|| self.next(group, |_, attached| other(attached)))
    }

    /// Of those that suit and have room, the one that the fewest calls wait for; of several the next one in the round.
    fn next(&mut self, group: &str, suits: impl Fn(&Self, &AttachedEngine) -> bool) -> Option<EngineRef> {
        let last = self.last.iter().position(|(name, _)| **name == *group);
        let members = || self.attached.iter().filter(|attached| *attached.engine.group == *group);
        let passed = last.and_then(|last| {
            let place = members().position(|attached| attached.engine == self.last[last].1)?;
            Some(place + 1)
        });
        let count = members().count();
        let round = members().cycle().skip(passed.unwrap_or(0)).take(count);
        let mut least: Option<(u32, &AttachedEngine)> = None;
        for attached in round.filter(|attached| suits(self, attached) && self.takes(attached)) {
            let waiting = self.load(&attached.engine).waiting;
            if least.is_none_or(|(fewest, _)| waiting < fewest) {
                least = Some((waiting, attached));
            }
            if waiting == 0 {
                break;
            }
        }
        let chosen = least?.1.engine.clone();
        match last {
            Some(last) => self.last[last].1 = chosen.clone(),
            None => self.last.push((chosen.group.clone(), chosen.clone())),
        }
        Some(chosen)
    }

    /// Whether nothing is known against an engine's deciding in time.
    fn decides(&self, engine: &EngineRef) -> bool {
        self.mute.iter().all(|(mute, _)| mute != engine)
    }

    /// Whether an engine is to get a call on trial: its pause is over, and nobody waits for it.
    fn is_due(&self, engine: &EngineRef, now: Instant) -> bool {
        let due = self.mute.iter().any(|(mute, since)| mute == engine && since.trial_at <= now);
        due && self.load(engine).waiting == 0
    }

    /// An engine has decided about a call.
    pub fn proved(&mut self, engine: &EngineRef) {
        self.mute.retain(|(mute, _)| mute != engine);
    }

    /// An engine did not decide about a call in time. What it got before its pause began says nothing new.
    pub fn lapsed(&mut self, engine: &EngineRef, now: Instant) {
        if let Some((_, mute)) = self.mute.iter_mut().find(|(mute, _)| mute == engine) {
            if mute.trial_at <= now {
                mute.pause = (mute.pause * 2).min(TRIAL_PAUSE_MAX);
                mute.trial_at = now + mute.pause;
            }
        } else if self.standing(engine) != Standing::Away {
            self.mute.push((engine.clone(), Mute { trial_at: now + TRIAL_PAUSE, pause: TRIAL_PAUSE }));
        }
    }

    fn takes(&self, attached: &AttachedEngine) -> bool {
        attached.sessions_max.is_none_or(|max| self.load(&attached.engine).sessions < max)
    }

    fn load(&self, engine: &EngineRef) -> Load {
        let load = self.loads.iter().find(|(loaded, _)| loaded == engine);
        load.map_or_else(Load::default, |(_, load)| *load)
    }

    fn load_mut(&mut self, engine: &EngineRef) -> &mut Load {
        let place = self.loads.iter().position(|(loaded, _)| loaded == engine).unwrap_or_else(|| {
            self.loads.push((engine.clone(), Load::default()));
            self.loads.len() - 1
        });
        &mut self.loads[place].1
    }

    /// A session of this engine has begun. `made`: by itself.
    pub fn begun(&mut self, engine: &EngineRef, made: bool) {
        let load = self.load_mut(engine);
        load.sessions += 1;
        load.made += u32::from(made);
    }

    /// A session of this engine is over, or another's now.
    pub fn over(&mut self, engine: &EngineRef, made: bool) {
        let Some(place) = self.loads.iter().position(|(loaded, _)| loaded == engine) else { return };
        let load = &mut self.loads[place].1;
        load.sessions = load.sessions.saturating_sub(1);
        load.made = load.made.saturating_sub(u32::from(made));
        if load.sessions == 0 {
            self.loads.swap_remove(place);
        }
    }

    /// How many sessions of this engine there are that it made itself.
    pub fn made(&self, engine: &EngineRef) -> u32 {
        self.load(engine).made
    }

    /// A call waits for this engine's decision.
    pub fn waits(&mut self, engine: &EngineRef) {
        self.load_mut(engine).waiting += 1;
    }

    /// A call does not wait for this engine's decision any more.
    pub fn decided(&mut self, engine: &EngineRef) {
        let load = self.load_mut(engine);
        load.waiting = load.waiting.saturating_sub(1);
    }

    /// Whether calls wait for engines that are not there, or stand still.
    pub fn has_stranded(&self) -> bool {
        self.loads.iter().any(|(engine, load)| load.waiting > 0 && self.standing(engine) != Standing::There)
    }

    /// Whether an engine is there.
    pub fn standing(&self, engine: &EngineRef) -> Standing {
        match self.attached.iter().find(|attached| attached.engine == *engine) {
            Some(attached) if attached.still => Standing::Still,
            Some(_) => Standing::There,
            None => Standing::Away,
        }
    }
}

/// Whether an engine can be expected to decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is there.
    There,
    /// It is there, but silent or behind with its events.
    Still,
    /// It is not there.
    Away,
}

#[cfg(test)]
mod tests;
