//! Commands, from the contract's words into ours. The same for a unary call and for a stream.

mod bridge;
mod playback;
mod session;
mod stream;

use std::sync::Arc;

use opentelemetry::trace::SpanContext;

use crate::ground::{BridgeId, SessionId};
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
    pub fn named(&self) -> Named {
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
    /// Its context, taken out.
    fn take_context(&mut self) -> Option<CommandContext>;

    /// What it asks, where its fields can be used.
    fn order(self, check: &mut Check) -> Option<Order>;
}

/// Checks a command.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse<R: Asks>(mut request: R) -> Result<(Context, Order), Refusal> {
    checked(|check| {
        let told = request.take_context().unwrap_or_default();
        let context = context(told, check);
        let order = request.order(check);
        Some((context?, order?))
    })
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
