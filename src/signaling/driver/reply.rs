//! Who hears what came of a command.

use tokio::sync::oneshot;

use crate::session::command::CommandDone;
use crate::signaling::engines::StreamReply;
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
        match self {
            Self::Stream(reply) => reply.send_done(result),
            Self::Waiting(waiting) => drop(waiting.send(result)),
        }
    }
}
