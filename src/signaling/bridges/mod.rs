//! The bridges: who made them, how they carry audio, who is in them.
//!
//! The audio is media's; who is in a bridge is what the shards tell. A bridge ends by command, when its last member
//! leaves or does not come (unless it is to be kept), when the engine that made it is gone and nobody is in it, and when
//! media is lost.
//!
//! A bridge is open to the engine that made it and to those of its group; the one that made it ends it. Operators' tools
//! may do anything.

mod table;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::ground::{BridgeId, SessionId};
use crate::session::command::EngineRef;
use crate::session::media::{BridgeMode, MediaError};
use crate::signaling::media::MediaLink;
use crate::signaling::refusal::{Bound, Refusal};

pub use table::{BRIDGES_MAX, BridgeView, RELAY_MEMBERS_MAX};
use table::{Left, Record, Table};

/// What makes a bridge.
#[derive(Clone, Debug)]
pub struct NewBridge {
    /// Its id.
    pub id: BridgeId,
    /// How it carries audio.
    pub mode: BridgeMode,
    /// The group it belongs to.
    pub group: Arc<str>,
    /// The engine that makes it; `None` for an operator's tool.
    pub owner: Option<EngineRef>,
    /// Whether it stays when its last member leaves.
    pub keep_when_empty: bool,
}

/// The bridges. See the module.
pub struct Bridges {
    media: Arc<MediaLink>,
    table: Mutex<Table>,
    /// Sessions that are in a bridge. Each that came in tells that it is out, whatever ended the bridge.
    bridged: Mutex<HashSet<SessionId>>,
}

