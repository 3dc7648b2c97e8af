//! Takes commands and questions of clients and puts them through: to the shard of the session, to the bridges, to an
//! engine's stream. Everything that gRPC offers ends here, whichever way it came.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::bridges::{BridgeView, Bridges, NewBridge, RELAY_MEMBERS_MAX};
use super::clock::Clock;
use super::directory::Directory;
use super::driver::{Inbox, Reply, Request};
use super::engines::Engines;
use super::refusal::{Bound, Refusal};
use super::tasks::Tasks;
use crate::ground::{BridgeId, IdError, Instant, SessionId};
use crate::session::command::{Command, CommandDone, CommandError, Create, EngineRef, Verb};
use crate::session::event::SessionView;
use crate::session::media::{BridgeMode, MediaError};
use crate::shard::io::Query;

/// How long media may take to make a bridge.
pub const BRIDGE_TIME_MAX: Duration = Duration::from_secs(2);

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
    /// What runs beside the calls of clients.
    pub tasks: Tasks,
    /// Where it runs.
    pub front: Handle,
    /// Whether Callplane is shutting down: no new calls.
    pub draining: AtomicBool,
    /// Round robin of new sessions that belong beside none.
    pub next_shard: AtomicUsize,
}

/// What is waited for from a new bridge's members.
enum Answers {
    /// They were asked whether they can come, and are sent when all of them can: one leaves another bridge for this, and
    /// would be in none if this one is not made.
    MayCome(Vec<oneshot::Receiver<Result<CommandDone, Refusal>>>),
    /// They were sent.
    Coming(Vec<oneshot::Receiver<Result<CommandDone, Refusal>>>),
}

/// A bridge that was asked for.
pub struct BridgeOperation {
    id: BridgeId,
    media: oneshot::Receiver<Result<(), MediaError>>,
    mode: BridgeMode,
    members: Vec<SessionId>,
    answers: Answers,
    caller: Caller,
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

