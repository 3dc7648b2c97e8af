use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::TimerWheel;
use crate::ground::Instant;

fn ms(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn drain(wheel: &mut TimerWheel<u32>, now: Instant) -> Vec<u32> {
    std::iter::from_fn(|| wheel.pop_expired(now)).collect()
}

#[test]
fn deadlines_expire_in_order_and_never_early() {
    let mut wheel = TimerWheel::new();
    wheel.schedule(3, ms(32_000));
    wheel.schedule(1, ms(500));
    wheel.schedule(2, ms(4000));
    assert_eq!(wheel.next(), Some(ms(500)));
    assert!(drain(&mut wheel, Instant::from_nanos(499_999_999)).is_empty());
    assert_eq!(drain(&mut wheel, ms(4000)), [1, 2]);
    assert_eq!(wheel.next(), Some(ms(32_000)));
    assert_eq!(drain(&mut wheel, ms(100_000)), [3]);
    assert!(wheel.is_empty());
    assert_eq!(wheel.next(), None);
}

#[test]
fn a_deadline_between_two_ticks_fires_at_the_later() {
    let mut wheel = TimerWheel::new();
    wheel.schedule(1, Instant::from_nanos(1_000_001));
    assert_eq!(wheel.next(), Some(ms(2)));
    assert_eq!(wheel.deadline(&1), Some(ms(2)));
    assert!(drain(&mut wheel, Instant::from_nanos(1_999_999)).is_empty());
    assert_eq!(drain(&mut wheel, ms(2)), [1]);
}

#[test]
fn scheduling_again_replaces_and_cancelling_drops() {
    let mut wheel = TimerWheel::new();
    wheel.schedule(1, ms(10));
    wheel.schedule(1, ms(20));
    assert_eq!(wheel.len(), 1);
    assert!(drain(&mut wheel, ms(15)).is_empty());
    assert!(wheel.cancel(&1));
    assert!(!wheel.cancel(&1));
    assert!(drain(&mut wheel, ms(30)).is_empty());
}

#[test]
fn a_deadline_in_the_past_expires_at_once() {
    let mut wheel = TimerWheel::new();
    assert!(drain(&mut wheel, ms(1000)).is_empty());
    wheel.schedule(1, ms(10));
    assert_eq!(wheel.next(), Some(ms(1000)));
    assert_eq!(drain(&mut wheel, ms(1000)), [1]);
}

#[test]
fn the_end_of_time_is_a_deadline_like_any_other() {
    let mut wheel = TimerWheel::new();
    wheel.schedule(1, Instant::from_nanos(u64::MAX));
    wheel.schedule(2, ms(5));
    assert_eq!(drain(&mut wheel, ms(5)), [2]);
    assert_eq!(wheel.len(), 1);
}

/// What the wheel promises, written the plain way: ticks in order, then order of scheduling.
#[derive(Default)]
struct Model {
    by_time: BTreeMap<(u64, u64), u32>,
    by_key: BTreeMap<u32, (u64, u64)>,
    drawn: u64,
    elapsed: u64,
}

impl Model {
    fn schedule(&mut self, key: u32, at: Instant) {
        self.cancel(key);
        let place = (at.as_nanos().div_ceil(1_000_000).max(self.elapsed), self.drawn);
        self.drawn += 1;
        self.by_time.insert(place, key);
        self.by_key.insert(key, place);
    }

    fn cancel(&mut self, key: u32) -> bool {
        self.by_key.remove(&key).is_some_and(|place| self.by_time.remove(&place).is_some())
    }

    fn pop_expired(&mut self, now: Instant) -> Option<u32> {
        let now = now.as_nanos() / 1_000_000;
        let Some((&place, &key)) = self.by_time.first_key_value().filter(|(place, _)| place.0 <= now) else {
            self.elapsed = self.elapsed.max(now);
            return None;
        };
        self.elapsed = self.elapsed.max(place.0);
        self.by_time.remove(&place);
        self.by_key.remove(&key);
        Some(key)
    }
}

#[derive(Clone, Debug)]
enum Step {
    Schedule(u32, u64),
    Cancel(u32),
    Pop(u64),
    Drain(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let nanos =
        prop_oneof![0..3_000_000_u64, 0..500_000_000_u64, 0..40_000_000_000_u64, 0..20_000_000_000_000_u64];
    prop_oneof![
        6 => (0..40_u32, nanos.clone()).prop_map(|(key, after)| Step::Schedule(key, after)),
        2 => (0..40_u32).prop_map(Step::Cancel),
        2 => nanos.clone().prop_map(Step::Pop),
        2 => nanos.prop_map(Step::Drain),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn the_wheel_does_what_an_ordered_map_does(steps in prop::collection::vec(step(), 1..80)) {
        let (mut wheel, mut model, mut now) = (TimerWheel::new(), Model::default(), Instant::ZERO);
        for step in steps {
            match step {
                Step::Schedule(key, after) => {
                    wheel.schedule(key, now + Duration::from_nanos(after));
                    model.schedule(key, now + Duration::from_nanos(after));
                }
                Step::Cancel(key) => prop_assert_eq!(wheel.cancel(&key), model.cancel(key)),
                Step::Pop(by) => {
                    now = now + Duration::from_nanos(by);
                    prop_assert_eq!(wheel.pop_expired(now), model.pop_expired(now));
                }
                Step::Drain(by) => {
                    now = now + Duration::from_nanos(by);
                    while let Some(key) = model.pop_expired(now) {
                        prop_assert_eq!(wheel.pop_expired(now), Some(key));
                    }
                    prop_assert_eq!(wheel.pop_expired(now), None);
                }
            }
            prop_assert_eq!(wheel.len(), model.by_time.len());
            let first = model.by_time.keys().next().map(|place| Instant::from_millis(place.0));
            prop_assert_eq!(wheel.next().is_some(), first.is_some());
            prop_assert!(wheel.next() <= first);
        }
        let mut wakings = 0;
        while let Some(at) = wheel.next() {
            while wheel.pop_expired(at).is_some() {}
            wakings += 1;
            prop_assert!(wakings < 200, "sleeping until next() must get somewhere");
        }
        prop_assert!(wheel.is_empty());
    }
}

#[test]
fn without_cancellations_next_is_exactly_the_first_deadline() {
    let mut wheel = TimerWheel::new();
    let deadlines = [64, 65, 127, 128, 500, 1000, 4095, 4096, 4097, 32_000, 262_144, 262_145, 17_000_000];
    for (key, at) in deadlines.iter().enumerate().rev() {
        wheel.schedule(key as u32, ms(*at));
    }
    for (key, at) in deadlines.iter().enumerate() {
        assert_eq!(wheel.next(), Some(ms(*at)));
        assert_eq!(drain(&mut wheel, ms(*at)), [key as u32]);
    }
}
