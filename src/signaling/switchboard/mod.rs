//! Takes commands and questions of clients and puts them through: to the shard of the session, to the bridges, to an
//! engine's stream. Everything that gRPC offers ends here, whichever way it came.

mod bridging;
mod making;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry::trace::SpanContext;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::bridges::Bridges;
use super::clock::Clock;
use super::directory::{Directory, Taken};
use super::driver::{Inbox, Reply, Request};
use super::engines::Engines;
use super::refusal::{Bound, Refusal};
use super::tasks::Tasks;
use crate::ground::{IdError, Instant, SessionId};
use crate::session::command::{Command, CommandDone, CommandError, Create, EngineRef, Verb};
use crate::session::event::SessionView;
use crate::shard::io::Query;

pub use bridging::{BRIDGE_TIME_MAX, BridgeOperation};
pub use making::{COMMANDS_WAITING_MAX, Making};

/// How long before a client's deadline a command is not carried out any more, at most.
const EXPIRY_MARGIN: Duration = Duration::from_millis(20);

/// How long before a client's deadline it is told that it has passed, at most: its own library has a timer, too, which
/// says less.
const ANSWER_MARGIN: Duration = Duration::from_millis(10);

/// Until when a request may be carried out, and until when whoever waits is told.
///
/// The first is the earlier one, and the shard keeps to it: whoever is told that the deadline has passed can be sure
/// that the command was not carried out and will not be.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    /// From then on it is not carried out any more.
    pub expires: Instant,
    /// Then the client is told.
    pub answer_by: Instant,
}

impl Deadline {
    /// The deadline of a request that came at `now` and may take `time`.
    #[must_use]
    pub fn after(now: Instant, time: Duration) -> Self {
        Self {
            expires: now + (time - EXPIRY_MARGIN.min(time / 4)),
            answer_by: now + (time - ANSWER_MARGIN.min(time / 8)),
        }
    }
}

/// Who gives a command, and until when it may be carried out.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The engine; `None` for an operator's tool.
    pub engine: Option<EngineRef>,
    /// The group meant where none is named.
    pub group: Arc<str>,
    /// The client's mark.
    pub command_id: Arc<str>,
    /// Until when.
    pub deadline: Deadline,
    /// The span that it is given from, where that was told.
    pub trace: Option<SpanContext>,
}

/// What the switchboard puts through to.
pub struct Switchboard {
    /// The clock of all shards.
    pub clock: Clock,
    /// Where sessions live.
    pub directory: Arc<Directory>,
    /// The shards.
    pub shards: Arc<[Arc<Inbox>]>,
    /// The engines.
    pub engines: Arc<Engines>,
    /// The bridges.
    pub bridges: Arc<Bridges>,
    /// Those that are being made.
    pub making: Making,
    /// What runs beside the calls of clients.
    pub tasks: Tasks,
    /// Where it runs.
    pub front: Handle,
    /// Whether Callplane is shutting down: no new calls.
    pub draining: AtomicBool,
    /// Round robin of new sessions that belong beside none.
    pub next_shard: AtomicUsize,
}

impl Switchboard {
    fn shard_of(&self, session: &SessionId) -> Result<&Inbox, Refusal> {
        let shard = self.directory.shard_of(session).and_then(|shard| self.shards.get(usize::from(shard)));
        Ok(shard.ok_or_else(|| CommandError::SessionNotFound(session.clone()))?)
    }

