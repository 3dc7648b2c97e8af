//! A shard: the floors composed. It alone moves outputs between them.
//!
//! ```text
//!   Input ──▶ parse ──▶ transactions ──▶ admission ──▶ legs ──▶ sessions ──▶ Output
//!              │             ▲  ▲                       ▲ ▲         │
//!              │ malformed   │  └── requests, responses ┘ └ intents ┤
//!              └─ 400 ───────┘                                      ├──▶ Event, CommandReply
//!                                                                   └──▶ Media ··· MediaReply ──▶ sessions
//! ```
//!
//! On receipt a message is matched with a transaction, then with a dialog, and only what belongs to neither is subject
//! to admission: a retransmission of an admitted call is never refused (see `admission.rs`).
//!
//! After every input the driver drains [`Shard::poll_output`] until it is empty, and then sleeps until
//! [`Shard::poll_timeout`] or the next input. A run is its settings, its key and its inputs: equal ones give equal
//! outputs, byte for byte ([`Recorded`]).

mod admission;
mod carry;
mod commands;
mod counters;
mod farewell;
mod groups;
pub mod io;
mod media;
mod offers;
mod passing;
mod peer;
mod pending;
mod queries;
mod recorded;
mod refused;
mod settings;
mod settling;
mod slots;
mod sources;
mod target;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

pub use counters::{Counters, Load, SessionsByState};
pub use passing::ENGINES_ASKED_MAX;
pub use recorded::Recorded;
pub use settings::{DEFAULT_GROUP, GroupPolicy, ShardSettings};

use farewell::Farewells;
use groups::Groups;
use io::{Input, Output};
use offers::Offers;
use pending::{Pending, SlotId};
use settling::Settling;
use slots::Slots;
use sources::Sources;

use crate::dialog::Legs;
use crate::ground::timer::Wheel;
use crate::ground::{Instant, Now, Random};
use crate::session::{Outbox, SessionTimer};
use crate::sip::Message;
use crate::transaction::Transactions;

/// One shard. See [`self`].
pub struct Shard {
    settings: ShardSettings,
    random: Random,
    transactions: Transactions,
    legs: Legs,
    slots: Slots,
    groups: Groups,
    pending: Pending,
    offers: Offers,
    timers: Wheel<(SlotId, SessionTimer)>,
    farewells: Farewells,
    settling: Settling,
    outbox: Outbox,
    outputs: VecDeque<Output>,
    draining: bool,
    /// How many endpoints media can have for this shard, once it has said so.
    media_endpoints: Option<usize>,
    sources: Sources,
    /// Media is there and takes new calls.
    media_takes_calls: bool,
    /// When media last had no room for a call, until it has room for one.
    media_full: Option<Instant>,
    /// What is being received has waited too long.
    overdue: bool,
    default_group: Arc<str>,
    counters: Counters,
}

impl Shard {
    /// A shard without calls. Everything that is drawn at random comes from `random`.
    #[must_use]
    pub fn new(settings: ShardSettings, mut random: Random) -> Self {
        Self {
            transactions: Transactions::new(settings.transactions.clone(), &mut random),
            legs: Legs::new(settings.dialogs.clone(), random.fork()),
            slots: Slots::default(),
            groups: Groups::default(),
            pending: Pending::new(settings.media_timeout, settings.media_requests_max),
            offers: Offers::default(),
            timers: Wheel::new(),
            farewells: Farewells::default(),
            settling: Settling::default(),
            outbox: Outbox::new(),
            outputs: VecDeque::new(),
            draining: false,
            media_endpoints: None,
            sources: Sources::new(settings.unconfirmed_max, &mut random),
            media_takes_calls: false,
            media_full: None,
            overdue: false,
            default_group: DEFAULT_GROUP.into(),
            counters: Counters::default(),
            settings,
            random,
        }
    }

