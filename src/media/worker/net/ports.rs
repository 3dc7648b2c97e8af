//! RTP ports: pairs of an even port and the odd one above it (RFC 3550 §11), taken least recently used first.
//!
//! A pair that was used rests before it is used again, so that what is still on its way to the old call does not
//! reach a new one. After the start all rest: nobody knows which of them were used by the process before. They are drawn
//! all the same while they do, for calls cannot wait, and told so; who is heard on them is then decided more strictly. That
//! takes longer than a rest: nobody has told the old peers that their calls are over, so they go on sending. The odd port of
//! a pair is reserved for RTCP and not bound.

use std::collections::VecDeque;
use std::time::Duration;

use crate::ground::{Instant, Random};

/// How long after the start, at least, old streams are expected at any port.
pub const OLD_STREAMS: Duration = Duration::from_secs(20);

/// A pair that nobody has.
#[derive(Clone, Copy, Debug)]
struct Free {
    /// The even port.
    port: u16,
    /// Until when it rests.
    rests_until: Instant,
    /// It was used since the start: while it rests it is not drawn.
    used: bool,
}

impl Free {
    fn is_drawn_at(&self, now: Instant) -> bool {
        !self.used || self.rests_until <= now
    }
}

/// A pair that is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// The even port.
    pub port: u16,
    /// Until when it should have rested, or old streams are expected at it.
    pub rests_until: Instant,
}

/// How many pairs are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct PortCounts {
    /// Bound by an endpoint.
    pub used: usize,
    /// Resting after their release: not to be drawn.
    pub resting: usize,
    /// Free to be drawn. Right after the start they should rest too, and are drawn all the same.
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
    /// Until when streams of calls before the start are expected.
    old_streams_until: Instant,
    taken_by_others: u64,
    unbound: u64,
}

impl PortPool {
    /// All pairs that lie within `min..=max`, in an order that cannot be guessed. A pair rests for `rest`, from `now` on.
    #[must_use]
    pub fn new(min: u16, max: u16, rest: Duration, now: Instant, random: &mut Random) -> Self {
        let mut free: Vec<Free> = (min.next_multiple_of(2)..max)
            .step_by(2)
            .map(|port| Free { port, rests_until: now + rest, used: false })
            .collect();
        for place in (1..free.len()).rev() {
            free.swap(place, random.below(place as u64 + 1) as usize);
        }
        let old_streams_until = now + rest.max(OLD_STREAMS);
        Self { free: free.into(), used: 0, rest, old_streams_until, taken_by_others: 0, unbound: 0 }
    }

    /// Draws the pair that was used least recently. `None`: all are used, or rest from being used.
    pub fn draw(&mut self, now: Instant) -> Option<Drawn> {
        let Free { port, rests_until, .. } = *self.free.front().filter(|pair| pair.is_drawn_at(now))?;
        self.free.pop_front();
        self.used += 1;
        Some(Drawn { port, rests_until: rests_until.max(self.old_streams_until) })
    }

    /// Takes a pair back, to rest.
    pub fn release(&mut self, port: u16, now: Instant) {
        self.used = self.used.saturating_sub(1);
        self.free.push_back(Free { port, rests_until: now + self.rest, used: true });
    }

    /// Takes a pair back that could not be bound: another process has it. It is tried again after a rest.
    pub fn release_foreign(&mut self, port: u16, now: Instant) {
        self.taken_by_others += 1;
        self.release(port, now);
    }

    /// Takes a pair back that was not bound because the system was short of something: it is as it was, and first.
    pub fn release_unbound(&mut self, Drawn { port, rests_until }: Drawn) {
        self.unbound += 1;
        self.used = self.used.saturating_sub(1);
        self.free.push_front(Free { port, rests_until, used: false });
    }

    /// How many pairs are in which state.
    #[must_use]
    pub fn counts(&self, now: Instant) -> PortCounts {
        let free = self.free.partition_point(|pair| pair.is_drawn_at(now));
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
        PortPool::new(min, max, REST, Instant::ZERO, &mut Random::from_key([3, 4]))
    }

