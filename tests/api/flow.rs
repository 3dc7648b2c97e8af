//! The window, slow engines, and what retention drops.

use callplane::proto::session::v1 as proto;
use callplane::proto::session::v1::attach_item::Item;

use crate::commands::ring;
use crate::support::core::{engine, small};
use crate::support::engine::{Engine, open};
use crate::support::{Scripted, settings, until};

#[tokio::test]
async fn the_window_holds_events_back_and_lets_results_through() {
    let scripted = Scripted::start().await;
    let narrow = proto::Open { unacked_events_max: 2, ..open("e") };
    let mut owner = Engine::open(scripted.events(), narrow).await.expect("attached");
    scripted.script.call(&engine("default", "e"), "s");
    scripted.script.tell((2..=5).map(|revision| small(&engine("default", "e"), revision)));
    until("five events", || scripted.node.counters().engines.events == 5).await;
    let mut last = None;
    for _ in 0..2 {
        last = owner.event().await.cursor;
    }
    owner.command(ring("s", "through")).await;
    assert_eq!(owner.result().await.command_id, "through");
    owner.ack(last).await;
    assert_eq!(owner.event().await.cursor.expect("a cursor").sequence, 3);
    let fourth = owner.event().await.cursor;
    assert_eq!(fourth.expect("a cursor").sequence, 4);
    owner.command(ring("s", "again")).await;
    assert_eq!(owner.result().await.command_id, "again");
    owner.ack(fourth).await;
    assert_eq!(owner.event().await.cursor.expect("a cursor").sequence, 5);
}

#[tokio::test]
async fn a_slow_engine_loses_its_oldest_events_is_told_and_hurts_nobody_else() {
    let mut with = settings();
    with.engines.retention_events = 100;
    let scripted = Scripted::with(with).await;
    let narrow = proto::Open { unacked_events_max: 1, ..open("slow") };
    let mut slow = Engine::open(scripted.events(), narrow).await.expect("attached");
    let mut quick = Engine::attach(scripted.events(), "quick").await;
    let (slow_one, quick_one) = (engine("default", "slow"), engine("default", "quick"));
    scripted.script.tell([small(&slow_one, 1)]);
    let first = slow.event().await;
    assert_eq!(first.session_revision, 1);
    scripted.script.tell((2..=5_000).map(|revision| small(&slow_one, revision)));
    scripted.script.tell([small(&quick_one, 1)]);
    assert_eq!(quick.event().await.session_revision, 1);
    until("all of them", || scripted.node.counters().engines.events == 5_001).await;
    let dropped = scripted.node.counters().engines.events_dropped;
    assert!((4_900..=4_913).contains(&dropped), "{dropped}");
    slow.ack(first.cursor).await;
    let Item::Gap(gap) = slow.item().await else { panic!("no gap") };
    assert_eq!(gap.after, first.cursor);
    let next = gap.next.expect("a cursor").sequence;
    assert!(next > 4_900, "{next}");
    let lost = proto::LostEvents { session_id: "s".into(), first_revision: 2, last_revision: next - 1 };
    assert_eq!((gap.lost, gap.more_lost), (vec![lost], false));
    let behind = slow.event().await;
    assert_eq!((behind.cursor, behind.session_revision), (gap.next, next));
    slow.ack(behind.cursor).await;
    assert_eq!(slow.event().await.session_revision, next + 1);
}

#[tokio::test]
async fn all_logs_together_have_a_bound_and_who_has_little_in_it_loses_nothing() {
    let mut with = settings();
    with.engines.total_bytes = 200_000;
    let scripted = Scripted::with(with).await;
    let narrow = |id: &str| proto::Open { unacked_events_max: 1, ..open(id) };
    let mut modest = Engine::open(scripted.events(), narrow("modest")).await.expect("attached");
    let _greedy = Engine::open(scripted.events(), narrow("greedy")).await.expect("attached");
    let (modest_one, greedy_one) = (engine("default", "modest"), engine("default", "greedy"));
    scripted.script.tell((1..=50).map(|revision| small(&modest_one, revision)));
    scripted.script.tell((1..=5_000).map(|revision| small(&greedy_one, revision)));
    until("all of them", || scripted.node.counters().engines.events == 5_050).await;
    assert!(scripted.node.counters().engines.events_dropped > 3_000);
    assert!(scripted.node.counters().held.engine_log_bytes <= 200_000);
    for revision in 1..=50 {
        let event = modest.event().await;
        assert_eq!(event.session_revision, revision, "no gap");
        modest.ack(event.cursor).await;
    }
}

#[tokio::test]
async fn an_engine_that_does_not_read_its_results_is_not_read_either() {
    let scripted = Scripted::start().await;
    let mut owner = Engine::attach(scripted.events(), "e").await;
    let mut other = Engine::attach(scripted.events(), "f").await;
    scripted.script.call(&engine("default", "e"), "s");
    owner.event().await;
    // More than a stream may have without results, and more than HTTP/2's windows hold.
    let commands = 40_000;
    let writer = async {
        for number in 0..commands {
            owner.command(ring("s", &format!("{number:060}"))).await;
        }
    };
    // It cannot finish while nobody reads; the other engine goes on meanwhile.
    let reads_nothing = tokio::time::timeout(std::time::Duration::from_millis(300), writer);
    let stuck = reads_nothing.await.is_err();
    scripted.script.tell([small(&engine("default", "f"), 1)]);
    assert_eq!(other.event().await.session_revision, 1);
    assert!(scripted.node.counters().held.commands_pending <= 1_024);
    let mut results = 0;
    while results < 1_000 {
        owner.result().await;
        results += 1;
    }
    assert!(stuck || scripted.script.verbs().len() <= commands);
}

#[tokio::test]
async fn ten_thousand_events_arrive_in_order() {
    let scripted = Scripted::start().await;
    let mut owner = Engine::attach(scripted.events(), "e").await;
    let identity = engine("default", "e");
    scripted.script.tell((1..=10_000).map(|revision| small(&identity, revision)));
    let mut previous = owner.opened.at;
    for revision in 1..=10_000 {
        let event = owner.event().await;
        assert_eq!((event.session_revision, event.prev_cursor), (revision, previous));
        previous = event.cursor;
        if revision % 1_000 == 0 {
            owner.ack(previous).await;
        }
    }
}
