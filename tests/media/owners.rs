//! Owners: streams that come and go, incarnations, what is kept and what closes.

use callplane::media::grpc;
use callplane::media::service::start;
use callplane::proto::media::v1 as proto;
use callplane::proto::media::v1::BridgeMode;
use callplane::proto::media::v1::endpoint_event::Event;
use callplane::proto::media::v1::failure::Code;
use callplane::proto::media::v1::reply::Result as Outcome;
use callplane::proto::media::v1::request::Operation;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;

use crate::harness::{
    Control, Studio, add_member, commit, create_bridge, make_offer, play_tone, settings, until,
};

fn reconcile(endpoints: &[&str], bridges: &[&str]) -> Operation {
    Operation::Reconcile(proto::Reconcile {
        endpoint_ids: endpoints.iter().map(ToString::to_string).collect(),
        bridge_ids: bridges.iter().map(ToString::to_string).collect(),
        memberships: Vec::new(),
    })
}

fn membership(bridge: &str, endpoint: &str) -> proto::Membership {
    proto::Membership { bridge_id: bridge.into(), endpoint_id: endpoint.into() }
}

#[tokio::test]
async fn reconcile_takes_out_of_a_bridge_whoever_is_not_named_as_its_member() {
    for workers in [1, 3] {
        let mut settings = settings(25_760 + 20 * workers as u16, 8);
        settings.workers = workers;
        let mut studio = Studio::start(&settings).await;
        for endpoint in ["a", "b", "c"] {
            assert!(matches!(studio.control.ask(make_offer(endpoint, 1)).await, Outcome::Negotiated(_)));
        }
        studio.control.done(create_bridge("x", BridgeMode::Mix)).await;
        studio.control.done(create_bridge("y", BridgeMode::Mix)).await;
        for (bridge, endpoint) in [("x", "a"), ("x", "b"), ("y", "c")] {
            studio.control.done(add_member(bridge, endpoint)).await;
        }
        let Operation::Reconcile(mut wanted) = reconcile(&["a", "b", "c"], &["x", "y"]) else { panic!() };
        wanted.memberships = vec![membership("x", "a"), membership("x", "c"), membership("z", "b")];
        studio.control.done(Operation::Reconcile(wanted)).await;
        for (endpoint, bridge) in [("b", "x"), ("c", "y")] {
            let left = studio.control.event(endpoint, |event| match event {
                Event::LeftBridge(left) => Some(left.bridge_id.clone()),
                _ => None,
            });
            assert_eq!(left.await, bridge);
        }
        studio
            .control
            .done(Operation::RemoveMember(proto::RemoveMember {
                bridge_id: "x".into(),
                endpoint_id: "a".into(),
            }))
            .await;
        assert_eq!(studio.control.events(), [], "it had stayed");
    }
}

#[tokio::test]
async fn reconcile_closes_what_is_not_named_and_only_for_its_owner() {
    for workers in [1, 3] {
        let mut settings = settings(25_000 + 100 * workers as u16, 10);
        settings.workers = workers;
        let mut studio = Studio::start(&settings).await;
        let mut other = Control::open(&studio.node, "other", 1).await.unwrap();
        for endpoint in ["a", "b", "c"] {
            assert!(matches!(studio.control.ask(make_offer(endpoint, 1)).await, Outcome::Negotiated(_)));
            assert!(matches!(other.ask(make_offer(endpoint, 1)).await, Outcome::Negotiated(_)));
        }
        for bridge in ["kept", "dropped", "empty"] {
            studio.control.done(create_bridge(bridge, BridgeMode::Mix)).await;
        }
        for (bridge, endpoint) in [("kept", "a"), ("kept", "b"), ("dropped", "c")] {
            studio.control.done(add_member(bridge, endpoint)).await;
        }
        let Operation::Reconcile(mut wanted) = reconcile(&["a", "c"], &["kept"]) else { panic!() };
        wanted.memberships = vec![membership("kept", "a")];
        studio.control.done(Operation::Reconcile(wanted)).await;
        let snapshot = studio.node.snapshot();
        assert_eq!((snapshot.endpoints, snapshot.bridges, snapshot.ports.used), (5, 1, 5));
        studio.control.event("c", |event| matches!(event, Event::LeftBridge(_)).then_some(())).await;
        studio.control.close("a").await;
        studio.control.close("c").await;
        other.done(reconcile(&[], &[])).await;
        assert_eq!(studio.node.snapshot().endpoints, 0);
    }
}

