//! The link to the media service: what waits to be sent, and when it goes. The life of its stream is in `life`, what comes
//! by it in `hearing`.

mod hearing;
mod heart;
mod life;
mod outage;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::pending::{Pending, Waiting};
use super::release::{Asker, Release};
use super::request;
use super::stream::REQUESTS_PER_MESSAGE;
use crate::ground::{self, BridgeId, SessionId};
use crate::proto::media::v1 as proto;
use crate::session::media::{BridgeMode, MediaError, MediaRequest, SignaledPeer};
use crate::signaling::directory::Directory;
use crate::signaling::driver::Inbox;
use crate::signaling::linger::{Go, Linger, Urgency};

pub use heart::{HEARTBEAT_EVERY, HEARTBEAT_TIME_MAX};
pub use life::{AWAY_TIME_MAX, EVENTS_PER_ACKNOWLEDGEMENT};

/// The link. See the [module](super).
pub struct MediaLink {
    owner: proto::Hello,
    shards: Arc<[Arc<Inbox>]>,
    directory: Arc<Directory>,
    pending: Mutex<Pending>,
    /// Something was asked that it was not decided about when it goes out.
    unflushed: AtomicBool,
    /// Somebody waits for some of it.
    urgent: AtomicBool,
    linger: Mutex<Linger>,
    stream_waker: AtomicWaker,
    streams: AtomicU64,
    /// Media makes no new endpoints.
    draining: AtomicBool,
    /// What shards were told last of whether it takes calls. They begin without it.
    told_to_take_calls: AtomicBool,
    closing: CancellationToken,
    events_lost: AtomicU64,
    /// The number of media's last event that was heard.
    events_through: AtomicU64,
}

impl MediaLink {
    /// A link that is down until [`run`](Self::run). `node` names this signaling node, stable over restarts;
    /// `incarnation` is drawn with each of its starts.
    #[must_use]
    pub fn new(node: String, incarnation: u64, shards: Arc<[Arc<Inbox>]>, directory: Arc<Directory>) -> Self {
        Self {
            owner: proto::Hello { owner: node, incarnation, events_through: 0 },
            events_through: AtomicU64::new(0),
            shards,
            directory,
            pending: Mutex::default(),
            unflushed: AtomicBool::new(false),
            urgent: AtomicBool::new(false),
            linger: Mutex::default(),
            stream_waker: AtomicWaker::new(),
            streams: AtomicU64::new(0),
            draining: AtomicBool::new(false),
            told_to_take_calls: AtomicBool::new(false),
            closing: CancellationToken::new(),
            events_lost: AtomicU64::new(0),
        }
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks something for a session's endpoint. The reply goes to the shard. [`flush`](Self::flush) sends it. With an
    /// endpoint's first request come its Call-ID and `traceparent`.
    ///
    /// # Errors
    /// When the service is away or has too many requests unanswered: then there will be no reply.
    pub fn ask(
        &self,
        shard: u16,
        request: u64,
        session: &SessionId,
        create: Option<(Arc<str>, String)>,
        peer: SignaledPeer,
        body: MediaRequest,
    ) -> Result<(), MediaError> {
        let asker = Asker { shard, request };
        if matches!(body, MediaRequest::Close) {
            return self.let_go(Release::Endpoint(session.clone()), Some(asker));
        }
        let urgent = matches!(body, MediaRequest::Negotiate { .. });
        let operation = request::operation(session, create, peer, body);
        self.pending().push(operation, || Waiting::Shard(asker))?;
        // First: whichever shard sees the other sees this.
        if urgent {
            self.urgent.store(true, Ordering::Release);
        }
        self.unflushed.store(true, Ordering::Release);
        Ok(())
    }

    /// Has media let go of something. That is kept until it has; without a stream nobody will hear of it.
    fn let_go(&self, release: Release, asker: Option<Asker>) -> Result<(), MediaError> {
        let sent = self.pending().let_go(release, asker);
        self.unflushed.store(true, Ordering::Release);
        if sent { Ok(()) } else { Err(MediaError::Unavailable) }
    }

    /// Asks for a bridge. The reply comes by the receiver; one that is dropped says that the service went away. It is sent
    /// with what a shard asks next, at the latest by [`hurry`](Self::hurry).
    ///
    /// # Errors
    /// As for [`ask`](Self::ask).
    pub fn create_bridge(
        &self,
        bridge: &BridgeId,
        mode: BridgeMode,
    ) -> Result<oneshot::Receiver<Result<(), MediaError>>, MediaError> {
        let (reply, receiver) = oneshot::channel();
        let operation = request::create_bridge(bridge.to_string(), mode);
        self.pending().push(operation, || Waiting::Bridge(reply))?;
        self.unflushed.store(true, Ordering::Release);
        Ok(receiver)
    }

    /// Has a bridge ended. A service that is away loses it, or learns of it when it is back. It is sent as a bridge's making
    /// is.
    pub fn destroy_bridge(&self, bridge: &BridgeId) {
        // Without a stream it is owed.
        let _ = self.let_go(Release::Bridge(bridge.clone()), None);
    }

    /// Has whatever media may still have to let go of go at once: this process ends.
    pub fn let_all_go(&self) {
        self.pending().let_all_go();
        self.hurry();
    }

    /// Sends what was asked, now.
    pub fn hurry(&self) {
        self.linger().due();
        self.stream_waker.wake();
    }

    /// Sends what was asked since the last time: now, if somebody waits for some of it (a caller for a description) or
    /// there is little of it; else it waits for company, and the answer says until when at most.
    pub fn flush(&self, now: ground::Instant) -> Option<ground::Instant> {
        let mut linger = self.linger();
        let mut goes = false;
        if self.unflushed.swap(false, Ordering::AcqRel) {
            let urgent = self.urgent.swap(false, Ordering::AcqRel);
            goes = linger.go(if urgent { Urgency::Now } else { Urgency::Soon }, now) == Go::Now;
        }
        if linger.waits().is_some_and(|at| at <= now) {
            goes = linger.due();
        }
        let waits = linger.waits();
        drop(linger);
        if goes {
            self.stream_waker.wake();
        }
        waits
    }

    fn linger(&self) -> MutexGuard<'_, Linger> {
        self.linger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the service is there and takes new calls.
    #[must_use]
    pub fn takes_calls(&self) -> bool {
        self.pending().is_open() && !self.draining.load(Ordering::Relaxed)
    }

    /// How many requests are without a reply.
    #[must_use]
    pub fn requests_waiting(&self) -> usize {
        self.pending().waiting()
    }

    /// How many endpoints and bridges media has not said to have let go of.
    #[must_use]
    pub fn releases(&self) -> usize {
        self.pending().releases()
    }

    /// Events of endpoints that no session owns any more, that could not be understood, or that media dropped.
    #[must_use]
    pub fn events_lost(&self) -> u64 {
        self.events_lost.load(Ordering::Relaxed)
    }

    /// Ends the link.
    pub fn close(&self) {
        self.closing.cancel();
        self.stream_waker.wake();
    }

    /// Takes what waits to be sent on a stream; `None` when the stream is to end.
    pub(super) fn poll_outgoing(
        &self,
        stream: u64,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Vec<proto::Request>>> {
        self.stream_waker.register(cx.waker());
        if self.closing.is_cancelled() || self.streams.load(Ordering::Acquire) != stream {
            return Poll::Ready(None);
        }
        match self.pending().take_outgoing(stream, REQUESTS_PER_MESSAGE) {
            Some(requests) => Poll::Ready(Some(requests)),
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests;
