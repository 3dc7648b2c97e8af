//! Rows: who sends when, and what becomes of it.

mod own_host;

use super::*;

/// The peer's public address, a neighbour's, a stranger's, and the peer's own behind its NAT.
const PEER: [u8; 4] = [203, 0, 113, 7];
const NEIGHBOUR: [u8; 4] = [203, 0, 113, 99];
const STRANGER: [u8; 4] = [198, 51, 100, 66];
const PRIVATE: [u8; 4] = [192, 168, 1, 5];

const START: Instant = Instant::from_millis(10_000);

fn at(ip: [u8; 4], port: u16) -> SocketAddr {
    SocketAddr::from((ip, port))
}

/// A packet: where from, SSRC, sequence, milliseconds after the start; and what becomes of it.
type Row = (SocketAddr, u32, u16, u64, Verdict);

fn run(lock: &mut LockIn, rows: &[Row]) {
    for &(from, ssrc, sequence, ms, expected) in rows {
        let header = Header { marker: false, payload_type: 0, sequence, timestamp: 0, ssrc };
        let verdict = lock.judge(from, &header, START + Duration::from_millis(ms));
        assert_eq!(verdict, expected, "{from} {ssrc} {sequence} at {ms} ms");
    }
}

/// So many packets in sequence, 20 ms apart, all with one verdict.
fn stream(from: SocketAddr, ssrc: u32, first: u16, ms: u64, count: u16, verdict: Verdict) -> Vec<Row> {
    let row = |n: u16| (from, ssrc, first.wrapping_add(n), ms + 20 * u64::from(n), verdict);
    (0..count).map(row).collect()
}

fn rules(policy: SourcePolicy) -> SourceRules {
    SourceRules { signaled: Some(at(PEER, 0).ip()), policy, strict_until: Instant::ZERO }
}

/// A peer that announces the address that it signals from.
fn open(policy: SourcePolicy) -> LockIn {
    LockIn::new(Some(Announced { address: at(PEER, 4000), believed: true }), rules(policy), START)
}

/// One that announces an address behind its NAT.
fn behind_nat() -> LockIn {
    let announced = Announced { address: at(PRIVATE, 4000), believed: false };
    LockIn::new(Some(announced), rules(SourcePolicy::Exact), START)
}

use SourcePolicy::{Any, Exact, Subnet};
use Verdict::{Accept, Foreign, Probation};

#[test]
fn the_announced_address_is_heard_at_once_and_at_any_time() {
    for policy in [Exact, Subnet, Any] {
        let mut lock = open(policy);
        assert_eq!(lock.destination(), Some(at(PEER, 4000)));
        run(&mut lock, &[(at(PEER, 4000), 1, 9, 0, Accept), (at(PEER, 4000), 1, 3, 20, Accept)]);
        run(&mut lock, &[(at(PEER, 4000), 7, 500, 3_600_000, Accept)]);
    }
}

#[test]
fn a_peer_that_has_not_spoken_cannot_be_stolen() {
    // Three packets, or many, at once or late: whoever announced an address that can be believed keeps it.
    let mut lock = open(Exact);
    run(&mut lock, &stream(at(STRANGER, 1), 5, 1, 0, 3, Foreign));
    run(&mut lock, &stream(at(PEER, 9), 5, 1, 100, 3, Foreign));
    run(&mut lock, &stream(at(NEIGHBOUR, 4000), 5, 1, 500_000, 200, Foreign));
    run(&mut lock, &stream(at(STRANGER, 1), 5, 1, 600_000, 200, Foreign));
    assert_eq!(lock.destination(), Some(at(PEER, 4000)));
    run(&mut lock, &[(at(PEER, 4000), 1, 1, 900_000, Accept)]);
}

#[test]
fn a_stranger_in_a_pause_displaces_nobody() {
    for mut lock in [open(Exact), open(Subnet), open(Any)] {
        run(&mut lock, &stream(at(PEER, 4000), 1, 100, 0, 230, Accept));
        let silent_for_a_second = 4_600 + 1_000;
        run(&mut lock, &stream(at(STRANGER, 1), 5, 1, silent_for_a_second, 3, Foreign));
        // Nor with the SSRC alone.
        run(&mut lock, &stream(at(STRANGER, 1), 1, 9000, silent_for_a_second + 60, 3, Foreign));
        run(&mut lock, &stream(at(PEER, 4000), 1, 330, 6_600, 100, Accept));
        assert_eq!(lock.destination(), Some(at(PEER, 4000)));
    }
    // Nor the learned source of a peer behind a NAT.
    let mut lock = behind_nat();
    run(&mut lock, &stream(at(PEER, 61_000), 1, 1, 0, 2, Probation));
    run(&mut lock, &stream(at(PEER, 61_000), 1, 3, 40, 230, Accept));
    run(&mut lock, &stream(at(STRANGER, 1), 5, 1, 5_600, 30, Foreign));
    run(&mut lock, &stream(at(PEER, 61_000), 1, 233, 6_300, 100, Accept));
}

