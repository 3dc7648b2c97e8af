//! The life of an attachment.

use callplane::proto::session::v1 as proto;
use callplane::proto::session::v1::attach_item::Item;
use callplane::proto::session::v1::attach_request::Message;
use callplane::proto::session::v1::event_service_client::EventServiceClient;
use callplane::session::command::EngineRef;
use callplane::shard::io::Input;
use prost_types::Duration;
use tonic::Code;

use crate::support::core::{engine, small};
use crate::support::engine::{Engine, message, open, stream};
use crate::support::{Scripted, channel, reason, refusal, settings, soon, until};

/// The engines that shards were told of last.
fn told(scripted: &Scripted) -> Vec<(EngineRef, Option<u32>)> {
    let lists = scripted.script.heard(|input| match input {
        Input::Engines(engines) => Some(engines.clone()),
        _ => None,
    });
    let last = lists.last().cloned().unwrap_or_default();
    last.into_iter().map(|attached| (attached.engine, attached.sessions_max)).collect()
}

#[tokio::test]
async fn the_terms_are_told_as_clamped() {
    let scripted = Scripted::start().await;
    let asked = proto::Open {
        engine_id: "e".into(),
        unacked_events_max: u32::MAX,
        sessions_max: 40,
        heartbeat: Some(Duration { seconds: 3_600, nanos: 0 }),
        ..Default::default()
    };
    let engine = Engine::open(scripted.events(), asked).await.expect("attached");
    let opened = &engine.opened;
    assert_eq!(opened.mode(), proto::opened::Mode::Live);
    assert_eq!((opened.unacked_events_max, opened.sessions_max), (100_000, 40));
    assert_eq!(opened.heartbeat, Some(Duration { seconds: 60, nanos: 0 }));
    assert_eq!(opened.grace, Some(Duration { seconds: 60, nanos: 0 }));
    assert_eq!((opened.retention_events, opened.retention_bytes), (100_000, 64 << 20));
    assert_eq!(opened.at.expect("a cursor").sequence, 0);
    assert!(opened.at.expect("a cursor").epoch > 0);
    assert_eq!(opened.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(opened.sessions_owned, 0);
}

#[tokio::test]
async fn the_first_message_has_to_be_open() {
    let scripted = Scripted::start().await;
    for first in [Message::Ping(proto::Ping {}), Message::Ack(proto::Ack { through: None })] {
        let refused = stream(&mut scripted.events(), vec![message(first)]).await;
        assert_eq!(reason(refused.map(|_| ())), "BAD_STREAM");
    }
    let empty = stream(&mut scripted.events(), vec![proto::AttachRequest { message: None }]).await;
    assert_eq!(reason(empty.map(|_| ())), "BAD_STREAM");
}

#[tokio::test]
async fn an_open_that_cannot_be_used_names_its_fields() {
    let scripted = Scripted::start().await;
    let bad = proto::Open { engine_id: "a b".into(), group: "ü".into(), ..Default::default() };
    let status = Engine::open(scripted.events(), bad).await.err().expect("refused");
    let (code, reason, details) = refusal(&status);
    assert_eq!((code, reason.as_str()), (Code::InvalidArgument, "BAD_FIELD"));
    let fields: Vec<String> =
        details.bad_request().expect("fields").field_violations.iter().map(|bad| bad.field.clone()).collect();
    assert_eq!(fields, ["open.engine_id", "open.group"]);
}

#[tokio::test]
async fn what_is_not_served_yet_is_refused_by_its_name() {
    let scripted = Scripted::start().await;
    let bad = proto::Open {
        engine_id: "e".into(),
        after: Some(proto::Cursor { epoch: 1, sequence: 1 }),
        refuse_snapshot: true,
        ..Default::default()
    };
    let status = Engine::open(scripted.events(), bad).await.err().expect("refused");
    let (code, reason, details) = refusal(&status);
    assert_eq!((code, reason.as_str()), (Code::Unimplemented, "NOT_SERVED"));
    let fields: Vec<String> =
        details.bad_request().expect("fields").field_violations.iter().map(|bad| bad.field.clone()).collect();
    assert_eq!(fields, ["open.after", "open.refuse_snapshot"]);
}

#[tokio::test]
async fn the_newest_stream_of_an_engine_wins_and_the_one_before_is_told() {
    let scripted = Scripted::start().await;
    let mut first = Engine::attach(scripted.events(), "e").await;
    scripted.script.call(&engine("default", "e"), "s");
    assert_eq!(first.event().await.session_id, "s");
    // By the same connection, and by another.
    for other in [false, true] {
        let client = match other {
            true => EventServiceClient::new(channel(scripted.node.grpc_address()).await),
            false => scripted.events(),
        };
        let mut second = Engine::attach(client, "e").await;
        assert_eq!(second.opened.sessions_owned, 1);
        let status = first.end().await.expect_err("the end");
        let (code, reason, _) = refusal(&status);
        assert_eq!((code, reason.as_str()), (Code::Aborted, "ENGINE_REPLACED"));
        assert_eq!(second.event().await.session_id, "s", "what was not acknowledged comes again");
        second.command(crate::commands::ring("s", "still")).await;
        assert_eq!(second.result().await.command_id, "still");
        assert_eq!(scripted.node.counters().held.engines_attached, 1);
        first = second;
    }
    assert_eq!(scripted.node.counters().engines.replaced, 2);
    let elsewhere = proto::Open { group: "other".into(), ..open("e") };
    let other = Engine::open(scripted.events(), elsewhere).await.expect("another group");
    assert_eq!(other.opened.sessions_owned, 0);
}

#[tokio::test]
async fn two_processes_of_one_name_are_held_back() {
    let scripted = Scripted::start().await;
    let mut streams = vec![Engine::attach(scripted.events(), "e").await];
    let refused = loop {
        match Engine::open(scripted.events(), open("e")).await {
            Ok(engine) => streams.push(engine),
            Err(status) => break status,
        }
        assert!(streams.len() < 20, "without end");
    };
    let (code, reason, details) = refusal(&refused);
    assert_eq!((code, reason.as_str()), (Code::AlreadyExists, "ENGINE_ATTACHED"));
    let named = details.resource_info().expect("which");
    assert_eq!(
        (named.resource_type.as_str(), named.resource_name.as_str()),
        ("callplane.session.v1.Engine", "default/e")
    );
    assert!(details.retry_info().is_some());
    assert_eq!(scripted.node.counters().held.engines_attached, 1);
}

#[tokio::test]
async fn names_that_came_once_make_room_for_others() {
    let mut with = settings();
    with.engines.engines_max = 3;
    let scripted = Scripted::with(with).await;
    let mut owner = Engine::attach(scripted.events(), "owner").await;
    scripted.script.call(&engine("default", "owner"), "s");
    owner.event().await;
    drop(owner);
    for number in 0..20 {
        // It is cut off: it closes nothing in good order.
        drop(Engine::attach(scripted.events(), &format!("once{number}")).await);
        until("the detachment", || scripted.node.counters().held.engines_attached == 0).await;
    }
    let back = Engine::attach(scripted.events(), "owner").await;
    assert_eq!(back.opened.sessions_owned, 1, "who has a call is not forgotten");
}

#[tokio::test]
async fn shards_hear_who_is_attached() {
    let mut with = settings();
    with.shards = 2;
    let scripted = Scripted::with(with).await;
    let asked = proto::Open { sessions_max: 3, ..open("a") };
    let a = Engine::open(scripted.events(), asked).await.expect("attached");
    let mut b = Engine::attach(scripted.events(), "b").await;
    let expected = |share| vec![(engine("default", "a"), Some(share)), (engine("default", "b"), None)];
    until("both engines", || told(&scripted).len() == 2).await;
    let shares: Vec<u32> = scripted
        .script
        .heard(|input| match input {
            Input::Engines(engines) if engines.len() == 2 => engines[0].sessions_max,
            _ => None,
        })
        .into_iter()
        .collect();
    until("both shards", || {
        scripted.script.heard(|input| matches!(input, Input::Engines(e) if e.len() == 2).then_some(())).len()
            == 2
    })
    .await;
    assert!(shares.iter().all(|share| [1, 2].contains(share)), "{shares:?}");
    assert!(told(&scripted) == expected(1) || told(&scripted) == expected(2));
    drop(a);
    until("the end of a", || told(&scripted) == [(engine("default", "b"), None)]).await;
    b.half_close();
    b.end().await.expect("a good end");
    until("the end of b", || told(&scripted).is_empty()).await;
}

#[tokio::test]
async fn a_stream_that_breaks_the_protocol_is_ended() {
    let scripted = Scripted::start().await;
    let cursor = |engine: &Engine, sequence| {
        let epoch = engine.opened.at.expect("a cursor").epoch;
        Some(proto::Cursor { epoch, sequence })
    };
    for (name, breach) in [
        ("a second open", 0),
        ("an ack of what was never sent", 1),
        ("an ack of another epoch", 2),
        ("an ack without a cursor", 3),
    ] {
        let mut engine = Engine::attach(scripted.events(), "e").await;
        let said = match breach {
            0 => Message::Open(open("e")),
            1 => Message::Ack(proto::Ack { through: cursor(&engine, 1) }),
            2 => Message::Ack(proto::Ack { through: Some(proto::Cursor { epoch: 1, sequence: 0 }) }),
            _ => Message::Ack(proto::Ack { through: None }),
        };
        engine.say(said).await;
        let status = engine.end().await.expect_err(name);
        assert_eq!(refusal(&status).1, "BAD_STREAM", "{name}");
        until("the detachment", || scripted.node.counters().held.engines_attached == 0).await;
    }
}

#[tokio::test]
async fn a_message_that_this_version_does_not_know_is_told_and_ends_nothing() {
    let scripted = Scripted::start().await;
    let (requests, mut responses) =
        stream(&mut scripted.events(), vec![message(Message::Open(open("e")))]).await.expect("attached");
    requests.send(proto::AttachRequest { message: None }).await.expect("room");
    requests.send(message(Message::Command(proto::Command::default()))).await.expect("room");
    let mut told = Vec::new();
    while told.len() < 2 {
        let response = soon("a result", responses.message()).await.expect("alive").expect("no end");
        told.extend(response.items.into_iter().filter_map(|item| match item.item {
            Some(Item::CommandResult(result)) => result.status.map(|status| status.code),
            _ => None,
        }));
    }
    assert_eq!(told, [Code::Unimplemented as i32; 2]);
    assert_eq!(scripted.node.counters().held.engines_attached, 1);
}

#[tokio::test]
async fn heartbeats_come_and_whoever_reads_them_may_be_silent() {
    let scripted = Scripted::start().await;
    let asked = proto::Open { heartbeat: Some(Duration { seconds: 0, nanos: 50_000_000 }), ..open("e") };
    let mut engine = Engine::open(scripted.events(), asked).await.expect("attached");
    for _ in 0..12 {
        let Some(Item::Heartbeat(heartbeat)) = engine.next().await.expect("alive") else {
            panic!("no heartbeat")
        };
        assert_eq!((heartbeat.unacked, heartbeat.at.expect("a cursor").sequence), (0, 0));
    }
    assert_eq!(scripted.node.counters().held.engines_attached, 1);
}

/// What shards were told of last: who keeps up.
fn ready(scripted: &Scripted) -> Vec<(String, bool)> {
    let lists = scripted.script.heard(|input| match input {
        Input::Engines(engines) => Some(engines.clone()),
        _ => None,
    });
    let last = lists.last().cloned().unwrap_or_default();
    last.into_iter().map(|attached| (attached.engine.id.to_string(), attached.ready)).collect()
}

#[tokio::test]
async fn shards_hear_which_engine_is_behind_with_its_events_and_when_it_is_not_any_more() {
    let scripted = Scripted::start().await;
    let narrow = proto::Open { unacked_events_max: 2, ..open("slow") };
    let mut slow = Engine::open(scripted.events(), narrow).await.expect("attached");
    let _quick = Engine::attach(scripted.events(), "quick").await;
    let scripted = &scripted;
    let is = |slow: bool| move || ready(scripted) == [("slow".to_owned(), slow), ("quick".to_owned(), true)];
    until("both", is(true)).await;
    scripted.script.tell((1..=4).map(|revision| small(&engine("default", "slow"), revision)));
    until("it is behind", is(false)).await;
    let mut last = None;
    for _ in 0..2 {
        last = slow.event().await.cursor;
    }
    slow.ack(last).await;
    until("it has caught up", is(true)).await;
}

#[tokio::test]
async fn shards_hear_of_an_engine_whose_process_stands_still() {
    let scripted = Scripted::start().await;
    let _quick = Engine::attach(scripted.events(), "quick").await;
    // A client of HTTP/2 that nobody drives any more: what comes is not even read, as in a process that is stopped.
    let address = scripted.node.grpc_address();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads");
    let stopped = runtime.spawn(async move {
        let client = EventServiceClient::new(channel(address).await);
        Engine::attach(client, "stopped").await
    });
    let engine = stopped.await.expect("attached");
    let scripted = &scripted;
    let is = |ready_now: bool| {
        move || ready(scripted) == [("quick".to_owned(), true), ("stopped".to_owned(), ready_now)]
    };
    until("both", is(true)).await;
    let (release, released) = std::sync::mpsc::channel::<()>();
    runtime.spawn(async move { released.recv() });
    until("it is silent", is(false)).await;
    release.send(()).expect("it stands there");
    until("it is heard from", is(true)).await;
    assert_eq!(scripted.node.counters().held.engines_attached, 2, "it was not dropped");
    drop(engine);
    runtime.shutdown_background();
}

#[tokio::test]
async fn an_engine_that_comes_back_in_time_gets_what_it_did_not_acknowledge_and_what_it_missed() {
    let scripted = Scripted::start().await;
    let identity = engine("default", "e");
    let mut first = Engine::attach(scripted.events(), "e").await;
    scripted.script.tell((1..=3).map(|revision| small(&identity, revision)));
    let mut last = None;
    for revision in 1..=3 {
        let event = first.event().await;
        assert_eq!(event.session_revision, revision);
        last = event.cursor.filter(|_| revision == 1).or(last);
    }
    first.ack(last).await;
    // The ack is dealt with when a later command has its answer.
    first.command(crate::commands::ring("s", "x")).await;
    first.result().await;
    drop(first);
    until("the detachment", || scripted.node.counters().held.engines_attached == 0).await;
    scripted.script.tell([small(&identity, 4)]);
    let mut second = Engine::attach(scripted.events(), "e").await;
    assert_eq!(second.opened.mode(), proto::opened::Mode::Live);
    assert_eq!(second.opened.at, last);
    for revision in 2..=4 {
        let event = second.event().await;
        assert_eq!(event.session_revision, revision);
        assert_eq!(event.cursor.expect("a cursor").sequence, revision);
        assert_eq!(event.prev_cursor.expect("a cursor").sequence, revision - 1);
    }
    assert!(scripted.script.heard(|input| matches!(input, Input::EngineGone(_)).then_some(())).is_empty());
}

#[tokio::test]
async fn an_engine_that_does_not_come_back_is_gone_and_its_log_with_it() {
    let mut with = settings();
    with.engines.grace_ms = 50;
    let scripted = Scripted::with(with).await;
    let first = Engine::attach(scripted.events(), "e").await;
    let epoch = first.opened.at.expect("a cursor").epoch;
    scripted.script.tell([small(&engine("default", "e"), 1)]);
    drop(first);
    let gone = || {
        scripted.script.heard(|input| match input {
            Input::EngineGone(engine) => Some(engine.clone()),
            _ => None,
        })
    };
    until("the end of the grace", || !gone().is_empty()).await;
    assert_eq!(gone(), [engine("default", "e")]);
    let held = scripted.node.counters().held;
    assert_eq!((held.engines_attached, held.engines_away), (0, 0));
    scripted.script.tell([small(&engine("default", "e"), 2)]);
    until("a late event", || scripted.node.counters().engines.events_late == 1).await;
    let second = Engine::attach(scripted.events(), "e").await;
    assert!(second.opened.at.expect("a cursor").epoch > epoch);
}

#[tokio::test]
async fn there_are_so_many_engines_and_no_more() {
    let mut with = settings();
    with.engines.engines_max = 1;
    let scripted = Scripted::with(with).await;
    let first = Engine::attach(scripted.events(), "a").await;
    let status = Engine::open(scripted.events(), open("b")).await.err().expect("refused");
    let (code, reason, details) = refusal(&status);
    assert_eq!((code, reason.as_str()), (Code::ResourceExhausted, "LIMIT_REACHED"));
    assert_eq!(details.quota_failure().expect("which").violations[0].subject, "engines_max");
    drop(first);
}

#[tokio::test]
async fn an_engine_has_to_take_a_session_of_each_shard() {
    let mut with = settings();
    with.shards = 2;
    let scripted = Scripted::with(with).await;
    let one = proto::Open { sessions_max: 1, ..open("a") };
    let status = Engine::open(scripted.events(), one).await.map(|_| ()).expect_err("refused");
    let (code, reason, details) = refusal(&status);
    assert_eq!((code, reason.as_str()), (Code::InvalidArgument, "BAD_FIELD"));
    assert_eq!(details.bad_request().expect("which").field_violations[0].field, "open.sessions_max");
    assert_eq!(scripted.node.counters().held.engines_away, 0);
    for (id, sessions_max) in [("b", 0), ("c", 2)] {
        let open = proto::Open { sessions_max, ..open(id) };
        let engine = Engine::open(scripted.events(), open).await.expect("attached");
        assert_eq!(engine.opened.sessions_max, sessions_max);
    }
}

#[tokio::test]
async fn an_engine_that_closes_in_good_order_leaves_nothing_behind() {
    let scripted = Scripted::start().await;
    let mut idle = Engine::attach(scripted.events(), "a").await;
    idle.half_close();
    idle.end().await.expect("a good end");
    until("its name is free", || scripted.node.counters().held.engines_away == 0).await;
    assert_eq!(scripted.node.counters().held.engines_attached, 0);

    let mut busy = Engine::attach(scripted.events(), "b").await;
    scripted.script.call(&engine("default", "b"), "s");
    let event = busy.event().await;
    busy.ack(event.cursor).await;
    busy.half_close();
    busy.end().await.expect("a good end");
    // All names are looked at in turn. Of two that are forgotten one after the other, the second goes in a later turn than
    // the first: by then the one with a call was looked at.
    for id in ["c", "d"] {
        let mut other = Engine::attach(scripted.events(), id).await;
        other.half_close();
        other.end().await.expect("a good end");
        until("no other name is left", || {
            let held = scripted.node.counters().held;
            held.engines_attached == 0 && held.engines_away <= 1
        })
        .await;
    }
    assert_eq!(scripted.node.counters().held.engines_away, 1, "it has a call");
}

#[tokio::test]
async fn results_come_before_the_end_of_an_engine_that_says_no_more() {
    let scripted = Scripted::start().await;
    let mut owner = Engine::attach(scripted.events(), "e").await;
    scripted.script.call(&engine("default", "e"), "s");
    owner.event().await;
    owner.command(crate::commands::ring("s", "last")).await;
    owner.half_close();
    assert_eq!(owner.result().await.command_id, "last");
    owner.end().await.expect("a good end");
}

#[tokio::test]
async fn an_engine_that_reads_nothing_loses_its_connection() {
    let scripted = Scripted::start().await;
    let node = &scripted.node;
    let address = format!("http://{}", node.grpc_address());
    let endpoint = tonic::transport::Endpoint::from_shared(address).expect("an address");
    let connected = endpoint.initial_stream_window_size(65_535).connect().await;
    let mut client = EventServiceClient::new(connected.expect("connected"));
    let first = proto::Open { heartbeat: Some(Duration { seconds: 0, nanos: 20_000_000 }), ..open("deaf") };
    let (requests, responses) =
        stream(&mut client, vec![message(Message::Open(first))]).await.expect("attached");
    let connections = node.counters().held.api_connections;
    // More than the window of the stream holds.
    let deaf = engine("default", "deaf");
    scripted.script.tell((1..=5_000).map(|revision| small(&deaf, revision)));
    until("it is taken for dead", || node.counters().held.engines_attached == 0).await;
    until("its connection ends", || node.counters().held.api_connections == connections - 1).await;
    drop((requests, responses));
}
