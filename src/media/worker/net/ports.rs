//! RTP ports: pairs of an even port and the odd one above it (RFC 3550 §11), taken least recently used first.
//!
//! A pair that was used rests before it is used again, so that what is still on its way to the old call does not
//! reach a new one. The odd port of a pair is reserved for RTCP and not bound.

use std::collections::VecDeque;
use std::time::Duration;

use crate::ground::{Instant, Random};

/// A pair that nobody has.
#[derive(Clone, Copy, Debug)]
struct Free {
    /// The even port.
    port: u16,
    /// Until when it rests.
    rests_until: Instant,
}

/// How many pairs are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct PortCounts {
    /// Bound by an endpoint.
    pub used: usize,
    /// Resting after their release.
    pub resting: usize,
    /// Free to be taken.
    pub free: usize,
    /// Times a pair was passed over because another process had its port. A total.
    pub taken_by_others: u64,
    /// Times a pair could not be bound because the system was short of descriptors or memory. A total.
    pub unbound: u64,
}

/// The pairs of one node.
#[derive(Debug)]
pub struct PortPool {
    /// Least recently used first, so also soonest rested first.
    free: VecDeque<Free>,
    used: usize,
    rest: Duration,
    taken_by_others: u64,
    unbound: u64,
}

impl PortPool {
    /// All pairs that lie within `min..=max`, in an order that cannot be guessed. A pair rests for `rest`.
    #[must_use]
    pub fn new(min: u16, max: u16, rest: Duration, random: &mut Random) -> Self {
        let mut free: Vec<Free> = (min.next_multiple_of(2)..max)
            .step_by(2)
            .map(|port| Free { port, rests_until: Instant::ZERO })
            .collect();
        for place in (1..free.len()).rev() {
            free.swap(place, random.below(place as u64 + 1) as usize);
        }
        Self { free: free.into(), used: 0, rest, taken_by_others: 0, unbound: 0 }
    }

    /// Takes the pair that was used least recently. `None`: all are used or rest.
    pub fn take(&mut self, now: Instant) -> Option<u16> {
        if self.free.front()?.rests_until > now {
            return None;
        }
        self.used += 1;
        self.free.pop_front().map(|pair| pair.port)
    }

    /// Takes a pair back, to rest.
    pub fn release(&mut self, port: u16, now: Instant) {
        self.used = self.used.saturating_sub(1);
        self.free.push_back(Free { port, rests_until: now + self.rest });
    }

    /// Takes a pair back that could not be bound: another process has it. It is tried again after a rest.
    pub fn release_foreign(&mut self, port: u16, now: Instant) {
        self.taken_by_others += 1;
        self.release(port, now);
    }

    /// Takes a pair back that was not bound because the system was short of something: it is free at once, and first.
    pub fn release_unbound(&mut self, port: u16) {
        self.unbound += 1;
        self.used = self.used.saturating_sub(1);
        self.free.push_front(Free { port, rests_until: Instant::ZERO });
    }

    /// How many pairs are in which state.
    #[must_use]
    pub fn counts(&self, now: Instant) -> PortCounts {
        let free = self.free.partition_point(|pair| pair.rests_until <= now);
        PortCounts {
            used: self.used,
            resting: self.free.len() - free,
            free,
            taken_by_others: self.taken_by_others,
            unbound: self.unbound,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: Duration = Duration::from_secs(5);

    fn pool(min: u16, max: u16) -> PortPool {
        PortPool::new(min, max, REST, &mut Random::from_key([3, 4]))
    }

    #[test]
    fn pairs_are_even_and_lie_whole_within_the_range() {
        for (min, max, expected) in [(10_000, 10_005, 3), (10_001, 10_005, 2), (10_000, 10_004, 2), (5, 5, 0)]
        {
            let mut pool = pool(min, max);
            let mut ports: Vec<u16> = std::iter::from_fn(|| pool.take(Instant::ZERO)).collect();
            assert_eq!(ports.len(), expected, "{min}..={max}");
            assert!(ports.iter().all(|port| port % 2 == 0 && *port >= min && *port < max));
            ports.sort_unstable();
            ports.dedup();
            assert_eq!(ports.len(), expected);
        }
    }

    #[test]
    fn a_released_pair_rests_and_comes_last() {
        let mut pool = pool(10_000, 10_005);
        let start = Instant::from_millis(1000);
        let first = pool.take(start).unwrap();
        pool.release(first, start);
        let others = [pool.take(start).unwrap(), pool.take(start).unwrap()];
        assert!(!others.contains(&first));
        let counts = PortCounts { used: 2, resting: 1, ..PortCounts::default() };
        assert_eq!(pool.counts(start), counts);
        assert_eq!(pool.take(start + (REST - Duration::from_nanos(1))), None);
        assert_eq!(pool.take(start + REST), Some(first));
    }

    #[test]
    fn a_pair_that_was_never_bound_does_not_rest() {
        let mut pool = pool(10_000, 10_005);
        let start = Instant::from_millis(1000);
        let used = pool.take(start).unwrap();
        pool.release(used, start);
        let unbound = pool.take(start).unwrap();
        pool.release_unbound(unbound);
        let counts = PortCounts { resting: 1, free: 2, unbound: 1, ..PortCounts::default() };
        assert_eq!(pool.counts(start), counts);
        assert_eq!(pool.take(start), Some(unbound));
    }

    #[test]
    fn a_pair_that_another_process_has_is_passed_over_and_counted() {
        let mut pool = pool(10_000, 10_003);
        let start = Instant::from_millis(1000);
        let first = pool.take(start).unwrap();
        pool.release_foreign(first, start);
        assert_ne!(pool.take(start).unwrap(), first);
        assert_eq!(pool.take(start), None);
        assert_eq!(pool.counts(start).taken_by_others, 1);
        assert_eq!(pool.take(start + REST), Some(first));
    }
}
