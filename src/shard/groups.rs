//! Which engine gets a call: round robin over those of the group that are attached and have room. Those that keep up come
//! first; one that is silent or behind gets a call only where nobody else can take it.

use std::sync::Arc;

use super::io::AttachedEngine;
use crate::session::command::EngineRef;

/// The attached engines, and how many sessions each has here.
#[derive(Debug, Default)]
pub(super) struct Groups {
    attached: Vec<AttachedEngine>,
    /// What engines have here, also engines that went away. Few engines: a scan is as fast as a map.
    loads: Vec<(EngineRef, Load)>,
    /// Where each group's round stands: the engine that got the last call.
    last: Vec<(Arc<str>, EngineRef)>,
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
        self.attached = engines;
    }

    /// Whether an engine of the group has room.
    pub fn has_room(&self, group: &str) -> bool {
        self.attached.iter().any(|attached| *attached.engine.group == *group && self.takes(attached))
    }

    /// The next engine of the group that has room, and keeps up if there is such a one.
    pub fn choose(&mut self, group: &str) -> Option<EngineRef> {
        self.next(group, |attached| attached.ready).or_else(|| self.next(group, |_| true))
    }

    /// The next engine of the group that has room and keeps up, but these.
    pub fn choose_other(&mut self, group: &str, but: &[EngineRef]) -> Option<EngineRef> {
        self.next(group, |attached| attached.ready && !but.contains(&attached.engine))
    }

    fn next(&mut self, group: &str, suits: impl Fn(&AttachedEngine) -> bool) -> Option<EngineRef> {
        let last = self.last.iter().position(|(name, _)| **name == *group);
        let members = || self.attached.iter().filter(|attached| *attached.engine.group == *group);
        let passed = last.and_then(|last| {
            let place = members().position(|attached| attached.engine == self.last[last].1)?;
            Some(place + 1)
        });
        let count = members().count();
        let mut round = members().cycle().skip(passed.unwrap_or(0)).take(count);
        let chosen = round.find(|attached| suits(attached) && self.takes(attached))?.engine.clone();
        match last {
            Some(last) => self.last[last].1 = chosen.clone(),
            None => self.last.push((chosen.group.clone(), chosen.clone())),
        }
        Some(chosen)
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
