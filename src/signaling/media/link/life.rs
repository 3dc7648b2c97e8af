//! The life of the link's stream: opened, kept, opened again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::Instant;
use tonic::Status;

use super::MediaLink;
use super::hearing::{Told, welcome};
use super::heart::{Beat, Heart};
use super::outage::{Cause, Outage};
use crate::ground::{BridgeId, SessionId};
use crate::proto::media::v1 as proto;
use crate::proto::media::v1::request::Operation;
use crate::session::media::MediaError;
use crate::shard::io::Input;
use crate::signaling::media::stream::Requests;
use crate::signaling::media::{ControlResponses, MediaConnection};

/// How long the media service may be away before its endpoints count as lost.
pub const AWAY_TIME_MAX: Duration = Duration::from_secs(10);

/// How long the service may take to say welcome.
const WELCOME_TIME_MAX: Duration = Duration::from_secs(5);

/// Events after which media is acknowledged them at once, and not by the next heartbeat that is due.
pub const EVENTS_PER_ACKNOWLEDGEMENT: u64 = 1024;

/// The first and the longest pause between two tries to open the stream; it doubles from one to the other.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// What is known of the media service over all streams.
struct Known {
    incarnation: Option<u64>,
    /// When its workers last answered.
    alive_at: Instant,
    /// It has nothing of ours, or that counts as lost.
    lost: bool,
    pause: Duration,
    outage: Outage,
}

/// A stream, with what came first on it.
struct OpenedStream {
    stream: u64,
    responses: ControlResponses,
    items: std::vec::IntoIter<proto::ControlItem>,
}

/// Why a stream has ended.
enum StreamEnd {
    /// It broke, was refused, or was given up.
    Broken(Cause),
    /// The service ends, and all endpoints with it.
    ServiceEnds,
}

impl From<String> for StreamEnd {
    fn from(text: String) -> Self {
        Self::Broken(Cause::passing(text))
    }
}

impl Known {
    fn new(address: String) -> Self {
        let (incarnation, alive_at, lost, pause) = (None, Instant::now(), true, BACK_OFF.0);
        Self { incarnation, alive_at, lost, pause, outage: Outage::new(address) }
    }

    /// The node of this name has answered.
    fn alive(&mut self, node: &str) {
        self.alive_at = Instant::now();
        self.lost = false;
        self.pause = BACK_OFF.0;
        self.outage.back(node, self.alive_at);
    }

    /// How long the next stream may take to be welcomed: no longer than until the endpoints count as lost.
    fn patience(&self) -> Duration {
        let left = (self.alive_at + AWAY_TIME_MAX).duration_since(Instant::now());
        if self.lost || left.is_zero() { WELCOME_TIME_MAX } else { WELCOME_TIME_MAX.min(left) }
    }

    /// How long to wait before the next try, and no longer than until the endpoints count as lost.
    fn next_pause(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (pause * 2).min(BACK_OFF.1);
        pause.min(self.patience())
    }
}

impl MediaLink {
    /// Keeps the stream open until [`close`](Self::close). `lost` is called when all endpoints and bridges are gone;
    /// `bridges` names those that are wanted, with their members.
    pub async fn run(
        self: Arc<Self>,
        connection: MediaConnection,
        lost: impl Fn() + Send,
        bridges: impl Fn() -> Vec<(BridgeId, Vec<SessionId>)> + Send,
    ) {
        let mut known = Known::new(connection.address().to_owned());
        loop {
            let one_stream = self.one_stream(&connection, &mut known, &lost, &bridges);
            let Some(end) = self.closing.run_until_cancelled(one_stream).await else { break };
            if self.closing.is_cancelled() {
                // Media ends its half when ours has ended, which may be seen before the reason.
                break;
            }
            self.broken();
            let cause = match end {
                StreamEnd::Broken(cause) => cause,
                StreamEnd::ServiceEnds => {
                    // Its successor is another one, and has nothing that could be lost once more.
                    self.lose(&mut known, &lost);
                    known.incarnation = None;
                    Cause::passing("it has been shut down")
                }
            };
            known.outage.away(cause, Instant::now());
            if !known.lost && known.alive_at.elapsed() >= AWAY_TIME_MAX {
                self.lose(&mut known, &lost);
            }
            let pause = tokio::time::sleep(known.next_pause());
            if self.closing.run_until_cancelled(pause).await.is_none() {
                break;
            }
        }
        self.broken();
    }

