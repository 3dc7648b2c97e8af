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
/// them, against half the window of the connection, 8 MiB with [`CONNECTION_WINDOW_BYTES`]. The smallest message of gRPC
/// has five bytes; a window full of them counts 0.8 MB, one full of the shortest commands, of some twenty bytes, 0.2 MB,
/// and 1,024 unary calls beside them 0.3 MB. So engines that share a connection are held back by their windows and never
/// cut off, nine of them whatever they send, forty that send commands.
pub const STREAM_WINDOW_BYTES: u32 = 16 << 10;

/// The same where a connection has one stream that matters, and long messages: media's API. Two of them full of the
/// smallest messages count 6.6 MB.
pub const LONE_STREAM_WINDOW_BYTES: u32 = 65_535;

/// HTTP/2 window of a connection, bytes: so much may wait on all its streams together, which is what 1,024 of them hold.
pub const CONNECTION_WINDOW_BYTES: u32 = 16 << 20;

/// Calls of one connection that their client may have given up before they were looked at. One more ends the connection:
/// nobody who means his calls gives up more than so many at once.
pub const GIVEN_UP_MAX: usize = 1_024;

/// After how long a connection on which nothing comes is probed, and how long the answer may take. The first is short
/// because it is also how a stopped engine is noticed: see `signaling::engines`.
pub const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(19));

/// A gRPC server with our probes, so many streams on a connection at most, and this window for each of them.
#[must_use]
pub fn grpc_server(streams_per_connection_max: u32, stream_window_bytes: u32) -> Server {
    Server::builder()
        .initial_stream_window_size(stream_window_bytes)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_max_pending_accept_reset_streams(Some(GIVEN_UP_MAX))
        .http2_keepalive_interval(Some(KEEP_ALIVE.0))
        .http2_keepalive_timeout(Some(KEEP_ALIVE.1))
        .max_concurrent_streams(streams_per_connection_max)
}
