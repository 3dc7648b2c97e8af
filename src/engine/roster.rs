//! Who is attached, in the order of attachment, and every shard's share of what an engine takes.

use crate::session::command::EngineRef;

/// The attached engines.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    engines: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    engine: EngineRef,
    sessions_max: u32,
    keeping: Keeping,
}

/// Whether an engine keeps up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keeping {
    /// Nothing comes from it.
    pub silent: bool,
    /// Events wait for it: its window is full, or it does not read.
    pub behind: bool,
    /// Its window is full.
    pub full: bool,
}

impl Keeping {
    /// Whether it is to get new calls, where another could take them.
    #[must_use]
    pub const fn is_up(self) -> bool {
        !self.silent && !self.behind && !self.full
    }

    /// Whether what it has not decided about is to go to others.
    #[must_use]
    pub const fn stands_still(self) -> bool {
        self.silent || self.behind
    }
}

impl Roster {
    /// Puts an engine at the end. `sessions_max` 0: no limit. One that is there already moves to the end.
    pub fn insert(&mut self, engine: EngineRef, sessions_max: u32) {
        self.remove(&engine);
        self.engines.push(Entry { engine, sessions_max, keeping: Keeping::default() });
    }

    /// Says whether an engine keeps up; whether that is news.
    pub fn keeps(&mut self, engine: &EngineRef, keeping: Keeping) -> bool {
        let entry = self.engines.iter_mut().find(|entry| entry.engine == *engine);
        entry.is_some_and(|entry| std::mem::replace(&mut entry.keeping, keeping) != keeping)
    }

    /// Takes an engine out; whether it was there.
    pub fn remove(&mut self, engine: &EngineRef) -> bool {
        let before = self.engines.len();
        self.engines.retain(|other| other.engine != *engine);
        self.engines.len() != before
    }

    /// Whether this engine is attached.
    #[must_use]
    pub fn contains(&self, engine: &EngineRef) -> bool {
        self.engines.iter().any(|other| other.engine == *engine)
    }

    /// The engine of this group that has been attached for longest.
    #[must_use]
    pub fn first_of(&self, group: &str) -> Option<&EngineRef> {
        self.engines.iter().map(|entry| &entry.engine).find(|engine| &*engine.group == group)
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
    ///
    /// The last part says whether the engine keeps up.
    pub fn for_shard(
        &self,
        shard: u16,
        shards: u16,
    ) -> impl Iterator<Item = (&EngineRef, Option<u32>, Keeping)> {
        self.engines.iter().map(move |Entry { engine, sessions_max, keeping }| {
            (engine, (*sessions_max > 0).then(|| share(*sessions_max, shard, shards)), *keeping)
        })
    }
}

/// The share of `shard`, counted from 0, when `total` is split over `shards`.
#[must_use]
pub fn share(total: u32, shard: u16, shards: u16) -> u32 {
    let shards = u32::from(shards.max(1));
    total / shards + u32::from(u32::from(shard) < total % shards)
}
