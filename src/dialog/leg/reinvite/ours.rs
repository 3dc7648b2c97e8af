//! Re-INVITEs of ours: 491 and its back-off, refusals, the delayed offer (RFC 3261 §14.1).

use std::time::Duration;

use crate::ground::leg::{LegEvent, LegFailure};
use crate::ground::{Description, Flow};
use crate::sip::{Method, Response, StatusCode};
use crate::transaction::TransactionId;

use super::super::super::body;
use super::super::super::error::LegIntentError;
use super::super::super::fields;
use super::super::super::locate::Origin;
use super::super::super::offer_answer::{Carrier, Exchange, Meaning};
use super::super::super::request::{Draft, Purpose};
use super::super::super::settings::{EarlyAnswers, GLARE_RETRIES_MAX};
use super::super::super::state::Role;
use super::super::answering::UNUSABLE;
use super::super::confirmed::{Confirmed, ends_dialog};
use super::super::context::{Context, Timer};
use super::super::send::Unsent;
use super::super::{State, Stepped, closing, late};
use super::{Inviting, Reinvite, unexpected};

impl Confirmed {
    /// The session wants a re-INVITE.
    pub(in crate::dialog::leg) fn reoffer(
        &mut self,
        ctx: &mut Context<'_>,
        offer: Option<Description>,
    ) -> Result<(), LegIntentError> {
        match self.reinvite {
            Reinvite::Idle => match self.invite(ctx, offer, 0) {
                Err(Unsent::Unwritable(error)) => Err(error.into()),
                Ok(()) | Err(Unsent::Failure(_)) => Ok(()),
            },
            _ => Err(LegIntentError::Pending),
        }
    }

    fn invite(&mut self, ctx: &mut Context<'_>, offer: Option<Description>, tries: u8) -> Result<(), Unsent> {
        let sequence = self.dialog.next_sequence();
        let mut draft = Draft::bare(Purpose::Reinvite, Method::Invite, sequence);
        draft.content = offer.clone().into();
        match ctx.send(&mut self.dialog, draft) {
            Ok(_) => {
                let exchange = Exchange::begin(offer.is_some());
                let (answer, answered) = (None, None);
                let inviting = Inviting { sequence, exchange, offer, answer, tries, answered };
                self.reinvite = Reinvite::Inviting(inviting);
                Ok(())
            }
            Err(unsent) => {
                if matches!(unsent, Unsent::Failure(_)) || tries > 0 {
                    let unanswered = ctx.unanswered(&self.dialog, unsent.failure());
                    ctx.tell(LegEvent::ReofferFailed(unanswered));
                }
                Err(unsent)
            }
        }
    }

    /// Our re-INVITE may be tried again.
    pub(in crate::dialog::leg) fn retry(&mut self, ctx: &mut Context<'_>) {
        match std::mem::replace(&mut self.reinvite, Reinvite::Idle) {
            Reinvite::BackingOff { offer, tries } => {
                if self.invite(ctx, offer, tries).is_err() {
                    ctx.shared.counters.unsent += 1;
                }
            }
            other => {
                ctx.shared.counters.unexpected += 1;
                self.reinvite = other;
            }
        }
    }

    /// Whether a response belongs to the re-INVITE that is under way.
    pub fn awaits(&self, response: &Response) -> bool {
        let sequence = response.headers().cseq().map_or(0, |cseq| cseq.sequence);
        let expected = match &self.reinvite {
            Reinvite::Inviting(inviting) => inviting.sequence == sequence,
            Reinvite::Answering { sequence: ours, .. } => *ours == sequence,
            Reinvite::Idle | Reinvite::BackingOff { .. } | Reinvite::Asked(_) | Reinvite::Accepted(_) => {
                false
            }
        };
        expected && self.dialog.owns(response)
    }

    /// A response to a re-INVITE of ours.
    pub fn reinvite_response(
        mut self: Box<Self>,
        ctx: &mut Context<'_>,
        transaction: TransactionId,
        response: &Response,
        flow: &Flow,
    ) -> State {
        let sequence = response.headers().cseq().map_or(0, |cseq| cseq.sequence);
        let mut inviting = match std::mem::replace(&mut self.reinvite, Reinvite::Idle) {
            Reinvite::Inviting(inviting) if inviting.sequence == sequence => inviting,
            other => {
                // A 2xx that came again before its ACK was due, or what an earlier one still brings.
                self.reinvite = other;
                return State::Confirmed(self);
            }
        };
        self.dialog.active = ctx.now.wall;
        let status = response.status();
        if status.is_provisional() {
            if self.dialog.owns(response) {
                inviting.progress(ctx, response);
            }
            inviting.answered = Some(transaction);
            ctx.after(Timer::Reinvite, ctx.shared.settings.timeout());
            self.reinvite = Reinvite::Inviting(inviting);
            return State::Confirmed(self);
        }
        ctx.stop(Timer::Reinvite);
        if status.is_success() {
            return self.accepted(ctx, inviting, transaction, response, flow);
        }
        if status == StatusCode::REQUEST_PENDING {
            ctx.shared.counters.glare_met += 1;
            if inviting.tries < GLARE_RETRIES_MAX {
                self.back_off(ctx, inviting);
                return State::Confirmed(self);
            }
        }
        let farewell = fields::farewell_of_response(response, &mut ctx.shared.counters);
        ctx.tell(LegEvent::ReofferRefused(farewell));
        if ends_dialog(status) { self.give_up(ctx, LegFailure::DialogLost) } else { State::Confirmed(self) }
    }

