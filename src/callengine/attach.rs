//! The engine's stream: connect, open, take up what the engine owns, acknowledge what is dealt with.

mod owned;

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;
use tokio_util::time::DelayQueue;
use tonic::transport::{Channel, Endpoint};

use super::calls::{Calls, Step, Told};
use super::settings::CallEngineSettings;
use crate::ground::with_causes;
use crate::proto::session::v1::{
    Ack, AttachItem, AttachRequest, AttachResponse, Cursor, Event, Open, attach_item::Item,
    attach_request::Message, event::Payload, event_service_client::EventServiceClient, playback_ended::Cause,
};

/// Requests that the stream takes ahead. What does not fit waits behind them, see [`Attachment::backlog`].
const OUTBOX_REQUESTS: usize = 4096;

/// How long an acknowledgement waits for a command to go with. One by itself costs the service as much as a command, and
/// nobody waits for it.
const ACK_WITHIN: Duration = Duration::from_millis(100);

/// How long the service may take to end a stream that the engine has closed.
const LEAVE_WITHIN: Duration = Duration::from_secs(2);

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum StreamEnd {
    #[error("cannot connect: {}", with_causes(.0))]
    Connect(#[from] tonic::transport::Error),
    #[error("{0}")]
    Status(#[from] tonic::Status),
    #[error("the service closed the stream")]
    Closed,
    #[error("the engine was told to stop")]
    Stopped,
}

/// One attachment, from open to its end.
pub(super) async fn attend(
    endpoint: &Endpoint,
    settings: &CallEngineSettings,
    name: &str,
    on_opened: impl FnOnce(),
    stop: &CancellationToken,
) -> StreamEnd {
    let channel = match stop.run_until_cancelled(endpoint.connect()).await {
        Some(Ok(channel)) => channel,
        Some(Err(error)) => return error.into(),
        None => return StreamEnd::Stopped,
    };
    let (outbox, requests) = mpsc::channel(OUTBOX_REQUESTS);
    let open = Open {
        engine_id: name.to_owned(),
        group: settings.group.clone(),
        sessions_max: settings.sessions_max,
        ..Default::default()
    };
    let requests = tokio_stream::once(Message::Open(open)).chain(ReceiverStream::new(requests));
    let mut items = match stop.run_until_cancelled(attach(channel.clone(), requests)).await {
        Some(Ok(items)) => items,
        Some(Err(status)) => return status.into(),
        None => return StreamEnd::Stopped,
    };
    let trunk = (!settings.trunk.is_empty()).then(|| settings.trunk.clone());
    let mut attachment = Attachment {
        calls: Calls::new(trunk),
        outbox,
        backlog: VecDeque::new(),
        timers: DelayQueue::new(),
        unacknowledged: None,
    };
    let begun = stop.run_until_cancelled(attachment.begin(&mut items, channel, settings, name)).await;
    match begun {
        Some(Ok(())) => on_opened(),
        Some(Err(end)) => return end,
        None => return attachment.leave(items).await,
    }
    attachment.serve(items, stop).await
}

async fn attach(
    channel: Channel,
    requests: impl Stream<Item = Message> + Send + 'static,
) -> Result<tonic::Streaming<AttachResponse>, tonic::Status> {
    let requests = requests.map(|message| AttachRequest { message: Some(message) });
    Ok(EventServiceClient::new(channel).attach(requests).await?.into_inner())
}

struct Attachment {
    calls: Calls,
    outbox: mpsc::Sender<Message>,
    /// What the stream does not take yet. Reading goes on meanwhile: the service takes no more commands while their
    /// results are not read. It is bounded by the events under way, because acknowledgements wait in it behind the
    /// commands that their events led to.
    backlog: VecDeque<Message>,
    timers: DelayQueue<String>,
    /// What is dealt with and not acknowledged, and when it is at the latest.
    unacknowledged: Option<(Cursor, Instant)>,
}

impl Attachment {
    /// Waits until it is attached, then takes up the calls that it owns already. What happens meanwhile waits in the
    /// stream.
    async fn begin(
        &mut self,
        items: &mut tonic::Streaming<AttachResponse>,
        channel: Channel,
        settings: &CallEngineSettings,
        name: &str,
    ) -> Result<(), StreamEnd> {
        let first = items.message().await?.ok_or(StreamEnd::Closed)?;
        let owned = owned::sessions(channel, &settings.group, name).await?;
        if !owned.is_empty() {
            tracing::info!(engine = name, sessions = owned.len(), "takes up the calls that it owns");
        }
        let steps = self.calls.resume(&owned, SystemTime::now());
        self.carry_out(steps);
        let steps = self.on_response(first);
        self.carry_out(steps);
        self.send().map_err(|Closed| StreamEnd::Closed)
    }

    async fn serve(
        mut self,
        mut items: tonic::Streaming<AttachResponse>,
        stop: &CancellationToken,
    ) -> StreamEnd {
        loop {
            let steps = tokio::select! {
                response = items.message() => match response {
                    Ok(Some(response)) => self.on_response(response),
                    Ok(None) => return StreamEnd::Closed,
                    Err(status) => return status.into(),
                },
                is_open = has_room(&self.outbox), if !self.backlog.is_empty() => {
                    if !is_open {
                        return StreamEnd::Closed;
                    }
                    Vec::new()
                }
                () = acknowledgement_due(&self.unacknowledged) => {
                    self.acknowledge();
                    Vec::new()
                }
                () = stop.cancelled() => return self.leave(items).await,
                Some(expired) = self.timers.next() => self.calls.on_timer(expired.get_ref()),
            };
            self.carry_out(steps);
            if self.send().is_err() {
                return StreamEnd::Closed;
            }
        }
    }

    /// Acknowledges what is dealt with and closes the engine's half: it leaves in good order, and its name is free at once
    /// if no call is left.
    async fn leave(mut self, mut items: tonic::Streaming<AttachResponse>) -> StreamEnd {
        let leaving = async {
            self.acknowledge();
            for message in self.backlog {
                // The service may have closed its half already.
                if self.outbox.send(message).await.is_err() {
                    break;
                }
            }
            drop(self.outbox);
            while let Ok(Some(_)) = items.message().await {}
        };
        // Then its end is noticed by the connection's.
        let _ = tokio::time::timeout(LEAVE_WITHIN, leaving).await;
        StreamEnd::Stopped
    }

    fn on_response(&mut self, response: AttachResponse) -> Vec<Step> {
        let mut steps = Vec::new();
        for AttachItem { item } in response.items {
            match item {
                Some(Item::Event(event)) => {
                    tell(&event);
                    steps.append(&mut self.calls.on_event(&event));
                    if let Some(cursor) = event.cursor {
                        let by = self
                            .unacknowledged
                            .take()
                            .map_or_else(|| Instant::now() + ACK_WITHIN, |(_, by)| by);
                        self.unacknowledged = Some((cursor, by));
                    }
                }
                Some(Item::CommandResult(result)) => {
                    let (mut again, told) = self.calls.on_result(&result);
                    steps.append(&mut again);
                    if let Some(Told { session, why }) = told {
                        tracing::info!(session, command = result.command_id, "refused: {why}");
                    }
                }
                Some(Item::Opened(open)) => tracing::info!(version = open.version, "attached"),
                Some(Item::Draining(_)) => tracing::info!("the service is draining"),
                Some(Item::Gap(gap)) => tracing::warn!(?gap, "events were lost"),
                Some(Item::Heartbeat(_) | Item::Snapshot(_)) | None => {}
            }
        }
        steps
    }

    /// Gives the commands, then acknowledges what led to them: events are never acknowledged before they are acted on.
    fn carry_out(&mut self, steps: Vec<Step>) {
        let mut given = false;
        for step in steps {
            match step {
                Step::Send(command) => {
                    self.backlog.push_back(Message::Command(*command));
                    given = true;
                }
                Step::Wait(session, pause) => {
                    self.timers.insert(session, pause);
                }
            }
        }
        if given {
            self.acknowledge();
        }
    }

    fn acknowledge(&mut self) {
        if let Some((through, _)) = self.unacknowledged.take() {
            self.backlog.push_back(Message::Ack(Ack { through: Some(through) }));
        }
    }

    /// Gives the stream what it takes at once.
    fn send(&mut self) -> Result<(), Closed> {
        while let Some(message) = self.backlog.pop_front() {
            match self.outbox.try_send(message) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(message)) => {
                    self.backlog.push_front(message);
                    break;
                }
                Err(mpsc::error::TrySendError::Closed(_)) => return Err(Closed),
            }
        }
        Ok(())
    }
}

/// Tells what a caller that is hung up cannot know by itself.
fn tell(event: &Event) {
    if let Some(Payload::PlaybackEnded(ended)) = &event.payload
        && ended.cause() == Cause::Failed
    {
        let (session, playback) = (&event.session_id, &ended.playback_id);
        tracing::warn!(session, playback, reason = ended.reason, "cannot be played");
    }
}

/// The stream takes nothing any more.
struct Closed;

/// Done when the stream takes something; whether it does at all.
async fn has_room(outbox: &mpsc::Sender<Message>) -> bool {
    outbox.reserve().await.is_ok()
}

/// Done when an acknowledgement is due; never while there is none.
async fn acknowledgement_due(unacknowledged: &Option<(Cursor, Instant)>) {
    match unacknowledged {
        Some((_, by)) => tokio::time::sleep_until(*by).await,
        None => std::future::pending().await,
    }
}
