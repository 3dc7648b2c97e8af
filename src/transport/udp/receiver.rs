//! Receiving datagrams: wait, read a batch, look at each once, hand up what may be SIP.

use std::io;
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use tokio::io::{Interest, Ready};

use super::kernel::{self, Batch};
use crate::ground::{Flow, ListenerId, Transport};
use crate::transport::closing::Closing;
use crate::transport::counters::{Counters, add, count};
use crate::transport::first_look::{FirstLook, first_look};
use crate::transport::slab::Slab;
use crate::transport::{Ingress, Notice, Received, UdpSettings};

/// Most ICMP errors told about per wake-up: a storm of them must not hold up messages.
const ICMP_ERRORS_PER_WAKE: usize = 64;

/// Batches read before others of the thread get their turn. What stays with the kernel waits in one line, unsorted; what is
/// read waits in the shards' lanes, where messages of ongoing calls go first and what waits too long is told.
const BATCHES_PER_TURN: usize = 32;

/// How long reading rests after the system failed at it, as for want of memory.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(10);

/// The receiving side of one UDP listener.
///
/// [`run`](Self::run) is a future that belongs on a current-thread runtime: a shard's own, or a thread's that does
/// nothing else.
pub struct UdpReceiver {
    listener: ListenerId,
    socket: Arc<UdpSocket>,
    batch: Batch,
    slab: Slab,
    counters: Arc<Counters>,
    closing: Closing,
}

/// What one batch added up to.
#[derive(Default)]
struct Tally {
    datagrams: u64,
    bytes: u64,
    keep_alive: u64,
    short: u64,
    garbage: u64,
    long: u64,
}

impl UdpReceiver {
    pub(in crate::transport) fn new(
        listener: ListenerId,
        socket: Arc<UdpSocket>,
        settings: &UdpSettings,
        counters: Arc<Counters>,
        closing: Closing,
    ) -> Self {
        let batch = Batch::new(settings.batch_datagrams, settings.datagram_bytes_max);
        Self { listener, socket, batch, slab: Slab::new(), counters, closing }
    }

    /// The listener it reads for.
    #[must_use]
    pub const fn listener(&self) -> ListenerId {
        self.listener
    }

    /// Reads until transport is shut down. Runs on the runtime it is first polled on.
    ///
    /// # Errors
    /// When the runtime cannot watch the socket.
    pub async fn run<I: Ingress>(mut self, ingress: I) -> io::Result<()> {
        let socket = kernel::watch(Arc::clone(&self.socket))?;
        let closing = self.closing.clone();
        let closed = closing.closed();
        tokio::pin!(closed);
        let mut in_a_row = 0;
        loop {
            let mut ready = tokio::select! {
                biased;
                () = &mut closed => return Ok(()),
                ready = socket.ready(Interest::READABLE | Interest::ERROR) => ready?,
            };
            if ready.ready().is_error() {
                self.tell_errors(&ingress);
                ready.clear_ready_matching(Ready::ERROR);
            }
            match self.batch.receive(socket.as_fd()) {
                Ok(received) => {
                    self.hand_up(&ingress);
                    in_a_row += 1;
                    if received < self.batch.slots() {
                        // The kernel had no more: saves the call that would say so.
                        ready.clear_ready_matching(Ready::READABLE);
                        in_a_row = 0;
                    } else if in_a_row >= BATCHES_PER_TURN {
                        // Whoever shares the runtime comes first: it may be the one that has to take all this.
                        in_a_row = 0;
                        tokio::task::yield_now().await;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    in_a_row = 0;
                    ready.clear_ready_matching(Ready::READABLE);
                }
                // Nothing was read, and the error itself waits in its own queue.
                Err(error) if kernel::is_icmp_echo(&error) => {}
                Err(error) => {
                    tracing::warn!(listener = self.listener.0, %error, "cannot read datagrams");
                    tokio::time::sleep(PAUSE_AFTER_ERROR).await;
                }
            }
        }
    }

    /// Hands up what the batch holds.
    fn hand_up<I: Ingress>(&mut self, ingress: &I) {
        let at = Instant::now();
        let mut tally = Tally::default();
        for datagram in self.batch.datagrams() {
            tally.datagrams += 1;
            tally.bytes += datagram.bytes.len() as u64;
            if datagram.cut {
                tally.long += 1;
                continue;
            }
            match first_look(datagram.bytes) {
                FirstLook::Message => {}
                FirstLook::KeepAlive => {
                    tally.keep_alive += 1;
                    continue;
                }
                FirstLook::Short => {
                    tally.short += 1;
                    continue;
                }
                FirstLook::Garbage => {
                    tally.garbage += 1;
                    continue;
                }
            }
            let flow = Flow {
                transport: Transport::Udp,
                listener: self.listener,
                remote: datagram.remote,
                connection: None,
            };
            let bytes = self.slab.keep(datagram.bytes);
            if let Err(refused) = ingress.deliver(Received { bytes, flow, at }) {
                self.counters.refused(refused);
            }
        }
        ingress.flush();
        tally.add_to(&self.counters);
    }

    /// Tells the shards what ICMP said.
    fn tell_errors<I: Ingress>(&self, ingress: &I) {
        for _ in 0..ICMP_ERRORS_PER_WAKE {
            let Some(icmp) = kernel::next_icmp_error(self.socket.as_fd()) else { break };
            count(&self.counters.icmp_errors);
            if !icmp.is_unreachable {
                continue;
            }
            ingress.notify(Notice::Unreachable {
                listener: self.listener,
                remote: icmp.remote,
                error: icmp.error,
            });
        }
        ingress.flush();
    }
}

impl Tally {
    /// One atomic addition per count that is not zero, instead of one per datagram.
    fn add_to(&self, counters: &Counters) {
        let pairs: [(&AtomicU64, u64); 6] = [
            (&counters.datagrams_in, self.datagrams),
            (&counters.datagram_bytes_in, self.bytes),
            (&counters.datagrams_keep_alive, self.keep_alive),
            (&counters.datagrams_dropped_short, self.short),
            (&counters.datagrams_dropped_garbage, self.garbage),
            (&counters.datagrams_dropped_long, self.long),
        ];
        for (counter, by) in pairs {
            add(counter, by);
        }
    }
}
