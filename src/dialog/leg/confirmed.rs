//! An acknowledged leg: requests both ways, BYE, and what ends a dialog (RFC 3261 §12.2, §15). Re-INVITEs are
//! `reinvite.rs`'s.

use crate::ground::leg::{InDialogMethod, LegEvent, LegFailure, LegIntent};
use crate::ground::{Body, Flow, HeaderField, Reason};
use crate::sip::{Method, Request, Response, StatusCode};
use crate::transaction::{ClientError, TransactionId};

use super::super::error::LegIntentError;
use super::super::fields;
use super::super::request::{Draft, Purpose};
use super::super::state::Dialog;
use super::context::Context;
use super::inside::{self, Handled};
use super::reinvite::Reinvite;
use super::send::Unsent;
use super::{State, Stepped, closing};

/// The peer says that it does not know the call any more.
const NOT_KNOWN: Reason = Reason::sip(481, "Call/Transaction Does Not Exist");

/// The peer does not answer within the call.
const NO_RESPONSE: Reason = Reason::q850(102, "No response within the call");

/// A confirmed dialog.
pub(in crate::dialog) struct Confirmed {
    pub dialog: Dialog,
    pub(super) reinvite: Reinvite,
    /// INFO and MESSAGE that wait for their responses.
    pub(super) requests: u32,
}

impl Confirmed {
    pub const fn new(dialog: Dialog) -> Self {
        Self { dialog, reinvite: Reinvite::Idle, requests: 0 }
    }

    pub fn intent(mut self: Box<Self>, ctx: &mut Context<'_>, intent: LegIntent) -> Stepped {
        match intent {
            LegIntent::Request { key, method, fields, body } => {
                let result = self.send(ctx, key, method, fields, body);
                (State::Confirmed(self), result)
            }
            LegIntent::HangUp { fields, body } => match closing::Parting::checked(fields, body) {
                Ok(parting) => (self.hang_up(ctx, parting), Ok(())),
                Err(error) => (State::Confirmed(self), Err(error)),
            },
            LegIntent::Reoffer { offer } => {
                let result = self.reoffer(ctx, offer);
                (State::Confirmed(self), result)
            }
            LegIntent::AnswerReoffer { description } => {
                let result = self.answer_reoffer(ctx, &description);
                (State::Confirmed(self), result)
            }
            LegIntent::RefuseReoffer { status, retry_after, mismatch } => {
                let result = self.refuse_reoffer(ctx, status, retry_after, mismatch);
                (State::Confirmed(self), result)
            }
            LegIntent::Acknowledge { answer } => self.acknowledge(ctx, answer),
            other => State::Confirmed(self).refuse(ctx, &other),
        }
    }

    fn send(
        &mut self,
        ctx: &mut Context<'_>,
        key: u64,
        method: InDialogMethod,
        given: Vec<HeaderField>,
        body: Option<Body>,
    ) -> Result<(), LegIntentError> {
        fields::check(&given)?;
        if self.requests as usize >= ctx.shared.settings.requests_max {
            return Err(LegIntentError::Limit("requests of one leg"));
        }
        let method = match method {
            InDialogMethod::Info => Method::Info,
            InDialogMethod::Message => Method::Message,
        };
        let mut draft = Draft::bare(Purpose::Request(key), method, self.dialog.next_sequence());
        draft.fields = given;
        draft.content = body.into();
        match ctx.send(&mut self.dialog, draft) {
            Ok(_) => {
                self.requests += 1;
                Ok(())
            }
            Err(Unsent::Unwritable(error)) => Err(error.into()),
            Err(Unsent::Failure(failure)) => {
                let unanswered = ctx.unanswered(&self.dialog, failure);
                ctx.tell(LegEvent::RequestDone { key, outcome: Err(unanswered) });
                Ok(())
            }
        }
    }

    /// Ends the call: whatever is pending is settled first, then BYE (RFC 3261 §15.1.1).
    fn hang_up(mut self: Box<Self>, ctx: &mut Context<'_>, parting: closing::Parting) -> State {
        self.settle_pending(ctx);
        ctx.end();
        closing::bye(ctx, self.dialog, parting)
    }

    /// As [`Confirmed::hang_up`], because the leg cannot go on.
    pub(super) fn give_up(mut self: Box<Self>, ctx: &mut Context<'_>, failure: LegFailure) -> State {
        self.settle_pending(ctx);
        ctx.fail(failure);
        let reason = if failure == LegFailure::DialogLost { NOT_KNOWN } else { NO_RESPONSE };
        closing::bye(ctx, self.dialog, closing::Parting::because(reason))
    }

    /// A request of the peer's.
    pub fn request(
        mut self: Box<Self>,
        ctx: &mut Context<'_>,
        transaction: TransactionId,
        request: &Request,
        flow: &Flow,
    ) -> State {
        match inside::receive(ctx, &mut self.dialog, transaction, request, flow) {
            Handled::Done => State::Confirmed(self),
            Handled::Invite => {
                self.reinvited(ctx, transaction, request, flow);
                State::Confirmed(self)
            }
            Handled::Bye => {
                inside::accept_bye(ctx, transaction, request);
                self.settle_pending(ctx);
                let farewell = fields::farewell_of_request(request, &mut ctx.shared.counters);
                ctx.tell(LegEvent::HungUp(farewell));
                ctx.end();
                ctx.forget(&self.dialog);
                State::Over
            }
        }
    }

    /// The final response to INFO or MESSAGE.
    pub fn response(mut self: Box<Self>, ctx: &mut Context<'_>, key: u64, response: &Response) -> State {
        if response.status().is_provisional() {
            return State::Confirmed(self);
        }
        self.dialog.active = ctx.now.wall;
        self.requests = self.requests.saturating_sub(1);
        let farewell = fields::farewell_of_response(response, &mut ctx.shared.counters);
        ctx.tell(LegEvent::RequestDone { key, outcome: Ok(farewell) });
        if ends_dialog(response.status()) {
            self.give_up(ctx, LegFailure::DialogLost)
        } else {
            State::Confirmed(self)
        }
    }

    /// INFO or MESSAGE has no final response. Silence ends the dialog, as 408 does (RFC 3261 §12.2.1.2).
    pub fn failed(mut self: Box<Self>, ctx: &mut Context<'_>, key: u64, failure: LegFailure) -> State {
        self.requests = self.requests.saturating_sub(1);
        let unanswered = ctx.unanswered(&self.dialog, failure);
        ctx.tell(LegEvent::RequestDone { key, outcome: Err(unanswered) });
        if failure == LegFailure::Timeout { self.give_up(ctx, failure) } else { State::Confirmed(self) }
    }
}

/// Whether a response to a request within a dialog says that the dialog is gone (RFC 3261 §12.2.1.2).
pub(super) const fn ends_dialog(status: StatusCode) -> bool {
    matches!(status, StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST | StatusCode::REQUEST_TIMEOUT)
}

/// A client transaction's error as a session hears it.
pub(in crate::dialog) const fn failure_of(error: ClientError) -> LegFailure {
    match error {
        ClientError::Timeout | ClientError::Cancelled => LegFailure::Timeout,
        ClientError::Transport => LegFailure::Transport,
    }
}
