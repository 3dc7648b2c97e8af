//! `EventService`: the stream of an engine, both ways in one task.
//!
//! The task that sends is the one that reads. It wakes when a message came, or when there is something to say; then it
//! reads what is there, and says all there is to say in one message. An engine that does not read is not read either:
//! HTTP/2's window is the only buffer between us, and whatever the engine is slow for, others do not notice.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use prost::Message as _;
use tonic::{Request, Response, Status, Streaming};

use super::check::checked;
use super::orders::{DEFAULT_GROUP, Order, Parsed, of_command};
use super::status::status;
use super::unary::{Api, COMMAND_TIME_MAX};
use super::{events, words};
use crate::engine::{Attachment, Cursor, Open, Opened};
use crate::listening::ConnectionLife;
use crate::proto::session::v1 as proto;
use crate::proto::session::v1::attach_item::Item;
use crate::proto::session::v1::attach_request::Message;
use crate::proto::session::v1::event_service_server::EventService;
use crate::session::command::EngineRef;
use crate::signaling::bridges::{BridgeView, NewBridge};
use crate::signaling::driver::Reply;
use crate::signaling::engines::{EngineHandle, Makes, Outcome, StreamEnd, StreamReply};
use crate::signaling::linger::Urgency;
use crate::signaling::refusal::{Named, Refusal};
use crate::signaling::switchboard::{Caller, Deadline};

/// How long a client may take to say how it wants to be attached.
const OPEN_TIME_MAX: Duration = Duration::from_secs(10);

/// Messages read before what they led to gets its turn.
const READ_MAX: usize = 64;

/// Items of one message, and bytes after which no more are added: clients take 4 MiB by default.
const ITEMS_MAX: usize = 256;
const ITEMS_BYTES: usize = 256 << 10;

#[tonic::async_trait]
impl EventService for Api {
    type AttachStream = AttachStream;

    async fn attach(
        &self,
        request: Request<Streaming<proto::AttachRequest>>,
    ) -> Result<Response<AttachStream>, Status> {
        let connection = request.extensions().get::<ConnectionLife>().cloned();
        let mut requests = request.into_inner();
        let first = tokio::time::timeout(OPEN_TIME_MAX, requests.message()).await;
        let first = first.map_err(|_| status(&Refusal::BadStream("no open in time".into())))??;
        let Some(proto::AttachRequest { message: Some(Message::Open(open)) }) = first else {
            return Err(status(&Refusal::BadStream("the first message is not open".into())));
        };
        let (engine, open) = terms(open).map_err(|refusal| status(&refusal))?;
        let attached = self.board.engines.attach(&engine, open).map_err(|refusal| status(&refusal))?;
        let (engine, opened) = attached;
        if let Some(connection) = connection {
            engine.carried_by(opened.attachment, connection);
        }
        let told = self.told(opened);
        let stream = AttachStream {
            api: self.clone(),
            requests,
            engine,
            stream: opened.attachment,
            opened: Some(told),
            half_closed: false,
            over: false,
        };
        Ok(Response::new(stream))
    }
}

/// How an engine wants to be attached.
fn terms(open: proto::Open) -> Result<(EngineRef, Open), Refusal> {
    checked(|check| {
        check.not_served(open.after.is_some(), "open.after");
        check.not_served(open.refuse_snapshot, "open.refuse_snapshot");
        let id = check.name("open.engine_id", &open.engine_id);
        let group = check.name_or_none("open.group", &open.group);
        let heartbeat = check.duration("open.heartbeat", open.heartbeat, Duration::ZERO..=Duration::MAX);
        let group = group?.unwrap_or_else(|| DEFAULT_GROUP.into());
        let terms =
            Open { unacked_events_max: open.unacked_events_max, sessions_max: open.sessions_max, heartbeat };
        Some((EngineRef { group, id: id? }, terms))
    })
}

