//! The 20 ms clock of what is made here: rooms and playbacks, spread over 20 phases of one millisecond.
//!
//! Deadlines are absolute: slot *n* is due *n* milliseconds after the wheel's beginning, whenever the one before was
//! served. So nothing drifts; a late turn is made up for, up to [`CATCH_UP_MS`], and measured.

use std::time::Duration;

use super::FRAME_MS;
use crate::ground::Instant;

/// Phases of the wheel, one millisecond each.
const PHASES: usize = FRAME_MS as usize;

/// How far behind a turn may be made up for; what is older is skipped, in milliseconds.
pub const CATCH_UP_MS: u64 = 100;

/// How late turns were served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lateness {
    /// Turns served: phases with something in them.
    pub turns: u64,
    /// The sum of their lateness.
    pub total: Duration,
    /// The largest.
    pub max: Duration,
    /// Milliseconds that were skipped, being more than [`CATCH_UP_MS`] behind.
    pub skipped_ms: u64,
}

/// The wheel.
#[derive(Debug)]
pub struct Wheel<T> {
    phases: [Vec<T>; PHASES],
    /// The first slot that is not served yet.
    next: u64,
    lateness: Lateness,
}

/// The slot in which an instant lies.
const fn slot_of(now: Instant) -> u64 {
    now.as_nanos() / 1_000_000
}

/// The first slot that is not before an instant.
const fn slot_from(earliest: Instant) -> u64 {
    earliest.as_nanos().div_ceil(1_000_000)
}

impl<T> Default for Wheel<T> {
    fn default() -> Self {
        Self { phases: std::array::from_fn(|_| Vec::new()), next: 0, lateness: Lateness::default() }
    }
}

impl<T> Wheel<T> {
    /// Puts an item into the emptiest phase; of equals, the one that is due first. Its first turn is not before
    /// `earliest`, where that is within a turn from now.
    pub fn add(&mut self, item: T, earliest: Instant, now: Instant) {
        let soonest = self.soonest(now);
        let within_a_turn = soonest..soonest + PHASES as u64;
        let from = Some(slot_from(earliest)).filter(|slot| within_a_turn.contains(slot)).unwrap_or(soonest);
        // Only what is due before its phase comes round again is not before `earliest`.
        let best = (from..within_a_turn.end)
            .map(|slot| (slot % PHASES as u64) as usize)
            .min_by_key(|&phase| self.phases[phase].len())
            .unwrap_or(0);
        self.phases[best].push(item);
    }

    /// Puts an item where it is due at `at`, or as soon as it can be where that has passed or is more than a turn away.
    pub fn add_at(&mut self, item: T, at: Instant, now: Instant) {
        let soonest = self.soonest(now);
        let slot = Some(slot_of(at)).filter(|slot| (soonest..soonest + PHASES as u64).contains(slot));
        self.phases[(slot.unwrap_or(soonest) % PHASES as u64) as usize].push(item);
    }

    /// The first slot that can still be served.
    fn soonest(&mut self, now: Instant) -> u64 {
        if self.is_empty() {
            self.next = slot_of(now) + 1;
        }
        slot_of(now).max(self.next)
    }

