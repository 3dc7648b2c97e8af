//! Shards and lanes.

use std::sync::atomic::AtomicUsize;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use super::*;
use crate::ground::Placement;

fn dispatcher(shards: u16, bounds: &LaneBounds) -> (Dispatcher, Vec<ShardQueue>, Arc<Counters>) {
    let counters = Arc::<Counters>::default();
    let (dispatcher, queues) = Dispatcher::new(Placement::new([5, 6], shards), bounds, Arc::clone(&counters));
    (dispatcher, queues, counters)
}

fn received(bytes: Bytes) -> Received {
    let flow = to_peer(UDP, Transport::Udp, "192.0.2.1:5060".parse().unwrap());
    Received { bytes, flow, at: Instant::now() }
}

/// The first line of every message, the variant of every notice, in the order in which the shard takes them.
fn take_all(queue: &mut ShardQueue, max: usize) -> Vec<String> {
    let mut batch = Vec::new();
    queue.take_batch(&mut batch, max);
    batch
        .into_iter()
        .map(|arrival| match arrival {
            Arrival::Message(message) | Arrival::Overdue(message) => {
                let line = message.bytes.split(|&byte| byte == b' ').next().unwrap().to_vec();
                String::from_utf8(line).unwrap()
            }
            Arrival::Notice(_) => "news".to_owned(),
        })
        .collect()
}

fn flow_down() -> Notice {
    Notice::FlowDown {
        connection: ConnectionId(1),
        listener: TCP,
        remote: "192.0.2.1:5060".parse().unwrap(),
        end: ConnectionEnd::Peer,
    }
}

fn in_dialog(method: &str, call_id: &str) -> Bytes {
    let text = String::from_utf8(request(method, call_id, 0).to_vec()).unwrap();
    text.replace("To: <sip:bob@example.com>", "To: <sip:bob@example.com>;tag=2").into()
}

fn response(call_id: &str) -> Bytes {
    let text = String::from_utf8(request("INVITE", call_id, 0).to_vec()).unwrap();
    text.replace("INVITE sip:bob@example.com SIP/2.0", "SIP/2.0 180 Ringing").into()
}

#[test]
fn what_belongs_to_a_call_goes_before_new_requests_and_news_before_both() {
    let (dispatcher, mut queues, _) = dispatcher(1, &LaneBounds::default());
    let messages = [
        request("INVITE", "new", 0),
        request("OPTIONS", "new", 0),
        response("a"),
        request("ACK", "a", 0),
        request("CANCEL", "a", 0),
        request("BYE", "a", 0),
        in_dialog("INFO", "a"),
    ];
    for message in messages {
        dispatcher.deliver(received(message)).unwrap();
    }
    dispatcher.notify(flow_down());
    assert_eq!(queues[0].len(), 7);
    let expected = ["news", "SIP/2.0", "ACK", "CANCEL", "BYE", "INFO", "INVITE", "OPTIONS"];
    assert_eq!(take_all(&mut queues[0], 100), expected);
    assert!(queues[0].is_empty());
}

#[test]
fn a_cancel_waits_behind_its_invite_and_behind_no_other() {
    let expected = |taken: Vec<String>| assert_eq!(taken, ["BYE", "OPTIONS", "INVITE", "CANCEL", "ACK"]);
    let (dispatcher, mut queues, _) = dispatcher(1, &LaneBounds::default());
    let deliver = |message: Bytes| dispatcher.deliver(received(message)).unwrap();
    deliver(request("OPTIONS", "b", 0));
    for (method, call) in [("INVITE", "a"), ("CANCEL", "a"), ("ACK", "a"), ("BYE", "b")] {
        deliver(request(method, call, 0));
    }
    expected(take_all(&mut queues[0], 100));
    deliver(request("INVITE", "new", 0));
    deliver(request("CANCEL", "a", 0));
    assert_eq!(take_all(&mut queues[0], 100), ["CANCEL", "INVITE"], "its INVITE has been taken");
    deliver(request("INVITE", "a", 0));
    deliver(in_dialog("BYE", "a"));
    deliver(response("a"));
    assert_eq!(
        take_all(&mut queues[0], 100),
        ["BYE", "SIP/2.0", "INVITE"],
        "a tag is known to who was answered"
    );
}

