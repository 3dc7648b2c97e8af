//! Re-INVITEs within a confirmed dialog, both ways (RFC 3261 §14): hold, resume, change of codec or address, the
//! delayed offer, glare.
//!
//! ```text
//!            Reoffer                    491                  2.1–4 s: owner of the Call-ID
//!          ┌──────────► Inviting ─────────────► BackingOff   0–2 s: the other
//!          │             │ │  ▲                   │ │  │
//!          │      2xx+   │ │  └───────────────────┘ │  │ the peer's INVITE
//!          │      offer  │ │        Timer::Glare    │  │
//!        ┌─┴──┐          ▼ │ 2xx: ACK, or refused   │  │
//!        │Idle│◄─ Answering│◄───────────────────────┘  │
//!        └─┬──┘  Acknowledge: ACK        too often     │
//!          │ INVITE                                    │
//!          ├──────────► Asked ◄────────────────────────┘
//!          │              │ AnswerReoffer: 2xx     RefuseReoffer, CANCEL: Idle
//!          │   ACK        ▼
//!          └◄────────── Accepted ── 64·T1 without ACK: BYE
//! ```
//!
//! A re-INVITE of the peer's meets 491 in `Inviting`, `Answering` and `Accepted`, and 500 with Retry-After in `Asked`.

mod forked;
mod ours;
mod theirs;

use crate::ground::leg::LegEvent;
use crate::ground::{Description, Flow};
use crate::sip::Request;
use crate::transaction::{CancelError, TransactionId};

use super::super::error::{LegIntentError, LegState};
use super::super::offer_answer::Exchange;
use super::accepted::{AckWait, NO_ACK};
use super::confirmed::Confirmed;
use super::context::{Context, Timer};
use super::{State, closing, inside};

/// Where the offer/answer exchange of a confirmed dialog stands. See the figure above.
pub(in crate::dialog) enum Reinvite {
    Idle,
    Inviting(Inviting),
    BackingOff { offer: Option<Description>, tries: u8 },
    Answering { sequence: u32, transaction: TransactionId },
    Asked(Asked),
    Accepted(AckWait),
}

/// A re-INVITE of ours without final response.
pub(in crate::dialog) struct Inviting {
    sequence: u32,
    exchange: Exchange,
    /// What was offered, for another try.
    offer: Option<Description>,
    /// An answer that came with a provisional response.
    answer: Option<Description>,
    /// How often it met 491.
    tries: u8,
    /// Its transaction, once that has a provisional response, or a 2xx of another dialog, and does not time out by itself.
    answered: Option<TransactionId>,
}

/// A re-INVITE of the peer's without final response.
pub(in crate::dialog) struct Asked {
    transaction: TransactionId,
    request: Request,
    flow: Flow,
    exchange: Exchange,
}

const fn unexpected(intent: &'static str) -> LegIntentError {
    LegIntentError::Unexpected { state: LegState::Confirmed, intent }
}

impl Confirmed {
    pub fn timer(mut self: Box<Self>, ctx: &mut Context<'_>, timer: Timer) -> State {
        match (timer, &mut self.reinvite) {
            (Timer::Repeat, Reinvite::Accepted(wait)) => wait.repeat(ctx),
            (Timer::Ack, Reinvite::Accepted(_)) => {
                ctx.shared.counters.ack_timeouts += 1;
                self.settle_pending(ctx);
                ctx.tell(LegEvent::AckTimeout);
                ctx.end();
                return closing::bye(ctx, self.dialog, closing::Parting::because(NO_ACK));
            }
            (Timer::Glare, Reinvite::BackingOff { .. }) => self.retry(ctx),
            (Timer::Reinvite, Reinvite::Inviting(Inviting { answered: Some(transaction), .. })) => {
                withdraw(ctx, *transaction);
            }
            _ => ctx.shared.counters.unexpected += 1,
        }
        State::Confirmed(self)
    }

    /// The dialog is about to end: what the peer waits for is answered, what it would repeat is acknowledged.
    pub(super) fn settle_pending(&mut self, ctx: &mut Context<'_>) {
        match std::mem::replace(&mut self.reinvite, Reinvite::Idle) {
            Reinvite::Idle => {}
            Reinvite::Inviting(inviting) => {
                if let Some(transaction) = inviting.answered {
                    ctx.stop(Timer::Reinvite);
                    withdraw(ctx, transaction);
                }
            }
            Reinvite::BackingOff { .. } => ctx.stop(Timer::Glare),
            Reinvite::Answering { sequence, transaction } => {
                self.acknowledge_reinvite(ctx, transaction, sequence, None);
            }
            Reinvite::Asked(asked) => inside::terminate_pending(ctx, asked.transaction, &asked.request, ""),
            Reinvite::Accepted(_) => AckWait::stop(ctx),
        }
    }
}

/// Withdraws a re-INVITE of ours that has a provisional response. A peer that is gone since would keep its transaction
/// waiting for good: nothing but a CANCEL sets it a time (RFC 3261 §9.1).
pub(super) fn withdraw(ctx: &mut Context<'_>, transaction: TransactionId) {
    match ctx.transactions.cancel(transaction, &[], ctx.now) {
        Ok(_) | Err(CancelError::AlreadyCancelled | CancelError::AlreadyFinal) => {}
        Err(CancelError::Unknown | CancelError::Header(_)) => ctx.shared.counters.unexpected += 1,
    }
}
