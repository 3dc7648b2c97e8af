//! Who may come in. Asked only about requests that belong to no transaction and no dialog: new calls, and OPTIONS from
//! those who want to know whether calls are taken. OPTIONS gets what an INVITE would get now (RFC 3261 §11.2).
//!
//! | in this order | refused with |
//! |---|---|
//! | it requires an extension that is not served | 420, by the dialogs |
//! | draining | 503, Retry-After |
//! | it has waited too long for its turn | 503, Retry-After |
//! | as many sessions or legs as there may be | 503, Retry-After |
//! | its source has its share of calls, see `sources.rs` | 503, Retry-After |
//! | OPTIONS, and media is away or drains, or had no room for a call just before | 503, Retry-After |
//! | no engine of the group is attached, or has room | the group's refusal |
//!
//! All without keeping anything.
//!
//! A call itself is tried without media, too: its engine may send it elsewhere or refuse it for a reason of its own, and
//! media that was away for a moment is back when the call is answered. It is refused once it needs what is not there. OPTIONS
//! says before what most calls would get, so that they go to another node.

use std::sync::Arc;
use std::time::Duration;

use super::io::Output;
use super::sources::OverShare;
use super::{Shard, SlotId};
use crate::dialog::Matching;
use crate::ground::leg::{Invited, LegId, LegIntent};
use crate::ground::{Flow, HeaderField, ListenerId, Now, SessionId};
use crate::session::{Context, Refusal, Session};
use crate::sip::{Method, Request, StatusCode};
use crate::transaction::{TransactionEvent, TransactionId};

/// How long OPTIONS is told that media had no room for a call.
const MEDIA_FULL_FOR: Duration = Duration::from_secs(5);

impl Shard {
    /// What the transactions have to say: to the legs, unless it is a call that may not come in.
    pub(super) fn transaction_event(&mut self, event: TransactionEvent, now: Now) {
        if let TransactionEvent::Request { id, request, flow } = &event
            && let Some(refusal) = self.refusal(request, flow, now)
        {
            return self.refuse(*id, refusal);
        }
        self.legs.transaction(event, &mut self.transactions, now);
    }

    fn refusal(&mut self, request: &Request, flow: &Flow, now: Now) -> Option<Refusal> {
        if !matches!(request.method(), Method::Invite | Method::Options) {
            return None;
        }
        match self.legs.matching(request) {
            Matching::NewCall | Matching::Outside => {}
            Matching::Leg(_) | Matching::UnknownDialog => return None,
        }
        if self.legs.is_unsupported(request) {
            return None;
        }
        if let Some(counted) = self.want_of_room(request, flow, now) {
            *counted += 1;
            return Some(Refusal::later(503, self.settings.retry_after));
        }
        let group = self.group_of(flow.listener);
        if !self.groups.has_room(&group) {
            self.counters.refused_no_engine += 1;
            return Some(self.settings.policy(&group).refusal);
        }
        None
    }

    /// Where a refusal is counted that our own state is the reason for.
    fn want_of_room(&mut self, request: &Request, flow: &Flow, now: Now) -> Option<&mut u64> {
        if self.draining {
            return Some(&mut self.counters.refused_draining);
        }
        if self.overdue {
            self.sources.pressed(now.mono);
            return Some(&mut self.counters.refused_overdue);
        }
        if self.slots.len() >= self.settings.sessions_max || !self.legs.has_room() {
            return Some(&mut self.counters.refused_full);
        }
        let source = self.sources.standing(flow.remote.ip(), flow.transport.is_reliable(), now.mono);
        match self.sources.admits(source, now.mono) {
            Ok(()) => {}
            Err(OverShare::Unconfirmed) => return Some(&mut self.counters.refused_unconfirmed),
            Err(OverShare::Rate) => return Some(&mut self.counters.refused_rate),
        }
        if *request.method() != Method::Options {
            return None;
        }
        if !self.media_takes_calls {
            return Some(&mut self.counters.refused_media_away);
        }
        let lately = self.media_full.is_some_and(|at| now.mono.since(at) < MEDIA_FULL_FOR);
        lately.then_some(&mut self.counters.refused_media_full)
    }

    fn refuse(&mut self, id: TransactionId, refusal: Refusal) {
        let retry_after = refusal
            .retry_after
            .map(|seconds| HeaderField { name: "Retry-After".into(), value: seconds.to_string() });
        let status = StatusCode::new(refusal.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        if self.transactions.respond_statelessly(id, status, retry_after.as_slice()).is_err() {
            self.counters.absorbed += 1;
        }
    }

    fn group_of(&self, listener: ListenerId) -> Arc<str> {
        match self.settings.listener_groups.get(&listener) {
            Some(group) => Arc::clone(group),
            None => Arc::clone(&self.default_group),
        }
    }

    /// A call has come in.
    pub(super) fn invited(&mut self, leg: LegId, invited: Invited, now: Now) {
        let group = self.group_of(invited.source.listener);
        let Some(engine) = self.groups.choose(&group, now.mono) else {
            // Admission has seen an engine with room within the same input.
            self.counters.refused_no_engine += 1;
            let Refusal { status, retry_after, mismatch } = self.settings.policy(&group).refusal;
            let (phrase, contacts, fields) = (None, Vec::new(), Vec::new());
            let body = None;
            let reject = LegIntent::Reject { status, phrase, contacts, retry_after, mismatch, fields, body };
            let _ = self.legs.intent(leg, reject, &mut self.transactions, now);
            return;
        };
        let id = self.draw_session_id();
        let source = invited.source;
        let standing = self.sources.standing(source.remote.ip(), source.transport.is_reliable(), now.mono);
        let unconfirmed = self.sources.begin(standing, now.mono);
        let mut cx = Context {
            now,
            settings: &self.settings.sessions,
            random: &mut self.random,
            out: &mut self.outbox,
        };
        let session = Session::incoming(id.clone(), engine, invited, &mut cx);
        self.counters.calls_in += 1;
        self.outputs.push_back(Output::SessionOpened { session: id });
        let engine = session.engine().clone();
        let slot = self.enter(session, false);
        if let Some(entry) = self.slots.get_mut(slot) {
            entry.waits = Some(now.mono);
            self.groups.waits(&engine);
        }
        self.slots.bind(slot, leg);
        if let Some(entry) = self.slots.get_mut(slot) {
            entry.source = Some(source);
            entry.unconfirmed = Some(unconfirmed);
        }
        self.act(slot, now);
    }

    /// Takes a new session in. `made`: by its engine.
    pub(super) fn enter(&mut self, session: Session, made: bool) -> SlotId {
        self.groups.begun(session.engine(), made);
        self.slots.insert(session)
    }

    /// An id of 128 random bits that no session here has.
    fn draw_session_id(&mut self) -> SessionId {
        loop {
            let drawn = self.random.token() + &self.random.token();
            // A token has only letters and digits.
            if let Ok(id) = SessionId::parse(&drawn)
                && self.slots.find(&id).is_none()
            {
                return id;
            }
        }
    }
}
