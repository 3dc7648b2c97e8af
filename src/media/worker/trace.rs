//! The life of an endpoint, for logs and traces.

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use tracing::Span;

use super::operation::Create;
use crate::ground::ID_BYTES_MAX;
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

/// What log lines stand under about an endpoint that is not there: what is known of it is what was asked.
#[must_use]
pub fn asked_span(id: &str, create: Option<&Create>) -> Span {
    // It was not looked at whether it can be an id.
    let id: String = id.chars().take(ID_BYTES_MAX).collect();
    match create {
        Some(create) => endpoint_span(&id, create),
        None => tracing::info_span!(parent: None, "media endpoint", endpoint = id),
    }
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

#[cfg(test)]
mod tests {
    use tracing_subscriber::fmt;

    use super::*;
    use crate::telemetry::tests::Written;

    #[test]
    fn a_line_about_an_endpoint_that_was_never_made_names_what_was_asked() {
        let create = Create { session_id: "s-1".into(), call_id: "c-1".into(), ..Create::default() };
        let long = "e".repeat(ID_BYTES_MAX + 1);
        let rows = [
            ("e-1", Some(&create), vec!["endpoint=\"e-1\"", "session=\"s-1\"", "call_id=\"c-1\""]),
            ("e-2", None, vec!["endpoint=\"e-2\""]),
            (long.as_str(), None, vec![&long[1..]]),
        ];
        for (id, create, named) in rows {
            let written = Written::default();
            let subscriber = fmt().with_writer(written.clone()).with_ansi(false).finish();
            tracing::subscriber::with_default(subscriber, || {
                asked_span(id, create).in_scope(|| tracing::info!(generation = 1, "negotiation failed"));
            });
            let text = written.text();
            assert!(named.iter().all(|named| text.contains(named)) && !text.contains(&long), "{text}");
        }
    }
}
