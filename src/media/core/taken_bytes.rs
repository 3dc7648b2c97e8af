//! TakenBytes that is bounded over all that have some of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes taken of a bound. Dropped, they are given back.
#[derive(Debug, Default)]
pub struct TakenBytes {
    taken: Arc<AtomicUsize>,
    bytes: usize,
}

impl TakenBytes {
    /// Takes so many bytes of a bound, of which so many are `taken`. `None`: there are not so many left.
    #[must_use]
    pub fn take(taken: &Arc<AtomicUsize>, bytes: usize, bound: usize) -> Option<Self> {
        let more = |taken: usize| taken.checked_add(bytes).filter(|taken| *taken <= bound);
        taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        Some(Self { taken: Arc::clone(taken), bytes })
    }

    /// How many bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for TakenBytes {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}
