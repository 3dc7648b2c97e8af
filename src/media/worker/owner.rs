//! An owner: a signaling node whose endpoints these are. It has one stream at a time, and a queue of what it is to be
//! told, which outlives the stream.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::directory::Directory;
use super::operation::Reply;
use crate::ground::Instant;
use crate::media::core::Event;

/// Events that may wait for one owner, or for its acknowledgement. Past this they are dropped and counted, and its stream
/// ends: it has to look at what it knows anew.
pub const EVENTS_MAX: usize = 16_384;

/// How long nothing may be heard on an open stream until another process of the owner's name may take its place.
pub const STREAM_SILENT_MAX: Duration = Duration::from_secs(3);

/// Something that an owner is told.
#[derive(Debug)]
pub enum Item {
    /// A reply.
    Reply {
        /// The stream on which it was asked.
        stream: u64,
        /// The request's id.
        id: u64,
        /// What is answered.
        reply: Reply,
    },
    /// An event.
    Event {
        /// The endpoint's id.
        endpoint: Arc<str>,
        /// What happened.
        event: Event,
    },
    /// How the node stands, for the stream that is open.
    Node(NodePhase),
}

/// How a node stands, once that it does not simply serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodePhase {
    /// It makes no new endpoints.
    Draining,
    /// It ends; all endpoints with it.
    Ending,
}

/// How a stream fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamState {
    /// There are items now.
    Items,
    /// A newer stream of the owner took its place.
    Replaced,
    /// Events were lost: the stream has to end.
    EventsLost,
    /// The node ends.
    NodeEnds,
}

#[derive(Debug)]
struct State {
    /// Of the process that had the last stream; `None` before the first.
    incarnation: Option<u64>,
    /// The open stream's number; `None` while there is none.
    stream: Option<u64>,
    streams_opened: u64,
    gone_since: Instant,
    items: VecDeque<Item>,
    /// Events that were sent and not acknowledged, in their order: a stream can be dead for seconds before it is known.
    unacknowledged: VecDeque<(Arc<str>, Event)>,
    /// The number of the last event that was acknowledged. The others are numbered on from there.
    acknowledged: u64,
    events_lost: u64,
    node_ends: bool,
    waker: Option<Waker>,
}

/// An owner.
#[derive(Debug)]
pub struct Owner {
    /// A number for it, as endpoints bear it.
    pub number: u32,
    /// Its name.
    pub name: Box<str>,
    /// Where its endpoints and bridges are.
    pub directory: Mutex<Directory>,
    state: Mutex<State>,
    /// When something was last heard on the open stream, nanoseconds.
    heard_at: AtomicU64,
}

/// A stream was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Its number.
    pub stream: u64,
    /// Events that were dropped since the last one.
    pub events_lost: u64,
    /// The number of its first event.
    pub events_from: u64,
}

impl State {
    /// Lets go of the events up to this number. Whoever names more than were sent has them all.
    fn acknowledge(&mut self, through: u64) {
        let heard = through.saturating_sub(self.acknowledged);
        let heard = usize::try_from(heard).unwrap_or(usize::MAX).min(self.unacknowledged.len());
        self.unacknowledged.drain(..heard);
        self.acknowledged += heard as u64;
    }

    /// What was sent and not acknowledged waits again, before all that has waited since. Replies of an older stream would
    /// find nobody.
    fn wait_again(&mut self) {
        let again = std::mem::take(&mut self.unacknowledged);
        let again = again.into_iter().map(|(endpoint, event)| Item::Event { endpoint, event });
        let later =
            std::mem::take(&mut self.items).into_iter().filter(|item| matches!(item, Item::Event { .. }));
        self.items = again.chain(later).collect();
    }
}

