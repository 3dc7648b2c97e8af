//! The link to media: answers to whoever asked, breaks, and other incarnations.

use std::net::SocketAddr;

use callplane::ground::{Description, Mismatch};
use callplane::proto::media::v1 as media;
use callplane::proto::media::v1::request::Operation;
use callplane::session::media::{
    Direction, MediaError, MediaEvent, MediaPreferences, MediaReply, MediaRequest, NegotiationStep,
    RtpSources, SignaledPeer,
};
use callplane::shard::io::{Input, Output};
use callplane::signaling::{self, EVENTS_PER_ACKNOWLEDGEMENT, MediaConnection, SignalingNode};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;

use crate::support::core::{Script, id};
use crate::support::media::{DESCRIPTION, StubMedia};
use crate::support::{Scripted, settings, soon, until};

fn ask(request: u64, session: &str, body: MediaRequest) -> Output {
    let call_id = matches!(body, MediaRequest::Negotiate { .. }).then(|| "call-1".into());
    let peer = SignaledPeer {
        address: Some([203, 0, 113, 7].into()),
        reached: true,
        sources: RtpSources::Subnet,
        familiar: true,
    };
    Output::Media { request, session: id(session), call_id, peer, body }
}

fn answer_offer(offer: &str) -> MediaRequest {
    MediaRequest::Negotiate {
        generation: 1,
        remote: String::new(),
        direction: Direction::SendRecv,
        preferences: MediaPreferences::default(),
        step: NegotiationStep::AnswerOffer(Description(offer.to_owned().into())),
        commit: false,
    }
}

fn replies(script: &Script) -> Vec<(u64, Result<MediaReply, MediaError>)> {
    script.heard(|input| match input {
        Input::MediaReply { request, result } => Some((*request, result.clone())),
        _ => None,
    })
}

fn lost(script: &Script) -> usize {
    script.heard(|input| matches!(input, Input::MediaLost).then_some(())).len()
}

/// What shards were told of whether media takes calls.
fn takes_calls(script: &Script) -> Vec<bool> {
    script.heard(|input| match input {
        Input::MediaTakesCalls(takes) => Some(*takes),
        _ => None,
    })
}

#[tokio::test]
async fn a_session_s_requests_are_answered_and_its_events_come() {
    let scripted = Scripted::start().await;
    scripted.script.tell([
        Output::SessionOpened { session: id("s") },
        ask(1, "s", answer_offer("v=0\r\n")),
        ask(2, "s", MediaRequest::Commit { generation: 1, remote: String::new() }),
        ask(3, "s", MediaRequest::Close),
    ]);
    until("three replies", || replies(&scripted.script).len() == 3).await;
    let replies = replies(&scripted.script);
    let Ok(MediaReply::Negotiated { local, facts }) = &replies[0].1 else { panic!("{replies:?}") };
    assert_eq!(local.as_ref().expect("an answer").0, DESCRIPTION.as_bytes());
    assert_eq!(facts.as_ref().expect("facts").codec, "PCMU/8000");
    assert_eq!(replies[1], (2, Ok(MediaReply::Done)));
    assert!(matches!(replies[2], (3, Ok(MediaReply::Closed(_)))));
    let operations = scripted.media.operations();
    let Some(Operation::Negotiate(negotiate)) =
        operations.iter().find(|o| matches!(o, Operation::Negotiate(_)))
    else {
        panic!("{operations:?}")
    };
    assert_eq!((negotiate.endpoint_id.as_str(), negotiate.generation), ("s", 1));
    assert_eq!(negotiate.create.as_ref().expect("settings").call_id, "call-1");

    let dtmf = media::Dtmf { digit: "5".into(), duration: None };
    scripted.media.tell("s", media::endpoint_event::Event::Dtmf(dtmf.clone()));
    let events = || {
        scripted.script.heard(|input| match input {
            Input::MediaEvent { session, event } => Some((session.clone(), event.clone())),
            _ => None,
        })
    };
    until("the event", || !events().is_empty()).await;
    assert!(matches!(&events()[0], (session, MediaEvent::Dtmf { digit: '5', .. }) if *session == id("s")));
    scripted.media.tell("nobody", media::endpoint_event::Event::Dtmf(dtmf));
    until("a lost event", || scripted.node.counters().media_events_dropped == 1).await;
}

