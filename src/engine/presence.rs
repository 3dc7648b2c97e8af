//! One engine: whether it is there, and what is to be said to it next. The figure stands in the [module](super).

use std::collections::VecDeque;
use std::time::Duration;

use super::limits::{LEAVE_TIME, REPLACED_MAX, REPLACED_TIME, UNREAD_HEARTBEATS};
use super::log::Next;
use super::{AckError, Cursor, EngineLimits, Keeping, Log, Logged, Lost};
use crate::ground::Instant;
use crate::session::event::EventPayload;

/// One attachment of an engine: one stream. Never used twice for one engine; what an ended stream still says is known
/// by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Attachment(pub u64);

/// How an engine wants to be attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Open {
    /// How many events may be under way; 0 for the default.
    pub unacked_events_max: u32,
    /// How many sessions it takes at a time; 0: no limit.
    pub sessions_max: u32,
    /// How often it wants to hear something.
    pub heartbeat: Option<Duration>,
}

/// The terms under which it is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The stream's mark.
    pub attachment: Attachment,
    /// The first event will follow this cursor.
    pub at: Cursor,
    /// Its window, as clamped.
    pub unacked_events_max: u32,
    /// How many sessions it takes; 0: no limit.
    pub sessions_max: u32,
    /// Its heartbeat, as clamped.
    pub heartbeat: Duration,
    /// How many sessions it owns already.
    pub sessions_owned: u32,
    /// The stream whose place this one takes.
    pub replaces: Option<Attachment>,
}

/// Why an attachment is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttachError {
    /// Its streams take each other's place too often.
    #[error("streams of that engine take each other's place too often")]
    TooOften,
    /// It was away for longer than the grace: its log is closed.
    #[error("the engine's grace is over")]
    Gone,
}

/// What happens to an engine, but for its attachment.
#[derive(Debug)]
pub enum Input {
    /// A change of one of its sessions.
    Append(Logged),
    /// It acknowledges.
    Ack(Attachment, Cursor),
    /// Something else than [`Item`]s was said to it: no heartbeat is needed.
    Said(Attachment),
    /// Its stream ended.
    Detach(Attachment),
    /// It said that it has no more to say, and its stream ended.
    Leave(Attachment),
}

/// What is to be said to an engine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Item<'a> {
    /// A change of a session.
    Event {
        /// Where it stands.
        cursor: Cursor,
        /// Its neighbour before.
        previous: Cursor,
        /// The change, and its trace.
        logged: &'a Logged,
    },
    /// What stood between these two is lost: retention was passed.
    Gap {
        /// The last entry before the gap.
        after: Cursor,
        /// The first entry behind it.
        next: Cursor,
        /// What stood there, by session.
        lost: &'a [Lost],
        /// Whether it was more than that.
        more_lost: bool,
    },
    /// A sign of life.
    Heartbeat {
        /// The log's newest entry.
        at: Cursor,
        /// Events under way.
        unacked: u32,
    },
}

/// What a timeout led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lapse {
    /// Nothing was read for three heartbeats: the stream is to be ended, the engine is away from now on.
    Unread(Attachment),
    /// It was away for longer than the grace: its sessions end, its log is closed.
    Gone,
    /// A heartbeat is due: [`Engine::poll_item`] has it.
    Heartbeat,
}

/// What was out of the ordinary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Events appended.
    pub events: u64,
    /// Events dropped because retention was passed.
    pub events_dropped: u64,
    /// Events that came when the log was closed.
    pub events_late: u64,
    /// Words of streams that had ended before.
    pub stale: u64,
    /// Streams whose place a newer one took.
    pub replaced: u64,
}

#[derive(Clone, Copy, Debug)]
struct Attached {
    opened: Opened,
    /// When something was taken out for it last.
    said: Instant,
    /// Since when a heartbeat waits to be taken out.
    heartbeat_due: Option<Instant>,
}

