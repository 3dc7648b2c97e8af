//! One timer structure for every floor of a shard: keyed deadlines, no scan.
//!
//! [`TimerWheel`] names each deadline by a key; [`Wheel`] gives a handle back instead, for owners that have a place to
//! keep it. What a key means, and which timers a machine has, is for the floor that sets them.

mod wheel;

use std::hash::Hash;

use super::Instant;
use super::hash::OwnKeyMap;

pub use wheel::{TICK, TimerHandle, Wheel};

/// Deadlines by key, at most one per key.
///
/// Deadlines are kept in ticks of a millisecond, rounded up: a timer never fires early and up to one millisecond
/// late. What expires together comes out in order of its tick, within a tick in the order it was scheduled. Memory is
/// that of the most deadlines that ever ran at once; one that is cancelled or replaced is freed at once.
#[derive(Clone, Debug)]
pub struct TimerWheel<K> {
    wheel: Wheel<K>,
    handles: OwnKeyMap<K, TimerHandle>,
}

impl<K: Copy + Eq + Hash> Default for TimerWheel<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Copy + Eq + Hash> TimerWheel<K> {
    /// An empty wheel that stands at [`Instant::ZERO`].
    #[must_use]
    pub fn new() -> Self {
        Self { wheel: Wheel::new(), handles: OwnKeyMap::default() }
    }

    /// Sets the deadline of `key`; one it already has is replaced. A deadline in the past expires at the next
    /// [`TimerWheel::pop_expired`].
    pub fn schedule(&mut self, key: K, at: Instant) {
        let handle = self.wheel.insert(key, at);
        if let Some(replaced) = self.handles.insert(key, handle) {
            self.wheel.remove(replaced);
        }
    }

    /// Drops the deadline of `key`. Returns whether there was one.
    pub fn cancel(&mut self, key: &K) -> bool {
        self.handles.remove(key).is_some_and(|handle| self.wheel.remove(handle).is_some())
    }

    /// The deadline of `key`, rounded up to a tick.
    #[must_use]
    pub fn deadline(&self, key: &K) -> Option<Instant> {
        self.wheel.deadline(*self.handles.get(key)?)
    }

    /// Takes out one key whose deadline is at or before `now`; to be called until it returns `None`.
    pub fn pop_expired(&mut self, now: Instant) -> Option<K> {
        let key = self.wheel.pop_expired(now)?;
        self.handles.remove(&key);
        Some(key)
    }

    /// When to call [`TimerWheel::pop_expired`] next. Never later than the first deadline; earlier only when the
    /// deadline it once stood for has been cancelled.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.wheel.next()
    }

    /// How many deadlines are set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.wheel.len()
    }

    /// Whether none is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.wheel.is_empty()
    }
}

#[cfg(test)]
mod tests;
