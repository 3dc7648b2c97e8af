//! Sockets, and what lies between them and messages (RFC 3261 §18): listeners, flows, framing, connection reuse,
//! limits, look-ups.
//!
//! It stands beside the tower of pure floors: it knows [`ground`](crate::ground), and of [`sip`](crate::sip) only where
//! a message begins and ends and what its Call-ID is. It knows no transaction and no call.
//!
//! ```text
//!   UDP socket ─ recvmmsg ─ first look ─┐                          ┌─ ShardQueue 0 ─ shard
//!                                       ├─ Ingress: Dispatcher ────┤    (two lanes, news)
//!   TCP accept ─ task per connection ───┘   by hash of Call-ID     └─ ShardQueue N ─ shard
//!                 framer, clocks                                               │
//!                    ▲                                                         │
//!                    └────────────── Transports::send(tag, flow, bytes) ◄──────┘
//! ```
//!
//! [`bind`] opens the sockets, [`Bound::start`] serves them. Everything is bounded; what is dropped at a bound is in
//! [`Counters`]. UDP and TCP are served; TLS and WebSocket are refused by [`bind`].

mod bind;
mod closing;
mod counters;
mod dispatch;
mod first_look;
mod ingress;
pub mod resolve;
mod settings;
mod slab;
mod stream;
mod transports;
mod udp;

#[cfg(test)]
mod tests;

pub use bind::{BindError, Bound, bind, why_not_bound};
pub use counters::{Counters, CountersSnapshot};
pub use dispatch::{Arrival, Dispatcher, LaneBounds, ShardQueue};
pub use ingress::{Ingress, Notice, Received, Refused, SendError, SendTag};
pub use settings::{Advertised, Listener, Settings, StreamSettings, UdpSettings};
pub use stream::ConnectionEnd;
pub use transports::Transports;
pub use udp::UdpReceiver;