/// How the log stood at a look.
#[derive(Clone, Copy, Debug, Default)]
struct Watched {
    newest: u64,
    /// Where the acknowledgements stood, if the window was full.
    full_at: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
enum Presence {
    Attached(Attached),
    Away(Away),
    Gone,
}

#[derive(Clone, Copy, Debug)]
struct Away {
    /// When it is gone.
    until: Instant,
    /// When it would be gone had it something left here; then that becomes true as soon as it has.
    grace_over: Instant,
}

/// One engine. See the module.
#[derive(Debug)]
pub struct Engine {
    limits: EngineLimits,
    log: Log,
    presence: Presence,
    attachments: u64,
    /// Sessions of its that have begun and are not over, as its log tells.
    sessions: u64,
    /// When a stream took the place of another lately, at most [`REPLACED_MAX`] of them.
    replacements: VecDeque<Instant>,
    /// What [`watch`](Self::watch) saw last.
    watched: Watched,
    counters: Counters,
}

impl Engine {
    /// An engine that is away from the beginning: [`attach`](Self::attach) follows. `epoch` marks its log and is never
    /// used twice.
    #[must_use]
    pub fn new(limits: EngineLimits, epoch: u64, now: Instant) -> Self {
        let log = Log::new(epoch, limits.retention_events, limits.retention_bytes);
        let away = Away { until: now + limits.grace, grace_over: now + limits.grace };
        let presence = Presence::Away(away);
        Self {
            limits,
            log,
            presence,
            attachments: 0,
            sessions: 0,
            replacements: VecDeque::new(),
            watched: Watched::default(),
            counters: Counters::default(),
        }
    }

    /// How many sessions of its have begun and are not over, as its log tells.
    #[must_use]
    pub const fn sessions(&self) -> u64 {
        self.sessions
    }

    /// Attaches it, and returns the terms: the first thing to be said on the stream. What it has not acknowledged is sent
    /// again. The newest stream wins: a connection that is half dead never locks an engine out of its own calls.
    ///
    /// # Errors
    /// When it was away for too long, or its streams take each other's place too often.
    pub fn attach(&mut self, open: Open, now: Instant) -> Result<Opened, AttachError> {
        let replaces = match self.presence {
            Presence::Attached(attached) => {
                self.replace(now)?;
                Some(attached.opened.attachment)
            }
            Presence::Gone => return Err(AttachError::Gone),
            Presence::Away(_) => None,
        };
        self.attachments += 1;
        self.log.rewind();
        let opened = Opened {
            attachment: Attachment(self.attachments),
            at: self.log.acked(),
            unacked_events_max: self.limits.window(open.unacked_events_max),
            sessions_max: open.sessions_max,
            heartbeat: self.limits.heartbeat(open.heartbeat),
            sessions_owned: u32::try_from(self.sessions).unwrap_or(u32::MAX),
            replaces,
        };
        self.presence = Presence::Attached(Attached { opened, said: now, heartbeat_due: None });
        self.watched = Watched::default();
        Ok(opened)
    }

    fn replace(&mut self, now: Instant) -> Result<(), AttachError> {
        while self.replacements.front().is_some_and(|at| *at + REPLACED_TIME <= now) {
            self.replacements.pop_front();
        }
        if self.replacements.len() >= REPLACED_MAX {
            return Err(AttachError::TooOften);
        }
        self.replacements.push_back(now);
        self.counters.replaced += 1;
        Ok(())
    }

    /// Looks whether events wait that waited when it looked last, or whether its window has been full since then. To be
    /// called at regular times. `silent`: nothing comes from the engine, as whoever carries its words knows.
    pub fn watch(&mut self, silent: bool) -> Keeping {
        let Presence::Attached(attached) = self.presence else { return Keeping::default() };
        let is_full = self.log.unacked() >= u64::from(attached.opened.unacked_events_max);
        let acked = self.log.acked().sequence;
        let seen = Watched { newest: self.log.newest().sequence, full_at: is_full.then_some(acked) };
        let before = std::mem::replace(&mut self.watched, seen);
        Keeping {
            silent,
            behind: before.newest > self.log.sent().sequence,
            full: is_full && before.full_at == Some(acked),
        }
    }

    /// Whether it is away and nothing is lost when it is forgotten: it owns nothing and is owed nothing.
    #[must_use]
    pub fn is_dispensable(&self) -> bool {
        matches!(self.presence, Presence::Away(_)) && self.has_nothing_left()
    }

    fn has_nothing_left(&self) -> bool {
        self.sessions == 0 && self.log.acked() == self.log.newest()
    }

    /// Takes what happened.
    ///
    /// # Errors
    /// When the engine acknowledges what it cannot have. All else that does not fit is counted.
    pub fn handle(&mut self, input: Input, now: Instant) -> Result<(), AckError> {
        match input {
            Input::Append(logged) => self.append(logged),
            Input::Ack(stream, through) => {
                if self.attached(stream).is_some() {
                    return self.log.ack(through);
                }
            }
            Input::Said(stream) => {
                if let Some(attached) = self.attached(stream) {
                    attached.said = now;
                    attached.heartbeat_due = None;
                }
            }
            Input::Detach(stream) => {
                if self.attached(stream).is_some() {
                    self.go_away(self.limits.grace, now);
                }
            }
            Input::Leave(stream) => {
                if self.attached(stream).is_some() {
                    let nothing_left = self.has_nothing_left();
                    let grace = self.limits.grace;
                    self.go_away(if nothing_left { LEAVE_TIME.min(grace) } else { grace }, now);
                }
            }
        }
        Ok(())
    }