    /// Takes an input. Its outputs are then to be taken out.
    pub fn handle(&mut self, input: Input, now: Now) {
        match input {
            Input::Received { bytes, flow } => self.receive(bytes, flow, now),
            Input::Overdue { bytes, flow } => {
                self.overdue = true;
                self.receive(bytes, flow, now);
            }
            Input::Command { ticket, session, command } => self.command(ticket, &session, *command, now),
            Input::Query { ticket, query } => self.query(ticket, &query),
            Input::MediaReply { request, result } => self.media_reply(request, result, now),
            Input::MediaEvent { session, event } => self.media_event(&session, event, now),
            Input::MediaLost => self.media_lost(now),
            Input::MediaCapacity { endpoints } => self.media_endpoints = Some(endpoints as usize),
            Input::MediaTakesCalls(takes) => self.media_takes_calls(takes),
            Input::Resolved { query, result } => {
                if !self.offer_resolved(query, &result, now) {
                    self.legs.resolved(query, &result, &mut self.transactions, now);
                }
            }
            Input::FlowDown { connection } => self.transactions.flow_down(connection, now),
            Input::Unreachable { listener, remote } => {
                self.transactions.unreachable(listener, remote, now);
            }
            Input::SendFailed { tag } => self.transactions.send_failed(tag, now),
            Input::Engines(engines) => {
                self.groups.attach(engines);
                self.pass_on_stranded(now);
            }
            Input::EngineGone(engine) => self.engine_gone(&engine, now),
            Input::Drain => self.draining = true,
            Input::HangUpAll => self.hang_up_all(now),
            Input::QueueLong(long) => self.transactions.set_trying_at_once(long),
        }
        self.carry(now);
        self.overdue = false;
    }

    /// Does what is due. Its outputs are then to be taken out.
    pub fn handle_timeout(&mut self, now: Now) {
        self.transactions.handle_timeout(now);
        self.carry(now);
        self.legs.handle_timeout(&mut self.transactions, now);
        self.carry(now);
        self.expire_offers(now);
        while let Some((slot, asked)) = self.pending.pop_expired(now.mono) {
            self.media_timed_out(slot, asked, now);
            self.carry(now);
        }
        while let Some((slot, timer)) = self.timers.pop_expired(now.mono) {
            self.session_timer(slot, timer, now);
            self.carry(now);
        }
        self.settle_again(now);
        if self.farewells.next().is_some_and(|at| at <= now.mono) {
            self.end_a_round(now);
        }
    }

    /// When [`Shard::handle_timeout`] is due. `None`: only an input can change anything.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let floors = [
            self.transactions.poll_timeout(),
            self.legs.poll_timeout(),
            self.pending.next(),
            self.offers.next(),
            self.timers.next(),
            self.farewells.next(),
            self.settling.next(),
        ];
        floors.into_iter().flatten().min()
    }

    /// The next thing to be done. To be called until there is none, after every other call.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn receive(&mut self, bytes: bytes::Bytes, flow: crate::ground::Flow, now: Now) {
        self.counters.received += 1;
        match Message::parse(bytes, &self.settings.sip) {
            Ok(message) => self.transactions.receive(message, flow, now),
            Err(error) => match error.salvage() {
                Some(salvage) => {
                    self.counters.malformed_answered += 1;
                    self.transactions.reply_to_salvage(&salvage, flow, error.status());
                }
                None => self.counters.malformed_dropped += 1,
            },
        }
    }

    /// How much the shard holds. Cheap.
    #[must_use]
    pub fn load(&self) -> Load {
        let census = self.legs.census();
        Load {
            sessions: self.slots.len(),
            unconfirmed: self.sources.unconfirmed(),
            legs: census.legs + census.lingering,
            dialogs: census.dialogs,
            transactions: self.transactions.len(),
            timers: self.transactions.timers() + census.timers + self.timers.len(),
            media_requests: self.pending.len(),
            lookups: census.lookups + self.offers.len(),
            outputs: self.outputs.len(),
        }
    }

    /// What the shard did.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What its transactions did.
    #[must_use]
    pub const fn transaction_counters(&self) -> &crate::transaction::Counters {
        self.transactions.counters()
    }

    /// What its dialogs did.
    #[must_use]
    pub const fn dialog_counters(&self) -> &crate::dialog::Counters {
        self.legs.counters()
    }
}
