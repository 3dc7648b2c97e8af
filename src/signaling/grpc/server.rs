//! The server: limits, health, reflection, and the count of its connections.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use futures_util::task::AtomicWaker;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tonic::Request;
use tonic::service::InterceptorLayer;
use tonic::transport::server::Connected;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use super::unary::Api;
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

/// HTTP/2 windows of stream and connection, bytes.
const WINDOW_BYTES: u32 = 1 << 20;

/// How often a connection is probed, and how long the answer may take.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(10));

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
    connections: Arc<AtomicUsize>,
}

impl Serving {
    /// Connections that are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
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
    let connections = Arc::<AtomicUsize>::default();
    let serving = Serving { health, connections: Arc::clone(&connections) };
    let descriptors = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(crate::proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let bytes = limits.message_bytes_max;
    let clock = api.clone();
    let mark = move |mut request: Request<()>| {
        clock.arrived(&mut request);
        Ok(request)
    };
    let router = tonic::transport::Server::builder()
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .http2_keepalive_interval(Some(KEEP_ALIVE.0))
        .http2_keepalive_timeout(Some(KEEP_ALIVE.1))
        .max_concurrent_streams(limits.streams_per_connection_max)
        .concurrency_limit_per_connection(limits.calls_per_connection_max)
        .layer(InterceptorLayer::new(mark))
        .add_service(EventServiceServer::new(api.clone()).max_decoding_message_size(bytes))
        .add_service(SessionServiceServer::new(api.clone()).max_decoding_message_size(bytes))
        .add_service(BridgeServiceServer::new(api.clone()).max_decoding_message_size(bytes))
        .add_service(PlaybackServiceServer::new(api).max_decoding_message_size(bytes))
        .add_service(health_service)
        .add_service(descriptors().build_v1().map_err(ReflectionError)?)
        .add_service(descriptors().build_v1alpha().map_err(ReflectionError)?);
    let incoming = Incoming { listener, connections, connections_max: limits.connections_max };
    Ok((serving, router.serve_with_incoming_shutdown(incoming, shutdown)))
}

/// The compiled descriptors cannot be offered for reflection.
#[derive(Debug, thiserror::Error)]
#[error("the compiled descriptors are unusable: {0}")]
pub struct ReflectionError(#[source] tonic_reflection::server::Error);

/// Accepts connections, as many as there may be.
struct Incoming {
    listener: TcpListener,
    connections: Arc<AtomicUsize>,
    connections_max: usize,
}

impl Stream for Incoming {
    type Item = io::Result<Connection>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let (stream, peer) = match self.listener.poll_accept(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(accepted)) => accepted,
                Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error))),
            };
            if self.connections.load(Ordering::Relaxed) >= self.connections_max {
                tracing::warn!(%peer, "API connection refused: as many as there may be");
                continue;
            }
            // Without it small messages would wait for the peer's acknowledgement.
            if let Err(error) = stream.set_nodelay(true) {
                return Poll::Ready(Some(Err(error)));
            }
            self.connections.fetch_add(1, Ordering::Relaxed);
            let counted = Counted(Arc::clone(&self.connections));
            let end = ConnectionEnd::default();
            return Poll::Ready(Some(Ok(Connection { stream, end, _counted: counted })));
        }
    }
}

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The end of a connection from within: for a client that reads nothing, because HTTP/2 can tell it nothing then. Every
/// request that comes by the connection brings it in its extensions.
#[derive(Clone, Debug, Default)]
pub(super) struct ConnectionEnd(Arc<(AtomicBool, AtomicWaker)>);

impl ConnectionEnd {
    /// Closes the connection.
    pub fn close(&self) {
        self.0.0.store(true, Ordering::Release);
        self.0.1.wake();
    }

    fn is_closed(&self) -> bool {
        self.0.0.load(Ordering::Acquire)
    }
}

/// A connection that is counted while it is open.
struct Connection {
    stream: TcpStream,
    end: ConnectionEnd,
    _counted: Counted,
}

impl Connected for Connection {
    type ConnectInfo = ConnectionEnd;

    fn connect_info(&self) -> ConnectionEnd {
        self.end.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if read.is_pending() {
            self.end.0.1.register(cx.waker());
            if self.end.is_closed() {
                return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
            }
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
