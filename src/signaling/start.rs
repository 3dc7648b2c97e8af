//! Putting signaling together: sockets, threads, and everything between them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use futures_util::FutureExt;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::bridges::Bridges;
use super::clock::Clock;
use super::directory::Directory;
use super::driver::{Core, Driver, Gauges, Inbox, Outlets, Parts};
use super::engines::Engines;
use super::floors;
use super::grpc::{self, Api, ReflectionError};
use super::media::{MediaConnection, MediaLink};
use super::node::SignalingNode;
use super::settings::{BadSetting, SignalingSettings};
use super::switchboard::Switchboard;
use super::tasks::Tasks;
use super::threads::{AsyncMain, Runtimes};
use crate::ground::{Placement, Random};
use crate::shard::{Shard, ShardSettings};
use crate::sip::Limits;
use crate::transport::resolve::SystemResolver;
use crate::transport::{self, BindError, Dispatcher, LaneBounds, ShardQueue, Transports, UdpReceiver};

/// Why signaling cannot start. Nothing is left running then.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A value that cannot be used.
    #[error("signaling.{0}")]
    Setting(#[from] BadSetting),
    /// A SIP listener.
    #[error(transparent)]
    Listener(#[from] BindError),
    /// The API's listener.
    #[error("signaling.grpc_listen: cannot listen on {0}: {1}")]
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

    let middle = Middle::new(settings, front.clone());
    let board = &middle.board;
    let stop = CancellationToken::new();
    let closing = stop.clone().cancelled_owned();
    let (serving, server) = grpc::serve(listener, Api::new(Arc::clone(board)), &settings.api, closing)?;
    // Nobody else has it yet: it is done at once.
    serving.set_ready(true).now_or_never();

    let gauges: Vec<Arc<Gauges>> = (0..settings.shards).map(|_| Arc::default()).collect();
    let mut mains = Vec::with_capacity(gauges.len());
    for ((shard, gauges), queue) in (0..).zip(&gauges).zip(network.queues) {
        mains.push(Main(Parts {
            core: make(floors::shard(settings, shard, &placement, &network.transports)),
            shard,
            clock: board.clock,
            network: queue,
            inbox: Arc::clone(&board.shards[usize::from(shard)]),
            outlets: middle.outlets(&network.transports),
            gauges: Arc::clone(gauges),
            tracing,
        }));
    }
    middle.begin(media);
    for receiver in network.receivers {
        let listener = receiver.listener();
        let receiving = receiver.run(Arc::clone(&network.dispatcher));
        board.tasks.spawn_on(&front, async move {
            if let Err(error) = receiving.await {
                tracing::error!(listener = listener.0, %error, "cannot receive");
            }
        });
    }
    board.tasks.spawn_on(&front, async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "the API's server ended");
        }
    });
    let front_end = CancellationToken::new();
    let threads = runtimes.begin(mains, front_end.clone().cancelled_owned()).map_err(StartError::Threads)?;
    let transports = network.transports;
    let Middle { board, media, .. } = middle;
    Ok(SignalingNode { grpc_address, transports, board, media, serving, gauges, threads, stop, front_end })
}

/// A driver, to be made and run on its shard's thread.
struct Main<C>(Parts<C>);

impl<C: Core> AsyncMain for Main<C> {
    async fn run(self) {
        let shard = self.0.shard;
        let ended = match Driver::new(self.0) {
            Ok(driver) => driver.run().await,
            Err(error) => Err(error),
        };
        if let Err(error) = ended {
            tracing::error!(shard, %error, "the shard's driver ended");
        }
    }
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

/// What stands between sockets, engines and media.
struct Middle {
    board: Arc<Switchboard>,
    media: Arc<MediaLink>,
}

impl Middle {
    fn new(settings: &SignalingSettings, front: Handle) -> Self {
        let clock = Clock::start();
        let shards: Arc<[Arc<Inbox>]> = (0..settings.shards).map(|_| Arc::default()).collect();
        let directory = Arc::<Directory>::default();
        let node = if settings.node.is_empty() { host_name() } else { settings.node.clone() };
        let incarnation = clock.now().wall.unix_millis();
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
            tasks: Tasks::default(),
            front,
            draining: AtomicBool::new(false),
            next_shard: AtomicUsize::new(0),
        });
        Self { board, media }
    }

    fn outlets(&self, transports: &Transports) -> Outlets {
        Outlets {
            wire: Arc::new(transports.clone()),
            directory: Arc::clone(&self.board.directory),
            engines: Arc::clone(&self.board.engines),
            bridges: Arc::clone(&self.board.bridges),
            media: Arc::clone(&self.media),
            resolver: Arc::new(SystemResolver::default()),
            tasks: self.board.tasks.clone(),
        }
    }

    /// Begins what runs beside calls: the timekeeper of engines and the link to media.
    fn begin(&self, connection: MediaConnection) {
        let board = &self.board;
        let engines = Arc::clone(&board.engines);
        board.tasks.spawn_on(&board.front, async move { engines.keep_time().await });
        let (lost, wanted) = (Arc::clone(&board.bridges), Arc::clone(&board.bridges));
        let link = Arc::clone(&self.media).run(connection, move || lost.lost(), move || wanted.ids());
        board.tasks.spawn_on(&board.front, link);
    }
}

/// The host's name, as far as it can be a name here.
fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
