//! Why a command, a query or an attachment is refused: everything that can go wrong on this floor, and whatever a shard
//! says. How it is told to a client is [`grpc`](super::grpc)'s business.

use crate::ground::{BridgeId, PlaybackId, SessionId};
use crate::session::command::{CommandError, EngineRef};
use crate::session::media::MediaError;

/// One field that cannot be used. The client's fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadField {
    /// Its path, as in `headers[2].value`.
    pub field: String,
    /// What is wrong.
    pub problem: String,
}

/// Why something is refused. Nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The shard says so.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// Fields are missing or malformed.
    #[error("bad request: {}", list(.0))]
    BadFields(Vec<BadField>),
    /// Fields or verbs that this version does not serve were used.
    #[error("not served: {}", .0.join(", "))]
    NotServed(Vec<&'static str>),
    /// Its deadline passed while it waited. It was not carried out.
    #[error("the deadline passed before the command's turn came")]
    Deadline,
    /// A queue or table of this floor is full.
    #[error("a bound is reached: {0}")]
    Full(Bound),
    /// No such bridge.
    #[error("no bridge {0}")]
    BridgeNotFound(BridgeId),
    /// The client-chosen bridge id is taken.
    #[error("bridge {0} exists")]
    BridgeExists(BridgeId),
    /// The bridge belongs to another engine, and to another group where that suffices.
    #[error("bridge {0} belongs to another engine")]
    BridgeNotOwned(BridgeId),
    /// A stream of that engine is open.
    #[error("an engine {} is attached to group {}", .0.id, .0.group)]
    EngineAttached(EngineRef),
    /// No stream of that engine is open; with an empty id, of no engine of the group.
    #[error("{}", not_attached(.0))]
    EngineNotAttached(EngineRef),
    /// The engine has attached by another stream.
    #[error("the engine has attached by a newer stream")]
    EngineReplaced,
    /// The engine did not read its stream for three heartbeats.
    #[error("the stream was not read for three heartbeats")]
    EngineSilent,
    /// The protocol of the stream was broken.
    #[error("the stream's protocol is broken: {0}")]
    BadStream(String),
    /// A member that a bridge was to be made with cannot come.
    #[error("member {session}: {refusal}")]
    Member {
        /// The member.
        session: SessionId,
        /// What it, or its shard, says.
        refusal: Box<Refusal>,
    },
    /// Media refused what was asked for a bridge.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// Shutting down.
    #[error("draining: no new calls and no new engines")]
    Draining,
    /// A fault of ours.
    #[error("internal: {0}")]
    Internal(&'static str),
}

/// What a command named: the details of its refusal name it again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// The session.
    pub session: Option<SessionId>,
    /// The bridge.
    pub bridge: Option<BridgeId>,
    /// The playback.
    pub playback: Option<PlaybackId>,
}

/// The bounds of this floor, by the names that they have in the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bound {
    /// Requests that wait for one shard.
    ShardRequests,
    /// Engines, attached and away.
    Engines,
    /// Bridges.
    Bridges,
    /// Members of a bridge that relays between two.
    RelayMembers,
    /// Members of a bridge in which each hears each other as a stream of its own.
    MeshMembers,
    /// Members of a bridge that mixes or echoes.
    BridgeMembers,
    /// Commands to a bridge that wait until it is made.
    BridgeCommands,
    /// Requests to media without an answer.
    MediaRequests,
}

impl Bound {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ShardRequests => "shard_requests_max",
            Self::Engines => "engines_max",
            Self::Bridges => "bridges_max",
            Self::RelayMembers => "relay_members_max",
            Self::MeshMembers => "mesh_members_max",
            Self::BridgeMembers => "bridge_members_max",
            Self::BridgeCommands => "bridge_commands_max",
            Self::MediaRequests => "media_requests_max",
        }
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

fn list(fields: &[BadField]) -> String {
    let told: Vec<String> = fields.iter().map(|bad| format!("{}: {}", bad.field, bad.problem)).collect();
    told.join("; ")
}

fn not_attached(engine: &EngineRef) -> String {
    if engine.id.is_empty() {
        format!("no engine is attached to group {}", engine.group)
    } else {
        format!("no engine {} is attached to group {}", engine.id, engine.group)
    }
}
