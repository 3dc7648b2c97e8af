//! What transport is told at its start: the listeners and the bounds. Every number here has its unit in its name or
//! its words; what happens at a bound is said beside it and counted in [`Counters`](super::Counters).

use std::net::SocketAddr;
use std::time::Duration;

use crate::ground::{ListenerId, Transport};

/// One address to be reached at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its place in the configuration, which flows carry.
    pub id: ListenerId,
    /// UDP or TCP; another transport is refused by [`bind`](super::bind()).
    pub transport: Transport,
    /// The local address. Port 0 lets the system choose. An IPv6 address takes IPv6 only, never mapped IPv4: for
    /// both, configure two listeners. From a wildcard, the system chooses the source address of what is sent: a
    /// machine with several addresses has a listener for each.
    pub bind: SocketAddr,
    /// The host that Via and Contact say, when it is not the bound address: behind a NAT, or bound to a wildcard. A name or
    /// a literal address; IPv6 without brackets.
    pub advertised_host: Option<String>,
    /// The port beside it, when it is not the bound one.
    pub advertised_port: Option<u16>,
}

/// A host and port as peers are told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertised {
    /// A name or a literal address; IPv6 without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Everything transport is told at its start.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The listeners. Ids are unique.
    pub listeners: Vec<Listener>,
    /// Bounds of datagrams.
    pub udp: UdpSettings,
    /// Bounds of stream connections.
    pub stream: StreamSettings,
}

/// Bounds of datagrams.
#[derive(Clone, Debug)]
pub struct UdpSettings {
    /// Receive buffer asked of the kernel, in bytes. What was granted is logged.
    pub receive_buffer_bytes: usize,
    /// Send buffer asked of the kernel, in bytes. A datagram that finds it full is dropped and counted: the
    /// transaction sends again.
    pub send_buffer_bytes: usize,
    /// Most datagrams taken by one system call.
    pub batch_datagrams: usize,
    /// Longest datagram taken, in bytes. A longer one is dropped and counted.
    pub datagram_bytes_max: usize,
    /// Whether ICMP errors are listened to (RFC 3261 §18.4) and told to the shards.
    pub icmp_errors: bool,
}

impl Default for UdpSettings {
    fn default() -> Self {
        Self {
            receive_buffer_bytes: 4 << 20,
            send_buffer_bytes: 4 << 20,
            batch_datagrams: 32,
            datagram_bytes_max: 65_535,
            icmp_errors: true,
        }
    }
}

/// Bounds of stream connections.
#[derive(Clone, Debug)]
pub struct StreamSettings {
    /// Most connections at once, accepted and opened. Past it an accepted one is closed at once and an opening
    /// fails with [`SendError::ConnectionsFull`](super::SendError::ConnectionsFull).
    pub connections_max: usize,
    /// Most accepted connections at once from one address (IPv6: one /64), and never more than are left free of all. Past
    /// it they are closed at once.
    pub connections_per_source_max: usize,
    /// Most bytes that wait to be written on one connection. Past it a message fails with
    /// [`SendError::QueueFull`](super::SendError::QueueFull).
    pub write_queue_bytes_max: usize,
    /// A connection on which nothing came for this long is closed.
    pub idle_time_max: Duration,
    /// The same for one that has served no call: on which nothing of ours went but refusals and answers to OPTIONS.
    pub idle_without_call_time_max: Duration,
    /// An accepted connection that brought no complete message for this long is closed. Keep-alives do not count.
    pub half_open_time_max: Duration,
    /// A message not complete this long after its first byte closes its connection.
    pub message_time_max: Duration,
    /// Written bytes of which the peer took none for this long close the connection.
    pub write_stall_time_max: Duration,
    /// An opening that takes longer fails.
    pub connect_time_max: Duration,
    /// How long [`shutdown`](super::Transports::shutdown) lets connections write what they hold.
    pub drain_time_max: Duration,
    /// Connections the kernel holds before they are accepted.
    pub backlog: i32,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self {
            connections_max: 20_000,
            connections_per_source_max: 2_000,
            write_queue_bytes_max: 512 << 10,
            idle_time_max: Duration::from_secs(1_800),
            idle_without_call_time_max: Duration::from_secs(180),
            half_open_time_max: Duration::from_secs(10),
            message_time_max: Duration::from_secs(10),
            write_stall_time_max: Duration::from_secs(20),
            connect_time_max: Duration::from_secs(4),
            drain_time_max: Duration::from_secs(1),
            backlog: 1_024,
        }
    }
}
