//! Accepting connections of an API, as many as there may be.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::Stream;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Sleep;

use super::connection::Connection;
use super::counts::Connections;

/// How long accepting rests after the system failed at it, as for want of file descriptors: it would fail again at once.
pub const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(50);

/// What a listener accepts from. A socket; in tests whatever fails as a socket may.
trait Accept {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>>;
}

impl Accept for TcpListener {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        TcpListener::poll_accept(self, cx)
    }
}

/// The connections of a listener as they come. It never ends and never fails.
#[derive(Debug)]
pub struct Incoming(Door<TcpListener>);

#[derive(Debug)]
struct Door<L> {
    listener: L,
    connections: Connections,
    connections_max: usize,
    pause: Option<Pin<Box<Sleep>>>,
    failing: bool,
}

impl Incoming {
    /// Accepts from `listener` while fewer than `connections_max` are open; others are closed at once.
    #[must_use]
    pub fn new(listener: TcpListener, connections: Connections, connections_max: usize) -> Self {
        Self(Door::new(listener, connections, connections_max))
    }

    /// The next connection.
    pub async fn accept(&mut self) -> Connection {
        std::future::poll_fn(|cx| self.0.poll_connection(cx)).await.0
    }
}

impl<L: Accept> Door<L> {
    fn new(listener: L, connections: Connections, connections_max: usize) -> Self {
        Self { listener, connections, connections_max, pause: None, failing: false }
    }

    fn poll_connection(&mut self, cx: &mut Context<'_>) -> Poll<(Connection, SocketAddr)> {
        loop {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            match ready!(self.listener.poll_accept(cx)) {
                Ok((stream, peer)) => {
                    self.failing = false;
                    if let Some(connection) = self.welcome(stream, peer) {
                        return Poll::Ready((connection, peer));
                    }
                }
                Err(error) if is_the_peers(&error) => {}
                Err(error) => {
                    self.connections.failed();
                    if !std::mem::replace(&mut self.failing, true) {
                        tracing::warn!(%error, "cannot accept API connections");
                    }
                    self.pause = Some(Box::pin(tokio::time::sleep(PAUSE_AFTER_ERROR)));
                }
            }
        }
    }

    fn welcome(&self, stream: TcpStream, peer: SocketAddr) -> Option<Connection> {
        if self.connections.open() >= self.connections_max {
            self.connections.refused();
            tracing::warn!(%peer, "API connection refused: as many as there may be");
            return None;
        }
        // Without it small messages would wait for the peer's acknowledgement. It fails for a peer that has gone.
        stream.set_nodelay(true).ok()?;
        Some(Connection::new(stream, self.connections.accepted()))
    }
}

/// The peer gave up while it waited: its fault alone.
fn is_the_peers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}

impl Stream for Incoming {
    type Item = io::Result<Connection>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().0.poll_connection(cx).map(|(connection, _)| Some(Ok(connection)))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use rstest::rstest;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::listening::GREETING_TIME_MAX;

    /// Fails so often, then accepts from the socket.
    struct Failing(usize, TcpListener);

    impl Accept for Failing {
        fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
            if self.0 == 0 {
                return self.1.poll_accept(cx);
            }
            self.0 -= 1;
            // EMFILE: the process has as many files as it may.
            Poll::Ready(Err(io::Error::from_raw_os_error(24)))
        }
    }

    async fn socket() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        (listener, address)
    }

    #[tokio::test(start_paused = true)]
    async fn accepting_rests_when_the_system_fails_at_it_and_goes_on() {
        let (listener, address) = socket().await;
        let connections = Connections::default();
        let mut incoming = Door::new(Failing(3, listener), connections.clone(), 8);
        let _peer = std::net::TcpStream::connect(address).expect("connected");
        let began = tokio::time::Instant::now();
        let _accepted = poll_fn(|cx| incoming.poll_connection(cx)).await;
        assert_eq!(began.elapsed(), 3 * PAUSE_AFTER_ERROR);
        let counts = connections.counts();
        assert_eq!((counts.open, counts.refused, counts.accept_errors), (1, 0, 3));
    }

    #[tokio::test]
    async fn one_too_many_is_closed_at_once_and_its_place_is_free_when_another_goes() {
        let (listener, address) = socket().await;
        let connections = Connections::default();
        let mut incoming = Door::new(listener, connections.clone(), 1);
        let _first = TcpStream::connect(address).await.expect("connected");
        let first = poll_fn(|cx| incoming.poll_connection(cx)).await;
        let second = TcpStream::connect(address).await.expect("connected");
        let refused = async {
            second.readable().await.expect("an end");
            assert_eq!(second.try_read(&mut [0]).expect("an end"), 0);
        };
        tokio::select! {
            _ = poll_fn(|cx| incoming.poll_connection(cx)) => panic!("it is one too many"),
            () = refused => {}
        }
        assert_eq!((connections.open(), connections.counts().refused), (1, 1));
        drop(first);
        let _third = TcpStream::connect(address).await.expect("connected");
        let _accepted = poll_fn(|cx| incoming.poll_connection(cx)).await;
        assert_eq!(connections.open(), 1);
    }
    #[rstest]
    #[case::silence(b"", true)]
    #[case::half_a_preface(b"PRI * HTTP/2.0", true)]
    #[case::a_preface(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", false)]
    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_greet_in_time_is_closed_and_counted(
        #[case] said: &[u8],
        #[case] closed: bool,
    ) {
        let (listener, address) = socket().await;
        let connections = Connections::default();
        let mut incoming = Incoming::new(listener, connections.clone(), 8);
        let mut peer = TcpStream::connect(address).await.expect("connected");
        let mut connection = incoming.accept().await;
        peer.write_all(said).await.expect("sent");
        let read = async {
            let mut buffer = [0; 64];
            loop {
                match connection.read(&mut buffer).await {
                    Ok(_) => {}
                    Err(error) => break error.kind(),
                }
            }
        };
        let ended = tokio::time::timeout(GREETING_TIME_MAX * 3, read).await;
        assert_eq!(ended.ok(), closed.then_some(io::ErrorKind::TimedOut));
        assert_eq!(connections.counts().silent, u64::from(closed));
    }
}
