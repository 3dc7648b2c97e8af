//! One trace for each call, over both services and the engine: a leg's span is its session's, media's hangs under it by the
//! W3C trace context that the endpoint was made with, and legs made for a session hang under that session's, or under the
//! span of the engine that asked for them.
//!
//! Spans are begun and ended by hand, because a call's life is no function's. Where no collector is configured nothing is
//! kept and nothing is done.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::global::{BoxedSpan, BoxedTracer};
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt as _, Tracer as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::propagation::TraceContextPropagator;

/// Most spans that one table holds. Calls beyond it are not traced.
pub const SPANS_MAX: usize = 100_000;

/// The session's id, as attribute of every span of its.
pub const SESSION_ID: &str = "callplane.session.id";
/// The Call-ID.
pub const CALL_ID: &str = "sip.call_id";

/// The name of the scope that spans are in.
const SCOPE: &str = "callplane";
/// The header of W3C Trace Context §3.2.
const TRACEPARENT: &str = "traceparent";

static TRACING: AtomicBool = AtomicBool::new(false);

/// A collector is there from now on.
pub(super) fn trace_from_now_on() {
    TRACING.store(true, Ordering::Release);
}

/// What a span begins with.
#[derive(Debug)]
pub struct Beginning {
    /// Its name.
    pub name: &'static str,
    /// Whether it serves somebody or asks.
    pub kind: SpanKind,
    /// What it hangs under; `None`: a trace of its own.
    pub parent: Option<SpanContext>,
    /// What is known of it.
    pub facts: Vec<KeyValue>,
}

/// One span; it ends when it is dropped.
pub struct CallSpan(BoxedSpan, SpanKind);

impl fmt::Debug for CallSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CallSpan").field(self.0.span_context()).finish()
    }
}

impl CallSpan {
    /// Begins a span, where there is a collector.
    #[must_use]
    pub fn begin(beginning: Beginning) -> Option<Self> {
        TRACING.load(Ordering::Acquire).then(|| Self::with(&opentelemetry::global::tracer(SCOPE), beginning))
    }

    fn with(tracer: &BoxedTracer, beginning: Beginning) -> Self {
        let Beginning { name, kind, parent, facts } = beginning;
        let parent =
            parent.map_or_else(Context::new, |parent| Context::new().with_remote_span_context(parent));
        let builder = SpanBuilder::from_name(name).with_kind(kind.clone()).with_attributes(facts);
        Self(tracer.build_with_context(builder, &parent), kind)
    }

    /// Notes that something happened, with facts about it.
    pub fn note(&mut self, what: &'static str, facts: Vec<KeyValue>) {
        self.0.add_event(what, facts);
    }

    /// More is known of it.
    pub fn know(&mut self, facts: Vec<KeyValue>) {
        self.0.set_attributes(facts);
    }

    /// Marks it as failed. `kind` is what failures are told apart by.
    pub fn fail(&mut self, kind: String, words: String) {
        self.0.set_attribute(KeyValue::new("error.type", kind));
        self.0.set_status(Status::error(words));
    }

    /// Somebody else's span has to do with it; one of the same trace does anyway.
    pub fn link(&mut self, other: SpanContext) {
        if other.trace_id() != self.0.span_context().trace_id() {
            self.0.add_link(other, Vec::new());
        }
    }

    /// Whether it is of a leg that we called.
    #[must_use]
    pub fn is_client(&self) -> bool {
        self.1 == SpanKind::Client
    }

    /// What others hang their spans under.
    #[must_use]
    pub fn context(&self) -> SpanContext {
        self.0.span_context().clone()
    }
}

/// The open spans of one shard or one engine, by what they stand for.
#[derive(Debug)]
pub struct Spans<K> {
    tracing: bool,
    open: HashMap<K, CallSpan>,
}

impl<K: Eq + Hash> Default for Spans<K> {
    /// It traces where this process has a collector.
    fn default() -> Self {
        Self::new(is_tracing())
    }
}

impl<K: Eq + Hash> Spans<K> {
    /// A table that traces, or else does nothing.
    #[must_use]
    pub fn new(tracing: bool) -> Self {
        Self { tracing, open: HashMap::new() }
    }

    /// Whether anything is traced.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.tracing
    }

    /// Begins a span.
    pub fn begin(&mut self, key: K, beginning: Beginning) {
        if self.tracing && self.open.len() < SPANS_MAX {
            self.open.extend(CallSpan::begin(beginning).map(|span| (key, span)));
        }
    }

    /// The open span of this.
    pub fn get(&mut self, key: &K) -> Option<&mut CallSpan> {
        self.open.get_mut(key)
    }

    /// Ends a span.
    pub fn end(&mut self, key: &K) {
        self.open.remove(key);
    }
}

/// Whether this process has a collector.
#[must_use]
pub fn is_tracing() -> bool {
    TRACING.load(Ordering::Acquire)
}

/// Writes a context as W3C `traceparent`.
#[must_use]
pub fn traceparent_of(context: &SpanContext) -> String {
    let mut carrier = HashMap::new();
    let context = Context::new().with_remote_span_context(context.clone());
    TraceContextPropagator::new().inject_context(&context, &mut carrier);
    carrier.remove(TRACEPARENT).unwrap_or_default()
}

/// Reads a W3C `traceparent`; `None` when it is none.
#[must_use]
pub fn remote_context(traceparent: &str) -> Option<SpanContext> {
    if traceparent.is_empty() {
        return None;
    }
    let carrier = HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]);
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
    let context = context.span().span_context().clone();
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};

    use super::*;

    const OTHER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn begin(provider: &SdkTracerProvider, name: &'static str, parent: Option<SpanContext>) -> CallSpan {
        let tracer = BoxedTracer::new(Box::new(provider.tracer("test")));
        let facts = vec![KeyValue::new(CALL_ID, "x")];
        CallSpan::with(&tracer, Beginning { name, kind: SpanKind::Server, parent, facts })
    }

    #[test]
    fn spans_hang_under_each_other_by_what_is_written_between_processes() {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let mut session = begin(&provider, "session", remote_context(OTHER));
        let endpoint = begin(&provider, "endpoint", remote_context(&traceparent_of(&session.context())));
        drop(endpoint);
        session.note("Connected", vec![]);
        session.link(remote_context(OTHER).expect("a context"));
        let stranger = OTHER.replace("4bf9", "5bf9");
        session.link(remote_context(&stranger).expect("a context"));
        session.fail("media-failure".into(), "503".into());
        drop(session);
        let spans = exporter.get_finished_spans().expect("spans");
        let [endpoint, session] = spans.as_slice() else { panic!("{spans:?}") };
        assert_eq!(endpoint.parent_span_id, session.span_context.span_id());
        assert_eq!(session.span_context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(endpoint.span_context.trace_id(), session.span_context.trace_id());
        assert_eq!((session.events.len(), session.links.len()), (1, 1));
        assert_eq!(session.status, Status::error("503"));
    }

    #[test]
    fn without_a_collector_nothing_is_kept() {
        let mut spans = Spans::new(false);
        let beginning = Beginning { name: "a", kind: SpanKind::Server, parent: None, facts: vec![] };
        spans.begin("a", beginning);
        assert!(spans.get(&"a").is_none() && !spans.is_on());
    }

    #[test]
    fn what_is_no_traceparent_begins_a_trace_of_its_own() {
        for text in ["", "00-0-0-0", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "é"] {
            assert!(remote_context(text).is_none(), "{text}");
        }
        assert_eq!(remote_context(OTHER).map(|context| traceparent_of(&context)).as_deref(), Some(OTHER));
    }
}
