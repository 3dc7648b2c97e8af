//! Transport on real loopback sockets. Nothing here sleeps to be right: a test waits for what it expects, and gives up
//! after [`PATIENCE`].

mod dispatch;
mod stream;
mod stream_limits;
mod udp;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::*;
use crate::ground::{ConnectionId, Flow, ListenerId, Transport};
use crate::sip::Limits;

/// How long a test waits for what it expects before it fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// A request as a phone sends it, with a body of `body` bytes.
fn request(method: &str, call_id: &str, body: usize) -> Bytes {
    let text = format!(
        "{method} sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/TCP a.example.com;branch=z9hG4bK{call_id}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=1\r\nTo: <sip:bob@example.com>\r\n\
         Call-ID: {call_id}\r\nCSeq: 1 {method}\r\nContent-Length: {body}\r\n\r\n"
    );
    [text.into_bytes(), vec![b'x'; body]].concat().into()
}

/// An [`Ingress`] that keeps everything for the test to look at.
struct Inbox {
    to: mpsc::UnboundedSender<Arrival>,
    refuses: AtomicBool,
}

impl Ingress for Inbox {
    fn deliver(&self, message: Received) -> Result<(), Refused> {
        if self.refuses.load(Ordering::Relaxed) {
            return Err(Refused::NewRequest);
        }
        self.to.send(Arrival::Message(message)).map_err(|_| Refused::Closed)
    }

    fn notify(&self, notice: Notice) {
        let _ = self.to.send(Arrival::Notice(notice));
    }
}

/// Transport with one listener of each kind, as a test needs it.
struct Rig {
    transports: Transports,
    inbox: Arc<Inbox>,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
}

const UDP: ListenerId = ListenerId(0);
const TCP: ListenerId = ListenerId(1);

impl Rig {
    /// On IPv4 loopback, with settings changed by `change`.
    fn new(change: impl FnOnce(&mut Settings)) -> Self {
        Self::on("127.0.0.1:0", Limits::default(), change)
    }

    /// On an address with port 0, with these limits.
    fn on(address: &str, limits: Limits, change: impl FnOnce(&mut Settings)) -> Self {
        let listener = |id, transport| Listener {
            id,
            transport,
            bind: address.parse().unwrap(),
            advertised_host: None,
            advertised_port: None,
        };
        let listeners = vec![listener(UDP, Transport::Udp), listener(TCP, Transport::Tcp)];
        let mut settings = Settings { listeners, ..Settings::default() };
        change(&mut settings);
        let (to, arrivals) = mpsc::unbounded_channel();
        let inbox = Arc::new(Inbox { to, refuses: AtomicBool::new(false) });
        let runtime = tokio::runtime::Handle::current();
        let bound = bind(settings).unwrap();
        let (transports, receivers) =
            bound.start(limits, Arc::clone(&inbox) as Arc<dyn Ingress>, Arc::default(), &runtime).unwrap();
        for receiver in receivers {
            tokio::spawn(receiver.run(Arc::clone(&inbox)));
        }
        Self { transports, inbox, arrivals }
    }

    fn address(&self, listener: ListenerId) -> SocketAddr {
        self.transports.local_address(listener).unwrap()
    }

    async fn arrival(&mut self) -> Arrival {
        patiently(self.arrivals.recv()).await.unwrap()
    }

    async fn message(&mut self) -> Received {
        match self.arrival().await {
            Arrival::Message(message) | Arrival::Overdue(message) => message,
            Arrival::Notice(notice) => panic!("expected a message, got {notice:?}"),
        }
    }

    async fn notice(&mut self) -> Notice {
        match self.arrival().await {
            Arrival::Notice(notice) => notice,
            Arrival::Message(message) | Arrival::Overdue(message) => panic!("expected news, got {message:?}"),
        }
    }

    /// The next piece of news, which has to be a connection's end.
    async fn flow_down(&mut self) -> (ConnectionId, ConnectionEnd) {
        match self.notice().await {
            Notice::FlowDown { connection, end, .. } => (connection, end),
            other => panic!("expected a connection's end, got {other:?}"),
        }
    }

    /// The next piece of news, which has to be a failed send.
    async fn send_failed(&mut self) -> (u64, SendError) {
        match self.notice().await {
            Notice::SendFailed { tag, error } => (tag.token, error),
            other => panic!("expected a failed send, got {other:?}"),
        }
    }

    /// Sends with the token of the same number.
    fn send(&self, token: u64, flow: &Flow, message: Bytes) {
        self.transports.send(SendTag { shard: 0, token }, flow, message);
    }

    /// Waits until the counters say so.
    async fn counted(&self, says: impl Fn(&CountersSnapshot) -> bool) {
        let counting = async {
            while !says(&self.transports.counters()) {
                tokio::task::yield_now().await;
            }
        };
        let outcome = tokio::time::timeout(PATIENCE, counting).await;
        assert!(outcome.is_ok(), "counted {:#?}", self.transports.counters());
    }
}

/// Waits, but not for ever.
async fn patiently<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("what the test waits for should have happened")
}

/// A flow without a connection.
fn to_peer(listener: ListenerId, transport: Transport, remote: SocketAddr) -> Flow {
    Flow { transport, listener, remote, connection: None }
}