#[test]
fn the_policy_says_who_may_stand_in_for_a_silent_announced_address() {
    // Policy, who, after how long: and whether it is heard.
    let rows = [
        (Exact, at(NEIGHBOUR, 1), 60_000, false),
        (Exact, at(STRANGER, 4000), 60_000, false),
        (Exact, at(PEER, 4002), 1_900, false),
        (Exact, at(PEER, 4002), 2_000, true),
        (Subnet, at(NEIGHBOUR, 1), 1_900, false),
        (Subnet, at(NEIGHBOUR, 1), 2_000, true),
        (Subnet, at(STRANGER, 1), 60_000, false),
        (Any, at(STRANGER, 1), 1_900, false),
        (Any, at(STRANGER, 1), 2_000, true),
    ];
    for (policy, from, ms, heard) in rows {
        let mut lock = open(policy);
        let verdicts = if heard { [Probation, Probation, Accept] } else { [Foreign; 3] };
        for (n, verdict) in (0..).zip(verdicts) {
            run(&mut lock, &[(from, 5, 1 + n, ms + u64::from(n), verdict)]);
        }
        // Never for good.
        run(&mut lock, &[(at(PEER, 4000), 1, 1, ms + 100, Accept), (from, 5, 9, ms + 120, Foreign)]);
        assert_eq!(lock.destination(), Some(at(PEER, 4000)), "{policy:?} {from}");
    }
}

#[test]
fn a_peer_behind_a_nat_is_heard_after_three_packets_in_sequence() {
    let mut lock = behind_nat();
    assert_eq!(lock.destination(), Some(at(PRIVATE, 4000)));
    let from = at(PEER, 61_000);
    run(&mut lock, &[(from, 1, 65_535, 0, Probation), (from, 1, 0, 20, Probation)]);
    assert_eq!(lock.destination(), Some(at(PRIVATE, 4000)));
    run(&mut lock, &[(from, 1, 1, 40, Accept)]);
    assert_eq!(lock.destination(), Some(from));
    // It is on our own network after all.
    run(&mut lock, &[(at(PRIVATE, 4000), 1, 2, 60, Accept)]);
    assert_eq!(lock.destination(), Some(at(PRIVATE, 4000)));
}

#[test]
fn packets_out_of_sequence_do_not_pass_probation() {
    let mut lock = LockIn::new(None, rules(Exact), START);
    let (one, other) = (at(PEER, 1), at(PEER, 2));
    for (n, (from, sequence)) in (0..).zip([(one, 1), (one, 5), (one, 9), (one, 10), (other, 11), (one, 11)])
    {
        run(&mut lock, &[(from, 1, sequence, n * 20, Probation)]);
    }
    assert_eq!(lock.destination(), None);
}

#[test]
fn the_address_that_the_peer_signals_from_takes_a_strangers_place_and_not_the_other_way_round() {
    let mut lock = behind_nat();
    run(&mut lock, &stream(at(STRANGER, 1), 5, 1, 0, 2, Probation));
    run(&mut lock, &stream(at(STRANGER, 1), 5, 3, 40, 10, Accept));
    run(&mut lock, &stream(at(PEER, 61_000), 1, 1, 300, 2, Probation));
    run(&mut lock, &stream(at(PEER, 61_000), 1, 3, 340, 1, Accept));
    run(&mut lock, &stream(at(STRANGER, 1), 5, 13, 350, 100, Foreign));
    run(&mut lock, &stream(at(PEER, 61_000), 1, 4, 2_400, 1, Accept));
}

#[test]
fn on_a_port_that_has_not_rested_only_the_peers_own_address_is_learned() {
    let strict = SourceRules { strict_until: START + Duration::from_secs(5), ..rules(Exact) };
    let private = Announced { address: at(PRIVATE, 4000), believed: false };
    for announced in [None, Some(private)] {
        let mut lock = LockIn::new(announced, strict, START);
        run(&mut lock, &stream(at(STRANGER, 1), 5, 1, 0, 240, Foreign));
        run(&mut lock, &stream(at(PEER, 61_000), 1, 1, 4_800, 2, Probation));
        run(&mut lock, &stream(at(PEER, 61_000), 1, 3, 4_840, 1, Accept));
        let mut lock = LockIn::new(announced, strict, START);
        run(&mut lock, &stream(at(STRANGER, 1), 5, 1, 5_000, 2, Probation));
        // Where nobody says where the peer signals from, there is nothing better than to learn.
        let unsaid = SourceRules { signaled: None, ..strict };
        run(&mut LockIn::new(announced, unsaid, START), &stream(at(STRANGER, 1), 5, 1, 0, 2, Probation));
    }
}

