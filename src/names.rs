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
use hickory_resolver::config::{LookupIpStrategy, ResolveHosts, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::{ResolverBuilder, TokioResolver};

/// Answers kept, each a name's addresses of one family.
const CACHED_MAX: u64 = 4_096;

/// Names whose addresses are known without asking the resolver, and how many addresses of each.
const KNOWN_MAX: usize = 4_096;
const KNOWN_ADDRESSES_MAX: usize = 16;

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

/// The addresses of names, and until when they are those.
type Known = HashMap<Box<str>, (Arc<[IpAddr]>, Instant)>;

type Asking = Shared<BoxFuture<'static, Addresses>>;

/// Looks names up. To be used on one runtime.
pub struct Names {
    time_max: Duration,
    system: Mutex<System>,
    under_way: Mutex<HashMap<Box<str>, WeakShared<BoxFuture<'static, Addresses>>>>,
    /// The resolver keeps answers for itself: whether it has one shows only by asking.
    known: Arc<Mutex<Known>>,
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
        Self { time_max, system: Mutex::new(system), under_way: Mutex::default(), known: Arc::default() }
    }

    /// The first addresses of a name that was found before, while they are kept. Nobody is asked.
    #[must_use]
    pub fn known(&self, name: &str) -> Option<Arc<[IpAddr]>> {
        // The system's files may have changed.
        self.dns();
        let known = lock(&self.known);
        let (found, until) = known.get(&*name.to_ascii_lowercase())?;
        (*until > Instant::now()).then(|| Arc::clone(found))
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
        let known = Arc::clone(&self.known);
        let asking = async move {
            let dns = dns.ok_or(NameError::NotFound)?;
            let answer = tokio::time::timeout(time_max, dns.lookup_ip(asked.as_str())).await;
            let answer = answer.map_err(|_| NameError::Time)?.map_err(|error| reason(&error))?;
            let found: Vec<IpAddr> = answer.iter().collect();
            if found.is_empty() {
                return Err(NameError::NotFound);
            }
            keep(&mut lock(&known), asked.into(), &found, answer.valid_until());
            Ok(found.into())
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
                lock(&self.known).clear();
            }
        }
        system.dns.clone()
    }
}

/// Keeps an answer until then. Where there is no room, the one makes way that would be kept for the shortest time.
fn keep(known: &mut Known, name: Box<str>, found: &[IpAddr], until: Instant) {
    let until = until.min(Instant::now() + KEPT_MAX.0);
    if known.len() >= KNOWN_MAX
        && !known.contains_key(&name)
        && let Some(first) = known.iter().min_by_key(|(_, (_, until))| *until).map(|(name, _)| name.clone())
    {
        known.remove(&first);
    }
    let found = &found[..found.len().min(KNOWN_ADDRESSES_MAX)];
    known.insert(name, (found.into(), until));
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
    let builder = TokioResolver::builder_tokio().unwrap_or_else(|error| {
        tracing::warn!(%error, "no name servers: only the hosts file is used");
        let nobody = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
        TokioResolver::builder_with_config(nobody, TokioRuntimeProvider::default())
    });
    built(builder)
}

