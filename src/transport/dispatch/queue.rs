//! One shard's queue: two lanes of messages and one of news, all bounded, many senders, one reader.
//!
//! A new request that has waited too long is told apart: its sender has given up or will, and serving it would make the
//! next one wait as long. How long is too long depends: where the lane has not been empty for a while, requests come
//! faster than they are served, and only those that have waited a short time are worth it.
//!
//! Delivering is a lock-free push and wakes nobody; a batch's end wakes the shard once, and only if it sleeps. A shard
//! that shares its thread with the receiver is running when the receiver is not, so it is woken by the executor's own
//! run queue without a system call.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use futures_util::task::AtomicWaker;

use super::invites::WaitingInvites;
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
    /// How long a new request may wait, and how long while the lane is not empty for that time or more.
    pub patience: (Duration, Duration),
}

impl Default for LaneBounds {
    fn default() -> Self {
        let patience = (Duration::from_millis(500), Duration::from_millis(100));
        Self { ongoing: 8_192, new_requests: 2_048, notices: 8_192, patience }
    }
}

/// A lane for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    Ongoing,
    NewRequests,
    /// That of new requests, for an INVITE of the call with this number.
    Invite(u32),
    /// That of ongoing calls, but for while an INVITE of this call waits in the other.
    BehindInvite(u32),
}

/// What waits among the new requests.
#[derive(Debug)]
struct NewRequest {
    message: Received,
    /// Its call's number, if it is an INVITE.
    invite: Option<u32>,
}

/// What a shard takes from its queue.
#[derive(Clone, Debug)]
pub enum Arrival {
    /// A message.
    Message(Received),
    /// A new request, or what came behind it, that has waited too long.
    Overdue(Received),
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
    new_requests: Sender<NewRequest>,
    notices: Sender<Notice>,
    invites: Arc<WaitingInvites>,
    sleep: Arc<Sleep>,
}

/// The reading end, owned by the shard's driver.
///
/// Read it from a spawned task. The future that `block_on` itself runs can be woken by a system call only, also from
/// its own thread.
#[derive(Debug)]
pub struct ShardQueue {
    ongoing: Receiver<Received>,
    new_requests: Receiver<NewRequest>,
    notices: Receiver<Notice>,
    invites: Arc<WaitingInvites>,
    patience: (Duration, Duration),
    /// Since when new requests are left waiting.
    standing_since: Option<Instant>,
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
    let (sleep, invites) = (Arc::<Sleep>::default(), Arc::new(WaitingInvites::new()));
    let sender = ShardSender {
        ongoing: ongoing_in,
        new_requests: new_requests_in,
        notices: notices_in,
        invites: Arc::clone(&invites),
        sleep: Arc::clone(&sleep),
    };
    let (patience, standing_since) = (bounds.patience, None);
    (sender, ShardQueue { ongoing, new_requests, notices, invites, patience, standing_since, sleep })
}

impl ShardSender {
    /// Puts a message into a lane. Wakes nobody.
    pub(super) fn deliver(&self, message: Received, lane: Lane) -> Result<(), Refused> {
        match lane {
            Lane::Invite(call) => {
                self.invites.enter(call);
                let delivered = self.deliver_new(message, Some(call));
                if delivered.is_err() {
                    self.invites.leave(call);
                }
                delivered
            }
            Lane::BehindInvite(call) if self.invites.waits(call) => self.deliver_new(message, None),
            Lane::NewRequests => self.deliver_new(message, None),
            Lane::Ongoing | Lane::BehindInvite(_) => {
                self.ongoing.try_send(message).map_err(|error| refused(&error, Refused::Ongoing))
            }
        }
    }

    fn deliver_new(&self, message: Received, invite: Option<u32>) -> Result<(), Refused> {
        let new = NewRequest { message, invite };
        self.new_requests.try_send(new).map_err(|error| refused(&error, Refused::NewRequest))
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

const fn refused<T>(error: &TrySendError<T>, full: Refused) -> Refused {
    match error {
        TrySendError::Full(_) => full,
        TrySendError::Disconnected(_) => Refused::Closed,
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
        self.take_new(batch, max - (batch.len() - before));
        batch.len() - before
    }

    fn take_new(&mut self, batch: &mut Vec<Arrival>, room: usize) {
        if self.new_requests.is_empty() {
            self.standing_since = None;
            return;
        }
        let now = Instant::now();
        let (patience, while_standing) = self.patience;
        let since = *self.standing_since.get_or_insert(now);
        let stands = now.saturating_duration_since(since) > patience;
        let patience = if stands { while_standing } else { patience };
        for NewRequest { message, invite } in self.new_requests.try_iter().take(room) {
            if let Some(call) = invite {
                self.invites.leave(call);
            }
            let waited = now.saturating_duration_since(message.at);
            batch.push(if waited > patience { Arrival::Overdue(message) } else { Arrival::Message(message) });
        }
        if self.new_requests.is_empty() {
            self.standing_since = None;
        }
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
