//! A process's services: how media that runs apart drains, and what is heard of a server's end.

use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::*;
use crate::proto::media::v1 as proto;
use crate::proto::media::v1::failure::Code;
use crate::proto::media::v1::media_service_client::MediaServiceClient;
use crate::proto::media::v1::reply::Result as Outcome;
use crate::proto::media::v1::request::Operation;

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Media apart, and a channel to its API.
async fn media_apart(first_port: u16) -> (Node, Channel) {
    let mut settings = Settings::default();
    let api = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    settings.media.api = Some(api);
    settings.media.bind_ipv4 = Some(Ipv4Addr::LOCALHOST);
    (settings.media.rtp_port_min, settings.media.rtp_port_max) = (first_port, first_port + 19);
    let node = Node::start(&settings, Services::MEDIA, false, media_server::CONNECTIONS_MAX).await.unwrap();
    let channel = Channel::from_shared(format!("http://{api}")).unwrap().connect().await.unwrap();
    (node, channel)
}

async fn ask(channel: &Channel, operation: Operation) -> Outcome {
    let owner = proto::Hello { owner: "owner".into(), incarnation: 1, ..proto::Hello::default() };
    let request = proto::Request { id: 1, operation: Some(operation) };
    let request = proto::ExecuteRequest { owner: Some(owner), request: Some(request) };
    let response = MediaServiceClient::new(channel.clone()).execute(request).await.unwrap();
    response.into_inner().reply.unwrap().result.unwrap()
}

fn offer(endpoint: &str) -> Operation {
    Operation::Negotiate(proto::Negotiate {
        endpoint_id: endpoint.into(),
        create: Some(proto::EndpointSettings::default()),
        generation: 1,
        step: Some(proto::negotiate::Step::MakeOffer(proto::MakeOffer {})),
        ..Default::default()
    })
}

async fn health(channel: &Channel, service: &str) -> ServingStatus {
    let request = HealthCheckRequest { service: service.into() };
    HealthClient::new(channel.clone()).check(request).await.unwrap().into_inner().status()
}

#[tokio::test]
async fn media_apart_refuses_new_endpoints_while_it_drains_and_waits_for_the_last() {
    const SERVICE: &str = "callplane.media.v1.MediaService";
    let (node, channel) = media_apart(29_720).await;
    assert!(matches!(ask(&channel, offer("a")).await, Outcome::Negotiated(_)));
    assert!(node.services.ready());
    assert_eq!(health(&channel, SERVICE).await, ServingStatus::Serving);
    let draining = async {
        node.drain(PATIENCE).await;
        node.services.media.as_ref().unwrap().snapshot().endpoints
    };
    let looking = async {
        while node.services.ready() {
            tokio::task::yield_now().await;
        }
        for service in ["", SERVICE] {
            assert_eq!(health(&channel, service).await, ServingStatus::NotServing);
        }
        let Outcome::Failure(failure) = ask(&channel, offer("b")).await else { panic!("it was made") };
        assert_eq!(failure.code(), Code::Limit, "what becomes 503 with Retry-After");
        let close = Operation::CloseEndpoint(proto::CloseEndpoint { endpoint_id: "a".into() });
        assert!(matches!(ask(&channel, close).await, Outcome::EndpointClosed(_)));
    };
    let both = async { tokio::join!(draining, looking) };
    let (left, ()) = tokio::time::timeout(PATIENCE / 2, both).await.expect("it waits though nothing is left");
    assert_eq!(left, 0);
    node.shutdown().await;
}

#[tokio::test]
async fn media_apart_waits_no_longer_than_it_was_told() {
    let (node, channel) = media_apart(29_740).await;
    assert!(matches!(ask(&channel, offer("a")).await, Outcome::Negotiated(_)));
    let draining = node.drain(Duration::from_millis(50));
    tokio::time::timeout(PATIENCE, draining).await.expect("it waits for ever");
    assert_eq!(node.services.media.as_ref().unwrap().snapshot().endpoints, 1);
    node.shutdown().await;
}

#[tokio::test]
async fn a_server_that_ends_by_itself_is_told_and_one_that_was_told_to_is_not() {
    for told in [false, true] {
        let (stop, deaf) = (CancellationToken::new(), CancellationToken::new());
        if told {
            stop.cancel();
        }
        watched(tokio::spawn(async { panic!("a server of this test") }), stop, deaf.clone()).await.unwrap();
        assert_eq!(deaf.is_cancelled(), !told);
    }
}
