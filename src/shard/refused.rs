//! Intents that a leg refuses: no session may wait for what was never begun.

use super::{Shard, SlotId};
use crate::dialog;
use crate::ground::Now;
use crate::ground::leg::{HANG_UP_STATUS, LegEvent, LegFailure, LegId, LegIntent, Unanswered};
use crate::session::event::EndCause;

/// What becomes of an operation whose intent its leg refuses.
pub(super) enum Fallback {
    Request(u64),
    Reoffer,
    /// The session counts on the leg's end: it is asked for again with this, which says less.
    Less(LegIntent),
    /// Not even that.
    End,
    Call,
}

impl Fallback {
    pub fn of(intent: &LegIntent) -> Self {
        match intent {
            LegIntent::Request { key, .. } => Self::Request(*key),
            LegIntent::Reoffer { .. } => Self::Reoffer,
            LegIntent::Reject { status, contacts, retry_after, mismatch, .. } => {
                Self::Less(LegIntent::Reject {
                    // A redirection that names nobody is none.
                    status: if contacts.is_empty() { *status } else { HANG_UP_STATUS },
                    phrase: None,
                    contacts: Vec::new(),
                    retry_after: *retry_after,
                    mismatch: *mismatch,
                    fields: Vec::new(),
                    body: None,
                })
            }
            LegIntent::HangUp { .. } => Self::Less(bare_hang_up()),
            _ => Self::Call,
        }
    }

    /// What becomes of a [`Fallback::Less`] that is refused, too.
    fn of_less(less: &LegIntent) -> Self {
        match less {
            LegIntent::Reject { .. } => Self::Less(bare_hang_up()),
            _ => Self::End,
        }
    }
}

const fn bare_hang_up() -> LegIntent {
    LegIntent::HangUp { fields: Vec::new(), body: None }
}

impl Shard {
    /// A leg refused an intent. One that has just ended does so, and says so; otherwise no session may wait for what was
    /// never begun.
    pub(super) fn intent_refused(
        &mut self,
        (slot, leg): (SlotId, LegId),
        fallback: Fallback,
        error: &dialog::LegIntentError,
        now: Now,
    ) {
        if matches!(error, dialog::LegIntentError::Unknown(_)) {
            return self.counters.absorbed += 1;
        }
        self.counters.intents_refused += 1;
        let unanswered = Unanswered { failure: LegFailure::Limit, reason: error.to_string().into() };
        let fallback = match fallback {
            Fallback::Less(less) => {
                let fallback = Fallback::of_less(&less);
                if let Err(error) = self.legs.intent(leg, less, &mut self.transactions, now) {
                    self.intent_refused((slot, leg), fallback, &error, now);
                }
                return;
            }
            fallback => fallback,
        };
        self.step(slot, now, |session, cx| match fallback {
            Fallback::End => session.leg(LegEvent::Ended, cx),
            Fallback::Request(key) => {
                session.leg(LegEvent::RequestDone { key, outcome: Err(unanswered) }, cx);
            }
            Fallback::Reoffer => session.leg(LegEvent::ReofferFailed(unanswered), cx),
            Fallback::Less(_) | Fallback::Call => session.give_up(EndCause::Internal, cx),
        });
    }
}