    /// Checks that the sessions that a command names beside its own exist.
    fn exist<'a>(&self, sessions: impl IntoIterator<Item = &'a SessionId>) -> Result<(), Refusal> {
        sessions.into_iter().try_for_each(|session| self.shard_of(session).map(|_| ()))
    }

    /// Gives a command to a session. `reply` hears what comes of it, in any case.
    pub fn command(&self, caller: &Caller, session: SessionId, verb: Verb, reply: Reply) {
        let shard = self.exist(verb.codecs_from()).and_then(|()| self.shard_of(&session));
        match shard {
            Ok(shard) => {
                if let Err((reply, refusal)) =
                    submit(shard, caller, caller.engine.clone(), session, verb, reply)
                {
                    reply.send(Err(refusal));
                }
            }
            Err(refusal) => reply.send(Err(refusal)),
        }
    }

    /// Makes an outbound session. `reply` hears what comes of it, in any case.
    pub fn create(
        &self,
        caller: &Caller,
        session: Option<SessionId>,
        group: Option<Arc<str>>,
        create: Create,
        reply: Reply,
    ) {
        let chosen = session.is_some();
        let outcome = self.owner(caller, group).and_then(|owner| {
            self.exist(create.parent.iter().chain(&create.media.codecs_from))?;
            let session = session.map_or_else(made_session_id, Ok)?;
            let shard = self.shard_for(&create);
            let number = u16::try_from(shard).map_err(|_| Refusal::Internal("too many shards"))?;
            let claimed = self.directory.claim(&session, number, chosen, self.clock.mono());
            claimed.map_err(|taken| match taken {
                Taken::Lives => CommandError::SessionExists(session.clone()),
                Taken::Ended => CommandError::SessionEnded(session.clone()),
            })?;
            Ok((owner, session, shard))
        });
        let (owner, session, shard) = match outcome {
            Ok(outcome) => outcome,
            Err(refusal) => return reply.send(Err(refusal)),
        };
        let verb = Verb::Create(Box::new(create));
        if let Err((reply, refusal)) =
            submit(&self.shards[shard], caller, Some(owner), session.clone(), verb, reply)
        {
            self.directory.release(&session);
            reply.send(Err(refusal));
        }
    }

    /// The engine that will own a new session.
    fn owner(&self, caller: &Caller, group: Option<Arc<str>>) -> Result<EngineRef, Refusal> {
        if self.draining.load(Ordering::Relaxed) {
            return Err(Refusal::Draining);
        }
        let group = group.unwrap_or_else(|| Arc::clone(&caller.group));
        match &caller.engine {
            Some(engine) if engine.group == group => Ok(engine.clone()),
            _ => self
                .engines
                .first_of(&group)
                .ok_or_else(|| Refusal::EngineNotAttached(EngineRef { group, id: "".into() })),
        }
    }

    /// A call made for another lives beside it; else the shards take turns.
    fn shard_for(&self, create: &Create) -> usize {
        let beside = create.parent.as_ref().and_then(|parent| self.directory.shard_of(parent));
        beside
            .map_or_else(|| self.next_shard.fetch_add(1, Ordering::Relaxed) % self.shards.len(), usize::from)
    }

    /// One session as it stands.
    ///
    /// # Errors
    /// When there is none of that id, its shard's queue is full, or the deadline passes.
    pub async fn session(&self, session: SessionId, deadline: Deadline) -> Result<SessionView, Refusal> {
        let (reply, answer) = oneshot::channel();
        let request = Request::Query { query: Query::One(session.clone()), reply };
        self.shard_of(&session)?.request(request).map_err(|_| Refusal::Full(Bound::ShardRequests))?;
        let views = self.in_time(deadline, answer).await?;
        Ok(views.into_iter().next().ok_or(CommandError::SessionNotFound(session))?)
    }

    /// Sessions of a group and an engine (empty: any) with ids behind `after`, by id, at most `limit`.
    ///
    /// # Errors
    /// When a shard's queue is full, or the deadline passes.
    pub async fn sessions(
        &self,
        group: Arc<str>,
        engine: Arc<str>,
        after: String,
        limit: u32,
        deadline: Deadline,
    ) -> Result<Vec<SessionView>, Refusal> {
        let mut answers = Vec::with_capacity(self.shards.len());
        for shard in &*self.shards {
            let (reply, answer) = oneshot::channel();
            let query = Query::Page {
                group: Arc::clone(&group),
                engine: Arc::clone(&engine),
                after: after.clone(),
                limit,
            };
            shard
                .request(Request::Query { query, reply })
                .map_err(|_| Refusal::Full(Bound::ShardRequests))?;
            answers.push(answer);
        }
        let mut views = Vec::new();
        for answer in answers {
            views.extend(self.in_time(deadline, answer).await?);
        }
        views.sort_unstable_by(|a: &SessionView, b| a.id.cmp(&b.id));
        views.truncate(limit as usize);
        Ok(views)
    }

    async fn in_time<T>(&self, deadline: Deadline, answer: oneshot::Receiver<T>) -> Result<T, Refusal> {
        match tokio::time::timeout_at(self.clock.to_tokio(deadline.answer_by), answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(Refusal::Internal("the shard has stopped")),
            Err(_) => Err(Refusal::Deadline),
        }
    }

    /// Waits for what comes of a command.
    ///
    /// # Errors
    /// What the command is refused with.
    pub async fn result(
        &self,
        deadline: Deadline,
        answer: oneshot::Receiver<Result<CommandDone, Refusal>>,
    ) -> Result<CommandDone, Refusal> {
        self.in_time(deadline, answer).await.flatten()
    }
}

/// Puts a command into a shard's inbox; gives the way back when there is no room.
fn submit(
    shard: &Inbox,
    caller: &Caller,
    engine: Option<EngineRef>,
    session: SessionId,
    verb: Verb,
    reply: Reply,
) -> Result<(), (Reply, Refusal)> {
    let command = Box::new(Command { command_id: Arc::clone(&caller.command_id), engine, verb });
    let request = Request::Command {
        session,
        command,
        reply,
        expires: caller.deadline.expires,
        trace: caller.trace.clone().map(Box::new),
    };
    match shard.request(request) {
        Err(Request::Command { reply, .. }) => Err((reply, Refusal::Full(Bound::ShardRequests))),
        Ok(()) | Err(Request::Query { .. }) => Ok(()),
    }
}

fn made_session_id() -> Result<SessionId, Refusal> {
    made(SessionId::parse)
}

/// An id that nobody else has, in the order of making.
///
/// # Errors
/// Never in truth: a UUID is a legal id.
pub fn made<T>(parse: impl FnOnce(&str) -> Result<T, IdError>) -> Result<T, Refusal> {
    let mut buffer = Uuid::encode_buffer();
    parse(Uuid::now_v7().simple().encode_lower(&mut buffer)).map_err(|_| Refusal::Internal("id"))
}
