//! From a URI's host to addresses: a literal, or A and AAAA records (see [`names`](crate::names)).
//!
//! RFC 3263 (NAPTR, SRV, order and failover) stands before this and is not here; a [`Question`] has what it needs.
//!
//! Engines' names and peers' have bounds apart: a caller can name a host whose name servers never answer, as often as he
//! likes, and no call of an engine's may wait for him. Of the peers' look-ups a part is kept for those who have shown that they
//! read what we send: who forges his address has none of it. What is known already takes no place.

use std::collections::HashMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::counters::{Counters, count};
use crate::ground::network::one_of;
use crate::ground::{Asker, Transport};
use crate::names::{Addresses, NameError, Names};

/// Look-ups of engines' names under way at once. Past it, a look-up waits its turn within its own time.
pub const ENGINES_LOOKUPS_MAX: usize = 64;

/// Look-ups of peers' names under way at once. Past it, one more fails at once.
pub const PEERS_LOOKUPS_MAX: usize = 64;

/// Those of them that peers may have who have not shown that they read what we send. Past it, one more of theirs fails at
/// once.
pub const UNPROVEN_LOOKUPS_MAX: usize = 32;

/// Look-ups of the names of one peer, by its address (all of an IPv6 /64 is one), under way at once. Past it, one more fails
/// at once.
pub const PEER_LOOKUPS_MAX: usize = 8;

/// How long a look-up may take, its turn included.
pub const LOOKUP_TIME_MAX: Duration = Duration::from_secs(5);

/// Addresses taken from one answer; the rest is left away.
pub const ADDRESSES_MAX: usize = 16;

/// What is to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// A name or a literal, IPv6 with or without brackets.
    pub host: String,
    /// The port, where the URI gives one.
    pub port: Option<u16>,
    /// The transport that will be spoken.
    pub transport: Transport,
    /// Whose name it is.
    pub asker: Asker,
}

/// Why a host has no address. Whose fault: the first is the caller's or his peer's, the second the network's, the third the
/// peer's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The name does not exist, or has no address.
    #[error("peer: no address for {0}")]
    NotFound(String),
    /// No answer in time.
    #[error("network: no answer in time for {0}")]
    Time(String),
    /// Peers have as many names looked up as they may.
    #[error("peer: too many names of peers are being looked up, {0} not")]
    Refused(String),
}

/// Addresses in the order in which they are to be tried, or why there are none.
pub type Resolution = Result<Vec<SocketAddr>, ResolveError>;

/// Finds the addresses of a host.
pub trait Resolver: Send + Sync {
    /// The addresses that answer a question.
    fn resolve(&self, question: Question) -> Pin<Box<dyn Future<Output = Resolution> + Send + '_>>;
}

/// The address a host literally is.
#[must_use]
pub fn literal(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok()
}

/// The system's resolver: the hosts file, then DNS, as the machine is configured.
pub struct SystemResolver {
    names: Names,
    engines: Semaphore,
    peers: Arc<PeersLookups>,
    counters: Arc<Counters>,
}

/// Look-ups of peers' names under way.
#[derive(Default)]
struct PeersLookups(Mutex<UnderWay>);

#[derive(Default)]
struct UnderWay {
    /// By whom.
    of: HashMap<Option<IpAddr>, usize>,
    all: usize,
    unproven: usize,
}

/// The right to one look-up of a peer's name; given back when dropped.
struct PeersTurn {
    peer: Option<IpAddr>,
    proven: bool,
    lookups: Arc<PeersLookups>,
}

impl PeersLookups {
    fn under_way(&self) -> MutexGuard<'_, UnderWay> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(self: &Arc<Self>, peer: Option<IpAddr>, proven: bool) -> Option<PeersTurn> {
        let peer = peer.map(one_of);
        let mut under_way = self.under_way();
        let of_peer = under_way.of.get(&peer).copied().unwrap_or(0);
        if under_way.all >= PEERS_LOOKUPS_MAX
            || of_peer >= PEER_LOOKUPS_MAX
            || !proven && under_way.unproven >= UNPROVEN_LOOKUPS_MAX
        {
            return None;
        }
        under_way.of.insert(peer, of_peer + 1);
        under_way.all += 1;
        under_way.unproven += usize::from(!proven);
        Some(PeersTurn { peer, proven, lookups: Arc::clone(self) })
    }
}

