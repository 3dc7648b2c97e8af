//! An outgoing leg whose INVITE is sent and has no final response: forks, early media, the first 2xx, CANCEL
//! (RFC 3261 §9.1, §13.2.2). Retransmission, timer B and the wait for CANCEL's effect are the transaction's.

use smallvec::SmallVec;

use crate::ground::leg::{LegEvent, LegFailure, LegIntent, RemoteTag};
use crate::ground::{Body, Flow, HeaderField, Pace, Rate, Reason};
use crate::sip::{Request, Response, StatusCode};
use crate::transaction::{CancelError, TransactionId};

use super::super::body::{self, Content};
use super::super::error::LegIntentError;
use super::super::fields;
use super::super::index::DialogKey;
use super::super::locate::Origin;
use super::super::offer_answer::{Carrier, Exchange, Meaning};
use super::super::refusal::Refusal;
use super::super::settings::{EarlyAnswers, PROVISIONALS_BURST, PROVISIONALS_PER_SECOND};
use super::super::state::Dialog;
use super::closing;
use super::context::Context;
use super::inside::{self, Handled};
use super::{Answering, Confirmed, State, Stepped, late};

/// Provisional responses that are told of one INVITE.
const PROVISIONALS: Rate = Rate::new(PROVISIONALS_PER_SECOND, PROVISIONALS_BURST);

/// A callee that accepts the call and lacks the description it owes.
const BREACH: Reason = Reason::q850(111, "No session description where one is owed");

/// The INVITE is sent; no final response yet.
pub(in crate::dialog) struct Calling {
    /// What the INVITE was made of.
    pub seed: Dialog,
    pub transaction: TransactionId,
    exchange: Exchange,
    /// Early dialogs, in the order in which they came.
    pub forks: SmallVec<[Fork; 1]>,
    /// The session has hung up: CANCEL is sent, or will be. This goes with the BYE if a 2xx crosses it.
    parting: Option<closing::Parting>,
    /// Provisional responses that may be told.
    told: Pace,
}

/// One early dialog (RFC 3261 §12.1).
pub(in crate::dialog) struct Fork {
    pub dialog: Dialog,
    exchange: Exchange,
}

impl Calling {
    pub fn begin(seed: Dialog, transaction: TransactionId, exchange: Exchange) -> State {
        let forks = SmallVec::new();
        State::Calling(Box::new(Self {
            seed,
            transaction,
            exchange,
            forks,
            parting: None,
            told: Pace::default(),
        }))
    }

    pub fn intent(mut self: Box<Self>, ctx: &mut Context<'_>, intent: LegIntent) -> Stepped {
        match intent {
            LegIntent::HangUp { fields, body } => match self.cancel(ctx, fields, body) {
                Ok(()) => (State::Calling(self), Ok(())),
                Err(error) => (State::Calling(self), Err(error)),
            },
            other => State::Calling(self).refuse(ctx, &other),
        }
    }

    /// RFC 3261 §9.1. What comes of it is told by the INVITE's own end.
    fn cancel(
        &mut self,
        ctx: &mut Context<'_>,
        given: Vec<HeaderField>,
        body: Option<Body>,
    ) -> Result<(), LegIntentError> {
        let parting = closing::Parting::checked(given, body)?;
        match ctx.transactions.cancel(self.transaction, &parting.fields, ctx.now) {
            Err(CancelError::Header(error)) => return Err(error.into()),
            // Its end is on the way up, or it was cancelled before.
            Ok(_) | Err(CancelError::Unknown | CancelError::AlreadyFinal | CancelError::AlreadyCancelled) => {
            }
        }
        self.parting = Some(parting);
        Ok(())
    }

    /// Whether another address may still be tried.
    pub const fn may_retry(&self) -> bool {
        self.parting.is_none()
    }

    /// A response to the INVITE; 100 is nothing to a dialog.
    pub fn response(self: Box<Self>, ctx: &mut Context<'_>, response: &Response, flow: &Flow) -> State {
        match response.status() {
            StatusCode::TRYING => State::Calling(self),
            status if status.is_provisional() => self.provisional(ctx, response, flow),
            status if status.is_success() => self.success(ctx, response, flow),
            _ => self.refused(ctx, response),
        }
    }

