//! Where each output of a shard goes.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{Core, Driver, Reply};
use crate::engine::Logged;
use crate::ground::{BridgeId, Now, SessionId};
use crate::session::command::CommandDone;
use crate::session::event::{EventPayload, SessionEvent, SessionView};
use crate::session::media::{MediaRequest, Membership, SignaledPeer};
use crate::shard::io::{Input, Output};
use crate::signaling::bridges::Bridges;
use crate::signaling::directory::Directory;
use crate::signaling::engines::Engines;
use crate::signaling::linger::Urgency;
use crate::signaling::media::MediaLink;
use crate::signaling::refusal::Refusal;
use crate::signaling::tasks::Tasks;
use crate::signaling::wire::Wire;
use crate::transport::SendTag;
use crate::transport::resolve::{Question, Resolver};

/// Where a shard's outputs go.
#[derive(Clone)]
pub struct Outlets {
    /// Sockets.
    pub wire: Arc<dyn Wire>,
    /// Where sessions live.
    pub directory: Arc<Directory>,
    /// The engines' logs.
    pub engines: Arc<Engines>,
    /// The bridges.
    pub bridges: Arc<Bridges>,
    /// The media service.
    pub media: Arc<MediaLink>,
    /// Look-ups.
    pub resolver: Arc<dyn Resolver>,
    /// Where look-ups are counted.
    pub tasks: Tasks,
}

/// What was set aside for a command before its session heard of it.
#[derive(Clone, Debug)]
pub(super) enum Stake {
    Nothing,
    /// The id of a session to be made.
    Id(SessionId),
    /// A session's place in a bridge.
    Place(BridgeId, SessionId),
}

/// Who waits for a ticket.
pub(super) enum Waiting {
    Command {
        reply: Reply,
        /// What is given back when the command is refused.
        stake: Stake,
    },
    Query(oneshot::Sender<Vec<SessionView>>),
}

impl<C: Core> Driver<C> {
    pub(super) fn route(&mut self, output: Output, now: Now) {
        match output {
            Output::Transmit { flow, bytes, tag } => {
                self.outlets.wire.send(SendTag { shard: self.shard, token: tag }, &flow, bytes);
            }
            Output::Event { engine, event } => {
                self.call_log.event(&engine, &event);
                let traceparent = self.traces.event(&event);
                let urgency = self.urgency(&event);
                self.events.push((engine, Logged { event, traceparent }, urgency));
            }
            Output::CommandReply { ticket, result } => {
                if let Some(waiting) = self.waiting.remove(&ticket) {
                    self.command_reply(waiting, result.map_err(Refusal::Command), now);
                }
            }
            Output::Views { ticket, views } => {
                if let Some(Waiting::Query(reply)) = self.waiting.remove(&ticket) {
                    // Whoever asked may have gone.
                    let _ = reply.send(views);
                }
            }
            Output::Media { request, session, call_id, peer, body } => {
                self.ask_media(request, &session, call_id, peer, body);
            }
            Output::Resolve { query, host, port, transport, asker } => {
                self.resolve(query, Question { host, port, transport, asker });
            }
            Output::SessionOpened { session } => self.outlets.directory.opened(&session, self.shard),
            Output::SessionClosed { session } => {
                self.outlets.directory.closed(&session, now.mono);
            }
            Output::BridgeChanged { bridge, session, membership, .. } => match membership {
                Membership::Joined => self.outlets.bridges.joined(&bridge, &session),
                Membership::Left => self.outlets.bridges.left(&bridge, &session),
                Membership::NotJoined => self.outlets.bridges.not_joined(&bridge, &session),
            },
        }
    }

    fn ask_media(
        &mut self,
        request: u64,
        session: &SessionId,
        call_id: Option<Arc<str>>,
        peer: SignaledPeer,
        body: MediaRequest,
    ) {
        let create = call_id.map(|call_id| {
            let traceparent = self.traces.endpoint(session, &call_id);
            (call_id, traceparent)
        });
        if let Err(error) = self.outlets.media.ask(self.shard, request, session, create, peer, body) {
            self.at_once.push_back(Input::MediaReply { request, result: Err(error) });
        }
    }

    /// Whether somebody waits for what the engine makes of an event: a caller for his call's fate, and whoever had a call
    /// made for its answer. The rest may wait for company; nobody notices that it rings a few milliseconds later.
    fn urgency(&self, event: &SessionEvent) -> Urgency {
        match &event.payload {
            EventPayload::IncomingCall(_) => Urgency::Now,
            EventPayload::Connected { .. } if self.outlets.directory.is_outbound(&event.session) => {
                Urgency::Now
            }
            _ => Urgency::Soon,
        }
    }

    pub(super) fn command_reply(&mut self, waiting: Waiting, result: Result<CommandDone, Refusal>, now: Now) {
        let Waiting::Command { reply, stake } = waiting else { return };
        match (&result, stake) {
            (Ok(_), _) | (Err(_), Stake::Nothing) => {}
            (Err(_), Stake::Id(session)) => self.outlets.directory.release(&session),
            (Err(_), Stake::Place(bridge, session)) => self.outlets.bridges.not_joined(&bridge, &session),
        }
        self.linger(reply.send_within(result, Urgency::Soon, now.mono));
    }

    fn resolve(&self, query: u64, question: Question) {
        let (resolver, inbox) = (Arc::clone(&self.outlets.resolver), Arc::clone(&self.inbox));
        let look_up = async move {
            let result = resolver.resolve(question).await.map_err(|error| error.to_string());
            inbox.answer(Input::Resolved { query, result });
        };
        self.outlets.tasks.spawn_on(&tokio::runtime::Handle::current(), look_up);
    }
}
