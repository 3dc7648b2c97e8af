//! Commands, from the contract's words into ours. The same for a unary call and for a stream.

mod bridge;
mod playback;
mod session;
mod stream;

use std::sync::Arc;

use opentelemetry::trace::SpanContext;

use crate::ground::{BridgeId, PlaybackId, SessionId};
use crate::proto::session::v1::CommandContext;
use crate::session::command::{Create, EngineRef, Verb};
use crate::session::media::BridgeMode;
use crate::signaling::refusal::{Named, Refusal};
use crate::telemetry::call_trace::remote_context;

use super::check::{Check, checked};

pub(super) use stream::of_command;

/// The group meant where none is named.
pub(super) const DEFAULT_GROUP: &str = "default";

/// What is asked, checked.
#[derive(Debug)]
pub(super) enum Order {
    /// A command to a session.
    Session {
        session: SessionId,
        verb: Verb,
        /// The id of what the command makes.
        created: Option<String>,
    },
    /// A new session.
    Create { session: Option<SessionId>, group: Option<Arc<str>>, create: Box<Create> },
    /// A new bridge.
    CreateBridge {
        bridge: BridgeId,
        mode: BridgeMode,
        members: Vec<SessionId>,
        group: Option<Arc<str>>,
        keep_when_empty: bool,
    },
    /// A session joins a bridge.
    Join { bridge: BridgeId, session: SessionId },
    /// A session leaves a bridge.
    Leave { bridge: BridgeId, session: SessionId },
    /// A bridge ends.
    Destroy { bridge: BridgeId },
}

impl Order {
    /// What it names, for the details of a refusal.
    fn named(&self) -> Named {
        match self {
            Self::Session { session, verb, .. } => {
                let playback = match verb {
                    Verb::Play { playback, .. } => Some(playback.clone()),
                    Verb::StopPlay { playback } => playback.clone(),
                    _ => None,
                };
                Named { session: Some(session.clone()), bridge: None, playback }
            }
            Self::Create { session, .. } => Named { session: session.clone(), ..Named::default() },
            Self::Join { bridge, session } | Self::Leave { bridge, session } => {
                Named { session: Some(session.clone()), bridge: Some(bridge.clone()), playback: None }
            }
            Self::CreateBridge { bridge, .. } | Self::Destroy { bridge } => {
                Named { bridge: Some(bridge.clone()), ..Named::default() }
            }
        }
    }
}

/// Who gives a command, as told with it.
#[derive(Debug, Default)]
pub(super) struct Context {
    pub command_id: Option<Arc<str>>,
    pub engine: Option<Arc<str>>,
    pub group: Option<Arc<str>>,
    /// The span that it is given from.
    pub trace: Option<SpanContext>,
}

/// A request that is a command.
pub(super) trait Asks: Sized {
    /// The session that it names; empty for none.
    fn session_id(&self) -> &str {
        ""
    }

    /// The bridge that it names; empty for none.
    fn bridge_id(&self) -> &str {
        ""
    }

    /// The playback that it names; empty for none.
    fn playback_id(&self) -> &str {
        ""
    }

    /// Its context, taken out.
    fn take_context(&mut self) -> Option<CommandContext>;

    /// What it asks, where its fields can be used.
    fn order(self, check: &mut Check) -> Option<Order>;
}

/// A command as it was read.
#[derive(Debug)]
pub(super) struct Parsed {
    /// What it names, for the details of a refusal. Of one that is refused here: what can be read as ids.
    pub named: Named,
    /// Who asks what, or what is wrong with it.
    pub asked: Result<(Context, Order), Refusal>,
}

/// Reads and checks a command.
pub(super) fn parse<R: Asks>(mut request: R) -> Parsed {
    let named = Named {
        session: SessionId::parse(request.session_id()).ok(),
        bridge: BridgeId::parse(request.bridge_id()).ok(),
        playback: PlaybackId::parse(request.playback_id()).ok(),
    };
    let asked = checked(|check| {
        let told = request.take_context().unwrap_or_default();
        let context = context(told, check);
        let order = request.order(check);
        Some((context?, order?))
    });
    // The ids that were made for it are named, too.
    let named = asked.as_ref().map_or(named, |(_, order)| order.named());
    Parsed { named, asked }
}

fn context(told: CommandContext, check: &mut Check) -> Option<Context> {
    check.not_served(told.lease != 0, "context.lease");
    check.not_served(told.epoch != 0, "context.epoch");
    let command_id = check.name_or_none("context.command_id", &told.command_id);
    let engine = check.name_or_none("context.engine_id", &told.engine_id);
    let group = check.name_or_none("context.group", &told.group);
    let trace = remote_context(&told.traceparent);
    Some(Context { command_id: command_id?, engine: engine?, group: group?, trace })
}

impl Context {
    /// The engine named, outside a stream; `None` for an operator's tool.
    pub fn engine_ref(&self) -> Option<EngineRef> {
        let id = self.engine.clone()?;
        Some(EngineRef { group: self.group_or_default(), id })
    }

    /// The group named, outside a stream.
    pub fn group_or_default(&self) -> Arc<str> {
        self.group.clone().unwrap_or_else(|| DEFAULT_GROUP.into())
    }

    /// Checks that inside a stream no other engine is named.
    ///
    /// # Errors
    /// When one is.
    pub fn check_stream(&self, stream: &EngineRef) -> Result<(), Refusal> {
        checked(|check| {
            if self.engine.as_ref().is_some_and(|engine| *engine != stream.id) {
                check.bad("context.engine_id", "is not the stream's engine");
            }
            if self.group.as_ref().is_some_and(|group| *group != stream.group) {
                check.bad("context.group", "is not the stream's group");
            }
            Some(())
        })
    }
}

#[cfg(test)]
mod tests;
