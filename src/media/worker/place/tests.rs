//! Places of what a worker refuses.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::ground::{Instant, Random};
use crate::media::MediaSettings;
use crate::media::core::{Signaled, Step};
use crate::media::worker::net::PortPool;
use crate::media::worker::operation::{Create, Negotiate};
use crate::media::worker::owner::{Item, StreamState};
use crate::media::worker::{COMMANDS_MAX, Clips, Gauges, Inbox, Lookups, WorkerHandle};
use crate::sdp::Direction;

/// Two workers whose threads never run.
fn node() -> Node {
    let settings = MediaSettings::default().node_settings().unwrap();
    let handle =
        || WorkerHandle { inbox: Arc::new(Inbox::new().unwrap()), gauges: Arc::new(Gauges::default()) };
    let ports = PortPool::new(
        10_000,
        10_010,
        std::time::Duration::ZERO,
        Instant::ZERO,
        &mut Random::from_key([1, 2]),
    );
    let (clips, lookups) = (Clips::new(&[], 1 << 20).unwrap(), Lookups::new().unwrap());
    Node::new(settings, vec![handle(), handle()], clips, lookups, ports)
}

fn fill(node: &Node) {
    for worker in &node.workers {
        while worker.inbox.push(Command::Stop).is_ok() {}
    }
}

fn empty(node: &Node) -> Vec<Operation> {
    let mut served = Vec::new();
    for worker in &node.workers {
        let mut commands = VecDeque::new();
        worker.inbox.take(&mut commands);
        assert!(commands.len() <= COMMANDS_MAX);
        served.extend(commands.into_iter().filter_map(|command| match command {
            Command::Serve(serve) => Some(serve.operation),
            _ => None,
        }));
    }
    served
}

fn negotiate(endpoint: &str) -> Operation {
    Operation::Negotiate(Box::new(Negotiate {
        endpoint: endpoint.into(),
        create: Some(Create::default()),
        generation: 1,
        remote: String::new(),
        direction: Direction::SendRecv,
        codecs: Vec::new(),
        codecs_from: String::new(),
        ip_version: None,
        sources: None,
        peer: Signaled::default(),
        step: Step::MakeOffer,
        commit: false,
    }))
}

#[test]
fn a_close_that_a_full_worker_refuses_reaches_it_when_it_is_asked_for_again() {
    let node = node();
    let (owner, opened) = node.owners.open("owner", 1, 0, Instant::ZERO).unwrap();
    let stream = opened.stream;
    let ask = |operation| node.queue(&owner, ReplyTo::Stream { stream, id: 1 }, operation);
    let bridge = || "b".to_owned();
    ask(negotiate("a"));
    ask(Operation::CreateBridge { bridge: bridge(), mode: BridgeMode::Mix, affinity: "here".into() });
    assert_eq!(empty(&node).len(), 2);
    let releases =
        || [Operation::Close { endpoint: "a".into() }, Operation::DestroyBridge { bridge: bridge() }];
    fill(&node);
    releases().into_iter().for_each(ask);
    let mut items = Vec::new();
    let polled = owner.poll_items(stream, 9, &mut items, &mut Context::from_waker(Waker::noop()));
    assert_eq!(polled, Poll::Ready(StreamState::Items));
    let refused = |item: &Item| matches!(item, Item::Reply { reply: Err(Failure::Limit { .. }), .. });
    assert!(items.len() == 2 && items.iter().all(refused), "{items:?}");
    assert_eq!(empty(&node).len(), 0);
    releases().into_iter().for_each(ask);
    assert_eq!(empty(&node).len(), 2, "they have their places still");
}
