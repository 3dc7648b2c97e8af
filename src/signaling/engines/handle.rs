//! One engine at run time: its log, the words that go beside it, and the waker of its stream.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use futures_util::task::AtomicWaker;

use super::reply::{CommandOutcome, StreamReply};
use crate::engine::{
    AckError, AttachError, Attachment, Counters, Cursor, Engine, Input, Item, Lapse, Logged, Open, Opened,
};
use crate::ground::Instant;
use crate::session::command::EngineRef;
use crate::signaling::linger::{Go, Linger, Urgency};

/// Most commands of one stream that are without a result, or whose result the engine has not read. At the bound the
/// stream is not read any further until results are.
pub const COMMANDS_PENDING_MAX: usize = 1_024;

/// What is to be said on a stream.
#[derive(Debug)]
pub enum Saying<'a> {
    /// What came of a command. Beside the log and its window.
    Result(CommandOutcome),
    /// Callplane is shutting down; calls may go on for so long.
    Draining(Duration),
    /// From the log.
    Item(Item<'a>),
}

/// Why a stream has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// Nothing was heard for three heartbeats.
    Silent,
    /// Callplane has ended.
    Shutdown,
    /// Another stream took its place, or it was detached.
    Detached,
}

#[derive(Debug)]
enum Word {
    Result(CommandOutcome),
    Draining(Duration),
}

#[derive(Debug)]
struct State {
    engine: Engine,
    /// The present stream, and what goes to it beside the log. At most [`COMMANDS_PENDING_MAX`] results and one farewell.
    attachment: Option<Attachment>,
    words: VecDeque<Word>,
    pending: usize,
    end: Option<StreamEnd>,
    linger: Linger,
    carrier: Option<Carrier>,
}

/// What carries the newest stream.
struct Carrier {
    stream: Attachment,
    /// Closes the connection.
    close: Box<dyn FnOnce() + Send>,
    /// When that is to be done, if the stream has not ended till then.
    at: Option<Instant>,
}

impl fmt::Debug for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Carrier").field("stream", &self.stream).field("at", &self.at).finish_non_exhaustive()
    }
}

/// How long a stream may take to end that has to. It cannot be told so while its client reads nothing.
const END_TIME_MAX: Duration = Duration::from_secs(1);

/// One engine. See the module.
#[derive(Debug)]
pub struct EngineHandle {
    identity: EngineRef,
    state: Mutex<State>,
    waker: AtomicWaker,
}

