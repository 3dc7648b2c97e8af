//! Hosts that peers' descriptions name (RFC 8866 §5.7), looked up on threads of their own by the system's resolver.
//!
//! A worker never waits for a name. It asks, and gets a command when there is an answer.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::sdp::RemotePlace;

/// Look-ups at once. Each has a thread for as long as the system's resolver takes.
pub const LOOKUPS_MAX: usize = 16;

/// Look-ups that may wait for their turn.
pub const LOOKUPS_WAITING_MAX: usize = 256;

/// How long a look-up may take, its turn included. What comes later is of no use.
pub const LOOKUP_TIME_MAX: Duration = Duration::from_secs(5);

/// Why a host has no address. Whose fault: the first is the peer's, the second the network's, the third that of the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// The name does not exist, or has no address of the version wanted that can be sent to.
    #[error("it has no address that can be sent to")]
    NotFound,
    /// No answer in time.
    #[error("there was no answer in time")]
    Late,
    /// Too many wait.
    #[error("too many hosts are waiting to be looked up")]
    Refused,
}

/// What is to be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The host's name.
    pub host: String,
    /// The port that goes with its address.
    pub port: u16,
    /// Whether an IPv4 address is wanted; else an IPv6 one.
    pub ipv4: bool,
}

/// Look-ups of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct LookupCounts {
    /// Under way or waiting for their turn now.
    pub under_way: usize,
    /// Hosts found. A total, like all below.
    pub found: u64,
    /// Hosts that do not exist or have no address that can be sent to.
    pub failed: u64,
    /// Not answered in time.
    pub late: u64,
    /// Not asked because too many waited.
    pub refused: u64,
    /// Answers that nobody waited for any more.
    pub unneeded: u64,
}

#[derive(Debug, Default)]
struct Counters {
    under_way: AtomicUsize,
    found: AtomicU64,
    failed: AtomicU64,
    late: AtomicU64,
    refused: AtomicU64,
    unneeded: AtomicU64,
}

/// What is done with an answer.
type Then = Box<dyn FnOnce(Result<SocketAddr, LookupError>) + Send>;

/// Finds a host's addresses.
type Resolve = dyn Fn(&str, u16) -> io::Result<std::vec::IntoIter<SocketAddr>> + Send + Sync;

struct Job {
    query: Query,
    asked: Instant,
    then: Then,
}

/// The threads that look up.
#[derive(Debug)]
pub struct Lookups {
    jobs: SyncSender<Job>,
    now: fn() -> Instant,
    counters: Arc<Counters>,
}

impl Lookups {
    /// Threads that ask the system. They end with it.
    ///
    /// # Errors
    /// When they cannot be started.
    pub fn new() -> io::Result<Self> {
        let resolve = Arc::new(|host: &str, port| (host, port).to_socket_addrs());
        Self::with(LOOKUPS_MAX, LOOKUP_TIME_MAX, resolve, Instant::now)
    }

    fn with(
        threads: usize,
        time_max: Duration,
        resolve: Arc<Resolve>,
        now: fn() -> Instant,
    ) -> io::Result<Self> {
        let (jobs, waiting) = sync_channel(LOOKUPS_WAITING_MAX);
        let (waiting, counters) = (Arc::new(Mutex::new(waiting)), Arc::<Counters>::default());
        for number in 0..threads {
            let (resolve, counters) = (Arc::clone(&resolve), Arc::clone(&counters));
            let asker = Asker { time_max, now, resolve, counters };
            let waiting = Arc::clone(&waiting);
            thread::Builder::new()
                .name(format!("media-names-{number}"))
                .spawn(move || asker.run(&waiting))?;
        }
        Ok(Self { jobs, now, counters })
    }

