//! Bridges are made, joined and left: what media, the table of bridges and the members' shards have to be told of it.

use std::time::Duration;

use tokio::sync::oneshot;

use super::{Caller, Deadline, Switchboard, submit};
use crate::ground::{BridgeId, SessionId};
use crate::session::command::{CommandDone, Verb};
use crate::session::media::{BridgeMode, MediaError};
use crate::signaling::bridges::{BridgeView, NewBridge, RELAY_MEMBERS_MAX};
use crate::signaling::driver::Reply;
use crate::signaling::refusal::{Bound, Refusal};

/// How long media may take to make a bridge.
pub const BRIDGE_TIME_MAX: Duration = Duration::from_secs(2);

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
            Answers::MayCome(answers) => match self.all(caller.deadline, answers).await {
                Ok(()) => Ok(self.send_all(&caller, &id, mode, &members)),
                Err(refusal) => {
                    // Nobody sends them any more: the bridge does not wait for them either.
                    members.iter().for_each(|member| self.bridges.not_joined(&id, member));
                    Err(refusal)
                }
            },
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
}