impl Bridges {
    /// No bridges yet.
    #[must_use]
    pub fn new(media: Arc<MediaLink>) -> Self {
        Self { media, table: Mutex::new(Table(BTreeMap::new())), bridged: Mutex::default() }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Claims the id and asks media. The members are to be sent to join at once: media hears of the bridge before, and
    /// the bridge waits for each until it is told [`Self::joined`] or [`Self::not_joined`].
    ///
    /// # Errors
    /// When the id is taken, there are too many bridges, or media is away.
    pub fn create(
        &self,
        new: NewBridge,
        members: &[SessionId],
    ) -> Result<oneshot::Receiver<Result<(), MediaError>>, Refusal> {
        let mut table = self.table();
        if table.0.contains_key(&new.id) {
            return Err(Refusal::BridgeExists(new.id));
        }
        if table.0.len() >= BRIDGES_MAX {
            return Err(Refusal::Full(Bound::Bridges));
        }
        let reply = self.media.create_bridge(&new.id, new.mode)?;
        if members.is_empty() {
            self.media.hurry();
        }
        let id = new.id.clone();
        let mut record = Record::new(new);
        members.iter().for_each(|member| record.name(member));
        table.0.insert(id, record);
        Ok(reply)
    }

    /// Ends a bridge. `by`: the engine that asks; `None` for an operator's tool, or for ourselves.
    ///
    /// # Errors
    /// When there is none of that id, or the engine may not.
    pub fn destroy(&self, bridge: &BridgeId, by: Option<&EngineRef>) -> Result<(), Refusal> {
        let mut table = self.table();
        let record = table.0.get(bridge).ok_or_else(|| Refusal::BridgeNotFound(bridge.clone()))?;
        if by.is_some_and(|engine| !record.is_ended_by(engine)) {
            return Err(Refusal::BridgeNotOwned(bridge.clone()));
        }
        table.0.remove(bridge);
        self.media.destroy_bridge(bridge);
        self.media.hurry();
        Ok(())
    }

    /// Whether any of these is in a bridge.
    #[must_use]
    pub fn has_any(&self, sessions: &[SessionId]) -> bool {
        let bridged = self.bridged();
        sessions.iter().any(|session| bridged.contains(session))
    }

    fn bridged(&self) -> MutexGuard<'_, HashSet<SessionId>> {
        self.bridged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends a bridge that could not be made whole, unless others than these have come to it.
    /// Gives whether it has ended.
    pub fn undo(&self, bridge: &BridgeId, made_for: &[SessionId]) -> bool {
        let mut table = self.table();
        let over = table.0.get(bridge).is_none_or(|record| record.is_only_of(made_for));
        // It may be over already: media was lost, or its members left.
        if over && table.0.remove(bridge).is_some() {
            self.media.destroy_bridge(bridge);
            self.media.hurry();
        }
        over
    }

    /// Keeps a place for one more session, which is to be sent to join at once; the bridge waits for it until it is told
    /// [`Self::joined`] or [`Self::not_joined`]. Gives how the bridge carries audio. `by`: as for [`Self::destroy`].
    ///
    /// # Errors
    /// When there is none of that id, the engine may not, or it relays between two and has them.
    pub fn expect(
        &self,
        bridge: &BridgeId,
        session: &SessionId,
        by: Option<&EngineRef>,
    ) -> Result<BridgeMode, Refusal> {
        let mut table = self.table();
        let record = table.0.get_mut(bridge).ok_or_else(|| Refusal::BridgeNotFound(bridge.clone()))?;
        if by.is_some_and(|engine| !record.is_open_to(engine)) {
            return Err(Refusal::BridgeNotOwned(bridge.clone()));
        }
        if record.is_full_for(session) {
            return Err(Refusal::Full(Bound::RelayMembers));
        }
        record.expect(session);
        Ok(record.mode())
    }

    /// Checks that a session may be sent out of a bridge. `by`: as for [`Self::destroy`].
    ///
    /// # Errors
    /// When there is none of that id, or the engine may not.
    pub fn may_leave(&self, bridge: &BridgeId, by: Option<&EngineRef>) -> Result<(), Refusal> {
        match self.table().0.get(bridge) {
            None => Err(Refusal::BridgeNotFound(bridge.clone())),
            Some(record) if by.is_some_and(|engine| !record.is_open_to(engine)) => {
                Err(Refusal::BridgeNotOwned(bridge.clone()))
            }
            Some(_) => Ok(()),
        }
    }

    /// One bridge as it stands.
    ///
    /// # Errors
    /// When there is none of that id.
    pub fn get(&self, bridge: &BridgeId) -> Result<BridgeView, Refusal> {
        let table = self.table();
        let record = table.0.get(bridge).ok_or_else(|| Refusal::BridgeNotFound(bridge.clone()))?;
        Ok(record.view(bridge))
    }

    /// The bridges of a group (empty: any) with ids behind `after` (empty: from the first), by id, at most `limit`.
    #[must_use]
    pub fn list(&self, group: &str, after: &str, limit: usize) -> Vec<BridgeView> {
        self.table().page(group, after, limit)
    }

    /// A session came in.
    pub fn joined(&self, bridge: &BridgeId, session: &SessionId) {
        self.bridged().insert(session.clone());
        if let Some(record) = self.table().0.get_mut(bridge) {
            record.join(session);
        }
    }

    /// A session went out. Saying so twice does no harm. Its shard [sends](MediaLink::flush) what media is told.
    pub fn left(&self, bridge: &BridgeId, session: &SessionId) {
        self.bridged().remove(session);
        let mut table = self.table();
        if table.leave(bridge, session) == Left::BridgeOver {
            self.media.destroy_bridge(bridge);
        }
    }

    /// A session that was told to come does not.
    pub fn not_joined(&self, bridge: &BridgeId, session: &SessionId) {
        let mut table = self.table();
        if table.not_joined(bridge, session) == Left::BridgeOver {
            self.media.destroy_bridge(bridge);
            self.media.hurry();
        }
    }

    /// An engine is gone for good: what it made and nobody is in ends now, the rest with its last member.
    pub fn engine_gone(&self, engine: &EngineRef) {
        let over = self.table().owner_gone(engine);
        for bridge in over {
            self.media.destroy_bridge(&bridge);
        }
        self.media.hurry();
    }

    /// Media lost all bridges.
    pub fn lost(&self) {
        self.table().0.clear();
    }

    /// All bridges.
    #[must_use]
    pub fn ids(&self) -> Vec<BridgeId> {
        self.table().0.keys().cloned().collect()
    }

    /// How many bridges there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table().0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
