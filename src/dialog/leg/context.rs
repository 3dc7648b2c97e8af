//! What a step of a leg works with: the shard's shared parts, the transactions below, what time it is.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::ground::hash::OwnKeyMap;
use crate::ground::leg::{LegEvent, LegFailure, LegId};
use crate::ground::timer::TimerWheel;
use crate::ground::{Flow, Now, Random, Transport};
use crate::sip::{BuildError, Request, Response, StatusCode};
use crate::transaction::{TransactionId, Transactions};

use super::super::Output;
use super::super::counters::Counters;
use super::super::index::{DialogIndex, DialogKey};
use super::super::locate::{Flows, Located, flow_to, locate};
use super::super::refusal::Refusal;
use super::super::request::{Draft, Purpose, is_too_long};
use super::super::settings::{DialogSettings, Listener};
use super::super::state::Dialog;
use super::Lookup;

/// The timers of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::dialog) enum Timer {
    /// The 2xx is sent again: T1, doubling up to T2 (RFC 3261 §13.3.1.4).
    Repeat,
    /// The ACK has not come: 64·T1 (RFC 3261 §13.3.1.4).
    Ack,
    /// A re-INVITE that met 491 may be tried again (RFC 3261 §14.1).
    Glare,
    /// A re-INVITE of ours has had nothing but a provisional response for 64·T1.
    Reinvite,
    /// The provisional response is sent again: every minute (RFC 3261 §13.3.1.1).
    Provisional,
    /// The INVITE's Expires has passed (RFC 3261 §13.3.1).
    Expires,
    /// A look-up took too long.
    Lookup,
}

impl Timer {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::Repeat,
        Self::Ack,
        Self::Glare,
        Self::Reinvite,
        Self::Provisional,
        Self::Expires,
        Self::Lookup,
    ];
}

/// What the legs of a shard share.
pub(in crate::dialog) struct Shared {
    pub settings: DialogSettings,
    pub random: Random,
    pub outputs: VecDeque<Output>,
    pub timers: TimerWheel<(LegId, Timer)>,
    pub index: DialogIndex,
    pub owners: OwnKeyMap<TransactionId, Owner>,
    pub lookups: OwnKeyMap<u64, Lookup>,
    pub last_lookup: u64,
    /// Legs that have ended and are not buried.
    pub lingering: usize,
    pub counters: Counters,
}

/// Whose a transaction is. Entries live as long as the transactions.
pub(in crate::dialog) enum Owner {
    /// An INVITE of the peer's that has no final response yet.
    Server(LegId),
    /// A request of ours.
    Client {
        leg: LegId,
        purpose: Purpose,
        /// INVITE: the ACKs given to its 2xx, one per fork.
        acks: Vec<Ack>,
        /// Where else it may be tried.
        retry: Option<Box<Retry>>,
    },
}

/// An ACK that was sent, to be sent again when its 2xx comes again (RFC 3261 §13.2.2.4).
pub(in crate::dialog) struct Ack {
    pub dialog: DialogKey,
    pub bytes: Bytes,
    pub flow: Flow,
}

/// What is needed to send a request once more somewhere else.
pub(in crate::dialog) struct Retry {
    pub dialog: Dialog,
    pub draft: Draft,
    pub flows: Flows,
}

/// What every state of a leg has.
#[derive(Debug, Default)]
pub(in crate::dialog) struct Common {
    /// Whether the session has heard the last.
    pub ended: bool,
    /// Client transactions of ours that are not terminated.
    pub running: u32,
    /// Look-ups under way.
    pub lookups: SmallVec<[u64; 1]>,
}

/// How a request went out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dialog) enum Sent {
    /// As a transaction.
    Transaction(TransactionId),
    /// Without one: an ACK.
    Alone,
    /// Not yet: its target is looked up.
    Waiting,
}

/// Why a request did not go out.
#[derive(Debug)]
pub(in crate::dialog) enum Unsent {
    /// It has nowhere to go, or a bound is reached.
    Failure(LegFailure),
    /// It makes no message.
    Unwritable(BuildError),
}

