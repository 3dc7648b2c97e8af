//! One connection's task: reads and frames, writes what the kernel did not take at once, watches the clocks.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

use super::connections::Place;
use super::deadlines::Deadlines;
use super::refusal::refusal;
use super::tcp::Tcp;
use super::{ConnectionEnd, Entry};
use crate::ground::{Flow, Transport};
use crate::sip::{Frame, FrameError, StreamFramer};
use crate::transport::closing::Closing;
use crate::transport::counters::{add, count};
use crate::transport::{Ingress, Received};

/// Most bytes taken by one read.
const READ_BYTES_MAX: usize = 16 << 10;

/// The answer to a keep-alive ping (RFC 5626 §4.4.1).
const PONG: Bytes = Bytes::from_static(b"\r\n");

thread_local! {
    /// Where a read puts its bytes before the framer has them. One per thread: a connection that waits holds nothing.
    static READ: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES_MAX].into());
}

/// Serves a connection that a peer opened, to its end.
pub async fn serve_accepted(entry: Entry, stream: TcpStream, place: Place, closing: Closing) {
    let deadlines = Deadlines::accepted(Instant::now(), &entry.streams.settings);
    serve(entry, stream, deadlines, place, closing).await;
}

/// Serves a connection that we opened, to its end.
pub async fn serve_opened(entry: Entry, stream: TcpStream, place: Place, closing: Closing) {
    let deadlines = Deadlines::opened(Instant::now(), &entry.streams.settings);
    serve(entry, stream, deadlines, place, closing).await;
}

async fn serve(mut entry: Entry, stream: TcpStream, deadlines: Deadlines, place: Place, closing: Closing) {
    let stream = Arc::new(stream);
    entry.is_up = true;
    entry.connection.outlet.connect(Arc::clone(&stream));
    let framer = StreamFramer::new(entry.streams.limits.clone());
    let mut conversation = Conversation {
        flow: Flow {
            transport: Transport::Tcp,
            listener: entry.listener(),
            remote: entry.connection.remote,
            connection: Some(entry.connection.id),
        },
        entry: &entry,
        reader: Tcp(Arc::clone(&stream)),
        writer: Tcp(stream),
        framer,
        deadlines,
        delivered: false,
    };
    let end = conversation.converse(&closing).await;
    if matches!(end, ConnectionEnd::Shutdown | ConnectionEnd::Framing) {
        // Past the time, whoever sent hears that it did not go.
        let time_max = entry.streams.settings.drain_time_max;
        let _ = tokio::time::timeout(time_max, conversation.take_leave(end)).await;
    }
    drop(conversation);
    entry.end = end;
    // The socket closes, then the place is free, then everybody hears of it.
    drop(place);
}

