//! Putting signaling together: sockets, threads, and everything between them.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::bridges::Bridges;
use super::clock::Clock;
use super::directory::Directory;
use super::driver::{Contexts, Core, Driver, Gauges, Inbox, Outlets, Parts};
use super::engines::Engines;
use super::floors;
use super::grpc::{self, Api, ReflectionError};
use super::media::{MediaConnection, MediaLink};
use super::node::SignalingNode;
use super::settings::{BadSetting, SignalingSettings};
use super::switchboard::{Making, Switchboard};
use super::tasks::Tasks;
use super::threads::{AsyncMain, Runtimes};
use crate::ground::{Placement, Random};
use crate::shard::{Shard, ShardSettings};
use crate::sip::Limits;
use crate::transport::{self, BindError, Dispatcher, LaneBounds, ShardQueue, Transports, UdpReceiver};

/// How long calls that are hung up because signaling cannot go on may take to be over.
const GIVE_UP_TIME_MAX: Duration = Duration::from_secs(2);

/// Why signaling cannot start. Nothing is left running then.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A value that cannot be used.
    #[error("signaling.{0}")]
    Setting(#[from] BadSetting),
    /// A SIP listener.
    #[error("signaling.{0}")]
    Listener(#[from] BindError),
    /// The API's listener.
    #[error("signaling.grpc_listen: cannot listen on {}: {}", .0, transport::why_not_bound(*.0, .1))]
    Grpc(SocketAddr, #[source] io::Error),
    /// Threads or runtimes.
    #[error("cannot begin threads: {0}")]
    Threads(#[source] io::Error),
    /// A fault of the build.
    #[error(transparent)]
    Reflection(#[from] ReflectionError),
    /// The system has no random numbers.
    #[error("no random numbers: {0}")]
    Random(getrandom::Error),
}

/// Starts signaling. `tracing`: whether a collector is there for the calls' spans.
///
/// # Errors
/// When a setting cannot be used, or the system refuses a socket or a thread.
pub fn start(
    settings: &SignalingSettings,
    media: MediaConnection,
    tracing: bool,
) -> Result<SignalingNode, StartError> {
    let mut random = Random::from_key(key()?);
    start_with(settings, media, tracing, |shard| Shard::new(shard, random.fork()))
}

fn key() -> Result<[u64; 2], StartError> {
    let draw = || getrandom::u64().map_err(StartError::Random);
    Ok([draw()?, draw()?])
}

/// Starts signaling with shards of the caller's making.
///
/// # Errors
/// As for [`start`].
pub fn start_with<C: Core>(
    settings: &SignalingSettings,
    media: MediaConnection,
    tracing: bool,
    mut make: impl FnMut(ShardSettings) -> C,
) -> Result<SignalingNode, StartError> {
    settings.check()?;
    let placement = Placement::new(key()?, settings.shards);
    let runtimes = Runtimes::new(settings.shards).map_err(StartError::Threads)?;
    let front = runtimes.front().map_err(StartError::Threads)?;
    let network = Network::open(settings, &placement, &front)?;
    let grpc_failed = |error| StartError::Grpc(settings.grpc_listen, error);
    let listener = listen(settings.grpc_listen, &front).map_err(grpc_failed)?;
    let grpc_address = listener.local_addr().map_err(grpc_failed)?;

    let [incarnation, _] = key()?;
    let middle = Middle::new(settings, front.clone(), incarnation);
    let board = &middle.board;
    let stop = CancellationToken::new();
    let closing = stop.clone().cancelled_owned();
    let (serving, server) = grpc::serve(listener, Api::new(Arc::clone(board)), &settings.api, closing)?;
    // Nobody else has it yet: it is done at once.
    serving.set_ready(true).now_or_never();

    let contexts = Contexts::new(tracing);
    let gauges: Vec<Arc<Gauges>> = (0..settings.shards).map(|_| Arc::default()).collect();
    let mut mains = Vec::with_capacity(gauges.len());
    for ((shard, gauges), queue) in (0..).zip(&gauges).zip(network.queues) {
        let parts = Parts {
            core: make(floors::shard(settings, shard, &placement, &network.transports)),
            shard,
            clock: board.clock,
            network: queue,
            inbox: Arc::clone(&board.shards[usize::from(shard)]),
            outlets: middle.outlets(&network.transports),
            gauges: Arc::clone(gauges),
            contexts: contexts.clone(),
        };
        mains.push(Main { parts, given_up: middle.given_up.clone() });
    }
    middle.begin(media);
    for receiver in network.receivers {
        let what = format!("the receiver of listener {}", receiver.listener().0);
        let receiving = receiver.run(Arc::clone(&network.dispatcher));
        middle.run_vital(what, async { Ok(receiving.await?) });
    }
    let told = stop.clone();
    middle.run_vital("the API's server", async move {
        server.await?;
        if told.is_cancelled() { Ok(()) } else { Err("nobody told it to".into()) }
    });
    let front_end = CancellationToken::new();
    let threads = runtimes.begin(mains, front_end.clone().cancelled_owned()).map_err(StartError::Threads)?;
    let transports = network.transports;
    let Middle { board, media, .. } = middle;
    Ok(SignalingNode { grpc_address, transports, board, media, serving, gauges, threads, stop, front_end })
}

/// A driver, to be made and run on its shard's thread.
struct Main<C> {
    parts: Parts<C>,
    given_up: CancellationToken,
}

impl<C: Core> AsyncMain for Main<C> {
    async fn run(self) {
        let shard = self.parts.shard;
        let directory = Arc::clone(&self.parts.outlets.directory);
        tokio::spawn(give_up(self.given_up, Arc::clone(&self.parts.inbox), directory));
        let ended = match Driver::new(self.parts) {
            Ok(driver) => driver.run().await,
            Err(error) => Err(error),
        };
        if let Err(error) = ended {
            tracing::error!(shard, %error, "the shard's driver ended");
        }
    }
}

/// When signaling cannot go on: hangs up the calls of a shard and lets its driver end. The end of its thread is what the
/// process hears of. A task beside the driver, which would pay for it with each of its turns.
async fn give_up(given_up: CancellationToken, shard: Arc<Inbox>, directory: Arc<Directory>) {
    given_up.cancelled().await;
    shard.drain();
    shard.hang_up_all();
    // Who does not answer the BYE in time is not waited for.
    let _ = tokio::time::timeout(GIVE_UP_TIME_MAX, directory.wait_empty()).await;
    shard.stop();
}

fn listen(address: SocketAddr, front: &Handle) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let _on_front = front.enter();
    TcpListener::from_std(listener)
}

/// The sockets of SIP, and the shards' queues behind them.
struct Network {
    transports: Transports,
    receivers: Vec<UdpReceiver>,
    dispatcher: Arc<Dispatcher>,
    queues: Vec<ShardQueue>,
}

impl Network {
    fn open(settings: &SignalingSettings, placement: &Placement, front: &Handle) -> Result<Self, StartError> {
        let counters = Arc::<transport::Counters>::default();
        let bounds = LaneBounds::default();
        let (dispatcher, queues) = Dispatcher::new(placement.clone(), &bounds, Arc::clone(&counters));
        let dispatcher = Arc::new(dispatcher);
        let bound = transport::bind(floors::transport(settings))?;
        let ingress: Arc<Dispatcher> = Arc::clone(&dispatcher);
        let (transports, receivers) = bound.start(Limits::default(), ingress, counters, front)?;
        Ok(Self { transports, receivers, dispatcher, queues })
    }
}

/// How something ended that signaling cannot be without: well, because it was told to, or not.
type Ended = Result<(), Box<dyn Error + Send + Sync>>;

/// What stands between sockets, engines and media.
struct Middle {
    board: Arc<Switchboard>,
    media: Arc<MediaLink>,
    /// Something ended without which signaling is deaf: it cannot go on.
    given_up: CancellationToken,
}

impl Middle {
    fn new(settings: &SignalingSettings, front: Handle, incarnation: u64) -> Self {
        let clock = Clock::start();
        let shards: Arc<[Arc<Inbox>]> = (0..settings.shards).map(|_| Arc::default()).collect();
        let directory = Arc::<Directory>::default();
        let node = if settings.node.is_empty() { host_name() } else { settings.node.clone() };
        let media = Arc::new(MediaLink::new(node, incarnation, Arc::clone(&shards), Arc::clone(&directory)));
        let bridges = Arc::new(Bridges::new(Arc::clone(&media)));
        let limits = settings.engines.limits();
        let engines = Arc::new(Engines::new(limits, clock, Arc::clone(&shards), Arc::clone(&bridges)));
        let board = Arc::new(Switchboard {
            clock,
            directory,
            shards,
            engines,
            bridges,
            making: Making::default(),
            tasks: Tasks::default(),
            front,
            draining: AtomicBool::new(false),
            next_shard: AtomicUsize::new(0),
        });
        Self { board, media, given_up: CancellationToken::new() }
    }

    fn outlets(&self, transports: &Transports) -> Outlets {
        Outlets {
            wire: Arc::new(transports.clone()),
            directory: Arc::clone(&self.board.directory),
            engines: Arc::clone(&self.board.engines),
            bridges: Arc::clone(&self.board.bridges),
            media: Arc::clone(&self.media),
            resolver: Arc::new(transports.resolver()),
            tasks: self.board.tasks.clone(),
        }
    }

    /// Begins what runs beside calls: the timekeeper of engines and the link to media.
    fn begin(&self, connection: MediaConnection) {
        let board = &self.board;
        let engines = Arc::clone(&board.engines);
        self.run_vital("the timekeeper of engines", async move {
            engines.keep_time().await;
            Ok(())
        });
        let (lost, wanted) = (Arc::clone(&board.bridges), Arc::clone(&board.bridges));
        let link = Arc::clone(&self.media).run(connection, move || lost.lost(), move || wanted.wanted());
        self.run_vital("the link to media", async move {
            link.await;
            Ok(())
        });
    }

    /// Runs what signaling cannot be without on the front. If it fails or panics signaling gives up: better to end, and be
    /// started anew, than to stay and hear nothing.
    fn run_vital(&self, what: impl Into<String>, work: impl Future<Output = Ended> + Send + 'static) {
        let what = what.into();
        let giving_up = self.given_up.clone().drop_guard();
        self.board.tasks.spawn_on(&self.board.front, async move {
            match work.await {
                Ok(()) => drop(giving_up.disarm()),
                Err(error) => tracing::error!(%error, "{what} ended: signaling cannot go on"),
            }
        });
    }
}

/// The host's name, as far as it can be a name here.
fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
