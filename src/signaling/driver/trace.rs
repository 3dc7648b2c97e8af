//! The sessions' spans: begun with a session's first event, or with its endpoint where that comes first; ended with its
//! last event.

use std::sync::Arc;

use dashmap::DashMap;
use opentelemetry::trace::{SpanContext, SpanKind};
use opentelemetry::{KeyValue, Value};

use crate::ground::SessionId;
use crate::session::event::{CallDirection, EndCause, Ended, EventPayload, SessionEvent, SessionView};
use crate::telemetry::call_trace::{Beginning, CALL_ID, CallSpan, SESSION_ID, Spans, traceparent_of};

/// What the sessions of all shards hang their spans under, where calls are traced: a leg made for a session may live in
/// another shard.
#[derive(Clone, Debug, Default)]
pub struct Contexts(Option<Arc<DashMap<SessionId, SpanContext>>>);

impl Contexts {
    /// None yet. `tracing`: whether calls are traced.
    #[must_use]
    pub fn new(tracing: bool) -> Self {
        Self(tracing.then(Arc::default))
    }

    fn of(&self, session: &SessionId) -> Option<SpanContext> {
        self.0.as_ref()?.get(session).map(|context| context.clone())
    }
}

/// The spans of one shard's sessions.
pub(super) struct Traces {
    spans: Spans<SessionId>,
    contexts: Contexts,
    /// The session that a command is about to make, and what its span is to hang under.
    making: Option<(SessionId, Option<SpanContext>)>,
    /// The `traceparent` of what is not traced.
    none: Arc<str>,
}

impl Traces {
    pub fn new(contexts: Contexts) -> Self {
        Self { spans: Spans::new(contexts.0.is_some()), contexts, making: None, none: "".into() }
    }

    /// A command is about to make a session for another one: its span hangs under that of the engine that asked, if it
    /// told one, else under the other session's.
    pub fn about_to_make(
        &mut self,
        session: &SessionId,
        asked: Option<SpanContext>,
        parent: Option<&SessionId>,
    ) {
        if self.spans.is_on() {
            let above = asked.or_else(|| self.contexts.of(parent?));
            self.making = Some((session.clone(), above));
        }
    }

    /// The command is done.
    pub fn made(&mut self) {
        self.making = None;
    }

    /// An engine has told the span from which it gives a command to a session.
    pub fn asked(&mut self, session: &SessionId, asked: SpanContext) {
        if let Some(span) = self.spans.get(session) {
            span.link(asked);
        }
    }

    /// The `traceparent` under which an endpoint's spans hang; empty when nothing is traced.
    pub fn endpoint(&mut self, session: &SessionId, call_id: &str) -> String {
        if !self.spans.is_on() {
            return String::new();
        }
        self.begin(session, call_id);
        self.traceparent(session).unwrap_or_default()
    }

    /// Notes an event. Its `traceparent`; empty when nothing is traced.
    pub fn event(&mut self, event: &SessionEvent) -> Arc<str> {
        if !self.spans.is_on() {
            return Arc::clone(&self.none);
        }
        if let Some(view) = view(event) {
            self.begin(&event.session, &view.call_id);
        }
        let traceparent = self.traceparent(&event.session);
        match &event.payload {
            EventPayload::Ended(ended) => self.end(&event.session, ended),
            payload => self.spans.get(&event.session).into_iter().for_each(|span| note(span, payload)),
        }
        traceparent.map_or_else(|| Arc::clone(&self.none), Into::into)
    }

    fn traceparent(&mut self, session: &SessionId) -> Option<String> {
        self.spans.get(session).map(|span| traceparent_of(&span.context()))
    }

    fn begin(&mut self, session: &SessionId, call_id: &str) {
        if self.spans.get(session).is_some() {
            return;
        }
        let made = self.making.take_if(|(making, _)| *making == *session);
        let direction = if made.is_some() { CallDirection::Outbound } else { CallDirection::Inbound };
        let (kind, word) = match direction {
            CallDirection::Inbound => (SpanKind::Server, "inbound"),
            CallDirection::Outbound => (SpanKind::Client, "outbound"),
        };
        let facts = vec![
            KeyValue::new(SESSION_ID, session.to_string()),
            KeyValue::new(CALL_ID, call_id.to_owned()),
            KeyValue::new("callplane.direction", word),
        ];
        let parent = made.and_then(|(_, above)| above);
        self.spans.begin(session.clone(), Beginning { name: "session", kind, parent, facts });
        if let (Some(all), Some(span)) = (&self.contexts.0, self.spans.get(session)) {
            all.insert(session.clone(), span.context());
            span.know(vec![KeyValue::new("network.protocol.name", "sip")]);
        }
    }