    /// RFC 3261 §14.1: between 2.1 and 4 seconds when the Call-ID is ours, between 0 and 2 when not, in steps of 10 ms.
    fn back_off(&mut self, ctx: &mut Context<'_>, inviting: Inviting) {
        let steps = match self.dialog.role {
            Role::Uac => 210 + ctx.shared.random.below(191),
            Role::Uas => ctx.shared.random.below(201),
        };
        ctx.after(Timer::Glare, Duration::from_millis(steps * 10));
        self.reinvite = Reinvite::BackingOff { offer: inviting.offer, tries: inviting.tries + 1 };
    }

    fn accepted(
        mut self: Box<Self>,
        ctx: &mut Context<'_>,
        inviting: Inviting,
        transaction: TransactionId,
        response: &Response,
        flow: &Flow,
    ) -> State {
        let contact = response.headers().first_contact().ok().flatten();
        let named = contact.map_or("", |contact| contact.uri_text());
        ctx.refresh_target(&mut self.dialog, named, &Origin::of_response(flow));
        let description = body::description(response.headers(), &response.body_bytes());
        match inviting.exchange.step(Carrier::Success, description.is_some()) {
            Ok((Exchange::Turned, _)) => {
                ctx.tell(LegEvent::ReofferAccepted { answer: None, offer: description });
                self.reinvite = Reinvite::Answering { sequence: inviting.sequence, transaction };
                State::Confirmed(self)
            }
            Ok((_, meaning)) => {
                let counts =
                    meaning == Meaning::Answer || ctx.shared.settings.early_answers == EarlyAnswers::Preview;
                let answer = description.filter(|_| counts).or(inviting.answer);
                self.acknowledge_reinvite(ctx, transaction, inviting.sequence, None);
                ctx.tell(LegEvent::ReofferAccepted { answer, offer: None });
                State::Confirmed(self)
            }
            // No description where one is owed. The call stands on what was agreed before, as it does after an answer
            // that media cannot apply.
            Err(_) => {
                ctx.shared.counters.breaches += 1;
                self.acknowledge_reinvite(ctx, transaction, inviting.sequence, None);
                ctx.tell(LegEvent::ReofferAccepted { answer: None, offer: None });
                State::Confirmed(self)
            }
        }
    }

    /// The ACK bears its INVITE's sequence number, whatever was sent since (RFC 3261 §13.2.2.4).
    pub(super) fn acknowledge_reinvite(
        &mut self,
        ctx: &mut Context<'_>,
        transaction: TransactionId,
        sequence: u32,
        answer: Option<Description>,
    ) {
        let current = std::mem::replace(&mut self.dialog.local_sequence, sequence);
        late::acknowledge(ctx, &mut self.dialog, transaction, answer);
        self.dialog.local_sequence = current;
    }

    /// A re-INVITE of ours has no final response.
    pub fn reinvite_failed(mut self: Box<Self>, ctx: &mut Context<'_>, failure: LegFailure) -> State {
        if !matches!(self.reinvite, Reinvite::Inviting(_)) {
            return State::Confirmed(self);
        }
        self.reinvite = Reinvite::Idle;
        ctx.stop(Timer::Reinvite);
        let unanswered = ctx.unanswered(&self.dialog, failure);
        ctx.tell(LegEvent::ReofferFailed(unanswered));
        if failure == LegFailure::Timeout { self.give_up(ctx, failure) } else { State::Confirmed(self) }
    }

    /// The session answers the offer in the 2xx to our re-INVITE, or cannot.
    pub(in crate::dialog::leg) fn acknowledge(
        mut self: Box<Self>,
        ctx: &mut Context<'_>,
        answer: Option<Description>,
    ) -> Stepped {
        let Reinvite::Answering { sequence, transaction } = self.reinvite else {
            ctx.shared.counters.unexpected += 1;
            return (State::Confirmed(self), Err(unexpected("Acknowledge")));
        };
        let hang_up = answer.is_none();
        self.reinvite = Reinvite::Idle;
        self.acknowledge_reinvite(ctx, transaction, sequence, answer);
        if !hang_up {
            return (State::Confirmed(self), Ok(()));
        }
        ctx.end();
        (closing::bye(ctx, self.dialog, closing::Parting::because(UNUSABLE)), Ok(()))
    }
}

impl Inviting {
    fn progress(&mut self, ctx: &mut Context<'_>, response: &Response) {
        let description = body::description(response.headers(), &response.body_bytes());
        match self.exchange.step(Carrier::Provisional, description.is_some()) {
            Ok((exchange, meaning)) => {
                self.exchange = exchange;
                if meaning == Meaning::Answer {
                    self.answer = description;
                }
            }
            Err(_) => ctx.shared.counters.descriptions_ignored += 1,
        }
    }
}
