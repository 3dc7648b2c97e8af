//! The table of bridges, without its lock and without media.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use super::NewBridge;
use crate::ground::{BridgeId, SessionId};
use crate::session::command::{CommandError, EngineRef};
use crate::session::media::{BridgeMode, MediaError};
use crate::signaling::refusal::{Bound, Refusal};

/// Most bridges at a time. One more is refused with `LIMIT_REACHED`.
pub const BRIDGES_MAX: usize = 65_536;

/// Members of a bridge that relays, that is a mesh, that mixes or echoes. One more is refused with `LIMIT_REACHED`, as media
/// would refuse it.
pub const MEMBERS_MAX: (usize, usize, usize) = (2, 32, 256);

/// How many members such a bridge takes.
#[must_use]
pub const fn members_max(mode: BridgeMode) -> (usize, Bound) {
    match mode {
        BridgeMode::Relay => (MEMBERS_MAX.0, Bound::RelayMembers),
        BridgeMode::Mesh => (MEMBERS_MAX.1, Bound::MeshMembers),
        BridgeMode::Mix | BridgeMode::Echo => (MEMBERS_MAX.2, Bound::BridgeMembers),
    }
}

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
    making: Making,
}

/// Whether a bridge is there, or still being made: then nobody sees it, and nothing but the one who makes it ends it.
#[derive(Debug)]
enum Making {
    Made,
    /// Its members were asked whether they can come, and media was asked to make it.
    UnderWay,
    /// It cannot be made any more.
    Failed(Refusal),
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
        let making = Making::UnderWay;
        Self { mode, group, owner, keep_when_empty, members, expected, opened: false, making }
    }

    /// The members can come and media has made it: it is there.
    ///
    /// # Errors
    /// What came between.
    pub fn make(&mut self) -> Result<(), Refusal> {
        match std::mem::replace(&mut self.making, Making::Made) {
            Making::Made | Making::UnderWay => Ok(()),
            Making::Failed(refusal) => Err(refusal),
        }
    }

    /// Whether it is there.
    pub const fn is_made(&self) -> bool {
        matches!(self.making, Making::Made)
    }

    fn fail(&mut self, refusal: Refusal) {
        if matches!(self.making, Making::UnderWay) {
            self.making = Making::Failed(refusal);
        }
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

    /// The bound at which one more member is refused, if it is reached. Whoever was told to come has its place already.
    pub fn full_for(&self, session: &SessionId) -> Option<Bound> {
        let (max, bound) = members_max(self.mode);
        let known = self.members.len() + self.expected.len();
        let has_place = self.members.contains(session) || self.expected.contains_key(session);
        if has_place || known < max {
            return None;
        }
        let others = self.expected.keys().filter(|&other| !self.members.contains(other)).count();
        (self.members.len() + others >= max).then_some(bound)
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
    /// The bridge of this id, if it is there.
    ///
    /// # Errors
    /// When it is not.
    pub fn made(&mut self, bridge: &BridgeId) -> Result<&mut Record, Refusal> {
        let record = self.0.get_mut(bridge).filter(|record| record.is_made());
        record.ok_or_else(|| Refusal::BridgeNotFound(bridge.clone()))
    }

    pub fn leave(&mut self, bridge: &BridgeId, session: &SessionId) -> Left {
        self.without(bridge, |record| {
            record.members.remove(session);
        })
    }

    /// A session that was told to come does not. A bridge that is being made for it cannot be.
    pub fn not_joined(&mut self, bridge: &BridgeId, session: &SessionId) -> Left {
        if let Some(record) = self.0.get_mut(bridge) {
            record.fail(CommandError::SessionNotFound(session.clone()).into());
        }
        self.without(bridge, |record| record.answered(session))
    }

    fn without(&mut self, bridge: &BridgeId, take_out: impl FnOnce(&mut Record)) -> Left {
        let Some(record) = self.0.get_mut(bridge) else { return Left::BridgeStays };
        take_out(record);
        if record.is_made() && record.opened && record.is_deserted() && !record.keep_when_empty {
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
                record.fail(Refusal::EngineNotAttached(engine.clone()));
                if record.is_made() && record.is_deserted() {
                    over.push(id.clone());
                }
            }
        }
        for id in &over {
            self.0.remove(id);
        }
        over
    }

    /// Media has lost all bridges. Those that are being made fail.
    pub fn lost(&mut self) {
        self.0.retain(|_, record| {
            record.fail(Refusal::Media(MediaError::Unavailable));
            !record.is_made()
        });
    }

    pub fn page(&self, group: &str, after: &str, limit: usize) -> Vec<BridgeView> {
        let from = match BridgeId::parse(after) {
            Ok(after) => Excluded(after),
            Err(_) => Unbounded,
        };
        self.0
            .range((from, Unbounded))
            .filter(|(_, record)| record.is_made())
            .filter(|(_, record)| group.is_empty() || &*record.group == group)
            .take(limit)
            .map(|(id, record)| record.view(id))
            .collect()
    }
}

#[cfg(test)]
mod tests;
