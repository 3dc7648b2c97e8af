//! The sessions' spans: begun with a session's first event, or with its endpoint where that comes first; ended with its
//! last event. And the log lines of a call, which name its session and its Call-ID.

use std::sync::Arc;

use opentelemetry::trace::SpanKind;

use crate::ground::SessionId;
use crate::session::event::{EventPayload, SessionEvent, SessionView};
use crate::telemetry::Spans;

/// The spans of one shard's sessions.
pub(super) struct Traces {
    spans: Spans<SessionId>,
    /// The `traceparent` of what is not traced.
    none: Arc<str>,
}

impl Traces {
    pub fn new(tracing: bool) -> Self {
        Self { spans: Spans::new(tracing), none: "".into() }
    }

    /// The `traceparent` under which an endpoint's spans hang; empty when nothing is traced.
    pub fn endpoint(&mut self, session: &SessionId, call_id: &str) -> String {
        if !self.spans.is_on() {
            return String::new();
        }
        self.begin(session, call_id);
        self.spans.traceparent(session).unwrap_or_default()
    }

    /// Notes an event. Its `traceparent`; empty when nothing is traced.
    pub fn event(&mut self, event: &SessionEvent) -> Arc<str> {
        self.log(event);
        if !self.spans.is_on() {
            return Arc::clone(&self.none);
        }
        if let Some(view) = view(event) {
            self.begin(&event.session, &view.call_id);
        }
        let traceparent = self.spans.traceparent(&event.session);
        match &event.payload {
            EventPayload::Ended(ended) => {
                self.spans.end(&event.session, [("end.cause", ended.cause.to_string())]);
            }
            payload => self.spans.note(&event.session, name(payload), []),
        }
        traceparent.map_or_else(|| Arc::clone(&self.none), Into::into)
    }

    fn begin(&mut self, session: &SessionId, call_id: &str) {
        if self.spans.traceparent(session).is_none() {
            let facts = [("session.id", session.to_string()), ("sip.call_id", call_id.to_owned())];
            self.spans.begin(session.clone(), "session", SpanKind::Server, "", facts);
        }
    }

    fn log(&self, event: &SessionEvent) {
        match (&event.payload, view(event)) {
            (payload, Some(view)) => {
                tracing::debug!(session = %event.session, call_id = view.call_id, "{}", name(payload));
            }
            (EventPayload::Ended(ended), _) => {
                tracing::debug!(session = %event.session, cause = %ended.cause, status = ended.status, "Ended");
            }
            (payload, None) => tracing::debug!(session = %event.session, "{}", name(payload)),
        }
    }
}

fn view(event: &SessionEvent) -> Option<&SessionView> {
    match &event.payload {
        EventPayload::IncomingCall(call) => Some(&call.session),
        EventPayload::Created(session) => Some(session),
        _ => None,
    }
}

const fn name(payload: &EventPayload) -> &'static str {
    match payload {
        EventPayload::IncomingCall(_) => "IncomingCall",
        EventPayload::Created(_) => "Created",
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
        EventPayload::Revoked { .. } => "Revoked",
        EventPayload::Suppressed(_) => "Suppressed",
        EventPayload::Ended(_) => "Ended",
    }
}
