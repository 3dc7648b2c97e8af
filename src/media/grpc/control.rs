//! The `Control` stream. Requests are taken, and replies and events given, by one poll function: no task stands
//! between the connection and the workers.
//!
//! ```text
//!   requests ──▶ poll_next ── dispatch ──▶ a worker's inbox        one hop there,
//!   replies  ◀── poll_next ◀── owner's queue ◀── the worker        one hop back
//! ```

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use futures_util::stream::BoxStream;
use tokio::time::{Sleep, sleep};
use tonic::Status;

use super::{MediaGrpc, convert, no_operation};
use crate::media::core::Failure;
use crate::media::worker::operation::ReplyTo;
use crate::media::worker::owner::{Item, Owner, StreamState};
use crate::media::worker::{answer, clock};
use crate::proto::media::v1 as proto;

/// Requests of one stream that may be unanswered. While there are so many, no more are read: the stream's flow
/// control holds the owner back.
pub const IN_FLIGHT_MAX: usize = 8192;

/// How long after its beginning a stream may take to say `hello`.
const HELLO_TIME_MAX: Duration = Duration::from_secs(10);

/// Items of one message. The rest goes with the next.
const ITEMS_PER_MESSAGE: usize = 512;

/// An open stream.
#[derive(Debug)]
struct Open {
    owner: Arc<Owner>,
    stream: u64,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.owner.close_stream(self.stream, clock::now());
    }
}

/// What the owner is told on one stream. Polled, it also takes the owner's requests.
pub struct ControlReplies {
    service: MediaGrpc,
    requests: BoxStream<'static, Result<proto::ControlRequest, Status>>,
    requests_ended: bool,
    open: Option<Open>,
    hello_time_max: Duration,
    /// Until when `hello` has to come, from the first poll that finds none. A stream that says it at once needs no timer.
    hello_due: Option<Pin<Box<Sleep>>>,
    in_flight: usize,
    /// What is to be told before anything else.
    first: Vec<proto::ControlItem>,
    items: Vec<Item>,
    finished: bool,
}

impl ControlReplies {
    pub(super) fn new(
        service: MediaGrpc,
        requests: BoxStream<'static, Result<proto::ControlRequest, Status>>,
    ) -> Self {
        Self::within(HELLO_TIME_MAX, service, requests)
    }

    fn within(
        hello_time_max: Duration,
        service: MediaGrpc,
        requests: BoxStream<'static, Result<proto::ControlRequest, Status>>,
    ) -> Self {
        Self {
            service,
            requests,
            requests_ended: false,
            open: None,
            hello_time_max,
            hello_due: None,
            in_flight: 0,
            first: Vec::new(),
            items: Vec::new(),
            finished: false,
        }
    }

    /// Takes all requests that are there. The workers are woken when they have all of them.
    fn take_requests(&mut self, cx: &mut Context<'_>) -> Result<(), Status> {
        let taken = self.queue_requests(cx);
        self.service.node().ring();
        taken
    }