impl Owner {
    pub(super) fn new(number: u32, name: &str, now: Instant) -> Self {
        Self {
            number,
            name: name.into(),
            directory: Mutex::default(),
            state: Mutex::new(State {
                incarnation: None,
                stream: None,
                streams_opened: 0,
                gone_since: now,
                items: VecDeque::new(),
                unacknowledged: VecDeque::new(),
                acknowledged: 0,
                events_lost: 0,
                node_ends: false,
                waker: None,
            }),
            heard_at: AtomicU64::new(now.as_nanos()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where its endpoints and bridges are.
    pub fn places(&self) -> MutexGuard<'_, Directory> {
        self.directory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a stream for the process of this incarnation, which has heard the events up to this number; one that is open
    /// ends. `None`: another process has one, and something was heard on it lately.
    #[must_use]
    pub fn open_stream(&self, incarnation: u64, events_through: u64, now: Instant) -> Option<Opened> {
        let mut state = self.state();
        if state.incarnation != Some(incarnation) {
            if state.stream.is_some() && !self.is_silent(now) {
                return None;
            }
            // What the former process was to be told would mean nothing to this one.
            state.incarnation = Some(incarnation);
            state.items.clear();
            // Their numbers are not given again: an acknowledgement of the former process, come late, takes nothing.
            state.acknowledge(u64::MAX);
            state.events_lost = 0;
        }
        state.streams_opened += 1;
        let stream = state.streams_opened;
        state.stream = Some(stream);
        state.acknowledge(events_through);
        state.wait_again();
        let events_lost = std::mem::take(&mut state.events_lost);
        let opened = Opened { stream, events_lost, events_from: state.acknowledged + 1 };
        self.heard(now);
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
        Some(opened)
    }

    /// The owner has heard the events up to this number.
    pub fn acknowledge(&self, through: u64) {
        self.state().acknowledge(through);
    }

    /// Something was heard on the open stream.
    pub fn heard(&self, now: Instant) {
        self.heard_at.store(now.as_nanos(), Ordering::Relaxed);
    }

    fn is_silent(&self, now: Instant) -> bool {
        let heard_at = Instant::from_nanos(self.heard_at.load(Ordering::Relaxed));
        now.since(heard_at) >= STREAM_SILENT_MAX
    }

    /// A stream has ended. What waits stays for the next one.
    pub fn close_stream(&self, stream: u64, now: Instant) {
        let mut state = self.state();
        if state.stream == Some(stream) {
            state.stream = None;
            state.waker = None;
            state.gone_since = now;
        }
    }

    /// Whether it has had no stream for this long.
    #[must_use]
    pub fn is_gone_for(&self, time: Duration, now: Instant) -> bool {
        let state = self.state();
        state.stream.is_none() && now.since(state.gone_since) >= time
    }

    /// Since when it has had no stream; `None` while it has one.
    #[must_use]
    pub fn gone_since(&self) -> Option<Instant> {
        let state = self.state();
        state.stream.is_none().then_some(state.gone_since)
    }

    /// Puts items in, in order, and wakes the stream.
    pub fn tell(&self, items: impl IntoIterator<Item = Item>) {
        let mut state = self.state();
        for item in items {
            match item {
                Item::Reply { stream, .. } if state.stream != Some(stream) => {}
                Item::Event { .. } if state.items.len() + state.unacknowledged.len() >= EVENTS_MAX => {
                    state.events_lost += 1;
                }
                // The next stream is told with its welcome.
                Item::Node(_) if state.stream.is_none() => {}
                item => state.items.push_back(item),
            }
        }
        let waker = if state.stream.is_some() { state.waker.take() } else { None };
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// The node ends: so does the stream, after what waits.
    pub fn node_ends(&self) {
        let mut state = self.state();
        state.node_ends = true;
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Takes up to `max` items for this stream into `into`.
    pub fn poll_items(
        &self,
        stream: u64,
        max: usize,
        into: &mut Vec<Item>,
        cx: &mut Context<'_>,
    ) -> Poll<StreamState> {
        let mut guard = self.state();
        let state = &mut *guard;
        if state.stream != Some(stream) {
            return Poll::Ready(StreamState::Replaced);
        }
        if !state.items.is_empty() {
            let count = state.items.len().min(max);
            let begin = into.len();
            into.extend(state.items.drain(..count));
            state.unacknowledged.extend(into[begin..].iter().filter_map(|item| match item {
                Item::Event { endpoint, event } => Some((Arc::clone(endpoint), event.clone())),
                Item::Reply { .. } | Item::Node(_) => None,
            }));
            return Poll::Ready(StreamState::Items);
        }
        if state.events_lost > 0 {
            return Poll::Ready(StreamState::EventsLost);
        }
        if state.node_ends {
            return Poll::Ready(StreamState::NodeEnds);
        }
        if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            state.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::worker::operation::Outcome;

    const NOW: Instant = Instant::from_millis(1000);

    fn owner() -> Owner {
        Owner::new(1, "a", NOW)
    }

    fn event() -> Item {
        Item::Event { endpoint: "e".into(), event: Event::DtmfSent { key: 1 } }
    }

    fn reply(stream: u64, id: u64) -> Item {
        Item::Reply { stream, id, reply: Ok(Outcome::Done) }
    }

    fn open(owner: &Owner, incarnation: u64, now: Instant) -> u64 {
        owner.open_stream(incarnation, 0, now).expect("it is let in").stream
    }

    fn poll(owner: &Owner, stream: u64) -> (Poll<StreamState>, usize) {
        let mut items = Vec::new();
        let state = owner.poll_items(stream, 100_000, &mut items, &mut Context::from_waker(Waker::noop()));
        (state, items.len())
    }

    #[test]
    fn a_new_stream_takes_the_place_of_the_old_one_and_gets_the_events_but_not_its_replies() {
        let owner = owner();
        let first = open(&owner, 1, NOW);
        owner.tell([reply(first, 1), event(), event(), Item::Node(NodePhase::Draining)]);
        let second = open(&owner, 1, NOW);
        assert_eq!(poll(&owner, first), (Poll::Ready(StreamState::Replaced), 0));
        owner.tell([reply(first, 2), reply(second, 3)]);
        assert_eq!(poll(&owner, second), (Poll::Ready(StreamState::Items), 3));
        assert_eq!(poll(&owner, second), (Poll::Pending, 0));
        owner.close_stream(first, NOW);
        assert!(!owner.is_gone_for(Duration::ZERO, NOW));
    }

    #[test]
    fn events_wait_for_the_next_stream_up_to_their_bound_and_then_the_loss_is_told() {
        let owner = owner();
        let stream = open(&owner, 1, NOW);
        owner.close_stream(stream, NOW);
        owner.tell((0..EVENTS_MAX + 3).map(|_| event()));
        let opened = owner.open_stream(1, 0, NOW).expect("it is let in");
        assert_eq!(opened.events_lost, 3);
        assert_eq!(poll(&owner, opened.stream), (Poll::Ready(StreamState::Items), EVENTS_MAX));
        owner.acknowledge(EVENTS_MAX as u64);
        owner.tell((0..=EVENTS_MAX).map(|_| event()));
        assert_eq!(poll(&owner, opened.stream), (Poll::Ready(StreamState::Items), EVENTS_MAX));
        assert_eq!(poll(&owner, opened.stream), (Poll::Ready(StreamState::EventsLost), 0));
    }

    fn digit_events(keys: std::ops::Range<u64>) -> impl Iterator<Item = Item> {
        keys.map(|key| Item::Event { endpoint: "e".into(), event: Event::DtmfSent { key } })
    }

    fn keys(owner: &Owner, stream: u64) -> Vec<u64> {
        let mut items = Vec::new();
        let _ = owner.poll_items(stream, 100_000, &mut items, &mut Context::from_waker(Waker::noop()));
        let key = |item| match item {
            Item::Event { event: Event::DtmfSent { key }, .. } => Some(key),
            _ => None,
        };
        items.into_iter().filter_map(key).collect()
    }

    #[test]
    fn what_a_dead_stream_was_given_comes_again_on_the_next_from_the_last_event_that_was_heard() {
        // Acknowledged by a heartbeat, heard by what the next stream says; then the first event of that stream.
        for (acknowledged, heard, from) in [(0, 0, 1), (0, 2, 3), (2, 2, 3), (3, 1, 4), (1, 4, 5), (9, 9, 5)]
        {
            let owner = owner();
            let dead = open(&owner, 1, NOW);
            owner.tell(digit_events(1..5));
            assert_eq!(keys(&owner, dead), [1, 2, 3, 4]);
            owner.acknowledge(acknowledged);
            owner.tell(digit_events(5..6).chain([reply(dead, 1)]));
            let opened = owner.open_stream(1, heard, NOW).expect("it is let in");
            assert_eq!(opened.events_from, from);
            assert_eq!(keys(&owner, opened.stream), (from..6).collect::<Vec<_>>());
            // Once more, nothing heard of it: the same again.
            let again = owner.open_stream(1, 0, NOW).expect("it is let in");
            assert_eq!(keys(&owner, again.stream), (from..6).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_late_acknowledgement_of_the_former_process_takes_no_event_of_the_next() {
        let owner = owner();
        let first = open(&owner, 1, NOW);
        owner.tell(digit_events(1..5));
        assert_eq!(keys(&owner, first), [1, 2, 3, 4]);
        owner.close_stream(first, NOW);
        let second = owner.open_stream(2, 0, NOW).expect("it is let in");
        assert_eq!(second.events_from, 5);
        owner.tell(digit_events(5..7));
        assert_eq!(keys(&owner, second.stream), [5, 6]);
        owner.acknowledge(4);
        let again = owner.open_stream(2, 0, NOW).expect("it is let in");
        assert_eq!(keys(&owner, again.stream), [5, 6]);
    }

    #[test]
    fn events_that_wait_to_be_acknowledged_count_as_waiting() {
        let owner = owner();
        let stream = open(&owner, 1, NOW);
        owner.tell((0..EVENTS_MAX).map(|_| event()));
        assert_eq!(poll(&owner, stream), (Poll::Ready(StreamState::Items), EVENTS_MAX));
        owner.tell([event()]);
        assert_eq!(poll(&owner, stream), (Poll::Ready(StreamState::EventsLost), 0));
    }

    #[test]
    fn another_process_is_let_in_when_the_stream_has_ended_whatever_its_incarnation() {
        let owner = owner();
        let first = open(&owner, u64::MAX, NOW);
        owner.tell([event()]);
        owner.close_stream(first, NOW);
        let second = open(&owner, 5, NOW);
        assert_eq!(poll(&owner, second), (Poll::Pending, 0), "the events were the other one's");
    }

    #[test]
    fn another_process_is_kept_out_while_the_stream_is_open_and_heard_and_harms_nobody() {
        let owner = owner();
        let stream = open(&owner, 5, NOW);
        for seconds in 1..10 {
            let now = NOW + Duration::from_secs(seconds);
            assert_eq!(owner.open_stream(u64::MAX, 0, now), None);
            owner.heard(now);
        }
        owner.tell([event()]);
        assert_eq!(poll(&owner, stream), (Poll::Ready(StreamState::Items), 1));
        let heard = NOW + Duration::from_secs(9);
        assert_eq!(owner.open_stream(6, 0, heard + (STREAM_SILENT_MAX - Duration::from_millis(1))), None);
        open(&owner, 6, heard + STREAM_SILENT_MAX);
        assert_eq!(poll(&owner, stream), (Poll::Ready(StreamState::Replaced), 0));
    }

    #[test]
    fn how_the_node_stands_is_told_on_the_open_stream_alone() {
        let owner = owner();
        owner.tell([Item::Node(NodePhase::Draining)]);
        let stream = open(&owner, 1, NOW);
        assert_eq!(poll(&owner, stream), (Poll::Pending, 0));
        owner.tell([Item::Node(NodePhase::Ending)]);
        assert_eq!(poll(&owner, stream), (Poll::Ready(StreamState::Items), 1));
    }
}
