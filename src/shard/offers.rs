//! First offers: whether one is to name an address of IPv4 or of IPv6 (RFC 6157 §3). Where the call goes to a name that
//! shows when the name is looked up; the leg asks again when the INVITE is on its way, and the answer is near by then. Where
//! a call has come in without an offer it is the version that it came by.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::io::Output;
use super::{Shard, SlotId};
use crate::dialog::{FirstHop, Question};
use crate::ground::hash::OwnKeyMap;
use crate::ground::{Asker, Instant, IpVersion, Now};
use crate::session::Asked;
use crate::session::media::{MediaRequest, NegotiationStep};

/// How long an offer waits for the look-up; then it is made as if there were nothing to look up. The leg's own look-up
/// may take longer.
pub const OFFER_LOOKUP_TIME: Duration = Duration::from_secs(2);

/// Look-ups of the shard's own bear this bit, those of legs do not.
const OWN: u64 = 1 << 63;

/// A session's request to media.
#[derive(Debug)]
pub(super) struct MediaAsk {
    pub asked: Asked,
    pub call_id: Option<Arc<str>>,
    pub body: MediaRequest,
}

/// A request that waits.
#[derive(Debug)]
struct Waiting {
    slot: SlotId,
    transport: crate::ground::Transport,
    ask: MediaAsk,
}

/// The offers that wait, at most as many as legs may have look-ups.
#[derive(Debug, Default)]
pub(super) struct Offers {
    /// Where the call goes that is being made.
    hop: Option<Question>,
    last: u64,
    waiting: OwnKeyMap<u64, Waiting>,
    /// In order of asking, which is the order of deadlines.
    deadlines: VecDeque<(Instant, u64)>,
}

impl Offers {
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// When the first one has waited for long enough.
    pub fn next(&self) -> Option<Instant> {
        self.deadlines.front().map(|(deadline, _)| *deadline)
    }

    fn wait(&mut self, waiting: Waiting, now: Instant) -> u64 {
        self.last += 1;
        let query = self.last | OWN;
        self.waiting.insert(query, waiting);
        self.deadlines.push_back((now + OFFER_LOOKUP_TIME, query));
        query
    }

    fn take(&mut self, query: u64) -> Option<Waiting> {
        let waiting = self.waiting.remove(&query);
        while let Some((_, query)) = self.deadlines.front()
            && !self.waiting.contains_key(query)
        {
            self.deadlines.pop_front();
        }
        waiting
    }

    /// The call is made.
    pub fn forget_hop(&mut self) {
        self.hop = None;
    }

    /// The session closes its endpoint: none is to be made for it any more.
    pub fn forget(&mut self, slot: SlotId) {
        let query = self.waiting.iter().find(|(_, waiting)| waiting.slot == slot).map(|(query, _)| *query);
        query.and_then(|query| self.take(query));
    }

    /// Media is lost: takes all out, in the order of asking.
    pub fn take_all(&mut self) -> Vec<(SlotId, Asked)> {
        let order = std::mem::take(&mut self.deadlines);
        let taken = order.into_iter().filter_map(|(_, query)| self.waiting.remove(&query));
        taken.map(|waiting| (waiting.slot, waiting.ask.asked)).collect()
    }
}

impl Shard {
    /// What is known of where a call goes before it is made: the version of its offer, unless the engine has said it.
    pub(super) fn note_first_hop(&mut self, hop: FirstHop, version: &mut Option<IpVersion>) {
        match hop {
            FirstHop::Named(question) if version.is_none() => self.offers.hop = Some(question),
            // IPv4 is what media takes when nothing is said.
            FirstHop::In(IpVersion::V6) if version.is_none() => *version = Some(IpVersion::V6),
            FirstHop::Named(_) | FirstHop::In(_) => {}
        }
    }

    /// Asks media, after a look-up where the version of an offer depends on it.
    pub(super) fn ask_media_or_wait(&mut self, slot: SlotId, mut ask: MediaAsk, now: Now) {
        let is_offer = matches!(ask.body, MediaRequest::Negotiate { step: NegotiationStep::MakeOffer, .. });
        match self.offers.hop.take() {
            Some(Question { host, port, transport })
                if is_offer && self.offers.len() < self.settings.dialogs.lookups_max =>
            {
                let query = self.offers.wait(Waiting { slot, transport, ask }, now.mono);
                self.outputs.push_back(Output::Resolve {
                    query,
                    host,
                    port,
                    transport,
                    asker: Asker::Engine,
                });
            }
            _ => {
                if ask.body == MediaRequest::Close {
                    self.offers.forget(slot);
                }
                self.offer_as_it_came(slot, &mut ask);
                self.ask_media(slot, ask, now);
            }
        }
    }

    /// The offer that makes the endpoint of a call that came in is of the version that its INVITE came by, unless the engine
    /// has said it.
    fn offer_as_it_came(&self, slot: SlotId, ask: &mut MediaAsk) {
        let source = self.slots.get(slot).and_then(|entry| entry.source);
        if ask.call_id.is_some()
            && let MediaRequest::Negotiate { step: NegotiationStep::MakeOffer, preferences, .. } =
                &mut ask.body
            && preferences.ip_version.is_none()
        {
            let version = source.map(|source| IpVersion::of(source.remote.ip().to_canonical()));
            preferences.ip_version = version.filter(|version| *version == IpVersion::V6);
        }
    }

    /// A look-up of the shard's own has ended. `false`: it is none.
    pub(super) fn offer_resolved(
        &mut self,
        query: u64,
        result: &Result<Vec<SocketAddr>, String>,
        now: Now,
    ) -> bool {
        if query & OWN == 0 {
            return false;
        }
        if let Some(waiting) = self.offers.take(query) {
            let found = result.as_deref().unwrap_or_default();
            let version = self.legs.version_towards(waiting.transport, found);
            self.make_offer(waiting, version, now);
        }
        true
    }

    /// Offers that have waited for long enough are made.
    pub(super) fn expire_offers(&mut self, now: Now) {
        while let Some(&(_, query)) =
            self.offers.deadlines.front().filter(|(deadline, _)| *deadline <= now.mono)
        {
            if let Some(waiting) = self.offers.take(query) {
                self.make_offer(waiting, None, now);
            }
            self.carry(now);
        }
    }

    fn make_offer(&mut self, mut waiting: Waiting, version: Option<IpVersion>, now: Now) {
        if let MediaRequest::Negotiate { preferences, .. } = &mut waiting.ask.body {
            preferences.ip_version = version.filter(|version| *version == IpVersion::V6);
        }
        self.ask_media(waiting.slot, waiting.ask, now);
        self.act(waiting.slot, now);
    }
}
