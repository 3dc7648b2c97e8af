//! Re-INVITEs of the peer's: to be answered or refused by the session (RFC 3261 §14.2).

use crate::ground::leg::LegEvent;
use crate::ground::{Description, Flow, Mismatch};
use crate::sip::{HeaderName, Request, StatusCode};
use crate::transaction::TransactionId;

use super::super::super::body;
use super::super::super::error::LegIntentError;
use super::super::super::locate::Origin;
use super::super::super::offer_answer::{Breach, Carrier, Exchange};
use super::super::super::refusal::{self, Refusal};
use super::super::super::target;
use super::super::accepted::AckWait;
use super::super::confirmed::Confirmed;
use super::super::context::{Context, Owner, Timer};
use super::super::{inside, uas};
use super::{Asked, Reinvite, unexpected};

impl Confirmed {
    /// The peer sends a re-INVITE.
    pub(in crate::dialog::leg) fn reinvited(
        &mut self,
        ctx: &mut Context<'_>,
        transaction: TransactionId,
        request: &Request,
        flow: &Flow,
    ) {
        let refusal = match &self.reinvite {
            Reinvite::Idle | Reinvite::BackingOff { .. } => None,
            Reinvite::Asked(_) => Some(uas::too_early(ctx)),
            Reinvite::Inviting(_) | Reinvite::Answering { .. } | Reinvite::Accepted(_) => {
                Some(Refusal::new(StatusCode::REQUEST_PENDING))
            }
        };
        let content = match refusal {
            None => target::check(request).and_then(|()| body::of_invite(request, &ctx.shared.settings)),
            Some(refusal) => Err(refusal),
        };
        match content {
            Err(refusal) => ctx.refuse(transaction, request, &refusal),
            Ok(content) => {
                ctx.stop(Timer::Glare);
                ctx.shared.owners.insert(transaction, Owner::Server(ctx.leg));
                let exchange = Exchange::begin(content.description.is_some());
                let asked = Asked { transaction, request: request.clone(), flow: *flow, exchange };
                self.reinvite = Reinvite::Asked(asked);
                ctx.tell(LegEvent::Reoffered { offer: content.description });
            }
        }
    }

    /// The session answers the peer's re-INVITE.
    pub(in crate::dialog::leg) fn answer_reoffer(
        &mut self,
        ctx: &mut Context<'_>,
        description: &Description,
    ) -> Result<(), LegIntentError> {
        let Reinvite::Asked(asked) = &self.reinvite else {
            ctx.shared.counters.unexpected += 1;
            return Err(unexpected("AnswerReoffer"));
        };
        let (exchange, _) = asked.exchange.step(Carrier::Success, true)?;
        let request = asked.request.clone();
        let (transaction, flow) = (asked.transaction, asked.flow);
        let content = Some(description.clone()).into();
        let response = uas::dialog_response(ctx, &self.dialog, &request, StatusCode::OK, &[], content)?;
        let sequence = request.headers().cseq().map_or(0, |cseq| cseq.sequence);
        self.reinvite = Reinvite::Accepted(AckWait::begin(ctx, transaction, response, sequence, exchange));
        let source = target::source_uri(&flow);
        let named = target::target(request.headers().first_contact(), &source);
        let origin = Origin::of_request(request.headers(), &flow);
        if ctx.refresh_target(&mut self.dialog, named, &origin) {
            self.dialog.acknowledged = false;
        }
        Ok(())
    }

    /// The session refuses the peer's re-INVITE.
    pub(in crate::dialog::leg) fn refuse_reoffer(
        &mut self,
        ctx: &mut Context<'_>,
        status: u16,
        retry_after: Option<u32>,
        mismatch: Option<Mismatch>,
    ) -> Result<(), LegIntentError> {
        let Reinvite::Asked(asked) = &self.reinvite else {
            ctx.shared.counters.unexpected += 1;
            return Err(unexpected("RefuseReoffer"));
        };
        let code = StatusCode::new(status).ok().filter(|code| code.code() >= 400);
        let status = code.ok_or(LegIntentError::Status(status))?;
        let mut builder =
            refusal::signed(refusal::head(&asked.request, status, ""), &ctx.shared.settings, &[]);
        if let Some(seconds) = retry_after {
            builder = builder.header(HeaderName::RetryAfter, seconds);
        }
        if let Some(mismatch) = mismatch {
            let warning = refusal::warning(ctx.listener_of(&self.dialog), mismatch);
            builder = builder.header(HeaderName::Warning, warning);
        }
        let response = builder.build()?;
        ctx.respond_finally(asked.transaction, Ok(response));
        self.reinvite = Reinvite::Idle;
        Ok(())
    }

    /// The peer takes its re-INVITE back.
    pub fn reinvite_cancelled(&mut self, ctx: &mut Context<'_>) {
        match std::mem::replace(&mut self.reinvite, Reinvite::Idle) {
            Reinvite::Asked(asked) => {
                inside::terminate_pending(ctx, asked.transaction, &asked.request, "");
                ctx.tell(LegEvent::ReofferAbandoned);
            }
            other => {
                ctx.shared.counters.unexpected += 1;
                self.reinvite = other;
            }
        }
    }

    /// The transaction of the peer's re-INVITE is no more, unanswered.
    pub fn reinvite_lost(&mut self, ctx: &mut Context<'_>, transaction: TransactionId) {
        if matches!(&self.reinvite, Reinvite::Asked(asked) if asked.transaction == transaction) {
            self.reinvite = Reinvite::Idle;
            ctx.tell(LegEvent::ReofferAbandoned);
        }
    }

    /// An ACK within the dialog.
    pub fn ack(&mut self, ctx: &mut Context<'_>, ack: &Request) {
        let wait = match std::mem::replace(&mut self.reinvite, Reinvite::Idle) {
            Reinvite::Accepted(wait) if wait.is_for(ack) => wait,
            other => {
                // Mostly an ACK that is repeated because our 2xx was.
                ctx.shared.counters.stray_acks += 1;
                self.reinvite = other;
                return;
            }
        };
        AckWait::stop(ctx);
        self.dialog.active = ctx.now.wall;
        self.dialog.acknowledged = true;
        match wait.answer(ctx, ack) {
            Ok(answer) => ctx.tell(LegEvent::ReofferConfirmed { answer }),
            Err(Breach::Missing | Breach::Misplaced | Breach::Disorder) => {
                ctx.tell(LegEvent::ReofferAbandoned)
            }
        }
    }
}
