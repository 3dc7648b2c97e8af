//! What the workers of one node share, and the way of an operation to the worker that serves it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::clips::Clips;
use super::gauges::Gauges;
use super::inbox::{COMMANDS_MAX, Inbox};
use super::lookups::Lookups;
use super::net::{Addresses, PortPool, SocketSettings};
use super::operation::{Operation, Reply, ReplyTo};
use super::owner::{Item, Owner};
use super::owners::Owners;
use super::thread::{Command, Serve};
use crate::codec::Codec;
use crate::media::core::{Failure, Safeguards};

/// A worker as others see it.
#[derive(Debug)]
pub struct WorkerHandle {
    /// Its commands.
    pub inbox: Arc<Inbox>,
    /// What it carries.
    pub gauges: Arc<Gauges>,
}

/// The bounds of a node.
#[derive(Clone, Debug)]
pub struct NodeSettings {
    /// Endpoints that it may have.
    pub endpoints_max: usize,
    /// Bridges that it may have.
    pub bridges_max: usize,
    /// After how long without RTP an event is sent, where the owner does not say.
    pub rtp_timeout: Duration,
    /// After how long without its owner's stream an endpoint closes itself.
    pub orphan_timeout: Duration,
    /// What every socket gets.
    pub socket: SocketSettings,
    /// Where sockets are bound.
    pub addresses: Addresses,
    /// The codecs, best first, where the owner does not say.
    pub codecs: Vec<Codec>,
    /// What keeps endpoints from being used against others.
    pub safeguards: Arc<Safeguards>,
}

/// What the workers of a node share.
#[derive(Debug)]
pub struct Node {
    /// The bounds.
    pub settings: NodeSettings,
    /// The workers.
    pub workers: Vec<WorkerHandle>,
    /// The owners.
    pub owners: Owners,
    /// Audio files.
    pub clips: Clips,
    /// Host names of peers.
    pub lookups: Lookups,
    /// Endpoints on all workers.
    pub endpoints: AtomicUsize,
    /// Bridges on all workers, and those that have none yet.
    pub bridges: AtomicUsize,
    /// No new endpoints are made.
    pub draining: AtomicBool,
    /// No new streams are opened: the node ends.
    pub ending: AtomicBool,
    /// Negotiations that failed, for whatever reason. A total.
    pub negotiations_failed: AtomicU64,
    ports: Mutex<PortPool>,
}

/// Whether an operation is on its way; if not, it comes back with why.
pub(super) type Sent = Result<(), (Box<Serve>, Failure)>;

/// One more of what `count` counts, if that is within `limit`.
pub(super) fn claim(count: &AtomicUsize, limit: usize, what: &'static str) -> Result<(), Failure> {
    let one_more = |count: usize| (count < limit).then_some(count + 1);
    match count.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more) {
        Ok(_) => Ok(()),
        Err(_) => Err(Failure::Limit { what, limit }),
    }
}

/// One less.
pub(super) fn release(count: &AtomicUsize) {
    count.fetch_sub(1, Ordering::AcqRel);
}

impl Node {
    /// A node whose workers are still to be started.
    #[must_use]
    pub fn new(
        settings: NodeSettings,
        workers: Vec<WorkerHandle>,
        clips: Clips,
        lookups: Lookups,
        ports: PortPool,
    ) -> Self {
        Self {
            settings,
            workers,
            owners: Owners::default(),
            clips,
            lookups,
            endpoints: AtomicUsize::new(0),
            bridges: AtomicUsize::new(0),
            draining: AtomicBool::new(false),
            ending: AtomicBool::new(false),
            negotiations_failed: AtomicU64::new(0),
            ports: Mutex::new(ports),
        }
    }

    /// The port pairs.
    pub fn ports(&self) -> MutexGuard<'_, PortPool> {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there are several workers, so that places matter.
    #[must_use]
    pub const fn has_places(&self) -> bool {
        self.workers.len() > 1
    }

    /// Sends an operation to the worker that serves it. The reply comes by `reply_to`, also a refusal.
    pub fn dispatch(&self, owner: &Arc<Owner>, reply_to: ReplyTo, operation: Operation) {
        self.queue(owner, reply_to, operation);
        self.ring();
    }

    /// Wakes the workers that have something [queued](Self::queue).
    pub fn ring(&self) {
        self.workers.iter().for_each(|worker| worker.inbox.ring());
    }

    /// As [`dispatch`](Self::dispatch); the worker hears of it with [`ring`](Self::ring).
    pub fn queue(&self, owner: &Arc<Owner>, reply_to: ReplyTo, operation: Operation) {
        let serve = Box::new(Serve { owner: Arc::clone(owner), reply_to, operation });
        let refused = if self.has_places() { self.place(serve) } else { self.send(0, serve) };
        if let Err((serve, failure)) = refused {
            answer(&serve.owner, serve.reply_to, Err(failure));
        }
    }

    pub(super) fn send(&self, worker: usize, serve: Box<Serve>) -> Sent {
        match self.workers[worker].inbox.push(Command::Serve(serve)) {
            Ok(()) => Ok(()),
            Err(Command::Serve(serve)) => {
                let failure = if self.workers[worker].inbox.is_closed() {
                    Failure::Internal("the media worker has ended".into())
                } else {
                    Failure::Limit { what: "commands of a worker", limit: COMMANDS_MAX }
                };
                Err((serve, failure))
            }
            Err(_) => Ok(()),
        }
    }

    /// The worker for something new: by its affinity, else the one with the fewest endpoints. One that has ended is
    /// passed over: it has none, and would get everything.
    pub(super) fn choose(&self, affinity: &str) -> usize {
        let works = |worker: &usize| !self.workers[*worker].inbox.is_closed();
        if affinity.is_empty() {
            let load = |worker: &usize| self.workers[*worker].gauges.endpoints.load(Ordering::Relaxed);
            return (0..self.workers.len()).filter(works).min_by_key(load).unwrap_or(0);
        }
        let mut hasher = DefaultHasher::new();
        affinity.hash(&mut hasher);
        let first = (hasher.finish() % self.workers.len() as u64) as usize;
        (first..self.workers.len()).chain(0..first).find(works).unwrap_or(first)
    }
}

/// Answers whoever asked, at once.
pub fn answer(owner: &Owner, reply_to: ReplyTo, reply: Reply) {
    match reply_to {
        ReplyTo::Stream { stream, id } => owner.tell([Item::Reply { stream, id, reply }]),
        ReplyTo::Once(sender) => {
            // Whoever asked may have gone.
            let _ = sender.send(reply);
        }
        ReplyTo::Last(part) => {
            if let Some(then) = part.done() {
                answer(owner, then, reply);
            }
        }
        ReplyTo::Nobody => {}
    }
}
