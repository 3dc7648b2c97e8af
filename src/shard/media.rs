//! What comes from media, and what happens when it does not come; and the ends that come from outside.

use super::{Shard, SlotId};
use crate::ground::{Now, SessionId};
use crate::session::command::EngineRef;
use crate::session::event::EndCause;
use crate::session::media::{MediaError, MediaEvent, MediaReply};
use crate::session::{Asked, MediaFault};

impl Shard {
    pub(super) fn media_reply(&mut self, request: u64, result: Result<MediaReply, MediaError>, now: Now) {
        // A late one is of no use: what it tells of was rolled back or closed behind its request.
        let Some((slot, asked)) = self.pending.answered(request) else {
            return self.counters.media_late += 1;
        };
        let result = result.map_err(MediaFault::Refused);
        if self.with_session(slot, now, |session, cx| session.media_reply(asked, result, cx)).is_none() {
            self.counters.media_late += 1;
        }
    }

    pub(super) fn media_timed_out(&mut self, slot: SlotId, asked: Asked, now: Now) {
        self.counters.media_timed_out += 1;
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

    /// All endpoints are gone, and no request will be answered.
    pub(super) fn media_lost(&mut self, now: Now) {
        let unanswered = self.pending.take_all();
        for slot in self.slots.ids() {
            self.with_session(slot, now, |session, cx| {
                if session.has_endpoint() {
                    session.endpoint_lost("the media service was lost".into(), cx);
                }
            });
        }
        for (slot, asked) in unanswered {
            self.with_session(slot, now, |session, cx| {
                session.media_reply(asked, Err(MediaFault::Refused(MediaError::Unavailable)), cx);
            });
        }
    }

    pub(super) fn engine_gone(&mut self, engine: &EngineRef, now: Now) {
        self.give_up(EndCause::EngineGone, now, Some(engine));
    }

    pub(super) fn hang_up_all(&mut self, now: Now) {
        self.give_up(EndCause::Shutdown, now, None);
    }

    fn give_up(&mut self, cause: EndCause, now: Now, engine: Option<&EngineRef>) {
        for slot in self.slots.ids() {
            let theirs =
                |entry: &super::slots::Entry| engine.is_none_or(|gone| entry.session.engine() == gone);
            if self.slots.get(slot).is_some_and(theirs) {
                self.with_session(slot, now, |session, cx| session.give_up(cause, cx));
                self.carry(now);
            }
        }
    }
}
