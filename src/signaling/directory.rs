//! Where each session lives: its id and its shard. The entry also claims the ids that clients choose.
//!
//! A client-chosen id stays taken for a minute after its session's end, so that a `CreateSession` that a client repeats
//! because it did not hear the answer never calls twice. Ids that a shard makes are drawn at random and free at once.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::sync::Notify;

use crate::ground::{Instant, SessionId};

/// How long a client-chosen id stays taken after its session's end.
pub const TOMBSTONE_TIME: Duration = Duration::from_secs(60);

/// Most ids that are kept so. Past it the oldest is free early.
pub const TOMBSTONES_MAX: usize = 65_536;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Lives in a shard.
    Shard { shard: u16, origin: Origin },
    /// Over, and not free yet.
    Tombstone,
}

/// How a session came to its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// The peer called; a shard drew it.
    Inbound,
    /// We call; it was drawn here.
    Made,
    /// We call; a client chose it.
    Chosen,
}

/// The directory.
#[derive(Debug, Default)]
pub struct Directory {
    places: DashMap<SessionId, Place>,
    live: AtomicUsize,
    emptied: Notify,
    tombstones: Mutex<VecDeque<(Instant, SessionId)>>,
}

/// The id is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// By a session that lives.
    Lives,
    /// By one that ended less than [`TOMBSTONE_TIME`] ago.
    Ended,
}

impl Directory {
    /// Claims an id for a session that is about to be made in `shard`. `chosen`: by a client.
    ///
    /// # Errors
    /// When a session has the id, or had it less than [`TOMBSTONE_TIME`] ago.
    pub fn claim(&self, session: &SessionId, shard: u16, chosen: bool, now: Instant) -> Result<(), Taken> {
        self.free_old(now);
        match self.places.entry(session.clone()) {
            Entry::Occupied(place) => Err(match place.get() {
                Place::Shard { .. } => Taken::Lives,
                Place::Tombstone => Taken::Ended,
            }),
            Entry::Vacant(free) => {
                let origin = if chosen { Origin::Chosen } else { Origin::Made };
                free.insert(Place::Shard { shard, origin });
                self.live.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
        }
    }

    /// Gives a claim back: no session was made.
    pub fn release(&self, session: &SessionId) {
        if let Some((_, Place::Shard { .. })) = self.places.remove(session) {
            self.one_less();
        }
    }

    fn one_less(&self) {
        if self.live.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.emptied.notify_waiters();
        }
    }

    /// Waits until no session lives.
    pub async fn wait_empty(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.is_empty() {
                return;
            }
            emptied.await;
        }
    }

    /// A session began by itself.
    pub fn opened(&self, session: &SessionId, shard: u16) {
        if self.places.insert(session.clone(), Place::Shard { shard, origin: Origin::Inbound }).is_none() {
            self.live.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A session is over.
    pub fn closed(&self, session: &SessionId, now: Instant) {
        let Entry::Occupied(mut place) = self.places.entry(session.clone()) else { return };
        let Place::Shard { origin, .. } = *place.get() else { return };
        if origin == Origin::Chosen {
            place.insert(Place::Tombstone);
            drop(place);
            self.bury(session.clone(), now);
        } else {
            place.remove();
        }
        self.one_less();
    }

    fn bury(&self, session: SessionId, now: Instant) {
        let mut tombstones = self.tombstones.lock().unwrap_or_else(PoisonError::into_inner);
        tombstones.push_back((now + TOMBSTONE_TIME, session));
        let oldest = if tombstones.len() > TOMBSTONES_MAX { tombstones.pop_front() } else { None };
        drop(tombstones);
        if let Some((_, oldest)) = oldest {
            self.places.remove(&oldest);
        }
        self.free_old(now);
    }

    /// Frees the ids whose time is over. Amortised: each id is looked at once.
    fn free_old(&self, now: Instant) {
        let mut tombstones = self.tombstones.lock().unwrap_or_else(PoisonError::into_inner);
        while tombstones.front().is_some_and(|(until, _)| *until <= now) {
            if let Some((_, session)) = tombstones.pop_front() {
                self.places.remove(&session);
            }
        }
    }

    /// The shard a session lives in; `None` when there is none, or it is over.
    #[must_use]
    pub fn shard_of(&self, session: &SessionId) -> Option<u16> {
        match self.places.get(session).map(|place| *place) {
            Some(Place::Shard { shard, .. }) => Some(shard),
            Some(Place::Tombstone) | None => None,
        }
    }

    /// Whether a session lives that we called somebody with.
    #[must_use]
    pub fn is_outbound(&self, session: &SessionId) -> bool {
        let place = self.places.get(session).map(|place| *place);
        matches!(place, Some(Place::Shard { origin: Origin::Made | Origin::Chosen, .. }))
    }

    /// All sessions that live.
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionId> {
        let live = self.places.iter().filter(|place| matches!(**place, Place::Shard { .. }));
        live.map(|place| place.key().clone()).collect()
    }

    /// How many sessions live.
    #[must_use]
    pub fn len(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// Whether none lives.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> SessionId {
        SessionId::parse(text).unwrap()
    }

    fn seconds(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1_000)
    }

    #[test]
    fn an_id_is_claimed_once() {
        let directory = Directory::default();
        assert_eq!(directory.claim(&id("a"), 3, true, seconds(0)), Ok(()));
        assert_eq!(directory.claim(&id("a"), 1, true, seconds(0)), Err(Taken::Lives));
        assert_eq!(directory.shard_of(&id("a")), Some(3));
        directory.release(&id("a"));
        assert_eq!(directory.claim(&id("a"), 1, true, seconds(0)), Ok(()));
        assert_eq!(directory.len(), 1);
    }

    #[test]
    fn a_chosen_id_stays_taken_for_a_minute_after_the_end() {
        let directory = Directory::default();
        directory.claim(&id("a"), 0, true, seconds(0)).unwrap();
        directory.closed(&id("a"), seconds(10));
        assert_eq!((directory.len(), directory.shard_of(&id("a"))), (0, None));
        assert_eq!(directory.claim(&id("a"), 0, true, seconds(69)), Err(Taken::Ended));
        assert_eq!(directory.claim(&id("a"), 0, true, seconds(70)), Ok(()));
    }

    #[test]
    fn a_made_id_is_free_at_once_and_leaves_nothing() {
        let directory = Directory::default();
        directory.opened(&id("a"), 0);
        directory.claim(&id("b"), 0, false, seconds(0)).unwrap();
        assert_eq!(directory.len(), 2);
        directory.closed(&id("a"), seconds(1));
        directory.closed(&id("b"), seconds(1));
        directory.closed(&id("b"), seconds(1));
        assert_eq!((directory.len(), directory.places.len()), (0, 0));
    }

    #[test]
    fn tombstones_are_bounded_and_the_oldest_goes_first() {
        let directory = Directory::default();
        for i in 0..=TOMBSTONES_MAX {
            let session = id(&format!("s{i}"));
            directory.claim(&session, 0, true, seconds(0)).unwrap();
            directory.closed(&session, seconds(0));
        }
        assert_eq!(directory.places.len(), TOMBSTONES_MAX);
        assert_eq!(directory.claim(&id("s0"), 0, true, seconds(1)), Ok(()));
        assert_eq!(directory.claim(&id("s1"), 0, true, seconds(1)), Err(Taken::Ended));
    }
}
