//! Engines that stand still, and the callers that do not notice: the real shard, SIP on loopback.

use std::time::{Duration, Instant};

use callplane::proto::session::v1 as proto;
use callplane::proto::session::v1::command::Verb;
use callplane::proto::session::v1::event::Payload;
use callplane::proto::session::v1::event_service_client::EventServiceClient;
use callplane::signaling::SignalingNode;
use tokio::runtime::Runtime;

use crate::calls::{answer, call_up, engine, start};
use crate::support::engine::{Engine, open};
use crate::support::sip::Phone;
use crate::support::{channel, context, settings, until};

fn incoming(payload: &Payload) -> Option<()> {
    matches!(payload, Payload::IncomingCall(_)).then_some(())
}

/// An engine on a runtime of its own, which can be stopped like a process.
struct Stoppable {
    engine: Engine,
    runtime: Runtime,
}

impl Stoppable {
    async fn attach(node: &SignalingNode, id: &'static str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("threads");
        let address = node.grpc_address();
        let attached = runtime.spawn(async move {
            let client = EventServiceClient::new(channel(address).await);
            Engine::attach(client, id).await
        });
        Self { engine: attached.await.expect("attached"), runtime }
    }

    /// Stops it until what is returned is dropped.
    fn stop(&self) -> std::sync::mpsc::Sender<()> {
        let (release, released) = std::sync::mpsc::channel::<()>();
        self.runtime.spawn(async move { released.recv() });
        release
    }
}

#[tokio::test]
async fn a_call_of_an_engine_that_stands_still_is_another_engines_within_seconds() {
    let node = start(settings()).await;
    let mut still = Stoppable::attach(&node, "still").await;
    let stopped = still.stop();
    let began = Instant::now();
    let phone = Phone::new(node.sip_address(0).expect("a listener"), "still@test").await;
    // It is the only one: the call is its own.
    phone.invite("echo").await;
    until("the call", || node.counters().held.sessions == 1).await;
    let mut quick = engine(&node, "quick").await;
    let (event, ()) = quick.until(incoming).await;
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    assert_eq!(event.session_revision, 1);
    let Some(Payload::IncomingCall(call)) = event.payload else { panic!() };
    assert_eq!(call.session.expect("a session").engine_id, "quick");
    // New calls do not even come to it.
    for number in 0..4 {
        let (_, _, session) = call_up(&node, &mut quick, &format!("more{number}@test")).await;
        assert!(!session.is_empty());
    }
    drop(stopped);
    let revoked = |payload: &Payload| match payload {
        Payload::SessionRevoked(revoked) => Some(revoked.clone()),
        _ => None,
    };
    let (told, revoked) = still.engine.until(revoked).await;
    assert_eq!((told.session_id.as_str(), told.session_revision), (event.session_id.as_str(), 0));
    assert_eq!(revoked.to_engine_id, "quick");
    assert_eq!(revoked.reason(), proto::session_revoked::Reason::EngineBehind);
    let late = proto::RejectSessionRequest {
        context: context("late"),
        session_id: event.session_id,
        ..Default::default()
    };
    still.engine.command(Verb::RejectSession(late)).await;
    let refused = still.engine.result().await.status.expect("a status");
    assert_eq!(refused.code, tonic::Code::PermissionDenied as i32);
    still.runtime.shutdown_background();
}

#[tokio::test]
async fn an_engine_that_acknowledges_nothing_gets_no_more_calls_while_another_takes_them() {
    let node = start(settings()).await;
    let client = EventServiceClient::new(channel(node.grpc_address()).await);
    let narrow = proto::Open { unacked_events_max: 1, ..open("full") };
    let _full = Engine::open(client, narrow).await.expect("attached");
    let mut quick = engine(&node, "quick").await;
    let began = Instant::now();
    let mut phones = Vec::new();
    for number in 0..9 {
        let phone = Phone::new(node.sip_address(0).expect("a listener"), &format!("{number}@test")).await;
        phone.invite("echo").await;
        phones.push(phone);
    }
    for _ in &phones {
        let (event, ()) = quick.until(incoming).await;
        quick.command(answer(&event.session_id)).await;
    }
    for phone in &phones {
        assert_eq!(phone.final_response().await.status(), 200);
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(node.counters().shards.calls_passed_on >= 4);
}

#[tokio::test]
async fn a_call_of_an_engine_whose_stream_breaks_is_another_engines_at_once() {
    let node = start(settings()).await;
    let first = engine(&node, "first").await;
    let mut second = engine(&node, "second").await;
    let phone = Phone::new(node.sip_address(0).expect("a listener"), "breaks@test").await;
    phone.invite("echo").await;
    until("the call", || node.counters().held.sessions == 1).await;
    drop(first);
    let (event, ()) = second.until(incoming).await;
    assert_eq!(event.session_revision, 1);
    assert_eq!(node.counters().shards.calls_passed_on, 1);
}