#[test]
fn a_cancel_keeps_behind_its_invite_over_shards_listeners_and_batches_of_any_size() {
    for (shards, batch) in [(1, 1), (1, 3), (4, 2), (4, 64)] {
        let (dispatcher, mut queues, _) = dispatcher(shards, &LaneBounds::default());
        let mut pushed = 0..300;
        let (mut begun, mut taken) = (std::collections::HashSet::new(), 0);
        while taken < 900 {
            for call in pushed.by_ref().take(7) {
                for (method, listener) in [("INVITE", UDP), ("CANCEL", TCP), ("BYE", UDP)] {
                    let mut message = received(request(method, &format!("call-{call}"), 0));
                    message.flow.listener = listener;
                    dispatcher.deliver(message).unwrap();
                }
            }
            for queue in &mut queues {
                let mut arrivals = Vec::new();
                taken += queue.take_batch(&mut arrivals, batch);
                for arrival in arrivals {
                    let (Arrival::Message(message) | Arrival::Overdue(message)) = arrival else {
                        panic!("{arrival:?}")
                    };
                    let text = String::from_utf8(message.bytes.to_vec()).unwrap();
                    let call = text.lines().find(|line| line.starts_with("Call-ID")).unwrap().to_owned();
                    if text.starts_with("INVITE") {
                        begun.insert(call);
                    } else {
                        assert!(begun.contains(&call), "{shards} shards, batches of {batch}: {text}");
                    }
                }
            }
        }
    }
}

#[test]
fn an_invite_that_finds_no_room_holds_nothing_up() {
    let bounds = LaneBounds { new_requests: 1, ..LaneBounds::default() };
    let (dispatcher, mut queues, _) = dispatcher(1, &bounds);
    dispatcher.deliver(received(request("OPTIONS", "b", 0))).unwrap();
    assert_eq!(dispatcher.deliver(received(request("INVITE", "a", 0))), Err(Refused::NewRequest));
    dispatcher.deliver(received(request("CANCEL", "a", 0))).unwrap();
    assert_eq!(take_all(&mut queues[0], 100), ["CANCEL", "OPTIONS"]);
}

/// Which of the messages that waited so many milliseconds are told as overdue.
fn overdue(queue: &mut ShardQueue, max: usize) -> Vec<bool> {
    let mut batch = Vec::new();
    queue.take_batch(&mut batch, max);
    batch.iter().map(|arrival| matches!(arrival, Arrival::Overdue(_))).collect()
}

#[test]
fn a_new_request_that_waited_too_long_is_told_apart_and_what_belongs_to_a_call_is_not() {
    let patience = (Duration::from_secs(5), Duration::from_secs(5));
    let bounds = LaneBounds { patience, ..LaneBounds::default() };
    let (dispatcher, mut queues, _) = dispatcher(1, &bounds);
    let waited = |message: Bytes, millis: u64| {
        let mut message = received(message);
        message.at -= Duration::from_millis(millis);
        dispatcher.deliver(message).unwrap();
    };
    waited(request("BYE", "a", 0), 9_000);
    waited(request("INVITE", "a", 0), 9_000);
    waited(request("INVITE", "b", 0), 300);
    assert_eq!(overdue(&mut queues[0], 100), [false, true, false]);
}

#[test]
fn where_new_requests_never_stop_waiting_less_waiting_is_too_long() {
    let bounds = LaneBounds {
        patience: (Duration::from_secs(3_600), Duration::from_millis(100)),
        ..LaneBounds::default()
    };
    let at_once = LaneBounds { patience: (Duration::ZERO, Duration::from_millis(100)), ..bounds.clone() };
    for (bounds, second) in [(bounds, false), (at_once, true)] {
        let (dispatcher, mut queues, _) = dispatcher(1, &bounds);
        for call in ["a", "b"] {
            let mut message = received(request("INVITE", call, 0));
            message.at -= Duration::from_millis(200);
            dispatcher.deliver(message).unwrap();
        }
        overdue(&mut queues[0], 1);
        assert_eq!(overdue(&mut queues[0], 1), [second]);
    }
}

#[test]
fn a_flood_of_one_lane_leaves_the_other_its_room_and_its_share() {
    let bounds = LaneBounds { ongoing: 100, new_requests: 3, notices: 1, ..LaneBounds::default() };
    let (dispatcher, mut queues, _) = dispatcher(1, &bounds);
    for i in 0..3 {
        dispatcher.deliver(received(request("INVITE", &i.to_string(), 0))).unwrap();
    }
    let refused = dispatcher.deliver(received(request("INVITE", "more", 0)));
    assert_eq!(refused, Err(Refused::NewRequest));
    for i in 0..100 {
        dispatcher.deliver(received(in_dialog("BYE", &i.to_string()))).unwrap();
    }
    let refused = dispatcher.deliver(received(in_dialog("BYE", "more")));
    assert_eq!(refused, Err(Refused::Ongoing));
    let taken = take_all(&mut queues[0], 16);
    assert_eq!(taken.iter().filter(|method| *method == "INVITE").count(), 2, "one in eight: {taken:?}");
    assert_eq!(taken.len(), 16);
}

