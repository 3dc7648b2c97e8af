//! Lines that a peer can cause are not written without end: each place of the code writes so many at once and one a second
//! from then on. What is left out is counted and told.
//!
//! It holds for whatever is logged at `info` and above, so that no place can be forgotten. Lines of calls, which have a
//! switch of their own, and `debug` and `trace`, which somebody asked for, are not limited.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Filter};

use super::CALLS_TARGET;

/// Lines that one place writes at once.
pub const LINES_AT_ONCE: u32 = 50;

/// After this a place that has written that many may write one more.
pub const LINE_EVERY: Duration = Duration::from_secs(1);

/// How long lines are left out before it is told how many were.
pub const TOLD_AFTER: Duration = Duration::from_secs(10);

/// The target of what is told here, which is not limited itself.
const OWN_TARGET: &str = "callplane::telemetry";

/// The places that write lines, each with its allowance.
#[derive(Debug)]
pub(super) struct Limit {
    began: Instant,
    places: Mutex<HashMap<Identifier, Place>>,
    left_out: AtomicU64,
}

#[derive(Debug)]
struct Place {
    allowance: u32,
    /// When the allowance grew last, since the beginning.
    grew: Duration,
    left_out: Option<LeftOut>,
}

/// Lines of one place that were not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LeftOut {
    /// How many.
    pub lines: u64,
    /// What the first of them said.
    pub said: String,
    since: Duration,
}

impl Place {
    const fn new(now: Duration) -> Self {
        Self { allowance: LINES_AT_ONCE, grew: now, left_out: None }
    }

    fn takes(&mut self, now: Duration) -> bool {
        let grown = now.saturating_sub(self.grew).as_secs() / LINE_EVERY.as_secs();
        self.grew += LINE_EVERY * u32::try_from(grown).unwrap_or(u32::MAX);
        self.allowance =
            LINES_AT_ONCE.min(self.allowance.saturating_add(u32::try_from(grown).unwrap_or(u32::MAX)));
        let takes = self.allowance > 0;
        self.allowance = self.allowance.saturating_sub(1);
        takes
    }
}

impl Limit {
    pub fn new() -> Self {
        Self { began: Instant::now(), places: Mutex::default(), left_out: AtomicU64::new(0) }
    }

    /// Lines left out since the beginning.
    pub fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }

    /// Whether a line of this place may be written; `said` is asked only for the first one that may not.
    fn takes(&self, place: Identifier, now: Duration, said: impl FnOnce() -> String) -> bool {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let place = places.entry(place).or_insert_with(|| Place::new(now));
        if place.takes(now) {
            return true;
        }
        self.left_out.fetch_add(1, Ordering::Relaxed);
        place.left_out.get_or_insert_with(|| LeftOut { lines: 0, said: said(), since: now }).lines += 1;
        false
    }

    fn to_tell(&self, now: Duration) -> Vec<LeftOut> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let due = |left: &mut LeftOut| now.saturating_sub(left.since) >= TOLD_AFTER;
        places.values_mut().filter_map(|place| place.left_out.take_if(due)).collect()
    }

    /// Tells how many lines were left out, for each place that has left some out for long enough.
    pub fn tell(&self) {
        // Told without the lock: what is told comes by here again.
        for LeftOut { lines, said, .. } in self.to_tell(self.began.elapsed()) {
            tracing::info!(target: OWN_TARGET, lines, "left out, as there were too many: {said}");
        }
    }
}

/// The limit as a filter of a log's layer.
#[derive(Clone, Debug)]
pub(super) struct Limited(pub Arc<Limit>);

impl<S: Subscriber> Filter<S> for Limited {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    /// A place whose events may be left out has to be asked about each of them: the registry expects it.
    fn callsite_enabled(&self, place: &'static Metadata<'static>) -> Interest {
        if is_limited(place) { Interest::sometimes() } else { Interest::always() }
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        let place = event.metadata();
        !is_limited(place) || self.0.takes(place.callsite(), self.0.began.elapsed(), || words_of(event))
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }
}

fn is_limited(place: &Metadata<'_>) -> bool {
    *place.level() <= Level::INFO && ![CALLS_TARGET, OWN_TARGET].contains(&place.target())
}

/// What an event says, without its fields.
fn words_of(event: &Event<'_>) -> String {
    struct Words(String);
    impl Visit for Words {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            if field.name() == "message" {
                self.0 = format!("{value:?}");
            }
        }
    }
    let mut words = Words(String::new());
    event.record(&mut words);
    words.0
}

#[cfg(test)]
mod tests {
    use tracing::callsite::Callsite as _;
    use tracing_subscriber::Layer as _;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::telemetry::tests::Written;

    fn place() -> Identifier {
        tracing::callsite!(name: "a place", kind: tracing::metadata::Kind::EVENT, fields: message)
            .metadata()
            .callsite()
    }

    #[test]
    fn a_place_writes_so_many_lines_at_once_and_then_one_a_second() {
        let limit = Limit::new();
        let second = Duration::from_secs;
        let taken =
            |now, tries: u32| (0..tries).filter(|_| limit.takes(place(), now, || "too many".into())).count();
        assert_eq!(taken(second(0), LINES_AT_ONCE + 30), LINES_AT_ONCE as usize);
        assert_eq!(taken(second(3), 10), 3);
        assert_eq!(taken(second(1_000_000), 100), LINES_AT_ONCE as usize);
        assert_eq!(limit.left_out(), 30 + 7 + 50);
    }

    #[test]
    fn what_was_left_out_is_told_once_and_with_its_words() {
        let limit = Limit::new();
        for _ in 0..LINES_AT_ONCE + 2 {
            limit.takes(place(), Duration::ZERO, || "too many".into());
        }
        assert_eq!(limit.to_tell(TOLD_AFTER / 2), vec![]);
        let told = limit.to_tell(TOLD_AFTER);
        assert_eq!(
            told.iter().map(|left| (left.lines, left.said.as_str())).collect::<Vec<_>>(),
            [(2, "too many")]
        );
        assert_eq!(limit.to_tell(2 * TOLD_AFTER), vec![]);
    }

    #[test]
    fn lines_that_a_peer_can_cause_are_limited_and_those_of_calls_and_of_debug_are_not() {
        let written = Written::default();
        let limit = Arc::new(Limit::new());
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(written.clone())
            .with_filter(Limited(Arc::clone(&limit)));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            for number in 0..3 * LINES_AT_ONCE {
                tracing::warn!(number, "a peer is odd");
                tracing::debug!(number, "somebody asked");
                tracing::info!(target: CALLS_TARGET, number, "call ended");
            }
        });
        let text = written.text();
        let count = |words: &str| text.lines().filter(|line| line.contains(words)).count();
        let all = 3 * LINES_AT_ONCE as usize;
        let counted = (count("a peer is odd"), count("somebody asked"), count("call ended"));
        assert_eq!(counted, (LINES_AT_ONCE as usize, all, all));
        assert_eq!(limit.to_tell(limit.began.elapsed() + TOLD_AFTER)[0].said, "a peer is odd");
    }
}
