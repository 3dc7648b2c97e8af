//! Bridges: made, listed, joined, left, and their ends.

use callplane::ground::BridgeId;
use callplane::proto::media::v1::failure;
use callplane::proto::media::v1::request::Operation as Asked;
use callplane::proto::session::v1 as proto;
use callplane::proto::session::v1::command::Verb as Told;
use callplane::session::command::{CommandError, Verb};
use callplane::session::event::{Operation, SessionState};
use callplane::session::media::{BridgeMode, Membership};
use callplane::shard::io::Output;
use callplane::signaling::SignalingSettings;
use tonic::Code;

use crate::support::core::{done, engine, id, small};
use crate::support::engine::Engine;
use crate::support::{Scripted, as_unary, context, engine_context, reason, refusal, settings, until};

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
    operations.iter().filter(|operation| matches!(operation, Asked::DestroyBridge(_))).count()
}

#[tokio::test]
async fn a_bridge_is_made_by_media_and_its_members_are_sent_there() {
    let (scripted, _owner) = with_calls().await;
    let response = scripted.bridges().create_bridge(create("b", &["x", "y"])).await.expect("made");
    let bridge = response.into_inner().bridge.expect("a bridge");
    assert_eq!((bridge.bridge_id.as_str(), bridge.group.as_str()), ("b", "default"));
    assert_eq!(bridge.mode(), proto::BridgeMode::Relay);
    let verbs = scripted.script.verbs();
    let (bridge, mode) = (BridgeId::parse("b").expect("an id"), BridgeMode::Relay);
    let reserve = Verb::ReserveJoin { bridge: bridge.clone(), mode };
    let join = Verb::JoinBridge { bridge, mode };
    let told: Vec<(&str, &Verb)> =
        verbs.iter().map(|(_, session, command)| (session.as_str(), &command.verb)).collect();
    assert_eq!(told, [("x", &reserve), ("y", &reserve), ("x", &join), ("y", &join)]);
    assert!(matches!(scripted.media.operations().last(), Some(Asked::CreateBridge(_))));
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

fn add(command_id: &str, bridge: &str, session: &str) -> Told {
    Told::AddBridgeMember(proto::AddBridgeMemberRequest {
        context: context(command_id),
        bridge_id: bridge.into(),
        session_id: session.into(),
    })
}

#[tokio::test]
async fn while_a_bridge_is_being_made_the_stream_goes_on_and_what_is_asked_of_the_bridge_waits() {
    let (scripted, mut owner) = with_calls().await;
    scripted.bridges().create_bridge(create("other", &[])).await.expect("made");
    scripted.media.be_silent(true);
    let request = proto::CreateBridgeRequest { context: context("make"), ..create("b", &[]) };
    owner.command(Told::CreateBridge(request)).await;
    owner.command(add("add", "b", "x")).await;
    let remove = proto::RemoveBridgeMemberRequest {
        context: context("remove"),
        bridge_id: "b".into(),
        session_id: "x".into(),
    };
    owner.command(Told::RemoveBridgeMember(remove)).await;
    let destroy = proto::DestroyBridgeRequest { context: context("destroy"), bridge_id: "b".into() };
    owner.command(Told::DestroyBridge(destroy)).await;
    owner.command(add("beside", "other", "x")).await;
    let first = owner.result().await;
    assert_eq!((first.command_id.as_str(), first.session.is_some()), ("beside", true));
    let get = proto::GetBridgeRequest { bridge_id: "b".into() };
    assert_eq!(reason(scripted.bridges().get_bridge(get).await), "BRIDGE_NOT_FOUND");
    let again = scripted.bridges().create_bridge(create("b", &[])).await;
    assert_eq!(reason(again), "BRIDGE_EXISTS");
    scripted.media.hang_up();
    let mut told = Vec::new();
    for _ in 0..4 {
        let result = owner.result().await;
        told.push((result.command_id, result.status.expect("a status").code));
    }
    let (away, unknown) = (Code::Unavailable as i32, Code::NotFound as i32);
    let expected = [("make", away), ("add", unknown), ("remove", unknown), ("destroy", unknown)]
        .map(|(id, code)| (id.into(), code));
    assert_eq!(told, expected);
    assert_eq!(scripted.node.counters().held.bridges, 1);
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
    let (ok, refused) = (Code::Ok as i32, Code::PermissionDenied as i32);
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
async fn a_bridge_is_made_only_when_all_its_members_can_come_and_else_nothing_has_happened() {
    let (scripted, _owner) = with_calls().await;
    put_in_bridge(&scripted, "old", "x").await;
    scripted.script.answer(|session, command| match command.verb {
        Verb::ReserveJoin { .. } if session.as_str() == "y" => Err(CommandError::NoMedia),
        _ => Ok(done(session)),
    });
    let before = scripted.script.verbs().len();
    assert_eq!(reason(scripted.bridges().create_bridge(create("new", &["x", "y"])).await), "NO_MEDIA");
    until("both are free", || scripted.script.verbs().len() == before + 4).await;
    let asked = scripted.script.verbs().split_off(before);
    let kinds = asked.iter().map(|(_, session, command)| (session.as_str(), &command.verb));
    let bridge = || BridgeId::parse("new").expect("an id");
    let reserve = Verb::ReserveJoin { bridge: bridge(), mode: BridgeMode::Relay };
    let release = Verb::ReleaseJoin { bridge: bridge() };
    let expected = [("x", &reserve), ("y", &reserve), ("x", &release), ("y", &release)];
    assert_eq!(kinds.collect::<Vec<_>>(), expected, "nobody was moved");
    until("media has let go of it", || destroyed(&scripted) == 1).await;
    assert_eq!(scripted.node.counters().held.bridges, 1);
    let twice = scripted.bridges().create_bridge(create("twice", &["x", "x"])).await;
    assert_eq!(reason(twice), "BAD_FIELD");
}

#[tokio::test]
async fn a_bridge_that_is_refused_for_a_member_says_which() {
    let (scripted, mut owner) = with_calls().await;
    let wrong_state = CommandError::WrongState {
        state: SessionState::Ringing,
        operation: "AddBridgeMember",
        legal: vec!["TerminateSession"],
    };
    let rows = [
        CommandError::NotOwner,
        CommandError::NoMedia,
        CommandError::OperationRunning { running: Operation::BridgeJoin },
        wrong_state,
    ];
    for (number, error) in rows.into_iter().enumerate() {
        let (told, id) = (error.clone(), format!("b{number}"));
        scripted.script.answer(move |session, command| match command.verb {
            Verb::ReserveJoin { .. } if session.as_str() == "y" => Err(told.clone()),
            _ => Ok(done(session)),
        });
        let unary = scripted.bridges().create_bridge(create(&id, &["x", "y"])).await.expect_err("refused");
        let id = id + "-streamed";
        owner.command(Told::CreateBridge(create(&id, &["x", "y"]))).await;
        let streamed = as_unary(owner.result().await.status.expect("a status"));
        for status in [unary, streamed] {
            let (_, _, details) = refusal(&status);
            let metadata = &details.error_info().expect("info").metadata;
            assert_eq!(metadata["session_id"], "y", "{error:?}");
            assert!(metadata["bridge_id"].starts_with(&format!("b{number}")), "{error:?}");
            let resource = details.resource_info().map(|resource| resource.resource_name.clone());
            let failure = details.precondition_failure().map(|failure| failure.violations[0].subject.clone());
            assert_eq!(resource.or(failure).as_deref(), Some("y"), "{error:?}");
            assert!(status.message().starts_with("member y: "), "{}", status.message());
        }
    }
}

#[tokio::test]
async fn a_member_whose_call_ends_while_its_bridge_is_being_made_has_the_command_refused() {
    let (scripted, mut owner) = with_calls().await;
    scripted.media.be_silent(true);
    let request = proto::CreateBridgeRequest { context: context("make"), ..create("b", &["x", "y"]) };
    owner.command(Told::CreateBridge(request)).await;
    until("both are kept", || scripted.script.verbs().len() == 2).await;
    let not_joined = Output::BridgeChanged {
        bridge: BridgeId::parse("b").expect("an id"),
        mode: BridgeMode::Relay,
        session: id("x"),
        membership: Membership::NotJoined,
    };
    scripted.script.tell([not_joined, small(&engine("default", "e"), 2)]);
    owner.event().await;
    scripted.media.be_silent(false);
    scripted.media.answer_all();
    let result = owner.result().await;
    assert_eq!(result.status.expect("a status").code, Code::NotFound as i32);
    until("y is free", || {
        let verbs = scripted.script.verbs();
        verbs.iter().any(|(_, session, command)| {
            session.as_str() == "y" && matches!(command.verb, Verb::ReleaseJoin { .. })
        })
    })
    .await;
    assert!(
        !scripted.script.verbs().iter().any(|(.., command)| matches!(command.verb, Verb::JoinBridge { .. }))
    );
}

#[tokio::test]
async fn what_is_asked_of_a_bridge_that_cannot_be_made_is_refused_after_it() {
    // The front has a thread of its own beside two shards and goes on while they are held up.
    let (scripted, mut owner) = with_calls_and(SignalingSettings { shards: 2, ..settings() }).await;
    put_in_bridge(&scripted, "old", "x").await;
    scripted.script.answer(|session, command| match command.verb {
        Verb::ReserveJoin { .. } => Err(CommandError::NoMedia),
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
    owner.command(add("add", "b", "z")).await;
    owner.command(making("behind", &[])).await;
    assert_eq!(owner.result().await.command_id, "behind", "what was asked before it is on its way");
    scripted.script.block(false);
    let results = [owner.result().await, owner.result().await];
    let told = results.map(|result| (result.command_id, result.status.expect("a status").code));
    assert_eq!(told, [("b".into(), Code::FailedPrecondition as i32), ("add".into(), Code::NotFound as i32)]);
    assert_eq!(scripted.node.counters().held.bridges, 2);
}

#[tokio::test]
async fn a_bridge_takes_as_many_members_as_media_would() {
    let (scripted, _owner) = with_calls().await;
    let many: Vec<String> = (0..33).map(|n| format!("s{n}")).collect();
    let request = proto::CreateBridgeRequest {
        mode: proto::BridgeMode::Mesh.into(),
        session_ids: many,
        ..create("b", &[])
    };
    let status = scripted.bridges().create_bridge(request).await.expect_err("too many");
    assert_eq!(refusal(&status).2.quota_failure().expect("which").violations[0].subject, "mesh_members_max");
    use callplane::media::core::BridgeMode as Mode;
    let of_media = [Mode::Relay, Mode::Mesh, Mode::Mix].map(Mode::members_max);
    let (relay, mesh, others) = callplane::signaling::bridges::MEMBERS_MAX;
    assert_eq!(of_media, [relay, mesh, others]);
}
