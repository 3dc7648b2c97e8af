//! How much is sent to an address that has not shown that it wants it (the concern of RFC 7675, without its means).
//!
//! A description may name anybody's address. Until packets come from there, or the peer has shown that it gets what is
//! sent to that very address, a host is sent no more than a stream's worth by all endpoints of a node together: enough for
//! a phone that only listens, too little for anybody to be harmed with. Where some endpoints' peers at a host have shown
//! that they want it, as on a carrier's gateway, the others may be sent more.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::source::Signaled;
use crate::ground::Instant;
use crate::ground::network::one_of;

/// Packets a second to a host that has shown nothing, over all endpoints; as many may go at once.
pub const UNASKED_PER_SECOND: u64 = 50;

/// By so many streams more the rest of a host may be sent for each endpoint whose peer there wants it.
pub const SHARE_OF_CONSENT: u64 = 4;

/// Packets that one endpoint sends at most while its peer has shown nothing at all, neither by packets nor by signaling, and
/// none has confirmed a call from there: 5 s of early media. An INVITE whose source is forged costs no more.
pub const STRANGER_PACKETS_MAX: u32 = 250;

/// The same, where calls from there were confirmed lately: a minute of early media.
pub const FAMILIAR_PACKETS_MAX: u32 = 3000;

/// The same, where the peer has shown that it gets what is sent to the address that it signals from, but is sent to elsewhere
/// and nothing ever came from there: ten minutes of audio. A phone that only listens, behind a proxy, hears no more; nobody
/// else is sent more for a call that was acknowledged once.
pub const REACHED_PACKETS_MAX: u32 = 30_000;

/// Hosts that are told apart. Those past it share one budget.
pub const HOSTS_MAX: usize = 4096;

const SECOND: u64 = 1_000_000_000;

/// A host and what it may still be sent unasked.
#[derive(Debug, Default)]
struct Host {
    /// When its bucket is full again, nanoseconds.
    full_at: AtomicU64,
    /// Endpoints whose peer there has shown that it wants packets.
    consenting: AtomicU32,
}

impl Host {
    fn takes(&self, now: Instant) -> bool {
        let streams = 1 + SHARE_OF_CONSENT * u64::from(self.consenting.load(Ordering::Relaxed));
        let worth = SECOND / (UNASKED_PER_SECOND * streams);
        let now = now.as_nanos();
        let taken = |full_at: u64| {
            let from = full_at.max(now);
            (from - now < SECOND).then_some(from + worth)
        };
        self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }
}

/// What is withheld at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct ConsentCounts {
    /// Hosts that are known.
    pub hosts: usize,
    /// Packets that were not sent, for want of any sign that they are wanted. A total.
    pub withheld: u64,
}

/// The hosts that a node sends to. Shared by its workers; locked when an endpoint's peer is another than before, never for a
/// packet.
#[derive(Debug, Default)]
pub struct Consents {
    hosts: Mutex<HashMap<IpAddr, Arc<Host>>>,
    rest: Arc<Host>,
    withheld: AtomicU64,
}

impl Consents {
    /// The host of an address; all addresses of an IPv6 /64 are one host's, who may use any of them.
    fn host(&self, ip: IpAddr) -> Arc<Host> {
        let ip = one_of(ip);
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.get(&ip) {
            return Arc::clone(host);
        }
        if hosts.len() >= HOSTS_MAX {
            hosts.retain(|_, host| Arc::strong_count(host) > 1);
        }
        if hosts.len() >= HOSTS_MAX {
            return Arc::clone(&self.rest);
        }
        let host = Arc::new(Host::default());
        hosts.insert(ip, Arc::clone(&host));
        host
    }

    /// What is withheld now.
    #[must_use]
    pub fn counts(&self) -> ConsentCounts {
        ConsentCounts {
            hosts: self.hosts.lock().unwrap_or_else(PoisonError::into_inner).len(),
            withheld: self.withheld.load(Ordering::Relaxed),
        }
    }
}