#[tokio::test]
async fn refusals_of_media_keep_their_meaning() {
    let scripted = Scripted::start().await;
    use media::failure::Code;
    let rows = [
        (Code::NoPort, MediaError::NoPort),
        (Code::NothingAcceptable, MediaError::NothingAcceptable(Mismatch::AddressFormat)),
        (Code::BadDescription, MediaError::BadDescription("as told".into())),
        (Code::NoEndpoint, MediaError::NoEndpoint),
        (Code::NoBridge, MediaError::NoBridge),
        (Code::NotNegotiated, MediaError::NotNegotiated("as told".into())),
        (Code::Limit, MediaError::Limit("as told".into())),
        (Code::WorkerDiffers, MediaError::NodeDiffers("as told".into())),
    ];
    for (number, (code, expected)) in (1..).zip(rows) {
        scripted.media.fail(code);
        scripted.script.tell([ask(number, "s", answer_offer("v=0\r\n"))]);
        until("a reply", || replies(&scripted.script).len() == number as usize).await;
        assert_eq!(replies(&scripted.script).pop(), Some((number, Err(expected))));
    }
}

#[tokio::test]
async fn when_the_stream_breaks_whoever_waits_is_answered_and_it_comes_back() {
    let scripted = Scripted::start().await;
    scripted.media.be_silent(true);
    scripted.script.tell([
        Output::SessionOpened { session: id("s") },
        Output::SessionOpened { session: id("t") },
        ask(1, "s", answer_offer("v=0\r\n")),
        ask(2, "t", MediaRequest::Close),
    ]);
    until("both are asked", || scripted.media.operations().len() >= 4).await;
    scripted.media.hang_up();
    until("both are answered", || replies(&scripted.script).len() == 2).await;
    assert!(replies(&scripted.script).iter().all(|(_, result)| *result == Err(MediaError::Unavailable)));
    scripted.media.be_silent(false);
    until("it is back", || scripted.node.is_ready()).await;
    until("shards know all that", || takes_calls(&scripted.script) == [true, false, true]).await;
    scripted.script.tell([ask(3, "s", answer_offer("v=0\r\n"))]);
    until("a third answer", || replies(&scripted.script).len() == 3).await;
    assert!(replies(&scripted.script)[2].1.is_ok());
    assert_eq!(lost(&scripted.script), 0, "the same incarnation still has its endpoints");
    // What is still wanted is named (before any request of now), and what was to be closed is not.
    let operations = scripted.media.operations();
    let named = operations.iter().rev().find_map(|operation| match operation {
        Operation::Reconcile(reconcile) => Some(reconcile.endpoint_ids.clone()),
        _ => None,
    });
    assert_eq!(named, Some(vec!["s".to_owned()]));
}

#[tokio::test]
async fn events_of_media_are_acknowledged_by_the_heartbeat_at_once_when_many_and_with_the_next_stream() {
    let scripted = Scripted::start().await;
    let tell = |count: u64| {
        for _ in 0..count {
            let dtmf = media::Dtmf { digit: "5".into(), duration: None };
            scripted.media.tell("s", media::endpoint_event::Event::Dtmf(dtmf));
        }
    };
    let acknowledged = |through| scripted.media.acknowledged().1.contains(&through);
    tell(3);
    until("a heartbeat", || acknowledged(3)).await;
    tell(EVENTS_PER_ACKNOWLEDGEMENT);
    let all = 3 + EVENTS_PER_ACKNOWLEDGEMENT;
    until("another", || acknowledged(all)).await;
    tell(1);
    until("all are heard", || scripted.node.counters().media_events_dropped == all + 1).await;
    scripted.media.hang_up();
    until("the next stream", || scripted.media.acknowledged().0 == [0, all + 1]).await;
    tell(1);
    until("numbers go on", || acknowledged(all + 2)).await;
}

