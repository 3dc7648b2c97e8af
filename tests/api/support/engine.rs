//! A call engine, one item at a time.

use std::collections::VecDeque;

use callplane::proto::session::v1 as proto;
use callplane::proto::session::v1::attach_item::Item;
use callplane::proto::session::v1::attach_request::Message;
use callplane::proto::session::v1::command::Verb;
use callplane::proto::session::v1::event::Payload;
use callplane::proto::session::v1::event_service_client::EventServiceClient;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use super::soon;

/// An attached engine.
pub struct Engine {
    pub opened: proto::Opened,
    requests: Option<mpsc::Sender<proto::AttachRequest>>,
    responses: Streaming<proto::AttachResponse>,
    items: VecDeque<Item>,
}

/// The least that an engine says.
pub fn open(engine_id: &str) -> proto::Open {
    proto::Open { engine_id: engine_id.into(), ..Default::default() }
}

/// Opens a stream with these first messages.
pub async fn stream(
    client: &mut EventServiceClient<Channel>,
    first: Vec<proto::AttachRequest>,
) -> Result<(mpsc::Sender<proto::AttachRequest>, Streaming<proto::AttachResponse>), Status> {
    let (requests, outgoing) = mpsc::channel(4_096);
    for request in first {
        requests.try_send(request).expect("room");
    }
    let responses = soon("attach", client.attach(ReceiverStream::new(outgoing))).await?;
    Ok((requests, responses.into_inner()))
}

pub fn message(message: Message) -> proto::AttachRequest {
    proto::AttachRequest { message: Some(message) }
}

impl Engine {
    pub async fn attach(client: EventServiceClient<Channel>, engine_id: &str) -> Self {
        Self::open(client, open(engine_id)).await.expect("attached")
    }

    pub async fn open(mut client: EventServiceClient<Channel>, open: proto::Open) -> Result<Self, Status> {
        let (requests, responses) = stream(&mut client, vec![message(Message::Open(open))]).await?;
        let opened = proto::Opened::default();
        let mut engine = Self { opened, requests: Some(requests), responses, items: VecDeque::new() };
        match engine.next().await? {
            Some(Item::Opened(opened)) => engine.opened = opened,
            other => panic!("not opened: {other:?}"),
        }
        Ok(engine)
    }

    /// The next item of whatever kind; `None` when the stream has ended well.
    pub async fn next(&mut self) -> Result<Option<Item>, Status> {
        while self.items.is_empty() {
            let Some(response) = soon("an item", self.responses.message()).await? else { return Ok(None) };
            assert!(!response.items.is_empty(), "an empty response");
            self.items.extend(response.items.into_iter().filter_map(|item| item.item));
        }
        Ok(self.items.pop_front())
    }

    /// The next item that is no heartbeat.
    pub async fn item(&mut self) -> Item {
        loop {
            match self.next().await.expect("no error").expect("no end") {
                Item::Heartbeat(_) => {}
                item => return item,
            }
        }
    }

    pub async fn event(&mut self) -> proto::Event {
        match self.item().await {
            Item::Event(event) => event,
            other => panic!("no event: {other:?}"),
        }
    }

    /// The next event that carries what `want` wants; others are passed over.
    pub async fn until<T>(&mut self, want: impl Fn(&Payload) -> Option<T>) -> (proto::Event, T) {
        loop {
            if let Item::Event(event) = self.item().await
                && let Some(wanted) = event.payload.as_ref().and_then(&want)
            {
                return (event, wanted);
            }
        }
    }

    pub async fn result(&mut self) -> proto::CommandResult {
        match self.item().await {
            Item::CommandResult(result) => result,
            other => panic!("no result: {other:?}"),
        }
    }

    pub async fn say(&self, said: Message) {
        let requests = self.requests.as_ref().expect("open");
        soon("room", requests.send(message(said))).await.expect("a stream");
    }

    pub async fn command(&self, verb: Verb) {
        self.say(Message::Command(proto::Command { verb: Some(verb), ..Default::default() })).await;
    }

    pub async fn ack(&self, through: Option<proto::Cursor>) {
        self.say(Message::Ack(proto::Ack { through })).await;
    }

    /// Says that no more is coming.
    pub fn half_close(&mut self) {
        self.requests = None;
    }

    /// How the stream ends; what comes before is passed over.
    pub async fn end(&mut self) -> Result<(), Status> {
        while self.next().await?.is_some() {}
        Ok(())
    }
}
