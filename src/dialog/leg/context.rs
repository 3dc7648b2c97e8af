//! What a step of a leg works with: the shard's shared parts, the transactions below, what time it is.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use smallvec::SmallVec;

use crate::ground::hash::OwnKeyMap;
use crate::ground::leg::{LegEvent, LegFailure, LegId, Unanswered};
use crate::ground::timer::TimerWheel;
use crate::ground::{Flow, Now, Pace, Random};
use crate::sip::{BuildError, Request, Response, StatusCode};
use crate::transaction::{TransactionId, Transactions};

use super::super::Output;
use super::super::counters::Counters;
use super::super::index::DialogIndex;
use super::super::mark::Marks;
use super::super::refusal::Refusal;
use super::super::request::Purpose;
use super::super::settings::{DialogSettings, Listener};
use super::super::state::Dialog;
use super::super::strangers::Strangers;
use super::Lookup;
use super::acks::Acks;
use super::send::Retry;

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
    pub marks: Marks,
    /// BYEs to forks elsewhere that may be repeated.
    pub fork_byes: Pace,
    /// Who has shown that it reads what we send.
    pub strangers: Strangers,
    /// 2xx without their INVITE that may be answered.
    pub strays: Pace,
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
        /// Where it was sent to.
        to: IpAddr,
        /// INVITE: what its 2xx got, by fork.
        acks: Acks,
        /// Where else it may be tried.
        retry: Option<Box<Retry>>,
    },
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
    /// How the peer's last message came that shows that it has read one of ours: a response, or a request in a dialog.
    pub heard: Option<Flow>,
}

/// One step of one leg.
pub(in crate::dialog) struct Context<'a> {
    pub leg: LegId,
    pub now: Now,
    pub shared: &'a mut Shared,
    pub common: &'a mut Common,
    pub transactions: &'a mut Transactions,
    /// What exactly went wrong in this step, for whoever is told that the leg cannot go on.
    pub why: Option<Box<str>>,
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

    /// Tells the session that the leg cannot go on and what is known of why, and the last.
    pub fn fail(&mut self, failure: LegFailure) {
        let reason = self.why.take().unwrap_or_default();
        self.tell(LegEvent::Failed { failure, reason });
        self.end();
    }

    /// Why a request in this dialog has no final response, with what is known of it.
    pub fn unanswered(&mut self, dialog: &Dialog, failure: LegFailure) -> Unanswered {
        self.because_unreached(dialog, failure);
        Unanswered { failure, reason: self.why.take().unwrap_or_default() }
    }

    /// Notes where a dialog's requests cannot be sent to, if that is the failure.
    pub fn because_unreached(&mut self, dialog: &Dialog, failure: LegFailure) {
        if let (LegFailure::Transport, Some(hop)) = (failure, dialog.hop) {
            self.because(|| format!("{} cannot be reached", hop.remote));
        }
    }

    /// Notes what exactly went wrong. The first note of a step is the cause of what follows.
    pub fn because(&mut self, why: impl FnOnce() -> String) {
        self.why.get_or_insert_with(|| why().into_boxed_str());
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
}