    /// Whether nothing is on the wheel.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.phases.iter().all(Vec::is_empty)
    }

    /// When the next phase with something in it is due.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.next_occupied().map(Instant::from_millis)
    }

    fn next_occupied(&self) -> Option<u64> {
        (self.next..self.next + PHASES as u64)
            .find(|slot| !self.phases[(slot % PHASES as u64) as usize].is_empty())
    }

    /// The next phase that is due, with its deadline. It counts as served.
    pub fn due(&mut self, now: Instant) -> Option<(usize, Instant)> {
        let current = slot_of(now);
        if current.saturating_sub(self.next) > CATCH_UP_MS && !self.is_empty() {
            // Whole turns are skipped, so that every phase keeps its place.
            let behind = (current - CATCH_UP_MS - self.next).next_multiple_of(PHASES as u64);
            self.lateness.skipped_ms += behind;
            self.next += behind;
        }
        let slot = self.next_occupied().filter(|&slot| slot <= current)?;
        self.next = slot + 1;
        let deadline = Instant::from_millis(slot);
        let late = now.since(deadline);
        self.lateness.turns += 1;
        self.lateness.total += late;
        self.lateness.max = self.lateness.max.max(late);
        Some(((slot % PHASES as u64) as usize, deadline))
    }

    /// The item at a place of a phase.
    #[must_use]
    pub fn get(&self, phase: usize, place: usize) -> Option<&T> {
        self.phases[phase].get(place)
    }

    /// Takes an item off; the last of its phase moves to its place.
    pub fn remove(&mut self, phase: usize, place: usize) {
        self.phases[phase].swap_remove(place);
    }

    /// How late turns were served so far.
    #[must_use]
    pub const fn lateness(&self) -> Lateness {
        self.lateness
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(wheel: &mut Wheel<u32>, now: Instant) -> Vec<(u32, u64)> {
        let mut served = Vec::new();
        while let Some((phase, deadline)) = wheel.due(now) {
            let mut place = 0;
            while let Some(&item) = wheel.get(phase, place) {
                served.push((item, deadline.as_nanos() / 1_000_000));
                place += 1;
            }
        }
        served
    }

    #[test]
    fn items_spread_over_the_phases_and_come_every_20_ms() {
        let mut wheel = Wheel::default();
        let start = Instant::from_millis(1000);
        for item in 0..40 {
            wheel.add(item, start, start);
        }
        let mut turns = Vec::new();
        for ms in 1001..=1040 {
            let at = served(&mut wheel, Instant::from_millis(ms));
            assert_eq!(at.len(), 2, "two of forty items each millisecond");
            turns.extend(at);
        }
        for item in 0..40 {
            let times: Vec<u64> = turns.iter().filter(|turn| turn.0 == item).map(|turn| turn.1).collect();
            assert_eq!(times.len(), 2);
            assert_eq!(times[1] - times[0], 20);
        }
    }

    #[test]
    fn late_turns_keep_their_deadlines_and_do_not_drift() {
        let mut wheel = Wheel::default();
        wheel.add(7, Instant::ZERO, Instant::ZERO);
        let mut deadlines = Vec::new();
        let mut now = 1;
        // Woken late by a varying amount, for ten minutes.
        while now < 600_000 {
            deadlines.extend(served(&mut wheel, Instant::from_millis(now)).into_iter().map(|turn| turn.1));
            let next = wheel.next_deadline().unwrap().as_nanos() / 1_000_000;
            now = next + now % 17;
        }
        assert!(deadlines.windows(2).all(|pair| pair[1] - pair[0] == 20));
        assert!(deadlines.len() >= 29_998);
        assert!(wheel.lateness().max <= Duration::from_millis(17));
    }

    #[test]
    fn what_is_too_far_behind_is_skipped_in_whole_turns() {
        let mut wheel = Wheel::default();
        wheel.add(7, Instant::ZERO, Instant::ZERO);
        let first = served(&mut wheel, Instant::from_millis(1))[0].1;
        let after = served(&mut wheel, Instant::from_millis(1001));
        assert!(after.len() <= 6);
        assert!(after.iter().all(|turn| (turn.1 - first).is_multiple_of(20)));
        assert!(wheel.lateness().skipped_ms >= 880);
    }

    #[test]
    fn an_empty_wheel_has_no_deadline() {
        let mut wheel = Wheel::default();
        assert_eq!(wheel.next_deadline(), None);
        wheel.add(1, Instant::ZERO, Instant::from_millis(500));
        assert_eq!(wheel.next_deadline(), Some(Instant::from_millis(501)));
        assert_eq!(wheel.due(Instant::from_millis(500)), None);
        let (phase, _) = wheel.due(Instant::from_millis(501)).unwrap();
        wheel.remove(phase, 0);
        assert_eq!(wheel.next_deadline(), None);
        assert!(wheel.is_empty());
    }

    #[test]
    fn an_item_waits_for_its_time_and_takes_the_emptiest_phase_after_it() {
        let start = Instant::from_millis(1000);
        for (earliest, first) in [(0, 1001), (1007, 1007), (1020, 1020), (1021, 1001), (5000, 1001)] {
            let mut wheel = Wheel::default();
            wheel.add(1, Instant::from_millis(earliest), start);
            assert_eq!(wheel.next_deadline(), Some(Instant::from_millis(first)), "not before {earliest}");
        }
        let mut wheel = Wheel::default();
        (0..6).for_each(|item| wheel.add(item, Instant::from_millis(1018), start));
        let turns = served(&mut wheel, Instant::from_millis(1020));
        assert_eq!(turns.iter().map(|turn| turn.1).collect::<Vec<_>>(), [1018, 1018, 1019, 1019, 1020, 1020]);
    }

    #[test]
    fn an_item_is_put_to_the_very_millisecond_or_at_once_when_that_has_passed() {
        let start = Instant::from_millis(1000);
        for (at, first) in [(1010, 1010), (1001, 1001), (1020, 1020), (990, 1001), (1000, 1001), (1021, 1001)]
        {
            let mut wheel = Wheel::default();
            wheel.add_at(1, Instant::from_millis(at), start);
            assert_eq!(wheel.next_deadline(), Some(Instant::from_millis(first)), "at {at}");
        }
    }
}
