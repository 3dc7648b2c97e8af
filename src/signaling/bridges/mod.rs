//! The bridges: who made them, how they carry audio, who is in them.
//!
//! The audio is media's; who is in a bridge is what the shards tell. A bridge ends by command, when its last member
//! leaves or does not come (unless it is to be kept), when the engine that made it is gone and nobody is in it, and when
//! media is lost.
//!
//! A bridge is open to the engine that made it and to those of its group; the one that made it ends it. Operators' tools
//! may do anything.

mod table;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::ground::{BridgeId, SessionId};
use crate::session::command::EngineRef;
use crate::session::media::{BridgeMode, MediaError};
use crate::signaling::media::MediaLink;
use crate::signaling::refusal::{Bound, Refusal};

pub use table::{BRIDGES_MAX, BridgeView, MEMBERS_MAX, members_max};
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
}

impl Bridges {
    /// No bridges yet.
    #[must_use]
    pub fn new(media: Arc<MediaLink>) -> Self {
        Self { media, table: Mutex::new(Table(BTreeMap::new())) }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Claims the id and asks media. The bridge is being made until it is [made](Self::make) or [given up](Self::give_up):
    /// it is seen by nobody, waits for each of its members until it is told [`Self::joined`] or [`Self::not_joined`], and
    /// cannot be made any more if one of them says the latter.
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
        self.media.hurry();
        let id = new.id.clone();
        let mut record = Record::new(new);
        members.iter().for_each(|member| record.name(member));
        table.0.insert(id, record);
        Ok(reply)
    }

    /// The members can come and media has made the bridge: it is there, as it stands.
    ///
    /// # Errors
    /// What came between: a member's call ended, the engine is gone, media was lost. It is to be given up.
    pub fn make(&self, bridge: &BridgeId) -> Result<BridgeView, Refusal> {
        let mut table = self.table();
        let record = table.0.get_mut(bridge).ok_or(Refusal::Internal("a bridge in the making is gone"))?;
        record.make()?;
        Ok(record.view(bridge))
    }

    /// A bridge cannot be made. Nobody has seen it.
    pub fn give_up(&self, bridge: &BridgeId) {
        let mut table = self.table();
        table.0.remove(bridge);
        self.media.destroy_bridge(bridge);
        drop(table);
        self.media.hurry();
    }

    /// Ends a bridge. `by`: the engine that asks; `None` for an operator's tool.
    ///
    /// # Errors
    /// When there is none of that id, or the engine may not.
    pub fn destroy(&self, bridge: &BridgeId, by: Option<&EngineRef>) -> Result<(), Refusal> {
        let mut table = self.table();
        let record = table.made(bridge)?;
        if by.is_some_and(|engine| !record.is_ended_by(engine)) {
            return Err(Refusal::BridgeNotOwned(bridge.clone()));
        }
        table.0.remove(bridge);
        self.media.destroy_bridge(bridge);
        self.media.hurry();
        Ok(())
    }

    /// Keeps a place for one more session, which is to be sent to join at once; the bridge waits for it until it is told
    /// [`Self::joined`] or [`Self::not_joined`]. Gives how the bridge carries audio. `by`: as for [`Self::destroy`].
    ///
    /// # Errors
    /// When there is none of that id, the engine may not, or it has as many members as it takes.
    pub fn expect(
        &self,
        bridge: &BridgeId,
        session: &SessionId,
        by: Option<&EngineRef>,
    ) -> Result<BridgeMode, Refusal> {
        let mut table = self.table();
        let record = table.made(bridge)?;
        if by.is_some_and(|engine| !record.is_open_to(engine)) {
            return Err(Refusal::BridgeNotOwned(bridge.clone()));
        }
        if let Some(bound) = record.full_for(session) {
            return Err(Refusal::Full(bound));
        }
        record.expect(session);
        Ok(record.mode())
    }

    /// Checks that a session may be sent out of a bridge. `by`: as for [`Self::destroy`].
    ///
    /// # Errors
    /// When there is none of that id, or the engine may not.
    pub fn may_leave(&self, bridge: &BridgeId, by: Option<&EngineRef>) -> Result<(), Refusal> {
        let mut table = self.table();
        let record = table.made(bridge)?;
        if by.is_some_and(|engine| !record.is_open_to(engine)) {
            return Err(Refusal::BridgeNotOwned(bridge.clone()));
        }
        Ok(())
    }

    /// One bridge as it stands.
    ///
    /// # Errors
    /// When there is none of that id.
    pub fn get(&self, bridge: &BridgeId) -> Result<BridgeView, Refusal> {
        Ok(self.table().made(bridge)?.view(bridge))
    }

    /// The bridges of a group (empty: any) with ids behind `after` (empty: from the first), by id, at most `limit`.
    #[must_use]
    pub fn list(&self, group: &str, after: &str, limit: usize) -> Vec<BridgeView> {
        self.table().page(group, after, limit)
    }

    /// A session came in.
    pub fn joined(&self, bridge: &BridgeId, session: &SessionId) {
        if let Some(record) = self.table().0.get_mut(bridge) {
            record.join(session);
        }
    }

    /// A session went out. Saying so twice does no harm. Its shard [sends](MediaLink::flush) what media is told.
    pub fn left(&self, bridge: &BridgeId, session: &SessionId) {
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
        self.table().lost();
    }

    /// All bridges that are there, with their members.
    #[must_use]
    pub fn wanted(&self) -> Vec<(BridgeId, Vec<SessionId>)> {
        let table = self.table();
        let made = table.0.iter().filter(|(_, record)| record.is_made());
        made.map(|(id, record)| (id.clone(), record.view(id).members)).collect()
    }

    /// How many bridges there are, those in the making included.
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
