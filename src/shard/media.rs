//! What comes from media, and what happens when it does not come; and the ends that come from outside.

use super::farewell::Why;
use super::slots::Entry;
use super::{Shard, SlotId};
use crate::ground::{Now, SessionId};
use crate::session::command::EngineRef;
use crate::session::media::{MediaError, MediaEvent, MediaReply};
use crate::session::{Asked, MediaFault, Phase, Session};

impl Shard {
    pub(super) fn media_reply(&mut self, request: u64, result: Result<MediaReply, MediaError>, now: Now) {
        // A late one is of no use: what it tells of was rolled back or closed behind its request.
        let Some((slot, asked)) = self.pending.answered(request) else {
            return self.counters.media_late += 1;
        };
        match (&asked, &result) {
            (Asked::Negotiation { .. }, Ok(_)) => self.media_full = None,
            (
                Asked::Negotiation { .. },
                Err(MediaError::NoPort | MediaError::Limit(_) | MediaError::Unavailable),
            ) => {
                self.media_full = Some(now.mono);
            }
            _ => {}
        }
        let result = result.map_err(MediaFault::Refused);
        if self.with_session(slot, now, |session, cx| session.media_reply(asked, result, cx)).is_none() {
            self.counters.media_late += 1;
        }
    }

    pub(super) fn media_timed_out(&mut self, slot: SlotId, asked: Asked, now: Now) {
        self.counters.media_timed_out += 1;
        if matches!(asked, Asked::Negotiation { .. }) {
            self.media_full = Some(now.mono);
        }
        self.with_session(slot, now, |session, cx| {
            session.media_reply(asked, Err(MediaFault::TimedOut), cx);
        });
    }

    pub(super) fn media_event(&mut self, session: &SessionId, event: MediaEvent, now: Now) {
        match self.slots.find(session) {
            Some(slot) => {
                self.with_session(slot, now, |session, cx| session.media_event(event, cx));
            }
            None => self.counters.media_news_late += 1,
        }
    }

    /// Media that comes back has room until it says otherwise.
    pub(super) const fn media_takes_calls(&mut self, takes: bool) {
        self.media_takes_calls = takes;
        if takes {
            self.media_full = None;
        }
    }

    /// All endpoints are gone, and no request will be answered. Calls that are up, ring with media, or wait for the peer are
    /// ended by rounds. What may yet make an endpoint that is not lost is told at once: nothing is sent for it, or it has a
    /// request without a reply, which is refused as it would be while media is away.
    pub(super) fn media_lost(&mut self, now: Now) {
        self.media_full = Some(now.mono);
        let mut unanswered = self.pending.take_all();
        unanswered.extend(self.offers.take_all());
        let has = |entry: &Entry| entry.session.has_endpoint();
        let (anew, others): (Vec<_>, Vec<_>) = self
            .those(has)
            .into_iter()
            .partition(|slot| self.slots.get(*slot).is_some_and(|entry| may_make_endpoint(&entry.session)));
        // Who waits for an answer before who talks.
        let (up, ringing): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|slot| self.slots.get(*slot).is_some_and(Entry::is_up));
        for slot in anew {
            self.with_session(slot, now, |session, cx| {
                session.endpoint_lost("the media service was lost".into(), cx);
            });
        }
        for (slot, asked) in unanswered {
            self.with_session(slot, now, |session, cx| {
                session.media_reply(asked, Err(MediaFault::Refused(MediaError::Unavailable)), cx);
            });
        }
        self.end_by_rounds(ringing.into_iter().chain(up), Why::MediaLost, now);
    }

    pub(super) fn engine_gone(&mut self, engine: &EngineRef, now: Now) {
        let theirs = self.those(|entry| entry.session.engine() == engine);
        self.end_by_rounds(theirs, Why::EngineGone(engine.clone()), now);
    }

    pub(super) fn hang_up_all(&mut self, now: Now) {
        let all = self.those(|_| true);
        self.end_by_rounds(all, Why::Shutdown, now);
    }

    fn those(&self, are: impl Fn(&Entry) -> bool) -> Vec<SlotId> {
        let mut slots = self.slots.ids();
        slots.retain(|slot| self.slots.get(*slot).is_some_and(&are));
        slots
    }
}

/// Whether what the session asks of media next, or has asked, would make an endpoint.
fn may_make_endpoint(session: &Session) -> bool {
    matches!(
        session.phase(),
        Phase::Incoming
            | Phase::Alerting
            | Phase::AwaitingEarlyMedia
            | Phase::AwaitingAnswerMedia
            | Phase::AwaitingOfferMedia
    )
}
