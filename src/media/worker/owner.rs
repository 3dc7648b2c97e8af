//! Owners: the signaling nodes whose endpoints these are. Each has one stream at a time, and a queue of what it is to
//! be told, which outlives the stream.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::directory::Directory;
use super::operation::Reply;
use crate::ground::Instant;
use crate::media::core::{Event, Failure};

/// Events that may wait for one owner. Past this they are dropped and counted, and its stream ends: it has to look at
/// what it knows anew.
pub const EVENTS_MAX: usize = 16_384;

/// Owners that a node may know. One more is refused.
pub const OWNERS_MAX: usize = 256;

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
    incarnation: u64,
    /// The open stream's number; `None` while there is none.
    stream: Option<u64>,
    streams_opened: u64,
    gone_since: Instant,
    items: VecDeque<Item>,
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
}

/// A stream was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Its number.
    pub stream: u64,
    /// Events that were dropped since the last one.
    pub events_lost: u64,
}

impl Owner {
    fn new(number: u32, name: &str, incarnation: u64, now: Instant) -> Self {
        Self {
            number,
            name: name.into(),
            directory: Mutex::default(),
            state: Mutex::new(State {
                incarnation,
                stream: None,
                streams_opened: 0,
                gone_since: now,
                items: VecDeque::new(),
                events_lost: 0,
                node_ends: false,
                waker: None,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where its endpoints and bridges are.
    pub fn places(&self) -> MutexGuard<'_, Directory> {
        self.directory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a stream; one that is open ends.
    pub fn open_stream(&self) -> Opened {
        let mut state = self.state();
        state.streams_opened += 1;
        let stream = state.streams_opened;
        state.stream = Some(stream);
        // Replies of an older stream would find nobody.
        state.items.retain(|item| matches!(item, Item::Event { .. }));
        let opened = Opened { stream, events_lost: std::mem::take(&mut state.events_lost) };
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
        opened
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

    /// Puts items in, in order, and wakes the stream.
    pub fn tell(&self, items: impl IntoIterator<Item = Item>) {
        let mut state = self.state();
        for item in items {
            match item {
                Item::Reply { stream, .. } if state.stream != Some(stream) => {}
                Item::Event { .. } if state.items.len() >= EVENTS_MAX => state.events_lost += 1,
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
        let mut state = self.state();
        if state.stream != Some(stream) {
            return Poll::Ready(StreamState::Replaced);
        }
        if !state.items.is_empty() {
            let count = state.items.len().min(max);
            into.extend(state.items.drain(..count));
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

/// All owners of a node.
#[derive(Debug, Default)]
pub struct Owners {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    by_name: HashMap<Box<str>, Arc<Owner>>,
    numbers: u32,
}

impl Owners {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The owner of this name, in this incarnation or an earlier one.
    ///
    /// # Errors
    /// [`Failure::OldIncarnation`] when a later one was seen, [`Failure::Limit`] past [`OWNERS_MAX`].
    pub fn meet(&self, name: &str, incarnation: u64, now: Instant) -> Result<Arc<Owner>, Failure> {
        let mut known = self.known();
        if let Some(owner) = known.by_name.get(name) {
            let mut state = owner.state();
            if state.incarnation > incarnation {
                return Err(Failure::OldIncarnation { asked: incarnation, seen: state.incarnation });
            }
            state.incarnation = incarnation;
            drop(state);
            return Ok(Arc::clone(owner));
        }
        if known.by_name.len() >= OWNERS_MAX {
            return Err(Failure::Limit { what: "owners", limit: OWNERS_MAX });
        }
        known.numbers += 1;
        let owner = Arc::new(Owner::new(known.numbers, name, incarnation, now));
        known.by_name.insert(name.into(), Arc::clone(&owner));
        Ok(owner)
    }

    /// Forgets an owner that has had no stream for this long, unless somebody still holds it.
    pub fn forget(&self, time: Duration, now: Instant) {
        self.known().by_name.retain(|_, owner| Arc::strong_count(owner) > 1 || !owner.is_gone_for(time, now));
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Owner>> {
        self.known().by_name.values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::worker::operation::Outcome;

    const NOW: Instant = Instant::from_millis(1000);

    fn event() -> Item {
        Item::Event { endpoint: "e".into(), event: Event::DtmfSent { key: 1 } }
    }

    fn reply(stream: u64, id: u64) -> Item {
        Item::Reply { stream, id, reply: Ok(Outcome::Done) }
    }

    fn poll(owner: &Owner, stream: u64) -> (Poll<StreamState>, usize) {
        let mut items = Vec::new();
        let state = owner.poll_items(stream, 100_000, &mut items, &mut Context::from_waker(Waker::noop()));
        (state, items.len())
    }

    #[test]
    fn a_new_stream_takes_the_place_of_the_old_one_and_gets_the_events_but_not_its_replies() {
        let owners = Owners::default();
        let owner = owners.meet("a", 1, NOW).unwrap();
        let first = owner.open_stream().stream;
        owner.tell([reply(first, 1), event(), event()]);
        let second = owner.open_stream().stream;
        assert_eq!(poll(&owner, first), (Poll::Ready(StreamState::Replaced), 0));
        owner.tell([reply(first, 2), reply(second, 3)]);
        assert_eq!(poll(&owner, second), (Poll::Ready(StreamState::Items), 3));
        assert_eq!(poll(&owner, second), (Poll::Pending, 0));
        owner.close_stream(first, NOW);
        assert!(!owner.is_gone_for(Duration::ZERO, NOW));
    }

    #[test]
    fn events_wait_for_the_next_stream_up_to_their_bound_and_then_the_loss_is_told() {
        let owners = Owners::default();
        let owner = owners.meet("a", 1, NOW).unwrap();
        let stream = owner.open_stream().stream;
        owner.close_stream(stream, NOW);
        owner.tell((0..EVENTS_MAX + 3).map(|_| event()));
        let opened = owner.open_stream();
        assert_eq!(opened.events_lost, 3);
        assert_eq!(poll(&owner, opened.stream), (Poll::Ready(StreamState::Items), EVENTS_MAX));
        owner.tell((0..=EVENTS_MAX).map(|_| event()));
        assert_eq!(poll(&owner, opened.stream), (Poll::Ready(StreamState::Items), EVENTS_MAX));
        assert_eq!(poll(&owner, opened.stream), (Poll::Ready(StreamState::EventsLost), 0));
    }

    #[test]
    fn a_lower_incarnation_is_refused_and_a_gone_owner_forgotten() {
        let owners = Owners::default();
        let owner = owners.meet("a", 5, NOW).unwrap();
        assert!(matches!(owners.meet("a", 4, NOW), Err(Failure::OldIncarnation { asked: 4, seen: 5 })));
        assert_eq!(owners.meet("a", 6, NOW).unwrap().number, owner.number);
        let later = NOW + Duration::from_secs(10);
        owners.forget(Duration::from_secs(5), later);
        assert_eq!(owners.all().len(), 1, "somebody holds it");
        drop(owner);
        owners.forget(Duration::from_secs(5), later);
        assert!(owners.all().is_empty());
    }
}
