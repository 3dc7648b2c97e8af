//! Which engine gets a call: round robin over those of the group that are attached and have room.

use std::sync::Arc;

use super::io::AttachedEngine;
use crate::session::command::EngineRef;

/// The attached engines, and how many sessions each has here.
#[derive(Debug, Default)]
pub(super) struct Groups {
    attached: Vec<AttachedEngine>,
    /// Sessions by engine, also of engines that went away. Few engines: a scan is as fast as a map.
    loads: Vec<(EngineRef, u32)>,
    /// Where each group's round stands: the engine that got the last call.
    last: Vec<(Arc<str>, EngineRef)>,
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

    /// The next engine of the group that has room.
    pub fn choose(&mut self, group: &str) -> Option<EngineRef> {
        let last = self.last.iter().position(|(name, _)| **name == *group);
        let members = || self.attached.iter().filter(|attached| *attached.engine.group == *group);
        let passed = last.and_then(|last| {
            let place = members().position(|attached| attached.engine == self.last[last].1)?;
            Some(place + 1)
        });
        let count = members().count();
        let round = members().cycle().skip(passed.unwrap_or(0)).take(count);
        let chosen = round.into_iter().find(|attached| self.takes(attached))?.engine.clone();
        match last {
            Some(last) => self.last[last].1 = chosen.clone(),
            None => self.last.push((chosen.group.clone(), chosen.clone())),
        }
        Some(chosen)
    }

    fn takes(&self, attached: &AttachedEngine) -> bool {
        attached.sessions_max.is_none_or(|max| self.load(&attached.engine) < max)
    }

    fn load(&self, engine: &EngineRef) -> u32 {
        self.loads.iter().find(|(loaded, _)| loaded == engine).map_or(0, |(_, load)| *load)
    }

    /// A session of this engine has begun.
    pub fn begun(&mut self, engine: &EngineRef) {
        match self.loads.iter_mut().find(|(loaded, _)| loaded == engine) {
            Some((_, load)) => *load += 1,
            None => self.loads.push((engine.clone(), 1)),
        }
    }

    /// A session of this engine is over.
    pub fn over(&mut self, engine: &EngineRef) {
        let Some(place) = self.loads.iter().position(|(loaded, _)| loaded == engine) else { return };
        self.loads[place].1 = self.loads[place].1.saturating_sub(1);
        if self.loads[place].1 == 0 {
            self.loads.swap_remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine(group: &str, id: &str) -> EngineRef {
        EngineRef { group: group.into(), id: id.into() }
    }

    fn attached(group: &str, id: &str, sessions_max: Option<u32>) -> AttachedEngine {
        AttachedEngine { engine: engine(group, id), sessions_max }
    }

    fn round(groups: &mut Groups, group: &str, calls: usize) -> Vec<String> {
        let chosen = (0..calls).filter_map(|_| {
            let engine = groups.choose(group)?;
            groups.begun(&engine);
            Some(engine.id.to_string())
        });
        chosen.collect()
    }

    #[test]
    fn calls_go_round_the_engines_of_their_group() {
        let mut groups = Groups::default();
        assert!(!groups.has_room("a") && groups.choose("a").is_none());
        groups.attach(vec![attached("a", "1", None), attached("b", "9", None), attached("a", "2", None)]);
        assert_eq!(round(&mut groups, "a", 5), ["1", "2", "1", "2", "1"]);
        assert_eq!(round(&mut groups, "b", 2), ["9", "9"]);
        assert_eq!(round(&mut groups, "a", 1), ["2"]);
    }

    #[test]
    fn an_engine_that_is_full_is_passed_over_until_a_session_of_its_own_is_over() {
        let mut groups = Groups::default();
        groups.attach(vec![attached("a", "1", Some(1)), attached("a", "2", Some(2))]);
        assert_eq!(round(&mut groups, "a", 5), ["1", "2", "2"]);
        assert!(!groups.has_room("a"));
        groups.over(&engine("a", "1"));
        assert!(groups.has_room("a"));
        assert_eq!(round(&mut groups, "a", 2), ["1"]);
    }

    #[test]
    fn an_engine_that_comes_back_still_has_its_sessions() {
        let mut groups = Groups::default();
        groups.attach(vec![attached("a", "1", Some(1))]);
        assert_eq!(round(&mut groups, "a", 2), ["1"]);
        groups.attach(Vec::new());
        assert!(!groups.has_room("a"));
        groups.attach(vec![attached("a", "1", Some(1)), attached("a", "2", None)]);
        assert_eq!(round(&mut groups, "a", 2), ["2", "2"]);
    }
}