    /// Looks a host up, and calls `then` with its address on another thread.
    ///
    /// # Errors
    /// When too many wait.
    pub fn look_up(
        &self,
        query: Query,
        then: impl FnOnce(Result<SocketAddr, LookupError>) + Send + 'static,
    ) -> Result<(), LookupError> {
        let job = Job { query, asked: (self.now)(), then: Box::new(then) };
        self.counters.under_way.fetch_add(1, Ordering::Relaxed);
        self.jobs.try_send(job).map_err(|_| {
            self.counters.under_way.fetch_sub(1, Ordering::Relaxed);
            self.counters.refused.fetch_add(1, Ordering::Relaxed);
            LookupError::Refused
        })
    }

    /// Counts an answer that nobody waited for any more.
    pub fn unneeded(&self) {
        self.counters.unneeded.fetch_add(1, Ordering::Relaxed);
    }

    /// What there is and was.
    #[must_use]
    pub fn counts(&self) -> LookupCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counters { under_way, found, failed, late, refused, unneeded } = &*self.counters;
        LookupCounts {
            under_way: under_way.load(Ordering::Relaxed),
            found: read(found),
            failed: read(failed),
            late: read(late),
            refused: read(refused),
            unneeded: read(unneeded),
        }
    }
}

/// One thread's part.
struct Asker {
    time_max: Duration,
    now: fn() -> Instant,
    resolve: Arc<Resolve>,
    counters: Arc<Counters>,
}

impl Asker {
    fn run(&self, waiting: &Mutex<Receiver<Job>>) {
        loop {
            // Whoever has the lock waits for a job, the others for the lock.
            let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(Job { query, asked, then }) = next else { return };
            let answer = self.ask(&query, asked);
            let counter = match answer {
                Ok(_) => &self.counters.found,
                Err(LookupError::NotFound) => &self.counters.failed,
                Err(LookupError::Late) => &self.counters.late,
                Err(LookupError::Refused) => &self.counters.refused,
            };
            counter.fetch_add(1, Ordering::Relaxed);
            self.counters.under_way.fetch_sub(1, Ordering::Relaxed);
            then(answer);
        }
    }

