//! What of a log was dropped: the holes between its entries, and whose events they held.

use std::collections::VecDeque;

use crate::ground::SessionId;

/// How many sessions a hole names. Of further ones it says that there are some.
pub(super) const LOST_MAX: usize = 64;

/// Events of one session that were dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The session.
    pub session: SessionId,
    /// The revision of the first of them.
    pub first: u64,
    /// The revision of the last of them.
    pub last: u64,
}

impl Lost {
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.session.as_str().len()
    }
}

/// Entries in a row that were dropped.
#[derive(Clone, Debug)]
pub(super) struct Hole {
    pub first: u64,
    pub last: u64,
    pub lost: Vec<Lost>,
    pub more: bool,
}

impl Hole {
    /// One entry that was dropped.
    pub fn of(sequence: u64, session: SessionId, revision: u64) -> Self {
        let lost = vec![Lost { session, first: revision, last: revision }];
        Self { first: sequence, last: sequence, lost, more: false }
    }

    /// Takes in the hole that begins where this one ends.
    fn join(&mut self, next: Self) {
        self.last = next.last;
        self.more |= next.more;
        for lost in next.lost {
            // A flood of one session is found at once.
            match self.lost.iter().rposition(|known| known.session == lost.session) {
                Some(place) => self.lost[place].last = self.lost[place].last.max(lost.last),
                None if self.lost.len() < LOST_MAX => self.lost.push(lost),
                None => self.more = true,
            }
        }
    }
}

/// All holes of a log, in order. Where one begins where another ends, the first was sent before it was dropped.
#[derive(Debug, Default)]
pub(super) struct Holes {
    holes: VecDeque<Hole>,
    bytes: usize,
}

impl Holes {
    /// About how many bytes they hold.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds entries that were dropped, in their order. Those up to `sent` were sent before: a gap does not name them.
    pub fn add(&mut self, dropped: Vec<Hole>, sent: u64) {
        let (mut old, mut new) =
            (std::mem::take(&mut self.holes).into_iter().peekable(), dropped.into_iter().peekable());
        loop {
            let next = match (old.peek(), new.peek()) {
                (Some(known), Some(fresh)) if known.first < fresh.first => old.next(),
                (_, Some(_)) => new.next(),
                (_, None) => old.next(),
            };
            let Some(next) = next else { break };
            match self.holes.back_mut().filter(|last| last.last + 1 == next.first && last.last != sent) {
                Some(last) => last.join(next),
                None => self.holes.push_back(next),
            }
        }
        self.measure();
    }

    /// Nothing counts as sent any more.
    pub fn rewind(&mut self) {
        self.add(Vec::new(), 0);
    }

    fn measure(&mut self) {
        let lost = |hole: &Hole| hole.lost.iter().map(Lost::bytes).sum::<usize>();
        self.bytes = self.holes.iter().map(|hole| size_of::<Hole>() + lost(hole)).sum();
    }

    /// Forgets what was acknowledged.
    pub fn forget_through(&mut self, acked: u64) {
        let before = self.holes.len();
        while self.holes.front().is_some_and(|hole| hole.last <= acked) {
            self.holes.pop_front();
        }
        if let Some(hole) = self.holes.front_mut() {
            hole.first = hole.first.max(acked + 1);
        }
        if self.holes.len() != before {
            self.measure();
        }
    }

    /// The hole in which this entry stood.
    pub fn at(&self, sequence: u64) -> Option<&Hole> {
        let place = self.holes.partition_point(|hole| hole.last < sequence);
        self.holes.get(place).filter(|hole| hole.first <= sequence)
    }
}
