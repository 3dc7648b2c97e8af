//! What reaches a shard from this side: requests of clients, answers of media and of look-ups, news of engines.
//!
//! Many writers, one reader. Requests and media events have bounds; answers are bounded by what was asked, news by their
//! kinds. A writer wakes the driver; one that runs on the driver's own thread costs no system call.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Context;

use futures_util::task::AtomicWaker;
use opentelemetry::trace::SpanContext;
use tokio::sync::oneshot;

use super::Reply;
use crate::ground::{Instant, SessionId};
use crate::session::command::{Command, EngineRef};
use crate::session::event::SessionView;
use crate::shard::io::{AttachedEngine, Input, Query};

/// Most requests of clients that wait for one shard. One more is refused with `LIMIT_REACHED`.
pub const SHARD_REQUESTS_MAX: usize = 8_192;

/// Most media events that wait for one shard. One more is dropped and counted; what a session needs to end, its timers
/// and the endpoint's own end bring too.
pub const MEDIA_EVENTS_MAX: usize = 8_192;

/// What a client asks of a shard.
#[derive(Debug)]
pub enum Request {
    /// A command.
    Command {
        /// The session.
        session: SessionId,
        /// What to do.
        command: Box<Command>,
        /// Who hears what came of it.
        reply: Reply,
        /// From then on it is not carried out any more.
        expires: Instant,
        /// The span of the engine that gives it, where it told one.
        trace: Option<Box<SpanContext>>,
    },
    /// A question.
    Query {
        /// What is asked.
        query: Query,
        /// Who hears the answer.
        reply: oneshot::Sender<Vec<SessionView>>,
    },
}

/// The one inbox of a shard.
#[derive(Debug, Default)]
pub struct Inbox {
    lanes: Mutex<Lanes>,
    something: AtomicBool,
    waker: AtomicWaker,
    media_events_dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Lanes {
    requests: VecDeque<Request>,
    /// Answers and events, in the order in which they came.
    inputs: VecDeque<Input>,
    media_events: usize,
    engines: Option<Vec<AttachedEngine>>,
    gone: Vec<EngineRef>,
    drain: bool,
    hang_up: bool,
    stopped: bool,
}

/// What the driver takes at a time. Kept and used again.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub inputs: Vec<Input>,
    pub requests: Vec<Request>,
    pub stopped: bool,
}

impl Inbox {
    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        self.something.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Puts in a client's request.
    ///
    /// # Errors
    /// Gives it back when [`SHARD_REQUESTS_MAX`] wait, or the shard has stopped.
    pub fn request(&self, request: Request) -> Result<(), Request> {
        let mut lanes = self.lanes();
        if lanes.stopped || lanes.requests.len() >= SHARD_REQUESTS_MAX {
            return Err(request);
        }
        lanes.requests.push_back(request);
        drop(lanes);
        self.wake();
        Ok(())
    }

    /// What was asked and that no driver has taken.
    #[cfg(test)]
    pub fn untaken(&self) -> Vec<Request> {
        self.lanes().requests.drain(..).collect()
    }

    /// Puts in a request that follows from one that was taken: there is one for each of these at most, and it is not to be
    /// lost.
    ///
    /// # Errors
    /// Gives it back when the shard has stopped.
    pub fn follow_up(&self, request: Request) -> Result<(), Request> {
        let mut lanes = self.lanes();
        if lanes.stopped {
            return Err(request);
        }
        lanes.requests.push_back(request);
        drop(lanes);
        self.wake();
        Ok(())
    }

    /// Puts in the answer to something that the shard asked.
    pub fn answer(&self, input: Input) {
        self.lanes().inputs.push_back(input);
        self.wake();
    }

    /// Puts in an event that nobody asked for.
    pub fn media_event(&self, input: Input) {
        let mut lanes = self.lanes();
        if lanes.media_events >= MEDIA_EVENTS_MAX {
            drop(lanes);
            self.media_events_dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        lanes.media_events += 1;
        lanes.inputs.push_back(input);
        drop(lanes);
        self.wake();
    }

    /// Says who is attached now. Only the newest list counts.
    pub fn engines(&self, attached: Vec<AttachedEngine>) {
        self.lanes().engines = Some(attached);
        self.wake();
    }

    /// Says that an engine is gone for good.
    pub fn engine_gone(&self, engine: EngineRef) {
        self.lanes().gone.push(engine);
        self.wake();
    }

    /// Says that no new calls are to be taken.
    pub fn drain(&self) {
        self.lanes().drain = true;
        self.wake();
    }

    /// Says that all calls are to end.
    pub fn hang_up_all(&self) {
        self.lanes().hang_up = true;
        self.wake();
    }

    /// Says that the driver is to stop. What waits is dropped, and so is whoever waits for its answers.
    pub fn stop(&self) {
        let mut lanes = self.lanes();
        lanes.stopped = true;
        let dropped = std::mem::take(&mut lanes.requests);
        drop(lanes);
        drop(dropped);
        self.wake();
    }

    /// How many requests wait.
    #[must_use]
    pub fn requests_waiting(&self) -> usize {
        self.lanes().requests.len()
    }

    /// How many media events were dropped.
    #[must_use]
    pub fn media_events_dropped(&self) -> u64 {
        self.media_events_dropped.load(Ordering::Relaxed)
    }

    /// Takes all inputs and at most `max` requests. Whether there was anything; if not, the driver is woken when there
    /// is.
    pub(super) fn poll_take(&self, cx: &mut Context<'_>, taken: &mut Taken, max: usize) -> bool {
        if !self.something.swap(false, Ordering::AcqRel) {
            self.waker.register(cx.waker());
            if !self.something.swap(false, Ordering::AcqRel) {
                return false;
            }
        }
        let mut lanes = self.lanes();
        taken.stopped = lanes.stopped;
        taken.inputs.extend(lanes.engines.take().map(Input::Engines));
        taken.inputs.extend(lanes.gone.drain(..).map(Input::EngineGone));
        if std::mem::take(&mut lanes.drain) {
            taken.inputs.push(Input::Drain);
        }
        if std::mem::take(&mut lanes.hang_up) {
            taken.inputs.push(Input::HangUpAll);
        }
        taken.inputs.extend(lanes.inputs.drain(..));
        lanes.media_events = 0;
        let some = lanes.requests.len().min(max);
        taken.requests.extend(lanes.requests.drain(..some));
        if !lanes.requests.is_empty() {
            self.something.store(true, Ordering::Release);
        }
        true
    }
}