impl Drop for PeersTurn {
    fn drop(&mut self) {
        let mut under_way = self.lookups.under_way();
        under_way.all -= 1;
        under_way.unproven -= usize::from(!self.proven);
        if let Some(of_peer) = under_way.of.get_mut(&self.peer) {
            *of_peer -= 1;
            if *of_peer == 0 {
                under_way.of.remove(&self.peer);
            }
        }
    }
}

impl SystemResolver {
    /// One for one shard. What it refuses is counted there.
    #[must_use]
    pub fn new(counters: Arc<Counters>) -> Self {
        Self {
            names: Names::new(LOOKUP_TIME_MAX),
            engines: Semaphore::new(ENGINES_LOOKUPS_MAX),
            peers: Arc::default(),
            counters,
        }
    }

    async fn look_up(&self, question: Question) -> Resolution {
        let Question { host, port, transport, asker } = question;
        let found = match asker {
            Asker::Engine => {
                let in_turn = async {
                    // It is never closed.
                    let _turn = self.engines.acquire().await.map_err(|_| NameError::NotFound)?;
                    self.names.look_up(&host).await
                };
                tokio::time::timeout(LOOKUP_TIME_MAX, in_turn).await.unwrap_or(Err(NameError::Time))
            }
            Asker::Peer { at, proven } => match self.names.known(&host) {
                Some(known) => Ok(known),
                None => {
                    let Some(_turn) = self.peers.take(at, proven) else {
                        count(&self.counters.lookups_refused);
                        return Err(ResolveError::Refused(host));
                    };
                    self.names.look_up(&host).await
                }
            },
        };
        resolution(found, host, port.unwrap_or(transport.default_port()))
    }
}

fn resolution(found: Addresses, host: String, port: u16) -> Resolution {
    match found {
        Ok(found) => Ok(found.iter().take(ADDRESSES_MAX).map(|ip| SocketAddr::new(*ip, port)).collect()),
        Err(NameError::NotFound) => Err(ResolveError::NotFound(host)),
        Err(NameError::Time) => Err(ResolveError::Time(host)),
    }
}

