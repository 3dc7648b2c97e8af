//! What the transaction user asks for: requests, responses, CANCEL.

use bytes::Bytes;

use super::TransactionId;
use super::client_invite::ClientInvite;
use super::client_non_invite::ClientNonInvite;
use super::event::{CancelError, Cancelling, Output, RespondError, SendError};
use super::layer::Transactions;
use super::machine::{Input, Machine};
use super::server_invite::ServerInvite;
use super::server_non_invite::ServerNonInvite;
use super::slots::Transaction;
use super::step::Tell;
use crate::ground::{Flow, HeaderField, Now};
use crate::sip::{BuildError, Method, Request, Response, StatusCode, build_cancel};

impl Transactions {
    /// Begins a client transaction. The caller has put its Via on top, with a branch that begins with the magic cookie.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn send_request(
        &mut self,
        request: Request,
        flow: Flow,
        now: Now,
    ) -> Result<TransactionId, SendError> {
        self.send_request_sparingly(request, flow, now, u8::MAX)
    }

    /// As [`Transactions::send_request`], and repeats it no more than `repeats` times. It is waited for as long.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn send_request_sparingly(
        &mut self,
        request: Request,
        flow: Flow,
        now: Now,
        repeats: u8,
    ) -> Result<TransactionId, SendError> {
        let method = request.method().clone();
        if matches!(method, Method::Ack | Method::Cancel) {
            return Err(SendError::Method(method));
        }
        let headers = request.headers();
        let branch = headers.top_via().ok().and_then(|via| via.magic_branch()).ok_or(SendError::Branch)?;
        let key = self.keys.client(branch, &method);
        if self.slots.find(key).is_some() {
            return Err(SendError::BranchInUse);
        }
        let in_dialog = headers.to().is_ok_and(|to| to.tag().is_some());
        if !self.has_room(in_dialog) {
            self.counters.unsent_at_limit += 1;
            return Err(SendError::AtLimit);
        }
        self.counters.clients_begun += 1;
        let timing = self.timing(flow.transport.is_reliable());
        let (machine, effects) = if method == Method::Invite {
            let (machine, effects) = ClientInvite::start(request, timing);
            (Machine::ClientInvite(machine), effects)
        } else {
            let (machine, effects) = ClientNonInvite::start(request, timing);
            (Machine::ClientNonInvite(machine), effects)
        };
        let mut transaction = Transaction::new(machine, method, flow, key);
        transaction.repeats = repeats;
        let index = self.begin(transaction, effects, now);
        Ok(self.slots.id(index))
    }

    /// Answers a request.
    ///
    /// # Errors
    /// See [`RespondError`].
    pub fn respond(&mut self, id: TransactionId, response: &Response, now: Now) -> Result<(), RespondError> {
        let index = self.live_server(id)?;
        match self.step(index, Input::Respond(response), now) {
            Tell::AlreadyFinal => Err(RespondError::AlreadyFinal),
            _ => Ok(()),
        }
    }

    /// Answers a request without keeping anything: its `Terminated` follows, and an ACK to the reply vanishes. For
    /// refusing under load. Over UDP a reply that is lost is asked for by the repeated request, which comes up as a new
    /// one.
    ///
    /// # Errors
    /// See [`RespondError`]; also [`RespondError::AlreadyFinal`] when any response went before: its receiver no longer
    /// repeats the request, so the refusal must be kept.
    pub fn respond_statelessly(
        &mut self,
        id: TransactionId,
        status: StatusCode,
        extra: &[HeaderField],
    ) -> Result<(), RespondError> {
        let index = self.live_server(id)?;
        let transaction = self.slots.get(index).ok_or(RespondError::Unknown)?;
        let request = match &transaction.machine {
            Machine::ServerInvite(ServerInvite::Proceeding { request, last: None })
            | Machine::ServerNonInvite(ServerNonInvite::Trying { request }) => request.clone(),
            _ => return Err(RespondError::AlreadyFinal),
        };
        let flow = transaction.flow;
        self.reply(&request, flow, status, None, extra);
        self.abandon(index);
        Ok(())
    }

    /// Withdraws an INVITE (RFC 3261 §9.1), with these further header fields in the CANCEL. If no final response comes
    /// within 64·T1 after the CANCEL, the INVITE fails with [`super::ClientError::Cancelled`]. The CANCEL's own
    /// transaction is the layer's affair.
    ///
    /// # Errors
    /// See [`CancelError`].
    pub fn cancel(
        &mut self,
        id: TransactionId,
        extra: &[HeaderField],
        now: Now,
    ) -> Result<Cancelling, CancelError> {
        let index = self.live(id).ok_or(CancelError::Unknown)?;
        let Some(Machine::ClientInvite(invite)) =
            self.slots.get(index).map(|transaction| &transaction.machine)
        else {
            return Err(CancelError::Unknown);
        };
        let cancelling = invite.cancelling()?;
        let cancel = cancel_of(invite.request().ok_or(CancelError::AlreadyFinal)?, extra)?;
        self.step(index, Input::Cancel(&cancel), now);
        Ok(cancelling)
    }

    /// Sends a message that has no transaction: the ACK to a 2xx.
    pub fn send_stateless(&mut self, bytes: Bytes, flow: Flow) {
        self.push(Output::Transmit { flow, bytes, tag: TransactionId::NO_TAG });
    }

    /// Whether another transaction may begin.
    pub(super) const fn has_room(&self, in_dialog: bool) -> bool {
        let reserve = if in_dialog { self.settings.in_dialog_reserve } else { 0 };
        self.slots.len() < self.settings.transactions_max.saturating_add(reserve)
    }

    /// Sends the CANCEL of the INVITE in this slot, the same way.
    pub(super) fn begin_cancel(&mut self, invite: u32, cancel: Request, now: Now) {
        let Some(flow) = self.slots.get(invite).map(|transaction| transaction.flow) else { return };
        let Some(key) = cancel
            .headers()
            .top_via()
            .ok()
            .and_then(|via| via.branch)
            .map(|branch| self.keys.client(branch, &Method::Cancel))
        else {
            return;
        };
        self.counters.clients_begun += 1;
        let (machine, effects) = ClientNonInvite::start(cancel, self.timing(flow.transport.is_reliable()));
        let mut transaction = Transaction::new(Machine::ClientNonInvite(machine), Method::Cancel, flow, key);
        transaction.internal = true;
        self.begin(transaction, effects, now);
    }

    fn live_server(&self, id: TransactionId) -> Result<u32, RespondError> {
        let index = self.live(id).ok_or(RespondError::Unknown)?;
        let ours = self.slots.get(index).is_some_and(|one| !one.machine.is_client() && !one.internal);
        if ours { Ok(index) } else { Err(RespondError::Unknown) }
    }
}

fn cancel_of(invite: &Request, extra: &[HeaderField]) -> Result<Request, BuildError> {
    let cancel = build_cancel(invite)?;
    if extra.is_empty() {
        return Ok(cancel);
    }
    extra.iter().fold(cancel.edit(), |edit, field| edit.append_named(&field.name, &field.value)).build()
}