impl Api {
    fn told(&self, opened: Opened) -> proto::Opened {
        let limits = self.board.engines.limits();
        proto::Opened {
            mode: proto::opened::Mode::Live.into(),
            at: Some(events::cursor(opened.at)),
            unacked_events_max: opened.unacked_events_max,
            sessions_max: opened.sessions_max,
            heartbeat: Some(words::duration(opened.heartbeat)),
            retention_events: limits.retention_events,
            retention_bytes: limits.retention_bytes,
            grace: Some(words::duration(limits.grace)),
            sessions_owned: opened.sessions_owned,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// One engine's stream. Dropped with its connection, it detaches the engine.
pub struct AttachStream {
    api: Api,
    requests: Streaming<proto::AttachRequest>,
    engine: Arc<EngineHandle>,
    stream: Attachment,
    opened: Option<proto::Opened>,
    half_closed: bool,
    over: bool,
}

impl Drop for AttachStream {
    fn drop(&mut self) {
        self.api.board.engines.detach(&self.engine, self.stream, self.half_closed);
    }
}

impl Stream for AttachStream {
    type Item = Result<proto::AttachResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.over {
            return Poll::Ready(None);
        }
        this.engine.register(this.stream, cx.waker());
        let held_back = match this.read(cx) {
            Ok(held_back) => held_back,
            Err(refusal) => {
                this.over = true;
                return Poll::Ready(Some(Err(refusal)));
            }
        };
        let mut items = Vec::new();
        let end = this.say(&mut items);
        if !items.is_empty() {
            if held_back && this.engine.takes_commands(this.stream) {
                cx.waker().wake_by_ref();
            }
            return Poll::Ready(Some(Ok(proto::AttachResponse { items })));
        }
        // Who says no more may wait for results all the same.
        if end.is_ok() && (!this.half_closed || this.engine.commands_pending() > 0) {
            return Poll::Pending;
        }
        this.over = true;
        Poll::Ready(match end {
            Err(StreamEnd::Unread) => Some(Err(status(&Refusal::EngineSilent))),
            Err(StreamEnd::Replaced) => Some(Err(status(&Refusal::EngineReplaced))),
            Err(StreamEnd::Shutdown | StreamEnd::Detached) | Ok(()) => None,
        })
    }
}

impl AttachStream {
    /// Reads what is there. Whether it stopped for want of room for results.
    fn read(&mut self, cx: &mut Context<'_>) -> Result<bool, Status> {
        for _ in 0..READ_MAX {
            if self.half_closed {
                return Ok(false);
            }
            if !self.engine.takes_commands(self.stream) {
                return Ok(true);
            }
            match Pin::new(&mut self.requests).poll_next(cx) {
                Poll::Pending => return Ok(false),
                Poll::Ready(None) => self.half_closed = true,
                Poll::Ready(Some(Err(status))) => return Err(status),
                Poll::Ready(Some(Ok(request))) => {
                    self.message(request).map_err(|refusal| status(&refusal))?;
                }
            }
        }
        // There may be more, and nobody else would say so.
        cx.waker().wake_by_ref();
        Ok(false)
    }

    fn message(&mut self, request: proto::AttachRequest) -> Result<(), Refusal> {
        let now = self.api.board.clock.mono();
        match request.message {
            Some(Message::Ack(proto::Ack { through: Some(through) })) => {
                let through = Cursor { epoch: through.epoch, sequence: through.sequence };
                let acked = self.engine.ack(self.stream, through, now);
                acked.map_err(|error| Refusal::BadStream(error.to_string()))
            }
            Some(Message::Ack(_)) => Err(Refusal::BadStream("an ack without a cursor".into())),
            Some(Message::Command(command)) => {
                self.command(command);
                Ok(())
            }
            Some(Message::Ping(_)) => Ok(()),
            Some(Message::Open(_)) => Err(Refusal::BadStream("a second open".into())),
            // A newer client's message looks the same as none. It is told, as a command without an id would be.
            None => {
                let refusal = Refusal::NotServed(vec!["message"]);
                self.reply(String::new(), Named::default(), Makes::Nothing).send(Err(refusal));
                Ok(())
            }
        }
    }

    fn command(&self, command: proto::Command) {
        let (command_id, Parsed { named, asked }) = of_command(command);
        let stream = self.engine.identity();
        let asked = asked.and_then(|(context, order)| {
            context.check_stream(stream)?;
            Ok((context, order))
        });
        let (context, order) = match asked {
            Ok(asked) => asked,
            Err(refusal) => {
                return self.reply(command_id, named, Makes::Nothing).send(Err(refusal));
            }
        };
        let caller = Caller {
            engine: Some(stream.clone()),
            group: Arc::clone(&stream.group),
            command_id: context.command_id.unwrap_or_default(),
            deadline: Deadline::after(self.api.board.clock.mono(), COMMAND_TIME_MAX),
            trace: context.trace,
        };
        self.carry_out(&caller, command_id, named, order);
    }

    fn reply(&self, command_id: String, named: Named, makes: Makes) -> StreamReply {
        self.engine.reply_to(self.stream, command_id, named, makes)
    }

    fn carry_out(&self, caller: &Caller, command_id: String, named: Named, order: Order) {
        let board = &self.api.board;
        match order {
            Order::Session { session, verb, created } => {
                let reply = Reply::Stream(self.reply(
                    command_id,
                    named,
                    created.map_or(Makes::Nothing, Makes::Named),
                ));
                board.command(caller, session, verb, reply);
            }
            Order::Create { session, group, create } => {
                let reply = Reply::Stream(self.reply(command_id, named, Makes::Session));
                board.create(caller, session, group, *create, reply);
            }
            Order::Join { bridge, session } => {
                let reply = Reply::Stream(self.reply(command_id, named, Makes::Nothing));
                board.join(caller, bridge, session, reply);
            }
            Order::Leave { bridge, session } => {
                let reply = Reply::Stream(self.reply(command_id, named, Makes::Nothing));
                board.leave(caller, bridge, session, reply);
            }
            Order::Destroy { bridge } => {
                let reply = self.reply(command_id, named, Makes::Nothing);
                board.destroy_bridge(caller, bridge, move |done| {
                    reply.send(done.map(|()| Outcome { session: None, created: None }));
                });
            }
            Order::CreateBridge { bridge, mode, members, group, keep_when_empty } => {
                let group = group.unwrap_or_else(|| Arc::clone(&caller.group));
                let owner = caller.engine.clone();
                let new = NewBridge { id: bridge, mode, group, owner, keep_when_empty };
                let reply = self.reply(command_id, named, Makes::Nothing);
                self.create_bridge(caller, reply, new, &members);
            }
        }
    }

    /// A bridge waits for media; meanwhile the stream goes on.
    fn create_bridge(
        &self,
        caller: &Caller,
        reply: StreamReply,
        new: NewBridge,
        members: &[crate::ground::SessionId],
    ) {
        let operation = match self.api.board.begin_bridge(caller, new, members) {
            Ok(operation) => operation,
            Err(refusal) => return reply.send(Err(refusal)),
        };
        let board = Arc::clone(&self.api.board);
        self.api.board.tasks.spawn_on(&self.api.board.front, async move {
            let tell = |made: Result<BridgeView, Refusal>| {
                let made = made.map(|view| Outcome { session: None, created: Some(view.id.to_string()) });
                reply.send_within(made, Urgency::Soon, board.clock.mono())
            };
            if let Some((at, engine)) = board.finish_bridge(operation, tell).await {
                tokio::time::sleep_until(board.clock.to_tokio(at)).await;
                engine.wake_lingering();
            }
        });
    }

    /// Adds what there is to say.
    fn say(&mut self, items: &mut Vec<proto::AttachItem>) -> Result<(), StreamEnd> {
        if let Some(opened) = self.opened.take() {
            items.push(proto::AttachItem { item: Some(Item::Opened(opened)) });
        }
        let mut bytes = 0;
        self.engine.take(self.stream, self.api.board.clock.mono(), self.half_closed, |saying| {
            let item = events::item(saying);
            bytes += item.encoded_len();
            items.push(item);
            items.len() < ITEMS_MAX && bytes < ITEMS_BYTES
        })
    }
}
