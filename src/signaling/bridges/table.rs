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
    /// Who was told to come and has not answered yet, and how often it was told.
    expected: BTreeMap<SessionId, u32>,
    /// Whether somebody was ever in it or was named when it was made: only then it can run empty.
    opened: bool,
}

/// What a session's leaving, or not coming, did.
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
        let (members, expected) = (BTreeSet::new(), BTreeMap::new());
        Self { mode, group, owner, keep_when_empty, members, expected, opened: false }
    }

    pub const fn mode(&self) -> BridgeMode {
        self.mode
    }

    /// Whether this engine may have its sessions join and leave: the one that made the bridge, and those of its group.
    pub fn is_open_to(&self, engine: &EngineRef) -> bool {
        self.owner.as_ref() == Some(engine) || self.group == engine.group
    }

    /// Whether this engine may end the bridge: the one that made it; where that was none, or it is gone, those of the
    /// bridge's group.
    pub fn is_ended_by(&self, engine: &EngineRef) -> bool {
        self.owner.as_ref().map_or_else(|| self.group == engine.group, |owner| owner == engine)
    }

    /// Whoever was told to come has its place already.
    pub fn is_full_for(&self, session: &SessionId) -> bool {
        let others_expected = || {
            self.expected.keys().filter(|&other| other != session && !self.members.contains(other)).count()
        };
        self.mode == BridgeMode::Relay
            && !self.members.contains(session)
            && self.members.len() + others_expected() >= RELAY_MEMBERS_MAX
    }

    /// The bridge is made for this session.
    pub fn name(&mut self, session: &SessionId) {
        self.opened = true;
        self.expect(session);
    }

    /// A session is told to come.
    pub fn expect(&mut self, session: &SessionId) {
        *self.expected.entry(session.clone()).or_default() += 1;
    }

    fn answered(&mut self, session: &SessionId) {
        if let Some(times) = self.expected.get_mut(session) {
            *times -= 1;
            if *times == 0 {
                self.expected.remove(session);
            }
        }
    }

    pub fn join(&mut self, session: &SessionId) {
        self.answered(session);
        self.members.insert(session.clone());
        self.opened = true;
    }

    fn is_deserted(&self) -> bool {
        self.members.is_empty() && self.expected.is_empty()
    }

    /// Whether nobody but these is in it or told to come.
    pub fn is_only_of(&self, sessions: &[SessionId]) -> bool {
        self.members.iter().chain(self.expected.keys()).all(|session| sessions.contains(session))
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
        self.without(bridge, |record| {
            record.members.remove(session);
        })
    }

    /// A session that was told to come does not.
    pub fn not_joined(&mut self, bridge: &BridgeId, session: &SessionId) -> Left {
        self.without(bridge, |record| record.answered(session))
    }

    fn without(&mut self, bridge: &BridgeId, take_out: impl FnOnce(&mut Record)) -> Left {
        let Some(record) = self.0.get_mut(bridge) else { return Left::BridgeStays };
        take_out(record);
        if record.opened && record.is_deserted() && !record.keep_when_empty {
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
                record.owner = None;
                record.keep_when_empty = false;
                // Whoever is still to come, and does not, ends it.
                record.opened = true;
                if record.is_deserted() {
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
    fn a_bridge_that_its_first_member_does_not_come_to_ends() {
        let mut table = table(&["b"], BridgeMode::Mix, false);
        table.0.get_mut(&bridge("b")).unwrap().name(&session("x"));
        assert_eq!(table.not_joined(&bridge("b"), &session("x")), Left::BridgeOver);
    }

    #[test]
    fn a_bridge_stays_for_whoever_is_still_to_come() {
        let mut table = table(&["b"], BridgeMode::Mix, false);
        let record = table.0.get_mut(&bridge("b")).unwrap();
        record.name(&session("x"));
        record.expect(&session("y"));
        record.expect(&session("y"));
        assert_eq!(table.not_joined(&bridge("b"), &session("x")), Left::BridgeStays);
        assert_eq!(table.not_joined(&bridge("b"), &session("y")), Left::BridgeStays, "told twice");
        table.0.get_mut(&bridge("b")).unwrap().join(&session("y"));
        assert_eq!(table.leave(&bridge("b"), &session("y")), Left::BridgeOver);
    }

    #[test]
    fn a_bridge_is_open_to_its_maker_and_its_group_and_ended_by_its_maker() {
        let of = |group: &str, id: &str| EngineRef { group: group.into(), id: id.into() };
        let mut table = table(&["b"], BridgeMode::Mix, true);
        let record = table.0.get_mut(&bridge("b")).unwrap();
        record.owner = Some(of("other", "maker"));
        record.join(&session("x"));
        let rights = |table: &Table, engine| {
            let record = &table.0[&bridge("b")];
            (record.is_open_to(&engine), record.is_ended_by(&engine))
        };
        assert_eq!(rights(&table, of("other", "maker")), (true, true));
        assert_eq!(rights(&table, of("g", "e")), (true, false), "of the bridge's group");
        assert_eq!(rights(&table, of("other", "e")), (false, false));
        assert_eq!(table.owner_gone(&of("other", "maker")), []);
        assert_eq!(rights(&table, of("g", "e")), (true, true), "its maker is gone");
    }

    #[test]
    fn a_bridge_made_empty_waits_for_its_first_member() {
        let mut table = table(&["b"], BridgeMode::Mix, false);
        table.0.get_mut(&bridge("b")).unwrap().expect(&session("x"));
        assert_eq!(table.not_joined(&bridge("b"), &session("x")), Left::BridgeStays);
    }

    #[test]
    fn whoever_was_told_to_come_has_its_place_in_a_relay() {
        let mut table = table(&["b"], BridgeMode::Relay, false);
        let record = table.0.get_mut(&bridge("b")).unwrap();
        record.join(&session("x"));
        record.expect(&session("y"));
        assert!(record.is_full_for(&session("z")));
        assert!(!record.is_full_for(&session("y")));
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