    fn queue_requests(&mut self, cx: &mut Context<'_>) -> Result<(), Status> {
        while !self.requests_ended && self.in_flight < IN_FLIGHT_MAX {
            match self.requests.as_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(message))) => {
                    if let Some(open) = &self.open {
                        open.owner.heard(clock::now());
                    }
                    message.requests.into_iter().try_for_each(|request| self.take(request))?;
                }
                // The connection broke, or the owner gave up: nobody is there to be told.
                Poll::Ready(Some(Err(status))) => return Err(status),
                Poll::Ready(None) => self.requests_ended = true,
                Poll::Pending => break,
            }
        }
        Ok(())
    }

    fn take(&mut self, request: proto::Request) -> Result<(), Status> {
        let proto::Request { id, operation } = request;
        let hello = match (&self.open, operation) {
            (None, Some(proto::request::Operation::Hello(hello))) => hello,
            (None, _) => {
                return Err(Status::failed_precondition("the first request of a stream must be hello"));
            }
            (Some(open), operation) => {
                self.in_flight += 1;
                if let Some(proto::request::Operation::Heartbeat(heartbeat)) = &operation {
                    open.owner.acknowledge(heartbeat.events_through);
                }
                let reply_to = ReplyTo::Stream { stream: open.stream, id };
                match operation.ok_or_else(no_operation).and_then(convert::operation) {
                    Ok(operation) => self.service.node().queue(&open.owner, reply_to, operation),
                    Err(failure) => answer(&open.owner, reply_to, Err(failure)),
                }
                return Ok(());
            }
        };
        let welcome = self.welcome(&hello);
        let reply = match welcome {
            Ok(welcome) => proto::Reply { id, result: Some(proto::reply::Result::Welcome(welcome)) },
            Err(failure) => {
                // It is told why, and then the stream is over.
                self.requests_ended = true;
                convert::reply(id, Err(failure))
            }
        };
        self.first.push(proto::ControlItem { item: Some(proto::control_item::Item::Reply(reply)) });
        Ok(())
    }

    fn welcome(&mut self, hello: &proto::Hello) -> Result<proto::Welcome, Failure> {
        convert::check_owner(&hello.owner)?;
        let node = self.service.node();
        if node.ending.load(Ordering::Acquire) {
            return Err(Failure::Draining);
        }
        let opening = node.owners.open(&hello.owner, hello.incarnation, hello.events_through, clock::now());
        let (owner, opened) = opening.inspect_err(|failure| {
            tracing::debug!(owner = hello.owner, %failure, "a stream is refused");
        })?;
        tracing::info!(owner = hello.owner, "an owner's stream is open");
        self.open = Some(Open { owner, stream: opened.stream });
        self.hello_due = None;
        Ok(proto::Welcome {
            node: self.service.inner.name.clone(),
            incarnation: self.service.inner.incarnation,
            capacity: Some(self.service.capacity()),
            events_lost: opened.events_lost,
            draining: self.service.node().draining.load(Ordering::Relaxed),
            events_from: opened.events_from,
        })
    }

    /// Ends the stream when `hello` does not come in time.
    fn poll_hello_due(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<proto::ControlResponse, Status>>> {
        let time_max = self.hello_time_max;
        let due = self.hello_due.get_or_insert_with(|| Box::pin(sleep(time_max)));
        due.as_mut().poll(cx).map(|()| Some(Err(Status::deadline_exceeded("no hello came in time"))))
    }

    /// The next message, made of all that waits.
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<proto::ControlResponse, Status>>> {
        if let Err(status) = self.take_requests(cx) {
            return Poll::Ready(Some(Err(status)));
        }
        if !self.first.is_empty() {
            let items = std::mem::take(&mut self.first);
            return Poll::Ready(Some(Ok(proto::ControlResponse { items })));
        }
        let Some(open) = &self.open else {
            return if self.requests_ended { Poll::Ready(None) } else { self.poll_hello_due(cx) };
        };
        match open.owner.poll_items(open.stream, ITEMS_PER_MESSAGE, &mut self.items, cx) {
            Poll::Ready(StreamState::Items) => {
                let replies = self.items.iter().filter(|item| matches!(item, Item::Reply { .. })).count();
                let held_back = self.in_flight >= IN_FLIGHT_MAX;
                self.in_flight = self.in_flight.saturating_sub(replies);
                if held_back && replies > 0 && !self.requests_ended {
                    // There is room again for requests that were not read. Where all were, the next one wakes the task.
                    cx.waker().wake_by_ref();
                }
                let items = self.items.drain(..).map(convert::item).collect();
                Poll::Ready(Some(Ok(proto::ControlResponse { items })))
            }
            Poll::Ready(StreamState::Replaced) => {
                Poll::Ready(Some(Err(Status::aborted("a newer stream of the owner took this one's place"))))
            }
            Poll::Ready(StreamState::EventsLost) => Poll::Ready(Some(Err(Status::resource_exhausted(
                "events were lost: more waited than are kept",
            )))),
            Poll::Ready(StreamState::NodeEnds) => {
                Poll::Ready(Some(Err(Status::unavailable("the media node ends"))))
            }
            Poll::Pending if self.requests_ended && self.in_flight == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Stream for ControlReplies {
    type Item = Result<proto::ControlResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.finished {
            return Poll::Ready(None);
        }
        let polled = self.poll_message(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.finished = true;
            self.open = None;
        }
        polled
    }
}

#[cfg(test)]
mod tests;
