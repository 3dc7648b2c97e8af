//! The one clock: a monotonic beginning shared by all shards, and wall time beside it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::ground::{Instant, Now, WallTime};

/// Reads both clocks. Copies share their beginning.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    begin: std::time::Instant,
}

impl Clock {
    /// A clock that begins now.
    #[must_use]
    pub fn start() -> Self {
        Self { begin: std::time::Instant::now() }
    }

    /// What time it is, on both clocks.
    #[must_use]
    pub fn now(&self) -> Now {
        Now { mono: self.mono(), wall: wall() }
    }

    /// What time it is, on the monotonic clock.
    #[must_use]
    pub fn mono(&self) -> Instant {
        let nanos = self.begin.elapsed().as_nanos();
        Instant::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// The same point on tokio's clock, to sleep until.
    #[must_use]
    pub fn to_tokio(&self, at: Instant) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.begin + Duration::from_nanos(at.as_nanos()))
    }
}

fn wall() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime::from_unix_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