#[tokio::test]
async fn while_media_is_away_every_request_is_answered_at_once() {
    let script = Script::default();
    let make = script.clone();
    let nobody = MediaConnection::remote("127.0.0.1:1").expect("an address");
    let node = signaling::start_with(&settings(), nobody, false, |shard| make.shard(shard.index));
    let node = node.unwrap_or_else(|error| panic!("{error}"));
    script.wake_by(node.sip_address(0).expect("a listener"));
    script.tell([ask(1, "s", answer_offer("v=0\r\n")), ask(2, "s", MediaRequest::Close)]);
    until("both are answered", || replies(&script).len() == 2).await;
    let expected = [(1, Err(MediaError::Unavailable)), (2, Err(MediaError::Unavailable))];
    assert_eq!(replies(&script), expected);
    assert!(!node.is_ready());
    assert!(!takes_calls(&script).contains(&true));
}

/// A stub behind TCP.
async fn serve(stub: &StubMedia, address: SocketAddr) -> (SocketAddr, CancellationToken) {
    let listener = TcpListener::bind(address).await.expect("an address");
    let address = listener.local_addr().expect("an address");
    let stop = CancellationToken::new();
    let server = tonic::transport::Server::builder()
        .add_service(stub.server())
        .serve_with_incoming(TcpListenerStream::new(listener));
    tokio::spawn(stop.clone().run_until_cancelled_owned(server));
    (address, stop)
}

async fn over_tcp(address: SocketAddr, script: &Script) -> SignalingNode {
    let make = script.clone();
    let connection = MediaConnection::remote(&address.to_string()).expect("an address");
    let node = signaling::start_with(&settings(), connection, false, |shard| make.shard(shard.index));
    let node = node.unwrap_or_else(|error| panic!("{error}"));
    script.wake_by(node.sip_address(0).expect("a listener"));
    until("media", || node.is_ready()).await;
    node
}

#[tokio::test]
async fn over_tcp_another_incarnation_means_that_all_is_lost() {
    let first = StubMedia::new(1);
    let (address, stop) = serve(&first, SocketAddr::from(([127, 0, 0, 1], 0))).await;
    let script = Script::default();
    let node = over_tcp(address, &script).await;
    script.tell([Output::SessionOpened { session: id("s") }, ask(1, "s", answer_offer("v=0\r\n"))]);
    until("a reply", || replies(&script).len() == 1).await;
    stop.cancel();
    first.hang_up();
    until("the break", || !node.is_ready()).await;
    assert_eq!(lost(&script), 0);
    let second = StubMedia::new(2);
    let (_, _stop) = serve(&second, address).await;
    until("it is back", || node.is_ready()).await;
    until("the loss is told", || lost(&script) == 1).await;
    let named = || {
        second.operations().iter().find_map(|operation| match operation {
            Operation::Reconcile(reconcile) => Some(reconcile.endpoint_ids.len()),
            _ => None,
        })
    };
    until("what is still wanted is named", || named().is_some()).await;
    assert_eq!(named(), Some(0));
    soon("the end", node.shutdown()).await;
}

#[tokio::test]
async fn media_that_drains_takes_no_new_calls_and_when_it_says_that_it_ends_its_calls_end_at_once() {
    let scripted = Scripted::start().await;
    scripted.media.stand(media::node_state::Phase::Draining);
    until("the drain is known", || !scripted.node.is_ready()).await;
    assert_eq!(lost(&scripted.script), 0, "calls that are up go on");
    scripted.script.tell([ask(1, "s", MediaRequest::Commit { generation: 1, remote: String::new() })]);
    until("they are served", || replies(&scripted.script).len() == 1).await;
    let told = std::time::Instant::now();
    scripted.media.stand(media::node_state::Phase::Ending);
    until("the loss is told", || lost(&scripted.script) == 1).await;
    assert!(told.elapsed() < signaling::media::AWAY_TIME_MAX / 2, "it is not waited for");
    until("its successor", || scripted.node.is_ready()).await;
    assert_eq!(lost(&scripted.script), 1, "nothing is lost twice");
    until("shards know all that", || takes_calls(&scripted.script) == [true, false, true]).await;
}

