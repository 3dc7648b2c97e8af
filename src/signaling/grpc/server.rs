//! The server: limits, health, reflection, and the count of its connections.

use serde::Deserialize;
use tokio::net::TcpListener;
use tonic::Request;
use tonic::service::InterceptorLayer;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use super::unary::Api;
use crate::listening::{ConnectionCounts, Connections, Incoming, STREAM_WINDOW_BYTES, grpc_server};
use crate::proto::session::v1::bridge_service_server::BridgeServiceServer;
use crate::proto::session::v1::event_service_server::EventServiceServer;
use crate::proto::session::v1::playback_service_server::PlaybackServiceServer;
use crate::proto::session::v1::session_service_server::SessionServiceServer;

/// Bounds of the gRPC server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiLimits {
    /// Connections at once. One more is closed at once.
    pub connections_max: usize,
    /// Unary calls under way on one connection. More of them wait.
    pub calls_per_connection_max: usize,
    /// HTTP/2 streams of one connection. More are refused by HTTP/2 itself.
    pub streams_per_connection_max: u32,
    /// Bytes of one message from a client.
    pub message_bytes_max: usize,
}

impl Default for ApiLimits {
    fn default() -> Self {
        Self {
            connections_max: 1_024,
            calls_per_connection_max: 256,
            streams_per_connection_max: 1_024,
            message_bytes_max: 1 << 20,
        }
    }
}

/// The services by name, for health.
const SERVICES: [&str; 4] = [
    "callplane.session.v1.SessionService",
    "callplane.session.v1.EventService",
    "callplane.session.v1.BridgeService",
    "callplane.session.v1.PlaybackService",
];

/// What can be told to a server that runs, and asked of it.
#[derive(Clone)]
pub struct Serving {
    health: HealthReporter,
    connections: Connections,
}

impl Serving {
    /// Its connections.
    #[must_use]
    pub fn connections(&self) -> ConnectionCounts {
        self.connections.counts()
    }

    /// Says by the health service whether more calls are wanted.
    pub async fn set_ready(&self, ready: bool) {
        let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
        self.health.set_service_status("", status).await;
        for service in SERVICES {
            self.health.set_service_status(service, status).await;
        }
    }
}

/// Serves the API on `listener` until `shutdown` is done and every connection is closed. Returns the handle at once
/// and the server as a future, to be run on the front.
///
/// # Errors
/// When the descriptors cannot be offered for reflection: a fault of the build.
pub fn serve<F>(
    listener: TcpListener,
    api: Api,
    limits: &ApiLimits,
    shutdown: F,
) -> Result<
    (Serving, impl Future<Output = Result<(), tonic::transport::Error>> + Send + use<F>),
    ReflectionError,
>
where
    F: Future<Output = ()> + Send + 'static,
{
    let (health, health_service) = tonic_health::server::health_reporter();
    let connections = Connections::default();
    let serving = Serving { health, connections: connections.clone() };
    let descriptors = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(crate::proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            // Without it `buf curl` and the like show the details of errors as bytes.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    let bytes = limits.message_bytes_max;
    let clock = api.clone();
    let mark = move |mut request: Request<()>| {
        clock.arrived(&mut request);
        Ok(request)
    };
    let router = grpc_server(limits.streams_per_connection_max, STREAM_WINDOW_BYTES)
        .concurrency_limit_per_connection(limits.calls_per_connection_max)
        .layer(InterceptorLayer::new(mark))
        .add_service(EventServiceServer::new(api.clone()).max_decoding_message_size(bytes))
        .add_service(SessionServiceServer::new(api.clone()).max_decoding_message_size(bytes))
        .add_service(BridgeServiceServer::new(api.clone()).max_decoding_message_size(bytes))
        .add_service(PlaybackServiceServer::new(api).max_decoding_message_size(bytes))
        .add_service(health_service)
        .add_service(descriptors().build_v1().map_err(ReflectionError)?)
        .add_service(descriptors().build_v1alpha().map_err(ReflectionError)?);
    let incoming = Incoming::new(listener, connections, limits.connections_max);
    Ok((serving, router.serve_with_incoming_shutdown(incoming, shutdown)))
}

/// The compiled descriptors cannot be offered for reflection.
#[derive(Debug, thiserror::Error)]
#[error("the compiled descriptors are unusable: {0}")]
pub struct ReflectionError(#[source] tonic_reflection::server::Error);
