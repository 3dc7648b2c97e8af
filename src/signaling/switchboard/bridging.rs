//! Bridges are made, joined and left: what media, the table of bridges and the members' shards have to be told of it.
//!
//! A bridge with its first members is made in two steps, so that one that is refused changes nothing for anybody:
//!
//! ```text
//!   begin ─┬─▶ each member's shard: reserve ─┐ all of them  ┌─▶ the result ─▶ each member: join ─▶ what waited
//!          └─▶ media: make the bridge ───────┴──────────────┤
//!                                              one does not └─▶ each member: release, media: end it ─▶ the refusal
//! ```
//!
//! Meanwhile nobody sees the bridge, and a command to it waits ([`Making`](super::making::Making)).

use std::time::Duration;

use tokio::sync::oneshot;

use super::making::Turn;
use super::{Caller, Deadline, Switchboard, submit};
use crate::ground::{BridgeId, Instant, SessionId};
use crate::session::command::{Command, CommandDone, Verb};
use crate::session::media::{BridgeMode, MediaError};
use crate::signaling::bridges::{BridgeView, NewBridge, members_max};
use crate::signaling::driver::{Reply, Request};
use crate::signaling::refusal::{Bound, Refusal};

/// How long media may take to make a bridge.
pub const BRIDGE_TIME_MAX: Duration = Duration::from_secs(2);

/// Tells what came of a command without a session.
type Tell = Box<dyn FnOnce(Result<(), Refusal>) + Send>;

type Answer = oneshot::Receiver<Result<CommandDone, Refusal>>;

/// A bridge that was asked for.
pub struct BridgeOperation {
    id: BridgeId,
    media: oneshot::Receiver<Result<(), MediaError>>,
    mode: BridgeMode,
    members: Vec<SessionId>,
    reserved: Vec<Answer>,
    caller: Caller,
}

impl Switchboard {
    /// Has a bridge made and its first members kept for it: asked for when this returns, done or refused when the operation
    /// is finished.
    ///
    /// # Errors
    /// When a member does not exist or they are too many, the id is taken, or media is away. Nothing was done.
    pub fn begin_bridge(
        &self,
        caller: &Caller,
        new: NewBridge,
        members: &[SessionId],
    ) -> Result<BridgeOperation, Refusal> {
        let (id, mode) = (new.id.clone(), new.mode);
        let (max, bound) = members_max(mode);
        if members.len() > max {
            return Err(Refusal::Full(bound));
        }
        for member in members {
            self.shard_of(member)?;
        }
        let media = self.bridges.create(new, members)?;
        self.making.begin(&id);
        let reserve = |member: &SessionId| {
            let (reply, answer) = oneshot::channel();
            let verb = Verb::ReserveJoin { bridge: id.clone(), mode };
            self.command(caller, member.clone(), verb, Reply::Waiting(reply));
            answer
        };
        let reserved = members.iter().map(reserve).collect();
        Ok(BridgeOperation { id, media, mode, members: members.to_vec(), reserved, caller: caller.clone() })
    }

    /// Waits for a bridge that was asked for, whoever else waits or not, and tells what came of it: a refusal when nothing
    /// of it is left, the bridge before its members are sent there.
    pub async fn finish_bridge<T>(
        &self,
        operation: BridgeOperation,
        tell: impl FnOnce(Result<BridgeView, Refusal>) -> T,
    ) -> T {
        let BridgeOperation { id, media, mode, members, reserved, caller } = operation;
        let reserved = self.all(caller.deadline, &members, reserved).await;
        let made = match tokio::time::timeout(BRIDGE_TIME_MAX, media).await {
            Ok(Ok(result)) => result.map_err(Refusal::Media),
            Ok(Err(_)) | Err(_) => Err(Refusal::Media(MediaError::Unavailable)),
        };
        let (told, waiting) = match reserved.and(made).and_then(|()| self.bridges.make(&id)) {
            Ok(view) => {
                let told = tell(Ok(view));
                for member in members {
                    self.send_for(&caller, &id, mode, member);
                }
                (told, self.making.end(&id))
            }
            Err(refusal) => {
                for member in members {
                    self.release(&caller, &id, member);
                }
                // What waits is taken before the id is free: another bridge of that id has its own.
                let waiting = self.making.end(&id);
                self.bridges.give_up(&id);
                (tell(Err(refusal)), waiting)
            }
        };
        for waiting in waiting {
            waiting(self);
        }
        told
    }

