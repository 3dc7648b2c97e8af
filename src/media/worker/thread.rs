//! One worker: a thread that owns its endpoints, their sockets and its part of the clock outright.
//!
//! ```text
//!   commands ─ inbox, eventfd ─┐                       ┌─ packets ─▶ sockets
//!   packets ─ sockets ─────────┼─▶ one epoll ─ fabric ─┤
//!   time ─ timerfd ────────────┘                       └─ replies, events ─▶ owners
//! ```
//!
//! Each turn serves what is there, then tells each owner what there is to tell, at once. Operations are served in
//! `serving`, endpoints that change workers in `moving`.

mod closing;
mod locating;
mod moving;
mod opening;
mod playing;
mod readdressing;
mod reconciling;
mod serving;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::clock;
use super::gauges::Gauges;
use super::inbox::Inbox;
use super::names::Names;
use super::net::{Addresses, Backend};
use super::node::Node;
use super::operation::{Operation, Reply, ReplyTo};
use super::owner::{Item, Owner};
use crate::ground::{Instant, Random};
use crate::media::core::{BridgeMode, Fabric, FabricSettings};

pub use locating::Located;
pub use moving::{Arrival, Departure};
pub use playing::Loaded;

/// How often owners are looked at that have no stream.
const SWEEP: Duration = Duration::from_secs(1);

/// How often the gauges are written while only packets come.
const PUBLICATION: Duration = Duration::from_millis(5);

/// An operation on its way to be served.
#[derive(Debug)]
pub struct Serve {
    /// Who asks.
    pub owner: Arc<Owner>,
    /// Who is answered.
    pub reply_to: ReplyTo,
    /// What is asked.
    pub operation: Operation,
}

/// What a worker is told.
#[derive(Debug)]
pub enum Command {
    /// Serve this.
    Serve(Box<Serve>),
    /// A bridge that was nowhere is here from now on.
    SettleBridge {
        /// Its owner.
        owner: Arc<Owner>,
        /// Its id.
        bridge: String,
        /// How it carries audio.
        mode: BridgeMode,
    },
    /// An endpoint will come: what is asked of it until then waits.
    Expect {
        /// Its owner.
        owner: Arc<Owner>,
        /// Its id.
        endpoint: String,
    },
    /// An endpoint goes to another worker.
    Depart(Box<Departure>),
    /// It comes.
    Arrive(Box<Arrival>),
    /// A file is there, or not.
    Loaded(Box<Loaded>),
    /// A host was looked up.
    Located(Box<Located>),
    /// Close everything and end.
    Stop,
}

/// The worker.
pub struct Worker<B: Backend> {
    index: usize,
    node: Arc<Node>,
    inbox: Arc<Inbox>,
    gauges: Arc<Gauges>,
    backend: B,
    fabric: Fabric,
    names: Names,
    addresses: Addresses,
    /// Endpoints that will come, with what is asked of them meanwhile. Bounded by what streams may have unanswered.
    expected: HashMap<(u32, String), Vec<Command>>,
    /// What owners are told at the end of the turn.
    telling: Vec<(Arc<Owner>, Item)>,
    /// Who waits for one reply alone.
    telling_once: Vec<(oneshot::Sender<Reply>, Reply)>,
    tickets: u64,
    next_sweep: Instant,
    next_publication: Instant,
    stopping: bool,
}

