//! All owners of a node, by name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::owner::{Item, NodePhase, Opened, Owner};
use crate::ground::Instant;
use crate::media::core::Failure;

/// Owners that a node may know. One more takes the place of the one that has been without stream and endpoints for longest;
/// where all have some, it is refused.
pub const OWNERS_MAX: usize = 256;

/// The owners.
#[derive(Debug, Default)]
pub struct Owners {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    by_name: HashMap<Box<str>, Arc<Owner>>,
    numbers: u32,
}

impl Known {
    /// Forgets the owner that nobody holds and that has been without a stream for longest. Whether there was one.
    fn forget_one(&mut self) -> bool {
        let idle = self.by_name.iter().filter(|(_, owner)| Arc::strong_count(owner) == 1);
        let idle = idle.filter_map(|(name, owner)| Some((owner.gone_since()?, owner.number, name)));
        let oldest = idle.min_by_key(|(since, number, _)| (*since, *number)).map(|(_, _, name)| name.clone());
        oldest.is_some_and(|name| self.by_name.remove(&name).is_some())
    }
}

impl Owners {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The owner of this name.
    ///
    /// # Errors
    /// [`Failure::Limit`] where there are [`OWNERS_MAX`] with a stream or something of theirs.
    pub fn meet(&self, name: &str, now: Instant) -> Result<Arc<Owner>, Failure> {
        let mut known = self.known();
        if let Some(owner) = known.by_name.get(name) {
            return Ok(Arc::clone(owner));
        }
        if known.by_name.len() >= OWNERS_MAX && !known.forget_one() {
            return Err(Failure::Limit { what: "owners", limit: OWNERS_MAX });
        }
        known.numbers += 1;
        let owner = Arc::new(Owner::new(known.numbers, name, now));
        known.by_name.insert(name.into(), Arc::clone(&owner));
        Ok(owner)
    }

    /// Opens a stream for the process of this name and incarnation, which has heard the events up to this number.
    ///
    /// # Errors
    /// [`Failure::OwnerConnected`] while another process of that name has one and says something;
    /// [`Failure::Limit`] as for [`Owners::meet`].
    pub fn open(
        &self,
        name: &str,
        incarnation: u64,
        events_through: u64,
        now: Instant,
    ) -> Result<(Arc<Owner>, Opened), Failure> {
        let owner = self.meet(name, now)?;
        let opened = owner.open_stream(incarnation, events_through, now);
        opened.map(|opened| (owner, opened)).ok_or_else(|| Failure::OwnerConnected(name.to_owned()))
    }

    /// Tells all of them that have a stream how the node stands.
    pub fn tell_all(&self, phase: NodePhase) {
        self.all().iter().for_each(|owner| owner.tell([Item::Node(phase)]));
    }

    /// Forgets an owner that has had no stream for this long, unless somebody still holds it.
    pub fn forget(&self, time: Duration, now: Instant) {
        self.known().by_name.retain(|_, owner| Arc::strong_count(owner) > 1 || !owner.is_gone_for(time, now));
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Owner>> {
        self.known().by_name.values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_millis(1000);

    #[test]
    fn an_owner_keeps_its_number_over_its_processes_and_a_gone_one_is_forgotten() {
        let owners = Owners::default();
        let (owner, opened) = owners.open("a", 5, 0, NOW).unwrap();
        assert_eq!(owners.open("a", 4, 0, NOW).unwrap_err(), Failure::OwnerConnected("a".into()));
        assert!(owners.open("b", 4, 0, NOW).is_ok());
        owner.close_stream(opened.stream, NOW);
        let (again, opened) = owners.open("a", 4, 0, NOW).unwrap();
        assert_eq!(again.number, owner.number);
        owner.close_stream(opened.stream, NOW);
        let later = NOW + Duration::from_secs(10);
        owners.forget(Duration::from_secs(5), later);
        assert_eq!(owners.all().len(), 2, "somebody holds it, and the other has a stream");
        drop((owner, again));
        owners.forget(Duration::from_secs(5), later);
        assert_eq!(owners.all().len(), 1);
    }

    #[test]
    fn names_that_came_once_make_room_for_another_and_those_in_use_do_not() {
        let owners = Owners::default();
        let (streaming, _) = owners.open("streaming", 1, 0, NOW).unwrap();
        drop(streaming);
        let holding = owners.meet("holding", NOW).unwrap();
        for number in 2..OWNERS_MAX as u64 {
            owners.meet(&number.to_string(), NOW + Duration::from_millis(1_000 - number)).unwrap();
        }
        let later = NOW + Duration::from_secs(2);
        let names = || owners.all().iter().map(|owner| owner.name.to_string()).collect::<Vec<_>>();
        let mut kept = vec![owners.meet("new", later).unwrap()];
        assert_eq!(names().len(), OWNERS_MAX);
        assert!(!names().contains(&(OWNERS_MAX - 1).to_string()), "it was there for longest");
        for number in 3..OWNERS_MAX {
            kept.push(owners.meet(&format!("more-{number}"), later).unwrap());
        }
        let full = Failure::Limit { what: "owners", limit: OWNERS_MAX };
        assert_eq!(owners.meet("one too many", later).unwrap_err(), full);
        assert!(["streaming", "holding", "new"].iter().all(|name| names().iter().any(|known| known == name)));
        drop(holding);
        assert!(owners.meet("one too many", later).is_ok());
    }
}
