//! How many digits of one stream are believed in a time.

use std::time::Duration;

use crate::ground::Instant;

/// Digits that are believed in a second; as many may come at once after a pause. A hand presses four, a dialler of
/// ITU-T Q.24 at most twelve.
pub const DIGITS_PER_SECOND_MAX: u32 = 20;

/// The time that gives one digit more.
const REFILL: Duration = Duration::from_millis(1000 / DIGITS_PER_SECOND_MAX as u64);

/// What may still be told, refilled by the passing of time.
#[derive(Clone, Debug, Default)]
pub(super) struct Allowance {
    /// When the allowance will be whole again; in the past it is.
    whole_at: Instant,
}

impl Allowance {
    /// Takes a digit from the allowance. `false`: none is left.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let whole_at = self.whole_at.max(now) + REFILL;
        let left = whole_at.since(now) <= REFILL * DIGITS_PER_SECOND_MAX;
        if left {
            self.whole_at = whole_at;
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_finds_twenty_and_then_one_more_every_50_ms() {
        let mut allowance = Allowance::default();
        let start = Instant::from_millis(5_000);
        let taken = |allowance: &mut Allowance, at| (0..100).filter(|_| allowance.take(at)).count();
        assert_eq!(taken(&mut allowance, start), 20);
        assert_eq!(taken(&mut allowance, start + Duration::from_millis(49)), 0);
        assert_eq!(taken(&mut allowance, start + Duration::from_millis(50)), 1);
        assert_eq!(taken(&mut allowance, start + Duration::from_millis(200)), 3);
        assert_eq!(taken(&mut allowance, start + Duration::from_secs(10)), 20);
    }
}