    /// Sends a session to a bridge that expects it.
    fn send_to(&self, caller: &Caller, bridge: BridgeId, mode: BridgeMode, session: SessionId, reply: Reply) {
        let verb = Verb::JoinBridge { bridge: bridge.clone(), mode };
        let sent = match self.shard_of(&session) {
            Ok(shard) => submit(shard, caller, caller.engine.clone(), session.clone(), verb, reply),
            Err(refusal) => Err((reply, refusal)),
        };
        if let Err((reply, refusal)) = sent {
            self.bridges.not_joined(&bridge, &session);
            reply.send(Err(refusal));
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
            self.directory
                .claim(&session, number, chosen, self.clock.mono())
                .map_err(|_| CommandError::SessionExists(session.clone()))?;
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

    /// Makes a bridge and has its first members join: asked for when this returns, done when the operation is.
    ///
    /// # Errors
    /// When a member does not exist or they are too many, the id is taken, or media is away. Nothing was done.
    pub fn begin_bridge(
        &self,
        caller: &Caller,
        new: NewBridge,
        members: &[SessionId],
    ) -> Result<BridgeOperation, Refusal> {
        let mode = new.mode;
        if mode == BridgeMode::Relay && members.len() > RELAY_MEMBERS_MAX {
            return Err(Refusal::Full(Bound::RelayMembers));
        }
        for member in members {
            self.shard_of(member)?;
        }
        let id = new.id.clone();
        let media = self.bridges.create(new, members)?;
        let members = members.to_vec();
        let answers = if members.len() > 1 && self.bridges.has_any(&members) {
            Answers::MayCome(self.ask_all(caller, &members))
        } else {
            Answers::Coming(self.send_all(caller, &id, mode, &members))
        };
        Ok(BridgeOperation { id, media, mode, members, answers, caller: caller.clone() })
    }

    fn ask_all(
        &self,
        caller: &Caller,
        members: &[SessionId],
    ) -> Vec<oneshot::Receiver<Result<CommandDone, Refusal>>> {
        let ask = |member: &SessionId| {
            let (reply, answer) = oneshot::channel();
            self.command(caller, member.clone(), Verb::MayJoinBridge, Reply::Waiting(reply));
            answer
        };
        members.iter().map(ask).collect()
    }

    fn send_all(
        &self,
        caller: &Caller,
        bridge: &BridgeId,
        mode: BridgeMode,
        members: &[SessionId],
    ) -> Vec<oneshot::Receiver<Result<CommandDone, Refusal>>> {
        let send = |member: &SessionId| {
            let (reply, join) = oneshot::channel();
            self.send_to(caller, bridge.clone(), mode, member.clone(), Reply::Waiting(reply));
            join
        };
        members.iter().map(send).collect()
    }

    /// The first refusal, if there is one, when all have answered.
    async fn all(
        &self,
        deadline: Deadline,
        answers: Vec<oneshot::Receiver<Result<CommandDone, Refusal>>>,
    ) -> Result<(), Refusal> {
        let mut outcome = Ok(());
        for answer in answers {
            outcome = outcome.and(self.result(deadline, answer).await.map(|_| ()));
        }
        outcome
    }

    /// Waits for a bridge that was asked for, whoever else waits or not. What fails is undone.
    ///
    /// # Errors
    /// When media could not make it, or a member could not begin to join.
    pub async fn finish_bridge(&self, operation: BridgeOperation) -> Result<BridgeView, Refusal> {
        let BridgeOperation { id, media, mode, members, answers, caller } = operation;
        let joins = match answers {
            Answers::Coming(joins) => Ok(joins),
            Answers::MayCome(answers) => {
                self.all(caller.deadline, answers).await.map(|()| self.send_all(&caller, &id, mode, &members))
            }
        };
        let made = match tokio::time::timeout(BRIDGE_TIME_MAX, media).await {
            Ok(Ok(result)) => result.map_err(Refusal::Media),
            Ok(Err(_)) | Err(_) => Err(Refusal::Media(MediaError::Unavailable)),
        };
        let joined = match joins {
            Ok(joins) => self.all(caller.deadline, joins).await,
            Err(refusal) => Err(refusal),
        };
        if let Err(refusal) = made {
            // It may be over already: media was lost.
            let _ = self.bridges.destroy(&id, None);
            return Err(refusal);
        }
        if let Err(refusal) = joined {
            if !self.bridges.undo(&id, &members) {
                self.call_back(&caller, &id, members);
            }
            return Err(refusal);
        }
        self.bridges.get(&id)
    }

    /// Has the members leave a bridge that others have come to meanwhile.
    fn call_back(&self, caller: &Caller, bridge: &BridgeId, members: Vec<SessionId>) {
        let deadline = Deadline::after(self.clock.mono(), BRIDGE_TIME_MAX);
        let caller = Caller { deadline, ..caller.clone() };
        for member in members {
            // Nobody waits for this: those that are not in it refuse.
            let (reply, _) = oneshot::channel();
            let verb = Verb::LeaveBridge { bridge: bridge.clone() };
            self.command(&caller, member, verb, Reply::Waiting(reply));
        }
    }

    /// Has a session join a bridge. `reply` hears what comes of it, in any case.
    pub fn join(&self, caller: &Caller, bridge: BridgeId, session: SessionId, reply: Reply) {
        match self.bridges.expect(&bridge, &session, caller.engine.as_ref()) {
            Ok(mode) => self.send_to(caller, bridge, mode, session, reply),
            Err(refusal) => reply.send(Err(refusal)),
        }
    }

    /// Has a session leave a bridge. `reply` hears what comes of it, in any case.
    pub fn leave(&self, caller: &Caller, bridge: BridgeId, session: SessionId, reply: Reply) {
        match self.bridges.may_leave(&bridge, caller.engine.as_ref()) {
            Ok(()) => self.command(caller, session, Verb::LeaveBridge { bridge }, reply),
            Err(refusal) => reply.send(Err(refusal)),
        }
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
    let request = Request::Command { session, command, reply, expires: caller.deadline.expires };
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
