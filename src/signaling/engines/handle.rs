//! One engine at run time: its log, the words that go beside it, and the waker of its stream.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use futures_util::task::AtomicWaker;

use super::reply::{CommandOutcome, Makes, StreamReply};
use super::watch::{Carrier, END_TIME_MAX};
use crate::engine::{
    AckError, AttachError, Attachment, Counters, Cursor, Engine, Input, Item, Keeping, Lapse, Logged, Open,
    Opened,
};
use crate::ground::Instant;
use crate::listening::ConnectionLife;
use crate::session::command::EngineRef;
use crate::signaling::linger::{Go, Linger, Urgency};
use crate::signaling::refusal::Named;

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
    /// It was not read for three heartbeats.
    Unread,
    /// Callplane has ended.
    Shutdown,
    /// A newer stream of the engine took its place.
    Replaced,
    /// It was detached.
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
    /// What carries the stream before, while that has not ended.
    former: Option<Carrier>,
    /// Whether it keeps up, as shards were told.
    keeping: Keeping,
    /// What the log counts for in the memory of all.
    charged: usize,
}

/// One engine. See the module.
#[derive(Debug)]
pub struct EngineHandle {
    identity: EngineRef,
    number: u64,
    /// Bytes that all logs keep.
    memory: Arc<AtomicUsize>,
    state: Mutex<State>,
    waker: AtomicWaker,
}

impl State {
    /// The connection of the stream whose place another takes is closed, unless the stream ends in time.
    fn retire_carrier(&mut self, now: Instant) {
        let Some(mut carrier) = self.carrier.take() else { return };
        carrier.close_at = Some(now + END_TIME_MAX);
        if let Some(earlier) = self.former.replace(carrier) {
            earlier.connection.close();
        }
    }
}

impl Drop for EngineHandle {
    fn drop(&mut self) {
        let charged = self.state().charged;
        self.memory.fetch_sub(charged, Ordering::Relaxed);
    }
}

