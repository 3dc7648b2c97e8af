//! How often something may happen.

use std::time::Duration;

use super::Instant;

/// Lets so many happen a second, and so many at once after a rest. Eight bytes for each that is kept to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Between two in the long run.
    interval: Duration,
    /// How far ahead of that a burst may run.
    ahead: Duration,
}

/// Where one that is kept to a [`Rate`] stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace(Instant);

impl Rate {
    /// `per_second` in the long run, `burst` of them at once.
    #[must_use]
    pub const fn new(per_second: u32, burst: u32) -> Self {
        let nanos = 1_000_000_000 / if per_second == 0 { 1 } else { per_second } as u64;
        let more = if burst == 0 { 0 } else { burst - 1 } as u64;
        Self { interval: Duration::from_nanos(nanos), ahead: Duration::from_nanos(nanos * more) }
    }
}

impl Pace {
    /// Whether one more may happen now. It counts only then.
    pub fn allows(&mut self, rate: &Rate, now: Instant) -> bool {
        let next = self.0.max(now);
        let allowed = next - now <= rate.ahead;
        if allowed {
            self.0 = next + rate.interval;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: Rate = Rate::new(10, 3);

    fn allowed(pace: &mut Pace, millis: u64, tries: usize) -> usize {
        (0..tries).filter(|_| pace.allows(&TEN, Instant::from_millis(millis))).count()
    }

    #[test]
    fn a_burst_is_followed_by_the_rate() {
        let mut pace = Pace::default();
        assert_eq!(allowed(&mut pace, 0, 10), 3);
        assert_eq!(allowed(&mut pace, 99, 10), 0);
        assert_eq!(allowed(&mut pace, 100, 10), 1);
        assert_eq!(allowed(&mut pace, 350, 10), 2);
        assert_eq!(allowed(&mut pace, 60_000, 10), 3);
    }

    #[test]
    fn in_the_long_run_it_is_the_rate() {
        let mut pace = Pace::default();
        let all: usize = (0..10_000).map(|millis| allowed(&mut pace, millis, 1)).sum();
        assert_eq!(all, 10 * 10 + 2);
    }
}
