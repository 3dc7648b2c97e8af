//! What all tests need: a node on ports of its own, its parts, and patience with a bound.

pub mod core;
pub mod engine;
pub mod media;
pub mod sip;

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use callplane::proto::session::v1 as proto;
use callplane::proto::session::v1::bridge_service_client::BridgeServiceClient;
use callplane::proto::session::v1::event_service_client::EventServiceClient;
use callplane::proto::session::v1::playback_service_client::PlaybackServiceClient;
use callplane::proto::session::v1::session_service_client::SessionServiceClient;
use callplane::signaling::settings::{SipListener, SipTransport};
use callplane::signaling::{self, MediaConnection, SignalingNode, SignalingSettings};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use self::core::Script;
use self::media::StubMedia;

pub type PatientClient = Client<HttpConnector, tonic::body::Body>;

/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits for something that has to come.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

/// Waits until something is so that says nothing when it changes.
pub async fn until(what: &str, is_so: impl Fn() -> bool) {
    soon(what, async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

/// Settings for ports of their own and short times.
pub fn settings() -> SignalingSettings {
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut settings = SignalingSettings {
        grpc_listen: loopback,
        listeners: vec![SipListener::on(SipTransport::Udp, loopback)],
        node: "test".into(),
        ..SignalingSettings::default()
    };
    settings.engines.heartbeat_min_ms = 20;
    settings
}

/// A node whose shards are scripted and whose media is a stub.
pub struct Scripted {
    pub node: SignalingNode,
    pub script: Script,
    pub media: StubMedia,
    pub channel: Channel,
}

impl Scripted {
    pub async fn start() -> Self {
        Self::with(settings()).await
    }

    pub async fn with(settings: SignalingSettings) -> Self {
        let media = StubMedia::new(1);
        let script = Script::default();
        let connection = MediaConnection::in_process(media.server());
        let make = script.clone();
        let node = signaling::start_with(&settings, connection, false, |shard| make.shard(shard.index));
        let node = node.unwrap_or_else(|error| panic!("{error}"));
        until("media", || node.is_ready()).await;
        script.wake_by(node.sip_address(0).expect("a listener"));
        let channel = channel(node.grpc_address()).await;
        Self { node, script, media, channel }
    }

    pub fn sessions(&self) -> SessionServiceClient<Channel> {
        SessionServiceClient::new(self.channel.clone())
    }

    /// By a [patient client](patient_client).
    pub fn patient_sessions(&self) -> SessionServiceClient<PatientClient> {
        SessionServiceClient::with_origin(patient_client(), self.origin().parse().expect("a URI"))
    }

    pub fn origin(&self) -> String {
        format!("http://{}", self.node.grpc_address())
    }

    pub fn bridges(&self) -> BridgeServiceClient<Channel> {
        BridgeServiceClient::new(self.channel.clone())
    }

    pub fn playbacks(&self) -> PlaybackServiceClient<Channel> {
        PlaybackServiceClient::new(self.channel.clone())
    }

    pub fn events(&self) -> EventServiceClient<Channel> {
        EventServiceClient::new(self.channel.clone())
    }
}

/// A client that sends its deadline and has no timer of its own for it, which would race Callplane's answer.
pub fn patient_client() -> PatientClient {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).http2_only(true).build(connector)
}

/// A connection of one's own.
pub async fn channel(address: SocketAddr) -> Channel {
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}")).expect("an address");
    soon("a connection", endpoint.tcp_nodelay(true).connect()).await.expect("connected")
}

/// A command's context with only an id.
pub fn context(command_id: &str) -> Option<proto::CommandContext> {
    Some(proto::CommandContext { command_id: command_id.into(), ..Default::default() })
}

/// The context of a unary command of an engine of the default group.
pub fn engine_context(engine_id: &str) -> Option<proto::CommandContext> {
    Some(proto::CommandContext { engine_id: engine_id.into(), ..Default::default() })
}

/// What a refusal says, checked for what each has to have.
pub fn refusal(status: &Status) -> (Code, String, ErrorDetails) {
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"));
    assert_eq!(info.domain, "callplane.dev");
    assert!(!status.message().is_empty());
    (status.code(), info.reason.clone(), details)
}

/// A stream's refusal as the status that a unary call would have ended with.
pub fn as_unary(status: proto::CommandStatus) -> Status {
    let proto::CommandStatus { code, message, details } = status;
    let written = tonic_types::pb::Status { code, message: message.clone(), details };
    let details = prost::Message::encode_to_vec(&written);
    Status::with_details(Code::from(code), message, details.into())
}

/// The reason of a refusal.
pub fn reason<T: std::fmt::Debug>(result: Result<T, Status>) -> String {
    refusal(&result.expect_err("a refusal")).1
}
