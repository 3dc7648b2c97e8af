//! Two user agents under virtual time: a shard each, one calling the other over a network that loses, repeats, reorders
//! and delays, with engines that give all kinds of commands and media that answers late, wrongly or not at all.
//!
//! Everything is drawn from one seed. A failing seed prints itself;
//! `TEST_SEED=n cargo test --test sim -- --nocapture` runs that one alone and prints its course.

mod agent;
mod check;
mod coverage;
mod engine;
mod media;
mod network;
mod world;

use coverage::Coverage;
use world::World;

/// Seeds of the normal run; `TEST_SEEDS=n` asks for more. They are shared out to four tests, to use what cores
/// there are.
const SEEDS: u64 = 12_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn run(quarter: u64) {
    if let Some(seed) = number("TEST_SEED") {
        if seed % 4 == quarter {
            World::new(seed, true).live();
        }
        return;
    }
    let mut coverage = Coverage::default();
    for seed in (0..number("TEST_SEEDS").unwrap_or(SEEDS)).filter(|seed| seed % 4 == quarter) {
        match std::panic::catch_unwind(|| World::new(seed, false).live()) {
            Ok(seen) => coverage.add(&seen),
            Err(_) => {
                panic!("seed {seed} failed; TEST_SEED={seed} cargo test --test sim shows its course")
            }
        }
    }
    coverage.assert_wide();
}

#[test]
fn calls_live_and_end_and_leave_nothing_behind_0() {
    run(0);
}

#[test]
fn calls_live_and_end_and_leave_nothing_behind_1() {
    run(1);
}

#[test]
fn calls_live_and_end_and_leave_nothing_behind_2() {
    run(2);
}

#[test]
fn calls_live_and_end_and_leave_nothing_behind_3() {
    run(3);
}

#[test]
fn a_recorded_run_runs_again_byte_for_byte() {
    for seed in 0..20 {
        let mut world = World::new(seed, false);
        world.record();
        world.live();
        world.replay();
    }
}