    fn end(&mut self, session: &SessionId, ended: &Ended) {
        let Some(span) = self.spans.get(session) else { return };
        let mut facts = vec![KeyValue::new("callplane.end.cause", ended.cause.to_string())];
        if ended.status > 0 {
            facts.push(KeyValue::new("sip.status_code", i64::from(ended.status)));
        }
        span.know(facts);
        let outbound = span.is_client();
        if is_failure(ended.cause, ended.status, outbound) {
            let phrase = &ended.phrase;
            let words = if ended.status > 0 { format!("{} {phrase}", ended.status) } else { phrase.clone() };
            span.fail(ended.cause.to_string(), words);
        }
        self.spans.end(session);
        if let Some(all) = &self.contexts.0 {
            all.remove(session);
        }
    }
}

/// Whether a call's end is a failure of it, by the rules that OpenTelemetry has for HTTP: who asks has failed by any status
/// from 400 up, who serves only by one of its own.
fn is_failure(cause: EndCause, status: u16, outbound: bool) -> bool {
    let of_ours = matches!(
        cause,
        EndCause::AckTimeout
            | EndCause::MediaTimeout
            | EndCause::MediaFailure
            | EndCause::NetworkFailure
            | EndCause::NoEngine
            | EndCause::EngineGone
            | EndCause::DialogLost
            | EndCause::Internal
    );
    of_ours
        || if outbound { status >= 400 && cause != EndCause::Cancelled } else { (500..600).contains(&status) }
}

fn note(span: &mut CallSpan, payload: &EventPayload) {
    let fact = |name: &'static str, value: Value| KeyValue::new(name, value);
    let status = |status: u16| fact("sip.status_code", i64::from(status).into());
    let facts = match payload {
        EventPayload::Ringing { status: told } | EventPayload::Progress { status: told, .. } => {
            vec![status(*told)]
        }
        EventPayload::OperationCompleted { operation, outcome, status: told, .. } => {
            let mut facts = vec![
                fact("callplane.operation", operation.to_string().into()),
                fact("callplane.outcome", outcome.to_string().into()),
            ];
            facts.extend((*told > 0).then(|| status(*told)));
            facts
        }
        EventPayload::BridgeJoined { bridge, .. } | EventPayload::BridgeLeft { bridge } => {
            vec![fact("callplane.bridge.id", bridge.to_string().into())]
        }
        EventPayload::MediaHealth { receiving, .. } => vec![fact("callplane.receiving", (*receiving).into())],
        _ => Vec::new(),
    };
    span.note(name(payload), facts);
}

pub(super) fn view(event: &SessionEvent) -> Option<&SessionView> {
    match &event.payload {
        EventPayload::IncomingCall(call) => Some(&call.session),
        EventPayload::Created(session) => Some(session),
        _ => None,
    }
}

pub(super) const fn name(payload: &EventPayload) -> &'static str {
    match payload {
        EventPayload::IncomingCall(_) => "IncomingCall",
        EventPayload::Created(_) => "SessionCreated",
        EventPayload::Ringing { .. } => "Ringing",
        EventPayload::Progress { .. } => "Progress",
        EventPayload::Connected { .. } => "Connected",
        EventPayload::OperationCompleted { .. } => "OperationCompleted",
        EventPayload::MediaChanged { .. } => "MediaChanged",
        EventPayload::DtmfReceived { .. } => "DtmfReceived",
        EventPayload::InfoReceived { .. } => "InfoReceived",
        EventPayload::MessageReceived { .. } => "MessageReceived",
        EventPayload::BridgeJoined { .. } => "BridgeJoined",
        EventPayload::BridgeLeft { .. } => "BridgeLeft",
        EventPayload::PlaybackStarted { .. } => "PlaybackStarted",
        EventPayload::PlaybackEnded { .. } => "PlaybackEnded",
        EventPayload::MediaHealth { .. } => "MediaHealth",
        EventPayload::Revoked { .. } => "SessionRevoked",
        EventPayload::Suppressed(_) => "EventsSuppressed",
        EventPayload::Ended(_) => "SessionEnded",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_failed_where_the_call_has_by_who_asked() {
        let rows = [
            (EndCause::Busy, 486, false, true),
            (EndCause::Rejected, 503, true, true),
            (EndCause::MediaFailure, 503, true, true),
            (EndCause::MediaTimeout, 0, true, true),
            (EndCause::Cancelled, 487, false, false),
            (EndCause::RemoteHangup, 0, false, false),
            (EndCause::Redirected, 302, false, false),
        ];
        for (cause, status, inbound, outbound) in rows {
            let failed = (is_failure(cause, status, false), is_failure(cause, status, true));
            assert_eq!(failed, (inbound, outbound), "{cause:?} {status}");
        }
    }
}
