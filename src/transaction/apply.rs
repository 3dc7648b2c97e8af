//! Stepping a transaction's machine and doing what the step says: send, tell, count, move timers, bury.

use std::time::Duration;

use super::event::{ClientError, Output, ServerError, TransactionEvent};
use super::layer::Transactions;
use super::machine::{Input, Machine};
use super::slots::Transaction;
use super::step::{Change, Effects, Tell};
use super::timer::Timer;
use crate::ground::{Instant, Now};
use crate::sip::StatusCode;

/// Transactions that only wait to be forgotten go at common instants: forgetting each in its own wake-up would cost
/// more than the rest of its life.
const FORGETTING_EVERY: Duration = Duration::from_millis(100);

/// The next such instant at or after `at`.
fn together(at: Instant) -> Instant {
    let every = FORGETTING_EVERY.as_nanos() as u64;
    Instant::from_nanos(at.as_nanos().div_ceil(every).saturating_mul(every))
}

impl Transactions {
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
        if transaction.merged != 0 && !transaction.machine.is_ongoing() {
            self.slots.settle(index);
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
                if timer.is_retransmission() {
                    let Some(left) = transaction.repeats.checked_sub(1) else { continue };
                    transaction.repeats = left;
                }
                let at = now.mono + after;
                let at = if timer.only_forgets() { together(at) } else { at };
                *running = Some(self.wheel.insert((index, timer), at));
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
            Input::Timer(Timer::A | Timer::E) | Input::ConnectionLost => {
                counters.requests_retransmitted += u64::from(sent);
            }
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
