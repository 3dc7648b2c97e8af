//! An incoming call whose engine decides nothing: it is passed on to another, while nobody has made anything of it.

use std::sync::Arc;

use super::Session;
use super::action::{Action, Context, SessionTimer};
use super::command::EngineRef;
use super::event::{EventPayload, IncomingCall, PassedOn, SessionEvent, SessionState};
use super::state::{Inbound, State};
use crate::ground::WallTime;

/// The revision of an event that stands outside of its session's count.
const OUTSIDE: u64 = 0;

impl Session {
    /// Whether it is an incoming call about which its engine has decided nothing yet.
    #[must_use]
    pub const fn is_undecided(&self) -> bool {
        self.undecided.is_some()
    }

    /// Gives a call that is undecided to another engine, which hears of it as if it had just come in and has as long to
    /// decide. What the engine that had it is to be told; `None` when the call is decided about.
    pub fn pass_on(
        &mut self,
        to: EngineRef,
        reason: PassedOn,
        cx: &mut Context<'_>,
    ) -> Option<Box<SessionEvent>> {
        let call = self.undecided.take()?;
        let told = IncomingCall { session: self.viewed_by(&call, &to), ..(*call).clone() };
        let told = Arc::new(told);
        let revoked = EventPayload::Revoked { to: Arc::clone(&to.id), reason };
        let revoked = self.event_of(OUTSIDE, cx.now.wall, revoked, cx);
        self.engine = to;
        self.undecided = Some(Arc::clone(&told));
        let decide_by = cx.now.mono + cx.settings.decision_timeout;
        cx.out.push(Action::Timer(Some((SessionTimer::Decision, decide_by))));
        let again = EventPayload::IncomingCall(told);
        let again = self.event_of(self.revision, self.call.created_at, again, cx);
        cx.out.push(Action::Event(again));
        Some(revoked)
    }

    fn viewed_by(&self, call: &IncomingCall, to: &EngineRef) -> super::event::SessionView {
        super::event::SessionView { engine: Arc::clone(&to.id), ..call.session.clone() }
    }

    fn event_of(
        &self,
        revision: u64,
        time: WallTime,
        payload: EventPayload,
        cx: &Context<'_>,
    ) -> Box<SessionEvent> {
        let state: SessionState = self.public_state();
        let (session, caused_by) = (self.id.clone(), Arc::clone(cx.out.unmarked()));
        Box::new(SessionEvent { session, revision, time, caused_by, state, payload })
    }

    /// Its engine calls somebody for it: that is work on the call, as if it let it ring.
    pub fn worked_on(&mut self, cx: &mut Context<'_>) {
        if self.undecided.take().is_some() && matches!(self.state, State::Inbound(Inbound::Waiting { .. })) {
            let answer_by = cx.now.mono + cx.settings.alerting_timeout;
            cx.out.push(Action::Timer(Some((SessionTimer::Ring, answer_by))));
        }
    }
}
