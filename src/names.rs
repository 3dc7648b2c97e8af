//! Names to addresses: the hosts file, then DNS, by the name servers of `/etc/resolv.conf`.
//!
//! Nothing here blocks a thread. Answers are kept for their TTL, those that say there is nothing too, and look-ups of one
//! name that are under way at once are one. How many may be under way is for whoever asks to bound.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, ResolveHosts, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;

/// Answers kept, each a name's addresses of one family.
const CACHED_MAX: u64 = 4_096;

/// How long an answer is kept at most, and one that says that there is nothing.
const KEPT_MAX: (Duration, Duration) = (Duration::from_secs(3_600), Duration::from_secs(60));

/// How long one name server may take, and how often it is asked.
const SERVER_TIME_MAX: Duration = Duration::from_millis(1_500);
const SERVER_TRIES: usize = 2;

/// Queries under way by one connection to a name server.
const QUERIES_MAX: usize = 256;

/// How often it is looked whether the system's files have changed.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What the system says about names.
const FILES: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];

/// Why a name has no address. Whose fault: the first is its owner's or who told it, the second the network's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It does not exist, or has no address.
    #[error("no address")]
    NotFound,
    /// No answer in time.
    #[error("no answer in time")]
    Time,
}

/// A name's addresses, IPv4 first, or why there are none.
pub type Addresses = Result<Arc<[IpAddr]>, NameError>;

type Asking = Shared<BoxFuture<'static, Addresses>>;

/// Looks names up. To be used on one runtime.
pub struct Names {
    time_max: Duration,
    system: Mutex<System>,
    under_way: Mutex<HashMap<Box<str>, WeakShared<BoxFuture<'static, Addresses>>>>,
}

/// The resolver as the system's files had it last.
struct System {
    dns: Option<Arc<TokioResolver>>,
    changed: [Option<SystemTime>; FILES.len()],
    looked: Instant,
}

impl Names {
    /// Reads the system's files. No look-up takes longer than `time_max`.
    #[must_use]
    pub fn new(time_max: Duration) -> Self {
        let system = System { dns: read_system(), changed: changed(), looked: Instant::now() };
        Self { time_max, system: Mutex::new(system), under_way: Mutex::default() }
    }

    /// The addresses of a name.
    ///
    /// # Errors
    /// When it has none, or nobody says in time.
    pub async fn look_up(&self, name: &str) -> Addresses {
        let name = &*name.to_ascii_lowercase();
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')) {
            return Err(NameError::NotFound);
        }
        let asking = self.asking(name);
        let answer = asking.clone().await;
        drop(asking);
        let mut under_way = lock(&self.under_way);
        // Whoever is the last to have it takes it out.
        if under_way.get(name).is_some_and(|asking| asking.upgrade().is_none()) {
            under_way.remove(name);
        }
        answer
    }

    /// The look-up of this name that is under way, or a new one.
    fn asking(&self, name: &str) -> Asking {
        let mut under_way = lock(&self.under_way);
        if let Some(asking) = under_way.get(name).and_then(WeakShared::upgrade) {
            return asking;
        }
        let (dns, asked, time_max) = (self.dns(), name.to_owned(), self.time_max);
        let asking = async move {
            let dns = dns.ok_or(NameError::NotFound)?;
            let answer = tokio::time::timeout(time_max, dns.lookup_ip(asked)).await;
            let found = answer.map_err(|_| NameError::Time)?;
            let found: Vec<IpAddr> = found.map_err(|error| reason(&error))?.iter().collect();
            if found.is_empty() { Err(NameError::NotFound) } else { Ok(found.into()) }
        };
        let asking = asking.boxed().shared();
        // Names that nobody waits for any more are few: each is taken out by who asked last, unless that one gave up.
        under_way.retain(|_, asking| asking.upgrade().is_some());
        under_way.extend(asking.downgrade().map(|asking| (Box::from(name), asking)));
        asking
    }

    /// The resolver, made anew when the system's files have changed.
    fn dns(&self) -> Option<Arc<TokioResolver>> {
        let mut system = lock(&self.system);
        if system.looked.elapsed() >= LOOK_EVERY {
            system.looked = Instant::now();
            let now = changed();
            if now != system.changed {
                tracing::info!("the system's name servers or hosts have changed");
                system.changed = now;
                system.dns = read_system();
            }
        }
        system.dns.clone()
    }
}

/// A timeout of the name servers' is one of ours; all else says that there is nothing to be had.
fn reason(error: &NetError) -> NameError {
    if matches!(error, NetError::Timeout) { NameError::Time } else { NameError::NotFound }
}

/// No code that holds a lock can panic half-way through a change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn changed() -> [Option<SystemTime>; FILES.len()] {
    FILES.map(|file| std::fs::metadata(file).and_then(|metadata| metadata.modified()).ok())
}

/// A resolver by the system's files. Without name servers only the hosts file answers.
fn read_system() -> Option<Arc<TokioResolver>> {
    let mut builder = TokioResolver::builder_tokio().unwrap_or_else(|error| {
        tracing::warn!(%error, "no name servers: only the hosts file is used");
        let nobody = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
        TokioResolver::builder_with_config(nobody, TokioRuntimeProvider::default())
    });
    let options = builder.options_mut();
    options.cache_size = CACHED_MAX;
    (options.positive_max_ttl, options.negative_max_ttl) = (Some(KEPT_MAX.0), Some(KEPT_MAX.1));
    (options.timeout, options.attempts) = (SERVER_TIME_MAX, SERVER_TRIES);
    options.max_active_requests = QUERIES_MAX;
    options.use_hosts_file = ResolveHosts::Always;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    // The system's own range of ports: others may be those that calls are given.
    options.os_port_selection = true;
    match builder.build() {
        Ok(dns) => Some(Arc::new(dns)),
        Err(error) => {
            tracing::warn!(%error, "names cannot be looked up");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn the_hosts_file_knows_localhost_and_nobody_what_is_no_name() {
        let names = Names::new(PATIENCE);
        let found = names.look_up("localhost").await.unwrap();
        assert!(found.iter().all(IpAddr::is_loopback) && found[0].is_ipv4(), "{found:?}");
        assert_eq!(names.look_up("no such name").await, Err(NameError::NotFound));
        assert!(lock(&names.under_way).is_empty());
    }

    #[tokio::test]
    async fn one_name_is_asked_for_once_at_a_time() {
        let names = Names::new(PATIENCE);
        let (first, second) = (names.asking("localhost"), names.asking("localhost"));
        assert!(first.ptr_eq(&second) && !first.ptr_eq(&names.asking("other.invalid")));
        drop((first, second));
        assert!(names.look_up("localhost").await.is_ok(), "whoever gave up leaves nothing behind");
    }

    #[tokio::test]
    async fn what_is_not_answered_in_time_says_so() {
        let names = Names::new(Duration::ZERO);
        assert_eq!(names.look_up("callplane.invalid").await, Err(NameError::Time));
    }
}