/// One endpoint's leave to send to its peer's host.
#[derive(Debug, Default)]
pub struct Leave {
    asked: Option<Asked>,
    /// Packets that went out without it.
    spared: u32,
}

#[derive(Debug)]
struct Asked {
    ip: IpAddr,
    host: Arc<Host>,
    given: bool,
}

impl Leave {
    /// Whether it is given for this host.
    #[must_use]
    pub fn is_given(&self, ip: IpAddr) -> bool {
        self.asked.as_ref().is_some_and(|asked| asked.given && asked.ip == ip)
    }

    /// The peer has shown that it wants packets there.
    pub fn give(&mut self, ip: IpAddr, consents: &Consents) {
        if self.is_given(ip) {
            return;
        }
        let host = self.of(ip, consents);
        host.consenting.fetch_add(1, Ordering::Relaxed);
        if let Some(asked) = &mut self.asked {
            asked.given = true;
        }
    }

    /// Whether a packet may go there without that.
    pub fn spares(&mut self, ip: IpAddr, peer: Signaled, consents: &Consents, now: Instant) -> bool {
        let most = match peer {
            Signaled { reached: true, .. } => REACHED_PACKETS_MAX,
            Signaled { familiar: true, .. } => FAMILIAR_PACKETS_MAX,
            Signaled { .. } => STRANGER_PACKETS_MAX,
        };
        let taken = self.spared < most && self.of(ip, consents).takes(now);
        if taken {
            self.spared = self.spared.saturating_add(1);
        } else {
            consents.withheld.fetch_add(1, Ordering::Relaxed);
        }
        taken
    }

    fn of(&mut self, ip: IpAddr, consents: &Consents) -> Arc<Host> {
        if let Some(asked) = self.asked.as_ref().filter(|asked| asked.ip == ip) {
            return Arc::clone(&asked.host);
        }
        let host = consents.host(ip);
        self.asked = Some(Asked { ip, host: Arc::clone(&host), given: false });
        host
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if self.given {
            self.host.consenting.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;
    use std::time::Duration;

    use super::*;
    use crate::media::core::SourcePolicy;

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([203, 0, 113, last])
    }

    /// How many of a stream of 20 ms to this host go out in so many seconds, sent by each of these.
    fn sent(leaves: &mut [Leave], to: IpAddr, consents: &Consents, from: Instant, seconds: u64) -> u64 {
        let mut sent = 0;
        for packet in 0..seconds * 50 {
            let now = from + Duration::from_millis(packet * 20);
            for leave in leaves.iter_mut() {
                sent += u64::from(leave.is_given(to) || leave.spares(to, REACHED, consents, now));
            }
        }
        sent
    }

    const START: Instant = Instant::from_millis(1000);

    const REACHED: Signaled =
        Signaled { address: None, reached: true, familiar: false, policy: SourcePolicy::Exact };

    #[test]
    fn a_phone_that_only_listens_is_sent_all_of_its_stream() {
        let consents = Consents::default();
        assert_eq!(sent(&mut [Leave::default()], ip(1), &consents, START, 60), 60 * 50);
        assert_eq!(consents.counts(), ConsentCounts { hosts: 1, withheld: 0 });
    }

    #[test]
    fn many_endpoints_send_a_host_that_asked_for_nothing_no_more_than_a_stream() {
        let consents = Consents::default();
        let mut leaves: Vec<Leave> = (0..31).map(|_| Leave::default()).collect();
        let arrived = sent(&mut leaves, ip(1), &consents, START, 60);
        assert!(arrived <= 61 * UNASKED_PER_SECOND + 1, "{arrived}");
        assert_eq!(consents.counts().withheld, 31 * 60 * 50 - arrived);
        // All of an IPv6 /64 is one host.
        let addresses =
            (1..=31_u32).map(|n| IpAddr::from(Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(n))));
        let spared = addresses.map(|ip| sent(&mut [Leave::default()], ip, &consents, START, 1)).sum::<u64>();
        assert!(spared <= 2 * UNASKED_PER_SECOND, "{spared}");
        // Another host has its own budget.
        assert_eq!(sent(&mut [Leave::default()], ip(2), &consents, START, 10), 500);
    }

