use std::time::Duration;

use proptest::prelude::*;
use rstest::rstest;

use super::event;
use crate::engine::log::Next;
use crate::engine::{AckError, Cursor, Log, Logged, Lost, weight};
use crate::ground::SessionId;
use crate::session::event::{EndCause, Ended, EventPayload, Hold};

const EPOCH: u64 = 7;

/// What is told of a step, short enough to be written in a row.
#[derive(Clone, Debug, PartialEq)]
enum Told {
    Event(u64),
    Gap(u64, u64),
}
use Told::{Event, Gap};

/// What is done to a log.
#[derive(Clone, Copy, Debug)]
enum Step {
    Append(u64),
    Ack(u64),
    Rewind,
}
use Step::{Ack, Append, Rewind};

fn at(sequence: u64) -> Cursor {
    Cursor { epoch: EPOCH, sequence }
}

fn log(events: u32) -> Log {
    Log::new(EPOCH, events, 1 << 20)
}

fn take(log: &mut Log, window: u32) -> Vec<Told> {
    std::iter::from_fn(|| {
        log.next(window).map(|next| match next {
            Next::Event(cursor, logged) => {
                assert_eq!(cursor.sequence, logged.event.revision);
                Event(cursor.sequence)
            }
            Next::Gap { after, next, lost, more_lost } => {
                // Each entry's revision is its sequence. An ack inside a gap leaves its names as they are.
                let [Lost { first, last, .. }] = lost else { panic!("{lost:?}") };
                assert!(*first <= after.sequence + 1 && *last == next.sequence - 1 && !more_lost, "{lost:?}");
                Gap(after.sequence, next.sequence)
            }
        })
    })
    .collect()
}

fn run(log: &mut Log, window: u32, steps: &[Step]) -> Vec<Told> {
    let mut told = Vec::new();
    for step in steps {
        match step {
            Append(count) => {
                for _ in 0..*count {
                    let revision = log.newest().sequence + 1;
                    log.append(event(revision));
                    told.extend(take(log, window));
                }
            }
            Ack(sequence) => log.ack(at(*sequence)).unwrap(),
            Rewind => log.rewind(),
        }
        told.extend(take(log, window));
    }
    told
}

#[rstest]
#[case::events_go_out_in_order(10, 10, &[Append(3)], vec![Event(1), Event(2), Event(3)], 3)]
#[case::a_full_window_holds_the_rest_back(10, 2, &[Append(5)], vec![Event(1), Event(2)], 2)]
#[case::an_ack_opens_the_window(10, 2, &[Append(5), Ack(1)], vec![Event(1), Event(2), Event(3)], 2)]
#[case::an_ack_is_cumulative(10, 2, &[Append(5), Ack(2)], vec![Event(1), Event(2), Event(3), Event(4)], 2)]
#[case::an_old_ack_changes_nothing(10, 2, &[Append(3), Ack(2), Ack(1)], vec![Event(1), Event(2), Event(3)], 1)]
#[case::a_new_attachment_gets_again_what_it_has_not_acknowledged(
    10, 10, &[Append(3), Ack(1), Rewind], vec![Event(1), Event(2), Event(3), Event(2), Event(3)], 2
)]
#[case::what_falls_out_before_it_is_sent_is_told_as_a_gap(
    3, 1, &[Append(10), Ack(1)], vec![Event(1), Gap(1, 8), Event(8)], 1
)]
#[case::a_gap_does_not_count_in_the_window(
    3, 2, &[Append(10), Ack(2)], vec![Event(1), Event(2), Gap(2, 8), Event(8), Event(9)], 2
)]
#[case::an_ack_inside_a_gap_is_one_of_what_stood_before_it(
    3, 2, &[Append(10), Ack(2), Ack(5)], vec![Event(1), Event(2), Gap(2, 8), Event(8), Event(9)], 2
)]
#[case::what_was_sent_may_fall_out_without_a_gap_and_still_fills_the_window(
    2, 4, &[Append(4), Append(3), Ack(4)],
    vec![Event(1), Event(2), Event(3), Event(4), Gap(4, 6), Event(6), Event(7)], 2
)]
#[case::what_fell_out_unacknowledged_is_a_gap_to_a_new_attachment(
    2, 4, &[Append(5), Rewind], vec![Event(1), Event(2), Event(3), Event(4), Gap(0, 4), Event(4), Event(5)], 2
)]
fn a_log_tells(
    #[case] retention: u32,
    #[case] window: u32,
    #[case] steps: &[Step],
    #[case] expected: Vec<Told>,
    #[case] unacked: u64,
) {
    let mut log = log(retention);
    let told = run(&mut log, window, steps);
    assert_eq!(told, expected);
    assert_eq!(log.unacked(), unacked);
}

