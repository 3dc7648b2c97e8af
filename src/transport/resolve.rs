//! From a URI's host to addresses: a literal, or A and AAAA records by the system's own resolver.
//!
//! RFC 3263 (NAPTR, SRV, order and failover) stands before this and is not here.

use std::future::Future;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

/// Look-ups under way at once. Each occupies a thread of the runtime's blocking pool for as long as the system's
/// resolver takes. Past it, a look-up waits its turn within its own time.
pub const LOOKUPS_MAX: usize = 32;

/// How long a look-up may take, its turn included.
pub const LOOKUP_TIME_MAX: Duration = Duration::from_secs(5);

/// Addresses taken from one answer; the rest is left away.
pub const ADDRESSES_MAX: usize = 16;

/// Why a host has no address. Whose fault: the first is the caller's or his peer's, the others the network's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The name does not exist, or has no address.
    #[error("peer: no address for {0}")]
    NotFound(String),
    /// No answer in time.
    #[error("network: no answer in time for {0}")]
    Time(String),
}

/// Addresses in the order in which they are to be tried, or why there are none.
pub type Resolution = Result<Vec<SocketAddr>, ResolveError>;

/// Finds the addresses of a host.
pub trait Resolver: Send + Sync {
    /// The addresses of `host`, a name or a literal (IPv6 with or without brackets), with `port`.
    fn resolve(&self, host: &str, port: u16) -> Pin<Box<dyn Future<Output = Resolution> + Send + '_>>;
}

/// The address a host literally is.
#[must_use]
pub fn literal(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok()
}

/// The system's resolver: the hosts file, then DNS, as the machine is configured.
#[derive(Clone, Debug)]
pub struct SystemResolver {
    turns: Arc<Semaphore>,
    time_max: Duration,
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self::new(LOOKUPS_MAX, LOOKUP_TIME_MAX)
    }
}

impl SystemResolver {
    /// With other bounds than the default ones.
    #[must_use]
    pub fn new(lookups_max: usize, time_max: Duration) -> Self {
        Self { turns: Arc::new(Semaphore::new(lookups_max.max(1))), time_max }
    }

    async fn look_up(&self, host: String, port: u16) -> Resolution {
        let not_found = || ResolveError::NotFound(host.clone());
        let looking = async {
            let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| not_found())?;
            let asked = host.clone();
            // The turn goes with the thread, which cannot be stopped: giving up early does not make room for more.
            let answer = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                (asked.as_str(), port).to_socket_addrs().map(|found| found.take(ADDRESSES_MAX).collect())
            });
            let mut found: Vec<SocketAddr> =
                answer.await.map_err(|_| not_found())?.map_err(|_| not_found())?;
            found.dedup();
            if found.is_empty() { Err(not_found()) } else { Ok(found) }
        };
        tokio::time::timeout(self.time_max, looking)
            .await
            .unwrap_or_else(|_| Err(ResolveError::Time(host.clone())))
    }
}

impl Resolver for SystemResolver {
    fn resolve(&self, host: &str, port: u16) -> Pin<Box<dyn Future<Output = Resolution> + Send + '_>> {
        match literal(host) {
            Some(ip) => Box::pin(std::future::ready(Ok(vec![SocketAddr::new(ip, port)]))),
            None => Box::pin(self.look_up(host.to_owned(), port)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn literals_are_answered_without_a_look_up() {
        let resolver = SystemResolver::new(1, Duration::ZERO);
        let one = |text: &str| Ok(vec![text.parse().unwrap()]);
        assert_eq!(resolver.resolve("192.0.2.1", 5060).await, one("192.0.2.1:5060"));
        assert_eq!(resolver.resolve("[2001:db8::1]", 5061).await, one("[2001:db8::1]:5061"));
        assert_eq!(resolver.resolve("2001:db8::1", 5061).await, one("[2001:db8::1]:5061"));
    }

    #[tokio::test]
    async fn names_are_looked_up_by_the_system() {
        let found = SystemResolver::default().resolve("localhost", 5060).await.unwrap();
        assert!(found.iter().all(|address| address.ip().is_loopback() && address.port() == 5060));
    }

    #[tokio::test]
    async fn a_name_without_an_address_is_not_found() {
        let outcome = SystemResolver::default().resolve("no such name", 5060).await;
        assert_eq!(outcome, Err(ResolveError::NotFound("no such name".into())));
    }

    #[tokio::test]
    async fn a_look_up_that_does_not_get_its_turn_in_time_says_so() {
        let resolver = SystemResolver::new(1, Duration::from_millis(1));
        let _taken = resolver.turns.acquire().await.unwrap();
        assert_eq!(resolver.resolve("localhost", 1).await, Err(ResolveError::Time("localhost".into())));
    }
}