impl Unsent {
    /// As a session hears it when nobody is there to be told of a bad message.
    pub const fn failure(&self) -> LegFailure {
        match self {
            Self::Failure(failure) => *failure,
            Self::Unwritable(BuildError::TooLarge) => LegFailure::Limit,
            Self::Unwritable(_) => LegFailure::Unlocated,
        }
    }
}

/// One step of one leg.
pub(in crate::dialog) struct Context<'a> {
    pub leg: LegId,
    pub now: Now,
    pub shared: &'a mut Shared,
    pub common: &'a mut Common,
    pub transactions: &'a mut Transactions,
}

impl Context<'_> {
    /// Tells the session, unless it has heard the last.
    pub fn tell(&mut self, event: LegEvent) {
        if !self.common.ended {
            self.shared.outputs.push_back(Output::Event { leg: self.leg, event });
        }
    }

    /// Tells the session the last. Nothing is told afterwards.
    pub fn end(&mut self) {
        self.tell(LegEvent::Ended);
        if !std::mem::replace(&mut self.common.ended, true) {
            self.shared.lingering += 1;
        }
    }

    /// Tells the session that the leg cannot go on, and the last.
    pub fn fail(&mut self, failure: LegFailure) {
        self.tell(LegEvent::Failed(failure));
        self.end();
    }

    pub fn after(&mut self, timer: Timer, time: Duration) {
        self.shared.timers.schedule((self.leg, timer), self.now.mono + time);
    }

    pub fn stop(&mut self, timer: Timer) {
        self.shared.timers.cancel(&(self.leg, timer));
    }

    /// The listener that a dialog's Contact names.
    pub fn listener_of(&self, dialog: &Dialog) -> Option<&Listener> {
        self.shared.settings.listener(dialog.listener)
    }

    /// Gives a response to a transaction. One that cannot be written is replaced by a bare 500.
    pub fn respond(&mut self, transaction: TransactionId, response: Result<Response, BuildError>) {
        let done = match &response {
            Ok(response) => self.transactions.respond(transaction, response, self.now).is_ok(),
            Err(_) => {
                let status = StatusCode::SERVER_INTERNAL_ERROR;
                self.shared.counters.unsent += 1;
                self.transactions.respond_statelessly(transaction, status, &[]).is_ok()
            }
        };
        if !done {
            self.shared.counters.unexpected += 1;
        }
    }

    /// Gives the final response to an INVITE of the peer's: from here on nobody can cancel it.
    pub fn respond_finally(&mut self, transaction: TransactionId, response: Result<Response, BuildError>) {
        self.shared.owners.remove(&transaction);
        self.respond(transaction, response);
    }

    /// Refuses a request within a dialog.
    pub fn refuse(&mut self, transaction: TransactionId, request: &Request, refusal: &Refusal) {
        refusal.count(&mut self.shared.counters);
        let response = refusal.response(request, "", &self.shared.settings);
        self.respond(transaction, response);
    }

    /// Enters a dialog so that requests in it find the leg; `false` when its id is taken.
    pub fn enter(&mut self, dialog: &mut Dialog) -> bool {
        dialog.key = self.shared.index.key(dialog.call_id(), dialog.local_tag(), dialog.remote_tag());
        self.shared.index.enter(dialog.key, self.leg)
    }

    /// Strikes a dialog out: requests in it are answered 481.
    pub fn forget(&mut self, dialog: &Dialog) {
        if self.shared.index.get(dialog.key) == Some(self.leg) {
            self.shared.index.strike(dialog.key);
        }
    }

    /// Works out where a dialog's requests go, as far as that needs no look-up.
    pub fn settle_hop(&mut self, dialog: &mut Dialog, source: Option<&Flow>) {
        let Some(uri) = dialog.next_hop() else { return };
        if let Ok(Located::Flows(flows)) = locate(uri, &self.shared.settings, Some(dialog.listener), source) {
            set_hop(dialog, &flows);
        }
    }

    /// Sends a request in a dialog, now or when its target is found.
    ///
    /// # Errors
    /// When it has nowhere to go or makes no message. Nothing is sent then.
    pub fn send(&mut self, dialog: &mut Dialog, draft: Draft) -> Result<Sent, Unsent> {
        dialog.active = self.now.wall;
        if let Some(hop) = dialog.hop {
            let mut flows = Flows::from_slice(&[hop]);
            flows.extend(dialog.fallback.as_deref().copied());
            return self.dispatch(dialog, draft, flows);
        }
        let unlocated = Unsent::Failure(LegFailure::Unlocated);
        let Some(uri) = dialog.next_hop() else { return Err(unlocated) };
        // A dialog without a remote tag has no listener of its own yet.
        let listener = (!dialog.remote_tag().is_empty()).then_some(dialog.listener);
        match locate(uri, &self.shared.settings, listener, None) {
            Err(_) => Err(unlocated),
            Ok(Located::Flows(flows)) => {
                set_hop(dialog, &flows);
                self.dispatch(dialog, draft, flows)
            }
            Ok(Located::Name(question)) => self.look_up(dialog, draft, question),
        }
    }

    /// Writes a request for the first of these ways and hands it over. One that is too long for a datagram goes by TCP
    /// where there is a listener, and as a datagram only if that fails (RFC 3261 §18.1.1).
    pub fn dispatch(&mut self, dialog: &Dialog, draft: Draft, mut flows: Flows) -> Result<Sent, Unsent> {
        let Some(first) = flows.first().copied() else { return Err(Unsent::Failure(LegFailure::Unlocated)) };
        let mut request = self.write(dialog, &draft, &first)?;
        if is_too_long(&request, &first, &self.shared.settings)
            && let Some(stream) = flow_to(Transport::Tcp, first.remote, &self.shared.settings, None)
        {
            self.shared.counters.moved_to_stream += 1;
            flows.insert(0, stream);
            request = self.write(dialog, &draft, &stream)?;
        }
        self.hand_over(dialog, draft, request, flows)
    }

    /// As [`Context::dispatch`], after a way before it has failed.
    pub fn dispatch_again(&mut self, retry: Retry) -> Result<Sent, Unsent> {
        let Retry { dialog, draft, flows } = retry;
        let Some(first) = flows.first().copied() else { return Err(Unsent::Failure(LegFailure::Transport)) };
        self.shared.counters.failovers += 1;
        let request = self.write(&dialog, &draft, &first)?;
        self.hand_over(&dialog, draft, request, flows)
    }

    fn write(&mut self, dialog: &Dialog, draft: &Draft, flow: &Flow) -> Result<Request, Unsent> {
        let branch = format!("z9hG4bK{}", self.shared.random.token());
        let settings = &self.shared.settings;
        let Some(listener) = settings.listener(flow.listener) else {
            return Err(Unsent::Failure(LegFailure::Unlocated));
        };
        draft.write(dialog, settings, listener, &branch).map_err(Unsent::Unwritable)
    }

    fn hand_over(
        &mut self,
        dialog: &Dialog,
        draft: Draft,
        request: Request,
        mut flows: Flows,
    ) -> Result<Sent, Unsent> {
        let flow = flows.remove(0);
        let purpose = draft.purpose;
        if let Purpose::Ack(invite) = purpose {
            let bytes = request.as_bytes().clone();
            self.transactions.send_stateless(bytes.clone(), flow);
            if let Some(Owner::Client { acks, .. }) = self.shared.owners.get_mut(&invite) {
                acks.push(Ack { dialog: dialog.key, bytes, flow });
            }
            return Ok(Sent::Alone);
        }
        let Ok(id) = self.transactions.send_request(request, flow, self.now) else {
            self.shared.counters.unsent += 1;
            return Err(Unsent::Failure(LegFailure::Limit));
        };
        let retry = (!flows.is_empty()).then(|| Box::new(Retry { dialog: dialog.clone(), draft, flows }));
        let owner = Owner::Client { leg: self.leg, purpose, acks: Vec::new(), retry };
        self.shared.owners.insert(id, owner);
        self.common.running += 1;
        Ok(Sent::Transaction(id))
    }
}

/// Notes where a dialog's requests go.
pub(in crate::dialog) fn set_hop(dialog: &mut Dialog, flows: &Flows) {
    dialog.hop = flows.first().copied();
    dialog.fallback = flows.get(1).map(|flow| Box::new(*flow));
}
