//! What waited in the sockets while the worker was away: frozen, starved of its processor, or busy for too long.
//!
//! Passed on as it is, it would come to listeners as a burst of old audio, and hold up what is new. So all but the newest
//! few packets of each socket are dropped.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::{RecvFlags, recvfrom};

use crate::ground::Instant;

/// How long a worker may be away before what waited is dropped.
pub const AWAY_MAX: Duration = Duration::from_millis(200);

/// How many packets of a socket are kept: as much audio, in packets of 20 ms, as was not too long away.
pub const KEPT_PACKETS: usize = 10;

/// After such an absence nothing is kept: buffers that were full refused what was new.
const KEEPING_MAX: Duration = Duration::from_secs(5);

/// How often a worker that carries something wakes at least, so that an absence shows.
const PULSE: Duration = Duration::from_millis(100);

/// Notices that a worker was away.
#[derive(Debug, Default)]
pub struct Presence {
    /// When it should wake at the latest.
    pub(super) due: Instant,
}

impl Presence {
    /// When to wake at the latest, if there is anything to be here for.
    #[must_use]
    pub fn due(&self, sockets: usize) -> Option<Instant> {
        (sockets > 0).then_some(self.due)
    }

    /// The worker is here now. `expected`: it was to wake at [`Presence::due`]. Returns how long it was away since then,
    /// where that was too long.
    pub fn here(&mut self, expected: bool, now: Instant) -> Option<Duration> {
        if now < self.due {
            return None;
        }
        let away = now.since(self.due);
        self.due = now + PULSE;
        (expected && away >= AWAY_MAX).then_some(away)
    }
}

/// Empties a socket. Returns the packets to keep, oldest first, and how many are to be dropped.
pub fn empty(socket: &OwnedFd, away: Duration, buffer: &mut [u8]) -> (VecDeque<(SocketAddr, Vec<u8>)>, u64) {
    let keeps = if away < KEEPING_MAX { KEPT_PACKETS } else { 0 };
    let (mut kept, mut dropped) = (VecDeque::new(), 0);
    while let Ok((length, _, from)) = recvfrom(socket, &mut *buffer, RecvFlags::empty()) {
        let Some(Ok(from)) = from.map(SocketAddr::try_from) else { continue };
        kept.push_back((from, buffer[..length].to_vec()));
        if kept.len() > keeps {
            kept.pop_front();
            dropped += 1;
        }
    }
    (kept, dropped)
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn an_absence_shows_at_the_pulse_that_it_missed() {
        let at = Instant::from_millis;
        let mut presence = Presence::default();
        // Nothing was carried before: that was no absence.
        assert_eq!((presence.due(0), presence.here(false, at(10_000))), (None, None));
        assert_eq!(presence.due(1), Some(at(10_100)));
        // Now, what shows, when the next pulse is due.
        let rows = [
            (10_050, None, 10_100),
            (10_100, None, 10_200),
            (10_399, None, 10_499),
            (10_699, Some(200), 10_799),
            (15_799, Some(5_000), 15_899),
        ];
        for (now, away, due) in rows {
            assert_eq!(presence.here(true, at(now)), away.map(Duration::from_millis), "{now}");
            assert_eq!(presence.due(3), Some(at(due)), "{now}");
        }
    }

    #[test]
    fn of_what_waited_the_newest_few_are_kept() {
        for (away, waited, kept) in [(300, 50, KEPT_PACKETS), (300, 4, 4), (300, 0, 0), (6_000, 50, 0)] {
            let (ours, theirs) =
                (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
            ours.set_nonblocking(true).unwrap();
            for number in 0..waited {
                theirs.send_to(&[number], ours.local_addr().unwrap()).unwrap();
            }
            let socket = OwnedFd::from(ours);
            let (packets, dropped) = empty(&socket, Duration::from_millis(away), &mut [0; 100]);
            let newest: Vec<_> = (waited - kept as u8..waited).map(|number| vec![number]).collect();
            assert_eq!(packets.iter().map(|(_, packet)| packet.clone()).collect::<Vec<_>>(), newest);
            assert!(packets.iter().all(|(from, _)| *from == theirs.local_addr().unwrap()));
            assert_eq!(dropped, u64::from(waited) - kept as u64);
        }
    }
}
