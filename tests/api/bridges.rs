//! Bridges: made, listed, joined, left, and their ends.

use callplane::ground::BridgeId;
use callplane::proto::media::v1::failure;
use callplane::proto::media::v1::request::Operation;
use callplane::proto::session::v1 as proto;
use callplane::proto::session::v1::command::Verb as Told;
use callplane::session::command::{CommandError, Verb};
use callplane::session::media::{BridgeMode, Membership};
use callplane::shard::io::Output;
use callplane::signaling::SignalingSettings;
use tonic::Code;

use crate::support::core::{done, engine, id};
use crate::support::engine::Engine;
use crate::support::{Scripted, context, engine_context, reason, refusal, settings, until};

/// A node where engine `e` owns sessions `x`, `y` and `z`.
async fn with_calls() -> (Scripted, Engine) {
    with_calls_and(settings()).await
}

async fn with_calls_and(settings: SignalingSettings) -> (Scripted, Engine) {
    let scripted = Scripted::with(settings).await;
    let mut owner = Engine::attach(scripted.events(), "e").await;
    for session in ["x", "y", "z"] {
        scripted.script.call(&engine("default", "e"), session);
        owner.event().await;
    }
    (scripted, owner)
}

fn create(bridge: &str, members: &[&str]) -> proto::CreateBridgeRequest {
    proto::CreateBridgeRequest {
        context: engine_context("e"),
        bridge_id: bridge.into(),
        session_ids: members.iter().map(|&member| member.into()).collect(),
        ..Default::default()
    }
}

/// What a shard tells when a session came in or went out.
fn changed(bridge: &str, session: &str, joined: bool) -> Output {
    let bridge = BridgeId::parse(bridge).expect("an id");
    let membership = if joined { Membership::Joined } else { Membership::Left };
    Output::BridgeChanged { bridge, mode: BridgeMode::Relay, session: id(session), membership }
}

async fn put_in_bridge(scripted: &Scripted, bridge: &str, session: &str) {
    scripted.bridges().create_bridge(create(bridge, &[session])).await.expect("made");
    scripted.script.tell([changed(bridge, session, true)]);
    loop {
        let get = proto::GetBridgeRequest { bridge_id: bridge.into() };
        let view = scripted.bridges().get_bridge(get).await.expect("there").into_inner().bridge;
        if !view.expect("a bridge").session_ids.is_empty() {
            break;
        }
    }
}

fn destroyed(scripted: &Scripted) -> usize {
    let operations = scripted.media.operations();
    operations.iter().filter(|operation| matches!(operation, Operation::DestroyBridge(_))).count()
}

#[tokio::test]
async fn a_bridge_is_made_by_media_and_its_members_are_sent_there() {
    let (scripted, _owner) = with_calls().await;
    let response = scripted.bridges().create_bridge(create("b", &["x", "y"])).await.expect("made");
    let bridge = response.into_inner().bridge.expect("a bridge");
    assert_eq!((bridge.bridge_id.as_str(), bridge.group.as_str()), ("b", "default"));
    assert_eq!(bridge.mode(), proto::BridgeMode::Relay);
    let verbs = scripted.script.verbs();
    let joins: Vec<&str> = verbs.iter().map(|(_, session, _)| session.as_str()).collect();
    assert_eq!(joins, ["x", "y"]);
    for (.., command) in &verbs {
        let bridge = BridgeId::parse("b").expect("an id");
        assert_eq!(command.verb, Verb::JoinBridge { bridge, mode: BridgeMode::Relay });
    }
    assert!(matches!(scripted.media.operations().last(), Some(Operation::CreateBridge(_))));
    scripted.script.tell([changed("b", "x", true), changed("b", "y", true)]);
    let get = || proto::GetBridgeRequest { bridge_id: "b".into() };
    let mut members = Vec::new();
    while members.len() < 2 {
        let bridge = scripted.bridges().get_bridge(get()).await.expect("there").into_inner().bridge;
        members = bridge.expect("a bridge").session_ids;
    }
    assert_eq!(members, ["x", "y"]);
    let third =
        proto::AddBridgeMemberRequest { bridge_id: "b".into(), session_id: "z".into(), ..Default::default() };
    let status = scripted.bridges().add_bridge_member(third).await.expect_err("full");
    assert_eq!(refusal(&status).2.quota_failure().expect("which").violations[0].subject, "relay_members_max");
}