/// A resolver with the bounds of this module.
fn built(mut builder: ResolverBuilder<TokioRuntimeProvider>) -> Option<Arc<TokioResolver>> {
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
    use std::sync::atomic::{AtomicUsize, Ordering};

    use hickory_resolver::config::{ConnectionConfig, NameServerConfig};

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

    /// A name server that says 192.0.2.7 of what begins with `there`, that there is no such name of what begins with
    /// `none`, and nothing of anything else. The names look up there, and what it was asked is counted.
    async fn served(time_max: Duration) -> (Names, Arc<AtomicUsize>) {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut connection = ConnectionConfig::udp();
        connection.port = socket.local_addr().unwrap().port();
        let server = NameServerConfig::new([127, 0, 0, 1].into(), true, vec![connection]);
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
        let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let system = System { dns: built(builder), changed: changed(), looked: Instant::now() };
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut room = [0; 512];
            loop {
                let (length, from) = socket.recv_from(&mut room).await.unwrap();
                counted.fetch_add(1, Ordering::Relaxed);
                if let Some(answer) = answer_to(&room[..length]) {
                    socket.send_to(&answer, from).await.unwrap();
                }
            }
        });
        let (system, under_way, known) = (Mutex::new(system), Mutex::default(), Arc::default());
        (Names { time_max, system, under_way, known }, asked)
    }

    /// RFC 1035 §4: the question again, and an address record or why there is none.
    fn answer_to(query: &[u8]) -> Option<Vec<u8>> {
        let question = &query[12..];
        let end = question.iter().position(|&byte| byte == 0)? + 5;
        let (there, none) = (question[1..].starts_with(b"there"), question[1..].starts_with(b"none"));
        let address = there && question[end - 3] == 1;
        let code = if none { 3 } else { 0 };
        let (answers, authorities) = if address { (1, 0) } else { (0, 1) };
        let mut answer = query[..2].to_vec();
        answer.extend([0x81, 0x80 | code, 0, 1, 0, answers, 0, authorities, 0, 0]);
        answer.extend(&question[..end]);
        // The name of the question; the type; class IN; a TTL of 60 s.
        answer.extend([0xc0, 12, 0, if address { 1 } else { 6 }, 0, 1, 0, 0, 0, 60]);
        if address {
            answer.extend([0, 4, 192, 0, 2, 7]);
        } else {
            answer.extend([0, 22, 0, 0]);
            answer.extend([0, 0, 0, 60].repeat(5));
        }
        (there || none).then_some(answer)
    }

    #[tokio::test]
    async fn an_answer_is_kept_and_so_is_one_that_says_that_there_is_nothing() {
        let (names, asked) = served(PATIENCE).await;
        let found: Addresses = Ok(vec![IpAddr::from([192, 0, 2, 7])].into());
        assert_eq!(names.known("there.example"), None);
        for name in ["there.example", "THERE.Example"] {
            assert_eq!(names.look_up(name).await, found);
            assert_eq!(names.known(name).ok_or(NameError::NotFound), found);
            assert_eq!(asked.load(Ordering::Relaxed), 2, "once for each family");
        }
        for _ in 0..2 {
            assert_eq!(names.look_up("none.example").await, Err(NameError::NotFound));
            assert_eq!(asked.load(Ordering::Relaxed), 4);
            assert_eq!(names.known("none.example"), None);
        }
    }

    #[test]
    fn what_is_known_is_bounded_and_forgotten_when_its_time_is_over() {
        let names = Names::new(PATIENCE);
        let address = [IpAddr::from([192, 0, 2, 7]); 40];
        let soon = Instant::now() + PATIENCE;
        for number in 0..=KNOWN_MAX as u64 {
            let until = soon + Duration::from_millis(number);
            keep(&mut lock(&names.known), format!("{number}.example").into(), &address, until);
        }
        assert_eq!(lock(&names.known).len(), KNOWN_MAX);
        assert_eq!(names.known("0.example"), None, "it made way");
        assert_eq!(names.known("1.example").map(|found| found.len()), Some(KNOWN_ADDRESSES_MAX));
        keep(&mut lock(&names.known), "1.example".into(), &address, Instant::now());
        assert_eq!(names.known("1.example"), None, "it is over");
    }

    #[tokio::test]
    async fn what_is_not_answered_in_time_says_so_and_keeps_nobody_else_waiting() {
        let (names, _) = served(Duration::from_millis(300)).await;
        let silent = (0..50).map(|number| format!("silent-{number}.example"));
        let silent = futures_util::future::join_all(silent.map(|name| {
            let names = &names;
            async move { names.look_up(&name).await }
        }));
        let (silent, there) = tokio::join!(silent, names.look_up("there.example"));
        assert!(silent.iter().all(|answer| *answer == Err(NameError::Time)), "{silent:?}");
        assert!(there.is_ok());
        assert!(lock(&names.under_way).is_empty());
    }
}
