//! The sending half of the stream: everything that waits, in one message.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::Stream;

use super::MediaLink;
use crate::proto::media::v1::{ControlRequest, Request};

/// Most requests of one message. The rest goes with the next.
pub(super) const REQUESTS_PER_MESSAGE: usize = 256;

/// What is sent on one stream. Ends when the stream's time is over.
pub(super) struct Requests {
    link: Arc<MediaLink>,
    stream: u64,
    hello: Option<Request>,
}

impl Requests {
    /// The requests of stream number `stream`, `hello` first.
    pub fn new(link: Arc<MediaLink>, stream: u64, hello: Request) -> Self {
        Self { link, stream, hello: Some(hello) }
    }
}

impl Stream for Requests {
    type Item = ControlRequest;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ControlRequest>> {
        if let Some(hello) = self.hello.take() {
            return Poll::Ready(Some(ControlRequest { requests: vec![hello] }));
        }
        self.link
            .poll_outgoing(self.stream, cx)
            .map(|requests| requests.map(|requests| ControlRequest { requests }))
    }
}
