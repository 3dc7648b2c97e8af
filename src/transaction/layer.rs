//! The layer of one shard: its transactions, their timers and what comes of each step.
//!
//! What comes from the network is sorted in `receive.rs`, what the user wants is in `user.rs`, replies without a
//! transaction in `stateless.rs`; what a step brings about is done in `apply.rs`.

use std::collections::VecDeque;

use super::event::{Outcome, Output, TransactionEvent, TransactionInfo};
use super::key::Keys;
use super::machine::Input;
use super::slots::{Slots, Transaction};
use super::timer::{Timer, Timing};
use super::{Counters, TransactionId, TransactionSettings};
use crate::ground::timer::Wheel;
use crate::ground::{ConnectionId, Instant, Now, Random};

/// All transactions of a shard.
///
/// Outputs wait in a queue that whoever drives the layer drains after every call. One call adds at most four, except
/// that [`Transactions::handle_timeout`], [`Transactions::flow_down`] and [`Transactions::unreachable`] add at most
/// three per transaction concerned.
#[derive(Debug)]
pub struct Transactions {
    pub(super) settings: TransactionSettings,
    pub(super) timing: [Timing; 2],
    pub(super) keys: Keys,
    pub(super) slots: Slots,
    pub(super) wheel: Wheel<(u32, Timer)>,
    outputs: VecDeque<Output>,
    pub(super) trying_at_once: bool,
    /// When it may be looked again for whom an unreachable peer concerns.
    pub(super) unreachable_from: Instant,
    pub(super) counters: Counters,
}

impl Transactions {
    /// No transactions yet. Draws the keys of its hashes.
    #[must_use]
    pub fn new(settings: TransactionSettings, random: &mut Random) -> Self {
        Self {
            timing: [false, true].map(|reliable| Timing::new(&settings, reliable)),
            settings,
            keys: Keys::draw(random),
            slots: Slots::new(),
            wheel: Wheel::new(),
            outputs: VecDeque::new(),
            trying_at_once: false,
            unreachable_from: Instant::ZERO,
            counters: Counters::default(),
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some((index, timer)) = self.wheel.pop_expired(now.mono) {
            if let Some(transaction) = self.slots.get_mut(index) {
                if timer.is_retransmission() {
                    transaction.retransmission = None;
                } else {
                    transaction.deadline = None;
                }
            }
            self.step(index, Input::Timer(timer), now);
        }
    }

    /// When to call [`Transactions::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.wheel.next()
    }

    /// The next thing to be done. To be called until there is none, after every other call.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front()?;
        if let Output::ToUser(TransactionEvent::Terminated { id }) = &output {
            self.slots.release(id.slot);
        }
        Some(output)
    }

    /// What was sent with this tag could not be sent. A client that was to send on a certain connection finds that one
    /// gone, which it is then told of here before [`Transactions::flow_down`].
    pub fn send_failed(&mut self, tag: u64, now: Now) {
        let Some(index) = self.live(TransactionId::from_tag(tag)) else { return };
        let is_client = self.slots.get(index).is_some_and(|transaction| transaction.machine.is_client());
        let lost = is_client && self.slots.orphan(index);
        self.step(index, if lost { Input::ConnectionLost } else { Input::TransportError }, now);
    }

    /// A connection ended, which is no failure of what went over it: responses may come on another one (RFC 3261
    /// §18.2.2). A client that has heard nothing sends once more, on a new connection; one that has waits on. Server
    /// transactions answer on another connection, to the port that the request's Via names.
    pub fn flow_down(&mut self, connection: ConnectionId, now: Now) {
        while let Some(index) = self.slots.orphan_one(connection) {
            let Some(transaction) = self.slots.get_mut(index) else { continue };
            if transaction.machine.is_client() {
                self.step(index, Input::ConnectionLost, now);
            } else if transaction.other_port != 0 {
                transaction.flow.remote.set_port(transaction.other_port);
            } else {
                self.step(index, Input::TransportError, now);
            }
        }
    }

    /// Whether INVITEs are answered 100 at once instead of after 200 ms: for a driver whose queue is long.
    pub fn set_trying_at_once(&mut self, at_once: bool) {
        self.trying_at_once = at_once;
    }

    /// A look at one transaction. `None` once its [`TransactionEvent::Terminated`] has been taken out.
    #[must_use]
    pub fn info(&self, id: TransactionId) -> Option<TransactionInfo> {
        let transaction = self.slots.get(self.slots.slot(id)?)?;
        let Transaction { machine, method, failure, last_status, .. } = transaction;
        let (outcome, request) = match failure {
            Some((error, request)) => (Outcome::Failed(*error), request.as_ref()),
            None => (machine.outcome(), machine.request()),
        };
        Some(TransactionInfo {
            id,
            method: method.clone(),
            is_client: machine.is_client(),
            state: machine.state(),
            request: request.cloned(),
            last_status: *last_status,
            outcome,
        })
    }

    /// How many transactions exist, the layer's own for CANCEL among them.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.slots.len() == 0
    }

    /// How many timers run.
    #[must_use]
    pub fn timers(&self) -> usize {
        self.wheel.len()
    }

    /// What happened so far.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    pub(super) fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(super) fn tell_user(&mut self, event: TransactionEvent) {
        self.outputs.push_back(Output::ToUser(event));
    }

    pub(super) const fn timing(&self, reliable: bool) -> &Timing {
        &self.timing[reliable as usize]
    }

    /// The slot of an id whose transaction has not terminated.
    pub(super) fn live(&self, id: TransactionId) -> Option<u32> {
        let index = self.slots.slot(id)?;
        self.slots.get(index).is_some_and(|transaction| !transaction.machine.is_over()).then_some(index)
    }
}