    fn provisional(mut self: Box<Self>, ctx: &mut Context<'_>, response: &Response, flow: &Flow) -> State {
        if self.parting.is_some() {
            return State::Calling(self);
        }
        if !self.told.allows(&PROVISIONALS, ctx.now.mono) {
            ctx.shared.counters.provisionals_dropped += 1;
            return State::Calling(self);
        }
        let Some(at) = self.fork(ctx, response, flow) else { return State::Calling(self) };
        let fork = &mut self.forks[at];
        fork.dialog.active = ctx.now.wall;
        let Content { description: described, body } = body::of_response(response);
        let answer = match fork.exchange.step(Carrier::Provisional, described.is_some()) {
            Ok((exchange, meaning)) => {
                fork.exchange = exchange;
                described.filter(|_| meaning == Meaning::Answer)
            }
            Err(_) => {
                ctx.shared.counters.descriptions_ignored += 1;
                None
            }
        };
        let remote = RemoteTag(fork.dialog.remote_tag().into());
        if response.status() == StatusCode::EARLY_DIALOG_TERMINATED {
            let fork = self.forks.remove(at);
            ctx.forget(&fork.dialog);
        }
        let fields = fields::handed_up(response.headers(), &mut ctx.shared.counters);
        let (status, phrase) = (response.status().code(), response.reason().to_owned());
        let body = body.map(Box::new);
        ctx.tell(LegEvent::Provisional { remote, status, phrase, answer, fields, body });
        State::Calling(self)
    }

    /// The fork that a provisional response belongs to, made by it if it is the first.
    fn fork(&mut self, ctx: &mut Context<'_>, response: &Response, flow: &Flow) -> Option<usize> {
        let key = late::key_of(ctx, response)?;
        if let Some(at) = self.forks.iter().position(|fork| fork.dialog.key == key) {
            return Some(at);
        }
        if self.forks.len() >= ctx.shared.settings.forks_max {
            ctx.shared.counters.forks_dropped += 1;
            return None;
        }
        let dialog = Dialog::of_response(response, Some(self.seed.target()), flow, ctx.now.wall).ok();
        let Some(mut dialog) = dialog.filter(|_| ctx.shared.index.get(key).is_none()) else {
            ctx.shared.counters.unexpected += 1;
            return None;
        };
        ctx.enter(&mut dialog);
        ctx.settle_hop(&mut dialog, &Origin::of_response(flow));
        self.forks.push(Fork { dialog, exchange: self.exchange });
        Some(self.forks.len() - 1)
    }

    /// The first 2xx wins; early dialogs of other forks are over (RFC 3261 §13.2.2.4).
    fn success(mut self: Box<Self>, ctx: &mut Context<'_>, response: &Response, flow: &Flow) -> State {
        let exchange = self.exchange_of(ctx, response);
        self.forget_forks(ctx);
        let mut dialog = match Dialog::of_response(response, Some(self.seed.target()), flow, ctx.now.wall) {
            Ok(dialog) => dialog,
            Err(error) => {
                ctx.shared.counters.breaches += 1;
                ctx.because(|| format!("the 200 makes no dialog: {error}"));
                ctx.fail(LegFailure::Protocol);
                return State::Over;
            }
        };
        let entered = ctx.enter(&mut dialog);
        ctx.settle_hop(&mut dialog, &Origin::of_response(flow));
        if self.parting.is_some() || !entered {
            ctx.shared.counters.forks_ended += 1;
            late::acknowledge(ctx, &mut dialog, self.transaction, None);
            ctx.end();
            let parting = self.parting.take().unwrap_or_default();
            return closing::bye(ctx, dialog, parting);
        }
        let mut content = body::of_response(response);
        match exchange.step(Carrier::Success, content.description.is_some()) {
            Ok((Exchange::Turned, _)) => self.turned(ctx, dialog, response, content),
            Ok((_, meaning)) => {
                let counts =
                    meaning == Meaning::Answer || ctx.shared.settings.early_answers == EarlyAnswers::Preview;
                content.description = content.description.filter(|_| counts);
                self.settled(ctx, dialog, response, content)
            }
            Err(_) => self.breach(ctx, dialog, exchange),
        }
    }

