//! The span of an endpoint's life, under the call's trace.

use opentelemetry::trace::TraceContextExt as _;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::operation::Create;
use crate::telemetry::remote_context;

/// A span for an endpoint, under the traceparent that it was made with.
#[must_use]
pub fn endpoint_span(id: &str, create: &Create) -> Span {
    let span = tracing::info_span!(
        parent: None,
        "media endpoint",
        endpoint = id,
        session_id = create.session_id,
        call_id = create.call_id
    );
    if let Some(parent) = remote_context(&create.traceparent) {
        // It fails only where no traces are exported.
        let _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(parent));
    }
    span
}
