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
use crate::support::{Scripted, reason, refusal, settings, soon, until};

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
async fn an_engine_attaches_once_to_a_group() {
    let scripted = Scripted::start().await;
    let first = Engine::attach(scripted.events(), "e").await;
    let status = Engine::open(scripted.events(), open("e")).await.err().expect("refused");
    let (code, reason, details) = refusal(&status);
    assert_eq!((code, reason.as_str()), (Code::AlreadyExists, "ENGINE_ATTACHED"));
    assert_eq!(details.resource_info().expect("which").resource_name, "default/e");
    assert!(details.retry_info().is_some());
    let elsewhere = proto::Open { group: "other".into(), ..open("e") };
    let second = Engine::open(scripted.events(), elsewhere).await.expect("another group");
    drop(first);
    until("the detachment", || scripted.node.counters().held.engines_attached == 1).await;
    Engine::attach(scripted.events(), "e").await;
    drop(second);
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
    let (requests, mut responses) =
        stream(&mut scripted.events(), vec![message(Message::Open(open("e")))]).await.expect("attached");
    requests.send(proto::AttachRequest { message: None }).await.expect("room");
    let end = soon("the end", async {
        loop {
            match responses.message().await {
                Ok(Some(_)) => {}
                other => break other.map(|_| ()),
            }
        }
    });
    assert_eq!(reason(end.await), "NOT_SERVED");
}

#[tokio::test]
async fn heartbeats_come_and_a_silent_engine_is_detached() {
    let scripted = Scripted::start().await;
    let asked = proto::Open { heartbeat: Some(Duration { seconds: 0, nanos: 50_000_000 }), ..open("e") };
    let mut engine = Engine::open(scripted.events(), asked).await.expect("attached");
    let Some(Item::Heartbeat(heartbeat)) = engine.next().await.expect("alive") else {
        panic!("no heartbeat")
    };
    assert_eq!((heartbeat.unacked, heartbeat.at.expect("a cursor").sequence), (0, 0));
    let status = engine.end().await.expect_err("the end");
    let (code, reason, _) = refusal(&status);
    assert_eq!((code, reason.as_str()), (Code::DeadlineExceeded, "ENGINE_SILENT"));
    until("shards hear of it", || told(&scripted).is_empty()).await;
}

#[tokio::test]
async fn whoever_says_something_now_and_then_stays() {
    let scripted = Scripted::start().await;
    let asked = proto::Open { heartbeat: Some(Duration { seconds: 0, nanos: 50_000_000 }), ..open("e") };
    let mut engine = Engine::open(scripted.events(), asked).await.expect("attached");
    for _ in 0..12 {
        assert!(matches!(engine.next().await, Ok(Some(Item::Heartbeat(_)))));
        engine.say(Message::Ping(proto::Ping {})).await;
    }
    assert_eq!(scripted.node.counters().held.engines_attached, 1);
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
