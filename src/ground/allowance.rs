//! A rate: so many at once, and so many a second after that.

use std::time::Duration;

use super::Instant;

/// What is left of a rate. Whole thousandths are kept, so that slow rates do not lose what a short time adds.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    burst: u32,
    per_second: u32,
    left_milli: u64,
    at: Instant,
}

impl Allowance {
    /// All of the burst is there. `now` is when it begins.
    #[must_use]
    pub const fn new(burst: u32, per_second: u32, now: Instant) -> Self {
        Self { burst, per_second, left_milli: burst as u64 * 1000, at: now }
    }

    /// Takes one. `false`: none is left.
    #[must_use]
    pub fn take(&mut self, now: Instant) -> bool {
        let millis = u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX);
        let added = millis.saturating_mul(u64::from(self.per_second));
        self.left_milli = self.left_milli.saturating_add(added).min(u64::from(self.burst) * 1000);
        // Only what was counted has passed: many looks within a millisecond must not eat it up.
        self.at = self.at + Duration::from_millis(millis);
        let enough = self.left_milli >= 1000;
        if enough {
            self.left_milli -= 1000;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(allowance: &mut Allowance, now: Instant) -> usize {
        (0..100).filter(|_| allowance.take(now)).count()
    }

    #[test]
    fn a_burst_at_once_then_so_many_a_second_and_never_more_than_the_burst() {
        let mut allowance = Allowance::new(5, 2, Instant::from_millis(1000));
        assert_eq!(taken(&mut allowance, Instant::from_millis(1000)), 5);
        assert_eq!(taken(&mut allowance, Instant::from_millis(1499)), 0);
        assert_eq!(taken(&mut allowance, Instant::from_millis(1500)), 1);
        assert_eq!(taken(&mut allowance, Instant::from_millis(2500)), 2);
        assert_eq!(taken(&mut allowance, Instant::from_millis(60_000)), 5);
    }

    #[test]
    fn who_asks_all_the_time_gets_no_less() {
        let mut allowance = Allowance::new(1, 10, Instant::ZERO);
        let asked = (0..1_000_000).map(|micros| Instant::from_nanos(micros * 1000));
        assert_eq!(asked.filter(|now| allowance.take(*now)).count(), 1 + 9);
    }
}
