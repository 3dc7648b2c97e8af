//! How many packets of one peer are taken.

use crate::ground::Instant;

/// Packets a second of one endpoint's peer that are taken: four times what codecs send in packets of 10 ms.
pub const PACKETS_PER_SECOND_MAX: u32 = 400;

/// Packets that may come at once.
pub const PACKETS_AT_ONCE_MAX: u32 = 200;

/// Nanoseconds that a packet is worth.
const WORTH: u64 = 1_000_000_000 / PACKETS_PER_SECOND_MAX as u64;

/// The limit of one endpoint: a bucket, kept as the time at which it is full again.
#[derive(Clone, Copy, Debug, Default)]
pub struct PacketRate {
    full_at: u64,
}

impl PacketRate {
    /// Whether one more packet is taken now.
    pub fn takes(&mut self, now: Instant) -> bool {
        let from = self.full_at.max(now.as_nanos());
        let taken = from - now.as_nanos() < WORTH * u64::from(PACKETS_AT_ONCE_MAX);
        if taken {
            self.full_at = from + WORTH;
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// How long after a burst as long as may be another one may follow.
    const REFILL: Duration = Duration::from_nanos(WORTH * PACKETS_AT_ONCE_MAX as u64);

    fn taken(rate: &mut PacketRate, packets: u32, now: Instant) -> u32 {
        (0..packets).map(|_| u32::from(rate.takes(now))).sum()
    }

    #[test]
    fn a_burst_is_taken_and_the_rest_is_dropped_until_the_bucket_fills() {
        let (mut rate, start) = (PacketRate::default(), Instant::from_millis(1000));
        assert_eq!(taken(&mut rate, 1000, start), PACKETS_AT_ONCE_MAX);
        assert_eq!(taken(&mut rate, 1000, start + Duration::from_millis(10)), 4);
        assert_eq!(taken(&mut rate, 1000, start + Duration::from_millis(10) + REFILL), PACKETS_AT_ONCE_MAX);
    }

    #[test]
    fn a_second_of_a_flood_is_worth_so_many_and_audio_of_10_ms_loses_none() {
        let (mut flood, mut audio) = (PacketRate::default(), PacketRate::default());
        let mut passed = 0;
        for ms in 0..10_000_u64 {
            let now = Instant::from_millis(1000 + ms);
            passed += taken(&mut flood, 85, now);
            // Packets of 10 ms, with a digit of 20 ms beside them, come in bursts of 500 ms.
            if ms % 500 == 0 {
                assert_eq!(taken(&mut audio, 75, now), 75);
            }
        }
        assert!(passed.abs_diff(10 * PACKETS_PER_SECOND_MAX) <= PACKETS_AT_ONCE_MAX + 1, "{passed}");
    }
}
