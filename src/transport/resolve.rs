//! From a URI's host to addresses: a literal, or A and AAAA records (see [`names`](crate::names)).
//!
//! RFC 3263 (NAPTR, SRV, order and failover) stands before this and is not here; a [`Question`] has what it needs.
//!
//! Engines' names and peers' have bounds apart: a caller can name a host whose name servers never answer, as often as he
//! likes, and no call of an engine's may wait for him.

use std::collections::HashMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::counters::{Counters, count};
use crate::ground::{Asker, Transport};
use crate::names::{Addresses, NameError, Names};

/// Look-ups of engines' names under way at once. Past it, a look-up waits its turn within its own time.
pub const ENGINES_LOOKUPS_MAX: usize = 64;

/// Look-ups of peers' names under way at once. Past it, one more fails at once.
pub const PEERS_LOOKUPS_MAX: usize = 64;

/// Look-ups of the names of one peer, by its address, under way at once. Past it, one more fails at once.
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

/// Look-ups of peers' names under way, by whom.
#[derive(Default)]
struct PeersLookups(Mutex<HashMap<Option<IpAddr>, usize>>);

/// The right to one look-up of a peer's name; given back when dropped.
struct PeersTurn {
    peer: Option<IpAddr>,
    lookups: Arc<PeersLookups>,
}

impl PeersLookups {
    fn take(self: &Arc<Self>, peer: Option<IpAddr>) -> Option<PeersTurn> {
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = under_way.values().sum();
        let of_peer = under_way.get(&peer).copied().unwrap_or(0);
        if all >= PEERS_LOOKUPS_MAX || of_peer >= PEER_LOOKUPS_MAX {
            return None;
        }
        under_way.insert(peer, of_peer + 1);
        Some(PeersTurn { peer, lookups: Arc::clone(self) })
    }
}

impl Drop for PeersTurn {
    fn drop(&mut self) {
        let mut under_way = self.lookups.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_peer) = under_way.get_mut(&self.peer) {
            *of_peer -= 1;
            if *of_peer == 0 {
                under_way.remove(&self.peer);
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
            Asker::Peer(peer) => {
                let Some(_turn) = self.peers.take(peer) else {
                    count(&self.counters.lookups_refused);
                    return Err(ResolveError::Refused(host));
                };
                self.names.look_up(&host).await
            }
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
        for asker in [Asker::Engine, Asker::Peer(None)] {
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
        let mut turns: Vec<_> =
            (0..PEER_LOOKUPS_MAX).map(|_| resolver.peers.take(peer(0)).unwrap()).collect();
        assert!(resolver.peers.take(peer(0)).is_none(), "it has its share");
        for last in 1..=7 {
            turns.extend((0..PEER_LOOKUPS_MAX).map(|_| resolver.peers.take(peer(last)).unwrap()));
        }
        let outcome = resolver.resolve(question("localhost", None, Asker::Peer(peer(99)))).await;
        assert_eq!(outcome, Err(ResolveError::Refused("localhost".into())));
        assert_eq!(resolver.counters.snapshot().lookups_refused, 1);
        assert!(resolver.resolve(question("localhost", None, Asker::Engine)).await.is_ok());
        turns.clear();
        assert!(resolver.peers.0.lock().unwrap().is_empty());
        assert!(resolver.resolve(question("localhost", None, Asker::Peer(peer(99)))).await.is_ok());
    }
}
