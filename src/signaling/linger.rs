//! What goes out at once, and what waits for company.
//!
//! A message to an engine or to media costs both sides far more than what is in it: a system call here, a wake-up there.
//! What somebody waits for (an incoming call, a description) goes out at once, and takes along what waits. What nobody
//! waits for (a result, a call's end) goes out at once, too, while there is little of it; when there is more, it
//! waits up to [`LINGER`] for company. All that waits goes at the same instants, so that a thread wakes once for it.

use std::time::Duration;

use crate::ground::Instant;

/// How long what nobody waits for may wait for company.
pub const LINGER: Duration = Duration::from_millis(5);

/// How often something that nobody waits for may go out by itself, in the long run.
const ALONE_EVERY: Duration = Duration::from_millis(20);

/// How many such may follow each other at once.
const ALONE_BURST: u32 = 16;

/// How soon something is to go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Now: somebody waits for it.
    Now,
    /// Within [`LINGER`].
    Soon,
}

/// Decides for one receiver.
#[derive(Debug)]
pub struct Linger {
    alone_left: u32,
    counted_at: Instant,
    /// Something waits, until then at most.
    waits: Option<Instant>,
}

/// What is to be done about something that is to go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Go {
    /// Wake the receiver.
    Now,
    /// Call [`Linger::due`] then.
    At(Instant),
    /// Nothing: something else waits already, and they go together.
    Along,
}

impl Default for Linger {
    fn default() -> Self {
        Self { alone_left: ALONE_BURST, counted_at: Instant::ZERO, waits: None }
    }
}

impl Linger {
    /// Something is to go out.
    pub fn go(&mut self, urgency: Urgency, now: Instant) -> Go {
        if urgency == Urgency::Now || self.may_go_alone(now) {
            self.waits = None;
            return Go::Now;
        }
        if self.waits.is_some() {
            return Go::Along;
        }
        let departure = next_departure(now);
        self.waits = Some(departure);
        Go::At(departure)
    }

    fn may_go_alone(&mut self, now: Instant) -> bool {
        if self.waits.is_some() {
            return false;
        }
        let earned = now.since(self.counted_at).as_nanos() / ALONE_EVERY.as_nanos();
        if earned > 0 {
            self.alone_left =
                ALONE_BURST.min(self.alone_left.saturating_add(u32::try_from(earned).unwrap_or(u32::MAX)));
            self.counted_at = now;
        }
        let may = self.alone_left > 0;
        self.alone_left = self.alone_left.saturating_sub(1);
        may
    }

    /// Until when something waits, and all else with it.
    #[must_use]
    pub const fn waits(&self) -> Option<Instant> {
        self.waits
    }

    /// The time is over: whether something still waits, and goes out now.
    pub const fn due(&mut self) -> bool {
        self.waits.take().is_some()
    }
}

/// The next multiple of [`LINGER`].
fn next_departure(now: Instant) -> Instant {
    let every = LINGER.as_nanos() as u64;
    Instant::from_nanos((now.as_nanos() / every + 1).saturating_mul(every))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    /// One that has nothing left to go alone with.
    fn busy() -> Linger {
        let mut linger = Linger::default();
        for _ in 0..ALONE_BURST {
            assert_eq!(linger.go(Urgency::Soon, millis(0)), Go::Now);
        }
        linger
    }

    #[test]
    fn what_comes_now_and_then_goes_at_once() {
        let mut linger = busy();
        for step in 1..100 {
            assert_eq!(linger.go(Urgency::Soon, millis(step * 20)), Go::Now);
        }
    }

    #[test]
    fn what_comes_often_waits_together() {
        let mut linger = busy();
        assert_eq!(linger.go(Urgency::Soon, millis(1)), Go::At(millis(5)));
        assert_eq!(linger.go(Urgency::Soon, millis(2)), Go::Along);
        assert!(linger.due());
        assert!(!linger.due(), "nothing waits any more");
        assert_eq!(linger.go(Urgency::Soon, millis(7)), Go::At(millis(10)));
    }

    #[test]
    fn what_somebody_waits_for_takes_the_others_along() {
        let mut linger = busy();
        assert_eq!(linger.go(Urgency::Soon, millis(1)), Go::At(millis(5)));
        assert_eq!(linger.go(Urgency::Now, millis(2)), Go::Now);
        assert!(!linger.due());
        linger.go(Urgency::Soon, millis(3));
        assert_eq!(linger.waits(), Some(millis(5)));
        linger.go(Urgency::Now, millis(3));
        assert_eq!(linger.waits(), None);
    }

    #[test]
    fn rest_earns_no_more_than_a_burst() {
        let mut linger = busy();
        for _ in 0..ALONE_BURST {
            assert_eq!(linger.go(Urgency::Soon, millis(1_000_000)), Go::Now);
        }
        assert_eq!(linger.go(Urgency::Soon, millis(1_000_000)), Go::At(millis(1_000_005)));
    }
}
