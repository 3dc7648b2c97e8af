//! The life of the link's stream: opened, kept, opened again; and what comes by it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::Instant;
use tonic::Status;

use super::MediaLink;
use crate::ground::{BridgeId, SessionId};
use crate::proto::media::v1 as proto;
use crate::proto::media::v1::control_item::Item;
use crate::proto::media::v1::request::Operation;
use crate::session::media::{MediaError, MediaReply};
use crate::shard::io::Input;
use crate::signaling::media::pending::Waiting;
use crate::signaling::media::release::{Asker, Release};
use crate::signaling::media::stream::Requests;
use crate::signaling::media::{ControlResponses, MediaConnection, reply};

/// How long the media service may be away before its endpoints count as lost.
pub const AWAY_TIME_MAX: Duration = Duration::from_secs(10);

/// How long the service may take to say welcome.
const WELCOME_TIME_MAX: Duration = Duration::from_secs(5);

/// The first and the longest pause between two tries to open the stream; it doubles from one to the other.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

impl MediaLink {
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
        self.tell_capacity(welcome.capacity.as_ref());
        if welcome.events_lost > 0 {
            tracing::warn!(lost = welcome.events_lost, "the media service dropped events");
            self.events_lost.fetch_add(welcome.events_lost, Ordering::Relaxed);
        }
        self.up(stream, bridges());
        items.for_each(|item| self.take(item));
        loop {
            let Some(response) = self.next_response(&mut responses).await else {
                self.wake_releases();
                continue;
            };
            match response {
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

    /// Tells each shard its part of what media can carry: endpoints, each with a port.
    fn tell_capacity(&self, capacity: Option<&proto::Capacity>) {
        let Some(capacity) = capacity else { return };
        let endpoints = capacity.endpoints_max.min(capacity.endpoints + capacity.ports_free);
        let shards = u16::try_from(self.shards.len()).unwrap_or(u16::MAX);
        for (number, shard) in (0..shards).zip(&*self.shards) {
            let endpoints = crate::engine::share(endpoints, number, shards);
            shard.answer(Input::MediaCapacity { endpoints });
        }
    }

    /// What comes next; `None` when a release is to be asked for again.
    async fn next_response(
        &self,
        responses: &mut ControlResponses,
    ) -> Option<Option<Result<proto::ControlResponse, Status>>> {
        let rested_at = self.pending().rested_at();
        match rested_at {
            Some(at) => tokio::time::timeout_at(at, responses.next()).await.ok(),
            None => Some(responses.next().await),
        }
    }

    fn wake_releases(&self) {
        self.pending().wake_releases(Instant::now());
        self.stream_waker.wake();
    }

    /// Opens the gate. First goes what is still wanted; whatever else this owner has there is closed.
    fn up(&self, stream: u64, bridges: Vec<BridgeId>) {
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
                let waiting = self.pending().answered(reply.id);
                if let Some(waiting) = waiting {
                    self.answer(waiting, reply::result(reply.result));
                }
            }
            Some(Item::Event(event)) => self.event(event),
            None => {}
        }
    }

    fn answer(&self, waiting: Waiting, result: Result<MediaReply, MediaError>) {
        match waiting {
            Waiting::Shard(asker) => self.answer_shard(asker, result),
            // Whoever asked may have gone.
            Waiting::Bridge(reply) => drop(reply.send(result.map(|_| ()))),
            Waiting::Release(release) => self.released(&release, result),
            Waiting::Reconcile(reconcile) => self.pending().reconciled(reconcile),
        }
    }

    fn answer_shard(&self, asker: Asker, result: Result<MediaReply, MediaError>) {
        if let Some(shard) = self.shards.get(usize::from(asker.shard)) {
            shard.answer(Input::MediaReply { request: asker.request, result });
        }
    }

    /// Media answered that it has let go of something, that it never had it, or that it has no room to be asked: then it is
    /// asked again. The answer makes room for the next one.
    fn released(&self, release: &Release, result: Result<MediaReply, MediaError>) {
        let mut pending = self.pending();
        let asker = if matches!(result, Err(MediaError::Limit(_))) {
            pending.release_refused(release, Instant::now());
            None
        } else {
            pending.released(release)
        };
        let more = pending.has_outgoing();
        drop(pending);
        if let Some(asker) = asker {
            self.answer_shard(asker, result);
        }
        if more {
            self.stream_waker.wake();
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
