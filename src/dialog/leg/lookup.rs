//! Requests that wait until their target is looked up (RFC 3263).

use std::net::SocketAddr;

use crate::ground::leg::{LegFailure, LegId};
use crate::ground::{Asker, Transport};

use super::super::Output;
use super::super::locate::{Flows, Question, flow_to};
use super::super::request::Draft;
use super::super::settings::{DialogSettings, LOOKUP_TIME};
use super::super::state::Dialog;
use super::context::{Context, Timer};
use super::send::{Sent, Unsent};

/// A look-up and what waits for it, in order.
pub(in crate::dialog) struct Lookup {
    pub leg: LegId,
    pub dialog: Box<Dialog>,
    pub transport: Transport,
    /// The name.
    pub host: Box<str>,
    pub drafts: Vec<Draft>,
}

impl Lookup {
    /// The ways that the result opens, best first: those addresses that a listener reaches and that are believed of the
    /// peer who gave the name. Where that leaves none, requests go where the peer is seen: a dialog knows of no other place
    /// (RFC 3261 §12.2.1.1), and a BYE that goes nowhere leaves the peer in a call that is over.
    pub fn flows(&self, addresses: &[SocketAddr], settings: &DialogSettings) -> Flows {
        let listener = (!self.dialog.remote_tag().is_empty()).then_some(self.dialog.listener);
        let origin = self.dialog.origin.as_deref();
        let believed = |remote: &&SocketAddr| origin.is_none_or(|origin| origin.may_name(remote.ip()));
        let flows = addresses.iter().filter(believed);
        let flows = flows.filter_map(|remote| flow_to(self.transport, *remote, settings, listener));
        let flows: Flows = flows.take(ADDRESSES_MAX).collect();
        match origin {
            Some(origin) if flows.is_empty() => Flows::from_slice(&[origin.seen()]),
            _ => flows,
        }
    }
}

/// Addresses of one name that are tried, one after the other.
const ADDRESSES_MAX: usize = 4;

impl Context<'_> {
    /// Lets a request wait for a look-up: for the one under way for its dialog, or a new one.
    pub(super) fn look_up(
        &mut self,
        dialog: &Dialog,
        draft: Draft,
        question: Question,
    ) -> Result<Sent, Unsent> {
        for query in &self.common.lookups {
            let same = |lookup: &&mut Lookup| lookup.dialog.leads_as(dialog);
            if let Some(lookup) = self.shared.lookups.get_mut(query).filter(same) {
                lookup.drafts.push(draft);
                return Ok(Sent::Waiting);
            }
        }
        if self.shared.lookups.len() >= self.shared.settings.lookups_max {
            if let Some(origin) = dialog.origin.as_deref() {
                self.shared.counters.lookups_failed += 1;
                return self.dispatch(dialog, draft, Flows::from_slice(&[origin.seen()]));
            }
            self.because(|| "there are as many look-ups as there may be".to_owned());
            return Err(Unsent::Failure(LegFailure::Limit));
        }
        self.shared.last_lookup += 1;
        let query = self.shared.last_lookup;
        let Question { host, port, transport } = question;
        // A dialog without a remote tag is that of a call of an engine's, which names its target.
        let asker = match dialog.remote_tag() {
            "" => Asker::Engine,
            _ => Asker::Peer { at: dialog.heard_at.map(|seen| seen.ip()), proven: dialog.acknowledged },
        };
        let (leg, dialog) = (self.leg, Box::new(dialog.clone()));
        let lookup = Lookup { leg, dialog, transport, host: host.as_str().into(), drafts: vec![draft] };
        self.shared.lookups.insert(query, lookup);
        self.common.lookups.push(query);
        self.after(Timer::Lookup, LOOKUP_TIME);
        self.shared.outputs.push_back(Output::Resolve { query, host, port, transport, asker });
        Ok(Sent::Waiting)
    }

    /// Takes a look-up of this leg out.
    pub fn take_lookup(&mut self, query: u64) -> Option<Lookup> {
        self.common.lookups.retain(|known| *known != query);
        if self.common.lookups.is_empty() {
            self.stop(Timer::Lookup);
        }
        self.shared.lookups.remove(&query)
    }
}
