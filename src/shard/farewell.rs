//! Ending many calls: those of an engine that is gone, of a media service that is lost, of a process that shuts down.
//!
//! Twenty thousand BYEs at once would be one burst, and each time their timers run another one. So calls wait in a queue
//! and are ended by rounds, a little apart from each other. The first round is at once: few calls do not wait at all.

use std::collections::VecDeque;
use std::time::Duration;

use super::Shard;
use super::pending::SlotId;
use crate::ground::{Instant, Now};
use crate::session::command::EngineRef;
use crate::session::event::EndCause;

/// How many calls a shard ends in a second when many are to end.
pub(super) const HANG_UPS_PER_SECOND: u32 = 1_000;

/// Within what time it ends all of them when the process shuts down, whatever their number.
pub(super) const HANG_UP_ALL_WITHIN: Duration = Duration::from_millis(1_500);

/// Shortest and longest time between two rounds, milliseconds.
const ROUND_MS: (u64, u64) = (15, 25);

/// Calls of a round, so that a second has [`HANG_UPS_PER_SECOND`].
const ROUND: usize = (HANG_UPS_PER_SECOND as u64 * (ROUND_MS.0 + ROUND_MS.1) / 2 / 1000) as usize;

/// Why a call ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// The process shuts down.
    Shutdown,
    /// This engine is gone; a call that was passed on to another in the meantime goes on.
    EngineGone(EngineRef),
    /// Its endpoint went with the media service.
    MediaLost,
}

/// Calls that are to end. At most as many as there are sessions: none waits twice.
#[derive(Debug)]
pub(super) struct Farewells {
    waiting: VecDeque<(SlotId, Why)>,
    next: Option<Instant>,
    round: usize,
}

impl Default for Farewells {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), next: None, round: ROUND }
    }
}

impl Farewells {
    /// When the next round is due.
    pub const fn next(&self) -> Option<Instant> {
        self.next
    }

    /// All that wait are to be ended within [`HANG_UP_ALL_WITHIN`], whatever for.
    fn hurry(&mut self) {
        for (_, why) in &mut self.waiting {
            *why = Why::Shutdown;
        }
        let rounds = HANG_UP_ALL_WITHIN.as_millis() as usize / ROUND_MS.1 as usize;
        self.round = self.round.max(self.waiting.len().div_ceil(rounds));
    }
}

impl Shard {
    /// Ends these calls, the first of them now.
    pub(super) fn end_by_rounds(&mut self, slots: impl IntoIterator<Item = SlotId>, why: Why, now: Now) {
        for slot in slots {
            if let Some(entry) = self.slots.get_mut(slot)
                && !std::mem::replace(&mut entry.to_be_ended, true)
            {
                self.farewells.waiting.push_back((slot, why.clone()));
            }
        }
        if why == Why::Shutdown {
            self.farewells.hurry();
        }
        if self.farewells.next.is_none() {
            self.end_a_round(now);
        }
    }

    /// Ends as many as a round has, and sets the time of the next one.
    pub(super) fn end_a_round(&mut self, now: Now) {
        for _ in 0..self.farewells.round {
            let Some((slot, why)) = self.farewells.waiting.pop_front() else { break };
            self.with_session(slot, now, |session, cx| match why {
                Why::Shutdown => session.give_up(EndCause::Shutdown, cx),
                Why::EngineGone(engine) if *session.engine() == engine => {
                    session.give_up(EndCause::EngineGone, cx);
                }
                Why::MediaLost if session.has_endpoint() => {
                    session.endpoint_lost("the media service was lost".into(), cx);
                }
                Why::EngineGone(_) | Why::MediaLost => {}
            });
            if let Some(entry) = self.slots.get_mut(slot) {
                entry.to_be_ended = false;
            }
            self.carry(now);
        }
        let (least, most) = ROUND_MS;
        let pause = Duration::from_millis(least + self.random.below(most - least + 1));
        self.farewells.next = (!self.farewells.waiting.is_empty()).then(|| now.mono + pause);
        if self.farewells.next.is_none() {
            self.farewells.round = ROUND;
        }
    }
}