#[test]
fn a_stream_that_a_nat_has_bound_anew_is_followed() {
    // Learned, or announced and believed: then to another port of the same address.
    let (before, after) = (at(PEER, 4000), at(PEER, 61_002));
    for (lock, learned) in [(open(Exact), false), (behind_nat(), true)] {
        let heard = |mut lock: LockIn| {
            let begin = if learned { Probation } else { Accept };
            run(&mut lock, &stream(before, 1, 65_000, 0, 2, begin));
            run(&mut lock, &stream(before, 1, 65_002, 40, 298, Accept));
            lock
        };
        // Not while the old one speaks, nor within half a second; then after three packets.
        let mut lock = heard(lock);
        run(&mut lock, &stream(after, 1, 65_300, 6_000, 24, Foreign));
        run(&mut lock, &stream(after, 1, 65_324, 6_480, 2, Probation));
        run(&mut lock, &stream(after, 1, 65_326, 6_520, 300, Accept));
        assert_eq!(lock.destination(), Some(after));
        run(&mut lock, &stream(after, 1, 90, 12_600, 10, Accept));
    }
}

#[test]
fn a_move_needs_the_ssrc_and_a_sequence_that_goes_on() {
    // SSRC, first sequence, where from: what becomes of the first packet 600 ms after the last one, of sequence 100.
    let rows = [
        (1, 101, at(PEER, 4002), Probation),
        (1, 130, at(PEER, 4002), Probation),
        (1, 163, at(PEER, 4002), Probation),
        (1, 164, at(PEER, 4002), Foreign),
        (1, 100, at(PEER, 4002), Foreign),
        (1, 99, at(PEER, 4002), Foreign),
        (1, 20_000, at(PEER, 4002), Foreign),
        (2, 101, at(PEER, 4002), Foreign),
        (1, 101, at(NEIGHBOUR, 4000), Foreign),
        (1, 101, at(STRANGER, 4000), Foreign),
    ];
    for (ssrc, sequence, from, verdict) in rows {
        let mut lock = open(Exact);
        run(&mut lock, &[(at(PEER, 4000), 1, 100, 0, Accept), (from, ssrc, sequence, 600, verdict)]);
    }
    for (policy, from) in [(Subnet, NEIGHBOUR), (Any, STRANGER)] {
        let mut lock = open(policy);
        run(&mut lock, &[(at(PEER, 4000), 1, 100, 0, Accept)]);
        run(&mut lock, &stream(at(from, 1), 1, 101, 600, 2, Probation));
        run(&mut lock, &stream(at(from, 1), 1, 103, 640, 1, Accept));
    }
}

#[test]
fn another_stream_takes_a_learned_place_after_ten_seconds_and_not_for_good() {
    let mut lock = behind_nat();
    run(&mut lock, &stream(at(PEER, 61_000), 1, 1, 0, 2, Probation));
    run(&mut lock, &stream(at(PEER, 61_000), 1, 3, 40, 1, Accept));
    run(&mut lock, &stream(at(STRANGER, 1), 5, 1, 9_000, 52, Foreign));
    run(&mut lock, &stream(at(STRANGER, 1), 5, 53, 10_040, 2, Probation));
    run(&mut lock, &stream(at(STRANGER, 1), 5, 55, 10_080, 5, Accept));
    // The displaced one comes back at once, also with another stream.
    run(&mut lock, &[(at(PEER, 61_000), 9, 900, 10_180, Accept)]);
    run(&mut lock, &[(at(PEER, 61_000), 9, 901, 10_200, Accept)]);
    run(&mut lock, &stream(at(STRANGER, 1), 5, 60, 10_220, 50, Foreign));
}

