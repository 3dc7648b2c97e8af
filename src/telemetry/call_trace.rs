//! One span tree for each call, over both services: signaling's span is the session, media's hangs under it by the W3C
//! trace context that the endpoint was made with.
//!
//! Spans are begun and ended by hand, because a call's life is no function's. Where no collector is configured nothing is
//! kept and nothing is done.

use std::collections::HashMap;
use std::hash::Hash;

use opentelemetry::global::{BoxedSpan, BoxedTracer};
use opentelemetry::trace::{
    Span as _, SpanContext, SpanId, SpanKind, TraceContextExt as _, TraceFlags, TraceId, TraceState,
    Tracer as _,
};
use opentelemetry::{Context, KeyValue};

/// Most spans that one table holds. Calls beyond it are not traced.
pub const SPANS_MAX: usize = 100_000;

/// The open spans of one shard or one media service, by what they stand for.
#[derive(Debug)]
pub struct Spans<K> {
    tracer: Option<BoxedTracer>,
    open: HashMap<K, BoxedSpan>,
}

impl<K: Eq + Hash> Spans<K> {
    /// A table that traces when the process has a collector, and else does nothing.
    #[must_use]
    pub fn new(tracing: bool) -> Self {
        let tracer = tracing.then(|| opentelemetry::global::tracer("callplane"));
        Self { tracer, open: HashMap::new() }
    }

    /// Whether anything is traced.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.tracer.is_some()
    }

    /// How many spans are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Begins a span under the W3C `traceparent`, or a trace of its own where that is empty or unreadable.
    pub fn begin(
        &mut self,
        key: K,
        name: &'static str,
        kind: SpanKind,
        traceparent: &str,
        facts: impl IntoIterator<Item = (&'static str, String)>,
    ) {
        let Some(tracer) = &self.tracer else { return };
        if self.open.len() >= SPANS_MAX {
            return;
        }
        let attributes: Vec<KeyValue> =
            facts.into_iter().map(|(name, value)| KeyValue::new(name, value)).collect();
        let parent = remote_context(traceparent)
            .map_or_else(Context::new, |remote| Context::new().with_remote_span_context(remote));
        let builder = tracer.span_builder(name).with_kind(kind).with_attributes(attributes);
        let span = tracer.build_with_context(builder, &parent);
        if let Some(mut replaced) = self.open.insert(key, span) {
            replaced.end();
        }
    }

    /// Notes that something happened, with facts about it.
    pub fn note(
        &mut self,
        key: &K,
        what: &'static str,
        facts: impl IntoIterator<Item = (&'static str, String)>,
    ) {
        if let Some(span) = self.open.get_mut(key) {
            let facts = facts.into_iter().map(|(name, value)| KeyValue::new(name, value)).collect();
            span.add_event(what, facts);
        }
    }

    /// Ends a span, with facts about its whole.
    pub fn end(&mut self, key: &K, facts: impl IntoIterator<Item = (&'static str, String)>) {
        if let Some(mut span) = self.open.remove(key) {
            for (name, value) in facts {
                span.set_attribute(KeyValue::new(name, value));
            }
            span.end();
        }
    }

    /// The W3C `traceparent` under which others hang their spans; `None` where the key is not traced.
    #[must_use]
    pub fn traceparent(&self, key: &K) -> Option<String> {
        self.open.get(key).map(|span| write(span.span_context()))
    }
}

impl<K> Drop for Spans<K> {
    fn drop(&mut self) {
        for span in self.open.values_mut() {
            span.end();
        }
    }
}

/// Writes a `traceparent` (W3C Trace Context §3.2).
fn write(context: &SpanContext) -> String {
    format!("00-{}-{}-{:02x}", context.trace_id(), context.span_id(), context.trace_flags().to_u8())
}

/// Reads a `traceparent` (W3C Trace Context §3.2): `00-<32 hex>-<16 hex>-<2 hex>`; `None` when it is none.
#[must_use]
pub fn remote_context(text: &str) -> Option<SpanContext> {
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if version.len() != 2 || version == "ff" || trace.len() != 32 || span.len() != 16 || flags.len() != 2 {
        return None;
    }
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(u8::from_str_radix(flags, 16).ok()?),
        true,
        TraceState::default(),
    );
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};

    use super::*;

    fn recorded() -> (Spans<&'static str>, SdkTracerProvider, InMemorySpanExporter) {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let tracer = BoxedTracer::new(Box::new(provider.tracer("test")));
        (Spans { tracer: Some(tracer), open: HashMap::new() }, provider, exporter)
    }

    #[test]
    fn media_s_span_hangs_under_the_session_s_by_its_traceparent() {
        let (mut signaling, _provider, exporter) = recorded();
        signaling.begin("a", "session", SpanKind::Server, "", [("sip.call_id", "x".to_owned())]);
        let (mut media, _other, media_exporter) = recorded();
        let traceparent = signaling.traceparent(&"a").expect("traced");
        media.begin("a", "endpoint", SpanKind::Server, &traceparent, []);
        media.end(&"a", []);
        signaling.note(&"a", "Connected", []);
        signaling.end(&"a", [("end.cause", "RemoteHangup".to_owned())]);
        let session = &exporter.get_finished_spans().expect("spans")[0];
        let endpoint = &media_exporter.get_finished_spans().expect("spans")[0];
        assert_eq!(endpoint.parent_span_id, session.span_context.span_id());
        assert_eq!(endpoint.span_context.trace_id(), session.span_context.trace_id());
        assert_eq!(session.events.len(), 1);
        assert!(signaling.is_empty() && media.is_empty());
    }

    #[test]
    fn without_a_collector_nothing_is_kept() {
        let mut spans = Spans::new(false);
        spans.begin("a", "session", SpanKind::Server, "", []);
        assert!(spans.is_empty() && !spans.is_on() && spans.traceparent(&"a").is_none());
    }

    #[test]
    fn what_is_no_traceparent_begins_a_trace_of_its_own() {
        for text in [
            "",
            "00-0-0-0",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "é",
        ] {
            assert!(remote_context(text).is_none(), "{text}");
        }
        assert!(remote_context("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").is_some());
    }
}
