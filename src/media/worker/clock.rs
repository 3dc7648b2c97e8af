//! The monotonic clock, as the kernel's timers count it.

use rustix::time::{ClockId, clock_gettime};

use crate::ground::Instant;

/// What time it is: CLOCK_MONOTONIC, so that deadlines can be given to the kernel as they are.
#[must_use]
pub fn now() -> Instant {
    let time = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    Instant::from_nanos(seconds * 1_000_000_000 + nanos)
}
