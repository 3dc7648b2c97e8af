//! The one `Input` and the one `Output` of a shard. A run is its inputs: equal inputs at equal times give equal outputs.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::ground::{Asker, BridgeId, ConnectionId, Flow, ListenerId, SessionId, Transport};
use crate::session::command::{Command, CommandDone, CommandError, EngineRef};
use crate::session::event::{SessionEvent, SessionView};
use crate::session::media::{
    BridgeMode, MediaError, MediaEvent, MediaReply, MediaRequest, Membership, SignaledPeer,
};

/// Whatever reaches a shard.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Input {
    /// Bytes of one SIP message, whole.
    Received {
        /// The message.
        bytes: Bytes,
        /// The way it came.
        flow: Flow,
    },
    /// The same of a new request, as transport's lanes have it, that has waited too long for its turn: whoever sent it has
    /// tried another way by now, or soon will. What it would begin is refused.
    Overdue {
        /// The message.
        bytes: Bytes,
        /// The way it came.
        flow: Flow,
    },
    /// A command to a session. Answered by exactly one [`Output::CommandReply`].
    Command {
        /// Comes back in the reply.
        ticket: u64,
        /// The session; for Create, the new one's id, already claimed in the directory.
        session: SessionId,
        /// What to do.
        command: Box<Command>,
    },
    /// A question about one session or all. Answered by exactly one [`Output::Views`].
    Query {
        /// Comes back in the answer.
        ticket: u64,
        /// What is asked.
        query: Query,
    },
    /// Media's answer to an [`Output::Media`].
    MediaReply {
        /// As given with the request.
        request: u64,
        /// What came of it.
        result: Result<MediaReply, MediaError>,
    },
    /// Media tells something about a session's endpoint.
    MediaEvent {
        /// The session.
        session: SessionId,
        /// What.
        event: MediaEvent,
    },
    /// The media service was lost or restarted: all endpoints are gone.
    MediaLost,
    /// The media service is there, and can carry so much.
    MediaCapacity {
        /// Endpoints, this shard's part of them.
        endpoints: u32,
    },
    /// Whether media takes new calls. It does not while it is away, and while it drains. A shard begins without it.
    MediaTakesCalls(bool),
    /// A look-up's result, best first. Empty or an error: the target cannot be located.
    Resolved {
        /// As given with the question.
        query: u64,
        /// Where to.
        result: Result<Vec<SocketAddr>, String>,
    },
    /// A stream connection ended.
    FlowDown {
        /// Which.
        connection: ConnectionId,
    },
    /// The network says that datagrams to this peer do not arrive.
    Unreachable {
        /// The listener that they were sent from.
        listener: ListenerId,
        /// The peer.
        remote: SocketAddr,
    },
    /// What was given with [`Output::Transmit`] could not be sent.
    SendFailed {
        /// As given with it.
        tag: u64,
    },
    /// The attached engines, whenever they change. Order is the order of attachment.
    Engines(Vec<AttachedEngine>),
    /// An engine did not come back within the grace: its sessions end.
    EngineGone(EngineRef),
    /// No new calls from here on.
    Drain,
    /// End all sessions: the drain's time is up.
    HangUpAll,
    /// The shard's queue is long, or no longer: while it is, INVITEs are answered 100 at once instead of after 200 ms,
    /// so that they are not repeated.
    QueueLong(bool),
}

/// An engine as shards know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachedEngine {
    /// Which.
    pub engine: EngineRef,
    /// How many sessions this shard may give it; `None`: no limit.
    pub sessions_max: Option<u32>,
    /// Whether it is heard from and has room for events. One that has not gets a call only where no other of its group can
    /// take it.
    pub ready: bool,
    /// Whether it stands still: it is not heard from, or events wait for it. What it has not decided about goes to others.
    pub still: bool,
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Query {
    /// One session.
    One(SessionId),
    /// All sessions of a group and an engine (empty: any) whose id is greater than `after`, by id, at most `limit`.
    Page {
        /// Empty: any.
        group: Arc<str>,
        /// Empty: any.
        engine: Arc<str>,
        /// Empty: from the first.
        after: String,
        /// At most so many.
        limit: u32,
    },
}

/// Whatever a shard wants done.
#[derive(Clone, Debug, Serialize)]
pub enum Output {
    /// Send these bytes.
    Transmit {
        /// The way.
        flow: Flow,
        /// One message.
        bytes: Bytes,
        /// Comes back with [`Input::SendFailed`].
        tag: u64,
    },
    /// A change of a session, for its engine's log.
    Event {
        /// The engine that owns the session.
        engine: EngineRef,
        /// What happened.
        event: Box<SessionEvent>,
    },
    /// What a command answers.
    CommandReply {
        /// As given with it.
        ticket: u64,
        /// What came of it.
        result: Result<CommandDone, CommandError>,
    },
    /// What a query answers.
    Views {
        /// As given with it.
        ticket: u64,
        /// The sessions.
        views: Vec<SessionView>,
    },
    /// Ask media. Answered by exactly one [`Input::MediaReply`].
    Media {
        /// Comes back in the reply.
        request: u64,
        /// The session whose endpoint is meant.
        session: SessionId,
        /// For logs and placement, with the first request of an endpoint: the call.
        call_id: Option<Arc<str>>,
        /// What is known of the peer.
        peer: SignaledPeer,
        /// What is asked.
        body: MediaRequest,
    },
    /// Look this up.
    Resolve {
        /// Comes back with the result.
        query: u64,
        /// A host name.
        host: String,
        /// The port, where given.
        port: Option<u16>,
        /// The transport.
        transport: Transport,
        /// Whose name it is.
        asker: Asker,
    },
    /// A session has begun by itself: an incoming call.
    SessionOpened {
        /// Which.
        session: SessionId,
    },
    /// A session is over; its id may be forgotten.
    SessionClosed {
        /// Which.
        session: SessionId,
    },
    /// A session came into a bridge, left it, or does not come, for the bridge directory. Always before the session's end.
    BridgeChanged {
        /// Which bridge.
        bridge: BridgeId,
        /// How it carries audio.
        mode: BridgeMode,
        /// Which session.
        session: SessionId,
        /// What became of it.
        membership: Membership,
    },
}