    fn exchange_of(&self, ctx: &Context<'_>, response: &Response) -> Exchange {
        let key = late::key_of(ctx, response);
        let fork = self.forks.iter().find(|fork| Some(fork.dialog.key) == key);
        fork.map_or(self.exchange, |fork| fork.exchange)
    }

    fn settled(
        self: Box<Self>,
        ctx: &mut Context<'_>,
        mut dialog: Dialog,
        response: &Response,
        content: Content,
    ) -> State {
        let remote = RemoteTag(dialog.remote_tag().into());
        let fields = fields::handed_up(response.headers(), &mut ctx.shared.counters);
        let (answer, body) = (content.description, content.body.map(Box::new));
        ctx.tell(LegEvent::Accepted { remote, answer, offer: None, fields, body });
        if late::acknowledge(ctx, &mut dialog, self.transaction, None) {
            return State::Confirmed(Box::new(Confirmed::new(dialog)));
        }
        ctx.forget(&dialog);
        ctx.fail(LegFailure::Unlocated);
        State::Over
    }

    /// The 2xx brought the offer: the ACK waits for the session's answer.
    fn turned(
        self: Box<Self>,
        ctx: &mut Context<'_>,
        dialog: Dialog,
        response: &Response,
        content: Content,
    ) -> State {
        let remote = RemoteTag(dialog.remote_tag().into());
        let fields = fields::handed_up(response.headers(), &mut ctx.shared.counters);
        let (offer, body) = (content.description, content.body.map(Box::new));
        ctx.tell(LegEvent::Accepted { remote, answer: None, offer, fields, body });
        State::Answering(Box::new(Answering { dialog, transaction: self.transaction }))
    }

    /// The 2xx lacks the description that it owes.
    fn breach(self: Box<Self>, ctx: &mut Context<'_>, mut dialog: Dialog, exchange: Exchange) -> State {
        ctx.shared.counters.breaches += 1;
        let owed = if exchange == Exchange::Asked { "offer" } else { "answer" };
        ctx.because(|| format!("the 200 to our INVITE has no {owed}"));
        late::acknowledge(ctx, &mut dialog, self.transaction, None);
        ctx.fail(LegFailure::Protocol);
        closing::bye(ctx, dialog, closing::Parting::because(BREACH))
    }

    fn refused(mut self: Box<Self>, ctx: &mut Context<'_>, response: &Response) -> State {
        self.forget_forks(ctx);
        let farewell = fields::farewell_of_response(response, &mut ctx.shared.counters);
        ctx.tell(LegEvent::Rejected(farewell));
        ctx.end();
        State::Over
    }

    /// There will be no final response.
    pub fn failed(mut self: Box<Self>, ctx: &mut Context<'_>, failure: LegFailure) -> State {
        ctx.because_unreached(&self.seed, failure);
        self.forget_forks(ctx);
        ctx.fail(failure);
        State::Over
    }

    fn forget_forks(&mut self, ctx: &mut Context<'_>) {
        for fork in self.forks.drain(..) {
            ctx.forget(&fork.dialog);
        }
    }

    /// A request in one of the early dialogs. Its peer may not end it by BYE (RFC 3261 §15); one that does is believed.
    pub fn request(
        mut self: Box<Self>,
        ctx: &mut Context<'_>,
        key: DialogKey,
        transaction: TransactionId,
        request: &Request,
        flow: &Flow,
    ) -> State {
        let Some(at) = self.forks.iter().position(|fork| fork.dialog.key == key) else {
            ctx.refuse(transaction, request, &Refusal::new(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST));
            return State::Calling(self);
        };
        match inside::receive(ctx, &mut self.forks[at].dialog, transaction, request, flow) {
            Handled::Done => {}
            Handled::Invite => ctx.refuse(transaction, request, &Refusal::new(StatusCode::REQUEST_PENDING)),
            Handled::Bye => {
                inside::accept_bye(ctx, transaction, request);
                let fork = self.forks.remove(at);
                ctx.forget(&fork.dialog);
            }
        }
        State::Calling(self)
    }
}
