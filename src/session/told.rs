//! How often a peer's doings are told to the engine. Whoever presses keys or rings without end takes nothing from the other
//! calls of the engine: past [`PEER_EVENTS`] events are left away, counted, and their number is told once a second.

use std::sync::Arc;
use std::time::Duration;

use super::Session;
use super::action::{Action, Context};
use super::event::{EventPayload, Suppressed};
use crate::ground::{Instant, Pace, Rate};

/// How many events a session's peer may lead to, by the second and at once: far above what people and phones do. What a
/// command leads to, and what ends a call or changes its media, is always told.
pub(super) const PEER_EVENTS: Rate = Rate::new(50, 100);

/// How often the number of events that were left away is told, at most.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// What of a peer's doings was told lately.
#[derive(Debug, Default)]
pub(super) struct PeerEvents {
    pace: Pace,
    suppressed: Option<Box<(Instant, Suppressed)>>,
}

impl Session {
    /// Emits an event that a peer can bring about as often as it likes, unless there were too many of them.
    pub(super) fn emit_paced(&mut self, by: &Arc<str>, payload: EventPayload, cx: &mut Context<'_>) {
        if self.peer_events.pace.allows(&PEER_EVENTS, cx.now.mono) {
            self.tell_suppressed(false, cx);
            return self.emit(by, payload, cx);
        }
        cx.out.push(Action::Suppressed);
        // The first is told at once.
        let none_before = || Box::new((Instant::ZERO, Suppressed::default()));
        self.peer_events.suppressed.get_or_insert_with(none_before).1.count(&payload);
        self.tell_suppressed(false, cx);
    }

    /// As [`tell`](Self::tell), for an event that a peer can bring about as often as it likes.
    pub(super) fn tell_paced(&mut self, payload: EventPayload, cx: &mut Context<'_>) {
        if matches!(self.state, super::State::Over) {
            return self.absorb("an event of a session that is over", cx);
        }
        let by = Arc::clone(cx.out.unmarked());
        self.emit_paced(&by, payload, cx);
    }

    /// Tells how many events were left away since it was told last, where there are any and it is time, or `now_at_last`.
    pub(super) fn tell_suppressed(&mut self, now_at_last: bool, cx: &mut Context<'_>) {
        let Some(noted) = &mut self.peer_events.suppressed else { return };
        let (told, suppressed) = &mut **noted;
        let due = *told == Instant::ZERO || now_at_last || cx.now.mono.since(*told) >= TELL_EVERY;
        if *suppressed == Suppressed::default() || !due {
            return;
        }
        *told = cx.now.mono;
        let suppressed = std::mem::take(suppressed);
        let by = Arc::clone(cx.out.unmarked());
        self.emit(&by, EventPayload::Suppressed(suppressed), cx);
    }
}
