//! What the log says of calls: at `info` one line at each call's beginning and one at its end, at `debug` every event of it.

use std::collections::HashMap;

use super::trace::{name, view};
use crate::ground::SessionId;
use crate::session::command::EngineRef;
use crate::session::event::{CallDirection, Ended, EventPayload, SessionEvent, SessionView};
use crate::sip::Uri;
use crate::telemetry::CALLS_TARGET;

/// What is told of a call at its beginning, and at its end again, whose event does not say it.
#[derive(Debug)]
struct Facts {
    call_id: String,
    direction: &'static str,
    from: String,
    to: String,
    parent: Option<SessionId>,
}

/// The calls of one shard that will be told of; as many as it has sessions.
#[derive(Debug, Default)]
pub(super) struct CallLog {
    calls: HashMap<SessionId, Facts>,
}

impl CallLog {
    pub fn event(&mut self, engine: &EngineRef, event: &SessionEvent) {
        debug(event);
        // Without such lines nothing is kept.
        if !tracing::enabled!(target: CALLS_TARGET, tracing::Level::INFO) {
            return;
        }
        match &event.payload {
            EventPayload::IncomingCall(call) => {
                let to = call.request_user.clone();
                self.begun(engine, &event.session, Facts { to, ..Facts::of(&call.session) });
            }
            EventPayload::Created(session) => self.begun(engine, &event.session, Facts::of(session)),
            EventPayload::Ended(ended) => {
                if let Some(facts) = self.calls.remove(&event.session) {
                    facts.tell_end(engine, &event.session, ended);
                }
            }
            _ => {}
        }
    }

    /// A call that is passed on begins for another engine, and has begun once.
    fn begun(&mut self, engine: &EngineRef, session: &SessionId, facts: Facts) {
        self.calls.entry(session.clone()).or_insert_with(|| {
            facts.tell_beginning(engine, session);
            facts
        });
    }
}

impl Facts {
    fn of(session: &SessionView) -> Self {
        let direction = match session.direction {
            CallDirection::Inbound => "inbound",
            CallDirection::Outbound => "outbound",
        };
        Self {
            call_id: session.call_id.clone(),
            direction,
            from: user_of(&session.from.uri),
            to: user_of(&session.request_uri),
            parent: session.parent.clone(),
        }
    }

    /// Of fields that are not there nothing is written.
    fn tell_beginning(&self, engine: &EngineRef, session: &SessionId) {
        tracing::info!(
            target: CALLS_TARGET,
            %session,
            call_id = self.call_id,
            direction = self.direction,
            from = self.from,
            to = self.to,
            parent = self.parent.as_ref().map(tracing::field::display),
            group = %engine.group,
            engine = %engine.id,
            "call began"
        );
    }

    fn tell_end(&self, engine: &EngineRef, session: &SessionId, ended: &Ended) {
        tracing::info!(
            target: CALLS_TARGET,
            %session,
            call_id = self.call_id,
            direction = self.direction,
            from = self.from,
            to = self.to,
            parent = self.parent.as_ref().map(tracing::field::display),
            group = %engine.group,
            engine = %engine.id,
            seconds = ended.duration.map(|time| (time.as_secs_f64() * 1e3).round() / 1e3),
            cause = %ended.cause,
            status = (ended.status > 0).then_some(ended.status),
            reason = (!ended.phrase.is_empty()).then_some(ended.phrase.as_str()),
            "call ended"
        );
    }
}

/// Who is meant by a URI: its user part, or all of it where it has none.
fn user_of(uri: &str) -> String {
    let user = Uri::parse(uri).ok().and_then(|uri| uri.user().map(str::to_owned));
    user.unwrap_or_else(|| uri.to_owned())
}

fn debug(event: &SessionEvent) {
    let name = name(&event.payload);
    match (&event.payload, view(event)) {
        (_, Some(view)) => {
            tracing::debug!(session = %event.session, call_id = view.call_id, "{name}");
        }
        (EventPayload::Ended(ended), _) => {
            tracing::debug!(session = %event.session, cause = %ended.cause, status = ended.status, "{name}");
        }
        (_, None) => tracing::debug!(session = %event.session, "{name}"),
    }
}

#[cfg(test)]
mod tests;