    fn go_away(&mut self, time: Duration, now: Instant) {
        self.presence = Presence::Away(Away { until: now + time, grace_over: now + self.limits.grace });
    }

    fn append(&mut self, logged: Logged) {
        if matches!(self.presence, Presence::Gone) {
            self.counters.events_late += 1;
            return;
        }
        match logged.event.payload {
            EventPayload::IncomingCall(_) | EventPayload::Created(_) => self.sessions += 1,
            EventPayload::Ended(_) | EventPayload::Revoked { .. } => {
                self.sessions = self.sessions.saturating_sub(1);
            }
            _ => {}
        }
        if let Presence::Away(away) = &mut self.presence {
            away.until = away.grace_over;
        }
        self.counters.events += 1;
        self.counters.events_dropped += self.log.append(logged);
    }

    /// The present attachment, if it is this one; else the word is stale, and counted.
    fn attached(&mut self, stream: Attachment) -> Option<&mut Attached> {
        match &mut self.presence {
            Presence::Attached(attached) if attached.opened.attachment == stream => Some(attached),
            _ => {
                self.counters.stale += 1;
                None
            }
        }
    }

    /// What is to be said next on this stream, while the window is open. Heartbeats come only when nothing else does.
    pub fn poll_item(&mut self, stream: Attachment, now: Instant) -> Option<Item<'_>> {
        let Presence::Attached(attached) = &mut self.presence else { return None };
        if attached.opened.attachment != stream {
            return None;
        }
        let (newest, unacked) = (self.log.newest(), self.log.unacked());
        match self.log.next(attached.opened.unacked_events_max) {
            Some(next) => {
                attached.said = now;
                attached.heartbeat_due = None;
                Some(match next {
                    Next::Event(cursor, logged) => Item::Event {
                        cursor,
                        previous: Cursor { sequence: cursor.sequence - 1, ..cursor },
                        logged,
                    },
                    Next::Gap { after, next, lost, more_lost } => Item::Gap { after, next, lost, more_lost },
                })
            }
            None if attached.heartbeat_due.is_some() => {
                attached.heartbeat_due = None;
                attached.said = now;
                Some(Item::Heartbeat { at: newest, unacked: u32::try_from(unacked).unwrap_or(u32::MAX) })
            }
            None => None,
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.presence {
            Presence::Attached(attached) => Some(attached.unread_at().unwrap_or(attached.heartbeat_at())),
            Presence::Away(away) => Some(away.until),
            Presence::Gone => None,
        }
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Lapse> {
        match &mut self.presence {
            Presence::Attached(attached) if attached.unread_at().is_some_and(|at| now >= at) => {
                let lapse = Lapse::Unread(attached.opened.attachment);
                self.go_away(self.limits.grace, now);
                Some(lapse)
            }
            Presence::Attached(attached)
                if attached.heartbeat_due.is_none() && now >= attached.heartbeat_at() =>
            {
                attached.heartbeat_due = Some(now);
                Some(Lapse::Heartbeat)
            }
            Presence::Away(away) if now >= away.until => {
                self.presence = Presence::Gone;
                let epoch = self.log.acked().epoch;
                self.log = Log::new(epoch, 1, 0);
                Some(Lapse::Gone)
            }
            Presence::Attached(_) | Presence::Away(_) | Presence::Gone => None,
        }
    }

    /// Drops events until its log keeps no more bytes than these.
    pub fn shrink(&mut self, bytes: usize) {
        self.counters.events_dropped += self.log.shrink(bytes);
    }

    /// Whether a stream of it is open.
    #[must_use]
    pub const fn is_attached(&self) -> bool {
        matches!(self.presence, Presence::Attached(_))
    }

    /// Its log, to be looked at.
    #[must_use]
    pub const fn log(&self) -> &Log {
        &self.log
    }

    /// What was out of the ordinary.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }
}

impl Attached {
    /// When it counts as dead unless it takes the heartbeat that waits for it. Counted from when that was made, which may
    /// have been late.
    fn unread_at(&self) -> Option<Instant> {
        self.heartbeat_due.map(|due| due + self.opened.heartbeat * (UNREAD_HEARTBEATS - 1))
    }

    fn heartbeat_at(&self) -> Instant {
        self.said + self.opened.heartbeat
    }
}
