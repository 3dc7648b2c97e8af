//! Other ports of the peer's own IP address.

use std::time::Duration;

use super::{
    Accept, Announced, Any, Exact, Foreign, LockIn, NEIGHBOUR, PEER, Probation, START, STRANGER, SourceRules,
    at, open, rules, run, stream,
};

#[test]
fn another_port_of_the_peers_own_address_is_heard_when_nothing_else_is() {
    // It announces one port, sends from another one, and later with another SSRC from a third.
    let mut lock = open(Exact);
    run(&mut lock, &stream(at(PEER, 61_000), 1, 1, 0, 100, Foreign));
    run(&mut lock, &stream(at(PEER, 61_000), 1, 101, 2_000, 2, Probation));
    run(&mut lock, &stream(at(PEER, 61_000), 1, 103, 2_040, 50, Accept));
    assert_eq!(lock.destination(), Some(at(PEER, 61_000)));
    let last = 2_040 + 49 * 20;
    run(&mut lock, &stream(at(PEER, 61_002), 2, 1, last + 9_000, 50, Foreign));
    run(&mut lock, &stream(at(PEER, 61_002), 2, 51, last + 10_000, 2, Probation));
    run(&mut lock, &stream(at(PEER, 61_002), 2, 53, last + 10_040, 10, Accept));
    // The first one comes back at once, and the announced address at any time.
    run(&mut lock, &[(at(PEER, 61_000), 1, 900, last + 10_300, Accept)]);
    run(&mut lock, &[(at(PEER, 61_002), 2, 63, last + 10_310, Foreign)]);
    run(&mut lock, &[(at(PEER, 4000), 7, 1, last + 10_320, Accept)]);
    // From the announced address to another port, with another SSRC.
    run(&mut lock, &stream(at(PEER, 61_004), 8, 1, last + 20_300, 1, Foreign));
    run(&mut lock, &stream(at(PEER, 61_004), 8, 2, last + 20_320, 2, Probation));
    run(&mut lock, &stream(at(PEER, 61_004), 8, 4, last + 20_360, 1, Accept));
    // Nobody else is, however long all of it is silent.
    run(&mut lock, &stream(at(STRANGER, 61_004), 9, 1, 600_000, 100, Foreign));
    run(&mut lock, &stream(at(NEIGHBOUR, 61_004), 9, 1, 700_000, 100, Foreign));
}

#[test]
fn on_a_port_that_has_not_rested_nobody_stands_in_for_a_believed_address() {
    let strict = SourceRules { strict_until: START + Duration::from_secs(60), ..rules(Exact) };
    let believed = Announced { address: at(PEER, 4000), believed: true };
    let mut lock = LockIn::new(Some(believed), strict, START);
    run(&mut lock, &stream(at(PEER, 61_000), 5, 1, 30_000, 100, Foreign));
    run(&mut lock, &stream(at(PEER, 61_000), 5, 101, 60_000, 2, Probation));
    run(&mut lock, &stream(at(PEER, 61_000), 5, 103, 60_040, 2, Accept));
    // Nor do others stand in for it yet, whom the policy lets, but the one that the peer signals from.
    let lets = SourceRules { policy: Any, ..strict };
    let mut lock = LockIn::new(Some(believed), lets, START);
    run(&mut lock, &stream(at(STRANGER, 1), 5, 1, 30_000, 100, Foreign));
    run(&mut lock.clone(), &stream(at(PEER, 61_000), 6, 1, 40_000, 2, Probation));
    run(&mut lock, &stream(at(STRANGER, 1), 5, 101, 60_000, 2, Probation));
}

#[test]
fn a_peer_that_signals_from_another_address_than_it_announced_is_heard_from_there() {
    // It has several addresses. Nobody else is heard, and the announced one at any time.
    let elsewhere = at([192, 0, 2, 1], 61_000);
    let rules = SourceRules { signaled: Some(elsewhere.ip()), ..rules(Exact) };
    let mut lock = LockIn::new(Some(Announced { address: at(PEER, 4000), believed: true }), rules, START);
    run(&mut lock, &stream(at(STRANGER, 1), 5, 1, 0, 10, Foreign));
    run(&mut lock, &stream(elsewhere, 6, 1, 200, 2, Probation));
    run(&mut lock, &stream(elsewhere, 6, 3, 240, 10, Accept));
    assert_eq!(lock.destination(), Some(elsewhere));
    run(&mut lock, &stream(at(STRANGER, 1), 5, 1, 60_000, 100, Foreign));
    run(&mut lock, &[(at(PEER, 4000), 7, 1, 70_000, Accept)]);
    run(&mut lock, &stream(elsewhere, 6, 13, 70_100, 1, Foreign));
}