#[test]
fn a_negotiation_that_announces_another_address_drops_the_old_one() {
    let mut lock = open(Exact);
    run(&mut lock, &[(at(PEER, 4000), 1, 1, 0, Accept)]);
    let moved = Announced { address: at(PEER, 5000), believed: true };
    lock.renegotiated(Some(moved), rules(Exact), START + Duration::from_secs(1));
    assert_eq!(lock.destination(), Some(at(PEER, 5000)));
    run(&mut lock, &[(at(PEER, 4000), 1, 2, 1_020, Foreign), (at(PEER, 5000), 2, 1, 1_040, Accept)]);
    // To one behind a NAT: the old source is no better than any other.
    let private = Announced { address: at(PRIVATE, 5000), believed: false };
    lock.renegotiated(Some(private), rules(Exact), START + Duration::from_secs(2));
    run(&mut lock, &stream(at(PEER, 61_000), 7, 1, 2_020, 2, Probation));
    run(&mut lock, &stream(at(PEER, 61_000), 7, 3, 2_060, 50, Accept));
    run(&mut lock, &stream(at(PEER, 5000), 2, 2, 3_060, 50, Foreign));
}

#[test]
fn a_negotiation_that_announces_the_same_or_what_was_learned_keeps_it() {
    let private = Announced { address: at(PRIVATE, 4000), believed: false };
    let learned = Announced { address: at(PEER, 61_000), believed: true };
    for announced in [private, learned] {
        let mut lock = behind_nat();
        run(&mut lock, &stream(at(PEER, 61_000), 1, 1, 0, 2, Probation));
        run(&mut lock, &stream(at(PEER, 61_000), 1, 3, 40, 1, Accept));
        lock.renegotiated(Some(announced), rules(Exact), START + Duration::from_secs(1));
        assert_eq!(lock.destination(), Some(at(PEER, 61_000)));
        run(&mut lock, &[(at(PEER, 61_000), 1, 4, 1_060, Accept)]);
        // Behind a NAT it may have brought another stream from elsewhere, if the old one is silent meanwhile.
        let verdicts = if announced == private { [Probation, Probation, Accept] } else { [Foreign; 3] };
        for (n, verdict) in (0..).zip(verdicts) {
            run(&mut lock, &[(at(PEER, 62_000), 8, 1 + n, 5_000 + 20 * u64::from(n), verdict)]);
        }
    }
}

/// A peer that signals from one address and talks from another, whose description tells neither.
const MEDIA: [u8; 4] = [198, 51, 100, 1];

#[test]
fn who_talks_from_elsewhere_gets_his_place_back_whatever_came_between() {
    // What the thief does once he has the place; then the owner comes, with an SSRC of his own.
    let thief_moves: [&[Row]; 3] = [
        &[],
        // To another port, with the stream that goes on after a silence.
        &[
            (at(STRANGER, 2), 5, 61, 10_800, Probation),
            (at(STRANGER, 2), 5, 62, 10_820, Probation),
            (at(STRANGER, 2), 5, 63, 10_840, Accept),
        ],
        // To another address, after a long silence.
        &[
            (at(NEIGHBOUR, 9), 6, 1, 20_400, Probation),
            (at(NEIGHBOUR, 9), 6, 2, 20_420, Probation),
            (at(NEIGHBOUR, 9), 6, 3, 20_440, Accept),
        ],
    ];
    for moves in thief_moves {
        for ssrc in [1, 77] {
            let mut lock = LockIn::new(behind_nat().judged(), talks_elsewhere(), START);
            run(&mut lock, &stream(at(MEDIA, 61_000), 1, 1, 0, 2, Probation));
            run(&mut lock, &stream(at(MEDIA, 61_000), 1, 3, 40, 1, Accept));
            run(&mut lock, &stream(at(STRANGER, 1), 5, 53, 10_040, 2, Probation));
            run(&mut lock, &stream(at(STRANGER, 1), 5, 55, 10_080, 5, Accept));
            run(&mut lock, moves);
            run(&mut lock, &[(at(MEDIA, 61_000), ssrc, 900, 20_500, Accept)]);
        }
    }
}

fn talks_elsewhere() -> SourceRules {
    SourceRules { signaled: Some(at([192, 0, 2, 1], 0).ip()), ..rules(Exact) }
}

