//! One connection of an API: counted while it is open, closed when its client never says what it wants, and from within
//! where its client cannot be told anything.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tonic::transport::server::Connected;

use super::counts::Open;

/// How long a client may take from its connection to its greeting. Closed then, and counted.
pub const GREETING_TIME_MAX: Duration = Duration::from_secs(10);

/// Bytes of a greeting: HTTP/2's connection preface (RFC 9113 §3.4). From there on HTTP/2's own probes notice a client
/// that has gone.
const GREETING_BYTES: usize = 24;

/// A connection as others see it: whether its client lives, and the way to close it. Every request that comes by the
/// connection brings it in its extensions.
#[derive(Clone, Debug, Default)]
pub struct ConnectionLife(Arc<Life>);

#[derive(Debug, Default)]
struct Life {
    closed: AtomicBool,
    waker: AtomicWaker,
    reads: AtomicU64,
}

impl ConnectionLife {
    /// Closes the connection: for a client that reads nothing, because HTTP/2 can tell it nothing then.
    pub fn close(&self) {
        self.0.closed.store(true, Ordering::Release);
        self.0.waker.wake();
    }

    fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Acquire)
    }

    /// How often bytes came. A process that lives answers HTTP/2's probes, whatever its program does; one that is stopped
    /// does not.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.0.reads.load(Ordering::Relaxed)
    }

    /// Whether both are the same connection.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A client that has not greeted yet.
#[derive(Debug)]
struct Greeting {
    missing: usize,
    until: Pin<Box<Sleep>>,
}

/// A connection that is counted while it is open.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    life: ConnectionLife,
    greeting: Option<Greeting>,
    counted: Open,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, counted: Open) -> Self {
        let until = Box::pin(tokio::time::sleep(GREETING_TIME_MAX));
        let greeting = Some(Greeting { missing: GREETING_BYTES, until });
        Self { stream, life: ConnectionLife::default(), greeting, counted }
    }

    /// One whose protocol has a time-out of its own for what its client says first.
    #[must_use]
    pub fn without_greeting(mut self) -> Self {
        self.greeting = None;
        self
    }

    /// What ends a connection on which nothing comes just now.
    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        self.life.0.waker.register(cx.waker());
        if self.life.is_closed() {
            return Poll::Ready(io::ErrorKind::ConnectionAborted.into());
        }
        if let Some(greeting) = &mut self.greeting
            && greeting.until.as_mut().poll(cx).is_ready()
        {
            self.counted.was_silent();
            self.greeting = None;
            return Poll::Ready(io::ErrorKind::TimedOut.into());
        }
        Poll::Pending
    }

    fn came(&mut self, bytes: usize) {
        self.life.0.reads.fetch_add(1, Ordering::Relaxed);
        if let Some(greeting) = &mut self.greeting {
            greeting.missing = greeting.missing.saturating_sub(bytes);
            if greeting.missing == 0 {
                self.greeting = None;
            }
        }
    }
}

impl Connected for Connection {
    type ConnectInfo = ConnectionLife;

    fn connect_info(&self) -> ConnectionLife {
        self.life.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            Poll::Pending => self.poll_ended(cx).map(Err),
            read => {
                self.came(buf.filled().len() - before);
                read
            }
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
