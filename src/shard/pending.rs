//! Requests that wait for media's reply. Every one is answered once: by media, by its deadline, or because the service
//! is lost.

use std::collections::VecDeque;
use std::time::Duration;

use crate::ground::Instant;
use crate::ground::hash::OwnKeyMap;
use crate::session::Asked;

/// A session's place, with a generation so that it is never mistaken for a later session in the same slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SlotId {
    pub index: u32,
    pub generation: u32,
}

/// Requests to media without a reply, at most [`super::ShardSettings::media_requests_max`].
#[derive(Debug)]
pub(super) struct Pending {
    timeout: Duration,
    max: usize,
    last: u64,
    waiting: OwnKeyMap<u64, (SlotId, Asked)>,
    /// In order of asking, which is the order of deadlines: all wait for the same time. Answered ones are dropped when
    /// they come to the front.
    deadlines: VecDeque<(Instant, u64)>,
}

impl Pending {
    pub fn new(timeout: Duration, max: usize) -> Self {
        Self { timeout, max, last: 0, waiting: OwnKeyMap::default(), deadlines: VecDeque::new() }
    }

    /// Enters a request. At the bound it is handed back, unless it closes an endpoint: there is one of these for each
    /// session at most, and without it the endpoint would stay.
    pub fn ask(&mut self, slot: SlotId, asked: Asked, now: Instant) -> Result<u64, Asked> {
        if self.waiting.len() >= self.max && asked != Asked::Close {
            return Err(asked);
        }
        self.last += 1;
        self.waiting.insert(self.last, (slot, asked));
        self.deadlines.push_back((now + self.timeout, self.last));
        Ok(self.last)
    }

    /// Media has answered. `None`: nobody waits for it any more.
    pub fn answered(&mut self, request: u64) -> Option<(SlotId, Asked)> {
        let waiting = self.waiting.remove(&request)?;
        self.drop_answered();
        Some(waiting)
    }

    /// Takes out one whose time is up; to be called until there is none.
    pub fn pop_expired(&mut self, now: Instant) -> Option<(SlotId, Asked)> {
        let (_, request) = self.deadlines.front().copied().filter(|(deadline, _)| *deadline <= now)?;
        self.answered(request)
    }

    /// Takes all out, in the order of asking.
    pub fn take_all(&mut self) -> Vec<(SlotId, Asked)> {
        let order = std::mem::take(&mut self.deadlines);
        order.into_iter().filter_map(|(_, request)| self.waiting.remove(&request)).collect()
    }

    /// When the first one's time is up.
    pub fn next(&self) -> Option<Instant> {
        self.deadlines.front().map(|(deadline, _)| *deadline)
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// The front is always one that waits.
    fn drop_answered(&mut self) {
        while let Some((_, request)) = self.deadlines.front()
            && !self.waiting.contains_key(request)
        {
            self.deadlines.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOT: SlotId = SlotId { index: 3, generation: 1 };

    fn ms(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn each_request_is_answered_once_by_media_or_by_its_deadline() {
        let mut pending = Pending::new(Duration::from_secs(2), 10);
        let first = pending.ask(SLOT, Asked::Commit, ms(0)).expect("room");
        let second = pending.ask(SLOT, Asked::Close, ms(100)).expect("room");
        assert_eq!(pending.answered(second), Some((SLOT, Asked::Close)));
        assert_eq!(pending.answered(second), None);
        assert_eq!((pending.next(), pending.pop_expired(ms(1999))), (Some(ms(2000)), None));
        assert_eq!(pending.pop_expired(ms(2000)), Some((SLOT, Asked::Commit)));
        assert_eq!(pending.answered(first), None);
        assert_eq!((pending.next(), pending.len()), (None, 0));
    }

    #[test]
    fn at_the_bound_a_request_is_handed_back() {
        let mut pending = Pending::new(Duration::from_secs(2), 1);
        pending.ask(SLOT, Asked::Commit, ms(0)).expect("room");
        let dtmf = Asked::Dtmf { key: 1 };
        assert_eq!(pending.ask(SLOT, dtmf.clone(), ms(0)), Err(dtmf));
        assert!(pending.ask(SLOT, Asked::Close, ms(0)).is_ok(), "an endpoint is closed all the same");
        assert_eq!(pending.take_all(), [(SLOT, Asked::Commit), (SLOT, Asked::Close)]);
        assert_eq!((pending.len(), pending.next()), (0, None));
    }
}
