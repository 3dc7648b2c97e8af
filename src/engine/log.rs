//! One engine's event log: what it is owed, what it was sent, what it acknowledged.
//!
//! ```text
//!   sequence   1 … acked │ acked+1 … sent │ sent+1 … newest
//!              forgotten │ under way      │ waits for the window to open
//!                        └── first: the oldest that is kept; behind acked+1 when retention was passed
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

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
    Gap { after: Cursor, next: Cursor },
}

#[derive(Debug)]
struct Entry {
    logged: Logged,
    bytes: usize,
}

/// A gap that the engine was told of and has not acknowledged beyond: `after` and `next` stand around it.
#[derive(Clone, Copy, Debug)]
struct ToldGap {
    after: u64,
    next: u64,
}

/// The log. See the module.
#[derive(Debug)]
pub struct Log {
    epoch: u64,
    retention_events: usize,
    retention_bytes: usize,
    entries: VecDeque<Entry>,
    /// The sequence of the first entry; of the next one, while there is none.
    first: u64,
    bytes: usize,
    acked: u64,
    sent: u64,
    /// Never longer than what is under way: between two of them an event was sent.
    gaps: VecDeque<ToldGap>,
}

impl Log {
    /// An empty log. `retention_events` and `retention_bytes` as in [`EngineLimits`](super::EngineLimits).
    #[must_use]
    pub fn new(epoch: u64, retention_events: u32, retention_bytes: u64) -> Self {
        Self {
            epoch,
            retention_events: retention_events.max(1) as usize,
            retention_bytes: usize::try_from(retention_bytes).unwrap_or(usize::MAX),
            entries: VecDeque::new(),
            first: 1,
            bytes: 0,
            acked: 0,
            sent: 0,
            gaps: VecDeque::new(),
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
    pub fn newest(&self) -> Cursor {
        self.cursor(self.first + self.entries.len() as u64 - 1)
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

    /// Bytes kept.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many events are under way: sent and not acknowledged, still kept or not.
    #[must_use]
    pub fn unacked(&self) -> u64 {
        let passed_over: u64 = self.gaps.iter().map(|gap| gap.next - gap.after - 1).sum();
        self.sent - self.acked - passed_over
    }

    /// Adds an event. Returns how many of the oldest were dropped for it.
    pub fn append(&mut self, logged: Logged) -> u64 {
        let bytes = weight(&logged.event);
        self.entries.push_back(Entry { logged, bytes });
        self.bytes += bytes;
        let mut dropped = 0;
        while self.entries.len() > 1
            && (self.entries.len() > self.retention_events || self.bytes > self.retention_bytes)
        {
            self.forget_oldest();
            dropped += 1;
        }
        dropped
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.entries.pop_front() {
            self.first += 1;
            self.bytes -= oldest.bytes;
        }
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
        while self.first <= self.acked && !self.entries.is_empty() {
            self.forget_oldest();
        }
        while self.gaps.front().is_some_and(|gap| gap.next - 1 <= self.acked) {
            self.gaps.pop_front();
        }
        if let Some(gap) = self.gaps.front_mut() {
            gap.after = gap.after.max(self.acked);
        }
        Ok(())
    }

    /// Takes what comes next, while fewer than `window` events are under way.
    pub(super) fn next(&mut self, window: u32) -> Option<Next<'_>> {
        let next = self.sent + 1;
        if next > self.newest().sequence || self.unacked() >= u64::from(window) {
            return None;
        }
        if next < self.first {
            let gap = ToldGap { after: self.sent, next: self.first };
            self.gaps.push_back(gap);
            self.sent = self.first - 1;
            return Some(Next::Gap { after: self.cursor(gap.after), next: self.cursor(gap.next) });
        }
        let index = usize::try_from(next - self.first).ok()?;
        self.sent = next;
        let cursor = self.cursor(next);
        self.entries.get(index).map(|entry| Next::Event(cursor, &entry.logged))
    }

    /// Goes back to what was acknowledged: a new attachment is sent the rest again.
    pub(super) fn rewind(&mut self) {
        self.sent = self.acked;
        self.gaps.clear();
    }
}
