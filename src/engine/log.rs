//! One engine's event log: what it is owed, what it was sent, what it acknowledged.
//!
//! ```text
//!   sequence   1 … acked │ acked+1 … sent │ sent+1 … newest
//!              forgotten │ under way      │ waits for the window to open
//! ```
//!
//! Entries that were dropped leave holes. A hole is told as a gap when sending comes to it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::holes::{Hole, Holes, Lost};
use super::purge::{Candidate, Keep, victims};
use super::rank::Rank;
use super::weight;
use crate::session::event::SessionEvent;

/// A place in a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cursor {
    /// The log's incarnation. Cursors of different epochs cannot be compared.
    pub epoch: u64,
    /// Counts the log's entries from 1; 0 stands before the first.
    pub sequence: u64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.epoch, self.sequence)
    }
}

/// What is wrong with an acknowledgement: the engine's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AckError {
    /// Of another incarnation of the log.
    #[error("acknowledges epoch {got}, the log's is {epoch}")]
    Epoch {
        /// The one that it names.
        got: u64,
        /// The log's.
        epoch: u64,
    },
    /// Of what was never sent on this stream.
    #[error("acknowledges {got}, the last event sent is {sent}")]
    NotSent {
        /// The sequence that it names.
        got: u64,
        /// The last one sent.
        sent: u64,
    },
}

/// What a log keeps: an event, and the trace that it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct Logged {
    /// What happened.
    pub event: Box<SessionEvent>,
    /// The W3C `traceparent` of the session's trace; empty when it is not traced.
    pub traceparent: Arc<str>,
}

