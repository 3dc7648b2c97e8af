//! The result of a command, on its way back into the stream that it came by.

use std::sync::Arc;

use super::EngineHandle;
use crate::engine::Attachment;
use crate::ground::Instant;
use crate::session::command::CommandDone;
use crate::signaling::linger::Urgency;
use crate::signaling::refusal::{Named, Refusal};

/// What came of a command that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The session after the local action; `None` for a bridge's commands without one.
    pub session: Option<CommandDone>,
    /// The id of the session, bridge or playback that the command made.
    pub created: Option<String>,
}

/// What a command makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Makes {
    /// Nothing, or what its outcome names.
    Nothing,
    /// What has this id.
    Named(String),
    /// The session of its outcome.
    Session,
}

/// What came of a command of a stream.
#[derive(Debug)]
pub struct CommandOutcome {
    /// As given.
    pub command_id: String,
    /// What it named.
    pub named: Named,
    /// What came of it.
    pub result: Result<Outcome, Refusal>,
}

/// The way back of one command's result into its stream. Dropped unsent it says that Callplane failed.
#[derive(Debug)]
pub struct StreamReply {
    open: Option<Box<OpenReply>>,
}

#[derive(Debug)]
struct OpenReply {
    engine: Arc<EngineHandle>,
    stream: Attachment,
    command_id: String,
    named: Named,
    makes: Makes,
}

impl StreamReply {
    pub(super) fn new(
        engine: Arc<EngineHandle>,
        stream: Attachment,
        command_id: String,
        named: Named,
        makes: Makes,
    ) -> Self {
        Self { open: Some(Box::new(OpenReply { engine, stream, command_id, named, makes })) }
    }

    /// Sends what came of a command to a session, within `urgency`. Whose stream is to be woken when, if it was not.
    pub fn send_done(
        mut self,
        result: Result<CommandDone, Refusal>,
        urgency: Urgency,
        now: Instant,
    ) -> Option<(Instant, Arc<EngineHandle>)> {
        let makes = self.open.as_mut().map(|open| std::mem::replace(&mut open.makes, Makes::Nothing));
        let outcome = |done: CommandDone| {
            let created = match makes {
                Some(Makes::Named(id)) => Some(id),
                Some(Makes::Session) => Some(done.session.to_string()),
                Some(Makes::Nothing) | None => None,
            };
            Outcome { session: Some(done), created }
        };
        self.send_within(result.map(outcome), urgency, now)
    }

    /// Sends what came of another command, within `urgency`. As [`send_done`](Self::send_done).
    pub fn send_within(
        mut self,
        result: Result<Outcome, Refusal>,
        urgency: Urgency,
        now: Instant,
    ) -> Option<(Instant, Arc<EngineHandle>)> {
        let open = self.open.take()?;
        let engine = Arc::clone(&open.engine);
        let at = open.send(result, urgency, now)?;
        Some((at, engine))
    }

    /// Sends what came of another command, now.
    pub fn send(mut self, result: Result<Outcome, Refusal>) {
        if let Some(open) = self.open.take() {
            open.send(result, Urgency::Now, Instant::ZERO);
        }
    }
}

impl OpenReply {
    fn send(self, result: Result<Outcome, Refusal>, urgency: Urgency, now: Instant) -> Option<Instant> {
        let outcome = CommandOutcome { command_id: self.command_id, named: self.named, result };
        self.engine.result(self.stream, outcome, urgency, now)
    }
}

impl Drop for StreamReply {
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            open.send(Err(Refusal::Internal("the command was dropped")), Urgency::Now, Instant::ZERO);
        }
    }
}
