//! Several workers: endpoints go where their bridge is, under traffic, without a hole.

use callplane::media::service::MediaNode;
use callplane::proto::media::v1::endpoint_event::Event;
use callplane::proto::media::v1::failure::Code;
use callplane::proto::media::v1::reply::Result as Outcome;
use callplane::proto::media::v1::request::Operation;
use callplane::proto::media::v1::{self as proto, BridgeMode};

use crate::harness::{
    Studio, add_member, close, create_bridge, destroy_bridge, make_offer, play_tone, settings, until,
};
use crate::phone::{assert_continuous, share};

fn endpoints_of_workers(node: &MediaNode) -> Vec<usize> {
    node.snapshot().workers.iter().map(|worker| worker.endpoints).collect()
}

#[tokio::test]
async fn endpoints_spread_over_the_workers_and_go_where_their_bridge_is() {
    let mut settings = settings(27_000, 20);
    settings.workers = 3;
    let mut studio = Studio::start(&settings).await;
    let a = studio.phone("a", Some(440.0)).await;
    let b = studio.phone("b", Some(880.0)).await;
    let c = studio.phone("c", Some(1320.0)).await;
    assert_eq!(endpoints_of_workers(&studio.node), [1, 1, 1]);
    studio.bridge("room", BridgeMode::Mix, &[&a, &b, &c]).await;
    let mut spread = endpoints_of_workers(&studio.node);
    spread.sort_unstable();
    assert_eq!(spread, [0, 0, 3]);
    for (phone, others) in [(&a, [880.0, 1320.0]), (&b, [440.0, 1320.0]), (&c, [440.0, 880.0])] {
        until("it hears", || phone.count() >= 60).await;
        let heard = phone.heard();
        assert!(others.iter().all(|&frequency| share(&heard[10..], frequency) > 0.3));
    }
    let snapshot = studio.node.snapshot();
    assert_eq!((snapshot.endpoints, snapshot.sockets, snapshot.ports.used), (3, 3, 3));
}

#[tokio::test]
async fn a_stream_goes_on_over_moves_without_losing_a_packet() {
    let mut settings = settings(27_100, 20);
    settings.workers = 2;
    let mut studio = Studio::start(&settings).await;
    let a = studio.phone("a", Some(440.0)).await;
    let b = studio.phone("b", Some(880.0)).await;
    let c = studio.phone("c", Some(1320.0)).await;
    // Two of them are on other workers. The echo moves back and forth between bridges that stay where they are.
    studio.bridge("first", BridgeMode::Echo, &[&a]).await;
    studio.bridge("second", BridgeMode::Echo, &[&b]).await;
    studio.control.done(add_member("first", "c")).await;
    for round in 0..20 {
        let bridge = if round % 2 == 0 { "second" } else { "first" };
        studio.control.done(add_member(bridge, "c")).await;
        let left = studio.control.event("c", |event| match event {
            Event::LeftBridge(left) => Some(left.bridge_id.clone()),
            _ => None,
        });
        assert_ne!(left.await, bridge);
        let heard = c.count();
        until("it goes on", || c.count() >= heard + 2).await;
    }
    // Nothing was lost on the way: what it said, it heard.
    let said = c.said();
    until("all came back", || c.count() + 10 >= said).await;
    assert_continuous(&c.heard()[1..]);
    let statistics = studio.control.close("c").await;
    assert_eq!(statistics.packets_lost, 0);
    assert!(a.hears(440.0) > 0.9 && b.hears(880.0) > 0.9);
}

#[tokio::test]
async fn what_is_asked_of_an_endpoint_on_its_way_is_served_in_order() {
    let mut settings = settings(27_200, 20);
    settings.workers = 2;
    let mut studio = Studio::start(&settings).await;
    let a = studio.phone("a", None).await;
    let b = studio.phone("b", None).await;
    studio.bridge("there", BridgeMode::Mix, &[&a]).await;
    studio.bridge("here", BridgeMode::Mix, &[&b]).await;
    let mute = |muted| Operation::Mute(proto::Mute { endpoint_id: "b".into(), muted });
    for _ in 0..50 {
        let operations = vec![
            play_tone("b", "first", 440.0, None),
            add_member("there", "b"),
            mute(true),
            play_tone("b", "second", 880.0, None),
            add_member("here", "b"),
            mute(false),
            add_member("there", "b"),
            add_member("here", "b"),
            Operation::StopPlay(proto::StopPlay { endpoint_id: "b".into(), playback_id: "second".into() }),
        ];
        for id in studio.control.send(operations).await {
            let outcome = studio.control.reply(id).await;
            assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
        }
    }
    let snapshot = studio.node.snapshot();
    assert_eq!((snapshot.endpoints, snapshot.bridges, snapshot.playbacks), (2, 2, 0));
    let mut left = Vec::new();
    for (endpoint, event) in studio.control.events() {
        assert_eq!(endpoint, "b");
        if let Event::LeftBridge(event) = event {
            left.push(event.bridge_id);
        }
    }
    assert_eq!(left.len(), 200);
    assert!(left.chunks(4).all(|round| round == ["here", "there", "here", "there"]));
}

#[tokio::test]
async fn an_endpoint_that_closes_while_it_moves_leaves_nothing() {
    let mut settings = settings(27_300, 20);
    settings.workers = 2;
    settings.port_rest_ms = 0;
    let mut studio = Studio::start(&settings).await;
    let a = studio.phone("a", None).await;
    studio.bridge("there", BridgeMode::Mix, &[&a]).await;
    for round in 0..50 {
        let operations = vec![
            make_offer("b", 1),
            add_member("there", "b"),
            close("b"),
            make_offer("b", 1),
            close("b"),
            add_member("there", "b"),
            create_bridge("other", BridgeMode::Mix),
            destroy_bridge("other"),
            create_bridge("other", BridgeMode::Mix),
            destroy_bridge("other"),
        ];
        let ids = studio.control.send(operations).await;
        let mut outcomes = Vec::new();
        for id in ids {
            outcomes.push(studio.control.reply(id).await);
        }
        assert!(matches!(outcomes[0], Outcome::Negotiated(_)), "round {round}: {:?}", outcomes[0]);
        assert!(matches!(outcomes[1], Outcome::Done(_)), "round {round}: {:?}", outcomes[1]);
        assert!(matches!(outcomes[2], Outcome::EndpointClosed(_)), "round {round}: {:?}", outcomes[2]);
        assert!(matches!(outcomes[3], Outcome::Negotiated(_)), "round {round}: {:?}", outcomes[3]);
        assert!(matches!(outcomes[4], Outcome::EndpointClosed(_)), "round {round}: {:?}", outcomes[4]);
        assert!(matches!(&outcomes[5], Outcome::Failure(failure) if failure.code() == Code::NoEndpoint));
        assert!(outcomes[6..].iter().all(|outcome| matches!(outcome, Outcome::Done(_))), "{outcomes:?}");
    }
    let snapshot = studio.node.snapshot();
    assert_eq!((snapshot.endpoints, snapshot.bridges, snapshot.sockets, snapshot.ports.used), (1, 1, 1, 1));
}