/// What comes next in a log.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Next<'a> {
    /// The event at this cursor.
    Event(Cursor, &'a Logged),
    /// Nothing is kept between these two.
    Gap { after: Cursor, next: Cursor, lost: &'a [Lost], more_lost: bool },
}

#[derive(Debug)]
struct Entry {
    sequence: u64,
    logged: Logged,
    bytes: usize,
}

/// A gap that the engine was told of and has not acknowledged beyond: `after` and `next` stand around it.
#[derive(Clone, Copy, Debug)]
struct ToldGap {
    after: u64,
    next: u64,
}

impl ToldGap {
    const fn entries(self) -> u64 {
        self.next - self.after - 1
    }
}

/// How much of its retention a log gives up at once when it is passed: one part of so many. So it looks for what to give
/// up once in a while, and not with each event.
const PART_GIVEN_UP: usize = 8;

/// The log. See the module.
#[derive(Debug)]
pub struct Log {
    epoch: u64,
    retention: Keep,
    /// Those that are kept, in order. The newest is always among them until it is acknowledged.
    entries: VecDeque<Entry>,
    /// Those that were dropped and are not acknowledged.
    holes: Holes,
    newest: u64,
    bytes: usize,
    acked: u64,
    sent: u64,
    /// Never longer than what is under way: between two of them an event was sent.
    gaps: VecDeque<ToldGap>,
    /// How many entries the gaps passed over.
    passed_over: u64,
}

impl Log {
    /// An empty log. `retention_events` and `retention_bytes` as in [`EngineLimits`](super::EngineLimits).
    #[must_use]
    pub fn new(epoch: u64, retention_events: u32, retention_bytes: u64) -> Self {
        let events = retention_events.max(1) as usize;
        let bytes = usize::try_from(retention_bytes).unwrap_or(usize::MAX);
        Self {
            epoch,
            retention: Keep { events, bytes },
            entries: VecDeque::new(),
            holes: Holes::default(),
            newest: 0,
            bytes: 0,
            acked: 0,
            sent: 0,
            gaps: VecDeque::new(),
            passed_over: 0,
        }
    }

    const fn cursor(&self, sequence: u64) -> Cursor {
        Cursor { epoch: self.epoch, sequence }
    }

    /// Where the acknowledgements stand: a new attachment goes on behind it.
    #[must_use]
    pub const fn acked(&self) -> Cursor {
        self.cursor(self.acked)
    }

    /// Where the log itself stands: its newest entry.
    #[must_use]
    pub const fn newest(&self) -> Cursor {
        self.cursor(self.newest)
    }

    /// Where sending stands: the last entry that was sent, or passed over in a gap.
    #[must_use]
    pub const fn sent(&self) -> Cursor {
        self.cursor(self.sent)
    }

    /// Events kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no event is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes kept, with what is known of events that were dropped.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes + self.holes.bytes()
    }

    /// How many events are under way: sent and not acknowledged, still kept or not.
    #[must_use]
    pub const fn unacked(&self) -> u64 {
        self.sent - self.acked - self.passed_over
    }

    /// Adds an event. Returns how many others were dropped for it.
    pub fn append(&mut self, logged: Logged) -> u64 {
        let bytes = weight(&logged.event);
        self.newest += 1;
        self.entries.push_back(Entry { sequence: self.newest, logged, bytes });
        self.bytes += bytes;
        if self.entries.len() <= self.retention.events && self.bytes() <= self.retention.bytes {
            return 0;
        }
        let Keep { events, bytes } = self.retention;
        self.purge(Keep { events: events - events / PART_GIVEN_UP, bytes: bytes - bytes / PART_GIVEN_UP })
    }

    /// Drops events until no more bytes are kept than these, as far as that can be had: the newest is kept whatever its
    /// size. Returns how many were dropped.
    pub fn shrink(&mut self, bytes: usize) -> u64 {
        self.purge(Keep { events: usize::MAX, bytes })
    }

    fn purge(&mut self, keep: Keep) -> u64 {
        let candidates: Vec<Candidate<'_>> = self.entries.iter().map(Entry::candidate).collect();
        let gone = victims(&candidates, keep);
        let mut dropped = Vec::new();
        for (entry, gone) in std::mem::take(&mut self.entries).into_iter().zip(gone) {
            if gone {
                let event = &entry.logged.event;
                dropped.push(Hole::of(entry.sequence, event.session.clone(), event.revision));
                self.bytes -= entry.bytes;
            } else {
                self.entries.push_back(entry);
            }
        }
        let count = dropped.len() as u64;
        self.holes.add(dropped, self.sent);
        count
    }

    /// Takes a cumulative acknowledgement. One that is older than what is known changes nothing.
    ///
    /// # Errors
    /// When it names another epoch, or what was not sent.
    pub fn ack(&mut self, through: Cursor) -> Result<(), AckError> {
        if through.epoch != self.epoch {
            return Err(AckError::Epoch { got: through.epoch, epoch: self.epoch });
        }
        if through.sequence > self.sent {
            return Err(AckError::NotSent { got: through.sequence, sent: self.sent });
        }
        if through.sequence <= self.acked {
            return Ok(());
        }
        self.acked = through.sequence;
        while self.entries.front().is_some_and(|entry| entry.sequence <= self.acked) {
            let entry = self.entries.pop_front();
            self.bytes -= entry.map_or(0, |entry| entry.bytes);
        }
        self.holes.forget_through(self.acked);
        while let Some(gap) = self.gaps.front().copied().filter(|gap| gap.next - 1 <= self.acked) {
            self.passed_over -= gap.entries();
            self.gaps.pop_front();
        }
        if let Some(gap) = self.gaps.front_mut() {
            let before = gap.entries();
            gap.after = gap.after.max(self.acked);
            self.passed_over -= before - gap.entries();
        }
        Ok(())
    }

    /// Takes what comes next, while fewer than `window` events are under way.
    pub(super) fn next(&mut self, window: u32) -> Option<Next<'_>> {
        let next = self.sent + 1;
        if next > self.newest || self.unacked() >= u64::from(window) {
            return None;
        }
        let place = self.entries.partition_point(|entry| entry.sequence < next);
        let entry = self.entries.get(place)?;
        if entry.sequence > next {
            let gap = ToldGap { after: self.sent, next: entry.sequence };
            self.gaps.push_back(gap);
            self.passed_over += gap.entries();
            self.sent = gap.next - 1;
            let hole = self.holes.at(next);
            let (lost, more_lost) = hole.map_or((&[][..], true), |hole| (&hole.lost[..], hole.more));
            let (after, next) = (self.cursor(gap.after), self.cursor(gap.next));
            return Some(Next::Gap { after, next, lost, more_lost });
        }
        self.sent = next;
        Some(Next::Event(self.cursor(next), &entry.logged))
    }

    /// Goes back to what was acknowledged: a new attachment is sent the rest again.
    pub(super) fn rewind(&mut self) {
        self.sent = self.acked;
        self.gaps.clear();
        self.passed_over = 0;
        self.holes.rewind();
    }
}

impl Entry {
    fn candidate(&self) -> Candidate<'_> {
        let event = &self.logged.event;
        Candidate { session: &event.session, rank: Rank::of(&event.payload), bytes: self.bytes }
    }
}