#[rstest]
#[case(Cursor { epoch: EPOCH + 1, sequence: 1 }, AckError::Epoch { got: EPOCH + 1, epoch: EPOCH })]
#[case(at(3), AckError::NotSent { got: 3, sent: 2 })]
fn an_ack_of_what_was_never_sent_is_refused(#[case] through: Cursor, #[case] expected: AckError) {
    let mut log = log(10);
    run(&mut log, 2, &[Append(5)]);
    assert_eq!(log.ack(through), Err(expected));
    assert_eq!(log.unacked(), 2);
}

#[test]
fn retention_by_bytes_drops_the_oldest_and_keeps_at_least_the_newest() {
    let one = weight(&event(1).event) as u64;
    let mut log = Log::new(EPOCH, 100, 3 * one);
    let dropped: u64 = (1..=5).map(|revision| log.append(event(revision))).sum();
    // What is known of those that went has a size, too.
    assert_eq!((dropped + log.len() as u64, log.len() <= 3), (5, true));
    assert!(log.bytes() as u64 <= 3 * one, "{}", log.bytes());
    let mut tiny = Log::new(EPOCH, 100, 1);
    let dropped: u64 = (1..=5).map(|revision| tiny.append(event(revision))).sum();
    assert_eq!((dropped, tiny.len()), (4, 1));
}

fn of(session: &str, revision: u64, payload: EventPayload) -> Logged {
    let mut logged = event(revision);
    logged.event.session = SessionId::parse(session).unwrap();
    logged.event.payload = payload;
    logged
}

fn key(session: &str, revision: u64) -> Logged {
    of(session, revision, EventPayload::DtmfReceived { digit: '1', duration: Duration::from_millis(80) })
}

fn ringing(session: &str, revision: u64) -> Logged {
    of(session, revision, EventPayload::Ringing { status: 180 })
}

fn changed(session: &str, revision: u64, by_peer: bool) -> Logged {
    of(session, revision, EventPayload::MediaChanged { media: None, hold: Hold::default(), by_peer })
}

fn ended(session: &str, revision: u64) -> Logged {
    of(session, revision, EventPayload::Ended(Box::new(Ended::with_cause(EndCause::RemoteHangup))))
}

/// A session and the revision of an event that is left of it.
type KeptEvent = (String, u64);

/// A session and the first and last revision that a gap names of it.
type LostSpan = (String, u64, u64);

/// What is left of each session, and what the gaps name.
fn rest(log: &mut Log) -> (Vec<KeptEvent>, Vec<LostSpan>) {
    let (mut kept, mut lost) = (Vec::new(), Vec::new());
    while let Some(next) = log.next(u32::MAX) {
        match next {
            Next::Event(_, logged) => {
                kept.push((logged.event.session.to_string(), logged.event.revision));
            }
            Next::Gap { lost: named, .. } => {
                lost.extend(named.iter().map(|lost| (lost.session.to_string(), lost.first, lost.last)));
            }
        }
    }
    (kept, lost)
}

#[test]
fn a_flood_of_one_session_drops_its_own_and_nothing_of_others() {
    let mut log = log(80);
    for revision in 1..=5 {
        log.append(key("quiet", revision));
        log.append(ringing("other", revision));
    }
    let mut dropped = 0;
    for revision in 1..=10_000 {
        dropped += log.append(key("loud", revision));
    }
    dropped += log.append(ended("loud", 10_001));
    let (kept, lost) = rest(&mut log);
    let of = |name: &str| kept.iter().filter(|(session, _)| session == name).count();
    assert_eq!((of("quiet"), of("other")), (5, 5));
    assert!(kept.contains(&("loud".into(), 10_001)));
    assert_eq!(dropped + kept.len() as u64, 10_011);
    // In one piece, and named to the event.
    assert_eq!(lost, [("loud".to_owned(), 1, dropped)]);
}