impl Resolver for SystemResolver {
    fn resolve(&self, question: Question) -> Pin<Box<dyn Future<Output = Resolution> + Send + '_>> {
        match literal(&question.host) {
            Some(ip) => {
                let port = question.port.unwrap_or(question.transport.default_port());
                Box::pin(std::future::ready(Ok(vec![SocketAddr::new(ip, port)])))
            }
            None => Box::pin(self.look_up(question)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(host: &str, port: Option<u16>, asker: Asker) -> Question {
        Question { host: host.into(), port, transport: Transport::Udp, asker }
    }

    fn resolver() -> SystemResolver {
        SystemResolver::new(Arc::default())
    }

    #[tokio::test]
    async fn literals_are_answered_without_a_look_up() {
        let resolver = resolver();
        resolver.engines.close();
        let one = |text: &str| Ok(vec![text.parse().unwrap()]);
        for (host, port, found) in [
            ("192.0.2.1", None, "192.0.2.1:5060"),
            ("[2001:db8::1]", Some(5061), "[2001:db8::1]:5061"),
            ("2001:db8::1", Some(5061), "[2001:db8::1]:5061"),
        ] {
            assert_eq!(resolver.resolve(question(host, port, Asker::Engine)).await, one(found));
        }
    }

    #[tokio::test]
    async fn names_are_looked_up_by_the_system() {
        for asker in [Asker::Engine, Asker::Peer { at: None, proven: false }] {
            let found = resolver().resolve(question("localhost", Some(5070), asker)).await.unwrap();
            assert!(found.iter().all(|address| address.ip().is_loopback() && address.port() == 5070));
            let outcome = resolver().resolve(question("no such name", None, asker)).await;
            assert_eq!(outcome, Err(ResolveError::NotFound("no such name".into())));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_engines_look_up_waits_its_turn_and_not_for_ever() {
        let resolver = resolver();
        let _taken = resolver.engines.acquire_many(ENGINES_LOOKUPS_MAX as u32).await.unwrap();
        let outcome = resolver.resolve(question("localhost", None, Asker::Engine)).await;
        assert_eq!(outcome, Err(ResolveError::Time("localhost".into())));
    }

    #[tokio::test]
    async fn a_peer_has_so_many_names_looked_up_and_all_peers_so_many_and_an_engine_is_not_kept_waiting() {
        let resolver = resolver();
        let peer = |last: u8| Some(IpAddr::from([192, 0, 2, last]));
        let of_99 = Asker::Peer { at: peer(99), proven: true };
        let take = |last| resolver.peers.take(peer(last), true);
        let mut turns: Vec<_> = (0..PEER_LOOKUPS_MAX).map(|_| take(0).unwrap()).collect();
        assert!(take(0).is_none(), "it has its share");
        for last in 1..=7 {
            turns.extend((0..PEER_LOOKUPS_MAX).map(|_| take(last).unwrap()));
        }
        let outcome = resolver.resolve(question("localhost", None, of_99)).await;
        assert_eq!(outcome, Err(ResolveError::Refused("localhost".into())));
        assert_eq!(resolver.counters.snapshot().lookups_refused, 1);
        assert!(resolver.resolve(question("localhost", None, Asker::Engine)).await.is_ok());
        turns.pop();
        assert!(resolver.resolve(question("localhost", None, of_99)).await.is_ok());
        turns.clear();
        let left = resolver.peers.under_way();
        assert!(left.of.is_empty() && (left.all, left.unproven) == (0, 0));
    }

    #[test]
    fn all_of_an_ipv6_64_have_the_share_of_one() {
        let lookups = Arc::new(PeersLookups::default());
        let take = |text: String| lookups.take(Some(text.parse().unwrap()), true);
        let of_one = (0..20).filter_map(|last| take(format!("2001:db8:1::{last:x}")));
        let turns: Vec<_> = of_one.collect();
        assert_eq!(turns.len(), PEER_LOOKUPS_MAX);
        assert!(take("2001:db8:2::1".to_owned()).is_some());
    }

    #[test]
    fn who_never_showed_that_he_reads_what_we_send_leaves_places_to_those_who_did() {
        let lookups = Arc::new(PeersLookups::default());
        let take = |last: u8, proven| lookups.take(Some(IpAddr::from([192, 0, 2, last])), proven);
        let mut turns: Vec<_> = (0..200).filter_map(|last| take(last, false)).collect();
        assert_eq!(turns.len(), UNPROVEN_LOOKUPS_MAX);
        turns.extend((0..200).filter_map(|last| take(last, true)));
        assert_eq!(turns.len(), PEERS_LOOKUPS_MAX);
        turns.truncate(UNPROVEN_LOOKUPS_MAX);
        assert!(take(200, false).is_none());
        assert!(take(200, true).is_some());
    }

    #[tokio::test]
    async fn what_is_known_takes_no_place() {
        let resolver = resolver();
        let of_peer = Asker::Peer { at: None, proven: false };
        assert!(resolver.resolve(question("localhost", None, Asker::Engine)).await.is_ok());
        let taken =
            (0..PEERS_LOOKUPS_MAX).map(|last| resolver.peers.take(Some([10, 0, 0, last as u8].into()), true));
        let turns: Vec<PeersTurn> = taken.flatten().collect();
        assert_eq!(turns.len(), PEERS_LOOKUPS_MAX);
        assert!(resolver.resolve(question("LocalHost", None, of_peer)).await.is_ok());
        let outcome = resolver.resolve(question("unknown.invalid", None, of_peer)).await;
        assert_eq!(outcome, Err(ResolveError::Refused("unknown.invalid".into())));
    }
}