#[tokio::test]
async fn a_stream_makes_a_bridge_and_goes_on_at_once() {
    let (scripted, mut owner) = with_calls().await;
    scripted.media.be_silent(true);
    let request = proto::CreateBridgeRequest { context: context("make"), ..create("b", &[]) };
    owner.command(Told::CreateBridge(request)).await;
    let add = proto::AddBridgeMemberRequest {
        context: context("add"),
        bridge_id: "b".into(),
        session_id: "x".into(),
    };
    owner.command(Told::AddBridgeMember(add)).await;
    let first = owner.result().await;
    assert_eq!((first.command_id.as_str(), first.session.is_some()), ("add", true));
    scripted.media.hang_up();
    let second = owner.result().await;
    assert_eq!(second.command_id, "make");
    assert_eq!(second.status.expect("a status").code, Code::Unavailable as i32);
    assert_eq!(scripted.node.counters().held.bridges, 0);
}

#[tokio::test]
async fn a_made_bridge_s_id_comes_with_the_result() {
    let (scripted, mut owner) = with_calls().await;
    owner
        .command(Told::CreateBridge(proto::CreateBridgeRequest { context: context("m"), ..create("", &[]) }))
        .await;
    let made = owner.result().await;
    assert_eq!((made.status.expect("a status").code, made.created_id.len()), (0, 32));
    let destroy = proto::DestroyBridgeRequest { context: context("d"), bridge_id: made.created_id };
    owner.command(Told::DestroyBridge(destroy)).await;
    assert_eq!(owner.result().await.status.expect("a status").code, 0);
    until("media hears of it", || destroyed(&scripted) == 1).await;
    assert_eq!(scripted.node.counters().held.bridges, 0);
}

#[tokio::test]
async fn a_bridge_ends_with_its_last_member_unless_it_is_kept() {
    let (scripted, _owner) = with_calls().await;
    scripted.bridges().create_bridge(create("b", &[])).await.expect("made");
    let kept = proto::CreateBridgeRequest { keep_when_empty: true, ..create("kept", &[]) };
    scripted.bridges().create_bridge(kept).await.expect("made");
    for bridge in ["b", "kept"] {
        scripted.script.tell([
            changed(bridge, "x", true),
            changed(bridge, "y", true),
            changed(bridge, "x", false),
        ]);
    }
    scripted.script.tell([changed("b", "y", false)]);
    until("the end of b", || scripted.node.counters().held.bridges == 1 && destroyed(&scripted) == 1).await;
    scripted.script.tell([changed("kept", "y", false)]);
    let list = proto::ListBridgesRequest::default();
    let page = scripted.bridges().list_bridges(list).await.expect("a page").into_inner();
    assert_eq!(page.bridges.len(), 1);
    assert_eq!(page.bridges[0].bridge_id, "kept");
}

