//! ACK to a 2xx: the first one, the repeated ones, and those of forks that nobody wants any more (RFC 3261 §13.2.2.4).

use crate::ground::{Description, Flow};
use crate::sip::{HeaderName, Method, Response};
use crate::transaction::TransactionId;

use super::super::index::DialogKey;
use super::super::request::{Draft, Purpose};
use super::super::state::Dialog;
use super::context::{Context, Owner};

/// The dialog that a response belongs to. `None` when its ids cannot be read.
pub(super) fn key_of(ctx: &Context<'_>, response: &Response) -> Option<DialogKey> {
    let headers = response.headers();
    let (from, to) = (headers.from().ok()?, headers.to().ok()?);
    let (local, remote) = (from.tag().unwrap_or_default(), to.tag().unwrap_or_default());
    Some(ctx.shared.index.key(headers.call_id().ok()?, local, remote))
}

/// Sends the ACK to the 2xx of an INVITE of ours, with the answer if the 2xx was the offer. `false` when it has nowhere
/// to go.
pub(super) fn acknowledge(
    ctx: &mut Context<'_>,
    dialog: &mut Dialog,
    invite: TransactionId,
    answer: Option<Description>,
) -> bool {
    let mut draft = Draft::bare(Purpose::Ack(invite), Method::Ack, dialog.local_sequence);
    draft.content = answer.into();
    let sent = ctx.send(dialog, draft).is_ok();
    if !sent {
        ctx.shared.counters.unsent += 1;
    }
    sent
}

/// A 2xx came that may have come before: its ACK is sent again. `false` when none was given yet.
pub(super) fn repeat_ack(ctx: &mut Context<'_>, invite: TransactionId, response: &Response) -> bool {
    let Some(key) = key_of(ctx, response) else { return false };
    let Some(Owner::Client { acks, .. }) = ctx.shared.owners.get(&invite) else { return false };
    if let Some(ack) = acks.iter().find(|ack| ack.dialog == key) {
        ctx.transactions.send_stateless(ack.bytes.clone(), ack.flow);
        ctx.shared.counters.acks_repeated += 1;
        return true;
    }
    ctx.is_waiting(key)
}

/// A 2xx that no state waits for: another fork has won, the session has hung up, or a re-INVITE was overtaken by BYE.
/// It is acknowledged, and the dialog of a fork is ended by BYE.
pub(super) fn acknowledge_late(
    ctx: &mut Context<'_>,
    invite: TransactionId,
    response: &Response,
    flow: &Flow,
    is_fork: bool,
) {
    let Ok(mut dialog) = Dialog::of_response(response, None, flow, ctx.now.wall) else {
        ctx.shared.counters.unexpected += 1;
        return;
    };
    dialog.key = ctx.shared.index.key(dialog.call_id(), dialog.local_tag(), dialog.remote_tag());
    if response.headers().contains(HeaderName::Contact) {
        ctx.settle_hop(&mut dialog, flow);
    } else {
        // No target is named: back to where it came from.
        dialog.hop = Some(Flow { connection: None, ..*flow });
    }
    acknowledge(ctx, &mut dialog, invite, None);
    if is_fork {
        ctx.shared.counters.forks_ended += 1;
        let bye = Draft::bare(Purpose::ForkBye, Method::Bye, dialog.next_sequence());
        if ctx.send(&mut dialog, bye).is_err() {
            ctx.shared.counters.unsent += 1;
        }
    }
}
