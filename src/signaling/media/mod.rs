//! The media service as signaling sees it: one stream of `callplane.media.v1`, shared by all shards.
//!
//! ```text
//!   shard ─ ask ─┐                                            ┌─ reply ─▶ the shard that asked
//!   shard ─ ask ─┼─▶ outgoing ─ one ControlRequest ─▶ media ──┤
//!   bridges ─────┘   (bounded)  for all that waits            └─ event ─▶ the shard of the session
//! ```
//!
//! One stream, because replies and events of an endpoint have to come in one order and a bridge may join sessions of
//! several shards. In one process it is the service itself that is called, without a socket.
//!
//! When the stream breaks, whatever waits is answered with `Unavailable`, and so is what is asked until it is back. It
//! is opened again with back-off; the first thing on it names what is still wanted, so that nothing is left behind.
//! What media is to let go of is kept until it has answered for it, see `release`.
//! Another incarnation of the node, none for [`AWAY_TIME_MAX`], or one that says that it ends, means that all endpoints
//! are lost. A node whose workers do not answer for [`HEARTBEAT_TIME_MAX`] counts as away, though it is connected.

mod connect;
mod link;
mod pending;
mod release;
mod reply;
mod request;
mod stream;

pub use connect::{BadMediaAddress, ControlRequests, ControlResponses, MediaConnection};
pub use link::{AWAY_TIME_MAX, EVENTS_PER_ACKNOWLEDGEMENT, HEARTBEAT_EVERY, HEARTBEAT_TIME_MAX, MediaLink};

pub use pending::MEDIA_REQUESTS_MAX;
pub use release::RELEASES_ASKED_MAX;
