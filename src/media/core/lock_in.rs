//! Symmetric RTP with lock-in (RFC 4961, advice of RFC 7362): where a remote's packets really come from.
//!
//! ```text
//!            valid packet from the announced address,
//!            or PROBATION_PACKETS in sequence from another
//!   Open ────────────────────────────────────────────────► Locked
//!     ▲                                                      │  │ within the window: the announced address at once,
//!     │  a negotiation announces another address             │  │ another after probation ─► Locked (there)
//!     └──────────────────────────────────────────────────────┘  ▼ after the window: nobody else is heard
//! ```
//!
//! Whether a packet is plausible at all (version, payload type, SSRC) is judged before, by the endpoint.

use std::net::SocketAddr;
use std::time::Duration;

use crate::ground::Instant;
use crate::rtp::Header;

/// How long after the lock-in the address may still change.
pub const LOCK_IN_WINDOW: Duration = Duration::from_secs(5);

/// Packets in sequence that an address nobody announced must send before it is heard.
pub const PROBATION_PACKETS: u8 = 3;

/// What is to be done with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the remote's.
    Accept,
    /// It may become the remote's; this one is dropped.
    Probation,
    /// It is not the remote's.
    Foreign,
}

/// An address that asks to be heard.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    address: SocketAddr,
    ssrc: u32,
    next_sequence: u16,
    seen: u8,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Nothing accepted yet.
    Open,
    /// This address is heard; until then another may take its place.
    Locked { address: SocketAddr, changes_until: Instant },
}

/// The lock-in of one remote.
#[derive(Clone, Debug)]
pub struct LockIn {
    announced: Option<SocketAddr>,
    state: State,
    candidate: Option<Candidate>,
}

impl LockIn {
    /// Nothing heard yet; the description announced this address, if it could be read from it.
    #[must_use]
    pub const fn new(announced: Option<SocketAddr>) -> Self {
        Self { announced, state: State::Open, candidate: None }
    }

    /// A negotiation is in force: the window opens again, and a changed address drops the old one.
    pub fn renegotiated(&mut self, announced: Option<SocketAddr>, now: Instant) {
        self.candidate = None;
        self.state = match self.state {
            State::Locked { address, .. } if announced == self.announced || announced == Some(address) => {
                State::Locked { address, changes_until: now + LOCK_IN_WINDOW }
            }
            _ => State::Open,
        };
        self.announced = announced;
    }

    /// The address that the description announced, or that its host name was found to have.
    #[must_use]
    pub const fn announced(&self) -> Option<SocketAddr> {
        self.announced
    }

    /// The host that the description names has this address: from now on it counts as announced, unless packets have
    /// shown already where the remote is. Returns whether it does.
    pub fn located(&mut self, address: SocketAddr) -> bool {
        let open = matches!(self.state, State::Open);
        if open {
            self.announced = Some(address);
        }
        open
    }

    /// Where packets to this remote go: where its packets come from, else where it asked for them.
    #[must_use]
    pub const fn destination(&self) -> Option<SocketAddr> {
        match self.state {
            State::Locked { address, .. } => Some(address),
            State::Open => self.announced,
        }
    }

    /// Whether the address is this remote's, announced or locked in.
    #[must_use]
    pub fn knows(&self, address: SocketAddr) -> bool {
        self.announced == Some(address) || self.is_locked_to(address)
    }

    fn is_locked_to(&self, from: SocketAddr) -> bool {
        matches!(self.state, State::Locked { address, .. } if address == from)
    }

    /// Judges a plausible packet.
    pub fn judge(&mut self, from: SocketAddr, header: &Header, now: Instant) -> Verdict {
        match self.state {
            State::Locked { address, .. } if address == from => {
                self.candidate = None;
                Verdict::Accept
            }
            State::Locked { changes_until, .. } if now >= changes_until => Verdict::Foreign,
            State::Open | State::Locked { .. } => self.consider(from, header, now),
        }
    }

    fn consider(&mut self, from: SocketAddr, header: &Header, now: Instant) -> Verdict {
        if self.announced != Some(from) && !self.has_passed(from, header) {
            return Verdict::Probation;
        }
        let changes_until = match self.state {
            State::Open => now + LOCK_IN_WINDOW,
            State::Locked { changes_until, .. } => changes_until,
        };
        self.state = State::Locked { address: from, changes_until };
        self.candidate = None;
        Verdict::Accept
    }