    fn draw(pool: &mut PortPool, now: Instant) -> Option<u16> {
        pool.draw(now).map(|drawn| drawn.port)
    }

    #[test]
    fn after_the_start_all_rest_and_are_drawn_all_the_same() {
        let mut pool = pool(10_000, 10_005);
        let early = Instant::from_millis(100);
        assert_eq!(pool.counts(early), PortCounts { free: 3, ..PortCounts::default() });
        let first = pool.draw(early).unwrap();
        pool.release(first.port, early);
        // Those that nobody had come first; the one that was used rests in earnest.
        let second = draw(&mut pool, early).unwrap();
        let third = draw(&mut pool, early).unwrap();
        assert!(second != first.port && third != first.port);
        assert_eq!(pool.draw(early), None);
        assert_eq!(draw(&mut pool, early + REST), Some(first.port));
        let rested = pool.counts(early + REST);
        assert_eq!(rested, PortCounts { used: 3, ..PortCounts::default() });
    }

    #[test]
    fn old_streams_are_expected_for_a_while_after_the_start_also_at_pairs_that_were_used_since() {
        for (rest, until) in [(REST, OLD_STREAMS), (2 * OLD_STREAMS, 2 * OLD_STREAMS)] {
            let start = Instant::from_millis(7_000);
            let mut pool = PortPool::new(10_000, 10_001, rest, start, &mut Random::from_key([3, 4]));
            let first = pool.draw(start).unwrap();
            assert_eq!(first.rests_until, start + until);
            pool.release(first.port, start);
            let again = pool.draw(start + rest).unwrap();
            assert_eq!(again, first);
            pool.release(again.port, start + until);
            let later = pool.draw(start + until + rest).unwrap();
            assert_eq!(later.rests_until, start + until + rest, "they are over");
        }
    }

    #[test]
    fn pairs_are_even_and_lie_whole_within_the_range() {
        for (min, max, expected) in [(10_000, 10_005, 3), (10_001, 10_005, 2), (10_000, 10_004, 2), (5, 5, 0)]
        {
            let mut pool = pool(min, max);
            let mut ports: Vec<u16> =
                std::iter::from_fn(|| pool.draw(Instant::ZERO)).map(|drawn| drawn.port).collect();
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
        let start = Instant::from_millis(10_000);
        let first = draw(&mut pool, start).unwrap();
        pool.release(first, start);
        let others = [draw(&mut pool, start).unwrap(), draw(&mut pool, start).unwrap()];
        assert!(!others.contains(&first));
        let counts = PortCounts { used: 2, resting: 1, ..PortCounts::default() };
        assert_eq!(pool.counts(start), counts);
        assert_eq!(draw(&mut pool, start + (REST - Duration::from_nanos(1))), None);
        assert_eq!(draw(&mut pool, start + REST), Some(first));
    }

    #[test]
    fn a_pair_that_was_never_bound_does_not_rest() {
        let mut pool = pool(10_000, 10_005);
        let start = Instant::from_millis(10_000);
        let used = draw(&mut pool, start).unwrap();
        pool.release(used, start);
        let unbound = pool.draw(start).unwrap();
        pool.release_unbound(unbound);
        let counts = PortCounts { resting: 1, free: 2, unbound: 1, ..PortCounts::default() };
        assert_eq!(pool.counts(start), counts);
        assert_eq!(pool.draw(start), Some(unbound));
    }

    #[test]
    fn a_pair_that_another_process_has_is_passed_over_and_counted() {
        let mut pool = pool(10_000, 10_003);
        let start = Instant::from_millis(10_000);
        let first = draw(&mut pool, start).unwrap();
        pool.release_foreign(first, start);
        assert_ne!(draw(&mut pool, start).unwrap(), first);
        assert_eq!(draw(&mut pool, start), None);
        assert_eq!(pool.counts(start).taken_by_others, 1);
        assert_eq!(draw(&mut pool, start + REST), Some(first));
    }
}
