//! What media has to let go of: endpoints of calls that are over, and bridges that are over. Each is kept until media has
//! answered for it.
//!
//! ```text
//!              let_go               next                   answered
//!   nothing ──────────▶ waiting ──────────▶ asked ─────────────────────────▶ nothing
//!      │                   ▲  its time came  │  │
//!      │ no stream         └──── resting ◀───┘  │ the stream ended
//!      │                          refused for   ▼
//!      └───────────────────────── want of room  owed ── Reconcile without it ──▶ left out ── answered ──▶ nothing
//! ```
//!
//! None is ever refused for a bound: there are no more of them than endpoints and bridges that media was asked to make.
//! When many calls end at once they go to media at its own pace, and what others ask does not wait behind them.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::ground::{BridgeId, SessionId};

/// Most releases that media is asked for and has not answered. The others wait for its answers.
pub const RELEASES_ASKED_MAX: usize = 1_024;

/// How long after media refused a release for want of room it is asked again.
pub(super) const RELEASE_REST: Duration = Duration::from_millis(100);

/// What is to be let go of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Release {
    /// The endpoint of a session.
    Endpoint(SessionId),
    /// A bridge.
    Bridge(BridgeId),
}

/// One letting go of something. An id may be used again while media still owes the answer for what had it before: only the
/// number tells which of the two an answer is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Numbered {
    pub release: Release,
    pub number: u64,
}

/// The shard that waits for the answer, and its request's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asker {
    pub shard: u16,
    pub request: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    Asked,
    Resting,
    /// The stream ended before the answer, or there was none.
    Owed,
    /// The `Reconcile` with this number does not name it.
    LeftOut(u64),
}

#[derive(Debug)]
struct Kept {
    number: u64,
    stage: Stage,
    asker: Option<Asker>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Releases {
    kept: HashMap<Release, Kept>,
    last_number: u64,
    /// Those that wait, oldest first, each with the last request made before it: media is to hear it behind that one.
    waiting: VecDeque<(u64, Numbered)>,
    /// Those that rest, and until when.
    resting: VecDeque<(Instant, Numbered)>,
    asked: usize,
}

impl Releases {
    /// How many are without an answer.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Whether this one is without an answer.
    pub fn has(&self, release: &Release) -> bool {
        self.kept.contains_key(release)
    }

    /// Keeps one more. `behind`: the last request made before it; `None` while there is no stream, when it is owed.
    pub fn let_go(&mut self, release: Release, asker: Option<Asker>, behind: Option<u64>) {
        let stage = if behind.is_some() { Stage::Waiting } else { Stage::Owed };
        self.last_number += 1;
        let number = self.last_number;
        let before = self.kept.insert(release.clone(), Kept { number, stage, asker });
        if before.is_some_and(|before| before.stage == Stage::Asked) {
            self.asked -= 1;
        }
        self.waiting.extend(behind.map(|behind| (behind, Numbered { release, number })));
    }

    /// The next one to be asked for, unless the request that would go otherwise, `first_request`, is older, or media has
    /// enough to do with those it was asked for.
    pub fn next(&mut self, first_request: Option<u64>) -> Option<Numbered> {
        while self.asked < RELEASES_ASKED_MAX {
            let (behind, _) = self.waiting.front()?;
            if first_request.is_some_and(|request| request <= *behind) {
                return None;
            }
            let (_, next) = self.waiting.pop_front()?;
            if self.ask(&next.release, Some(next.number)).is_some() {
                return Some(next);
            }
        }
        None
    }

    /// Whether one waits that may be asked for now.
    pub fn has_next(&self) -> bool {
        self.asked < RELEASES_ASKED_MAX && !self.waiting.is_empty()
    }

    /// Something of the same id is about to be made: its release, if it has to be asked for before. It counts as asked for
    /// then.
    pub fn goes_first(&mut self, release: Release) -> Option<Numbered> {
        let number = self.ask(&release, None)?;
        Some(Numbered { release, number })
    }

    /// Counts as asked for what waits or rests, of this `number` if there is one. Its number.
    fn ask(&mut self, release: &Release, number: Option<u64>) -> Option<u64> {
        let kept = self.kept.get_mut(release)?;
        let waits = matches!(kept.stage, Stage::Waiting | Stage::Resting);
        if !waits || number.is_some_and(|number| number != kept.number) {
            return None;
        }
        kept.stage = Stage::Asked;
        self.asked += 1;
        Some(kept.number)
    }

    /// The one of this number, unless another one has its id by now.
    fn kept(&mut self, of: &Numbered) -> Option<&mut Kept> {
        self.kept.get_mut(&of.release).filter(|kept| kept.number == of.number)
    }

    /// Media has answered: it is gone, or never was. Who waits for that.
    pub fn answered(&mut self, answered: &Numbered) -> Option<Asker> {
        self.kept(answered)?;
        let kept = self.kept.remove(&answered.release)?;
        if kept.stage == Stage::Asked {
            self.asked -= 1;
        }
        kept.asker
    }

    /// Media has no room even for this: it is asked again at `again`.
    pub fn refused(&mut self, refused: &Numbered, again: Instant) {
        let Some(kept) = self.kept(refused).filter(|kept| kept.stage == Stage::Asked) else { return };
        kept.stage = Stage::Resting;
        self.asked -= 1;
        self.resting.push_back((again, refused.clone()));
    }

    /// When the first that rests has rested.
    pub fn rested_at(&self) -> Option<Instant> {
        self.resting.front().map(|(at, _)| *at)
    }

