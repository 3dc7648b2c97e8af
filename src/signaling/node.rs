//! A signaling node that runs: what can be asked of it, and its end.
//!
//! The end has steps, and each has a bound in time: no new calls (`Draining` to engines, 503 to callers) while those
//! that are up go on; then every call is hung up; then streams, sockets and threads close.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::counters::{EngineCounts, Held, SignalingCounters};
use super::driver::Gauges;
use super::grpc::Serving;
use super::media::MediaLink;
use super::switchboard::Switchboard;
use super::threads::Threads;
use crate::ground::ListenerId;
use crate::transport::Transports;

/// How long calls that are hung up may take to be over.
const HANG_UP_TIME_MAX: Duration = Duration::from_secs(2);

/// How long engines may take to hear their last events and to close, and tools to hear their last answers.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(1);

/// How long media may take to answer what it was asked last.
const MEDIA_TIME_MAX: Duration = Duration::from_millis(500);

/// How often something is looked at that says nothing when it changes.
const LOOK: Duration = Duration::from_millis(5);

/// A signaling node. It runs until [`shutdown`](Self::shutdown), or until it is dropped.
pub struct SignalingNode {
    pub(super) grpc_address: SocketAddr,
    pub(super) transports: Transports,
    pub(super) board: Arc<Switchboard>,
    pub(super) media: Arc<MediaLink>,
    pub(super) serving: Serving,
    pub(super) gauges: Vec<Arc<Gauges>>,
    pub(super) threads: Threads,
    pub(super) stop: CancellationToken,
    pub(super) front_end: CancellationToken,
}

impl SignalingNode {
    /// Where the API is reached.
    #[must_use]
    pub const fn grpc_address(&self) -> SocketAddr {
        self.grpc_address
    }

    /// Where a SIP listener is bound; they are numbered as configured.
    #[must_use]
    pub fn sip_address(&self, listener: u16) -> Option<SocketAddr> {
        self.transports.local_address(ListenerId(listener))
    }

    /// Whether new calls are taken: media is there, and neither it nor this node is shutting down.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.board.draining.load(Ordering::Relaxed) && self.media.takes_calls()
    }

    /// Waits until signaling cannot go on: one of its threads has ended. Without [`shutdown`](Self::shutdown) before, that
    /// is a fault of ours, and only another start helps.
    pub async fn ended(&self) {
        self.threads.ended().await;
    }

    /// Takes no more new calls, tells engines, and waits until no call is left, for at most `grace`. Whether none is.
    pub async fn drain(&self, grace: Duration) -> bool {
        let board = &self.board;
        board.draining.store(true, Ordering::Relaxed);
        self.serving.set_ready(false).await;
        board.engines.drain(grace);
        for shard in &*board.shards {
            shard.drain();
        }
        tokio::time::timeout(grace, board.directory.wait_empty()).await.is_ok()
    }

    /// Ends everything: calls that are left are hung up, engines hear of it, and whatever runs here ends. A second call
    /// finds nothing to do.
    pub async fn shutdown(&self) {
        let board = &self.board;
        board.draining.store(true, Ordering::Relaxed);
        for shard in &*board.shards {
            shard.drain();
            shard.hang_up_all();
        }
        if tokio::time::timeout(HANG_UP_TIME_MAX, board.directory.wait_empty()).await.is_err() {
            tracing::warn!(sessions = board.directory.len(), "sessions left at the end");
        }
        board.engines.close();
        self.stop.cancel();
        until(CLOSE_TIME_MAX, || self.serving.connections().open == 0).await;
        self.media.let_all_go();
        until(MEDIA_TIME_MAX, || self.media.requests_waiting() == 0).await;
        self.transports.shutdown().await;
        self.media.close();
        // The link, the timekeeper, the receivers and the server end by themselves; a bridge's task may wait for media.
        until(CLOSE_TIME_MAX, || board.tasks.running() == 0).await;
        self.end();
        self.threads.join().await;
    }

    fn end(&self) {
        self.stop.cancel();
        self.media.close();
        self.board.engines.close();
        for shard in &*self.board.shards {
            shard.stop();
        }
        self.front_end.cancel();
    }

    /// How much of everything there is, and what happened.
    #[must_use]
    pub fn counters(&self) -> SignalingCounters {
        let board = &self.board;
        let engines = board.engines.count();
        let transport = self.transports.counters();
        let mut told = SignalingCounters {
            held: self.held(),
            engines: EngineCounts {
                events: engines.events,
                events_dropped: engines.events_dropped,
                events_late: engines.events_late,
                stale: engines.stale,
                replaced: engines.replaced,
            },
            api: self.serving.connections(),
            transport: transport.named().into_iter().collect(),
            media_events_dropped: self.media.events_lost(),
            datagrams_dropped_by_kernel: self.transports.datagrams_dropped_by_kernel(),
            ..SignalingCounters::default()
        };
        for gauges in &self.gauges {
            let did = gauges.counters();
            told.shards.add(&did.shard);
            told.transactions.add(&did.transactions);
            told.dialogs.add(&did.dialogs);
        }
        for shard in &*board.shards {
            told.media_events_dropped += shard.media_events_dropped();
        }
        told
    }

    fn held(&self) -> Held {
        let board = &self.board;
        let engines = board.engines.count();
        let mut held = Held {
            directory: board.directory.len(),
            bridges: board.bridges.len(),
            media_requests: self.media.requests_waiting(),
            media_releases: self.media.releases(),
            engines_attached: engines.attached,
            engines_away: engines.away,
            commands_pending: engines.commands_pending,
            engine_log_bytes: engines.log_bytes,
            api_connections: self.serving.connections().open,
            sip_connections: self.transports.counters().connections_open,
            tasks: board.tasks.running(),
            ..Held::default()
        };
        for load in self.gauges.iter().map(|gauges| gauges.load()) {
            held.sessions += load.sessions;
            held.unconfirmed += load.unconfirmed;
            held.legs += load.legs;
            held.dialogs += load.dialogs;
            held.transactions += load.transactions;
            held.timers += load.timers;
            held.lookups += load.lookups;
        }
        for shard in &*board.shards {
            held.requests_waiting += shard.requests_waiting();
        }
        held
    }
}

impl Drop for SignalingNode {
    fn drop(&mut self) {
        self.end();
    }
}

/// Waits until something is so, for at most `time`.
async fn until(time: Duration, is_so: impl Fn() -> bool) {
    let looking = async {
        while !is_so() {
            tokio::time::sleep(LOOK).await;
        }
    };
    if tokio::time::timeout(time, looking).await.is_err() {
        tracing::debug!("went on after {time:?}");
    }
}
