//! One connection of an API: counted while it is open, and closed from within where its client cannot be told anything.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tonic::transport::server::Connected;

use super::counts::Open;

/// The end of a connection from within: for a client that reads nothing, because HTTP/2 can tell it nothing then. Every
/// request that comes by the connection brings it in its extensions.
#[derive(Clone, Debug, Default)]
pub struct ConnectionEnd(Arc<(AtomicBool, AtomicWaker)>);

impl ConnectionEnd {
    /// Closes the connection.
    pub fn close(&self) {
        self.0.0.store(true, Ordering::Release);
        self.0.1.wake();
    }

    fn is_closed(&self) -> bool {
        self.0.0.load(Ordering::Acquire)
    }
}

/// A connection that is counted while it is open.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    end: ConnectionEnd,
    _counted: Open,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, counted: Open) -> Self {
        Self { stream, end: ConnectionEnd::default(), _counted: counted }
    }
}

impl Connected for Connection {
    type ConnectInfo = ConnectionEnd;

    fn connect_info(&self) -> ConnectionEnd {
        self.end.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if read.is_pending() {
            self.end.0.1.register(cx.waker());
            if self.end.is_closed() {
                return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
            }
        }
        read
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
