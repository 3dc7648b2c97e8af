//! Who is attached, in the order of attachment, and every shard's share of what an engine takes.

use crate::session::command::EngineRef;

/// The attached engines.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    engines: Vec<(EngineRef, u32)>,
}

impl Roster {
    /// Puts an engine at the end. `sessions_max` 0: no limit. One that is there already moves to the end.
    pub fn insert(&mut self, engine: EngineRef, sessions_max: u32) {
        self.remove(&engine);
        self.engines.push((engine, sessions_max));
    }

    /// Takes an engine out; whether it was there.
    pub fn remove(&mut self, engine: &EngineRef) -> bool {
        let before = self.engines.len();
        self.engines.retain(|(other, _)| other != engine);
        self.engines.len() != before
    }

    /// Whether this engine is attached.
    #[must_use]
    pub fn contains(&self, engine: &EngineRef) -> bool {
        self.engines.iter().any(|(other, _)| other == engine)
    }

    /// The engine of this group that has been attached for longest.
    #[must_use]
    pub fn first_of(&self, group: &str) -> Option<&EngineRef> {
        self.engines.iter().map(|(engine, _)| engine).find(|engine| &*engine.group == group)
    }

    /// How many are attached.
    #[must_use]
    pub fn len(&self) -> usize {
        self.engines.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.engines.is_empty()
    }

    /// What shard `shard` of `shards` is to know: the engines, and how many sessions each takes of that shard (`None`: no
    /// limit). Calls fall to shards by hash, so an engine's limit is split evenly: the shares add up to it exactly, and
    /// a shard whose share is used up takes the call for another engine even when a neighbour has room.
    pub fn for_shard(&self, shard: u16, shards: u16) -> impl Iterator<Item = (&EngineRef, Option<u32>)> {
        self.engines.iter().map(move |(engine, sessions_max)| {
            (engine, (*sessions_max > 0).then(|| share(*sessions_max, shard, shards)))
        })
    }
}

/// The share of `shard`, counted from 0, when `total` is split over `shards`.
fn share(total: u32, shard: u16, shards: u16) -> u32 {
    let shards = u32::from(shards.max(1));
    total / shards + u32::from(u32::from(shard) < total % shards)
}