    #[test]
    fn where_some_want_it_the_others_may_be_sent_more_until_those_are_gone() {
        let consents = Consents::default();
        let mut wanted = Leave::default();
        wanted.give(ip(1), &consents);
        wanted.give(ip(1), &consents);
        let mut leaves: Vec<Leave> = (0..31).map(|_| Leave::default()).collect();
        let arrived = sent(&mut leaves, ip(1), &consents, START, 60);
        let most = (1 + SHARE_OF_CONSENT) * UNASKED_PER_SECOND;
        assert!((60 * most..=61 * most + 1).contains(&arrived), "{arrived}");
        drop(wanted);
        let arrived = sent(&mut leaves, ip(1), &consents, START + Duration::from_secs(100), 60);
        assert!(arrived <= 61 * UNASKED_PER_SECOND + 1, "{arrived}");
    }

    #[test]
    fn leave_is_given_for_one_host_and_goes_with_it() {
        let consents = Consents::default();
        let mut leave = Leave::default();
        leave.give(ip(1), &consents);
        assert!(leave.is_given(ip(1)) && !leave.is_given(ip(2)));
        assert!(leave.spares(ip(2), REACHED, &consents, START));
        assert!(!leave.is_given(ip(1)), "its peer is elsewhere now");
        assert_eq!(consents.host(ip(1)).consenting.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn hosts_past_the_bound_share_one_budget_and_make_room_when_nobody_sends_to_them() {
        let consents = Consents::default();
        let address = |n: usize| IpAddr::from((n as u32 + 0x0A00_0000).to_be_bytes());
        let mut leaves: Vec<Leave> = (0..HOSTS_MAX + 100).map(|_| Leave::default()).collect();
        let mut spared = 0;
        for (n, leave) in leaves.iter_mut().enumerate() {
            spared += usize::from(leave.spares(address(n), REACHED, &consents, START));
        }
        assert_eq!(spared, HOSTS_MAX + UNASKED_PER_SECOND as usize);
        assert_eq!(consents.counts().hosts, HOSTS_MAX);
        leaves.clear();
        assert!(Leave::default().spares(address(HOSTS_MAX * 2), REACHED, &consents, START));
        assert_eq!(consents.counts().hosts, 1);
    }

    #[test]
    fn a_peer_that_nothing_comes_from_is_sent_so_much_by_an_endpoint_as_it_has_shown() {
        // Whether calls from there were confirmed, whether this one was.
        let rows = [
            (false, false, STRANGER_PACKETS_MAX),
            (true, false, FAMILIAR_PACKETS_MAX),
            (false, true, REACHED_PACKETS_MAX),
            (true, true, REACHED_PACKETS_MAX),
        ];
        for (familiar, reached, most) in rows {
            let consents = Consents::default();
            let peer = Signaled { familiar, reached, ..Signaled::default() };
            let mut leave = Leave::default();
            let mut sent = 0;
            for packet in 0..700 * 50 {
                let now = START + Duration::from_millis(packet * 20);
                sent += u32::from(leave.spares(ip(1), peer, &consents, now));
            }
            assert_eq!(sent, most);
            assert_eq!(consents.counts().withheld, 700 * 50 - u64::from(most));
            let later = START + Duration::from_secs(701);
            let acknowledged = leave.spares(ip(1), REACHED, &consents, later);
            assert_eq!(acknowledged, !reached, "it has acknowledged meanwhile");
            leave.give(ip(1), &consents);
            assert!(leave.is_given(ip(1)), "packets come from there");
        }
    }
}
