//! What the listeners of our APIs share, signaling's, media's and the operator's: accepting as many connections as there
//! may be, counting them, and how HTTP/2 is spoken on them.

mod connection;
mod counts;
mod incoming;

use std::time::Duration;

use tonic::transport::Server;

pub use connection::{Connection, ConnectionEnd};
pub use counts::{ConnectionCounts, Connections};
pub use incoming::{Incoming, PAUSE_AFTER_ERROR};

/// HTTP/2 windows of stream and connection, bytes.
pub const WINDOW_BYTES: u32 = 1 << 20;

/// How often a connection is probed, and how long the answer may take.
pub const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(10));

/// A gRPC server with our windows and probes, and so many streams on a connection at most.
#[must_use]
pub fn grpc_server(streams_per_connection_max: u32) -> Server {
    Server::builder()
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .http2_keepalive_interval(Some(KEEP_ALIVE.0))
        .http2_keepalive_timeout(Some(KEEP_ALIVE.1))
        .max_concurrent_streams(streams_per_connection_max)
}
