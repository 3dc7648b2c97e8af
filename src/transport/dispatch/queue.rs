//! One shard's queue: two lanes of messages and one of news, all bounded, many senders, one reader.
//!
//! Delivering is a lock-free push and wakes nobody; a batch's end wakes the shard once, and only if it sleeps. A shard
//! that shares its thread with the receiver is running when the receiver is not, so it is woken by the executor's own
//! run queue without a system call.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::task::{Context, Poll};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use futures_util::task::AtomicWaker;

use crate::transport::{Notice, Received, Refused};

/// Room in the lanes of one shard's queue, in entries of about 100 bytes each, all reserved at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneBounds {
    /// Messages of ongoing calls. When full, more of them are dropped and counted by themselves.
    pub ongoing: usize,
    /// New requests. When full, more of them are dropped and counted, those from streams too: waiting longer would
    /// outlast their senders' patience, and not reading a stream would hold up the calls on it.
    pub new_requests: usize,
    /// News of connections and failed sends. When full, more is lost and counted; timers cover for it.
    pub notices: usize,
}

impl Default for LaneBounds {
    fn default() -> Self {
        Self { ongoing: 8_192, new_requests: 2_048, notices: 8_192 }
    }
}

/// A lane for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    Ongoing,
    NewRequests,
}

/// What a shard takes from its queue.
#[derive(Clone, Debug)]
pub enum Arrival {
    /// A message.
    Message(Received),
    /// News.
    Notice(Notice),
}

/// Whether the shard sleeps, and how to wake it.
#[derive(Debug, Default)]
struct Sleep {
    asleep: AtomicBool,
    closed: AtomicBool,
    waker: AtomicWaker,
}

/// The writing end.
#[derive(Debug)]
pub(super) struct ShardSender {
    ongoing: Sender<Received>,
    new_requests: Sender<Received>,
    notices: Sender<Notice>,
    sleep: Arc<Sleep>,
}

/// The reading end, owned by the shard's driver.
///
/// Read it from a spawned task. The future that `block_on` itself runs can be woken by a system call only, also from
/// its own thread.
#[derive(Debug)]
pub struct ShardQueue {
    ongoing: Receiver<Received>,
    new_requests: Receiver<Received>,
    notices: Receiver<Notice>,
    sleep: Arc<Sleep>,
}

/// Of every batch, new requests get one place in this many before messages of ongoing calls fill the rest: else a
/// flood of forged BYEs would keep every new call out.
const NEW_REQUEST_SHARE: usize = 8;

/// A queue.
pub(super) fn shard_queue(bounds: &LaneBounds) -> (ShardSender, ShardQueue) {
    let (ongoing_in, ongoing) = bounded(bounds.ongoing.max(1));
    let (new_requests_in, new_requests) = bounded(bounds.new_requests.max(1));
    let (notices_in, notices) = bounded(bounds.notices.max(1));
    let sleep = Arc::<Sleep>::default();
    let sender = ShardSender {
        ongoing: ongoing_in,
        new_requests: new_requests_in,
        notices: notices_in,
        sleep: Arc::clone(&sleep),
    };
    (sender, ShardQueue { ongoing, new_requests, notices, sleep })
}

impl ShardSender {
    /// Puts a message into a lane. Wakes nobody.
    pub(super) fn deliver(&self, message: Received, lane: Lane) -> Result<(), Refused> {
        let (to, full) = match lane {
            Lane::Ongoing => (&self.ongoing, Refused::Ongoing),
            Lane::NewRequests => (&self.new_requests, Refused::NewRequest),
        };
        to.try_send(message).map_err(|error| match error {
            TrySendError::Full(_) => full,
            TrySendError::Disconnected(_) => Refused::Closed,
        })
    }

    /// Puts news into its lane; whether there was room. Wakes nobody.
    pub(super) fn notify(&self, notice: Notice) -> bool {
        self.notices.try_send(notice).is_ok()
    }

    /// Wakes the shard if it sleeps and has something.
    pub(super) fn wake_if_asleep(&self) {
        // Pairs with the fence in `poll_batch`: either the push before is seen there, or the sleep is seen here.
        fence(Ordering::SeqCst);
        if !self.sleep.asleep.load(Ordering::Relaxed) {
            return;
        }
        let has_something =
            !(self.ongoing.is_empty() && self.new_requests.is_empty() && self.notices.is_empty());
        if has_something && self.sleep.asleep.swap(false, Ordering::AcqRel) {
            self.sleep.waker.wake();
        }
    }
}

impl Drop for ShardSender {
    fn drop(&mut self) {
        self.sleep.closed.store(true, Ordering::Release);
        self.sleep.waker.wake();
    }
}

impl ShardQueue {
    /// Takes what is there, without waiting: news first, then messages of ongoing calls, then new requests, at most
    /// `max` in all. Appends to `batch`, returns how many.
    pub fn take_batch(&mut self, batch: &mut Vec<Arrival>, max: usize) -> usize {
        let before = batch.len();
        batch.extend(self.notices.try_iter().take(max).map(Arrival::Notice));
        let room = max - (batch.len() - before);
        let reserved = self.new_requests.len().min(room.div_ceil(NEW_REQUEST_SHARE));
        batch.extend(self.ongoing.try_iter().take(room - reserved).map(Arrival::Message));
        let room = max - (batch.len() - before);
        batch.extend(self.new_requests.try_iter().take(room).map(Arrival::Message));
        batch.len() - before
    }

    /// Waits until something is there, then takes a batch as [`take_batch`](Self::take_batch) does. Returns 0 only when
    /// nothing will ever come again. Nothing is lost when the future is dropped.
    pub async fn recv_batch(&mut self, batch: &mut Vec<Arrival>, max: usize) -> usize {
        poll_fn(|cx| self.poll_batch(cx, batch, max)).await
    }

    /// [`recv_batch`](Self::recv_batch) as a poll, for a driver that waits for several things at once.
    pub fn poll_batch(&mut self, cx: &mut Context<'_>, batch: &mut Vec<Arrival>, max: usize) -> Poll<usize> {
        let max = max.max(1);
        self.sleep.asleep.store(false, Ordering::Relaxed);
        let taken = self.take_batch(batch, max);
        if taken > 0 {
            return Poll::Ready(taken);
        }
        self.sleep.waker.register(cx.waker());
        self.sleep.asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let closed = self.sleep.closed.load(Ordering::Acquire);
        let taken = self.take_batch(batch, max);
        if taken > 0 || closed {
            self.sleep.asleep.store(false, Ordering::Relaxed);
            return Poll::Ready(taken);
        }
        Poll::Pending
    }

    /// How many messages wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ongoing.len() + self.new_requests.len()
    }

    /// Whether nothing waits, news included.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0 && self.notices.is_empty()
    }
}
