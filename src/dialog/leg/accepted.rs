//! An incoming leg whose 2xx is sent and whose ACK is not here (RFC 3261 §13.3.1.4), and the repetition of a 2xx as
//! such, which re-INVITEs need as well.

use std::time::Duration;

use crate::ground::leg::{LegEvent, LegFailure, LegIntent};
use crate::ground::timer::TICK;
use crate::ground::{Description, Flow, Reason};
use crate::sip::{Request, Response, StatusCode};
use crate::transaction::TransactionId;

use super::super::body;
use super::super::fields;
use super::super::offer_answer::{Breach, Carrier, Exchange};
use super::super::refusal::Refusal;
use super::super::state::Dialog;
use super::context::{Context, Timer};
use super::inside::{self, Handled};
use super::{Confirmed, State, Stepped, closing};

/// A call that ends because our 200 was never acknowledged, as the peer is told.
pub(super) const NO_ACK: Reason = Reason::q850(102, "No ACK");

/// A call that ends because the ACK does not answer the offer in our 200.
const NO_ANSWER: Reason = Reason::q850(111, "No answer in the ACK");

/// A 2xx that is repeated until its ACK comes: after T1, then twice as long each time up to T2, for 64·T1, whatever the
/// transport.
pub(in crate::dialog) struct AckWait {
    transaction: TransactionId,
    response: Response,
    sequence: u32,
    interval: Duration,
    exchange: Exchange,
}

impl AckWait {
    /// Sends the 2xx for the first time.
    pub fn begin(
        ctx: &mut Context<'_>,
        transaction: TransactionId,
        response: Response,
        sequence: u32,
        exchange: Exchange,
    ) -> Self {
        ctx.respond_finally(transaction, Ok(response.clone()));
        let (interval, timeout) = (ctx.shared.settings.t1.max(TICK), ctx.shared.settings.timeout());
        ctx.after(Timer::Repeat, interval);
        ctx.after(Timer::Ack, timeout);
        Self { transaction, response, sequence, interval, exchange }
    }

    /// Sends it once more.
    pub fn repeat(&mut self, ctx: &mut Context<'_>) {
        ctx.shared.counters.accepted_repeated += 1;
        ctx.respond(self.transaction, Ok(self.response.clone()));
        self.interval = (self.interval * 2).min(ctx.shared.settings.t2).max(TICK);
        ctx.after(Timer::Repeat, self.interval);
    }

    /// No longer.
    pub fn stop(ctx: &mut Context<'_>) {
        ctx.stop(Timer::Repeat);
        ctx.stop(Timer::Ack);
    }

    /// An ACK came: whether it is the one for this 2xx.
    pub fn is_for(&self, ack: &Request) -> bool {
        ack.headers().cseq().is_ok_and(|cseq| cseq.sequence == self.sequence)
    }

    /// What the ACK brings.
    ///
    /// # Errors
    /// [`Breach::Missing`] when our 2xx was the offer and the ACK does not answer it.
    pub fn answer(&self, ctx: &mut Context<'_>, ack: &Request) -> Result<Option<Description>, Breach> {
        let description = body::description(ack.headers(), &ack.body_bytes());
        match self.exchange.step(Carrier::Ack, description.is_some()) {
            Ok(_) => Ok(description),
            Err(Breach::Misplaced | Breach::Disorder) => {
                ctx.shared.counters.descriptions_ignored += 1;
                Ok(None)
            }
            Err(Breach::Missing) => Err(Breach::Missing),
        }
    }
}

/// The INVITE is accepted, its ACK not here.
pub(in crate::dialog) struct Accepted {
    pub dialog: Dialog,
    wait: AckWait,
    /// The session has hung up. BYE may not go before the ACK came or its time is up (RFC 3261 §15).
    hung_up: Option<closing::Parting>,
}

impl Accepted {
    pub const fn new(dialog: Dialog, wait: AckWait) -> Self {
        Self { dialog, wait, hung_up: None }
    }

    pub fn intent(mut self: Box<Self>, ctx: &mut Context<'_>, intent: LegIntent) -> Stepped {
        match intent {
            LegIntent::HangUp { fields, body } => match closing::Parting::checked(fields, body) {
                Ok(parting) => {
                    self.hung_up = Some(parting);
                    ctx.end();
                    (State::Accepted(self), Ok(()))
                }
                Err(error) => (State::Accepted(self), Err(error)),
            },
            other => State::Accepted(self).refuse(ctx, &other),
        }
    }

    pub fn ack(mut self: Box<Self>, ctx: &mut Context<'_>, ack: &Request) -> State {
        if !self.wait.is_for(ack) {
            ctx.shared.counters.stray_acks += 1;
            return State::Accepted(self);
        }
        AckWait::stop(ctx);
        self.dialog.active = ctx.now.wall;
        self.dialog.acknowledged = true;
        if let Some(parting) = self.hung_up.take() {
            return closing::bye(ctx, self.dialog, parting);
        }
        match self.wait.answer(ctx, ack) {
            Ok(answer) => {
                ctx.tell(LegEvent::Confirmed { answer });
                State::Confirmed(Box::new(Confirmed::new(self.dialog)))
            }
            Err(_) => {
                ctx.shared.counters.breaches += 1;
                ctx.because(|| "the ACK has no answer to the offer in our 200".to_owned());
                ctx.fail(LegFailure::Protocol);
                closing::bye(ctx, self.dialog, closing::Parting::because(NO_ANSWER))
            }
        }
    }

    pub fn timer(mut self: Box<Self>, ctx: &mut Context<'_>, timer: Timer) -> State {
        match timer {
            Timer::Repeat => {
                self.wait.repeat(ctx);
                State::Accepted(self)
            }
            Timer::Ack => {
                AckWait::stop(ctx);
                ctx.shared.counters.ack_timeouts += 1;
                ctx.tell(LegEvent::AckTimeout);
                ctx.end();
                let parting = self.hung_up.unwrap_or_else(|| closing::Parting::because(NO_ACK));
                closing::bye(ctx, self.dialog, parting)
            }
            Timer::Glare | Timer::Reinvite | Timer::Provisional | Timer::Expires | Timer::Lookup => {
                ctx.shared.counters.unexpected += 1;
                State::Accepted(self)
            }
        }
    }

    pub fn request(
        mut self: Box<Self>,
        ctx: &mut Context<'_>,
        transaction: TransactionId,
        request: &Request,
        flow: &Flow,
    ) -> State {
        match inside::receive(ctx, &mut self.dialog, transaction, request, flow) {
            Handled::Done => State::Accepted(self),
            Handled::Invite => {
                ctx.refuse(transaction, request, &Refusal::new(StatusCode::REQUEST_PENDING));
                State::Accepted(self)
            }
            Handled::Bye => {
                AckWait::stop(ctx);
                inside::accept_bye(ctx, transaction, request);
                let farewell = fields::farewell_of_request(request, &mut ctx.shared.counters);
                ctx.tell(LegEvent::HungUp(farewell));
                ctx.end();
                ctx.forget(&self.dialog);
                State::Over
            }
        }
    }
}