#[tokio::test]
async fn a_second_process_of_an_owner_s_name_is_refused_and_harms_nobody() {
    let mut studio = Studio::start(&settings(25_500, 4)).await;
    assert!(matches!(studio.control.ask(make_offer("a", 1)).await, Outcome::Negotiated(_)));
    for incarnation in [0, 2, u64::MAX] {
        let Err(refused) = Control::open(&studio.node, "owner", incarnation).await else {
            panic!("it was let in")
        };
        let Outcome::Failure(failure) = refused else { panic!("{refused:?}") };
        assert_eq!(failure.code(), Code::OwnerConnected);
        assert!(failure.message.contains("\"owner\""), "{}", failure.message);
    }
    let mut client = grpc::inprocess::client(&studio.node.service);
    let request = proto::ExecuteRequest {
        owner: Some(proto::Hello { owner: "owner".into(), incarnation: u64::MAX, ..proto::Hello::default() }),
        request: Some(proto::Request {
            id: 1,
            operation: Some(Operation::Heartbeat(proto::Heartbeat::default())),
        }),
    };
    client.execute(request).await.unwrap();
    studio.control.done(Operation::Heartbeat(proto::Heartbeat::default())).await;
    studio.control.close("a").await;
}

#[tokio::test]
async fn a_process_that_opens_a_second_stream_goes_on_with_that_and_so_does_its_successor_of_any_incarnation()
{
    let mut studio = Studio::start(&settings(25_510, 4)).await;
    assert!(matches!(studio.control.ask(make_offer("a", 1)).await, Outcome::Negotiated(_)));
    let again = Control::open(&studio.node, "owner", 1).await.unwrap();
    let status = studio.control.read().await.unwrap_err().unwrap();
    assert_eq!(status.code(), tonic::Code::Aborted);
    drop(again);
    let mut successor = Control::open(&studio.node, "owner", 0).await.unwrap();
    assert_eq!(successor.welcome.node, "media-test");
    assert_eq!(successor.welcome.capacity.unwrap().endpoints, 1, "until it says what it wants");
    successor.done(reconcile(&[], &[])).await;
    assert_eq!(studio.node.snapshot().endpoints, 0);
}

#[tokio::test]
async fn a_heartbeat_is_answered_when_every_worker_has_had_its_turn() {
    for workers in [1, 3] {
        let mut settings = settings(25_700 + 10 * workers as u16, 4);
        settings.workers = workers;
        let mut studio = Studio::start(&settings).await;
        studio.control.done(Operation::Heartbeat(proto::Heartbeat::default())).await;
    }
}

#[tokio::test]
async fn a_node_that_drains_says_so_and_then_that_it_ends() {
    let mut studio = Studio::start(&settings(25_740, 4)).await;
    assert!(matches!(studio.control.ask(make_offer("a", 1)).await, Outcome::Negotiated(_)));
    assert!(!studio.control.welcome.draining);
    studio.node.drain(std::time::Duration::from_millis(1)).await;
    studio.control.read().await.unwrap();
    assert_eq!(studio.control.node_states, [proto::node_state::Phase::Draining]);
    assert_eq!(studio.control.fails(make_offer("b", 1)).await, Code::Limit);
    let other = Control::open(&studio.node, "other", 1).await.unwrap();
    assert!(other.welcome.draining);
    studio.node.shutdown();
    studio.control.read().await.unwrap();
    assert_eq!(studio.control.node_states.last(), Some(&proto::node_state::Phase::Ending));
    let status = studio.control.read().await.unwrap_err().unwrap();
    assert_eq!(status.code(), tonic::Code::Unavailable);
    let Err(refused) = Control::open(&studio.node, "owner", 1).await else { panic!("it was let in") };
    assert!(matches!(refused, Outcome::Failure(failure) if failure.code() == Code::Limit));
}

#[tokio::test]
async fn events_wait_for_an_owner_that_comes_back() {
    let mut studio = Studio::start(&settings(25_520, 4)).await;
    let phone = studio.phone("a", None).await;
    studio.control.done(play_tone("a", "p", 440.0, Some(100))).await;
    let Studio { node, control } = studio;
    drop(control);
    until("it is played out", || phone.count() == 5).await;
    until("it has ended", || node.snapshot().playbacks == 0).await;
    let mut back = Control::open(&node, "owner", 1).await.unwrap();
    back.event("a", |event| matches!(event, Event::PlayEnded(_)).then_some(())).await;
    assert_eq!(back.welcome.events_lost, 0);
    back.close("a").await;
}

