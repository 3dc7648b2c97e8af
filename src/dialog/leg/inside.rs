//! Requests within a dialog that mean the same in every state (RFC 3261 §12.2.2): OPTIONS, INFO, MESSAGE, and the
//! checks that come before all others.

use crate::ground::leg::{InDialogMethod, LegEvent};
use crate::ground::{Flow, Rate};
use crate::sip::{HeaderName, Method, Request, StatusCode};
use crate::transaction::TransactionId;

use super::super::body;
use super::super::fields;
use super::super::refusal::{self, Refusal};
use super::super::sequence::Misnumbered;
use super::super::state::Dialog;
use super::context::Context;

/// How many re-INVITEs, INFO and MESSAGE of the peer a dialog takes, by the second and at once: its engine has to hear of each.
pub(super) const REQUESTS: Rate = Rate::new(20, 40);

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handled {
    /// It is answered.
    Done,
    /// It is a re-INVITE that may be looked at.
    Invite,
    /// It is a BYE that may be obeyed.
    Bye,
}

/// Takes a request within a dialog: checks its order and extensions, and answers it unless it is INVITE or BYE.
pub(super) fn receive(
    ctx: &mut Context<'_>,
    dialog: &mut Dialog,
    transaction: TransactionId,
    request: &Request,
    flow: &Flow,
) -> Handled {
    dialog.active = ctx.now.wall;
    if let Err(refusal) = check(ctx, dialog, request, flow) {
        ctx.refuse(transaction, request, &refusal);
        return Handled::Done;
    }
    dialog.acknowledged = true;
    if let Some(refusal) = too_often(ctx, dialog, request.method()) {
        ctx.refuse(transaction, request, &refusal);
        return Handled::Done;
    }
    match request.method() {
        Method::Invite => return Handled::Invite,
        Method::Bye => return Handled::Bye,
        Method::Info => carried(ctx, transaction, request, InDialogMethod::Info),
        Method::Message => carried(ctx, transaction, request, InDialogMethod::Message),
        Method::Options => {
            let response = refusal::options(request, "", &ctx.shared.settings);
            ctx.respond(transaction, response);
        }
        method => ctx.refuse(transaction, request, &refusal::method_inside(method)),
    }
    Handled::Done
}

/// What a peer gets that asks more often than [`REQUESTS`]: 480, and for a re-INVITE 500 (RFC 3261 §14.2), to come again in a
/// second. No 503: it would speak of the whole node.
fn too_often(ctx: &Context<'_>, dialog: &mut Dialog, method: &Method) -> Option<Refusal> {
    let status = match method {
        Method::Invite => StatusCode::SERVER_INTERNAL_ERROR,
        Method::Info | Method::Message => StatusCode::TEMPORARILY_UNAVAILABLE,
        _ => return None,
    };
    let allowed = dialog.requests.allows(&REQUESTS, ctx.now.mono);
    (!allowed).then(|| Refusal::with(status, HeaderName::RetryAfter, "1"))
}

fn check(ctx: &mut Context<'_>, dialog: &mut Dialog, request: &Request, flow: &Flow) -> Result<(), Refusal> {
    let Ok(cseq) = request.headers().cseq() else { return Err(Refusal::bad("CSeq is malformed")) };
    if let Err(misnumbered) = dialog.take_sequence(cseq.sequence, flow.remote.ip()) {
        if misnumbered == Misnumbered::FarAhead {
            ctx.shared.counters.sequence_jumps += 1;
        }
        return Err(Refusal::new(StatusCode::SERVER_INTERNAL_ERROR));
    }
    refusal::extensions(request)
}

fn carried(ctx: &mut Context<'_>, transaction: TransactionId, request: &Request, method: InDialogMethod) {
    let headers = request.headers();
    // We never say that we take an Info Package, so whoever sends one is told so (RFC 6086 §4.2.2).
    if method == InDialogMethod::Info && headers.contains(HeaderName::InfoPackage) {
        let refusal = Refusal::with(StatusCode::BAD_INFO_PACKAGE, HeaderName::RecvInfo, "");
        return ctx.refuse(transaction, request, &refusal);
    }
    accept(ctx, transaction, request);
    let body = body::any(headers, request.body());
    let fields = fields::handed_up(headers, &mut ctx.shared.counters);
    ctx.tell(LegEvent::Received { method, body, fields });
}

fn accept(ctx: &mut Context<'_>, transaction: TransactionId, request: &Request) {
    let response =
        refusal::signed(refusal::head(request, StatusCode::OK, ""), &ctx.shared.settings, &[]).build();
    ctx.respond(transaction, response);
}

/// Answers a BYE (RFC 3261 §15.1.2).
pub(super) fn accept_bye(ctx: &mut Context<'_>, transaction: TransactionId, request: &Request) {
    accept(ctx, transaction, request);
}

/// Answers a request that is pending when the dialog ends with 487 (RFC 3261 §15.1.2).
pub(super) fn terminate_pending(
    ctx: &mut Context<'_>,
    transaction: TransactionId,
    request: &Request,
    to_tag: &str,
) {
    let refusal = Refusal::new(StatusCode::REQUEST_TERMINATED);
    let response = refusal.response(request, to_tag, &ctx.shared.settings);
    ctx.respond_finally(transaction, response);
}
