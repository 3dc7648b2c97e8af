//! BYE of ours (RFC 3261 §15.1.1). The session is over for us with the BYE; the dialog stays until it is answered, so
//! that a BYE of the peer's that crosses it is answered 200.

use crate::ground::{Body, Flow, HeaderField, Reason};
use crate::sip::{Method, Request, StatusCode};
use crate::transaction::TransactionId;

use super::super::error::LegIntentError;
use super::super::fields;
use super::super::refusal::Refusal;
use super::super::request::{Draft, Purpose};
use super::super::state::Dialog;
use super::State;
use super::context::Context;
use super::inside;
use super::send::Sent;

/// What goes with a BYE.
#[derive(Debug, Default)]
pub(in crate::dialog) struct Parting {
    pub fields: Vec<HeaderField>,
    pub body: Option<Body>,
}

impl Parting {
    /// What the leg itself gives along: why it ends the call.
    pub fn because(reason: Reason) -> Self {
        Self { fields: vec![reason.field()], body: None }
    }

    /// What a session gives along, if it may.
    pub fn checked(fields: Vec<HeaderField>, body: Option<Body>) -> Result<Self, LegIntentError> {
        fields::check_all(&fields, body.as_ref())?;
        Ok(Self { fields, body })
    }
}

/// Sends BYE. The caller has told the session, or does so in the same step.
pub(super) fn bye(ctx: &mut Context<'_>, mut dialog: Dialog, parting: Parting) -> State {
    let mut draft = Draft::bare(Purpose::Bye, Method::Bye, dialog.next_sequence());
    (draft.fields, draft.content) = (parting.fields, parting.body.into());
    match ctx.send(&mut dialog, draft) {
        Ok(Sent::Transaction(_) | Sent::Waiting) => State::Closing(Box::new(dialog)),
        Ok(Sent::Alone) => done(&dialog, ctx),
        Err(_) => {
            ctx.shared.counters.unsent += 1;
            done(&dialog, ctx)
        }
    }
}

/// Whether a BYE by this way is sent once, without a transaction that repeats it. Anybody's address can stand in a Contact:
/// where the peer never showed that it reads what we send, and is seen elsewhere, whoever is there may know of no call.
pub(super) fn goes_once(dialog: &Dialog, way: &Flow) -> bool {
    let elsewhere = dialog.heard_at.is_some_and(|seen| seen.ip() != way.remote.ip());
    elsewhere && !dialog.acknowledged && !way.transport.is_reliable()
}

/// A request of the peer's after our BYE.
pub(super) fn request(
    dialog: Box<Dialog>,
    ctx: &mut Context<'_>,
    transaction: TransactionId,
    request: &Request,
) -> State {
    if *request.method() == Method::Bye {
        inside::accept_bye(ctx, transaction, request);
    } else {
        ctx.refuse(transaction, request, &Refusal::new(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST));
    }
    State::Closing(dialog)
}

/// The BYE is answered or given up, or nothing more comes of it.
pub(super) fn done(dialog: &Dialog, ctx: &mut Context<'_>) -> State {
    ctx.forget(dialog);
    State::Over
}
