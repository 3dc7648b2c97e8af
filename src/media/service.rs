//! A media node, started and ended: settings in, a service out.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use super::grpc::MediaGrpc;
use super::worker::net::{self, Epoll, PortPool, SocketSettings};
use super::worker::{Clips, Command, Gauges, Inbox, Lookups, Node, WorkerHandle, clock};
use super::{MediaSettings, MediaSettingsError, MediaSnapshot};
use crate::ground::Random;

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
}

/// Starts a node: its threads run when this returns.
///
/// # Errors
/// When a setting cannot be used, an audio folder does not exist, or the system gives no thread, descriptor or
/// randomness. Nothing is left running then.
pub fn start(settings: &MediaSettings) -> Result<MediaNode, MediaStartError> {
    let node_settings = settings.node_settings()?;
    try_addresses(settings, &node_settings.socket)?;
    let mut random = random()?;
    let clips =
        Clips::new(&settings.audio_roots, settings.audio_cache_bytes).map_err(system("media.audio_roots"))?;
    let handle = |_| Ok(WorkerHandle { inbox: Arc::new(Inbox::new()?), gauges: Arc::new(Gauges::default()) });
    let workers = (0..settings.worker_count()).map(handle).collect::<Result<Vec<_>, _>>();
    let ports =
        PortPool::new(settings.rtp_port_min, settings.rtp_port_max, settings.port_rest(), &mut random);
    let lookups = Lookups::new().map_err(system("a thread for host names"))?;
    let workers = workers.map_err(system("a doorbell"))?;
    let node = Arc::new(Node::new(node_settings, workers, clips, lookups, ports));
    let service = MediaGrpc::new(Arc::clone(&node), name_of(settings), incarnation());
    let started = MediaNode { service, node, threads: Mutex::default() };
    started.spawn_workers(settings.nice, &mut random).map_err(system("a media worker"))?;
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

/// Grows with every start, as long as the wall clock does.
fn incarnation() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

fn name_of(settings: &MediaSettings) -> String {
    if settings.node.is_empty() {
        rustix::system::uname().nodename().to_string_lossy().into_owned()
    } else {
        settings.node.clone()
    }
}

impl MediaNode {
    fn spawn_workers(&self, nice: i32, random: &mut Random) -> std::io::Result<()> {
        for index in 0..self.node.workers.len() {
            let worker = super::worker::Worker::<Epoll>::new(index, Arc::clone(&self.node), random.fork())?;
            let thread = std::thread::Builder::new().name(format!("media-{index}"));
            let thread = thread.spawn(move || {
                prefer(nice);
                worker.run();
            })?;
            self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        }
        Ok(())
    }

    /// Ends the node: streams end, endpoints close, threads stop. Returns when they have.
    pub fn shutdown(&self) {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        if threads.is_empty() {
            return;
        }
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
mod tests {
    use super::*;

    #[test]
    fn an_address_that_this_host_does_not_have_stops_the_start_by_its_key() {
        // Addresses of documentation are nobody's (RFC 5737, RFC 3849).
        let rows = [("bind_ipv4 = '192.0.2.1'", "bind_ipv4"), ("bind_ipv6 = '2001:db8::1'", "bind_ipv6")];
        for (text, key) in rows {
            let settings: MediaSettings = toml::from_str(text).unwrap();
            let error = start(&settings).expect_err(key).to_string();
            assert!(error.starts_with(&format!("media.{key}: ")), "{error}");
        }
    }
}
