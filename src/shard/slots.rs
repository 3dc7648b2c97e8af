//! The sessions of a shard: by slot, by id, by leg.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use siphasher::sip::SipHasher13;

use super::pending::SlotId;
use super::sources::Unconfirmed;
use crate::ground::hash::OwnKeyMap;
use crate::ground::leg::LegId;
use crate::ground::timer::TimerHandle;
use crate::ground::{Flow, Instant, SessionId};
use crate::session::Session;
use crate::session::command::EngineRef;

/// A session and what the shard keeps beside it.
#[derive(Debug)]
pub(super) struct Entry {
    pub session: Session,
    pub leg: Option<LegId>,
    pub timer: Option<TimerHandle>,
    /// It waits to be ended with others.
    pub to_be_ended: bool,
    /// It waits to ask media again.
    pub settles: bool,
    /// How its INVITE came in; `None` for a call that is made here.
    pub source: Option<Flow>,
    /// Since when it counts for its engine as a call that waits for a decision.
    pub waits: Option<Instant>,
    /// The engines that had the call and did not decide about it.
    pub passed: Vec<EngineRef>,
    /// An incoming call until its caller has acknowledged that it is up.
    pub unconfirmed: Option<Unconfirmed>,
}

impl Entry {
    /// Whether its call is up: it would end by a BYE.
    pub fn is_up(&self) -> bool {
        self.session.is_up()
    }
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    entry: Option<Box<Entry>>,
}

/// All sessions. Slots are used again; their ids are not.
#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
    // Ids come from engines and from our own generator: nobody outside can make them collide.
    by_id: HashMap<SessionId, SlotId, BuildHasherDefault<SipHasher13>>,
    by_leg: OwnKeyMap<LegId, SlotId>,
}

impl Slots {
    pub fn insert(&mut self, session: Session) -> SlotId {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        let slot = &mut self.slots[index as usize];
        let id = SlotId { index, generation: slot.generation };
        self.by_id.insert(session.id().clone(), id);
        slot.entry = Some(Box::new(Entry {
            session,
            leg: None,
            timer: None,
            to_be_ended: false,
            settles: false,
            source: None,
            waits: None,
            passed: Vec::new(),
            unconfirmed: None,
        }));
        id
    }

    pub fn get_mut(&mut self, id: SlotId) -> Option<&mut Entry> {
        let slot = self.slots.get_mut(id.index as usize)?;
        if slot.generation == id.generation { slot.entry.as_deref_mut() } else { None }
    }

    pub fn get(&self, id: SlotId) -> Option<&Entry> {
        let slot = self.slots.get(id.index as usize)?;
        if slot.generation == id.generation { slot.entry.as_deref() } else { None }
    }

    pub fn remove(&mut self, id: SlotId) -> Option<Box<Entry>> {
        let slot = self.slots.get_mut(id.index as usize).filter(|slot| slot.generation == id.generation)?;
        let entry = slot.entry.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(id.index);
        self.by_id.remove(entry.session.id());
        if let Some(leg) = entry.leg {
            self.by_leg.remove(&leg);
        }
        Some(entry)
    }

    pub fn find(&self, id: &SessionId) -> Option<SlotId> {
        self.by_id.get(id).copied()
    }

    pub fn of_leg(&self, leg: LegId) -> Option<SlotId> {
        self.by_leg.get(&leg).copied()
    }

    pub fn bind(&mut self, id: SlotId, leg: LegId) {
        if let Some(entry) = self.get_mut(id) {
            entry.leg = Some(leg);
            self.by_leg.insert(leg, id);
        }
    }

    /// The leg is gone; its session need not be.
    pub fn unbind(&mut self, leg: LegId) {
        if let Some(id) = self.by_leg.remove(&leg)
            && let Some(entry) = self.get_mut(id)
        {
            entry.leg = None;
        }
    }

    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// All, in order of their slots, so that a run can be run again.
    pub fn ids(&self) -> Vec<SlotId> {
        let indexed = self.slots.iter().enumerate().filter(|(_, slot)| slot.entry.is_some());
        indexed
            .map(|(index, slot)| SlotId {
                index: u32::try_from(index).unwrap_or(u32::MAX),
                generation: slot.generation,
            })
            .collect()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().filter_map(|slot| slot.entry.as_deref())
    }
}