#[tokio::test]
async fn what_cannot_be_made_leaves_nothing() {
    let (scripted, _owner) = with_calls().await;
    let mut bridges = scripted.bridges();
    assert_eq!(reason(bridges.create_bridge(create("b", &["x", "nobody"])).await), "SESSION_NOT_FOUND");
    assert_eq!(reason(bridges.create_bridge(create("b", &["x", "y", "z"])).await), "LIMIT_REACHED");
    bridges.create_bridge(create("b", &[])).await.expect("made");
    let status = bridges.create_bridge(create("b", &[])).await.expect_err("taken");
    let (code, reason_told, details) = refusal(&status);
    assert_eq!((code, reason_told.as_str()), (Code::AlreadyExists, "BRIDGE_EXISTS"));
    assert_eq!(details.resource_info().expect("which").resource_name, "b");
    scripted.script.refuse(CommandError::NoMedia);
    assert_eq!(reason(bridges.create_bridge(create("c", &["x"])).await), "NO_MEDIA");
    scripted.media.fail(failure::Code::NoPort);
    assert_eq!(reason(bridges.create_bridge(create("d", &[])).await), "NO_PORT");
    assert_eq!(scripted.node.counters().held.bridges, 1);
    let destroy = proto::DestroyBridgeRequest { bridge_id: "c".into(), ..Default::default() };
    assert_eq!(reason(bridges.destroy_bridge(destroy).await), "BRIDGE_NOT_FOUND");
    for session in ["x"] {
        let leave = proto::RemoveBridgeMemberRequest {
            bridge_id: "c".into(),
            session_id: session.into(),
            ..Default::default()
        };
        assert_eq!(reason(bridges.remove_bridge_member(leave).await), "BRIDGE_NOT_FOUND");
    }
}

#[tokio::test]
async fn bridges_of_an_engine_that_is_gone_end_when_nobody_is_in_them() {
    let mut with = settings();
    with.engines.grace_ms = 30;
    let (scripted, owner) = with_calls_and(with).await;
    let kept = proto::CreateBridgeRequest { keep_when_empty: true, ..create("b", &[]) };
    scripted.bridges().create_bridge(kept).await.expect("made");
    drop(owner);
    until("its end", || scripted.node.counters().held.bridges == 0 && destroyed(&scripted) == 1).await;
}

#[tokio::test]
async fn a_bridge_whose_member_hangs_up_before_it_comes_ends() {
    let (scripted, _owner) = with_calls().await;
    scripted.bridges().create_bridge(create("b", &["x"])).await.expect("made");
    let add =
        proto::AddBridgeMemberRequest { bridge_id: "b".into(), session_id: "y".into(), ..Default::default() };
    scripted.bridges().add_bridge_member(add).await.expect("begun");
    let not_joined = |session| Output::BridgeChanged {
        bridge: BridgeId::parse("b").expect("an id"),
        mode: BridgeMode::Relay,
        session: id(session),
        membership: Membership::NotJoined,
    };
    scripted.script.tell([not_joined("x")]);
    scripted
        .bridges()
        .get_bridge(proto::GetBridgeRequest { bridge_id: "b".into() })
        .await
        .expect("y is to come");
    scripted.script.tell([not_joined("y")]);
    until("its end", || scripted.node.counters().held.bridges == 0 && destroyed(&scripted) == 1).await;
}

#[tokio::test]
async fn a_bridge_is_for_its_group_and_ended_by_the_engine_that_made_it() {
    let (scripted, mut owner) = with_calls().await;
    scripted.bridges().create_bridge(create("b", &["x"])).await.expect("made");
    let add = |session: &str| {
        Told::AddBridgeMember(proto::AddBridgeMemberRequest {
            bridge_id: "b".into(),
            session_id: session.into(),
            ..Default::default()
        })
    };
    let remove = Told::RemoveBridgeMember(proto::RemoveBridgeMemberRequest {
        bridge_id: "b".into(),
        session_id: "x".into(),
        ..Default::default()
    });
    let destroy =
        Told::DestroyBridge(proto::DestroyBridgeRequest { bridge_id: "b".into(), ..Default::default() });
    let (ok, refused) = (Code::Ok as i32, Code::FailedPrecondition as i32);
    let mut neighbour = Engine::attach(scripted.events(), "f").await;
    let foreign = proto::Open { engine_id: "e".into(), group: "g".into(), ..Default::default() };
    let mut stranger = Engine::open(scripted.events(), foreign).await.expect("attached");
    let engines = [&mut stranger, &mut neighbour, &mut owner];
    for (who, verb, code) in [
        (0, add("y"), refused),
        (0, remove.clone(), refused),
        (0, destroy.clone(), refused),
        (1, add("y"), ok),
        (1, remove.clone(), ok),
        (1, destroy.clone(), refused),
        (2, remove, ok),
        (2, destroy, ok),
    ] {
        let asked = format!("{verb:?} by engine {who}");
        engines[who].command(verb).await;
        let status = engines[who].result().await.status.expect("a status");
        assert_eq!(status.code, code, "{asked}: {}", status.message);
    }
    let lent = proto::CreateBridgeRequest { group: "g".into(), ..create("c", &[]) };
    scripted.bridges().create_bridge(lent).await.expect("made");
    let destroy = |engine_id: &str| proto::DestroyBridgeRequest {
        context: Some(proto::CommandContext { engine_id: engine_id.into(), ..Default::default() }),
        bridge_id: "c".into(),
    };
    assert_eq!(reason(scripted.bridges().destroy_bridge(destroy("f")).await), "NOT_OWNER");
    scripted.bridges().destroy_bridge(destroy("")).await.expect("an operator's tool");
}

