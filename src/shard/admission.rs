//! Who may come in. Asked only about requests that belong to no transaction and no dialog: new calls, and OPTIONS from
//! those who want to know whether calls are taken.
//!
//! | | refused with |
//! |---|---|
//! | draining | 503, Retry-After |
//! | as many sessions as there may be | 503, Retry-After |
//! | no engine of the group is attached, or has room | the group's refusal |
//!
//! All without keeping anything.

use std::sync::Arc;

use super::io::Output;
use super::{Shard, SlotId};
use crate::dialog::Matching;
use crate::ground::leg::{Invited, LegId, LegIntent};
use crate::ground::{Flow, HeaderField, ListenerId, Now, SessionId};
use crate::session::{Context, Refusal, Session};
use crate::sip::{Method, Request, StatusCode};
use crate::transaction::{TransactionEvent, TransactionId};

impl Shard {
    /// What the transactions have to say: to the legs, unless it is a call that may not come in.
    pub(super) fn transaction_event(&mut self, event: TransactionEvent, now: Now) {
        if let TransactionEvent::Request { id, request, flow } = &event
            && let Some(refusal) = self.refusal(request, flow)
        {
            return self.refuse(*id, refusal);
        }
        self.legs.transaction(event, &mut self.transactions, now);
    }

    fn refusal(&mut self, request: &Request, flow: &Flow) -> Option<Refusal> {
        let busy = Refusal::later(503, self.settings.retry_after);
        if !matches!(request.method(), Method::Invite | Method::Options) {
            return None;
        }
        match self.legs.matching(request) {
            Matching::NewCall => {
                if self.draining {
                    self.counters.refused_draining += 1;
                    return Some(busy);
                }
                if self.slots.len() >= self.settings.sessions_max {
                    self.counters.refused_full += 1;
                    return Some(busy);
                }
                let group = self.group_of(flow.listener);
                if !self.groups.has_room(&group) {
                    self.counters.refused_no_engine += 1;
                    return Some(self.settings.policy(&group).refusal);
                }
                None
            }
            Matching::Outside if self.draining => {
                self.counters.refused_draining += 1;
                Some(busy)
            }
            Matching::Outside | Matching::Leg(_) | Matching::UnknownDialog => None,
        }
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
        let Some(engine) = self.groups.choose(&group) else {
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
        let mut cx = Context {
            now,
            settings: &self.settings.sessions,
            random: &mut self.random,
            out: &mut self.outbox,
        };
        let source = invited.source;
        let session = Session::incoming(id.clone(), engine, invited, &mut cx);
        self.counters.calls_in += 1;
        self.outputs.push_back(Output::SessionOpened { session: id });
        let engine = session.engine().clone();
        let slot = self.enter(session, false);
        if let Some(entry) = self.slots.get_mut(slot) {
            entry.waits = true;
            self.groups.waits(&engine);
        }
        self.slots.bind(slot, leg);
        if let Some(entry) = self.slots.get_mut(slot) {
            entry.source = Some(source);
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
