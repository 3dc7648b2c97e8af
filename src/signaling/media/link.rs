//! The link to the media service: what waits to be sent, what waits for its reply, and the life of the stream.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::task::AtomicWaker;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::pending::{Pending, Waiting};
use super::stream::{REQUESTS_PER_MESSAGE, Requests};
use super::{MediaConnection, reply, request};
use crate::ground::{self, BridgeId, SessionId};
use crate::proto::media::v1 as proto;
use crate::proto::media::v1::control_item::Item;
use crate::proto::media::v1::request::Operation;
use crate::session::media::{BridgeMode, MediaError, MediaReply, MediaRequest};
use crate::shard::io::Input;
use crate::signaling::directory::Directory;
use crate::signaling::driver::Inbox;
use crate::signaling::linger::{Go, Linger, Urgency};

/// How long the media service may be away before its endpoints count as lost.
pub const AWAY_TIME_MAX: Duration = Duration::from_secs(10);

/// How long the service may take to say welcome.
const WELCOME_TIME_MAX: Duration = Duration::from_secs(5);

/// The first and the longest pause between two tries to open the stream; it doubles from one to the other.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

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
    closing: CancellationToken,
    events_lost: AtomicU64,
}

impl MediaLink {
    /// A link that is down until [`run`](Self::run). `node` names this signaling node, stable over restarts;
    /// `incarnation` grows with each of its starts.
    #[must_use]
    pub fn new(node: String, incarnation: u64, shards: Arc<[Arc<Inbox>]>, directory: Arc<Directory>) -> Self {
        Self {
            owner: proto::Hello { owner: node, incarnation },
            shards,
            directory,
            pending: Mutex::default(),
            unflushed: AtomicBool::new(false),
            urgent: AtomicBool::new(false),
            linger: Mutex::default(),
            stream_waker: AtomicWaker::new(),
            streams: AtomicU64::new(0),
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
        body: MediaRequest,
    ) -> Result<(), MediaError> {
        let closes = matches!(body, MediaRequest::Close).then(|| session.clone());
        let urgent = matches!(body, MediaRequest::Negotiate { .. });
        let operation = request::operation(session, create, body);
        let mut pending = self.pending();
        match pending.push(operation, || Waiting::Shard { shard, request, closes: closes.clone() }) {
            Ok(()) => {
                drop(pending);
                // First: whichever shard sees the other sees this.
                if urgent {
                    self.urgent.store(true, Ordering::Release);
                }
                self.unflushed.store(true, Ordering::Release);
                Ok(())
            }
            Err(error) => {
                pending.owe(closes);
                Err(error)
            }
        }
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
        let operation = Operation::DestroyBridge(proto::DestroyBridge { bridge_id: bridge.to_string() });
        if self.pending().push(operation, || Waiting::Nobody).is_ok() {
            self.unflushed.store(true, Ordering::Release);
        }
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

    /// Whether the service is there.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.pending().is_open()
    }

    /// How many requests are without a reply.
    #[must_use]
    pub fn requests_waiting(&self) -> usize {
        self.pending().waiting()
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

    /// Keeps the stream open until [`close`](Self::close). `lost` is called when all endpoints and bridges are gone;
    /// `bridges` names those that are wanted.
    pub async fn run(
        self: Arc<Self>,
        connection: MediaConnection,
        lost: impl Fn() + Send,
        bridges: impl Fn() -> Vec<BridgeId> + Send,
    ) {
        let mut incarnation = None;
        let mut away_since = Instant::now();
        let mut told_lost = true;
        let mut pause = BACK_OFF.0;
        loop {
            let one_stream = self.one_stream(&connection, &mut incarnation, &lost, &bridges);
            let Some(was_up) = self.closing.run_until_cancelled(one_stream).await else { break };
            if was_up {
                (away_since, told_lost, pause) = (Instant::now(), false, BACK_OFF.0);
            }
            self.broken();
            if !told_lost && away_since.elapsed() >= AWAY_TIME_MAX {
                told_lost = true;
                self.lost(&lost);
            }
            if self.closing.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                break;
            }
            pause = (pause * 2).min(BACK_OFF.1);
        }
        self.broken();
    }

    /// Opens one stream and serves it to its end. Whether it was welcomed.
    async fn one_stream(
        self: &Arc<Self>,
        connection: &MediaConnection,
        incarnation: &mut Option<u64>,
        lost: &(impl Fn() + Send),
        bridges: &(impl Fn() -> Vec<BridgeId> + Send),
    ) -> bool {
        let stream = self.streams.fetch_add(1, Ordering::AcqRel) + 1;
        let hello = proto::Request { id: 0, operation: Some(Operation::Hello(self.owner.clone())) };
        let requests = Requests::new(Arc::clone(self), stream, hello);
        let opening = async {
            let mut responses = connection.control(requests).await.map_err(|error| error.to_string())?;
            let first = responses.next().await.transpose().map_err(|status| status.to_string())?;
            Ok::<_, String>((responses, first))
        };
        let opened = tokio::time::timeout(WELCOME_TIME_MAX, opening).await;
        let (mut responses, first) = match opened.unwrap_or_else(|_| Err("no welcome in time".into())) {
            Ok(opened) => opened,
            Err(error) => {
                tracing::debug!(%error, "media service away");
                return false;
            }
        };
        let mut items = first.map(|response| response.items).unwrap_or_default().into_iter();
        let Some(welcome) = items.next().and_then(welcome) else {
            tracing::warn!("the media service did not say welcome");
            return false;
        };
        if incarnation.replace(welcome.incarnation).is_some_and(|before| before != welcome.incarnation) {
            self.lost(lost);
        }
        tracing::info!(node = welcome.node, incarnation = welcome.incarnation, "media service up");
        if welcome.events_lost > 0 {
            tracing::warn!(lost = welcome.events_lost, "the media service dropped events");
            self.events_lost.fetch_add(welcome.events_lost, Ordering::Relaxed);
        }
        self.up(stream, &bridges());
        items.for_each(|item| self.take(item));
        loop {
            match responses.next().await {
                Some(Ok(response)) => response.items.into_iter().for_each(|item| self.take(item)),
                // Ours was the first end.
                None | Some(Err(_)) if self.closing.is_cancelled() => return true,
                None => {
                    tracing::warn!("the media service ended the stream");
                    return true;
                }
                Some(Err(status)) => {
                    tracing::warn!(%status, "the media service's stream broke");
                    return true;
                }
            }
        }
    }

    /// Opens the gate. First goes what is still wanted; whatever else this owner has there is closed.
    fn up(&self, stream: u64, bridges: &[BridgeId]) {
        self.pending().open(stream, || self.directory.sessions(), bridges);
        self.stream_waker.wake();
    }

    /// Shuts the gate and answers whoever waits.
    fn broken(&self) {
        let waiting = self.pending().shut();
        for one in waiting {
            self.answer(one, Err(MediaError::Unavailable));
        }
    }

    fn lost(&self, lost: &impl Fn()) {
        tracing::warn!("all endpoints and bridges of the media service are lost");
        self.pending().lose();
        for shard in &*self.shards {
            shard.answer(Input::MediaLost);
        }
        lost();
    }

    fn take(&self, item: proto::ControlItem) {
        match item.item {
            Some(Item::Reply(reply)) => {
                let Some(waiting) = self.pending().answered(reply.id) else { return };
                self.answer(waiting, reply::result(reply.result));
            }
            Some(Item::Event(event)) => self.event(event),
            None => {}
        }
    }

    fn answer(&self, waiting: Waiting, result: Result<MediaReply, MediaError>) {
        match waiting {
            Waiting::Shard { shard, request, .. } => {
                if let Some(shard) = self.shards.get(usize::from(shard)) {
                    shard.answer(Input::MediaReply { request, result });
                }
            }
            // Whoever asked may have gone.
            Waiting::Bridge(reply) => drop(reply.send(result.map(|_| ()))),
            Waiting::Nobody => {}
        }
    }

    fn event(&self, event: proto::EndpointEvent) {
        let session = SessionId::parse(&event.endpoint_id).ok();
        let shard = session.as_ref().and_then(|session| self.directory.shard_of(session));
        let inbox = shard.and_then(|shard| self.shards.get(usize::from(shard)));
        match (session, inbox, reply::event(event.event)) {
            (Some(session), Some(inbox), Some(event)) => {
                inbox.media_event(Input::MediaEvent { session, event })
            }
            _ => {
                self.events_lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

fn welcome(item: proto::ControlItem) -> Option<proto::Welcome> {
    match item.item? {
        Item::Reply(proto::Reply { result: Some(proto::reply::Result::Welcome(welcome)), .. }) => {
            Some(welcome)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks for something that nobody waits for, and says until when it waits for company at most.
    fn ask(link: &MediaLink, millis: u64) -> Option<ground::Instant> {
        link.unflushed.store(true, Ordering::Release);
        link.flush(ground::Instant::from_millis(millis))
    }

    #[test]
    fn what_waits_for_company_has_its_time_also_behind_a_hurry() {
        let link = MediaLink::new("node".into(), 1, Arc::new([]), Arc::default());
        while ask(&link, 0).is_none() {}
        link.hurry();
        let due = ground::Instant::from_millis(5);
        assert_eq!(ask(&link, 1), Some(due));
        assert_eq!(ask(&link, 2), Some(due), "it goes along");
        assert_eq!(link.flush(due), None);
        assert_eq!(ask(&link, 6), Some(ground::Instant::from_millis(10)));
    }
}