impl EngineHandle {
    /// `number` is its own: that of its log.
    pub(super) fn new(identity: EngineRef, number: u64, engine: Engine, memory: Arc<AtomicUsize>) -> Self {
        let state = State {
            engine,
            attachment: None,
            words: VecDeque::new(),
            pending: 0,
            end: None,
            linger: Linger::default(),
            carrier: None,
            former: None,
            keeping: Keeping::default(),
            charged: 0,
        };
        Self { identity, number, memory, state: Mutex::new(state), waker: AtomicWaker::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts what the log keeps now into the memory of all.
    fn settle(&self, state: &mut State) {
        let bytes = state.engine.log().bytes();
        let before = std::mem::replace(&mut state.charged, bytes);
        if bytes >= before {
            self.memory.fetch_add(bytes - before, Ordering::Relaxed);
        } else {
            self.memory.fetch_sub(before - bytes, Ordering::Relaxed);
        }
    }

    /// Bytes that its log keeps.
    pub(super) fn log_bytes(&self) -> usize {
        self.state().charged
    }

    /// Drops events until its log keeps no more bytes than these.
    pub(super) fn shrink(&self, bytes: usize) {
        let mut state = self.state();
        state.engine.shrink(bytes);
        self.settle(&mut state);
    }

    /// Which engine.
    #[must_use]
    pub const fn identity(&self) -> &EngineRef {
        &self.identity
    }

    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// A stream that is open already is ended.
    pub(super) fn attach(&self, open: Open, now: Instant) -> Result<Opened, AttachError> {
        let mut state = self.state();
        let opened = state.engine.attach(open, now)?;
        state.attachment = Some(opened.attachment);
        state.words.clear();
        state.pending = 0;
        state.end = None;
        state.keeping = Keeping::default();
        if opened.replaces.is_some() {
            state.retire_carrier(now);
        }
        drop(state);
        // The stream before is told.
        self.waker.wake();
        Ok(opened)
    }

    /// Whether this stream was the present one; it is not any more. `leaves`: the engine closed it in good order.
    pub(super) fn detach(&self, stream: Attachment, leaves: bool, now: Instant) -> bool {
        let mut state = self.state();
        let ended = |carrier: &mut Carrier| carrier.stream == stream;
        state.carrier.take_if(ended);
        state.former.take_if(ended);
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
        self.settle(&mut state);
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

    /// Says which connection carries this stream.
    pub fn carried_by(&self, stream: Attachment, connection: ConnectionLife) {
        let mut state = self.state();
        // One that goes on to carry the engine is not closed.
        let is_needed = |carrier: &mut Carrier| carrier.connection.is(&connection);
        state.former.take_if(is_needed);
        state.carrier.take_if(is_needed);
        if let Some(dead) = state.carrier.replace(Carrier::new(stream, connection)) {
            dead.connection.close();
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let state = self.state();
        let carriers = [&state.carrier, &state.former].into_iter().flatten();
        let close = carriers.filter_map(|carrier| carrier.close_at);
        state.engine.poll_timeout().into_iter().chain(close).min()
    }

    /// Does what is due, wakes the stream when it concerns it.
    pub(super) fn handle_timeout(&self, now: Instant) -> Option<Lapse> {
        let mut state = self.state();
        let due = |carrier: &mut Carrier| carrier.close_at.is_some_and(|at| at <= now);
        for deaf in [state.carrier.take_if(due), state.former.take_if(due)].into_iter().flatten() {
            deaf.connection.close();
        }
        let lapse = state.engine.handle_timeout(now)?;
        self.settle(&mut state);
        if matches!(lapse, Lapse::Unread(_)) {
            state.attachment = None;
            state.end = Some(StreamEnd::Unread);
            if let Some(carrier) = &mut state.carrier {
                carrier.close_at = Some(now + END_TIME_MAX);
            }
        }
        drop(state);
        self.waker.wake();
        Some(lapse)
    }

    /// Looks whether the engine is heard from and keeps up with its events; `Some` when that is other than before. To be
    /// called at [regular times](super::watch::INTERVAL).
    pub(super) fn watch(&self) -> Option<Keeping> {
        let mut state = self.state();
        state.attachment?;
        let silent = state.carrier.as_mut().is_some_and(Carrier::is_silent);
        let keeping = state.engine.watch(silent);
        let before = std::mem::replace(&mut state.keeping, keeping);
        (before != keeping).then_some(keeping)
    }

    /// Whether nothing is lost when it is forgotten.
    pub(super) fn is_dispensable(&self) -> bool {
        self.state().engine.is_dispensable()
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

    /// How many sessions it owns, as its log tells.
    pub(super) fn sessions(&self) -> u64 {
        self.state().engine.sessions()
    }

    pub(super) fn is_attached(&self) -> bool {
        self.state().attachment.is_some()
    }

    /// Says who is to be woken when there is something to say on this stream. Of a stream whose place another has taken
    /// nobody is: the one waker is the newer one's.
    pub fn register(&self, stream: Attachment, waker: &Waker) {
        let state = self.state();
        if state.attachment == Some(stream) {
            self.waker.register(waker);
        }
    }

    /// The engine acknowledged.
    ///
    /// # Errors
    /// When it acknowledges what it cannot have.
    pub fn ack(&self, stream: Attachment, through: Cursor, now: Instant) -> Result<(), AckError> {
        let mut state = self.state();
        let acked = state.engine.handle(Input::Ack(stream, through), now);
        self.settle(&mut state);
        acked
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
        named: Named,
        makes: Makes,
    ) -> StreamReply {
        let mut state = self.state();
        // Results of a stream that has ended are never taken.
        if state.attachment == Some(stream) {
            state.pending += 1;
        }
        drop(state);
        StreamReply::new(Arc::clone(self), stream, command_id, named, makes)
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
        match state.attachment {
            Some(present) if present == stream => {}
            Some(_) => return Err(StreamEnd::Replaced),
            None if state.end == Some(StreamEnd::Unread) => return Err(StreamEnd::Unread),
            None => return Err(StreamEnd::Detached),
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
        let handle = Arc::new(EngineHandle::new(identity, 1, engine, Arc::default()));
        let attach = || handle.attach(Open::default(), Instant::ZERO).expect("attached").attachment;
        let first = attach();
        handle.detach(first, false, Instant::ZERO);
        let second = attach();
        assert!(!handle.takes_commands(first) && handle.takes_commands(second));
        drop(handle.reply_to(first, "late".into(), Named::default(), Makes::Nothing));
        assert_eq!(handle.commands_pending(), 0);
        let reply = handle.reply_to(second, "command".into(), Named::default(), Makes::Nothing);
        assert_eq!(handle.commands_pending(), 1);
        drop(reply);
    }
}
