//! What transport hands up, and to whom: messages by [`Ingress::deliver`], news by [`Ingress::notify`].
//!
//! Whoever implements [`Ingress`] never blocks: it takes or refuses. [`Dispatcher`](super::Dispatcher) is the one
//! that stands before the shards.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::ConnectionEnd;
use crate::ground::{ConnectionId, Flow, ListenerId};

/// One message as it came, whole and unparsed.
#[derive(Clone, Debug)]
pub struct Received {
    /// The message. It shares a buffer of a few messages with its neighbours: what outlives a transaction copies.
    pub bytes: Bytes,
    /// Where it came from, and where its response goes.
    pub flow: Flow,
    /// When its batch was read, so that the shard can tell how long it waited in the queue.
    pub at: Instant,
}

/// Who asked for a message to be sent: failures go back there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SendTag {
    /// The shard, counted from 0.
    pub shard: u16,
    /// The shard's own token. Transport never reads it.
    pub token: u64,
}

/// News for the shards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A stream connection ended; for every shard. Nothing more will come from it or go to it.
    FlowDown {
        /// The connection.
        connection: ConnectionId,
        /// Its listener.
        listener: ListenerId,
        /// Its peer.
        remote: SocketAddr,
        /// Why it ended.
        end: ConnectionEnd,
    },
    /// A message could not be sent; for the shard that asked.
    SendFailed {
        /// As given with the send.
        tag: SendTag,
        /// Why.
        error: SendError,
    },
    /// The network said that datagrams to this peer do not arrive (RFC 3261 §18.4); for every shard.
    Unreachable {
        /// The listener from whose socket they were sent.
        listener: ListenerId,
        /// The peer.
        remote: SocketAddr,
        /// What ICMP said: refused, host or network unreachable. A time exceeded on the way, and a datagram too large for
        /// a link, are no such thing.
        error: io::ErrorKind,
    },
}

/// Why a message was not sent. The text says whose fault it is: ours, the peer's, the network's, or a bound's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The flow names a listener that is not configured, or one of another transport.
    #[error("local: no such listener for this transport")]
    NoListener,
    /// The peer's address is IPv4 and the listener's IPv6, or the reverse.
    #[error("local: the listener does not speak the peer's address family")]
    AddressFamily,
    /// More than a datagram holds.
    #[error("local: too large for a datagram")]
    TooLarge,
    /// More than the connection's write queue holds: the peer does not read.
    #[error("resource: the connection's write queue is full")]
    QueueFull,
    /// As many connections as there may be.
    #[error("resource: no more connections are allowed")]
    ConnectionsFull,
    /// The flow names a connection that ended, and no other address was given.
    #[error("network: the connection is gone")]
    FlowGone,
    /// The connection ended with the message still unwritten, in whole or in part.
    #[error("network: the connection ended first: {0}")]
    ConnectionEnded(ConnectionEnd),
    /// The opening of a connection failed.
    #[error("network: cannot connect: {0}")]
    Connect(io::ErrorKind),
    /// The opening of a connection took too long.
    #[error("network: the peer did not take the connection in time")]
    ConnectTime,
    /// The system refused the datagram.
    #[error("network: {0}")]
    Io(io::ErrorKind),
    /// Transport is closing.
    #[error("local: shutting down")]
    ShuttingDown,
}

/// Why a message was not taken. Whoever delivered it counts it and lets it go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A new request, and no room for one.
    #[error("no room for new requests")]
    NewRequest,
    /// Something of an ongoing call, and no room even for that.
    #[error("no room for messages of ongoing calls")]
    Ongoing,
    /// Nobody takes messages any more.
    #[error("closed")]
    Closed,
}

/// Takes what transport hands up. No method blocks.
pub trait Ingress: Send + Sync {
    /// Takes one message.
    ///
    /// # Errors
    /// When a bound is reached or nobody takes messages any more.
    fn deliver(&self, message: Received) -> Result<(), Refused>;

    /// Takes a piece of news. What happens to it at a bound is the taker's to decide and count.
    fn notify(&self, notice: Notice);

    /// Says that a batch is over: whoever sleeps and has something now is to be woken.
    fn flush(&self) {}
}

impl<I: Ingress + ?Sized> Ingress for Arc<I> {
    fn deliver(&self, message: Received) -> Result<(), Refused> {
        (**self).deliver(message)
    }

    fn notify(&self, notice: Notice) {
        (**self).notify(notice);
    }

    fn flush(&self) {
        (**self).flush();
    }
}
