//! A media node, started and ended: settings in, a service out.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::grpc::MediaGrpc;
use super::worker::net::{self, Backend, Epoll, PortPool, SocketSettings};
use super::worker::owner::NodePhase;
use super::worker::{Clips, Command, Gauges, Inbox, Lookups, Node, Worker, WorkerHandle, clock};
use super::{MediaSettings, MediaSettingsError, MediaSnapshot};
use crate::ground::Random;

/// How often the count of endpoints is looked at while draining: nothing says that it changed.
const LOOK: Duration = Duration::from_millis(20);

/// Why media could not start.
#[derive(Debug, thiserror::Error)]
pub enum MediaStartError {
    /// A setting cannot be used.
    #[error("media.{0}")]
    Settings(#[from] MediaSettingsError),
    /// The system refused something.
    #[error("{what}: {cause}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system says.
        cause: std::io::Error,
    },
}

fn system(what: &'static str) -> impl FnOnce(std::io::Error) -> MediaStartError {
    move |cause| MediaStartError::System { what, cause }
}

/// A running media node. Dropped, it ends as by [`MediaNode::shutdown`].
#[derive(Debug)]
pub struct MediaNode {
    /// The service, to be mounted in a server or called in this process. Cheap to clone.
    pub service: MediaGrpc,
    node: Arc<Node>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// A worker has ended, however.
    ended: CancellationToken,
}

/// Starts a node: its threads run when this returns.
///
/// # Errors
/// When a setting cannot be used, an audio folder does not exist, or the system gives no thread, descriptor or
/// randomness. Nothing is left running then.
pub fn start(settings: &MediaSettings) -> Result<MediaNode, MediaStartError> {
    start_over::<Epoll>(settings)
}

fn start_over<B: Backend + Send + 'static>(settings: &MediaSettings) -> Result<MediaNode, MediaStartError> {
    let node_settings = settings.node_settings()?;
    try_addresses(settings, &node_settings.socket)?;
    let mut random = random()?;
    let clips =
        Clips::new(&settings.audio_roots, settings.audio_cache_bytes).map_err(system("media.audio_roots"))?;
    let handle = |_| Ok(WorkerHandle { inbox: Arc::new(Inbox::new()?), gauges: Arc::new(Gauges::default()) });
    let workers = (0..settings.worker_count()).map(handle).collect::<Result<Vec<_>, _>>();
    let (min, max) = (settings.rtp_port_min, settings.rtp_port_max);
    let ports = PortPool::new(min, max, settings.port_rest(), clock::now(), &mut random);
    let lookups = Lookups::new().map_err(system("a thread for host names"))?;
    let workers = workers.map_err(system("a doorbell"))?;
    let node = Arc::new(Node::new(node_settings, workers, clips, lookups, ports));
    let service = MediaGrpc::new(Arc::clone(&node), name_of(settings), random.next_u64());
    let started = MediaNode { service, node, threads: Mutex::default(), ended: CancellationToken::new() };
    started.spawn_workers::<B>(settings.nice, &mut random).map_err(system("a media worker"))?;
    Ok(started)
}

/// Opens a socket at each address that RTP is to be bound to: one that this host does not have would fail every call.
fn try_addresses(settings: &MediaSettings, socket: &SocketSettings) -> Result<(), MediaSettingsError> {
    let addresses = [
        ("bind_ipv4", settings.bind_ipv4.map(IpAddr::V4)),
        ("bind_ipv6", settings.bind_ipv6.map(IpAddr::V6)),
    ];
    for (key, address) in addresses {
        let Some(address) = address else { continue };
        net::open(address, 0, socket).map_err(|error| MediaSettingsError {
            key,
            what: format!("{address} cannot be bound: {error}"),
        })?;
    }
    Ok(())
}

fn random() -> Result<Random, MediaStartError> {
    let mut key = [0; 16];
    getrandom::fill(&mut key)
        .map_err(|error| system("randomness")(std::io::Error::other(error.to_string())))?;
    let (first, second) = key.split_at(8);
    let number = |half: &[u8]| half.iter().fold(0, |number, &byte| number << 8 | u64::from(byte));
    Ok(Random::from_key([number(first), number(second)]))
}

/// Gives the calling thread its niceness, where the system allows it. On Linux niceness is each thread's own.
fn prefer(nice: i32) {
    if let Err(error) = rustix::process::setpriority_process(None, nice) {
        tracing::info!(nice, %error, "media's thread runs at the usual priority");
    }
}

fn name_of(settings: &MediaSettings) -> String {
    if settings.node.is_empty() {
        rustix::system::uname().nodename().to_string_lossy().into_owned()
    } else {
        settings.node.clone()
    }
}

impl MediaNode {
    fn spawn_workers<B: Backend + Send + 'static>(
        &self,
        nice: i32,
        random: &mut Random,
    ) -> std::io::Result<()> {
        for index in 0..self.node.workers.len() {
            let worker = Worker::<B>::new(index, Arc::clone(&self.node), random.fork())?;
            let ended = self.ended.clone();
            let thread = std::thread::Builder::new().name(format!("media-{index}"));
            let thread = thread.spawn(move || {
                // Dropped last, when the worker's inbox is closed: whoever hears of the end sees it there.
                let _ended = ended.drop_guard();
                prefer(nice);
                worker.run();
            })?;
            self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        }
        Ok(())
    }

    /// Waits until a worker has ended, well or by a panic. Without [`shutdown`](Self::shutdown) before, that is a fault
    /// of ours: what it carried is gone, and only another start helps.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Makes no more new endpoints, tells owners so, and waits until none is left, for at most `grace`. Whether none is.
    pub async fn drain(&self, grace: Duration) -> bool {
        self.node.draining.store(true, Ordering::Relaxed);
        self.node.owners.tell_all(NodePhase::Draining);
        let emptied = async {
            while self.node.endpoints.load(Ordering::Acquire) > 0 {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(grace, emptied).await.is_ok()
    }

    /// Whether no new endpoints are made.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.node.draining.load(Ordering::Relaxed)
    }

    /// Ends the node: owners are told, endpoints close, threads stop, streams end. Returns when the threads have.
    pub fn shutdown(&self) {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        if threads.is_empty() {
            return;
        }
        self.node.ending.store(true, Ordering::Release);
        self.node.owners.tell_all(NodePhase::Ending);
        for worker in &self.node.workers {
            worker.inbox.push_always(Command::Stop);
        }
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a media worker had panicked");
            }
        }
        for owner in self.node.owners.all() {
            owner.node_ends();
        }
    }

    /// What the node carries now.
    #[must_use]
    pub fn snapshot(&self) -> MediaSnapshot {
        let workers: Vec<_> = self.node.workers.iter().map(|worker| worker.gauges.snapshot()).collect();
        MediaSnapshot {
            endpoints: self.node.endpoints.load(Ordering::Acquire),
            bridges: self.node.bridges.load(Ordering::Acquire),
            playbacks: workers.iter().map(|worker| worker.playbacks).sum(),
            sockets: workers.iter().map(|worker| worker.sockets).sum(),
            ports: self.node.ports().counts(clock::now()),
            owners: self.node.owners.all().len(),
            lookups: self.node.lookups.counts(),
            consent: self.node.settings.safeguards.consents.counts(),
            audio: self.node.clips.counts(),
            negotiations_failed: self.node.negotiations_failed.load(Ordering::Relaxed),
            workers,
        }
    }
}

impl Drop for MediaNode {
    fn drop(&mut self) {
        self.shutdown();
    }
}

#[cfg(test)]
mod tests;