/// A connection that is up. `R` and `W` are its two halves, with whatever lies between us and the wire.
struct Conversation<'a, R, W> {
    entry: &'a Entry,
    flow: Flow,
    reader: R,
    writer: W,
    framer: StreamFramer,
    deadlines: Deadlines,
    /// Whether any message was handed up.
    delivered: bool,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Conversation<'_, R, W> {
    /// Until one side ends it.
    async fn converse(&mut self, closing: &Closing) -> ConnectionEnd {
        let outlet = &self.entry.connection.outlet;
        let closed = closing.closed();
        let timer = tokio::time::sleep_until(self.due().0.into());
        tokio::pin!(closed, timer);
        loop {
            let to_write = outlet.next();
            if to_write.is_some() {
                self.deadlines.write_waits(Instant::now());
            }
            let due = self.due().0.into();
            if due < timer.deadline() {
                timer.as_mut().reset(due);
            }
            tokio::select! {
                () = &mut closed => return ConnectionEnd::Shutdown,
                read = read(&mut self.reader, &mut self.framer) => match read {
                    Ok(0) => return ConnectionEnd::Peer,
                    Ok(bytes) => if let Err(end) = self.hand_up(bytes) { return end },
                    Err(error) => return ConnectionEnd::Network(error.kind()),
                },
                written = write(&mut self.writer, to_write.as_ref()), if to_write.is_some() => match written {
                    Ok(bytes) => self.deadlines.wrote(Instant::now(), outlet.wrote(bytes)),
                    Err(error) => return ConnectionEnd::Network(error.kind()),
                },
                () = outlet.something_waits(), if to_write.is_none() => {}
                () = &mut timer => {
                    let (due, end) = self.due();
                    if due <= Instant::now() {
                        return end;
                    }
                    timer.as_mut().reset(due.into());
                }
            }
        }
    }

    /// When the connection ends for want of progress, and as what.
    fn due(&self) -> (Instant, ConnectionEnd) {
        self.deadlines.next(self.entry.connection.serves_calls.load(Ordering::Relaxed))
    }

    /// Hands up the messages that are whole now.
    fn hand_up(&mut self, bytes: usize) -> Result<(), ConnectionEnd> {
        let streams = &self.entry.streams;
        let at = Instant::now();
        let (mut messages, mut pinged) = (0, false);
        let outcome = loop {
            match self.framer.pull() {
                Ok(Some(Frame::Message(bytes))) => {
                    messages += 1;
                    self.deliver(bytes, at);
                }
                Ok(Some(frame)) => pinged |= frame == Frame::Ping,
                Ok(None) => break Ok(()),
                Err(error) => {
                    tracing::debug!(flow = %self.flow, %error, "not framed SIP");
                    self.refuse(&error);
                    break Err(ConnectionEnd::Framing);
                }
            }
        };
        streams.ingress.flush();
        add(&streams.counters.stream_bytes_in, bytes as u64);
        add(&streams.counters.stream_messages_in, messages as u64);
        self.deadlines.read(at, messages, self.framer.is_mid_message());
        if pinged {
            self.pong();
        }
        outcome
    }

    fn deliver(&mut self, bytes: Bytes, at: Instant) {
        self.delivered = true;
        let streams = &self.entry.streams;
        if let Err(refused) = streams.ingress.deliver(Received { bytes, flow: self.flow, at }) {
            streams.counters.refused(refused);
        }
    }

    /// The stream cannot be cut any further: refuses the request that is to blame, where one can be made out. Messages
    /// before it are whole by their own Content-Length (RFC 3261 §18.3), whatever follows them.
    fn refuse(&self, error: &FrameError) {
        if let Some(refusal) = refusal(error, &self.flow) {
            // If it does not go, the connection's end says enough.
            let _ = self.entry.connection.outlet.offer(refusal, None);
        }
    }

    /// Answers all the pings of one read at once: the peer wants to know that we are there. When the write queue is
    /// full it knows from elsewhere that we write.
    fn pong(&self) {
        if self.entry.connection.outlet.offer(PONG, None).is_ok() {
            count(&self.entry.streams.counters.pings_answered);
        }
    }

    /// Writes what waits and says that no more will come. After a framing error it also takes what the peer still
    /// sends: closed over unread bytes, a connection is reset, and the peer may lose the refusal. Where messages came
    /// before the error their answers still go, until the peer has enough.
    async fn take_leave(&mut self, end: ConnectionEnd) {
        let outlet = &self.entry.connection.outlet;
        let mut room = [0; 1_024];
        loop {
            let to_write = outlet.next();
            let answers = end == ConnectionEnd::Framing && self.delivered;
            if to_write.is_none() && !answers {
                break;
            }
            tokio::select! {
                written = write(&mut self.writer, to_write.as_ref()), if to_write.is_some() => match written {
                    Ok(written) => { outlet.wrote(written); }
                    Err(_) => return,
                },
                () = outlet.something_waits(), if to_write.is_none() => {}
                read = self.reader.read(&mut room), if answers => if !matches!(read, Ok(1..)) { return },
            }
        }
        if self.writer.shutdown().await.is_err() || end == ConnectionEnd::Shutdown {
            return;
        }
        while let Ok(1..) = self.reader.read(&mut room).await {}
    }
}

/// Reads what there is into the framer. Returns how many bytes; 0 is the stream's end.
async fn read<R: AsyncRead + Unpin>(reader: &mut R, framer: &mut StreamFramer) -> io::Result<usize> {
    poll_fn(|cx| {
        READ.with_borrow_mut(|room| {
            let mut buf = ReadBuf::new(room);
            ready!(Pin::new(&mut *reader).poll_read(cx, &mut buf))?;
            framer.push(buf.filled());
            Poll::Ready(Ok(buf.filled().len()))
        })
    })
    .await
}

/// Writes some of `bytes`; nothing to write is never done.
async fn write<W: AsyncWrite + Unpin>(writer: &mut W, bytes: Option<&Bytes>) -> io::Result<usize> {
    match bytes {
        Some(bytes) => match writer.write(bytes).await {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            outcome => outcome,
        },
        None => std::future::pending().await,
    }
}
