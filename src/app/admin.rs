//! The operator's endpoint over HTTP: whether the process lives, whether it takes calls, and every gauge of it.
//!
//! ```text
//!   GET /health    200 while the process lives
//!   GET /ready     200 while new calls are taken, 503 while draining and while media is away
//!   GET /counters  JSON: how much of everything there is now; zero where no call is left
//! ```
//!
//! It is bound last: before that nobody answers. Whoever asks is heard, whatever else hangs on the endpoint: a request
//! has to be there in time, and past the bound the connection that has been open for longest makes room.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::listening::{Connection, Connections, Incoming};

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

/// Connections at once. For one more the one that has been open for longest is closed.
const CONNECTIONS_MAX: usize = 64;

/// How long a request's head may take, from the connection or from the request before. The connection is closed then.
const HEAD_TIME_MAX: Duration = Duration::from_secs(5);

/// Serves until told to stop, and until what is asked by then is answered.
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
    let mut incoming = Incoming::new(listener, connections.clone(), usize::MAX);
    let mut open = OpenConnections::default();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            connection = incoming.accept() => {
                if open.make_room() {
                    connections.displaced();
                }
                open.add(converse(connection.without_greeting(), router.clone(), stop.clone()));
            }
            Some(_) = open.tasks.join_next() => {}
        }
    }
    drop(incoming);
    while open.tasks.join_next().await.is_some() {}
}

/// The connections, the oldest first.
#[derive(Default)]
struct OpenConnections {
    tasks: JoinSet<()>,
    by_age: VecDeque<AbortHandle>,
}

impl OpenConnections {
    /// Closes the oldest where there are as many as there may be; whether one was closed.
    fn make_room(&mut self) -> bool {
        self.by_age.retain(|task| !task.is_finished());
        if self.by_age.len() < CONNECTIONS_MAX {
            return false;
        }
        if let Some(oldest) = self.by_age.pop_front() {
            oldest.abort();
        }
        true
    }

    fn add(&mut self, conversation: impl Future<Output = ()> + Send + 'static) {
        self.by_age.push_back(self.tasks.spawn(conversation));
    }
}

/// Answers on one connection until its client is done, or is silent.
async fn converse(connection: Connection, router: Router, stop: CancellationToken) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME_MAX);
    let served = http.serve_connection(TokioIo::new(connection), TowerToHyperService::new(router));
    let mut served = std::pin::pin!(served);
    let ended = tokio::select! {
        ended = &mut served => ended,
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an operator's connection ended");
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

#[cfg(test)]
mod tests;
