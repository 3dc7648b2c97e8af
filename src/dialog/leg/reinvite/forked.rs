//! A re-INVITE of ours that another dialog accepts: its 2xx has another To tag. A proxy has forked what it must not, or
//! somebody makes up tags. What such a 2xx gets is `late.rs`'s.

use crate::ground::leg::LegFailure;
use crate::sip::Response;
use crate::transaction::TransactionId;

use super::super::State;
use super::super::confirmed::Confirmed;
use super::super::context::Context;
use super::{Inviting, Reinvite};

impl Confirmed {
    /// A re-INVITE of ours was accepted by another dialog than this. Its transaction ends with that 2xx; the peer's own may
    /// still come until then.
    pub fn accepted_elsewhere(&mut self, transaction: TransactionId, response: &Response) {
        let sequence = response.headers().cseq().map_or(0, |cseq| cseq.sequence);
        if let Reinvite::Inviting(inviting) = &mut self.reinvite
            && inviting.sequence == sequence
        {
            inviting.answered = Some(transaction);
        }
    }

    /// The transaction of a re-INVITE of ours is no more. If this waits for it still, only others have accepted it.
    pub fn reinvite_gone(self: Box<Self>, ctx: &mut Context<'_>, transaction: TransactionId) -> State {
        match &self.reinvite {
            Reinvite::Inviting(Inviting { answered: Some(answered), .. }) if *answered == transaction => {
                self.reinvite_failed(ctx, LegFailure::Timeout)
            }
            _ => State::Confirmed(self),
        }
    }
}
