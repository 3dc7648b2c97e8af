//! The table of bridges, without its lock and without media.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use super::NewBridge;
use crate::ground::{BridgeId, SessionId};
use crate::session::command::EngineRef;
use crate::session::media::BridgeMode;

/// Most bridges at a time. One more is refused with `LIMIT_REACHED`.
pub const BRIDGES_MAX: usize = 65_536;

/// Members of a bridge that relays. One more is refused with `LIMIT_REACHED`.
pub const RELAY_MEMBERS_MAX: usize = 2;

/// A bridge as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeView {
    /// Its id.
    pub id: BridgeId,
    /// How it carries audio.
    pub mode: BridgeMode,
    /// The group it belongs to.
    pub group: Arc<str>,
    /// Who is in it, by id.
    pub members: Vec<SessionId>,
}

/// One bridge.
#[derive(Debug)]
pub(super) struct Record {
    mode: BridgeMode,
    group: Arc<str>,
    owner: Option<EngineRef>,
    keep_when_empty: bool,
    members: BTreeSet<SessionId>,
}

/// What a session's leaving did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// The bridge goes on, or did not know the session.
    BridgeStays,
    /// It was the last one: the bridge is over.
    BridgeOver,
}

#[derive(Debug)]
pub(super) struct Table(pub BTreeMap<BridgeId, Record>);

impl Record {
    pub fn new(new: NewBridge) -> Self {
        let NewBridge { mode, group, owner, keep_when_empty, .. } = new;
        Self { mode, group, owner, keep_when_empty, members: BTreeSet::new() }
    }

    pub const fn mode(&self) -> BridgeMode {
        self.mode
    }

    pub fn is_full_for(&self, session: &SessionId) -> bool {
        self.mode == BridgeMode::Relay
            && self.members.len() >= RELAY_MEMBERS_MAX
            && !self.members.contains(session)
    }

    pub fn join(&mut self, session: &SessionId) {
        self.members.insert(session.clone());
    }

    pub fn view(&self, id: &BridgeId) -> BridgeView {
        BridgeView {
            id: id.clone(),
            mode: self.mode,
            group: Arc::clone(&self.group),
            members: self.members.iter().cloned().collect(),
        }
    }
}

impl Table {
    pub fn leave(&mut self, bridge: &BridgeId, session: &SessionId) -> Left {
        let Some(record) = self.0.get_mut(bridge) else { return Left::BridgeStays };
        if record.members.remove(session) && record.members.is_empty() && !record.keep_when_empty {
            self.0.remove(bridge);
            return Left::BridgeOver;
        }
        Left::BridgeStays
    }

    /// The bridges that are over now.
    pub fn owner_gone(&mut self, engine: &EngineRef) -> Vec<BridgeId> {
        let mut over = Vec::new();
        for (id, record) in &mut self.0 {
            if record.owner.as_ref() == Some(engine) {
                record.keep_when_empty = false;
                if record.members.is_empty() {
                    over.push(id.clone());
                }
            }
        }
        for id in &over {
            self.0.remove(id);
        }
        over
    }

    pub fn page(&self, group: &str, after: &str, limit: usize) -> Vec<BridgeView> {
        let from = match BridgeId::parse(after) {
            Ok(after) => Excluded(after),
            Err(_) => Unbounded,
        };
        self.0
            .range((from, Unbounded))
            .filter(|(_, record)| group.is_empty() || &*record.group == group)
            .take(limit)
            .map(|(id, record)| record.view(id))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bridge(text: &str) -> BridgeId {
        BridgeId::parse(text).unwrap()
    }

    fn session(text: &str) -> SessionId {
        SessionId::parse(text).unwrap()
    }

    fn engine() -> EngineRef {
        EngineRef { group: "g".into(), id: "e".into() }
    }

    fn table(ids: &[&str], mode: BridgeMode, keep_when_empty: bool) -> Table {
        let record = |id: &str| {
            let new =
                NewBridge { id: bridge(id), mode, group: "g".into(), owner: Some(engine()), keep_when_empty };
            (new.id.clone(), Record::new(new))
        };
        Table(ids.iter().map(|id| record(id)).collect())
    }

    #[test]
    fn a_bridge_ends_when_its_last_member_leaves_unless_it_is_kept() {
        for (keep, last) in [(false, Left::BridgeOver), (true, Left::BridgeStays)] {
            let mut table = table(&["b"], BridgeMode::Mix, keep);
            table.0.get_mut(&bridge("b")).unwrap().join(&session("x"));
            table.0.get_mut(&bridge("b")).unwrap().join(&session("y"));
            assert_eq!(table.leave(&bridge("b"), &session("x")), Left::BridgeStays);
            assert_eq!(table.leave(&bridge("b"), &session("x")), Left::BridgeStays, "it has left before");
            assert_eq!(table.leave(&bridge("b"), &session("y")), last);
            assert_eq!(table.0.is_empty(), !keep);
        }
    }

    #[test]
    fn a_relay_takes_two_and_either_of_them_again() {
        let mut table = table(&["b"], BridgeMode::Relay, false);
        let record = table.0.get_mut(&bridge("b")).unwrap();
        record.join(&session("x"));
        assert!(!record.is_full_for(&session("y")));
        record.join(&session("y"));
        assert!(record.is_full_for(&session("z")));
        assert!(!record.is_full_for(&session("x")));
    }

    #[test]
    fn bridges_of_a_gone_engine_end_when_nobody_is_in_them() {
        let mut table = table(&["full", "empty"], BridgeMode::Mix, true);
        table.0.get_mut(&bridge("full")).unwrap().join(&session("x"));
        assert_eq!(table.owner_gone(&engine()), [bridge("empty")]);
        assert_eq!(table.leave(&bridge("full"), &session("x")), Left::BridgeOver);
    }

    #[test]
    fn pages_follow_one_another_by_id() {
        let table = table(&["a", "b", "c"], BridgeMode::Mix, true);
        let ids = |page: Vec<BridgeView>| page.into_iter().map(|view| view.id).collect::<Vec<_>>();
        assert_eq!(ids(table.page("g", "", 2)), [bridge("a"), bridge("b")]);
        assert_eq!(ids(table.page("", "b", 2)), [bridge("c")]);
        assert_eq!(ids(table.page("h", "", 2)), []);
    }
}
