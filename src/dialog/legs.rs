//! The legs of one shard: what drivers call.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::ground::hash::OwnKeyMap;
use crate::ground::leg::{LegEvent, LegId, LegIntent};
use crate::ground::timer::TimerWheel;
use crate::ground::{Asker, Flow, Instant, IpVersion, Now, Pace, Random, Transport};
use crate::sip::{Method, Request};
use crate::transaction::Transactions;

use super::counters::{Census, Counters};
use super::error::LegIntentError;
use super::index::{DialogIndex, DialogKey};
use super::leg::{Common, Context, Leg, Shared, State, Timer};
use super::locate::{FirstHop, Located, Unlocated, locate};
use super::mark::Marks;
use super::refusal;
use super::settings::DialogSettings;
use super::strangers::Strangers;
use super::view::DialogView;

/// What this floor wants done, besides what it does through the transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Tell the session.
    Event {
        /// Which leg.
        leg: LegId,
        /// What happened.
        event: LegEvent,
    },
    /// Look this up (RFC 3263), and answer by [`Legs::resolved`].
    Resolve {
        /// Comes back with the result.
        query: u64,
        /// A host name.
        host: String,
        /// The port, where the URI gives one.
        port: Option<u16>,
        /// The transport that will be spoken.
        transport: Transport,
        /// Whose name it is.
        asker: Asker,
    },
}

/// Where a request belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matching {
    /// In a dialog of this leg.
    Leg(LegId),
    /// In a dialog that is not known: it will be answered 481.
    UnknownDialog,
    /// An INVITE that begins a call: to be admitted or not.
    NewCall,
    /// Any other request outside of dialogs: it will be answered at once.
    Outside,
}

/// All legs of a shard.
pub struct Legs {
    pub(super) legs: OwnKeyMap<LegId, Box<Leg>>,
    pub(super) shared: Shared,
    last: u64,
}

impl Legs {
    /// No legs yet. Draws the key of the dialog index.
    #[must_use]
    pub fn new(settings: DialogSettings, mut random: Random) -> Self {
        let (index, marks) = (DialogIndex::new(&mut random), Marks::draw(&mut random));
        let strangers = Strangers::new(&mut random);
        let shared = Shared {
            settings,
            random,
            outputs: VecDeque::new(),
            timers: TimerWheel::new(),
            index,
            marks,
            fork_byes: Pace::default(),
            strangers,
            strays: Pace::default(),
            owners: OwnKeyMap::default(),
            lookups: OwnKeyMap::default(),
            last_lookup: 0,
            lingering: 0,
            counters: Counters::default(),
        };
        Self { legs: OwnKeyMap::default(), shared, last: 0 }
    }

    /// A leg for an outgoing call. Its first intent is [`LegIntent::Invite`].
    ///
    /// # Errors
    /// [`LegIntentError::Limit`] when there are as many as there may be.
    pub fn open(&mut self) -> Result<LegId, LegIntentError> {
        if self.legs.len() >= self.shared.settings.legs_max {
            return Err(LegIntentError::Limit("legs"));
        }
        let leg = self.next_id();
        self.insert(leg, State::Opened);
        Ok(leg)
    }

    pub(super) const fn next_id(&mut self) -> LegId {
        self.last += 1;
        LegId(self.last)
    }

    pub(super) fn insert(&mut self, leg: LegId, state: State) {
        self.shared.counters.legs_opened += 1;
        self.legs.insert(leg, Box::new(Leg { common: Common::default(), state }));
    }

    /// Whether a call to this URI has a listener to go out by. Nothing is looked up.
    ///
    /// # Errors
    /// Why there is no way to it.
    pub fn first_hop(&self, uri: &str) -> Result<FirstHop, Unlocated> {
        let settings = &self.shared.settings;
        Ok(match locate(uri, settings, None, None)? {
            Located::Flows(flows) => {
                let first = flows.first().map_or(IpVersion::V4, |flow| IpVersion::of(flow.remote.ip()));
                FirstHop::In(first)
            }
            Located::Name(question) => match settings.only_version(question.transport) {
                Some(version) => FirstHop::In(version),
                None => FirstHop::Named(question),
            },
        })
    }

    /// The IP version of the first of these addresses that a listener reaches by this transport.
    #[must_use]
    pub fn version_towards(&self, transport: Transport, addresses: &[SocketAddr]) -> Option<IpVersion> {
        let settings = &self.shared.settings;
        let reached = |to: &&SocketAddr| settings.listener_towards(transport, to.ip(), None).is_some();
        addresses.iter().find(reached).map(|to| IpVersion::of(to.ip()))
    }

    /// What a session wants of its leg.
    ///
    /// # Errors
    /// When it is not legal where the leg stands, or cannot be written. Nothing was done then.
    pub fn intent(
        &mut self,
        leg: LegId,
        intent: LegIntent,
        transactions: &mut Transactions,
        now: Now,
    ) -> Result<(), LegIntentError> {
        if self.legs.get(&leg).is_none_or(|leg| leg.common.ended) {
            return Err(LegIntentError::Unknown(leg));
        }
        let result = self.step(leg, transactions, now, |state, ctx| state.intent(ctx, intent));
        result.unwrap_or(Err(LegIntentError::Unknown(leg)))
    }

    /// Ends a leg in whatever state: [`LegIntent::HangUp`] without header fields.
    ///
    /// # Errors
    /// When there is no such leg, or it has ended.
    pub fn terminate(
        &mut self,
        leg: LegId,
        transactions: &mut Transactions,
        now: Now,
    ) -> Result<(), LegIntentError> {
        self.intent(leg, LegIntent::HangUp { fields: Vec::new(), body: None }, transactions, now)
    }

