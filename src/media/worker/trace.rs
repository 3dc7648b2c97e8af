//! The life of an endpoint, for logs and traces.

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use tracing::Span;

use super::operation::Create;
use crate::telemetry::call_trace::{Beginning, CALL_ID, CallSpan, SESSION_ID, remote_context};

/// What log lines about an endpoint stand under.
#[must_use]
pub fn endpoint_span(id: &str, create: &Create) -> Span {
    tracing::info_span!(
        parent: None,
        "media endpoint",
        endpoint = id,
        session = create.session_id,
        call_id = create.call_id
    )
}

/// Its span in the call's trace, under the traceparent that it was made with. It ends with the endpoint.
#[must_use]
pub fn endpoint_trace(id: &str, create: &Create) -> Option<CallSpan> {
    CallSpan::begin(Beginning {
        name: "media endpoint",
        kind: SpanKind::Server,
        parent: remote_context(&create.traceparent),
        facts: vec![
            KeyValue::new(SESSION_ID, create.session_id.clone()),
            KeyValue::new(CALL_ID, create.call_id.clone()),
            KeyValue::new("callplane.endpoint.id", id.to_owned()),
        ],
    })
}