impl<B: Backend> Worker<B> {
    /// The worker at this place of its node.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    pub fn new(index: usize, node: Arc<Node>, random: Random) -> std::io::Result<Self> {
        let handle = &node.workers[index];
        let (inbox, gauges) = (Arc::clone(&handle.inbox), Arc::clone(&handle.gauges));
        let settings = FabricSettings {
            endpoints_max: node.settings.endpoints_max,
            bridges_max: node.settings.bridges_max,
        };
        Ok(Self {
            index,
            backend: B::new(inbox.doorbell())?,
            inbox,
            gauges,
            fabric: Fabric::new(settings, random),
            names: Names::default(),
            addresses: node.settings.addresses.clone(),
            expected: HashMap::new(),
            telling: Vec::new(),
            telling_once: Vec::new(),
            tickets: 0,
            next_sweep: clock::now() + SWEEP,
            next_publication: Instant::ZERO,
            stopping: false,
            node,
        })
    }

    /// Works until it is told to stop.
    pub fn run(mut self) {
        let mut commands = VecDeque::new();
        while !self.stopping {
            let deadline = self.fabric.poll_timeout().map_or(self.next_sweep, |at| at.min(self.next_sweep));
            let woken = match self.backend.turn(Some(deadline), &mut self.fabric) {
                Ok(woken) => woken,
                Err(error) => {
                    tracing::error!(worker = self.index, %error, "a media worker cannot wait for its sockets and ends");
                    break;
                }
            };
            if woken.by_commands {
                self.inbox.take(&mut commands);
                commands.drain(..).for_each(|command| self.obey(command));
            }
            let now = woken.at;
            if self.fabric.poll_timeout().is_some_and(|at| at <= now) {
                self.fabric.handle_timeout(now, self.backend.wire());
            }
            if now >= self.next_sweep {
                self.next_sweep = now + SWEEP;
                self.sweep(now);
            }
            self.take_outputs();
            if woken.by_commands || !self.telling.is_empty() || now >= self.next_publication {
                self.next_publication = now + PUBLICATION;
                self.tell();
            }
        }
        self.inbox.close();
        self.close_all();
        self.tell();
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Serve(serve) => self.serve(*serve),
            Command::SettleBridge { owner, bridge, mode } => self.settle_bridge(&owner, &bridge, mode),
            Command::Expect { owner, endpoint } => self.expect(owner, endpoint),
            Command::Depart(departure) => self.depart(*departure),
            Command::Arrive(arrival) => self.arrive(*arrival),
            Command::Loaded(loaded) => self.loaded(*loaded),
            Command::Located(located) => self.located(*located),
            Command::Stop => self.stopping = true,
        }
    }

    /// Takes the fabric's events, so that they stand before what is answered next.
    fn take_outputs(&mut self) {
        while let Some(output) = self.fabric.poll_output() {
            if let Some(names) = self.names.owner(output.owner) {
                let item = Item::Event { endpoint: output.endpoint, event: output.event };
                self.telling.push((Arc::clone(&names.owner), item));
            }
        }
    }

    fn answer(&mut self, owner: &Arc<Owner>, reply_to: ReplyTo, reply: Reply) {
        self.take_outputs();
        match reply_to {
            ReplyTo::Stream { stream, id } => {
                self.telling.push((Arc::clone(owner), Item::Reply { stream, id, reply }));
            }
            ReplyTo::Last(part) => {
                // What this worker has to tell comes before the answer that another one may give.
                self.tell();
                if let Some(then) = part.done() {
                    self.answer(owner, then, reply);
                }
            }
            ReplyTo::Once(sender) => self.telling_once.push((sender, reply)),
            ReplyTo::Nobody => {}
        }
    }

    /// Tells each owner what there is to tell, all at once. Whoever is told can see it in the gauges.
    fn tell(&mut self) {
        self.publish();
        for (sender, reply) in self.telling_once.drain(..) {
            // Whoever asked may have gone.
            let _ = sender.send(reply);
        }
        let mut telling = self.telling.drain(..).peekable();
        while let Some((owner, item)) = telling.next() {
            let more = std::iter::from_fn(|| {
                telling.next_if(|(other, _)| Arc::ptr_eq(other, &owner)).map(|(_, item)| item)
            });
            owner.tell(std::iter::once(item).chain(more));
        }
    }

    fn publish(&mut self) {
        let unsent = self.backend.unsent();
        self.gauges.publish(&self.fabric, self.backend.sockets(), unsent);
    }
}

impl<B: Backend> Drop for Worker<B> {
    /// However it ends, nobody waits for it any longer.
    fn drop(&mut self) {
        self.inbox.close();
    }
}