    /// Opens one stream and serves it to its end.
    async fn one_stream(
        self: &Arc<Self>,
        connection: &MediaConnection,
        known: &mut Known,
        lost: &(impl Fn() + Send),
        bridges: &(impl Fn() -> Vec<(BridgeId, Vec<SessionId>)> + Send),
    ) -> StreamEnd {
        let OpenedStream { stream, mut responses, mut items } =
            match self.opened(connection, known.patience()).await {
                Ok(opened) => opened,
                Err(end) => return end,
            };
        let welcome = match items.next().map(welcome) {
            Some(Ok(welcome)) => welcome,
            Some(Err(cause)) => return StreamEnd::Broken(cause),
            None => return "it did not say welcome".to_owned().into(),
        };
        if known.incarnation.replace(welcome.incarnation).is_some_and(|before| before != welcome.incarnation)
        {
            self.lose(known, lost);
        }
        if welcome.events_lost > 0 {
            tracing::warn!(lost = welcome.events_lost, "the media service dropped events");
            self.events_lost.fetch_add(welcome.events_lost, Ordering::Relaxed);
        }
        let mut acknowledged = welcome.events_from.saturating_sub(1);
        self.events_through.store(acknowledged, Ordering::Relaxed);
        self.draining.store(welcome.draining, Ordering::Relaxed);
        self.tell_capacity(welcome.capacity.as_ref());
        // The first thing asked is what is still wanted: its answer is the first sign of life.
        self.pending().open(stream, || self.directory.sessions(), bridges());
        self.stream_waker.wake();
        let mut heart = Heart::Asked(Instant::now());
        loop {
            for item in items {
                match self.take(item) {
                    Told::Alive => {
                        heart.answered(Instant::now());
                        known.alive(&welcome.node);
                    }
                    Told::Ending => return StreamEnd::ServiceEnds,
                    Told::Other => {}
                }
            }
            let heard = self.events_through.load(Ordering::Relaxed);
            if heard - acknowledged >= EVENTS_PER_ACKNOWLEDGEMENT {
                acknowledged = heard;
                self.pending().ask_heartbeat(heard);
                self.stream_waker.wake();
            }
            items = match self.next_items(&mut responses, &mut heart).await {
                Ok(more) => more.into_iter(),
                Err(end) => return end,
            };
        }
    }

    /// Opens a stream and waits for the first message on it.
    async fn opened(
        self: &Arc<Self>,
        connection: &MediaConnection,
        patience: Duration,
    ) -> Result<OpenedStream, StreamEnd> {
        let stream = self.streams.fetch_add(1, Ordering::AcqRel) + 1;
        let events_through = self.events_through.load(Ordering::Relaxed);
        let hello = proto::Hello { events_through, ..self.owner.clone() };
        let hello = proto::Request { id: 0, operation: Some(Operation::Hello(hello)) };
        let requests = Requests::new(Arc::clone(self), stream, hello);
        let opening = async {
            let mut responses = connection.control(requests).await.map_err(|error| error.to_string())?;
            let first = responses.next().await.transpose().map_err(|status| told(&status))?;
            Ok::<_, String>((responses, first))
        };
        let opened = tokio::time::timeout(patience, opening).await;
        let (responses, first) = opened.unwrap_or_else(|_| Err("it did not say welcome in time".into()))?;
        let items = first.map(|response| response.items).unwrap_or_default().into_iter();
        Ok(OpenedStream { stream, responses, items })
    }

    /// What comes next. Meanwhile media is asked for signs of life, and again for what it had no room for.
    async fn next_items(
        &self,
        responses: &mut ControlResponses,
        heart: &mut Heart,
    ) -> Result<Vec<proto::ControlItem>, StreamEnd> {
        loop {
            let rested_at = self.pending().rested_at();
            let due = rested_at.map_or(heart.due(), |at| at.min(heart.due()));
            let heard = tokio::time::timeout_at(due, responses.next()).await;
            let now = Instant::now();
            if now >= due {
                self.pending().wake_releases(now);
                match heart.beat(now) {
                    // What is heard now may be the answer.
                    Beat::Silent if heard.is_err() => {
                        return Err("it is connected and does not answer".to_owned().into());
                    }
                    Beat::Ask => {
                        self.pending().ask_heartbeat(self.events_through.load(Ordering::Relaxed));
                    }
                    Beat::Silent | Beat::Wait => {}
                }
                self.stream_waker.wake();
            }
            match heard {
                Ok(Some(Ok(response))) => return Ok(response.items),
                Ok(Some(Err(status))) => return Err(told(&status).into()),
                Ok(None) => return Err("it ended the stream".to_owned().into()),
                Err(_) => {}
            }
        }
    }

    /// Shuts the gate and answers whoever waits.
    fn broken(&self) {
        let waiting = self.pending().shut();
        self.tell_whether_calls_are_taken();
        for one in waiting {
            self.answer(one, Err(MediaError::Unavailable));
        }
    }

    fn lose(&self, known: &mut Known, lost: &impl Fn()) {
        if std::mem::replace(&mut known.lost, true) {
            return;
        }
        tracing::warn!("all endpoints and bridges of the media service are lost: calls end");
        self.pending().lose();
        for shard in &*self.shards {
            shard.answer(Input::MediaLost);
        }
        lost();
    }
}

/// A status in words.
fn told(status: &Status) -> String {
    if status.message().is_empty() { status.code().to_string() } else { status.message().to_owned() }
}
