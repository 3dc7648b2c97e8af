//! `callplane.media.v1` over TCP, for media that runs apart.

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::server::NamedService;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

use super::StartError;
use crate::listening::{Connections, Incoming, LONE_STREAM_WINDOW_BYTES, grpc_server};
use crate::media::grpc::MediaGrpc;
use crate::proto::FILE_DESCRIPTOR_SET;
use crate::proto::media::v1::media_service_server::MediaServiceServer;

/// Connections at once: each owner has one, and some look on. One more is closed at once.
pub(super) const CONNECTIONS_MAX: usize = 512;

/// HTTP/2 streams of one connection. More are refused by HTTP/2 itself.
const STREAMS_PER_CONNECTION_MAX: u32 = 16;

/// Says by the health service whether new endpoints are made.
pub(super) async fn set_ready(health: &HealthReporter, ready: bool) {
    let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
    for service in ["", MediaServiceServer::<MediaGrpc>::NAME] {
        health.set_service_status(service, status).await;
    }
}

/// Serves the media API, health and reflection until told to stop, on so many connections at most. What `health` says is
/// the caller's.
pub(super) async fn start(
    address: SocketAddr,
    service: &MediaGrpc,
    (connections, connections_max): (Connections, usize),
    health: &HealthReporter,
    stop: CancellationToken,
) -> Result<tokio::task::JoinHandle<()>, StartError> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(|cause| StartError::unbound("media.api", address, &cause))?;
    let health_service = HealthServer::new(HealthService::from_health_reporter(health.clone()));
    set_ready(health, true).await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .map_err(|cause| StartError::System {
            what: "reflection".into(),
            cause: std::io::Error::other(cause),
        })?;
    let server = grpc_server(STREAMS_PER_CONNECTION_MAX, LONE_STREAM_WINDOW_BYTES)
        .add_service(health_service)
        .add_service(reflection)
        .add_service(service.server());
    tracing::info!(%address, "media API");
    let incoming = Incoming::new(listener, connections, connections_max);
    Ok(tokio::spawn(async move {
        if let Err(error) = server.serve_with_incoming_shutdown(incoming, stop.cancelled_owned()).await {
            tracing::error!("the media API ended: {error}");
        }
    }))
}
