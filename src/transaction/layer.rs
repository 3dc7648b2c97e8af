//! The layer of one shard: its transactions, their timers and what comes of each step.
//!
//! What comes from the network is sorted in `receive.rs`, what the user wants is in `user.rs`, replies without a
//! transaction in `stateless.rs`.

use std::collections::VecDeque;

use super::event::{ClientError, Outcome, Output, ServerError, TransactionEvent, TransactionInfo};
use super::key::Keys;
use super::machine::{Input, Machine};
use super::slots::{Slots, Transaction};
use super::step::{Change, Effects, Tell};
use super::timer::{Timer, Timing};
use super::{Counters, TransactionId, TransactionSettings};
use crate::ground::timer::Wheel;
use crate::ground::{ConnectionId, Instant, Now, Random};
use crate::sip::StatusCode;

/// All transactions of a shard.
///
/// Outputs wait in a queue that whoever drives the layer drains after every call. One call adds at most four, except
/// that [`Transactions::handle_timeout`] and [`Transactions::flow_down`] add at most three per transaction concerned.
#[derive(Debug)]
pub struct Transactions {
    pub(super) settings: TransactionSettings,
    timing: [Timing; 2],
    pub(super) keys: Keys,
    pub(super) slots: Slots,
    wheel: Wheel<(u32, Timer)>,
    outputs: VecDeque<Output>,
    pub(super) trying_at_once: bool,
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

    /// What was sent with this tag could not be sent.
    pub fn send_failed(&mut self, tag: u64, now: Now) {
        if let Some(index) = self.live(TransactionId::from_tag(tag)) {
            self.step(index, Input::TransportError, now);
        }
    }

