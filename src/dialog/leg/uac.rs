//! The beginning of an outgoing leg: the INVITE is made and its target found (RFC 3261 §8.1.1, §13.2.1).

use crate::ground::leg::{Invite, LegIntent};
use crate::sip::{Method, Uri};
use crate::transaction::TransactionId;

use super::super::error::LegIntentError;
use super::super::fields;
use super::super::offer_answer::Exchange;
use super::super::request::{Draft, MAX_FORWARDS, Purpose};
use super::super::state::Dialog;
use super::context::{Context, Shared};
use super::send::{Sent, Unsent};
use super::{Calling, State, Stepped};

/// The INVITE waits for a look-up.
pub(in crate::dialog) struct Locating {
    pub seed: Dialog,
    exchange: Exchange,
}

/// The first intent of an outgoing leg.
pub(super) fn opened(ctx: &mut Context<'_>, intent: LegIntent) -> Stepped {
    match intent {
        LegIntent::Invite(invite) => match begin(ctx, *invite) {
            Ok(state) => (state, Ok(())),
            Err(error) => (State::Opened, Err(error)),
        },
        LegIntent::HangUp { .. } => {
            ctx.end();
            (State::Over, Ok(()))
        }
        other => State::Opened.refuse(ctx, &other),
    }
}

/// The URI as it may stand in a request line: without headers (RFC 3261 §19.1.1, table 1).
fn request_target(target: &str) -> &str {
    match Uri::parse(target).map(|uri| uri.headers().as_str().len()) {
        Ok(length) if length > 0 => &target[..target.len() - length - 1],
        _ => target,
    }
}

fn begin(ctx: &mut Context<'_>, invite: Invite) -> Result<State, LegIntentError> {
    fields::check(&invite.fields)?;
    let Shared { marks, random, .. } = &mut *ctx.shared;
    let tag = marks.tag(&invite.call_id, random);
    let seed = Dialog::before(&invite, request_target(&invite.target), &tag, ctx.now.wall);
    let mut seed = seed.map_err(|_| LegIntentError::Limit("bytes of a dialog's text"))?;
    seed.key = ctx.shared.index.key(seed.call_id(), &tag, "");
    let exchange = Exchange::begin(invite.offer.is_some());
    let draft = Draft {
        purpose: Purpose::Invite,
        method: Method::Invite,
        sequence: seed.next_sequence(),
        max_forwards: invite.max_forwards.min(MAX_FORWARDS),
        fields: invite.fields,
        content: invite.offer.into(),
    };
    match ctx.send(&mut seed, draft) {
        Ok(Sent::Transaction(transaction)) => Ok(Calling::begin(seed, transaction, exchange)),
        Ok(Sent::Waiting | Sent::Alone) => Ok(State::Locating(Box::new(Locating { seed, exchange }))),
        Err(Unsent::Unwritable(error)) => Err(error.into()),
        Err(Unsent::Failure(failure)) => {
            ctx.fail(failure);
            Ok(State::Over)
        }
    }
}

impl Locating {
    pub fn intent(self: Box<Self>, ctx: &mut Context<'_>, intent: LegIntent) -> Stepped {
        match intent {
            LegIntent::HangUp { .. } => {
                while let Some(query) = ctx.common.lookups.first().copied() {
                    ctx.take_lookup(query);
                }
                ctx.end();
                (State::Over, Ok(()))
            }
            other => State::Locating(self).refuse(ctx, &other),
        }
    }

    /// The INVITE is on its way.
    pub fn sent(self, transaction: TransactionId) -> State {
        Calling::begin(self.seed, transaction, self.exchange)
    }
}
