//! Which part of a leg hears what: inputs by state, each either handed on or counted as unexpected.

use crate::ground::Flow;
use crate::ground::leg::LegFailure;
use crate::sip::{Request, Response, StatusCode};
use crate::transaction::TransactionId;

use super::super::index::DialogKey;
use super::super::refusal::Refusal;
use super::super::request::Purpose;
use super::context::{Context, Timer};
use super::{State, closing, late, reinvite};

impl State {
    /// A request in one of the leg's dialogs.
    pub fn request(
        self,
        ctx: &mut Context<'_>,
        key: DialogKey,
        transaction: TransactionId,
        request: &Request,
        flow: &Flow,
    ) -> Self {
        match self {
            Self::Calling(calling) => calling.request(ctx, key, transaction, request, flow),
            Self::Answering(answering) => answering.request(ctx, transaction, request, flow),
            Self::Proceeding(proceeding) => proceeding.request(ctx, transaction, request, flow),
            Self::Accepted(accepted) => accepted.request(ctx, transaction, request, flow),
            Self::Confirmed(confirmed) => confirmed.request(ctx, transaction, request, flow),
            Self::Closing(dialog) => closing::request(dialog, ctx, transaction, request),
            Self::Opened | Self::Locating(_) | Self::Over => {
                ctx.refuse(
                    transaction,
                    request,
                    &Refusal::new(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST),
                );
                self
            }
        }
    }

    /// The ACK to a 2xx of ours, perhaps.
    pub fn ack(mut self, ctx: &mut Context<'_>, ack: &Request) -> Self {
        match self {
            Self::Accepted(accepted) => return accepted.ack(ctx, ack),
            Self::Confirmed(ref mut confirmed) => confirmed.ack(ctx, ack),
            _ => ctx.shared.counters.stray_acks += 1,
        }
        self
    }

    /// The peer takes an INVITE back that has no final response.
    pub fn cancelled(mut self, ctx: &mut Context<'_>, cancel: &Request) -> Self {
        match self {
            Self::Proceeding(proceeding) => return proceeding.cancelled(ctx, cancel),
            Self::Confirmed(ref mut confirmed) => confirmed.reinvite_cancelled(ctx),
            _ => ctx.shared.counters.unexpected += 1,
        }
        self
    }

    /// A response to a request of ours.
    pub fn response(
        self,
        ctx: &mut Context<'_>,
        transaction: TransactionId,
        purpose: Purpose,
        response: &Response,
        flow: &Flow,
    ) -> Self {
        let status = response.status();
        match (purpose, self) {
            (Purpose::Invite, Self::Calling(calling)) if calling.transaction == transaction => {
                calling.response(ctx, response, flow)
            }
            (Purpose::Invite, mut state) => {
                let own = late::key_of(ctx, response).is_some_and(|key| state.dialog_mut(key).is_some());
                if status.is_success() && !late::repeat_ack(ctx, transaction, response) && !own {
                    late::acknowledge_late(ctx, transaction, response, flow, true);
                }
                state
            }
            (Purpose::Reinvite, Self::Confirmed(confirmed))
                if !status.is_success() || confirmed.awaits(response) =>
            {
                confirmed.reinvite_response(ctx, transaction, response, flow)
            }
            (Purpose::Reinvite, mut state) => {
                if status.is_provisional() {
                    reinvite::withdraw(ctx, transaction);
                } else if status.is_success() {
                    state.reinvite_accepted_late(ctx, transaction, response, flow);
                }
                state
            }
            (Purpose::Request(key), Self::Confirmed(confirmed)) => confirmed.response(ctx, key, response),
            (Purpose::Bye, Self::Closing(dialog)) if status.is_final() => closing::done(&dialog, ctx),
            (Purpose::Request(_) | Purpose::Bye | Purpose::ForkBye, state)
            | (Purpose::LoneBye(_) | Purpose::Ack(_), state) => state,
        }
    }

    /// A 2xx to a re-INVITE of ours that nobody waits for: it was overtaken by BYE, or is of another dialog.
    fn reinvite_accepted_late(
        &mut self,
        ctx: &mut Context<'_>,
        transaction: TransactionId,
        response: &Response,
        flow: &Flow,
    ) {
        let is_fork = self.dialogs().iter().any(|dialog| !dialog.owns(response));
        if let Self::Confirmed(confirmed) = self
            && is_fork
        {
            confirmed.accepted_elsewhere(transaction, response);
        }
        if !late::repeat_ack(ctx, transaction, response) {
            late::acknowledge_late(ctx, transaction, response, flow, is_fork);
        }
    }

    /// Whether what the request was for is still to be had.
    pub(super) fn still_wants(&self, purpose: Purpose) -> bool {
        match (purpose, self) {
            (Purpose::Invite, Self::Calling(calling)) => calling.may_retry(),
            (Purpose::Invite, Self::Locating(_)) => true,
            (Purpose::Reinvite | Purpose::Request(_), Self::Confirmed(_))
            | (Purpose::Bye, Self::Closing(_)) => true,
            (purpose, _) => matches!(purpose, Purpose::ForkBye | Purpose::LoneBye(_) | Purpose::Ack(_)),
        }
    }

    pub(super) fn unanswered(self, ctx: &mut Context<'_>, purpose: Purpose, failure: LegFailure) -> Self {
        match (purpose, self) {
            (Purpose::Invite, Self::Calling(calling)) => calling.failed(ctx, failure),
            (Purpose::Invite, Self::Locating(_)) => {
                ctx.fail(failure);
                Self::Over
            }
            (Purpose::Reinvite, Self::Confirmed(confirmed)) => confirmed.reinvite_failed(ctx, failure),
            (Purpose::Request(key), Self::Confirmed(confirmed)) => confirmed.failed(ctx, key, failure),
            (Purpose::Bye, Self::Closing(dialog)) => closing::done(&dialog, ctx),
            (_, state) => state,
        }
    }

    /// A transaction of ours is no more. A leg that still counts on it would wait for ever.
    pub fn transaction_gone(
        self,
        ctx: &mut Context<'_>,
        purpose: Purpose,
        transaction: TransactionId,
    ) -> Self {
        match (purpose, self) {
            (Purpose::Invite, Self::Calling(calling)) if calling.transaction == transaction => {
                calling.failed(ctx, LegFailure::Timeout)
            }
            (Purpose::Reinvite, Self::Confirmed(confirmed)) => confirmed.reinvite_gone(ctx, transaction),
            (Purpose::Bye, Self::Closing(dialog)) => closing::done(&dialog, ctx),
            (_, state) => state,
        }
    }

    /// A server transaction is no more although its INVITE was not answered.
    pub fn server_gone(self, ctx: &mut Context<'_>, transaction: TransactionId) -> Self {
        match self {
            Self::Proceeding(proceeding) if proceeding.transaction == transaction => proceeding.lost(ctx),
            Self::Confirmed(mut confirmed) => {
                confirmed.reinvite_lost(ctx, transaction);
                Self::Confirmed(confirmed)
            }
            state => state,
        }
    }

    pub fn timer(mut self, ctx: &mut Context<'_>, timer: Timer) -> Self {
        if timer == Timer::Lookup {
            for query in ctx.common.lookups.clone() {
                self = self.resolved(ctx, query, &[]);
            }
            return self;
        }
        match self {
            Self::Proceeding(proceeding) => proceeding.timer(ctx, timer),
            Self::Accepted(accepted) => accepted.timer(ctx, timer),
            Self::Confirmed(confirmed) => confirmed.timer(ctx, timer),
            state => {
                ctx.shared.counters.unexpected += 1;
                state
            }
        }
    }
}
