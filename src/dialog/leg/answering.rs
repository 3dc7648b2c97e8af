//! An outgoing leg whose 2xx brought the offer: the ACK, which carries the answer, waits for the session
//! (RFC 3261 §13.2.2.4).

use crate::ground::leg::{LegEvent, LegFailure, LegIntent};
use crate::ground::{Flow, Reason};
use crate::sip::{Request, StatusCode};
use crate::transaction::TransactionId;

use super::super::fields;
use super::super::refusal::Refusal;
use super::super::state::Dialog;
use super::context::Context;
use super::inside::{self, Handled};
use super::{Confirmed, State, Stepped, closing, late};

/// The offer in a 2xx cannot be answered.
pub(super) const UNUSABLE: Reason = Reason::sip(488, "Not Acceptable Here");

/// The INVITE is accepted, its ACK not sent.
pub(in crate::dialog) struct Answering {
    pub dialog: Dialog,
    pub transaction: TransactionId,
}

impl Answering {
    pub fn intent(mut self: Box<Self>, ctx: &mut Context<'_>, intent: LegIntent) -> Stepped {
        match intent {
            LegIntent::Acknowledge { answer: Some(answer) } => {
                if late::acknowledge(ctx, &mut self.dialog, self.transaction, Some(answer)) {
                    return (State::Confirmed(Box::new(Confirmed::new(self.dialog))), Ok(()));
                }
                ctx.forget(&self.dialog);
                ctx.fail(LegFailure::Unlocated);
                (State::Over, Ok(()))
            }
            LegIntent::Acknowledge { answer: None } => {
                (self.give_up(ctx, closing::Parting::because(UNUSABLE)), Ok(()))
            }
            LegIntent::HangUp { fields, body } => match closing::Parting::checked(fields, body) {
                Ok(parting) => (self.give_up(ctx, parting), Ok(())),
                Err(error) => (State::Answering(self), Err(error)),
            },
            other => State::Answering(self).refuse(ctx, &other),
        }
    }

    /// ACK without the answer that it owes, then BYE: the peer must not go on repeating its 2xx.
    fn give_up(mut self, ctx: &mut Context<'_>, parting: closing::Parting) -> State {
        late::acknowledge(ctx, &mut self.dialog, self.transaction, None);
        ctx.end();
        closing::bye(ctx, self.dialog, parting)
    }

    pub fn request(
        mut self: Box<Self>,
        ctx: &mut Context<'_>,
        transaction: TransactionId,
        request: &Request,
        flow: &Flow,
    ) -> State {
        match inside::receive(ctx, &mut self.dialog, transaction, request, flow) {
            Handled::Done => State::Answering(self),
            Handled::Invite => {
                ctx.refuse(transaction, request, &Refusal::new(StatusCode::REQUEST_PENDING));
                State::Answering(self)
            }
            Handled::Bye => {
                inside::accept_bye(ctx, transaction, request);
                late::acknowledge(ctx, &mut self.dialog, self.transaction, None);
                let farewell = fields::farewell_of_request(request, &mut ctx.shared.counters);
                ctx.tell(LegEvent::HungUp(farewell));
                ctx.end();
                ctx.forget(&self.dialog);
                State::Over
            }
        }
    }
}
