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
    })
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
        studio.control.done(reconcile(&["a", "c"], &["kept"])).await;
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
async fn a_newer_stream_replaces_the_old_one_and_a_lower_incarnation_is_refused() {
    let mut studio = Studio::start(&settings(25_500, 4)).await;
    assert!(matches!(studio.control.ask(make_offer("a", 1)).await, Outcome::Negotiated(_)));
    let mut newer = Control::open(&studio.node, "owner", 2).await.unwrap();
    let status = studio.control.read().await.unwrap_err().unwrap();
    assert_eq!(status.code(), tonic::Code::Aborted);
    let Err(refused) = Control::open(&studio.node, "owner", 1).await else { panic!("it was let in") };
    assert!(matches!(refused, Outcome::Failure(failure) if failure.code() == Code::OldIncarnation));
    // What was made before is still there.
    newer.close("a").await;
    assert_eq!(newer.welcome.node, "media-test");
    assert_eq!(newer.welcome.capacity.unwrap().endpoints, 1);
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
    let hello = proto::Hello { owner: "owner".into(), incarnation: 1 };
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
    control.close("a").await;
    serving.abort();
}

#[tokio::test]
async fn a_stream_ends_with_its_node() {
    let mut studio = Studio::start(&settings(25_600, 4)).await;
    assert!(matches!(studio.control.ask(make_offer("a", 1)).await, Outcome::Negotiated(_)));
    studio.node.shutdown();
    let status = studio.control.read().await.unwrap_err().unwrap();
    assert_eq!(status.code(), tonic::Code::Unavailable);
    let snapshot = studio.node.snapshot();
    assert_eq!((snapshot.endpoints, snapshot.sockets, snapshot.ports.used), (0, 0, 0));
}
