//! Who hears what came of a command.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::ground::Instant;
use crate::session::command::CommandDone;
use crate::signaling::engines::{EngineHandle, StreamReply};
use crate::signaling::linger::Urgency;
use crate::signaling::refusal::Refusal;

/// The way back of a command's result. Sent once; dropped unsent it says that Callplane failed.
#[derive(Debug)]
pub enum Reply {
    /// Into an engine's stream.
    Stream(StreamReply),
    /// To whoever waits for it.
    Waiting(oneshot::Sender<Result<CommandDone, Refusal>>),
}

impl Reply {
    /// Sends the result. Nobody may be there any more: then what came of it is heard as events only.
    pub fn send(self, result: Result<CommandDone, Refusal>) {
        self.send_within(result, Urgency::Now, Instant::ZERO);
    }

    /// Sends a refusal.
    pub fn send_refusal(self, refusal: Refusal) {
        self.send(Err(refusal));
    }

    /// Sends the result, within `urgency`. Whose stream is to be woken when, if it was not.
    pub(super) fn send_within(
        self,
        result: Result<CommandDone, Refusal>,
        urgency: Urgency,
        now: Instant,
    ) -> Option<(Instant, Arc<EngineHandle>)> {
        match self {
            Self::Stream(reply) => reply.send_done(result, urgency, now),
            Self::Waiting(waiting) => {
                let _ = waiting.send(result);
                None
            }
        }
    }
}
