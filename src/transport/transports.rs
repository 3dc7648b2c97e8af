//! The handle by which messages are sent, and the beginning and end of everything that runs here.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::runtime::Handle;

use super::bind::{BoundSocket, Place};
use super::closing::{Closer, closing};
use super::resolve::SystemResolver;
use super::stream::{self, Streams};
use super::udp::UdpSender;
use super::{
    Advertised, BindError, Bound, Counters, CountersSnapshot, Ingress, Notice, SendError, SendTag,
    UdpReceiver,
};
use crate::ground::{Flow, ListenerId, Transport};
use crate::sip::Limits;

/// Sends messages on whatever flow they name. Cheap to clone; every thread may have one.
#[derive(Clone)]
pub struct Transports(Arc<Inner>);

struct Inner {
    listeners: Vec<Served>,
    streams: Arc<Streams>,
    ingress: Arc<dyn Ingress>,
    counters: Arc<Counters>,
    closer: Mutex<Option<Closer>>,
}

/// A listener that is served.
struct Served {
    place: Place,
    /// Of a UDP listener; the others write by connection.
    udp: Option<UdpSender>,
}

impl Bound {
    /// Begins to serve. Accepting and connections are tasks on `runtime`; the receivers are returned, one per UDP
    /// listener, to be run where the caller likes.
    ///
    /// # Errors
    /// When the runtime cannot watch a socket.
    pub fn start(
        self,
        limits: Limits,
        ingress: Arc<dyn Ingress>,
        counters: Arc<Counters>,
        runtime: &Handle,
    ) -> Result<(Transports, Vec<UdpReceiver>), BindError> {
        let Self { settings, sockets } = self;
        let (closer, closing) = closing();
        let streams = Streams::new(
            settings.stream,
            limits,
            Arc::clone(&ingress),
            Arc::clone(&counters),
            runtime.clone(),
            closing.clone(),
        );
        let (mut listeners, mut receivers) = (Vec::new(), Vec::new());
        for bound in sockets {
            let place = bound.place;
            let udp = match bound.socket {
                BoundSocket::Udp(socket) => {
                    let socket = Arc::new(socket);
                    receivers.push(UdpReceiver::new(
                        place.id,
                        Arc::clone(&socket),
                        &settings.udp,
                        Arc::clone(&counters),
                        closing.clone(),
                    ));
                    Some(UdpSender::new(socket, Arc::clone(&counters)))
                }
                BoundSocket::Tcp(socket) => {
                    let _on_runtime = runtime.enter();
                    let socket =
                        tokio::net::TcpListener::from_std(socket).map_err(|error| place.failed(error))?;
                    runtime.spawn(stream::accept(Arc::clone(&streams), place.id, socket, closing.clone()));
                    None
                }
            };
            listeners.push(Served { place, udp });
        }
        let closer = Mutex::new(Some(closer));
        Ok((Transports(Arc::new(Inner { listeners, streams, ingress, counters, closer })), receivers))
    }
}

impl Place {
    fn failed(&self, error: std::io::Error) -> BindError {
        let Self { id: listener, transport, local: bind, .. } = *self;
        BindError::System { listener, bind, transport, doing: "serve", error }
    }
}

impl Transports {
    /// Sends a message and returns at once. If it cannot be sent, now or later, the shard that the tag names gets
    /// [`Notice::SendFailed`] by its queue.
    ///
    /// A flow that names a connection means that one and no other. One that names none means its peer: a connection to
    /// it is reused or opened, and the message waits for it.
    pub fn send(&self, tag: SendTag, flow: &Flow, message: Bytes) {
        self.send_or(tag, flow, None, message);
    }

    /// Sends a response: on the connection of its request, or if that is gone on one to `otherwise`, the address
    /// that RFC 3261 §18.2.2 names. On a datagram flow it is the same as [`send`](Self::send).
    pub fn send_or(&self, tag: SendTag, flow: &Flow, otherwise: Option<SocketAddr>, message: Bytes) {
        if let Err(error) = self.try_send(tag, flow, otherwise, message) {
            self.0.ingress.notify(Notice::SendFailed { tag, error });
            self.0.ingress.flush();
        }
    }

    fn try_send(
        &self,
        tag: SendTag,
        flow: &Flow,
        otherwise: Option<SocketAddr>,
        message: Bytes,
    ) -> Result<(), SendError> {
        let served = self.served(flow.listener).filter(|served| served.place.transport == flow.transport);
        let Served { place, udp } = served.ok_or(SendError::NoListener)?;
        match udp {
            Some(_) if flow.remote.is_ipv4() != place.local.is_ipv4() => Err(SendError::AddressFamily),
            Some(udp) => udp.send(flow.remote, &message),
            None => self.0.streams.send(place, tag, flow, otherwise, message),
        }
    }

    fn served(&self, listener: ListenerId) -> Option<&Served> {
        self.0.listeners.iter().find(|served| served.place.id == listener)
    }

    /// The host and port that Via and Contact of this listener say.
    #[must_use]
    pub fn advertised(&self, listener: ListenerId) -> Option<&Advertised> {
        self.served(listener).map(|served| &served.place.advertised)
    }

    /// The address a listener is bound to.
    #[must_use]
    pub fn local_address(&self, listener: ListenerId) -> Option<SocketAddr> {
        self.served(listener).map(|served| served.place.local)
    }

    /// The first listener from which this peer can be reached by this transport: of the same address family, and
    /// not bound to loopback unless the peer is there too.
    #[must_use]
    pub fn listener_for(&self, transport: Transport, peer: SocketAddr) -> Option<ListenerId> {
        let reaches = |place: &&Place| {
            place.transport == transport
                && place.local.is_ipv4() == peer.is_ipv4()
                && (!place.local.ip().is_loopback() || peer.ip().is_loopback())
        };
        self.0.listeners.iter().map(|served| &served.place).find(reaches).map(|place| place.id)
    }

    /// A resolver for one shard, whose refusals are counted here. To be used on one runtime.
    #[must_use]
    pub fn resolver(&self) -> SystemResolver {
        SystemResolver::new(Arc::clone(&self.0.counters))
    }

    /// What was counted so far.
    #[must_use]
    pub fn counters(&self) -> CountersSnapshot {
        self.0.counters.snapshot()
    }

    /// Datagrams that the kernel dropped because nobody read them in time, over all UDP listeners.
    #[must_use]
    pub fn datagrams_dropped_by_kernel(&self) -> u64 {
        self.0
            .listeners
            .iter()
            .filter_map(|served| served.udp.as_ref())
            .map(UdpSender::dropped_by_kernel)
            .sum()
    }

    /// Ends everything: no more is accepted or received, connections write what they hold and close. Done when every
    /// task is gone and every receiver has returned or was dropped; what is sent later fails. A second call returns
    /// at once.
    pub async fn shutdown(&self) {
        self.0.streams.close();
        let closer = self.0.closer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(closer) = closer {
            closer.close().await;
        }
    }
}
