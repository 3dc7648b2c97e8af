//! What waits to be written on one connection: bounded, in order, filled from any thread.
//!
//! When nothing waits, a message goes to the kernel at once, on the thread that sends it; the connection's task writes
//! only what the kernel did not take. A transport that must wrap what it writes (TLS, WebSocket) has no such short
//! way: its task writes everything.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::ConnectionEnd;
use crate::transport::counters::{Counters, add, count};
use crate::transport::{SendError, SendTag};

/// The writing side of one connection.
#[derive(Debug)]
pub(super) struct Outlet {
    waiting: Mutex<Waiting>,
    bytes_max: usize,
    something_waits: Notify,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Waiting {
    messages: VecDeque<Message>,
    /// Of the first message, how many bytes are written.
    written: usize,
    /// Of all messages, how many bytes are not written.
    bytes: usize,
    /// The short way, where there is one.
    socket: Option<Arc<TcpStream>>,
    ended: Option<ConnectionEnd>,
}

#[derive(Debug)]
struct Message {
    bytes: Bytes,
    /// Who is to hear if it fails; nobody for a pong.
    tag: Option<SendTag>,
}

impl Outlet {
    pub(super) fn new(bytes_max: usize, counters: Arc<Counters>) -> Self {
        Self { waiting: Mutex::default(), bytes_max, something_waits: Notify::new(), counters }
    }

    /// No code that holds the lock can panic half-way through a change, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on, what comes when nothing waits is written at once.
    pub(super) fn connect(&self, socket: Arc<TcpStream>) {
        self.lock().socket = Some(socket);
    }

    /// Writes a message, or lets it wait.
    ///
    /// # Errors
    /// When too much waits already, or the connection has ended.
    pub(super) fn offer(&self, bytes: Bytes, tag: Option<SendTag>) -> Result<(), SendError> {
        let mut waiting = self.lock();
        if let Some(end) = waiting.ended {
            return Err(SendError::ConnectionEnded(end));
        }
        if waiting.bytes + bytes.len() > self.bytes_max {
            count(&self.counters.stream_unsent_full);
            return Err(SendError::QueueFull);
        }
        let mut unwritten = bytes.len();
        if waiting.messages.is_empty() {
            // An error here is the task's to find: it reads from the same socket.
            let written =
                waiting.socket.as_ref().and_then(|socket| socket.try_write(&bytes).ok()).unwrap_or(0);
            add(&self.counters.stream_bytes_out, written as u64);
            if written == bytes.len() {
                count(&self.counters.stream_messages_out);
                return Ok(());
            }
            waiting.written = written;
            unwritten -= written;
            self.something_waits.notify_one();
        }
        waiting.bytes += unwritten;
        waiting.messages.push_back(Message { bytes, tag });
        Ok(())
    }

    /// Done when something waits that did not before.
    pub(super) async fn something_waits(&self) {
        self.something_waits.notified().await;
    }

    /// What is to be written next.
    pub(super) fn next(&self) -> Option<Bytes> {
        let waiting = self.lock();
        waiting.messages.front().map(|message| message.bytes.slice(waiting.written..))
    }

    /// So much of it was written. Returns whether more waits.
    pub(super) fn wrote(&self, bytes: usize) -> bool {
        add(&self.counters.stream_bytes_out, bytes as u64);
        let mut waiting = self.lock();
        waiting.bytes = waiting.bytes.saturating_sub(bytes);
        waiting.written += bytes;
        if waiting.messages.front().is_some_and(|first| waiting.written >= first.bytes.len()) {
            waiting.written = 0;
            waiting.messages.pop_front();
            count(&self.counters.stream_messages_out);
        }
        !waiting.messages.is_empty()
    }

    /// Nothing goes any more. Returns who is to hear that his message did not go.
    pub(super) fn end(&self, end: ConnectionEnd) -> Vec<SendTag> {
        let mut waiting = self.lock();
        waiting.ended.get_or_insert(end);
        waiting.socket = None;
        (waiting.bytes, waiting.written) = (0, 0);
        waiting.messages.drain(..).filter_map(|message| message.tag).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outlet(bytes_max: usize) -> Outlet {
        Outlet::new(bytes_max, Arc::default())
    }

    fn tag(token: u64) -> Option<SendTag> {
        Some(SendTag { shard: 0, token })
    }

    #[test]
    fn messages_wait_in_order_and_are_written_piece_by_piece() {
        let outlet = outlet(100);
        outlet.offer(Bytes::from_static(b"first"), tag(1)).unwrap();
        outlet.offer(Bytes::from_static(b"second"), tag(2)).unwrap();
        assert_eq!(outlet.next().unwrap(), "first");
        assert!(outlet.wrote(3));
        assert_eq!(outlet.next().unwrap(), "st");
        assert!(outlet.wrote(2));
        assert_eq!(outlet.next().unwrap(), "second");
        assert!(!outlet.wrote(6));
        assert_eq!(outlet.next(), None);
        assert_eq!(outlet.counters.snapshot().stream_messages_out, 2);
    }

    #[test]
    fn more_than_the_bound_is_refused_until_something_was_written() {
        let outlet = outlet(10);
        outlet.offer(Bytes::from_static(b"12345678"), tag(1)).unwrap();
        assert_eq!(outlet.offer(Bytes::from_static(b"123"), tag(2)), Err(SendError::QueueFull));
        outlet.wrote(4);
        outlet.offer(Bytes::from_static(b"123"), tag(3)).unwrap();
        assert_eq!(outlet.counters.snapshot().stream_unsent_full, 1);
    }

    #[test]
    fn the_end_names_everyone_whose_message_did_not_go_whole() {
        let outlet = outlet(100);
        for token in 1..=3 {
            outlet.offer(Bytes::from_static(b"message"), tag(token)).unwrap();
        }
        outlet.wrote(7);
        outlet.wrote(1);
        let unsent: Vec<u64> = outlet.end(ConnectionEnd::Peer).iter().map(|tag| tag.token).collect();
        assert_eq!(unsent, [2, 3]);
        let late = outlet.offer(Bytes::from_static(b"late"), tag(4));
        assert_eq!(late, Err(SendError::ConnectionEnded(ConnectionEnd::Peer)));
    }
}
