//! `callplane.media.v1` over TCP, for media that runs apart.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;

use super::StartError;
use crate::media::grpc::MediaGrpc;
use crate::proto::FILE_DESCRIPTOR_SET;
use crate::proto::media::v1::media_service_server::MediaServiceServer;

/// HTTP/2 windows of stream and connection, bytes.
const WINDOW_BYTES: u32 = 1 << 20;
/// How often a silent connection is probed, and how long the answer may take.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(10));

/// Serves the media API, health and reflection until told to stop.
pub(super) async fn start(
    address: SocketAddr,
    service: &MediaGrpc,
    stop: CancellationToken,
) -> Result<tokio::task::JoinHandle<()>, StartError> {
    let what = || format!("media.api: cannot listen on {address}");
    let listener =
        TcpListener::bind(address).await.map_err(|cause| StartError::System { what: what(), cause })?;
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<MediaServiceServer<MediaGrpc>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .build_v1()
        .map_err(|cause| StartError::System {
            what: "reflection".into(),
            cause: std::io::Error::other(cause),
        })?;
    let server = Server::builder()
        .tcp_nodelay(true)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .http2_keepalive_interval(Some(KEEP_ALIVE.0))
        .http2_keepalive_timeout(Some(KEEP_ALIVE.1))
        .add_service(health_service)
        .add_service(reflection)
        .add_service(service.server());
    tracing::info!(%address, "media API");
    let incoming = TcpListenerStream::new(listener);
    Ok(tokio::spawn(async move {
        if let Err(error) = server.serve_with_incoming_shutdown(incoming, stop.cancelled_owned()).await {
            tracing::error!("the media API ended: {error}");
        }
    }))
}