    /// The first refusal, if there is one, when all have answered, and whose it is.
    async fn all(
        &self,
        deadline: Deadline,
        members: &[SessionId],
        answers: Vec<Answer>,
    ) -> Result<(), Refusal> {
        let mut outcome = Ok(());
        for (member, answer) in members.iter().zip(answers) {
            let answer = self.result(deadline, answer).await.map(|_| ());
            let of_member = |refusal| Refusal::Member { session: member.clone(), refusal: Box::new(refusal) };
            outcome = outcome.and(answer.map_err(of_member));
        }
        outcome
    }

    /// Sends a member to the bridge that it is kept for.
    fn send_for(&self, caller: &Caller, bridge: &BridgeId, mode: BridgeMode, member: SessionId) {
        let verb = Verb::JoinBridge { bridge: bridge.clone(), mode };
        if !self.follow_up(caller, member.clone(), verb) {
            self.bridges.not_joined(bridge, &member);
        }
    }

    /// A member is kept no longer for a bridge that is not made. It does no harm to one that was not.
    fn release(&self, caller: &Caller, bridge: &BridgeId, member: SessionId) {
        self.follow_up(caller, member, Verb::ReleaseJoin { bridge: bridge.clone() });
    }

    /// Gives a session a command that follows from one that it took. Whether its shard hears it; nobody waits for the answer.
    fn follow_up(&self, caller: &Caller, session: SessionId, verb: Verb) -> bool {
        let Ok(shard) = self.shard_of(&session) else { return false };
        let (reply, _) = oneshot::channel();
        let (command_id, engine) = (std::sync::Arc::clone(&caller.command_id), caller.engine.clone());
        let command = Box::new(Command { command_id, engine, verb });
        let expires = Instant::from_nanos(u64::MAX);
        let reply = Reply::Waiting(reply);
        shard.follow_up(Request::Command { session, command, reply, expires, trace: None }).is_ok()
    }

    /// Has a session join a bridge. `reply` hears what comes of it, in any case.
    pub fn join(&self, caller: &Caller, bridge: BridgeId, session: SessionId, reply: Reply) {
        let caller = caller.clone();
        let to = bridge.clone();
        self.when_made(&to, reply, Reply::send_refusal, move |board, reply| {
            match board.bridges.expect(&bridge, &session, caller.engine.as_ref()) {
                Ok(mode) => board.send_to(&caller, bridge, mode, session, reply),
                Err(refusal) => reply.send(Err(refusal)),
            }
        });
    }

    /// Has a session leave a bridge. `reply` hears what comes of it, in any case.
    pub fn leave(&self, caller: &Caller, bridge: BridgeId, session: SessionId, reply: Reply) {
        let caller = caller.clone();
        let of = bridge.clone();
        self.when_made(&of, reply, Reply::send_refusal, move |board, reply| {
            match board.bridges.may_leave(&bridge, caller.engine.as_ref()) {
                Ok(()) => board.command(&caller, session, Verb::LeaveBridge { bridge }, reply),
                Err(refusal) => reply.send(Err(refusal)),
            }
        });
    }

    /// Ends a bridge. `tell` hears what comes of it, in any case, and before its members do.
    pub fn destroy_bridge(
        &self,
        caller: &Caller,
        bridge: BridgeId,
        tell: impl FnOnce(Result<(), Refusal>) + Send + 'static,
    ) {
        let engine = caller.engine.clone();
        let of = bridge.clone();
        let tell: Tell = Box::new(tell);
        let refuse = |tell: Tell, refusal| tell(Err(refusal));
        self.when_made(&of, tell, refuse, move |board, tell| {
            tell(board.bridges.destroy(&bridge, engine.as_ref()));
        });
    }

    /// Does something to a bridge: now, or when it is known whether the bridge could be made.
    fn when_made<R: Send + 'static>(
        &self,
        bridge: &BridgeId,
        reply: R,
        refuse: impl FnOnce(R, Refusal),
        work: impl FnOnce(&Self, R) + Send + 'static,
    ) {
        match self.making.wait(bridge, (reply, work)) {
            Turn::Now((reply, work)) => work(self, reply),
            Turn::Waits => {}
            Turn::Full((reply, _)) => refuse(reply, Refusal::Full(Bound::BridgeCommands)),
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