#[test]
fn a_stranger_that_sends_between_does_not_keep_the_peer_out() {
    // At the peer's own pace and faster, from one address and, before anybody is heard, from a second one too.
    for apart in [3, 18] {
        let mut lock = behind_nat();
        run(&mut lock, &stream(at(STRANGER, 1), 5, 1, 0, 2, Probation));
        run(&mut lock, &stream(at(STRANGER, 1), 5, 3, 40, 1, Accept));
        let header = |ssrc, sequence| Header { marker: false, payload_type: 0, sequence, timestamp: 0, ssrc };
        let mut heard = 0;
        for ms in 0..100_u16 {
            let now = START + Duration::from_millis(u64::from(100 + ms));
            if ms % apart == 0 {
                lock.judge(at(STRANGER, 1), &header(5, 4 + ms / apart), now);
            }
            if ms % 20 == 0 {
                heard += u16::from(lock.judge(at(PEER, 61_000), &header(1, ms / 20), now) == Accept);
            }
        }
        assert_eq!((heard, lock.destination()), (3, Some(at(PEER, 61_000))), "each {apart} ms");
    }
    let mut lock = behind_nat();
    for n in 0..3 {
        let ms = u64::from(n) * 20;
        run(&mut lock, &[(at(STRANGER, n), 5, n, ms, Probation)]);
        run(&mut lock, &[(at(PEER, 61_000), 1, n, ms + 5, if n == 2 { Accept } else { Probation })]);
    }
}

#[test]
fn a_re_invite_opens_no_door_to_the_place_of_one_that_talks() {
    // Announced behind a NAT: it talks from where it signals, or from elsewhere.
    for (from, silence, may_be_taken) in [
        (at(PEER, 61_000), 20, false),
        (at(PEER, 61_000), 600, false),
        (at(MEDIA, 61_000), 20, false),
        (at(MEDIA, 61_000), 600, true),
    ] {
        let mut lock = behind_nat();
        run(&mut lock, &stream(from, 1, 1, 0, 2, Probation));
        run(&mut lock, &stream(from, 1, 3, 40, 48, Accept));
        lock.renegotiated(lock.judged(), rules(Exact), START + Duration::from_secs(1));
        let burst = 40 + 47 * 20 + silence;
        let verdicts = if may_be_taken { [Probation, Probation, Accept] } else { [Foreign; 3] };
        for (n, verdict) in (0..).zip(verdicts) {
            run(&mut lock, &[(at(STRANGER, 1), 5, n, burst, verdict)]);
        }
        run(&mut lock, &[(from, 1, 200, burst + 1, Accept)]);
    }
}

#[test]
fn an_address_found_later_is_as_good_as_an_announced_one() {
    let found = Announced { address: at(PEER, 4000), believed: true };
    let moment = START + Duration::from_millis(60);
    // Where nobody says where the peer signals from, everybody is heard during the look-up.
    let unsaid = SourceRules { signaled: None, ..rules(Exact) };
    let mut lock = LockIn::named(unsaid, START);
    run(&mut lock, &stream(at(STRANGER, 2), 5, 1, 0, 2, Probation));
    lock.located(found, moment);
    assert_eq!((lock.destination(), lock.announced()), (Some(at(PEER, 4000)), Some(at(PEER, 4000))));
    run(&mut lock, &[(at(STRANGER, 2), 5, 3, 40, Foreign), (at(PEER, 4000), 1, 9, 50, Accept)]);
    let mut lock = LockIn::named(unsaid, START);
    run(&mut lock, &stream(at(STRANGER, 2), 5, 1, 0, 2, Probation));
    run(&mut lock, &stream(at(STRANGER, 2), 5, 3, 40, 1, Accept));
    lock.located(found, moment);
    assert_eq!((lock.destination(), lock.announced()), (Some(at(PEER, 4000)), Some(at(PEER, 4000))));
    run(&mut lock, &[(at(STRANGER, 2), 5, 4, 80, Foreign), (at(PEER, 4000), 1, 9, 90, Accept)]);
}

#[test]
fn during_a_look_up_only_the_address_that_the_peer_signals_from_is_learned() {
    let moment = START + Duration::from_millis(1_000);
    let mut lock = LockIn::named(rules(Exact), START);
    run(&mut lock, &stream(at(STRANGER, 2), 5, 1, 0, 40, Foreign));
    run(&mut lock, &stream(at(PEER, 61_000), 1, 1, 800, 2, Probation));
    run(&mut lock, &stream(at(PEER, 61_000), 1, 3, 840, 1, Accept));
    // It keeps its place beside the address that is found, which is heard at any time.
    lock.located(Announced { address: at(MEDIA, 4000), believed: true }, moment);
    run(&mut lock, &stream(at(PEER, 61_000), 1, 4, 1_020, 1, Accept));
    run(&mut lock, &[(at(MEDIA, 4000), 7, 1, 1_040, Accept)]);
    // A host that is not found: who sends is learned.
    let mut lock = LockIn::named(rules(Exact), START);
    lock.not_located();
    run(&mut lock, &stream(at(STRANGER, 2), 5, 1, 1_000, 2, Probation));
}