impl EngineHandle {
    pub(super) fn new(identity: EngineRef, engine: Engine) -> Self {
        let state = State {
            engine,
            attachment: None,
            words: VecDeque::new(),
            pending: 0,
            end: None,
            linger: Linger::default(),
            carrier: None,
        };
        Self { identity, state: Mutex::new(state), waker: AtomicWaker::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which engine.
    #[must_use]
    pub const fn identity(&self) -> &EngineRef {
        &self.identity
    }

    pub(super) fn attach(&self, open: Open, now: Instant) -> Result<Opened, AttachError> {
        let mut state = self.state();
        let opened = state.engine.attach(open, now)?;
        state.attachment = Some(opened.attachment);
        state.words.clear();
        state.pending = 0;
        state.end = None;
        Ok(opened)
    }

    /// Whether this stream was the present one; it is not any more. `leaves`: the engine closed it in good order.
    pub(super) fn detach(&self, stream: Attachment, leaves: bool, now: Instant) -> bool {
        let mut state = self.state();
        if state.carrier.as_ref().is_some_and(|carrier| carrier.stream == stream) {
            state.carrier = None;
        }
        if state.attachment != Some(stream) {
            return false;
        }
        state.attachment = None;
        state.words.clear();
        // A detachment cannot be refused.
        let input = if leaves { Input::Leave(stream) } else { Input::Detach(stream) };
        let _ = state.engine.handle(input, now);
        true
    }

    /// Appends an event. When [`wake_lingering`](Self::wake_lingering) is to be called for it, if the stream was not woken.
    pub(super) fn append(&self, logged: Logged, urgency: Urgency, now: Instant) -> Option<Instant> {
        let mut state = self.state();
        // Only acknowledgements can be refused.
        let _ = state.engine.handle(Input::Append(logged), now);
        self.stir(state, urgency, now)
    }

    /// Wakes the stream now, or says when it is to be woken.
    fn stir(&self, mut state: MutexGuard<'_, State>, urgency: Urgency, now: Instant) -> Option<Instant> {
        match state.linger.go(urgency, now) {
            Go::Now => {
                drop(state);
                self.waker.wake();
                None
            }
            Go::At(at) => Some(at),
            Go::Along => None,
        }
    }

    /// Wakes the stream, if something still waits for which it was not woken.
    pub fn wake_lingering(&self) {
        if self.state().linger.due() {
            self.waker.wake();
        }
    }

    /// Says how the connection is closed that carries this stream. An earlier stream that has not ended yet loses its own.
    pub fn carried_by(&self, stream: Attachment, close: impl FnOnce() + Send + 'static) {
        let carrier = Carrier { stream, close: Box::new(close), at: None };
        let before = self.state().carrier.replace(carrier);
        if let Some(before) = before {
            (before.close)();
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let state = self.state();
        let close = state.carrier.as_ref().and_then(|carrier| carrier.at);
        state.engine.poll_timeout().into_iter().chain(close).min()
    }

    /// Does what is due, wakes the stream when it concerns it.
    pub(super) fn handle_timeout(&self, now: Instant) -> Option<Lapse> {
        let mut state = self.state();
        if let Some(deaf) = state.carrier.take_if(|carrier| carrier.at.is_some_and(|at| at <= now)) {
            (deaf.close)();
        }
        let lapse = state.engine.handle_timeout(now)?;
        if matches!(lapse, Lapse::Silent(_)) {
            state.attachment = None;
            state.end = Some(StreamEnd::Silent);
            if let Some(carrier) = &mut state.carrier {
                carrier.at = Some(now + END_TIME_MAX);
            }
        }
        drop(state);
        self.waker.wake();
        Some(lapse)
    }

    pub(super) fn draining(&self, grace: Duration) {
        self.state().words.push_back(Word::Draining(grace));
        self.waker.wake();
    }

    /// Ends the stream, if there is one.
    pub(super) fn end(&self, why: StreamEnd) {
        self.state().end = Some(why);
        self.waker.wake();
    }

    pub(super) fn counters(&self) -> Counters {
        self.state().engine.counters()
    }

    pub(super) fn is_attached(&self) -> bool {
        self.state().attachment.is_some()
    }

    /// Says who is to be woken when there is something to say.
    pub fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// The engine said something.
    pub fn heard(&self, stream: Attachment, now: Instant) {
        // Only acknowledgements can be refused.
        let _ = self.state().engine.handle(Input::Heard(stream), now);
    }

    /// The engine acknowledged.
    ///
    /// # Errors
    /// When it acknowledges what it cannot have.
    pub fn ack(&self, stream: Attachment, through: Cursor, now: Instant) -> Result<(), AckError> {
        self.state().engine.handle(Input::Ack(stream, through), now)
    }

    /// Whether one more command of the stream may be read: never of one whose place another has taken.
    #[must_use]
    pub fn takes_commands(&self, stream: Attachment) -> bool {
        let state = self.state();
        state.attachment == Some(stream) && state.pending < COMMANDS_PENDING_MAX
    }

    /// How many commands of the present stream are without a result that was taken.
    #[must_use]
    pub fn commands_pending(&self) -> usize {
        self.state().pending
    }

    /// A command of the stream was read: the way back for its result.
    #[must_use]
    pub fn reply_to(
        self: &Arc<Self>,
        stream: Attachment,
        command_id: String,
        created: Option<String>,
    ) -> StreamReply {
        let mut state = self.state();
        // Results of a stream that has ended are never taken.
        if state.attachment == Some(stream) {
            state.pending += 1;
        }
        drop(state);
        StreamReply::new(Arc::clone(self), stream, command_id, created)
    }

    /// Tells `say` what there is to be said on this stream, results first, while it answers that it takes more.
    ///
    /// What [waits for company](crate::signaling::linger) is left to its time, unless this is the `last` chance.
    ///
    /// # Errors
    /// When the stream has to end. At a shutdown it ends when there is nothing more to say.
    pub fn take(
        &self,
        stream: Attachment,
        now: Instant,
        last: bool,
        mut say: impl FnMut(Saying<'_>) -> bool,
    ) -> Result<(), StreamEnd> {
        let mut state = self.state();
        if state.end == Some(StreamEnd::Silent) {
            return Err(StreamEnd::Silent);
        }
        if state.attachment != Some(stream) {
            return Err(StreamEnd::Detached);
        }
        // Polled for another reason, such as a command that came: what waits for company goes on waiting for it.
        if state.linger.waits().is_some() && !last && state.end.is_none() {
            return Ok(());
        }
        let (mut more, mut said) = (true, false);
        let mut items = false;
        while more && let Some(word) = state.words.pop_front() {
            said = true;
            more = match word {
                Word::Result(outcome) => {
                    state.pending = state.pending.saturating_sub(1);
                    say(Saying::Result(outcome))
                }
                Word::Draining(grace) => say(Saying::Draining(grace)),
            };
        }
        if said {
            // Only acknowledgements can be refused.
            let _ = state.engine.handle(Input::Said(stream), now);
        }
        while more && let Some(item) = state.engine.poll_item(stream, now) {
            items = true;
            more = say(Saying::Item(item));
        }
        match state.end {
            Some(end) if !said && !items => Err(end),
            _ => Ok(()),
        }
    }

    pub(super) fn result(
        &self,
        stream: Attachment,
        outcome: CommandOutcome,
        urgency: Urgency,
        now: Instant,
    ) -> Option<Instant> {
        let mut state = self.state();
        if state.attachment != Some(stream) {
            return None;
        }
        state.words.push_back(Word::Result(outcome));
        self.stir(state, urgency, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::EngineLimits;

    #[test]
    fn what_an_ended_stream_still_asks_does_not_count_for_the_next() {
        let identity = EngineRef { group: "g".into(), id: "e".into() };
        let engine = Engine::new(EngineLimits::default(), 1, Instant::ZERO);
        let handle = Arc::new(EngineHandle::new(identity, engine));
        let attach = || handle.attach(Open::default(), Instant::ZERO).expect("attached").attachment;
        let first = attach();
        handle.detach(first, false, Instant::ZERO);
        let second = attach();
        assert!(!handle.takes_commands(first) && handle.takes_commands(second));
        drop(handle.reply_to(first, "late".into(), None));
        assert_eq!(handle.commands_pending(), 0);
        let reply = handle.reply_to(second, "command".into(), None);
        assert_eq!(handle.commands_pending(), 1);
        drop(reply);
    }
}
