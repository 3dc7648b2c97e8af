//! What a worker carries and has done, for others to look at.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::media::core::{Dropped, Fabric};

/// Written by the worker after each turn, read by anybody.
#[derive(Debug, Default)]
pub struct Gauges {
    /// Endpoints.
    pub endpoints: AtomicUsize,
    /// Bridges.
    pub bridges: AtomicUsize,
    /// Playbacks that run.
    pub playbacks: AtomicUsize,
    /// Sockets.
    pub sockets: AtomicUsize,
    received: AtomicU64,
    dropped: [AtomicU64; Dropped::COUNT],
    unsent: AtomicU64,
    digits_unbelieved: AtomicU64,
    frames_played: AtomicU64,
    turns_mixed: AtomicU64,
    wheel_turns: AtomicU64,
    late_total_ns: AtomicU64,
    late_max_ns: AtomicU64,
    skipped_ms: AtomicU64,
}

/// One worker at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct WorkerSnapshot {
    /// Endpoints.
    pub endpoints: usize,
    /// Bridges that are on the worker.
    pub bridges: usize,
    /// Playbacks that run.
    pub playbacks: usize,
    /// Sockets that are open.
    pub sockets: usize,
    /// Datagrams taken in. A total, like all below.
    pub received: u64,
    /// Datagrams not passed on, by reason: [`Dropped`] as index.
    pub dropped: [u64; Dropped::COUNT],
    /// Packets that the kernel did not take.
    pub unsent: u64,
    /// Digits of peers that are not believed: too short, too close to each other, too many.
    pub digits_unbelieved: u64,
    /// Frames played.
    pub frames_played: u64,
    /// Turns of rooms mixed.
    pub turns_mixed: u64,
    /// Turns of the 20 ms clock that had something to do.
    pub clock_turns: u64,
    /// Their lateness in sum.
    pub late_total: Duration,
    /// Their largest lateness.
    pub late_max: Duration,
    /// Time that was skipped because it was too late to make up for it.
    pub skipped: Duration,
}

impl Gauges {
    /// Writes what there is.
    pub fn publish(&self, fabric: &Fabric, sockets: usize, unsent: u64) {
        let counters = fabric.counters();
        let lateness = fabric.lateness();
        let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.endpoints.store(fabric.endpoints(), Ordering::Relaxed);
        self.bridges.store(fabric.bridges(), Ordering::Relaxed);
        self.playbacks.store(fabric.playbacks(), Ordering::Relaxed);
        self.sockets.store(sockets, Ordering::Relaxed);
        for (gauge, count) in self.dropped.iter().zip(counters.dropped) {
            gauge.store(count, Ordering::Relaxed);
        }
        let totals = [
            (&self.received, counters.received),
            (&self.unsent, unsent),
            (&self.digits_unbelieved, counters.digits_unbelieved),
            (&self.frames_played, counters.frames_played),
            (&self.turns_mixed, counters.turns_mixed),
            (&self.wheel_turns, lateness.turns),
            (&self.late_total_ns, nanos(lateness.total)),
            (&self.late_max_ns, nanos(lateness.max)),
            (&self.skipped_ms, lateness.skipped_ms),
        ];
        for (gauge, total) in totals {
            gauge.store(total, Ordering::Relaxed);
        }
    }

    /// Reads what there was after the last turn.
    #[must_use]
    pub fn snapshot(&self) -> WorkerSnapshot {
        let read = |gauge: &AtomicU64| gauge.load(Ordering::Relaxed);
        WorkerSnapshot {
            endpoints: self.endpoints.load(Ordering::Relaxed),
            bridges: self.bridges.load(Ordering::Relaxed),
            playbacks: self.playbacks.load(Ordering::Relaxed),
            sockets: self.sockets.load(Ordering::Relaxed),
            received: read(&self.received),
            dropped: std::array::from_fn(|reason| read(&self.dropped[reason])),
            unsent: read(&self.unsent),
            digits_unbelieved: read(&self.digits_unbelieved),
            frames_played: read(&self.frames_played),
            turns_mixed: read(&self.turns_mixed),
            clock_turns: read(&self.wheel_turns),
            late_total: Duration::from_nanos(read(&self.late_total_ns)),
            late_max: Duration::from_nanos(read(&self.late_max_ns)),
            skipped: Duration::from_millis(read(&self.skipped_ms)),
        }
    }
}
