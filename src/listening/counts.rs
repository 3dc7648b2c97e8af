//! How many connections a listener has, and what became of the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use serde::Serialize;

/// Connections of one listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ConnectionCounts {
    /// Open now.
    pub open: usize,
    /// Closed at once because there were as many as there may be. A total, as what follows.
    pub refused: u64,
    /// Accepting failed, as for want of file descriptors; it rests for a moment then.
    pub accept_errors: u64,
    /// Closed because the client never said what it wants.
    pub silent: u64,
    /// Closed to make room for another, as the one that was open for longest.
    pub displaced: u64,
}

/// The counters of one listener, to be shared by whoever asks.
#[derive(Clone, Debug, Default)]
pub struct Connections(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    open: AtomicUsize,
    refused: AtomicU64,
    accept_errors: AtomicU64,
    silent: AtomicU64,
    displaced: AtomicU64,
}

/// A connection that is open until this is dropped.
#[derive(Debug)]
pub(super) struct Open(Arc<Counters>);

impl Connections {
    /// What there is and was.
    #[must_use]
    pub fn counts(&self) -> ConnectionCounts {
        ConnectionCounts {
            open: self.open(),
            refused: self.0.refused.load(Ordering::Relaxed),
            accept_errors: self.0.accept_errors.load(Ordering::Relaxed),
            silent: self.0.silent.load(Ordering::Relaxed),
            displaced: self.0.displaced.load(Ordering::Relaxed),
        }
    }

    /// How many are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.0.open.load(Ordering::Relaxed)
    }

    pub(super) fn accepted(&self) -> Open {
        self.0.open.fetch_add(1, Ordering::Relaxed);
        Open(Arc::clone(&self.0))
    }

    pub(super) fn refused(&self) {
        self.0.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn failed(&self) {
        self.0.accept_errors.fetch_add(1, Ordering::Relaxed);
    }

    /// One was closed to make room for another.
    pub(crate) fn displaced(&self) {
        self.0.displaced.fetch_add(1, Ordering::Relaxed);
    }
}

impl Open {
    pub(super) fn was_silent(&self) {
        self.0.silent.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