    /// Lets those wait again that have rested.
    pub fn wake(&mut self, now: Instant, behind: u64) {
        while self.resting.front().is_some_and(|(at, _)| *at <= now) {
            let Some((_, rested)) = self.resting.pop_front() else { break };
            if let Some(kept) = self.kept(&rested).filter(|kept| kept.stage == Stage::Resting) {
                kept.stage = Stage::Waiting;
                self.waiting.push_back((behind, rested));
            }
        }
    }

    /// The stream has ended: all of them are owed. Who waited for answers.
    pub fn shut(&mut self) -> Vec<Asker> {
        self.stop();
        let owed = self.kept.values_mut().filter_map(|kept| {
            kept.stage = Stage::Owed;
            kept.asker.take()
        });
        owed.collect()
    }

    /// This `Reconcile` names none of them.
    pub fn left_out(&mut self, reconcile: u64) {
        self.stop();
        self.kept.values_mut().for_each(|kept| kept.stage = Stage::LeftOut(reconcile));
    }

    /// Media has done this `Reconcile`.
    pub fn reconciled(&mut self, reconcile: u64) {
        self.kept.retain(|_, kept| kept.stage != Stage::LeftOut(reconcile));
    }

    /// Media has lost all that there was.
    pub fn clear(&mut self) {
        self.stop();
        self.kept.clear();
    }

    fn stop(&mut self) {
        self.waiting.clear();
        self.resting.clear();
        self.asked = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Release {
        Release::Endpoint(SessionId::parse(text).unwrap())
    }

    fn asker(request: u64) -> Option<Asker> {
        Some(Asker { shard: 0, request })
    }

    fn numbered(text: &str, number: u64) -> Numbered {
        Numbered { release: endpoint(text), number }
    }

    #[test]
    fn a_release_goes_behind_the_requests_made_before_it() {
        let mut releases = Releases::default();
        releases.let_go(endpoint("a"), asker(1), Some(7));
        assert_eq!(releases.next(Some(7)), None);
        assert_eq!(releases.next(Some(8)), Some(numbered("a", 1)));
        assert_eq!(releases.next(None), None);
        assert_eq!(releases.answered(&numbered("a", 1)), asker(1));
        assert!(releases.is_empty());
    }

    #[test]
    fn a_release_that_is_refused_for_want_of_room_is_asked_for_again() {
        let (mut releases, now) = (Releases::default(), Instant::now());
        releases.let_go(endpoint("a"), asker(1), Some(1));
        assert_eq!(releases.next(None), Some(numbered("a", 1)));
        releases.refused(&numbered("a", 1), now + RELEASE_REST);
        assert_eq!(releases.rested_at(), Some(now + RELEASE_REST));
        releases.wake(now, 2);
        assert_eq!(releases.next(None), None, "it rests");
        releases.wake(now + RELEASE_REST, 2);
        assert_eq!(releases.next(None), Some(numbered("a", 1)));
        assert_eq!((releases.rested_at(), releases.len()), (None, 1));
    }

    #[test]
    fn so_many_are_asked_for_at_once_and_an_answer_makes_room_for_the_next() {
        let mut releases = Releases::default();
        let named = |n: usize| numbered(&format!("e{n}"), n as u64 + 1);
        (0..=RELEASES_ASKED_MAX).for_each(|n| releases.let_go(named(n).release, None, Some(0)));
        assert_eq!(std::iter::from_fn(|| releases.next(None)).count(), RELEASES_ASKED_MAX);
        assert!(!releases.has_next());
        releases.answered(&named(0));
        assert_eq!(releases.next(None), Some(named(RELEASES_ASKED_MAX)));
    }

    #[test]
    fn what_a_stream_left_unanswered_is_owed_until_a_reconcile_without_it_is_answered() {
        let mut releases = Releases::default();
        releases.let_go(endpoint("a"), asker(1), Some(0));
        releases.let_go(endpoint("b"), None, Some(0));
        releases.next(None);
        assert_eq!(releases.shut(), [Asker { shard: 0, request: 1 }]);
        releases.left_out(1);
        assert_eq!(releases.shut(), [], "that stream broke, too");
        releases.left_out(2);
        releases.reconciled(1);
        assert_eq!(releases.len(), 2);
        releases.reconciled(2);
        assert!(releases.is_empty());
    }

    #[test]
    fn a_release_goes_before_something_of_its_id_is_made_anew() {
        let mut releases = Releases::default();
        releases.let_go(endpoint("a"), None, Some(0));
        assert_eq!(releases.goes_first(endpoint("a")), Some(numbered("a", 1)));
        assert_eq!(releases.goes_first(endpoint("b")), None);
        assert_eq!(releases.goes_first(endpoint("a")), None, "it is on its way");
        assert_eq!(releases.next(None), None);
    }

    #[test]
    fn an_answer_for_what_had_an_id_before_is_none_for_what_has_it_now() {
        let (mut releases, now) = (Releases::default(), Instant::now());
        releases.let_go(endpoint("a"), asker(1), Some(0));
        let old = releases.next(None).expect("the first");
        releases.let_go(endpoint("a"), asker(2), Some(5));
        assert_eq!(releases.answered(&old), None);
        releases.refused(&old, now);
        assert_eq!(releases.rested_at(), None);
        let new = releases.next(None).expect("the second");
        assert_eq!((new.release.clone(), releases.len()), (endpoint("a"), 1));
        assert_eq!((releases.answered(&new), releases.asked), (asker(2), 0));
    }
}
