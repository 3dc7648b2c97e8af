//! The operator's endpoint over HTTP: whether the process lives, whether it takes calls, and every gauge of it.
//!
//! ```text
//!   GET /health    200 while the process lives
//!   GET /ready     200 while new calls are taken, 503 while draining and while media is away
//!   GET /counters  JSON: how much of everything there is now; zero where no call is left
//! ```
//!
//! It is bound last: before that nobody answers.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::listening::{Connections, Incoming};

/// What the endpoint can look into.
pub trait Overview: Send + Sync + 'static {
    /// Whether new calls are taken.
    fn ready(&self) -> bool;
    /// How much of everything there is.
    fn counters(&self) -> serde_json::Value;
}

/// Binds the endpoint.
///
/// # Errors
/// When the address cannot be bound.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Connections at once. One more is closed at once.
const CONNECTIONS_MAX: usize = 64;

/// Serves until told to stop.
pub async fn serve(
    listener: TcpListener,
    connections: Connections,
    overview: Arc<dyn Overview>,
    stop: CancellationToken,
) {
    let router = Router::new()
        .route("/health", get(|| async { "alive\n" }))
        .route("/ready", get(ready))
        .route("/counters", get(counters))
        .with_state(overview);
    let incoming = Incoming::new(listener, connections, CONNECTIONS_MAX);
    let server = axum::serve(incoming, router).with_graceful_shutdown(stop.cancelled_owned());
    if let Err(error) = server.await {
        tracing::error!("the admin endpoint ended: {error}");
    }
}

async fn ready(State(overview): State<Arc<dyn Overview>>) -> (StatusCode, &'static str) {
    if overview.ready() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}

async fn counters(State(overview): State<Arc<dyn Overview>>) -> Json<serde_json::Value> {
    Json(overview.counters())
}

/// How many file descriptors the process has; 0 where it cannot be told.
#[must_use]
pub fn file_descriptors() -> usize {
    // The listing itself holds one.
    std::fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count().saturating_sub(1))
}
