use rstest::rstest;

use crate::engine::{Keeping, Roster};
use crate::session::command::EngineRef;

fn engine(group: &str, id: &str) -> EngineRef {
    EngineRef { group: group.into(), id: id.into() }
}

#[rstest]
#[case(0, 3, &[None, None, None])]
#[case(1, 3, &[Some(1), Some(0), Some(0)])]
#[case(7, 3, &[Some(3), Some(2), Some(2)])]
#[case(9, 3, &[Some(3), Some(3), Some(3)])]
#[case(5, 1, &[Some(5)])]
fn shares_add_up_to_the_limit(#[case] total: u32, #[case] shards: u16, #[case] expected: &[Option<u32>]) {
    let mut roster = Roster::default();
    roster.insert(engine("g", "a"), total);
    let shares: Vec<Option<u32>> =
        (0..shards).flat_map(|shard| roster.for_shard(shard, shards).map(|(_, share, _)| share)).collect();
    assert_eq!(shares, expected);
    assert_eq!(shares.iter().flatten().sum::<u32>(), total);
}

#[test]
fn the_order_is_that_of_attachment() {
    let mut roster = Roster::default();
    roster.insert(engine("g", "a"), 0);
    roster.insert(engine("h", "b"), 0);
    roster.insert(engine("g", "c"), 0);
    assert_eq!(roster.first_of("g"), Some(&engine("g", "a")));
    assert!(roster.remove(&engine("g", "a")));
    assert!(!roster.remove(&engine("g", "a")));
    assert_eq!(roster.first_of("g"), Some(&engine("g", "c")));
    roster.insert(engine("g", "a"), 0);
    let order: Vec<&EngineRef> = roster.for_shard(0, 1).map(|(engine, _, _)| engine).collect();
    assert_eq!(order, [&engine("h", "b"), &engine("g", "c"), &engine("g", "a")]);
    assert_eq!(roster.first_of("nobody"), None);
}

#[test]
fn who_keeps_up_is_told_when_it_changes_and_a_new_attachment_keeps_up() {
    let mut roster = Roster::default();
    roster.insert(engine("g", "a"), 0);
    let up =
        |roster: &Roster| roster.for_shard(0, 1).map(|(_, _, keeping)| keeping.is_up()).collect::<Vec<_>>();
    let full = Keeping { full: true, ..Keeping::default() };
    assert!(roster.keeps(&engine("g", "a"), full));
    assert!(!full.stands_still() && Keeping { silent: true, ..full }.stands_still());
    assert!(!roster.keeps(&engine("g", "a"), full), "no news");
    assert!(!roster.keeps(&engine("g", "b"), full), "not there");
    assert_eq!(up(&roster), [false]);
    roster.insert(engine("g", "a"), 0);
    assert_eq!(up(&roster), [true]);
}
