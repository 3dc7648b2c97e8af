//! Whose look-ups they are: those of one address have a share of the turns and of the places to wait in, so that nobody
//! else waits for names that are slow.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::ground::network::one_of;

/// Look-ups at once of the names that one address tells; all of an IPv6 /64 is one.
pub const OF_ONE_MAX: usize = 8;

/// Look-ups of its names that may wait for their turn.
pub const OF_ONE_WAITING_MAX: usize = 32;

/// The places of all.
#[derive(Debug)]
pub(super) struct Shares {
    places_max: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    places: usize,
    of: HashMap<IpAddr, One>,
}

#[derive(Debug)]
struct One {
    places: usize,
    turns: Arc<Semaphore>,
}

/// A place among the look-ups under way and waiting; free again when dropped.
#[derive(Debug)]
pub(super) struct Place {
    shares: Arc<Shares>,
    of_one: Option<(IpAddr, Arc<Semaphore>)>,
}

impl Shares {
    pub fn new(places_max: usize) -> Self {
        Self { places_max, taken: Mutex::default() }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a name that this address tells; one that nobody is known to tell is in nobody's share. `None` where all
    /// places, or those of its share, are taken.
    pub fn take(self: &Arc<Self>, by: Option<IpAddr>) -> Option<Place> {
        let mut taken = self.taken();
        if taken.places >= self.places_max {
            return None;
        }
        let of_one = match by.map(one_of) {
            None => None,
            Some(ip) => {
                let new = || One { places: 0, turns: Arc::new(Semaphore::new(OF_ONE_MAX)) };
                let one = taken.of.entry(ip).or_insert_with(new);
                if one.places >= OF_ONE_MAX + OF_ONE_WAITING_MAX {
                    return None;
                }
                one.places += 1;
                Some((ip, Arc::clone(&one.turns)))
            }
        };
        taken.places += 1;
        drop(taken);
        Some(Place { shares: Arc::clone(self), of_one })
    }
}

impl Place {
    /// Waits until fewer of the same address are under way than may be. `None` where there is no such share.
    pub async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        let (_, turns) = self.of_one.as_ref()?;
        // It is never closed.
        Arc::clone(turns).acquire_owned().await.ok()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.shares.taken();
        taken.places -= 1;
        let Some((ip, _)) = &self.of_one else { return };
        if let Some(one) = taken.of.get_mut(ip) {
            one.places -= 1;
            if one.places == 0 {
                taken.of.remove(ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_its_share_of_the_places_and_an_unknown_one_what_all_leave() {
        let all = 2 * (OF_ONE_MAX + OF_ONE_WAITING_MAX);
        let shares = Arc::new(Shares::new(all));
        let (one, other) = ("2001:db8::1", "192.0.2.1");
        let take = |by: &str| shares.take(Some(by.parse().unwrap()));
        let mut places: Vec<Place> = std::iter::from_fn(|| take(one)).collect();
        assert_eq!(places.len(), OF_ONE_MAX + OF_ONE_WAITING_MAX);
        assert!(take("2001:db8::ffff").is_none(), "it is of the same /64");
        places.extend(take(other));
        places.extend(std::iter::from_fn(|| shares.take(None)));
        assert_eq!(places.len(), all);
        assert!(take(other).is_none());
        places.clear();
        assert!(take(one).is_some());
        assert!(shares.taken().of.is_empty());
    }
}