#[tokio::test]
async fn members_leave_their_bridge_for_a_new_one_only_when_all_of_them_can() {
    let (scripted, _owner) = with_calls().await;
    put_in_bridge(&scripted, "old", "x").await;
    scripted.bridges().create_bridge(create("new", &["x", "y"])).await.expect("all can");
    let verbs = scripted.script.verbs();
    let joins = verbs.iter().filter(|(.., command)| matches!(command.verb, Verb::JoinBridge { .. })).count();
    assert_eq!(joins, 3);
    scripted.script.refuse(CommandError::NoMedia);
    assert_eq!(reason(scripted.bridges().create_bridge(create("newer", &["x", "y"])).await), "NO_MEDIA");
    let asked = scripted.script.verbs().split_off(verbs.len());
    assert!(
        asked.iter().all(|(.., command)| command.verb == Verb::MayJoinBridge),
        "nobody was moved: {asked:?}"
    );
    assert_eq!(scripted.node.counters().held.bridges, 2);
    let twice = scripted.bridges().create_bridge(create("twice", &["x", "x"])).await;
    assert_eq!(reason(twice), "BAD_FIELD");
}

#[tokio::test]
async fn a_bridge_whose_members_cannot_come_does_not_wait_for_them() {
    // The front has a thread of its own beside two shards and goes on while they are held up.
    let (scripted, mut owner) = with_calls_and(SignalingSettings { shards: 2, ..settings() }).await;
    put_in_bridge(&scripted, "old", "x").await;
    scripted.script.answer(|session, command| match command.verb {
        Verb::MayJoinBridge => Err(CommandError::NoMedia),
        _ => Ok(done(session)),
    });
    scripted.script.block(true);
    let making = |id: &str, members: &[&str]| {
        Told::CreateBridge(proto::CreateBridgeRequest {
            context: context(id),
            mode: proto::BridgeMode::Mix.into(),
            ..create(id, members)
        })
    };
    owner.command(making("b", &["x", "y"])).await;
    let add = proto::AddBridgeMemberRequest {
        context: context("add"),
        bridge_id: "b".into(),
        session_id: "z".into(),
    };
    owner.command(Told::AddBridgeMember(add)).await;
    owner.command(making("behind", &[])).await;
    assert_eq!(owner.result().await.command_id, "behind", "what was asked before it is on its way");
    scripted.script.block(false);
    let mut results = [owner.result().await, owner.result().await];
    results.sort_by(|a, b| a.command_id.cmp(&b.command_id));
    let told = results.map(|result| (result.command_id, result.status.expect("a status").code));
    assert_eq!(told, [("add".into(), 0), ("b".into(), Code::FailedPrecondition as i32)]);
    scripted.script.tell([changed("b", "z", true), changed("b", "z", false)]);
    until("its end with who came", || scripted.node.counters().held.bridges == 2).await;
}