    /// Ends all legs, oldest first. Returns how many there were.
    pub fn clear(&mut self, transactions: &mut Transactions, now: Now) -> usize {
        let legs = self.ids();
        legs.into_iter().filter(|leg| self.terminate(*leg, transactions, now).is_ok()).count()
    }

    /// A look-up's result: addresses, best first. An error, or none that a listener reaches: the target cannot be
    /// located.
    pub fn resolved(
        &mut self,
        query: u64,
        result: &Result<Vec<SocketAddr>, String>,
        transactions: &mut Transactions,
        now: Now,
    ) {
        let Some(leg) = self.shared.lookups.get(&query).map(|lookup| lookup.leg) else {
            self.shared.counters.lookups_failed += 1;
            return;
        };
        let addresses = result.as_deref().unwrap_or_default();
        self.step(leg, transactions, now, |state, ctx| (state.resolved(ctx, query, addresses), ()));
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, transactions: &mut Transactions, now: Now) {
        while let Some((leg, timer)) = self.shared.timers.pop_expired(now.mono) {
            self.step(leg, transactions, now, |state, ctx| (state.timer(ctx, timer), ()));
        }
    }

    /// When to call [`Legs::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.shared.timers.next()
    }

    /// The next thing to be done.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.shared.outputs.pop_front()
    }

    /// Where a request belongs: to be asked before admission. Says nothing about whether it is a good one.
    #[must_use]
    pub fn matching(&self, request: &Request) -> Matching {
        let tagged = request.headers().to().is_ok_and(|to| to.tag().is_some());
        if tagged {
            let leg = self.key_of(request).and_then(|key| self.shared.index.get(key));
            return leg.map_or(Matching::UnknownDialog, Matching::Leg);
        }
        if *request.method() == Method::Invite { Matching::NewCall } else { Matching::Outside }
    }

    /// Whether a request requires what is not served here: it will be answered 420 (RFC 3261 §8.2.2.3).
    #[must_use]
    pub fn is_unsupported(&self, request: &Request) -> bool {
        refusal::extensions(request).is_err()
    }

    /// Whether there is room for another leg.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.legs.len() < self.shared.settings.legs_max
    }

    /// The dialog that a request of a peer's names. `None` when its ids cannot be read.
    pub(super) fn key_of(&self, request: &Request) -> Option<DialogKey> {
        let headers = request.headers();
        let (from, to) = (headers.from().ok()?, headers.to().ok()?);
        let (local, remote) = (to.tag().unwrap_or_default(), from.tag().unwrap_or_default());
        Some(self.shared.index.key(headers.call_id().ok()?, local, remote))
    }

    /// The leg of the dialog with this id (RFC 3261 §12), early ones included.
    #[must_use]
    pub fn find(&self, call_id: &str, local_tag: &str, remote_tag: &str) -> Option<LegId> {
        self.shared.index.get(self.shared.index.key(call_id, local_tag, remote_tag))
    }

    /// How the peer's last message came that shows that it has read one of ours: a response, or a request in a dialog.
    #[must_use]
    pub fn peer(&self, leg: LegId) -> Option<Flow> {
        self.legs.get(&leg)?.common.heard
    }

    /// The dialogs of a leg as they stand: none before an INVITE is made, several while it forks.
    #[must_use]
    pub fn dialogs(&self, leg: LegId) -> Vec<DialogView> {
        let Some(found) = self.legs.get(&leg) else { return Vec::new() };
        let state = found.state.name();
        found.state.dialogs().into_iter().map(|dialog| DialogView::of(leg, state, dialog)).collect()
    }

    /// The legs that sessions can use, oldest first.
    #[must_use]
    pub fn ids(&self) -> Vec<LegId> {
        let used = self.legs.iter().filter(|(_, leg)| !leg.common.ended);
        let mut ids: Vec<LegId> = used.map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids
    }

    /// How many legs there are, lingering ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.legs.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.legs.is_empty()
    }

    /// What there is, by kind.
    #[must_use]
    pub fn census(&self) -> Census {
        let lingering = self.shared.lingering;
        Census {
            legs: self.legs.len() - lingering,
            lingering,
            dialogs: self.shared.index.len(),
            transactions: self.shared.owners.len(),
            lookups: self.shared.lookups.len(),
            timers: self.shared.timers.len(),
        }
    }

    /// What happened so far.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// Takes a leg one step on. `None` when there is no such leg.
    pub(super) fn step<R>(
        &mut self,
        leg: LegId,
        transactions: &mut Transactions,
        now: Now,
        step: impl FnOnce(State, &mut Context<'_>) -> (State, R),
    ) -> Option<R> {
        let entry = self.legs.get_mut(&leg)?;
        let state = std::mem::replace(&mut entry.state, State::Over);
        let (shared, common) = (&mut self.shared, &mut entry.common);
        let mut ctx = Context { leg, now, shared, common, transactions, why: None };
        let (state, result) = step(state, &mut ctx);
        entry.state = state;
        let Common { running, lookups, .. } = &entry.common;
        if matches!(entry.state, State::Over) && *running == 0 && lookups.is_empty() {
            self.bury(leg);
        }
        Some(result)
    }

    fn bury(&mut self, leg: LegId) {
        if self.legs.remove(&leg).is_some_and(|leg| leg.common.ended) {
            self.shared.lingering -= 1;
        }
        self.shared.counters.legs_closed += 1;
        for timer in Timer::ALL {
            self.shared.timers.cancel(&(leg, timer));
        }
    }
}
