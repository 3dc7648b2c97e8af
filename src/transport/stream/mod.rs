//! Stream connections (RFC 3261 §18): accepting, opening, reusing, framing, ending.
//!
//! Every connection is one task ([`task`]) and one entry that any thread can send by ([`connections`]). TLS and
//! WebSocket differ from TCP in what wraps the bytes: the task is generic over its reading and writing halves.

mod accept;
mod connections;
mod deadlines;
mod open;
mod outlet;
mod refusal;
mod task;
mod tcp;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::runtime::Handle;

use super::bind::Place;
use super::closing::Closing;
use super::counters::Counters;
use super::{Ingress, Notice, SendError, SendTag, StreamSettings};
use crate::ground::{Flow, ListenerId};
use crate::sip::Limits;

use connections::{Connection, Connections};
use outlet::Outlet;

pub(super) use accept::accept;

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionEnd {
    /// The peer closed it.
    #[error("the peer closed it")]
    Peer,
    /// Nothing came for a long time.
    #[error("nothing came for a long time")]
    Idle,
    /// Accepted, and no whole message came.
    #[error("no whole message came after it was accepted")]
    HalfOpen,
    /// A message did not become whole in time.
    #[error("a message did not become whole in time")]
    SlowMessage,
    /// The peer takes nothing of what is written.
    #[error("the peer does not read")]
    WriteStalled,
    /// What came is not framed as SIP is, or is over a limit.
    #[error("what came is not framed SIP, or is too large")]
    Framing,
    /// The network broke it.
    #[error("the network broke it: {0}")]
    Network(io::ErrorKind),
    /// We are closing.
    #[error("shut down")]
    Shutdown,
}

/// All stream connections, with what their tasks share.
pub(super) struct Streams {
    connections: Connections,
    settings: StreamSettings,
    limits: Limits,
    ingress: Arc<dyn Ingress>,
    counters: Arc<Counters>,
    runtime: Handle,
    /// Cloned into every task; gone once closing.
    closing: Mutex<Option<Closing>>,
}

impl Streams {
    pub(super) fn new(
        settings: StreamSettings,
        limits: Limits,
        ingress: Arc<dyn Ingress>,
        counters: Arc<Counters>,
        runtime: Handle,
        closing: Closing,
    ) -> Arc<Self> {
        let closing = Mutex::new(Some(closing));
        Arc::new(Self {
            connections: Connections::default(),
            settings,
            limits,
            ingress,
            counters,
            runtime,
            closing,
        })
    }

    /// No new connection from now on.
    pub(super) fn close(&self) {
        self.closing.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn closing(&self) -> Result<Closing, SendError> {
        let closing = self.closing.lock().unwrap_or_else(PoisonError::into_inner);
        closing.clone().ok_or(SendError::ShuttingDown)
    }

    fn outlet(&self) -> Outlet {
        Outlet::new(self.settings.write_queue_bytes_max, Arc::clone(&self.counters))
    }

    /// Sends on the connection that the flow names; without one, to the peer that it names.
    ///
    /// A flow that names a connection means that one and no other. When it is gone, the message goes to `otherwise`:
    /// for a response that is what RFC 3261 §18.2.2 says.
    pub(super) fn send(
        self: &Arc<Self>,
        place: &Place,
        tag: SendTag,
        flow: &Flow,
        otherwise: Option<SocketAddr>,
        bytes: Bytes,
    ) -> Result<(), SendError> {
        let Some(id) = flow.connection else { return self.send_to(place, tag, flow.remote, bytes) };
        if let Some(connection) = self.connections.by_id(id) {
            match connection.offer(bytes.clone(), Some(tag)) {
                Err(SendError::ConnectionEnded(_)) => {}
                outcome => return outcome,
            }
        }
        match otherwise {
            Some(remote) => self.send_to(place, tag, remote, bytes),
            None => Err(SendError::FlowGone),
        }
    }

    /// Sends on any connection to this peer; without one, opens one.
    fn send_to(
        self: &Arc<Self>,
        place: &Place,
        tag: SendTag,
        remote: SocketAddr,
        bytes: Bytes,
    ) -> Result<(), SendError> {
        if let Some(connection) = self.connections.by_peer(place.id, remote) {
            match connection.offer(bytes.clone(), Some(tag)) {
                // It ended just now, so it is struck out: another one takes its place.
                Err(SendError::ConnectionEnded(_)) => {}
                outcome => return outcome,
            }
        }
        if remote.is_ipv4() != place.local.is_ipv4() {
            return Err(SendError::AddressFamily);
        }
        let closing = self.closing()?;
        let room = self
            .connections
            .take_place(None, &self.settings, &self.counters)
            .map_err(|_| SendError::ConnectionsFull)?;
        let (connection, new) = self.connections.find_or_enter(place.id, remote, || self.outlet());
        let outcome = connection.offer(bytes, Some(tag));
        if new {
            let entry = Entry::new(Arc::clone(self), connection);
            self.runtime.spawn(open::open(entry, place.local.ip(), room, closing));
        }
        outcome
    }
}

/// A connection's place among the others, kept by its task. Dropped, however the task ends, it strikes the connection
/// out, tells whoever had something to send on it, and, if it ever was up, every shard.
struct Entry {
    streams: Arc<Streams>,
    connection: Arc<Connection>,
    is_up: bool,
    end: ConnectionEnd,
    /// What senders are told, if not that the connection ended.
    failure: Option<SendError>,
}

impl Entry {
    fn new(streams: Arc<Streams>, connection: Arc<Connection>) -> Self {
        let end = ConnectionEnd::Network(io::ErrorKind::Other);
        Self { streams, connection, is_up: false, end, failure: None }
    }

    fn listener(&self) -> ListenerId {
        self.connection.listener
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let Self { streams, connection, is_up, end, failure } = self;
        streams.connections.strike_out(connection);
        let error = failure.unwrap_or(SendError::ConnectionEnded(*end));
        for tag in connection.outlet.end(*end) {
            streams.ingress.notify(Notice::SendFailed { tag, error });
        }
        if *is_up {
            tracing::debug!(connection = connection.id.0, remote = %connection.remote, %end, "connection ended");
            streams.counters.ended(*end);
            streams.ingress.notify(Notice::FlowDown {
                connection: connection.id,
                listener: connection.listener,
                remote: connection.remote,
                end: *end,
            });
        }
        streams.ingress.flush();
    }
}
