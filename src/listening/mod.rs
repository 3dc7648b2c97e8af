//! What the listeners of our APIs share, signaling's, media's and the operator's: accepting as many connections as there
//! may be, counting them, and how HTTP/2 is spoken on them.

mod connection;
mod counts;
mod incoming;

use std::time::Duration;

use tonic::transport::Server;

pub use connection::{Connection, ConnectionLife, GREETING_TIME_MAX};
pub use counts::{ConnectionCounts, Connections};
pub use incoming::{Incoming, PAUSE_AFTER_ERROR};

/// HTTP/2 window of a stream, bytes: so much may wait on it that is not read yet.
///
/// `h2` ends a connection on which too many small frames wait: each of fewer than 256 bytes counts for what is missing to
/// them, against half the window of the connection. The smallest message of gRPC has five bytes; a window full of them
/// counts 3.3 MB, and 1,024 unary calls beside it 0.3 MB, less than the 4 MiB that [`CONNECTION_WINDOW_BYTES`] allows.
/// So a client that keeps to its windows is held back by them and never cut off.
pub const STREAM_WINDOW_BYTES: u32 = 65_535;

/// HTTP/2 window of a connection, bytes: so much may wait on all its streams together.
pub const CONNECTION_WINDOW_BYTES: u32 = 8 << 20;

/// Calls of one connection that their client may have given up before they were looked at. One more ends the connection:
/// nobody who means his calls gives up more than so many at once.
pub const GIVEN_UP_MAX: usize = 1_024;

/// After how long a connection on which nothing comes is probed, and how long the answer may take. The first is short
/// because it is also how a stopped engine is noticed: see `signaling::engines`.
pub const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(19));

/// A gRPC server with our windows and probes, and so many streams on a connection at most.
#[must_use]
pub fn grpc_server(streams_per_connection_max: u32) -> Server {
    Server::builder()
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_max_pending_accept_reset_streams(Some(GIVEN_UP_MAX))
        .http2_keepalive_interval(Some(KEEP_ALIVE.0))
        .http2_keepalive_timeout(Some(KEEP_ALIVE.1))
        .max_concurrent_streams(streams_per_connection_max)
}
