use rstest::rstest;

use crate::engine::Roster;
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
        (0..shards).flat_map(|shard| roster.for_shard(shard, shards).map(|(_, share)| share)).collect();
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
    let order: Vec<&EngineRef> = roster.for_shard(0, 1).map(|(engine, _)| engine).collect();
    assert_eq!(order, [&engine("h", "b"), &engine("g", "c"), &engine("g", "a")]);
    assert_eq!(roster.first_of("nobody"), None);
}
