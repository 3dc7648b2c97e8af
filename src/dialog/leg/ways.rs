//! Other ways for a request that waited or failed: a look-up's answer, the next address (RFC 3263 §4.3).
//!
//! Both come back when the dialog may have moved on: its peer has named another target, or another request has found
//! the way first. So what they bring counts for the dialog only where it still stands as it did.

use std::net::SocketAddr;

use crate::ground::leg::LegFailure;
use crate::transaction::ClientError;

use super::super::index::DialogKey;
use super::super::locate::Flows;
use super::super::request::{Draft, Purpose};
use super::super::state::Dialog;
use super::State;
use super::closing;
use super::confirmed::failure_of;
use super::context::Context;
use super::send::{Retry, Sent, set_hop};

impl State {
    /// A request of ours has no final response. Where there is another way it is tried.
    pub fn transaction_failed(
        self,
        ctx: &mut Context<'_>,
        purpose: Purpose,
        error: ClientError,
        retry: Option<Box<Retry>>,
    ) -> Self {
        match self.try_next(ctx, purpose, retry) {
            Ok(state) => state,
            Err(state) => state.unanswered(ctx, purpose, failure_of(error)),
        }
    }

    /// Sends a request the next way that is left.
    ///
    /// # Errors
    /// With the state as it was when there is none, or nobody wants it any more.
    pub fn try_next(
        mut self,
        ctx: &mut Context<'_>,
        purpose: Purpose,
        retry: Option<Box<Retry>>,
    ) -> Result<Self, Self> {
        let Some(retry) = retry.filter(|_| self.still_wants(purpose)) else { return Err(self) };
        let Retry { tried, dialog, draft, flows } = *retry;
        let sent = match self.dialog_mut(dialog.key) {
            // The peer has moved since: what did not reach it at its old place is sent to the new one.
            Some(current) if !current.leads_as(&dialog) => ctx.send(current, draft),
            Some(current) => {
                let sent = ctx.dispatch_again(current, draft, flows.clone(), tried);
                if sent.is_ok() && current.hop == Some(tried) {
                    set_hop(current, &flows);
                }
                sent
            }
            None => ctx.dispatch_again(&dialog, draft, flows, tried),
        };
        match sent {
            Ok(sent) => Ok(self.sent(ctx, purpose, sent)),
            Err(_) => Err(self),
        }
    }

    /// A request went out: the state that waits for what becomes of it notes how.
    fn sent(self, ctx: &mut Context<'_>, purpose: Purpose, sent: Sent) -> Self {
        match (purpose, sent, self) {
            (Purpose::Invite, Sent::Transaction(id), Self::Locating(locating)) => locating.sent(id),
            (Purpose::Invite, Sent::Transaction(id), Self::Calling(mut calling)) => {
                calling.transaction = id;
                Self::Calling(calling)
            }
            (Purpose::Bye, Sent::Alone, Self::Closing(dialog)) => closing::done(&dialog, ctx),
            (_, _, state) => state,
        }
    }

    /// A look-up of this leg's came back: what waits for it is sent, or fails.
    pub fn resolved(mut self, ctx: &mut Context<'_>, query: u64, addresses: &[SocketAddr]) -> Self {
        let Some(mut lookup) = ctx.take_lookup(query) else { return self };
        let current = self.dialog_mut(lookup.dialog.key);
        let moved = current.as_ref().is_some_and(|now| !now.leads_as(&lookup.dialog));
        if let Some(now) = current.filter(|_| !moved) {
            lookup.dialog.origin.clone_from(&now.origin);
        }
        let flows = lookup.flows(addresses, &ctx.shared.settings);
        let found = !addresses.is_empty();
        if !found || flows.is_empty() {
            ctx.shared.counters.lookups_failed += 1;
            if flows.is_empty() && !moved {
                let what = if found { "no listener reaches" } else { "no address for" };
                ctx.because(|| format!("{what} {}", lookup.host));
            }
        }
        // What is sent to where the peer is seen because its name was not found says nothing of later requests: they ask again.
        if found {
            set_hop(&mut lookup.dialog, &flows);
            if let Some(dialog) = self.dialog_mut(lookup.dialog.key).filter(|_| !moved) {
                set_hop(dialog, &flows);
            }
        }
        for draft in std::mem::take(&mut lookup.drafts) {
            self = self.send_found(ctx, &lookup.dialog, draft, &flows);
        }
        self
    }

    /// Sends what waited: by the dialog as it stands, where there is one, and else as it stood.
    fn send_found(mut self, ctx: &mut Context<'_>, before: &Dialog, draft: Draft, flows: &Flows) -> Self {
        let purpose = draft.purpose;
        if !self.still_wants(purpose) {
            return self;
        }
        let sent = match self.dialog_mut(before.key) {
            Some(current) if !current.leads_as(before) => ctx.send(current, draft),
            Some(current) => ctx.dispatch(current, draft, flows.clone()),
            None => ctx.dispatch(before, draft, flows.clone()),
        };
        match (sent, self) {
            (Ok(sent), state) => state.sent(ctx, purpose, sent),
            (Err(unsent), state) => state.unsent(ctx, before.key, purpose, unsent.failure()),
        }
    }

    fn unsent(self, ctx: &mut Context<'_>, key: DialogKey, purpose: Purpose, failure: LegFailure) -> Self {
        ctx.shared.counters.unsent += 1;
        match (purpose, self) {
            // The ACK of a dialog that stands could not be sent: the peer will not believe in it for long.
            (Purpose::Ack(_), Self::Confirmed(confirmed)) if confirmed.dialog.key == key => {
                ctx.forget(&confirmed.dialog);
                ctx.fail(failure);
                Self::Over
            }
            (purpose, state) => state.unanswered(ctx, purpose, failure),
        }
    }
}
