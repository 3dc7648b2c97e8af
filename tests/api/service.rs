//! The server itself: health, reflection, limits, and its end.

use std::time::Duration;

use callplane::proto::session::v1 as proto;
use callplane::proto::session::v1::attach_item::Item;
use callplane::proto::session::v1::bridge_service_client::BridgeServiceClient;
use callplane::shard::io::{Input, Output};
use callplane::signaling::{self, MediaConnection, SignalingSettings, StartError};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::support::core::{engine, id};
use crate::support::engine::{Engine, open};
use crate::support::{Scripted, channel, reason, settings, soon, until};

async fn health(scripted: &Scripted, service: &str) -> ServingStatus {
    let request = HealthCheckRequest { service: service.into() };
    let answer = HealthClient::new(scripted.channel.clone()).check(request).await.expect("known");
    answer.into_inner().status()
}

#[tokio::test]
async fn health_is_told_for_each_service_until_the_drain() {
    let scripted = Scripted::start().await;
    for service in ["", "callplane.session.v1.EventService", "callplane.session.v1.BridgeService"] {
        assert_eq!(health(&scripted, service).await, ServingStatus::Serving, "{service}");
    }
    assert!(scripted.node.drain(Duration::from_secs(1)).await);
    for service in ["", "callplane.session.v1.EventService"] {
        assert_eq!(health(&scripted, service).await, ServingStatus::NotServing, "{service}");
    }
}

#[tokio::test]
async fn the_services_can_be_reflected() {
    let scripted = Scripted::start().await;
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut client = ServerReflectionClient::new(scripted.channel.clone());
    let answers = client.server_reflection_info(tokio_stream::once(request)).await.expect("served");
    let answer = soon("an answer", answers.into_inner().message()).await.expect("no error").expect("one");
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("no list")
    };
    let names: Vec<&str> = list.service.iter().map(|service| service.name.as_str()).collect();
    for service in ["SessionService", "EventService", "BridgeService", "PlaybackService"] {
        assert!(names.contains(&format!("callplane.session.v1.{service}").as_str()), "{names:?}");
    }
}

#[tokio::test]
async fn draining_is_told_and_no_new_calls_are_made() {
    let scripted = Scripted::start().await;
    let mut owner = Engine::attach(scripted.events(), "e").await;
    scripted.script.call(&engine("default", "e"), "s");
    owner.event().await;
    let draining = scripted.node.drain(Duration::from_secs(30));
    let script = scripted.script.clone();
    let talking = async {
        let Item::Draining(told) = owner.item().await else { panic!("not told") };
        assert_eq!(told.grace.expect("a time").seconds, 30);
        let create =
            proto::CreateSessionRequest { target_uri: "sip:a@192.0.2.1".into(), ..Default::default() };
        assert_eq!(reason(scripted.sessions().create_session(create).await), "DRAINING");
        let late = Engine::open(scripted.events(), open("late")).await;
        assert_eq!(reason(late.map(|_| ())), "DRAINING");
        script.tell([Output::SessionClosed { session: id("s") }]);
    };
    let (drained, ()) = soon("the drain", async { tokio::join!(draining, talking) }).await;
    assert!(drained, "the last call ended within the grace");
    assert!(!scripted.script.heard(|input| matches!(input, Input::Drain).then_some(())).is_empty());
}

#[tokio::test]
async fn a_drain_that_takes_too_long_ends_and_the_end_hangs_up_what_is_left() {
    let scripted = Scripted::start().await;
    let mut owner = Engine::attach(scripted.events(), "e").await;
    scripted.script.call(&engine("default", "e"), "s");
    owner.event().await;
    assert!(!scripted.node.drain(Duration::from_millis(20)).await);
    let node = &scripted.node;
    let (script, shutdown) = (scripted.script.clone(), node.shutdown());
    let hanging_up = async {
        let asked = || !script.heard(|input| matches!(input, Input::HangUpAll).then_some(())).is_empty();
        until("hang up", asked).await;
        script.tell([Output::SessionClosed { session: id("s") }]);
        owner.end().await
    };
    let ((), end) = soon("the end", async { tokio::join!(shutdown, hanging_up) }).await;
    assert!(end.is_ok(), "{end:?}");
    assert_eq!(node.counters().held.tasks, 0);
    assert!(std::net::TcpStream::connect(node.grpc_address()).is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_thread_that_ends_is_noticed() {
    let scripted = Scripted::start().await;
    let over = tokio::time::timeout(Duration::from_millis(20), scripted.node.ended()).await;
    assert!(over.is_err(), "it runs");
    let owner = Engine::attach(scripted.events(), "e").await;
    scripted.script.call(&engine("default", "e"), "s");
    until("the call", || scripted.node.counters().held.directory == 1).await;
    scripted.script.answer(|_, _| panic!("a fault of ours, on purpose"));
    owner.command(crate::commands::ring("s", "x")).await;
    soon("the notice", scripted.node.ended()).await;
    soon("the end", scripted.node.shutdown()).await;
}

#[tokio::test]
async fn an_end_without_clients_leaves_nothing() {
    let scripted = Scripted::start().await;
    let Scripted { node, channel, .. } = scripted;
    drop(channel);
    soon("the end", node.shutdown()).await;
    let held = node.counters().held;
    assert_eq!((held.tasks, held.api_connections), (0, 0));
    soon("a second end", node.shutdown()).await;
}

#[tokio::test]
async fn there_are_so_many_connections_and_no_more() {
    let mut with = settings();
    with.api.connections_max = 2;
    let scripted = Scripted::with(with).await;
    let _second = channel(scripted.node.grpc_address()).await;
    until("both", || scripted.node.counters().held.api_connections == 2).await;
    let list = proto::ListBridgesRequest::default();
    let third = tonic::transport::Endpoint::from_shared(format!("http://{}", scripted.node.grpc_address()))
        .expect("an address")
        .connect_lazy();
    let refused = BridgeServiceClient::new(third).list_bridges(list).await;
    assert!(refused.is_err());
    scripted.bridges().list_bridges(proto::ListBridgesRequest::default()).await.expect("the first goes on");
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused() {
    let mut with = settings();
    with.api.message_bytes_max = 1_024;
    let scripted = Scripted::with(with).await;
    let info = proto::SendInfoRequest {
        session_id: "s".into(),
        body: Some(proto::Body { content_type: "text/plain".into(), content: vec![b'x'; 2_048].into() }),
        ..Default::default()
    };
    let status = scripted.sessions().send_info(info).await.expect_err("refused");
    assert_eq!(status.code(), tonic::Code::OutOfRange);
}

#[tokio::test]
async fn what_cannot_be_started_says_why_and_leaves_nothing() {
    let scripted = Scripted::start().await;
    let nowhere = || MediaConnection::remote("127.0.0.1:1").expect("an address");
    let mut taken = settings();
    taken.grpc_listen = scripted.node.grpc_address();
    let error = signaling::start(&taken, nowhere(), false).err().expect("the address is taken");
    assert!(matches!(error, StartError::Grpc(address, _) if address == taken.grpc_listen), "{error}");
    let mut taken = settings();
    taken.listeners[0].bind = scripted.node.sip_address(0).expect("a listener");
    let error = signaling::start(&taken, nowhere(), false).err().expect("the address is taken");
    assert!(matches!(error, StartError::Listener(_)), "{error}");
    let error = signaling::start(&SignalingSettings { shards: 0, ..settings() }, nowhere(), false);
    assert_eq!(error.err().expect("no shard").to_string(), "signaling.shards: has to be 1 to 256");
}
