//! Hosts that peers' descriptions name (RFC 8866 §5.7), looked up on a thread of their own (see [`names`](crate::names)).
//!
//! A worker never waits for a name. It asks, and gets a command when there is an answer. A caller can name a host whose name
//! servers never answer, as often as he likes: whoever names hosts has a [share](shares::OF_ONE_MAX) of the look-ups.

mod shares;

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::Instant;

use self::shares::{Place, Shares};
use crate::names::{Addresses, NameError, Names};
use crate::sdp::RemotePlace;

/// Look-ups at once.
pub const LOOKUPS_MAX: usize = 64;

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
    /// The address that whoever names it signals from, where that is known.
    pub by: Option<IpAddr>,
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
type Resolve = dyn Fn(String) -> BoxFuture<'static, Addresses> + Send + Sync;

struct Job {
    query: Query,
    place: Place,
    asked: Instant,
    then: Then,
}

/// The look-ups of a node.
#[derive(Debug)]
pub struct Lookups {
    jobs: Sender<Job>,
    shares: Arc<Shares>,
    counters: Arc<Counters>,
}

impl Lookups {
    /// A thread that asks the system. It ends with it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn new() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let names = Arc::new(Names::new(LOOKUP_TIME_MAX));
        let resolve = move |host: String| {
            let names = Arc::clone(&names);
            async move { names.look_up(&host).await }.boxed()
        };
        let (lookups, serving) = Self::with(LOOKUPS_MAX, Arc::new(resolve));
        thread::Builder::new().name("media-names".into()).spawn(move || runtime.block_on(serving))?;
        Ok(lookups)
    }

    /// With a resolver of the caller's. The future serves it and ends with it.
    fn with(at_once: usize, resolve: Arc<Resolve>) -> (Self, impl Future<Output = ()> + Send) {
        let places_max = at_once + LOOKUPS_WAITING_MAX;
        // Whoever has a place finds room.
        let (jobs, asked) = channel(places_max);
        let counters = Arc::<Counters>::default();
        let serving = serve(asked, at_once, resolve, Arc::clone(&counters));
        (Self { jobs, shares: Arc::new(Shares::new(places_max)), counters }, serving)
    }

    /// Looks a host up, and calls `then` with its address on another thread.
    ///
    /// # Errors
    /// When too many wait, of all or of those that the same address names.
    pub fn look_up(
        &self,
        query: Query,
        then: impl FnOnce(Result<SocketAddr, LookupError>) + Send + 'static,
    ) -> Result<(), LookupError> {
        let refused = || {
            self.counters.refused.fetch_add(1, Ordering::Relaxed);
            LookupError::Refused
        };
        let place = self.shares.take(query.by).ok_or_else(refused)?;
        let job = Job { query, place, asked: Instant::now(), then: Box::new(then) };
        self.counters.under_way.fetch_add(1, Ordering::Relaxed);
        self.jobs.try_send(job).map_err(|_| {
            self.counters.under_way.fetch_sub(1, Ordering::Relaxed);
            refused()
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

/// Gives each job its turn, until nobody can ask any more.
async fn serve(mut jobs: Receiver<Job>, at_once: usize, resolve: Arc<Resolve>, counters: Arc<Counters>) {
    let turns = Arc::new(Semaphore::new(at_once));
    while let Some(Job { query, place, asked, then }) = jobs.recv().await {
        let (turns, resolve, counters) = (Arc::clone(&turns), Arc::clone(&resolve), Arc::clone(&counters));
        tokio::spawn(async move {
            let in_turn = async {
                // Whoever waits for those of the same address takes no turn from others. Neither is ever closed.
                let _of_one = place.turn().await;
                let _turn = turns.acquire().await;
                ask(&*resolve, query).await
            };
            let answer = tokio::time::timeout_at(asked + LOOKUP_TIME_MAX, in_turn).await;
            let answer = answer.unwrap_or(Err(LookupError::Late));
            drop(place);
            let counter = match answer {
                Ok(_) => &counters.found,
                Err(LookupError::NotFound) => &counters.failed,
                Err(LookupError::Late) => &counters.late,
                Err(LookupError::Refused) => &counters.refused,
            };
            counter.fetch_add(1, Ordering::Relaxed);
            counters.under_way.fetch_sub(1, Ordering::Relaxed);
            then(answer);
        });
    }
}

async fn ask(resolve: &Resolve, query: Query) -> Result<SocketAddr, LookupError> {
    let Query { host, port, ipv4, .. } = query;
    let found = match resolve(host).await {
        Ok(found) => found,
        Err(NameError::NotFound) => return Err(LookupError::NotFound),
        Err(NameError::Time) => return Err(LookupError::Late),
    };
    let can_be_sent_to =
        |ip: &&IpAddr| ip.is_ipv4() == ipv4 && matches!(RemotePlace::of(**ip, port), Ok(RemotePlace::At(_)));
    let ip = found.iter().find(can_be_sent_to).ok_or(LookupError::NotFound)?;
    Ok(SocketAddr::new(*ip, port))
}

#[cfg(test)]
mod tests;
