//! Which hosts have shown that they read what we send, and how much the others get.
//!
//! Anybody's address can stand in a Contact, and whoever acknowledges the call shows where he is, not who is there. So
//! requests within dialogs are few to a host that nothing ever came from, and repeated less; none is left away for that alone,
//! as a phone behind a proxy that does not stay in the way looks the same. With its first answer it is a stranger no more.
//!
//! The table is fixed: two hosts share a place by chance ([`ByHost`]). Streams are not concerned: who does not speak SIP there takes no connection.

use std::net::IpAddr;
use std::time::Duration;

use crate::ground::{ByHost, Instant, Pace, Random, Rate};

/// How long a host counts as heard.
const HEARD_FOR: Duration = Duration::from_secs(3_600);

/// Requests within dialogs to one host that was not heard, in a second.
pub(super) const STRANGER_REQUESTS_PER_SECOND: u32 = 4;

/// The same at once.
pub(super) const STRANGER_REQUESTS_AT_ONCE: u32 = 20;

const TO_A_STRANGER: Rate = Rate::new(STRANGER_REQUESTS_PER_SECOND, STRANGER_REQUESTS_AT_ONCE);

/// How often each of them is repeated.
pub(super) const STRANGER_REPEATS_MAX: u8 = 3;

/// Hosts by what came from them.
#[derive(Debug)]
pub(super) struct Strangers(ByHost<Place>);

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// Seconds.
    heard_until: u32,
    sent: Pace,
}

impl Strangers {
    /// Nobody was heard yet.
    pub fn new(random: &mut Random) -> Self {
        Self(ByHost::new(random))
    }

    /// A message came from this host that shows that it reads what we send, or an answer to what was sent there.
    pub fn heard(&mut self, host: IpAddr, now: Instant) {
        let until = seconds(now) + HEARD_FOR.as_secs();
        self.place_of(host).heard_until = u32::try_from(until).unwrap_or(u32::MAX);
    }

    /// Whether nothing came from this host for an hour.
    pub fn is_stranger(&mut self, host: IpAddr, now: Instant) -> bool {
        u64::from(self.place_of(host).heard_until) <= seconds(now)
    }

    /// Whether a stranger may be sent one request more. It counts only then.
    pub fn may_send(&mut self, host: IpAddr, now: Instant) -> bool {
        self.place_of(host).sent.allows(&TO_A_STRANGER, now)
    }

    fn place_of(&mut self, host: IpAddr) -> &mut Place {
        let place = self.0.place_of(host);
        &mut self.0[place]
    }
}

fn seconds(now: Instant) -> u64 {
    now.as_nanos() / 1_000_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(1_000 * seconds)
    }

    #[test]
    fn a_host_is_a_stranger_until_it_is_heard_and_again_after_an_hour() {
        let mut strangers = Strangers::new(&mut Random::from_key([1, 2]));
        let rows = [("203.0.113.9", "203.0.113.9"), ("2001:db8:1::1", "2001:db8:1::2")];
        for (heard, asked) in rows.map(|(heard, asked)| (heard.parse().unwrap(), asked.parse().unwrap())) {
            assert!(strangers.is_stranger(asked, at(0)));
            strangers.heard(heard, at(0));
            assert!(!strangers.is_stranger(asked, at(3_599)), "{asked}");
            assert!(strangers.is_stranger(asked, at(3_600)), "{asked}");
        }
    }

    #[test]
    fn a_stranger_is_sent_twenty_requests_at_once_and_four_a_second() {
        let mut strangers = Strangers::new(&mut Random::from_key([1, 2]));
        let host = |text: &str| text.parse::<IpAddr>().unwrap();
        let mut sent =
            |to: &str, seconds| (0..100).filter(|_| strangers.may_send(host(to), at(seconds))).count();
        assert_eq!(sent("203.0.113.9", 0), 20);
        assert_eq!(sent("203.0.113.9", 1), 4);
        assert_eq!(sent("203.0.113.10", 1), 20, "each host for itself");
        assert_eq!(sent("2001:db8:1::1", 1) + sent("2001:db8:1::2", 1), 20, "a /64 is one");
    }
}