    /// Counts a packet of an address on probation. A packet of the locked address ends the probation of another.
    fn has_passed(&mut self, address: SocketAddr, header: &Header) -> bool {
        let seen = match self.candidate {
            Some(c)
                if c.address == address && c.ssrc == header.ssrc && c.next_sequence == header.sequence =>
            {
                c.seen + 1
            }
            _ => 1,
        };
        let next_sequence = header.sequence.wrapping_add(1);
        self.candidate = Some(Candidate { address, ssrc: header.ssrc, next_sequence, seen });
        seen >= PROBATION_PACKETS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn packet(sequence: u16, ssrc: u32) -> Header {
        Header { marker: false, payload_type: 0, sequence, timestamp: 0, ssrc }
    }

    const START: Instant = Instant::from_millis(1000);

    /// Feeds (port, sequence, milliseconds after the start) and returns the verdicts.
    fn run(lock: &mut LockIn, packets: &[(u16, u16, u64)]) -> Vec<Verdict> {
        packets
            .iter()
            .map(|&(port, sequence, ms)| {
                lock.judge(at(port), &packet(sequence, u32::from(port)), START + Duration::from_millis(ms))
            })
            .collect()
    }

    use Verdict::{Accept, Foreign, Probation};

    #[test]
    fn the_announced_address_is_heard_at_once() {
        let mut lock = LockIn::new(Some(at(1)));
        assert_eq!(lock.destination(), Some(at(1)));
        assert_eq!(run(&mut lock, &[(1, 9, 0), (1, 3, 20)]), [Accept, Accept]);
    }

    #[test]
    fn another_address_is_heard_and_spoken_to_after_three_packets_in_sequence() {
        let mut lock = LockIn::new(Some(at(1)));
        assert_eq!(run(&mut lock, &[(2, 65535, 0), (2, 0, 20)]), [Probation, Probation]);
        assert_eq!(lock.destination(), Some(at(1)));
        assert_eq!(run(&mut lock, &[(2, 1, 40)]), [Accept]);
        assert_eq!(lock.destination(), Some(at(2)));
    }

    #[test]
    fn packets_out_of_sequence_do_not_pass_probation() {
        let mut lock = LockIn::new(None);
        let packets = [(2, 1, 0), (2, 5, 20), (2, 9, 40), (2, 10, 60), (3, 11, 80), (2, 11, 100)];
        assert_eq!(run(&mut lock, &packets), [Probation; 6]);
        assert_eq!(lock.destination(), None);
    }

    #[test]
    fn inside_the_window_the_announced_address_takes_over_at_once() {
        let mut lock = LockIn::new(Some(at(1)));
        run(&mut lock, &[(2, 1, 0), (2, 2, 20), (2, 3, 40)]);
        assert_eq!(run(&mut lock, &[(1, 50, 60)]), [Accept]);
        assert_eq!(lock.destination(), Some(at(1)));
    }

    #[test]
    fn an_address_that_still_speaks_cannot_be_displaced() {
        let mut lock = LockIn::new(Some(at(1)));
        let packets = [(1, 1, 0), (2, 1, 5), (1, 2, 20), (2, 2, 25), (1, 3, 40), (2, 3, 45), (1, 4, 60)];
        let verdicts = run(&mut lock, &packets);
        assert_eq!(verdicts, [Accept, Probation, Accept, Probation, Accept, Probation, Accept]);
    }

    #[test]
    fn after_the_window_nobody_else_is_heard() {
        let mut lock = LockIn::new(Some(at(1)));
        run(&mut lock, &[(1, 1, 0)]);
        let late = [(2, 1, 5000), (2, 2, 5020), (2, 3, 5040), (2, 4, 5060), (1, 2, 5080)];
        assert_eq!(run(&mut lock, &late), [Foreign, Foreign, Foreign, Foreign, Accept]);
    }

    #[test]
    fn a_negotiation_opens_the_window_again() {
        let mut lock = LockIn::new(Some(at(1)));
        run(&mut lock, &[(1, 1, 0)]);
        lock.renegotiated(Some(at(1)), START + Duration::from_secs(60));
        assert_eq!(lock.destination(), Some(at(1)));
        let moved = [(2, 1, 61_000), (2, 2, 61_020), (2, 3, 61_040)];
        assert_eq!(run(&mut lock, &moved), [Probation, Probation, Accept]);
    }

    #[test]
    fn a_negotiation_with_another_address_drops_the_old_one() {
        let mut lock = LockIn::new(Some(at(1)));
        run(&mut lock, &[(1, 1, 0)]);
        lock.renegotiated(Some(at(7)), START);
        assert_eq!(lock.destination(), Some(at(7)));
        assert_eq!(run(&mut lock, &[(1, 2, 20), (7, 1, 21)]), [Probation, Accept]);
    }

    #[test]
    fn an_address_found_later_is_as_good_as_an_announced_one_while_nothing_is_heard() {
        let mut lock = LockIn::new(None);
        run(&mut lock, &[(2, 1, 0), (2, 2, 20)]);
        assert!(lock.located(at(1)));
        assert_eq!((lock.destination(), lock.announced()), (Some(at(1)), Some(at(1))));
        assert_eq!(run(&mut lock, &[(1, 9, 30)]), [Accept]);
        let mut lock = LockIn::new(None);
        run(&mut lock, &[(2, 1, 0), (2, 2, 20), (2, 3, 40)]);
        assert!(!lock.located(at(1)));
        assert_eq!((lock.destination(), lock.announced()), (Some(at(2)), None));
    }

    #[test]
    fn a_negotiation_that_announces_what_was_learned_keeps_it() {
        let mut lock = LockIn::new(Some(at(1)));
        run(&mut lock, &[(2, 1, 0), (2, 2, 20), (2, 3, 40)]);
        lock.renegotiated(Some(at(2)), START);
        assert_eq!(run(&mut lock, &[(2, 4, 60)]), [Accept]);
    }
}
