//! ACK to a 2xx: the first one, the repeated ones, and those of forks that nobody wants any more (RFC 3261 §13.2.2.4).

use crate::ground::{Description, Flow, Rate, Reason};
use crate::sip::{Method, Response};
use crate::transaction::TransactionId;

use super::super::index::DialogKey;
use super::super::request::{Draft, Purpose};
use super::super::settings::{REPEATED_FORKS_MAX, REPEATED_FORKS_PER_SECOND};
use super::super::state::Dialog;
use super::acks::Known;
use super::context::{Context, Owner};

/// What a fork is told that comes too late (RFC 3326 §2).
const ELSEWHERE: Reason = Reason::sip(200, "Call completed elsewhere");

/// BYEs to forks elsewhere that a shard repeats.
const REPEATED: Rate = Rate::new(REPEATED_FORKS_PER_SECOND, 2 * REPEATED_FORKS_PER_SECOND);

/// The dialog that a response belongs to. `None` when its ids cannot be read.
pub(super) fn key_of(ctx: &Context<'_>, response: &Response) -> Option<DialogKey> {
    ctx.shared.index.key_of_response(response)
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
    if let Some(Owner::Client { acks, .. }) = ctx.shared.owners.get_mut(&invite) {
        acks.begin(dialog.key);
    }
    let sent = ctx.send(dialog, draft).is_ok();
    if !sent {
        ctx.shared.counters.unsent += 1;
    }
    sent
}

/// A 2xx came that may have come before: what it got is sent again, as often as that may be. `false` when it is the
/// first of its dialog.
pub(super) fn repeat_ack(ctx: &mut Context<'_>, invite: TransactionId, response: &Response) -> bool {
    let Some(key) = key_of(ctx, response) else { return false };
    let Some(Owner::Client { acks, .. }) = ctx.shared.owners.get_mut(&invite) else { return false };
    match acks.again(key) {
        Known::No => return false,
        Known::Waiting => {}
        Known::Spent => ctx.shared.counters.accepted_dropped += 1,
        Known::Sent(messages) => {
            for (bytes, flow) in messages {
                ctx.transactions.send_stateless(bytes, flow);
            }
            ctx.shared.counters.acks_repeated += 1;
        }
    }
    true
}

/// A 2xx that no state waits for: another fork has won, the session has hung up, or a re-INVITE was overtaken by BYE.
/// It is acknowledged, and the dialog of a fork is ended by BYE; past as many forks as there may be it is passed over.
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
    let forks_max = ctx.shared.settings.forks_max;
    let (asked, forks) = match ctx.shared.owners.get_mut(&invite) {
        Some(Owner::Client { acks, to, .. }) if acks.len() < forks_max => {
            if is_fork {
                acks.begin_fork(dialog.key);
            } else {
                acks.begin(dialog.key);
            }
            (*to, acks.forks())
        }
        _ => {
            ctx.shared.counters.accepted_dropped += 1;
            return;
        }
    };
    ctx.settle_hop_of_response(&mut dialog, response, flow);
    acknowledge(ctx, &mut dialog, invite, None);
    if is_fork {
        ctx.shared.counters.forks_ended += 1;
        let answers = dialog.hop.is_some_and(|hop| [flow.remote.ip(), asked] == [hop.remote.ip(); 2]);
        // Whoever was asked and answers may have a BYE repeated to him, and so may the few that a proxy is likely to have
        // asked. Anybody else who is named gets one, and one more each time that the 2xx comes again.
        let repeated =
            answers || forks <= REPEATED_FORKS_MAX && ctx.shared.fork_byes.allows(&REPEATED, ctx.now.mono);
        let purpose = if repeated { Purpose::ForkBye } else { Purpose::LoneBye(invite) };
        let mut bye = Draft::bare(purpose, Method::Bye, dialog.next_sequence());
        bye.fields.push(ELSEWHERE.field());
        if ctx.send(&mut dialog, bye).is_err() {
            ctx.shared.counters.unsent += 1;
        }
    }
}