#[tokio::test]
async fn media_that_is_connected_and_does_not_answer_counts_as_away_until_it_does() {
    let scripted = Scripted::start().await;
    scripted.media.be_silent(true);
    until("the silence is noticed", || !scripted.node.is_ready()).await;
    scripted.script.tell([ask(1, "s", answer_offer("v=0\r\n"))]);
    until("an answer at once", || replies(&scripted.script).len() == 1).await;
    assert_eq!(replies(&scripted.script), [(1, Err(MediaError::Unavailable))]);
    scripted.media.be_silent(false);
    until("it is back", || scripted.node.is_ready()).await;
    assert_eq!(lost(&scripted.script), 0, "calls outlive a short silence");
}

#[tokio::test]
async fn a_second_process_of_a_name_waits_until_the_first_has_gone() {
    let stub = StubMedia::new(1);
    stub.be_taken(true);
    let (address, _stop) = serve(&stub, SocketAddr::from(([127, 0, 0, 1], 0))).await;
    let script = Script::default();
    let make = script.clone();
    let connection = MediaConnection::remote(&address.to_string()).expect("an address");
    let node = signaling::start_with(&settings(), connection, false, |shard| make.shard(shard.index));
    let node = node.unwrap_or_else(|error| panic!("{error}"));
    until("it has tried again", || stub.operations().len() >= 3).await;
    assert!(!node.is_ready());
    stub.be_taken(false);
    until("its turn", || node.is_ready()).await;
}

#[tokio::test]
async fn requests_of_many_shards_share_one_stream() {
    let mut with = settings();
    with.shards = 3;
    let scripted = Scripted::with(with).await;
    let _engine = crate::support::engine::Engine::attach(scripted.events(), "e").await;
    scripted.script.tell((1..=1_000).map(|request| ask(request, "s", answer_offer("v=0\r\n"))));
    until("a thousand replies", || replies(&scripted.script).len() == 1_000).await;
    let numbers: Vec<u64> = replies(&scripted.script).into_iter().map(|(request, _)| request).collect();
    assert_eq!(numbers, (1..=1_000).collect::<Vec<_>>());
    assert_eq!(scripted.node.counters().held.media_requests, 0);
}

#[tokio::test]
async fn of_twenty_thousand_closes_at_once_none_is_lost_though_media_has_no_room_for_some() {
    let scripted = Scripted::start().await;
    scripted.media.refuse_closes(3_000);
    scripted.script.tell((0..20_000).map(|n| ask(n, &format!("s{n}"), MediaRequest::Close)));
    until("an answer to each", || replies(&scripted.script).len() == 20_000).await;
    assert!(replies(&scripted.script).iter().all(|(_, result)| matches!(result, Ok(MediaReply::Closed(_)))));
    let operations = scripted.media.operations();
    let closed = operations.iter().filter_map(|operation| match operation {
        Operation::CloseEndpoint(close) => Some(&close.endpoint_id),
        _ => None,
    });
    assert_eq!(closed.collect::<std::collections::HashSet<_>>().len(), 20_000);
    let held = scripted.node.counters().held;
    assert_eq!((held.media_releases, held.media_requests), (0, 0));
}

#[tokio::test]
async fn a_bridge_that_could_not_be_ended_before_the_stream_broke_is_not_wanted_on_the_next() {
    let scripted = Scripted::start().await;
    let mut bridges = scripted.bridges();
    for bridge in ["a", "b"] {
        let create = callplane::proto::session::v1::CreateBridgeRequest {
            bridge_id: bridge.into(),
            ..Default::default()
        };
        bridges.create_bridge(create).await.expect("made");
    }
    scripted.media.be_silent(true);
    let destroy =
        callplane::proto::session::v1::DestroyBridgeRequest { bridge_id: "a".into(), ..Default::default() };
    bridges.destroy_bridge(destroy).await.expect("its end");
    until("it is kept", || scripted.node.counters().held.media_releases == 1).await;
    scripted.media.be_silent(false);
    scripted.media.hang_up();
    until("it is done", || scripted.node.counters().held.media_releases == 0).await;
    let named = scripted.media.operations().into_iter().rev().find_map(|operation| match operation {
        Operation::Reconcile(reconcile) => Some(reconcile.bridge_ids),
        _ => None,
    });
    assert_eq!(named, Some(vec!["b".to_owned()]));
}
