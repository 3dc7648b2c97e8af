//! The layer of one shard.

use bytes::Bytes;

use super::event::{CancelError, Cancelling, Output, RespondError, SendError, TransactionInfo};
use super::{Counters, TransactionId, TransactionSettings};
use crate::ground::{ConnectionId, Flow, HeaderField, Instant, Now, Random};
use crate::sip::{Message, Request, Response, Salvage, StatusCode};

/// All transactions of a shard.
pub struct Transactions {}

#[allow(clippy::todo, unused_variables, clippy::needless_pass_by_value)]
impl Transactions {
    /// No transactions yet. Draws the keys of its hashes.
    #[must_use]
    pub fn new(settings: TransactionSettings, random: &mut Random) -> Self {
        todo!()
    }

    /// A message came.
    pub fn receive(&mut self, message: Message, flow: Flow, now: Now) {
        todo!()
    }

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
        todo!()
    }

    /// Answers a request.
    ///
    /// # Errors
    /// See [`RespondError`].
    pub fn respond(&mut self, id: TransactionId, response: &Response, now: Now) -> Result<(), RespondError> {
        todo!()
    }

    /// Answers a request without keeping anything: the transaction is gone (its `Terminated` follows), and an ACK to the
    /// reply vanishes. For refusing under load.
    ///
    /// # Errors
    /// See [`RespondError`]; also [`RespondError::AlreadyFinal`] when any response went before.
    pub fn respond_statelessly(
        &mut self,
        id: TransactionId,
        status: StatusCode,
        extra: &[HeaderField],
    ) -> Result<(), RespondError> {
        todo!()
    }

    /// Withdraws an INVITE (RFC 3261 §9.1), with these further header fields in the CANCEL.
    ///
    /// # Errors
    /// See [`CancelError`].
    pub fn cancel(
        &mut self,
        id: TransactionId,
        extra: &[HeaderField],
        now: Now,
    ) -> Result<Cancelling, CancelError> {
        todo!()
    }

    /// Sends a message that has no transaction: the ACK to a 2xx.
    pub fn send_stateless(&mut self, bytes: Bytes, flow: Flow) {
        todo!()
    }

    /// Answers a request that has no transaction, with a To tag that is a keyed hash; an ACK to it vanishes.
    pub fn reply_statelessly(
        &mut self,
        request: &Request,
        flow: Flow,
        status: StatusCode,
        extra: &[HeaderField],
    ) {
        todo!()
    }

    /// Answers what is no message but can be made out as a request.
    pub fn reply_to_salvage(&mut self, salvage: &Salvage, flow: Flow, status: StatusCode) {
        todo!()
    }

    /// The To tag of stateless replies to this request: a keyed hash of Call-ID, From tag, CSeq number and branch. A user
    /// that takes it for its own tag gives INVITE and CANCEL the same one (RFC 3261 §9.2).
    #[must_use]
    pub fn to_tag(&self, request: &Request) -> String {
        todo!()
    }

    /// What was sent with this tag could not be sent.
    pub fn send_failed(&mut self, tag: u64, now: Now) {
        todo!()
    }

    /// A connection ended.
    pub fn flow_down(&mut self, connection: ConnectionId, now: Now) {
        todo!()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Now) {
        todo!()
    }

    /// When to call [`Transactions::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        todo!()
    }

    /// The next thing to be done.
    pub fn poll_output(&mut self) -> Option<Output> {
        todo!()
    }

    /// Whether INVITEs are answered 100 at once instead of after 200 ms: for a driver whose queue is long.
    pub fn set_trying_at_once(&mut self, at_once: bool) {
        todo!()
    }

    /// A look at one transaction; `None` once it has terminated.
    #[must_use]
    pub fn info(&self, id: TransactionId) -> Option<TransactionInfo> {
        todo!()
    }

    /// How many transactions exist.
    #[must_use]
    pub fn len(&self) -> usize {
        todo!()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        todo!()
    }

    /// How many timers run.
    #[must_use]
    pub fn timers(&self) -> usize {
        todo!()
    }

    /// What happened so far.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        todo!()
    }
}