#[tokio::test]
async fn events_that_a_dead_stream_took_come_again_on_the_next_from_the_first_that_was_not_heard() {
    let mut studio = Studio::start(&settings(25_620, 4)).await;
    let _phone = studio.phone("a", None).await;
    studio.control.done(play_tone("a", "p", 440.0, Some(40))).await;
    let kinds = |event: &Event| match event {
        Event::PlayStarted(_) => Some("started"),
        Event::PlayEnded(_) => Some("ended"),
        _ => None,
    };
    let Studio { node, mut control } = studio;
    assert_eq!(control.event("a", kinds).await, "started");
    assert_eq!(control.event("a", kinds).await, "ended");
    // What was read may be lost all the same: nothing was acknowledged.
    drop(control);
    let mut again = Control::open(&node, "owner", 1).await.unwrap();
    assert_eq!(again.welcome.events_from, 1);
    assert_eq!(again.event("a", kinds).await, "started");
    assert_eq!(again.event("a", kinds).await, "ended");
    again.done(Operation::Heartbeat(proto::Heartbeat { events_through: 1 })).await;
    drop(again);
    let mut last = Control::open(&node, "owner", 1).await.unwrap();
    assert_eq!(last.welcome.events_from, 2);
    assert_eq!(last.event("a", kinds).await, "ended");
    last.close("a").await;
}

#[tokio::test]
async fn what_an_owner_leaves_behind_closes_after_its_time() {
    let mut settings = settings(25_540, 4);
    settings.orphan_timeout_ms = 100;
    let mut studio = Studio::start(&settings).await;
    let phone = studio.phone("a", None).await;
    studio.bridge("bridge", BridgeMode::Mix, &[&phone]).await;
    let Studio { node, control } = studio;
    drop(control);
    until("it closed", || node.snapshot().endpoints == 0).await;
    let snapshot = node.snapshot();
    assert_eq!((snapshot.bridges, snapshot.sockets, snapshot.ports.used), (0, 0, 0));
    until("its owner is forgotten", || node.snapshot().owners == 0).await;
}

#[tokio::test]
async fn execute_serves_one_request_without_a_stream() {
    let mut studio = Studio::start(&settings(25_560, 4)).await;
    let mut client = grpc::inprocess::client(&studio.node.service);
    let hello = proto::Hello { owner: "owner".into(), incarnation: 1, ..proto::Hello::default() };
    let request = |operation| proto::ExecuteRequest {
        owner: Some(hello.clone()),
        request: Some(proto::Request { id: 77, operation: Some(operation) }),
    };
    let response = client.execute(request(make_offer("a", 1))).await.unwrap().into_inner().reply.unwrap();
    assert_eq!(response.id, 77);
    assert!(matches!(response.result, Some(Outcome::Negotiated(_))));
    studio.control.close("a").await;
    let response = client.execute(request(commit("a", 1))).await.unwrap().into_inner().reply.unwrap();
    assert!(matches!(response.result, Some(Outcome::Failure(failure)) if failure.code() == Code::NoEndpoint));
    let refused = client.execute(request(Operation::Hello(hello.clone()))).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::InvalidArgument);
    let described = client.describe_node(proto::DescribeNodeRequest {}).await.unwrap().into_inner();
    assert_eq!((described.node.as_str(), described.workers), ("media-test", 1));
    assert_eq!(described.capacity.unwrap().endpoints_max, 5000);
}

#[tokio::test]
async fn the_same_service_is_served_over_tcp() {
    let node = start(&settings(25_580, 4)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tonic::transport::Server::builder().add_service(node.service.server());
    let serving = tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    let channel = tonic::transport::Channel::from_shared(format!("http://{address}")).unwrap();
    let client = proto::media_service_client::MediaServiceClient::new(channel.connect().await.unwrap());
    let mut control = Control::over(client, "owner", 1).await.unwrap();
    assert!(matches!(control.ask(make_offer("a", 1)).await, Outcome::Negotiated(_)));
    let named: Vec<String> = (0..100_000).map(|n| format!("{n:064}")).collect();
    let bridge_id = "b".repeat(64);
    let memberships = named.iter().map(|endpoint| membership(&bridge_id, endpoint)).collect();
    let wanted = proto::Reconcile { endpoint_ids: named, bridge_ids: vec![bridge_id.clone()], memberships };
    control.done(Operation::Reconcile(wanted)).await;
    assert_eq!(node.snapshot().endpoints, 0, "the one that was not named");
    serving.abort();
}

#[tokio::test]
async fn a_stream_ends_with_its_node() {
    let mut studio = Studio::start(&settings(25_600, 4)).await;
    assert!(matches!(studio.control.ask(make_offer("a", 1)).await, Outcome::Negotiated(_)));
    studio.node.shutdown();
    studio.control.read().await.unwrap();
    let status = studio.control.read().await.unwrap_err().unwrap();
    assert_eq!(status.code(), tonic::Code::Unavailable);
    let snapshot = studio.node.snapshot();
    assert_eq!((snapshot.endpoints, snapshot.sockets, snapshot.ports.used), (0, 0, 0));
}