    /// A connection ended. Client transactions on it fail; server transactions answer on another one, to the port that
    /// the request's Via names (RFC 3261 §18.2.2).
    pub fn flow_down(&mut self, connection: ConnectionId, now: Now) {
        while let Some(index) = self.slots.orphan_one(connection) {
            let Some(transaction) = self.slots.get_mut(index) else { continue };
            if !transaction.machine.is_client() && transaction.other_port != 0 {
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

    /// Puts a new transaction in, with what its first step wants done.
    pub(super) fn begin(&mut self, transaction: Transaction, effects: Effects, now: Now) -> u32 {
        let index = self.slots.insert(transaction);
        self.apply(index, effects, now);
        index
    }

    /// One input to one transaction. Says what the machine said.
    pub(super) fn step(&mut self, index: u32, input: Input<'_>, now: Now) -> Tell {
        let Some(transaction) = self.slots.get_mut(index) else { return Tell::Unexpected };
        let machine = std::mem::replace(&mut transaction.machine, Machine::OVER);
        let may_fail = matches!(input, Input::Timer(_) | Input::TransportError) && machine.is_client();
        let request = if may_fail { machine.request().cloned() } else { None };
        let reliable = transaction.flow.transport.is_reliable();
        let (machine, effects) = machine.step(input, &self.timing[usize::from(reliable)]);
        transaction.machine = machine;
        note_status(transaction, input, &effects);
        if let Some(error) = client_error(effects.tell)
            && may_fail
        {
            transaction.failure = Some((error, request));
        }
        let tell = effects.tell;
        self.count(index, input, tell, effects.send.is_some());
        self.apply_told(index, input, effects, now);
        tell
    }

    fn apply(&mut self, index: u32, mut effects: Effects, now: Now) {
        self.transmit(index, &mut effects);
        self.set_timers(index, &effects, now);
    }

    fn apply_told(&mut self, index: u32, input: Input<'_>, mut effects: Effects, now: Now) {
        self.transmit(index, &mut effects);
        self.tell(index, input, effects.tell);
        if let Some(cancel) = effects.cancel.take() {
            self.begin_cancel(index, cancel, now);
        }
        self.set_timers(index, &effects, now);
        self.bury(index);
    }

    fn transmit(&mut self, index: u32, effects: &mut Effects) {
        if let Some(bytes) = effects.send.take()
            && let Some(transaction) = self.slots.get(index)
        {
            let (flow, tag) = (transaction.flow, self.slots.id(index).tag());
            self.push(Output::Transmit { flow, bytes, tag });
        }
    }

    fn set_timers(&mut self, index: u32, effects: &Effects, now: Now) {
        let Some(transaction) = self.slots.get_mut(index) else { return };
        let over = transaction.machine.is_over();
        for (change, running) in [
            (effects.retransmission, &mut transaction.retransmission),
            (effects.deadline, &mut transaction.deadline),
        ] {
            let change = if over { Change::Stop } else { change };
            if change != Change::Keep
                && let Some(handle) = running.take()
            {
                self.wheel.remove(handle);
            }
            if let Change::Set(timer, after) = change {
                *running = Some(self.wheel.insert((index, timer), now.mono + after));
            }
        }
    }

    fn tell(&mut self, index: u32, input: Input<'_>, tell: Tell) {
        let Some(transaction) = self.slots.get(index) else { return };
        if transaction.internal {
            return;
        }
        let (id, is_client) = (self.slots.id(index), transaction.machine.is_client());
        let event = match (tell, input) {
            (Tell::Response, Input::Response(response, flow)) => {
                TransactionEvent::Response { id, response: response.clone(), flow: *flow }
            }
            (Tell::Ack, Input::Ack(request, flow)) => {
                TransactionEvent::Ack { request: request.clone(), flow: *flow }
            }
            (Tell::Timeout | Tell::Unanswered, _) if !is_client => {
                TransactionEvent::ServerFailed { id, error: ServerError::Timeout }
            }
            (Tell::Transport, _) if !is_client => {
                TransactionEvent::ServerFailed { id, error: ServerError::Transport }
            }
            (Tell::Timeout | Tell::Transport | Tell::Cancelled, _) => match client_error(tell) {
                Some(error) => TransactionEvent::Failed { id, error },
                None => return,
            },
            (Tell::Nothing | Tell::Repeat | Tell::AlreadyFinal | Tell::Unexpected | Tell::Unanswered, _)
            | (Tell::Response | Tell::Ack, _) => return,
        };
        self.tell_user(event);
    }

    /// Takes a transaction out that has come to its end.
    pub(super) fn bury(&mut self, index: u32) {
        let Some(transaction) = self.slots.get(index) else { return };
        if !transaction.machine.is_over() {
            return;
        }
        let (id, internal) = (self.slots.id(index), transaction.internal);
        self.slots.retire(index);
        if internal {
            self.slots.release(index);
        } else {
            self.tell_user(TransactionEvent::Terminated { id });
        }
    }

    /// Takes a transaction out before its end.
    pub(super) fn abandon(&mut self, index: u32) {
        let Some(transaction) = self.slots.get_mut(index) else { return };
        transaction.machine = Machine::OVER;
        let handles = [transaction.retransmission.take(), transaction.deadline.take()];
        for handle in handles.into_iter().flatten() {
            self.wheel.remove(handle);
        }
        self.bury(index);
    }

    fn count(&mut self, index: u32, input: Input<'_>, tell: Tell, sent: bool) {
        let Some(transaction) = self.slots.get(index) else { return };
        let is_client = transaction.machine.is_client();
        let counters = &mut self.counters;
        match input {
            Input::Timer(Timer::A | Timer::E) => counters.requests_retransmitted += u64::from(sent),
            Input::Timer(Timer::G) => counters.responses_retransmitted += u64::from(sent),
            Input::Again => {
                counters.retransmissions_absorbed += 1;
                counters.responses_retransmitted += u64::from(sent);
            }
            Input::Timer(_)
            | Input::Response(..)
            | Input::Ack(..)
            | Input::Respond(_)
            | Input::Cancel(_)
            | Input::TransportError => {}
        }
        match tell {
            Tell::Timeout if is_client => counters.clients_timed_out += 1,
            Tell::Timeout => counters.acks_missing += 1,
            Tell::Unanswered => counters.unanswered += 1,
            Tell::Transport => counters.transport_errors += 1,
            Tell::Cancelled => counters.cancels_without_end += 1,
            Tell::Unexpected => counters.unexpected += 1,
            Tell::Repeat if is_client => counters.repeated_responses += 1,
            Tell::Repeat | Tell::Nothing | Tell::Response | Tell::Ack | Tell::AlreadyFinal => {}
        }
    }
}

fn note_status(transaction: &mut Transaction, input: Input<'_>, effects: &Effects) {
    match (input, effects.tell) {
        (Input::Response(response, _), Tell::Response) => transaction.last_status = Some(response.status()),
        (Input::Respond(response), Tell::Nothing) => transaction.last_status = Some(response.status()),
        (Input::Timer(Timer::Trying), _) if effects.send.is_some() => {
            transaction.last_status = Some(StatusCode::TRYING);
        }
        _ => {}
    }
}

const fn client_error(tell: Tell) -> Option<ClientError> {
    match tell {
        Tell::Timeout => Some(ClientError::Timeout),
        Tell::Transport => Some(ClientError::Transport),
        Tell::Cancelled => Some(ClientError::Cancelled),
        Tell::Nothing
        | Tell::Response
        | Tell::Ack
        | Tell::Unanswered
        | Tell::Repeat
        | Tell::AlreadyFinal
        | Tell::Unexpected => None,
    }
}
