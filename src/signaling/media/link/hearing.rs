//! What comes by the stream, and whom it concerns.

use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::MediaLink;
use super::outage::Cause;
use crate::ground::SessionId;
use crate::proto::media::v1 as proto;
use crate::proto::media::v1::control_item::Item;
use crate::proto::media::v1::failure::Code;
use crate::proto::media::v1::node_state::Phase;
use crate::session::media::{MediaError, MediaReply};
use crate::shard::io::Input;
use crate::signaling::media::pending::Waiting;
use crate::signaling::media::release::{Asker, Numbered};
use crate::signaling::media::reply;

/// What an item says of the service itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Nothing.
    Other,
    /// Its workers work.
    Alive,
    /// It ends, and all endpoints with it.
    Ending,
}

/// The first item of a stream.
///
/// # Errors
/// Why it is no welcome.
pub(super) fn welcome(item: proto::ControlItem) -> Result<proto::Welcome, Cause> {
    use proto::reply::Result as Answer;
    match item.item {
        Some(Item::Reply(proto::Reply { result: Some(Answer::Welcome(welcome)), .. })) => Ok(welcome),
        Some(Item::Reply(proto::Reply { result: Some(Answer::Failure(failure)), .. })) => {
            Err(match failure.code() {
                Code::OwnerConnected => Cause::lasting(format!("{} (signaling.node)", failure.message)),
                _ => Cause::passing(failure.message),
            })
        }
        _ => Err(Cause::passing("it did not say welcome")),
    }
}

impl MediaLink {
    pub(super) fn take(&self, item: proto::ControlItem) -> Told {
        match item.item {
            Some(Item::Reply(reply)) => {
                let waiting = self.pending().answered(reply.id);
                waiting.map_or(Told::Other, |waiting| self.answer(waiting, reply::result(reply.result)))
            }
            Some(Item::Event(event)) => {
                self.event(event);
                self.events_through.fetch_add(1, Ordering::Relaxed);
                Told::Other
            }
            Some(Item::NodeState(state)) => self.node_state(state.phase()),
            None => Told::Other,
        }
    }

    /// Tells each shard its part of what media can carry: endpoints, each with a port.
    pub(super) fn tell_capacity(&self, capacity: Option<&proto::Capacity>) {
        let Some(capacity) = capacity else { return };
        let endpoints = capacity.endpoints_max.min(capacity.endpoints + capacity.ports_free);
        let shards = u16::try_from(self.shards.len()).unwrap_or(u16::MAX);
        for (number, shard) in (0..shards).zip(&*self.shards) {
            let endpoints = crate::engine::share(endpoints, number, shards);
            shard.answer(Input::MediaCapacity { endpoints });
        }
    }

    /// Tells shards whether media takes new calls, when that has changed. Only the task of the stream calls it.
    pub(super) fn tell_whether_calls_are_taken(&self) {
        let takes = self.takes_calls();
        if self.told_to_take_calls.swap(takes, Ordering::Relaxed) != takes {
            for shard in &*self.shards {
                shard.answer(Input::MediaTakesCalls(takes));
            }
        }
    }

    fn node_state(&self, phase: Phase) -> Told {
        match phase {
            Phase::Unspecified => Told::Other,
            Phase::Draining => {
                self.draining.store(true, Ordering::Relaxed);
                self.tell_whether_calls_are_taken();
                tracing::warn!("the media service drains: new calls that need it are refused");
                Told::Other
            }
            Phase::Ending => Told::Ending,
        }
    }

    /// Answers whoever waits.
    pub(super) fn answer(&self, waiting: Waiting, result: Result<MediaReply, MediaError>) -> Told {
        match waiting {
            Waiting::Shard(asker) => self.answer_shard(asker, result),
            // Whoever asked may have gone.
            Waiting::Bridge(reply) => drop(reply.send(result.map(|_| ()))),
            Waiting::Release(release) => self.released(&release, result),
            Waiting::Reconcile(reconcile) => {
                // It is refused only by a worker that has ended, and the service with it.
                self.pending().reconciled(reconcile);
                self.tell_whether_calls_are_taken();
                return Told::Alive;
            }
            Waiting::Heartbeat => return Told::Alive,
        }
        Told::Other
    }

    fn answer_shard(&self, asker: Asker, result: Result<MediaReply, MediaError>) {
        if let Some(shard) = self.shards.get(usize::from(asker.shard)) {
            shard.answer(Input::MediaReply { request: asker.request, result });
        }
    }

    /// Media answered that it has let go of something, that it never had it, or that it has no room to be asked: then it is
    /// asked again. The answer makes room for the next one.
    fn released(&self, release: &Numbered, result: Result<MediaReply, MediaError>) {
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