#[test]
fn whatever_a_peer_floods_with_takes_nothing_from_others() {
    let mut log = log(80);
    for revision in 1..=5 {
        log.append(key("keys", revision));
        log.append(changed("holds", revision, false));
    }
    for revision in 1..=10_000 {
        log.append(if revision % 2 == 0 { changed("loud", revision, true) } else { key("loud", revision) });
    }
    let (kept, lost) = rest(&mut log);
    let of = |name: &str| kept.iter().filter(|(session, _)| session == name).count();
    assert_eq!((of("keys"), of("holds")), (5, 5));
    assert!(lost.iter().all(|(session, ..)| session == "loud"), "{lost:?}");
}

#[test]
fn what_tells_a_calls_life_goes_last() {
    let mut log = log(16);
    for number in 0..10 {
        log.append(ended(&format!("ended{number}"), 3));
        log.append(ringing(&format!("rings{number}"), 2));
        log.append(key(&format!("keys{number}"), 4));
    }
    let (kept, _) = rest(&mut log);
    let of = |name: &str| kept.iter().filter(|(session, _)| session.starts_with(name)).count();
    assert_eq!(of("ended"), 10);
    assert!(of("rings") > of("keys"), "{kept:?}");
}

#[test]
fn where_only_what_is_worth_most_is_left_the_oldest_goes() {
    let mut log = log(8);
    for number in 1..=20 {
        log.append(ended(&format!("s{number}"), 3));
    }
    let (kept, lost) = rest(&mut log);
    assert_eq!(kept.last().map(|(session, _)| session.as_str()), Some("s20"));
    assert_eq!(kept.first().map(|(session, _)| session.clone()), Some(format!("s{}", 21 - kept.len())));
    assert_eq!(lost.len(), 20 - kept.len());
}

#[test]
fn a_gap_that_holds_many_sessions_names_some_and_says_that_there_are_more() {
    let mut log = log(8);
    for number in 1..=1_000 {
        log.append(key(&format!("s{number}"), 1));
    }
    let Some(Next::Gap { lost, more_lost, .. }) = log.next(10) else { panic!("no gap") };
    assert_eq!((lost.len(), more_lost), (64, true));
}

#[test]
fn a_log_that_is_to_shrink_gives_up_as_much_as_it_has_to() {
    let mut log = log(1_000);
    for revision in 1..=100 {
        log.append(key("s", revision));
    }
    let bytes = log.bytes();
    assert!(log.shrink(bytes / 2) >= 50);
    assert!(log.bytes() <= bytes / 2 + 200, "{} of {bytes}", log.bytes());
    log.shrink(0);
    assert_eq!(log.len(), 1, "the newest stays");
    assert_eq!(log.newest(), at(100));
}

#[test]
fn an_acknowledged_log_holds_nothing() {
    let mut log = log(100);
    run(&mut log, 100, &[Append(50), Ack(50)]);
    assert_eq!((log.len(), log.bytes(), log.unacked()), (0, 0, 0));
    assert_eq!(log.newest(), at(50));
}

proptest! {
    /// Whatever is done, what an engine is told is in order and without a hole that was not told as a gap; and no more is
    /// under way than its window.
    #[test]
    fn nothing_is_lost_silently(
        steps in prop::collection::vec((0_u8..4, 0_u64..12), 1..60),
        retention in 1_u32..20,
        window in 1_u32..10,
    ) {
        let mut log = log(retention);
        let (mut seen, mut through) = (0_u64, 0_u64);
        for (kind, amount) in steps {
            match kind {
                0 | 1 => {
                    for _ in 0..amount {
                        let revision = log.newest().sequence + 1;
                        log.append(event(revision));
                    }
                }
                2 => {
                    through = through.max(seen.saturating_sub(amount));
                    log.ack(at(through)).unwrap();
                }
                _ => {
                    log.rewind();
                    seen = through;
                }
            }
            for told in take(&mut log, window) {
                match told {
                    Event(sequence) => {
                        prop_assert_eq!(sequence, seen + 1);
                        seen = sequence;
                    }
                    Gap(after, next) => {
                        prop_assert_eq!(after, seen);
                        prop_assert!(next > after + 1);
                        seen = next - 1;
                    }
                }
            }
            prop_assert!(log.unacked() <= u64::from(window));
            prop_assert!(log.len() <= retention as usize);
        }
    }
}