    fn ask(&self, query: &Query, asked: Instant) -> Result<SocketAddr, LookupError> {
        let in_time = || {
            let taken = (self.now)().saturating_duration_since(asked);
            if taken < self.time_max { Ok(()) } else { Err(LookupError::Late) }
        };
        in_time()?;
        let found = (self.resolve)(&query.host, query.port);
        in_time()?;
        let can_be_sent_to = |address: &SocketAddr| {
            address.is_ipv4() == query.ipv4
                && matches!(RemotePlace::of(address.ip(), address.port()), Ok(RemotePlace::At(_)))
        };
        found.ok().and_then(|mut all| all.find(can_be_sent_to)).ok_or(LookupError::NotFound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::LazyLock;
    use std::sync::atomic::AtomicBool;
    use std::sync::mpsc::{Receiver, channel};

    const PATIENCE: Duration = Duration::from_secs(10);

    fn query(host: &str, ipv4: bool) -> Query {
        Query { host: host.into(), port: 4000, ipv4 }
    }

    fn answer(lookups: &Lookups, query: Query) -> Result<SocketAddr, LookupError> {
        let (sender, receiver) = channel();
        lookups.look_up(query, move |answer| sender.send(answer).unwrap()).unwrap();
        receiver.recv_timeout(PATIENCE).unwrap()
    }

    /// A resolver whose hosts have the addresses that their names list.
    fn listed(host: &str, port: u16) -> io::Result<std::vec::IntoIter<SocketAddr>> {
        let address = |ip: &str| SocketAddr::new(ip.parse().unwrap(), port);
        Ok(host.split(' ').map(address).collect::<Vec<_>>().into_iter())
    }

    /// A resolver that waits for a word before each answer.
    fn held_up() -> (std::sync::mpsc::Sender<()>, Arc<Resolve>) {
        let (word, waiting): (_, Receiver<()>) = channel();
        let waiting = Mutex::new(waiting);
        let resolve = move |_: &str, port| {
            waiting.lock().unwrap().recv_timeout(PATIENCE).unwrap();
            listed("192.0.2.1", port)
        };
        (word, Arc::new(resolve))
    }

    #[test]
    fn the_system_knows_localhost_and_not_what_does_not_exist() {
        let lookups = Lookups::new().unwrap();
        assert_eq!(answer(&lookups, query("localhost", true)), Ok("127.0.0.1:4000".parse().unwrap()));
        assert_eq!(answer(&lookups, query("no such name", true)), Err(LookupError::NotFound));
        let counts = lookups.counts();
        assert_eq!((counts.found, counts.failed, counts.late, counts.under_way), (1, 1, 0, 0));
    }

    #[test]
    fn the_first_address_of_the_version_that_can_be_sent_to_is_taken() {
        let lookups = Lookups::with(1, PATIENCE, Arc::new(listed), Instant::now).unwrap();
        let rows = [
            ("192.0.2.1 192.0.2.2", true, Some("192.0.2.1:4000")),
            ("2001:db8::1 192.0.2.2", true, Some("192.0.2.2:4000")),
            ("192.0.2.2 2001:db8::1", false, Some("[2001:db8::1]:4000")),
            ("0.0.0.0 224.0.0.1 255.255.255.255 192.0.2.2", true, Some("192.0.2.2:4000")),
            ("2001:db8::1", true, None),
            (":: ff02::1 192.0.2.1", false, None),
        ];
        for (host, ipv4, found) in rows {
            let found = found.map(|address| address.parse().unwrap()).ok_or(LookupError::NotFound);
            assert_eq!(answer(&lookups, query(host, ipv4)), found, "{host}");
        }
    }

    #[test]
    fn an_answer_that_comes_too_late_is_none_and_who_waited_too_long_is_not_asked_for() {
        static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
        static IS_LATE: AtomicBool = AtomicBool::new(false);
        let now = || *BEGIN + if IS_LATE.load(Ordering::SeqCst) { PATIENCE } else { Duration::ZERO };
        let (word, resolve) = held_up();
        let lookups = Lookups::with(1, PATIENCE, resolve, now).unwrap();
        let (sender, answers) = channel();
        for _ in 0..2 {
            let sender = sender.clone();
            lookups.look_up(query("a", true), move |answer| sender.send(answer).unwrap()).unwrap();
        }
        IS_LATE.store(true, Ordering::SeqCst);
        // One word for two: the second look-up asks nobody.
        word.send(()).unwrap();
        for _ in 0..2 {
            assert_eq!(answers.recv_timeout(PATIENCE).unwrap(), Err(LookupError::Late));
        }
        assert_eq!((lookups.counts().late, lookups.counts().under_way), (2, 0));
    }

    #[test]
    fn as_many_as_there_are_threads_are_asked_at_once_and_past_the_waiting_ones_none() {
        let (word, resolve) = held_up();
        let lookups = Lookups::with(2, PATIENCE, resolve, Instant::now).unwrap();
        let (sender, answers) = channel();
        let ask = || {
            let sender = sender.clone();
            lookups.look_up(query("a", true), move |answer| sender.send(answer).unwrap())
        };
        let mut asked = 0;
        // Two leave the queue when their threads get to it.
        let deadline = Instant::now() + PATIENCE;
        while asked < LOOKUPS_WAITING_MAX + 2 && Instant::now() < deadline {
            match ask() {
                Ok(()) => asked += 1,
                Err(_) => thread::sleep(Duration::from_millis(1)),
            }
        }
        assert_eq!(lookups.counts().under_way, LOOKUPS_WAITING_MAX + 2);
        let refused = lookups.counts().refused;
        assert_eq!(ask(), Err(LookupError::Refused));
        assert_eq!(lookups.counts().refused, refused + 1);
        for _ in 0..asked {
            word.send(()).unwrap();
            assert!(answers.recv_timeout(PATIENCE).unwrap().is_ok());
        }
        assert_eq!((lookups.counts().found, lookups.counts().under_way), (asked as u64, 0));
    }
}