#[test]
fn a_calls_every_message_meets_one_shard_and_calls_spread() {
    let (dispatcher, mut queues, _) = dispatcher(4, &LaneBounds::default());
    for i in 0..200 {
        let call_id = format!("call-{i}@example.com");
        for message in [request("INVITE", &call_id, 0), response(&call_id), request("ACK", &call_id, 5)] {
            dispatcher.deliver(received(message)).unwrap();
        }
    }
    for queue in &mut queues {
        let taken = take_all(queue, 1_000);
        let count = |method: &str| taken.iter().filter(|taken| *taken == method).count();
        assert!(count("INVITE") > 20, "a fair share: {}", count("INVITE"));
        assert_eq!(count("INVITE"), count("SIP/2.0"));
        assert_eq!(count("INVITE"), count("ACK"));
    }
}

#[test]
fn a_message_without_a_call_id_reaches_some_shard() {
    let (dispatcher, queues, _) = dispatcher(4, &LaneBounds::default());
    let text = String::from_utf8(request("INVITE", "a", 0).to_vec()).unwrap().replace("Call-ID: a\r\n", "");
    dispatcher.deliver(received(text.into())).unwrap();
    assert_eq!(queues.iter().map(ShardQueue::len).sum::<usize>(), 1);
}

#[test]
fn news_goes_to_every_shard_or_to_the_one_that_asked() {
    let bounds = LaneBounds { notices: 2, ..LaneBounds::default() };
    let (dispatcher, mut queues, counters) = dispatcher(3, &bounds);
    dispatcher.notify(flow_down());
    let tag = SendTag { shard: 1, token: 7 };
    dispatcher.notify(Notice::SendFailed { tag, error: SendError::FlowGone });
    dispatcher.notify(flow_down());
    let news: Vec<usize> = queues.iter_mut().map(|queue| take_all(queue, 10).len()).collect();
    assert_eq!(news, [2, 2, 2]);
    assert_eq!(counters.snapshot().notices_lost, 1, "shard 1 had no room for its third");
}

/// Counts how often it was woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_sleeping_shard_is_woken_once_per_batch_and_a_running_one_never() {
    let (dispatcher, mut queues, _) = dispatcher(1, &LaneBounds::default());
    let queue = &mut queues[0];
    let woken = Arc::<Woken>::default();
    let waker = Waker::from(Arc::clone(&woken));
    let mut cx = Context::from_waker(&waker);
    let mut batch = Vec::new();
    assert!(queue.poll_batch(&mut cx, &mut batch, 10).is_pending());
    for i in 0..5 {
        dispatcher.deliver(received(request("INVITE", &i.to_string(), 0))).unwrap();
    }
    assert_eq!(woken.0.load(Ordering::Relaxed), 0, "only a batch's end wakes");
    dispatcher.flush();
    dispatcher.flush();
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    assert_eq!(queue.poll_batch(&mut cx, &mut batch, 10), Poll::Ready(5));
    dispatcher.deliver(received(request("INVITE", "6", 0))).unwrap();
    dispatcher.flush();
    assert_eq!(woken.0.load(Ordering::Relaxed), 1, "it runs, and will look again");
    assert_eq!(queue.poll_batch(&mut cx, &mut batch, 10), Poll::Ready(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_wake_up_is_lost_between_threads() {
    const MESSAGES: usize = 50_000;
    let (dispatcher, mut queues, _) =
        dispatcher(1, &LaneBounds { ongoing: 4, new_requests: 4, notices: 4, ..LaneBounds::default() });
    let sending = std::thread::spawn(move || {
        let message = received(request("BYE", "a", 0));
        for _ in 0..MESSAGES {
            while dispatcher.deliver(message.clone()).is_err() {
                std::thread::yield_now();
            }
            dispatcher.flush();
        }
    });
    let mut batch = Vec::new();
    while batch.len() < MESSAGES {
        patiently(queues[0].recv_batch(&mut batch, 3)).await;
    }
    sending.join().unwrap();
    assert_eq!(patiently(queues[0].recv_batch(&mut batch, 3)).await, 0, "the dispatcher is gone");
}

#[test]
fn a_shard_that_is_gone_refuses() {
    let (dispatcher, queues, counters) = dispatcher(1, &LaneBounds::default());
    drop(queues);
    assert_eq!(dispatcher.deliver(received(request("BYE", "a", 0))), Err(Refused::Closed));
    dispatcher.notify(flow_down());
    assert_eq!(counters.snapshot().notices_lost, 1);
    dispatcher.flush();
}
