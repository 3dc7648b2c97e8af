//! A stream's beginning, and who wakes its task.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use futures_util::StreamExt;
use futures_util::stream::{iter, pending};
use tokio::time::timeout;

use super::*;
use crate::media::MediaSettings;
use crate::media::service::{MediaNode, start};

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Counts how often a task is woken.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

fn media() -> MediaNode {
    let bind_ipv4 = Some(std::net::Ipv4Addr::LOCALHOST);
    start(&MediaSettings { bind_ipv4, workers: 1, ..MediaSettings::default() }).unwrap()
}

fn message(id: u64, operation: proto::request::Operation) -> Result<proto::ControlRequest, Status> {
    Ok(proto::ControlRequest { requests: vec![proto::Request { id, operation: Some(operation) }] })
}

fn hello() -> Result<proto::ControlRequest, Status> {
    let hello = proto::Hello { owner: "owner".into(), incarnation: 1, ..proto::Hello::default() };
    message(1, proto::request::Operation::Hello(hello))
}

/// Asks for something that is refused at once.
fn close(id: u64) -> Result<proto::ControlRequest, Status> {
    let close = proto::CloseEndpoint { endpoint_id: "nobody".into() };
    message(id, proto::request::Operation::CloseEndpoint(close))
}

#[tokio::test]
async fn a_stream_that_never_says_hello_ends() {
    let media = media();
    let silent = Ok(proto::ControlRequest::default());
    let requests = iter([silent]).chain(pending()).boxed();
    let mut replies = ControlReplies::within(Duration::from_millis(20), media.service.clone(), requests);
    let ended = timeout(PATIENCE, replies.next()).await.expect("it stays open");
    assert_eq!(ended.unwrap().unwrap_err().code(), tonic::Code::DeadlineExceeded);
    assert!(replies.next().await.is_none());
}

#[tokio::test]
async fn a_stream_that_said_hello_has_no_deadline() {
    let media = media();
    let requests = iter([hello()]).chain(pending()).boxed();
    let mut replies = ControlReplies::within(Duration::ZERO, media.service.clone(), requests);
    assert!(timeout(PATIENCE, replies.next()).await.unwrap().unwrap().is_ok());
    assert!(timeout(Duration::from_millis(30), replies.next()).await.is_err());
}

/// Polls a stream for its next message, waiting in between as it is told. Returns the wakes that came with the message.
async fn next_with_wakes(replies: &mut ControlReplies) -> usize {
    let wakes = Arc::<Wakes>::default();
    let waker = Waker::from(Arc::clone(&wakes));
    let looking = async {
        loop {
            let before = wakes.0.load(Ordering::Acquire);
            if replies.poll_next_unpin(&mut Context::from_waker(&waker)).is_ready() {
                return wakes.0.load(Ordering::Acquire) - before;
            }
            while wakes.0.load(Ordering::Acquire) == before {
                tokio::task::yield_now().await;
            }
        }
    };
    timeout(PATIENCE, looking).await.expect("no message comes")
}

#[tokio::test]
async fn a_reply_wakes_the_task_for_more_requests_only_if_some_were_held_back() {
    let media = media();
    let asked = |count: usize| {
        let closes = (0..count as u64).map(|id| close(id + 2));
        let requests = iter(std::iter::once(hello()).chain(closes).collect::<Vec<_>>()).chain(pending());
        ControlReplies::new(media.service.clone(), requests.boxed())
    };
    for (count, wakes) in [(1, 0), (IN_FLIGHT_MAX + 1, 1)] {
        let mut replies = asked(count);
        assert_eq!(next_with_wakes(&mut replies).await, 0, "the welcome");
        assert_eq!(next_with_wakes(&mut replies).await, wakes, "{count} requests");
    }
}
