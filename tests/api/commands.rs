//! Commands over the stream and by unary calls: the same command, the same answer.

use callplane::proto::session::v1 as proto;
use callplane::proto::session::v1::command::Verb as Told;
use callplane::session::command::{CommandError, Verb};
use callplane::session::media::PlaybackSource;
use callplane::shard::io::Output;
use callplane::signaling::SignalingSettings;
use callplane::signaling::driver::SHARD_REQUESTS_MAX;
use http::uri::PathAndQuery;
use tonic::{Code, Request};
use tonic_prost::ProstCodec;

use crate::support::core::{done, engine, id};
use crate::support::engine::Engine;
use crate::support::{
    Scripted, context, engine_context, patient_client, reason, refusal, settings, soon, until,
};

pub fn ring(session: &str, command_id: &str) -> Told {
    Told::RingSession(proto::RingSessionRequest {
        context: context(command_id),
        session_id: session.into(),
        ..Default::default()
    })
}

/// A node with a session `s` that the engine `e` owns.
async fn with_a_call() -> (Scripted, Engine) {
    with_a_call_in(Scripted::start().await).await
}

/// With two shards, so that the API has a thread of its own and goes on while they stand still.
async fn with_a_call_beside_the_api() -> (Scripted, Engine) {
    with_a_call_in(Scripted::with(SignalingSettings { shards: 2, ..settings() }).await).await
}

async fn with_a_call_in(scripted: Scripted) -> (Scripted, Engine) {
    let mut owner = Engine::attach(scripted.events(), "e").await;
    scripted.script.call(&engine("default", "e"), "s");
    owner.event().await;
    (scripted, owner)
}

#[tokio::test]
async fn an_incoming_call_is_told_with_all_that_is_known() {
    let scripted = Scripted::start().await;
    let mut owner = Engine::attach(scripted.events(), "e").await;
    scripted.script.call(&engine("default", "e"), "s");
    let event = owner.event().await;
    assert_eq!((event.session_id.as_str(), event.session_revision), ("s", 1));
    assert_eq!(event.time.expect("a time").nanos, 123_000_000);
    let Some(proto::event::Payload::IncomingCall(call)) = event.payload else { panic!("no call") };
    let session = call.session.expect("a session");
    assert_eq!((session.session_id.as_str(), session.call_id.as_str()), ("s", "c1@example.com"));
    assert_eq!(session.from.expect("a caller").display_name, "Alice");
    assert_eq!((call.request_user.as_str(), call.source.as_str()), ("bob", "UDP:192.0.2.1:5060"));
    assert!(call.has_offer);
}

#[tokio::test]
async fn a_command_of_the_stream_carries_the_stream_s_engine_and_has_one_result() {
    let (scripted, mut owner) = with_a_call().await;
    owner.command(ring("s", "c-1")).await;
    let result = owner.result().await;
    assert_eq!((result.command_id.as_str(), result.replayed), ("c-1", false));
    assert_eq!(result.status.expect("a status").code, 0);
    let session = result.session.expect("a session");
    assert_eq!((session.session_id.as_str(), session.revision), ("s", 7));
    assert_eq!(session.state(), proto::SessionState::Ringing);
    let (_, session, command) = scripted.script.verbs().remove(0);
    assert_eq!((session, &*command.command_id), (id("s"), "c-1"));
    assert_eq!(command.engine, Some(engine("default", "e")));
    assert_eq!(command.verb, Verb::Ring { status: 180, fields: Vec::new() });
}

#[tokio::test]
async fn a_unary_command_does_the_same() {
    let (scripted, owner) = with_a_call().await;
    let request = proto::RingSessionRequest {
        context: engine_context("e"),
        session_id: "s".into(),
        sip_status: Some(183),
        headers: vec![proto::Header { name: "X-Queue".into(), value: "4".into() }],
    };
    let response = scripted.sessions().ring_session(request).await.expect("taken").into_inner();
    assert_eq!(response.status.expect("a status").revision, 7);
    let (_, _, command) = scripted.script.verbs().remove(0);
    assert_eq!(command.engine, Some(engine("default", "e")));
    let Verb::Ring { status, fields } = command.verb else { panic!("{:?}", command.verb) };
    assert_eq!((status, fields[0].name.as_str()), (183, "X-Queue"));
    drop(owner);
}

#[tokio::test]
async fn a_refusal_is_the_same_both_ways() {
    let (scripted, mut owner) = with_a_call().await;
    scripted.script.refuse(CommandError::NotOwner);
    let request = proto::HoldSessionRequest { context: context("h"), session_id: "s".into() };
    owner.command(Told::HoldSession(request.clone())).await;
    let streamed = owner.result().await.status.expect("a status");
    let unary = scripted.sessions().hold_session(request).await.expect_err("refused");
    assert_eq!((streamed.code, streamed.message.as_str()), (unary.code() as i32, unary.message()));
    let written =
        tonic_types::pb::Status { code: streamed.code, message: streamed.message, details: streamed.details };
    assert_eq!(prost::Message::encode_to_vec(&written), unary.details());
}

#[tokio::test]
async fn results_come_before_the_events_that_the_command_leads_to() {
    let (scripted, mut owner) = with_a_call().await;
    let create = proto::CreateSessionRequest {
        context: context("c"),
        session_id: "b-leg".into(),
        target_uri: "sip:bob@192.0.2.7".into(),
        parent_session_id: "s".into(),
        ..Default::default()
    };
    owner.command(Told::CreateSession(create)).await;
    assert_eq!(owner.result().await.session.expect("a session").session_id, "b-leg");
    let event = owner.event().await;
    assert!(matches!(event.payload, Some(proto::event::Payload::SessionCreated(_))));
    let (_, session, command) = scripted.script.verbs().remove(0);
    assert_eq!(session, id("b-leg"));
    let Verb::Create(create) = command.verb else { panic!("{:?}", command.verb) };
    assert_eq!((create.target.as_str(), create.parent), ("sip:bob@192.0.2.7", Some(id("s"))));
    assert_eq!(create.max_forwards, 70);
}

#[tokio::test]
async fn client_chosen_ids_are_honoured_once() {
    let (scripted, _owner) = with_a_call().await;
    let create = |id: &str| proto::CreateSessionRequest {
        context: engine_context("e"),
        session_id: id.into(),
        target_uri: "sip:bob@192.0.2.7".into(),
        ..Default::default()
    };
    let made = scripted.sessions().create_session(create("mine")).await.expect("made").into_inner();
    assert_eq!(made.status.expect("a status").session_id, "mine");
    for taken in ["mine", "s"] {
        let status = scripted.sessions().create_session(create(taken)).await.expect_err("taken");
        let (code, reason, details) = refusal(&status);
        assert_eq!((code, reason.as_str()), (Code::AlreadyExists, "SESSION_EXISTS"));
        assert_eq!(details.resource_info().expect("which").resource_name, taken);
    }
    scripted.script.tell([Output::SessionClosed { session: id("mine") }]);
    until("the end", || scripted.node.counters().held.directory == 1).await;
    assert_eq!(reason(scripted.sessions().create_session(create("mine")).await), "SESSION_EXISTS");
    let drawn = scripted.sessions().create_session(create("")).await.expect("made").into_inner();
    assert_eq!(drawn.status.expect("a status").session_id.len(), 32);
}

#[tokio::test]
async fn a_refused_creation_leaves_the_id_free() {
    let (scripted, _owner) = with_a_call().await;
    let create = || proto::CreateSessionRequest {
        context: engine_context("e"),
        session_id: "mine".into(),
        target_uri: "sip:bob@192.0.2.7".into(),
        ..Default::default()
    };
    scripted.script.refuse(CommandError::BadTarget("no".into()));
    assert_eq!(reason(scripted.sessions().create_session(create()).await), "BAD_TARGET");
    assert_eq!(scripted.node.counters().held.directory, 1);
    scripted.script.answer(|session, _| Ok(done(session)));
    scripted.sessions().create_session(create()).await.expect("made");
}

#[tokio::test]
async fn a_new_session_has_an_owner_of_its_group() {
    let scripted = Scripted::start().await;
    let create = |group: &str, engine_id: &str| proto::CreateSessionRequest {
        context: engine_context(engine_id),
        group: group.into(),
        target_uri: "sip:bob@192.0.2.7".into(),
        ..Default::default()
    };
    let mut sessions = scripted.sessions();
    let status = sessions.create_session(create("", "")).await.expect_err("nobody there");
    let (code, reason, _) = refusal(&status);
    assert_eq!((code, reason.as_str()), (Code::FailedPrecondition, "ENGINE_NOT_ATTACHED"));
    let _a = Engine::attach(scripted.events(), "a").await;
    let open = proto::Open { engine_id: "b".into(), group: "sales".into(), ..Default::default() };
    let _b = Engine::open(scripted.events(), open).await.expect("attached");
    for (group, engine_id, owner) in [
        ("", "", engine("default", "a")),
        ("", "a", engine("default", "a")),
        ("sales", "", engine("sales", "b")),
        ("sales", "a", engine("sales", "b")),
    ] {
        sessions.create_session(create(group, engine_id)).await.expect("made");
        assert_eq!(scripted.script.verbs().pop().expect("heard").2.engine, Some(owner));
    }
    let gone = sessions.create_session(create("", "nobody")).await;
    assert_eq!(crate::support::reason(gone), "ENGINE_NOT_ATTACHED");
}

#[tokio::test]
async fn a_session_lives_beside_its_parent_and_others_take_turns() {
    let mut with = settings();
    with.shards = 3;
    let scripted = Scripted::with(with).await;
    let _engine = Engine::attach(scripted.events(), "e").await;
    let create = |id: &str, parent: &str| proto::CreateSessionRequest {
        session_id: id.into(),
        target_uri: "sip:bob@192.0.2.7".into(),
        parent_session_id: parent.into(),
        ..Default::default()
    };
    let mut sessions = scripted.sessions();
    for (id, parent) in [("a", ""), ("b", ""), ("c", ""), ("a2", "a"), ("b2", "b"), ("c2", "c")] {
        sessions.create_session(create(id, parent)).await.expect("made");
    }
    let shards: Vec<u16> = scripted.script.verbs().into_iter().map(|(shard, ..)| shard).collect();
    assert_eq!(shards[..3].iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
    assert_eq!(shards[3..], shards[..3]);
}

#[tokio::test]
async fn a_session_that_is_named_beside_has_to_exist() {
    let (scripted, mut owner) = with_a_call().await;
    let from = |session: &str| {
        Some(proto::MediaPreferences { codecs_from_session_id: session.into(), ..Default::default() })
    };
    let create = |parent: &str, codecs_from: &str| {
        Told::CreateSession(proto::CreateSessionRequest {
            target_uri: "sip:bob@192.0.2.7".into(),
            parent_session_id: parent.into(),
            media: from(codecs_from),
            ..Default::default()
        })
    };
    let (session_id, nobody) = ("s".to_owned(), from("nobody"));
    let answer = proto::AnswerSessionRequest { session_id, media: nobody, ..Default::default() };
    let (session_id, media) = (answer.session_id.clone(), answer.media.clone());
    let early = proto::StartEarlyMediaRequest { session_id, media, ..Default::default() };
    let (session_id, media) = (answer.session_id.clone(), answer.media.clone());
    let update = proto::UpdateMediaRequest { session_id, media, ..Default::default() };
    for verb in [
        create("nobody", ""),
        create("s", "nobody"),
        Told::AnswerSession(answer),
        Told::StartEarlyMedia(early),
        Told::UpdateMedia(update),
    ] {
        let asked = format!("{verb:?}");
        owner.command(verb).await;
        let status = owner.result().await.status.expect("a status");
        assert_eq!((status.code, &*status.message), (Code::NotFound as i32, "no session nobody"), "{asked}");
    }
    owner.command(create("s", "s")).await;
    assert_eq!(owner.result().await.status.expect("a status").code, 0);
    assert_eq!(scripted.script.verbs().len(), 1, "nothing else reached a shard");
    owner.event().await;
    scripted.script.tell([Output::SessionClosed { session: id("s") }]);
    until("its end", || scripted.node.counters().held.directory == 1).await;
    owner.command(create("s", "")).await;
    assert_eq!(owner.result().await.status.expect("a status").code, Code::NotFound as i32);
}

#[tokio::test]
async fn playbacks_have_ids_of_the_client_s_choice_or_of_ours() {
    let (scripted, mut owner) = with_a_call().await;
    let play = |playback_id: &str| proto::StartPlaybackRequest {
        context: engine_context("e"),
        session_id: "s".into(),
        playback_id: playback_id.into(),
        source: Some(proto::start_playback_request::Source::Tone(proto::Tone {
            frequency_hz: 440.0,
            ..Default::default()
        })),
    };
    let mine = scripted.playbacks().start_playback(play("p1")).await.expect("taken").into_inner();
    assert_eq!(mine.playback_id, "p1");
    let ours = scripted.playbacks().start_playback(play("")).await.expect("taken").into_inner();
    assert_eq!(ours.playback_id.len(), 32);
    owner
        .command(Told::StartPlayback(proto::StartPlaybackRequest { context: context("p"), ..play("p2") }))
        .await;
    assert_eq!(owner.result().await.created_id, "p2");
    let (_, _, command) = scripted.script.verbs().remove(0);
    let Verb::Play { playback, source } = command.verb else { panic!("{:?}", command.verb) };
    assert_eq!(playback.as_str(), "p1");
    assert_eq!(source, PlaybackSource::Tone { frequency_hz: 440.0, level_db: -12.0, duration: None });
}

#[tokio::test]
async fn an_operator_s_tool_commands_without_an_engine() {
    let (scripted, _owner) = with_a_call().await;
    let request = proto::TerminateSessionRequest { session_id: "s".into(), ..Default::default() };
    scripted.sessions().terminate_session(request).await.expect("taken");
    let (_, _, command) = scripted.script.verbs().remove(0);
    assert_eq!((command.engine, command.verb), (None, Verb::Terminate { fields: Vec::new(), body: None }));
}

#[tokio::test]
async fn the_deadline_of_the_client_bounds_the_wait_in_the_queue() {
    let (scripted, _owner) = with_a_call_beside_the_api().await;
    let mut sessions = scripted.patient_sessions();
    let answer = |timeout: &'static str| {
        let mut request =
            Request::new(proto::AnswerSessionRequest { session_id: "s".into(), ..Default::default() });
        request.metadata_mut().insert("grpc-timeout", timeout.parse().expect("a value"));
        request
    };
    scripted.script.block(true);
    let late = soon("an answer", sessions.answer_session(answer("200m"))).await.expect_err("too late");
    let (code, reason, _) = refusal(&late);
    assert_eq!((code, reason.as_str()), (Code::DeadlineExceeded, "DEADLINE"));
    scripted.script.block(false);
    soon("an answer", sessions.answer_session(answer("5S"))).await.expect("in time");
    // The one that was too late may have been what the shard stood still at; then it was in time for its turn.
    let asked = scripted.script.verbs().len();
    assert!((1..=2).contains(&asked), "{asked}");
}

#[tokio::test]
async fn what_waited_past_its_deadline_is_not_carried_out() {
    let (scripted, mut owner) = with_a_call_beside_the_api().await;
    scripted.script.block(true);
    // All shards stand still at this news.
    let _other = Engine::attach(scripted.events(), "f").await;
    until("all stand still", || scripted.script.standing() == 2).await;
    let mut request =
        Request::new(proto::TerminateSessionRequest { session_id: "s".into(), ..Default::default() });
    request.metadata_mut().insert("grpc-timeout", "200m".parse().expect("a value"));
    assert_eq!(reason(scripted.patient_sessions().terminate_session(request).await), "DEADLINE");
    until("it waits", || scripted.node.counters().held.requests_waiting == 1).await;
    scripted.script.block(false);
    until("it had its turn", || scripted.node.counters().held.requests_waiting == 0).await;
    owner.command(ring("s", "after")).await;
    owner.result().await;
    let verbs: Vec<Verb> = scripted.script.verbs().into_iter().map(|(.., command)| command.verb).collect();
    assert!(matches!(verbs[..], [Verb::Ring { .. }]), "{verbs:?}");
}

#[tokio::test]
async fn a_deadline_counts_from_the_head_of_its_request() {
    let (scripted, _owner) = with_a_call_beside_the_api().await;
    scripted.script.block(true);
    let late = futures_util::stream::once(async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        proto::TerminateSessionRequest { session_id: "s".into(), ..Default::default() }
    });
    let mut request = Request::new(late);
    request.metadata_mut().insert("grpc-timeout", "200m".parse().expect("a value"));
    let origin = scripted.origin().parse().expect("a URI");
    let mut client = tonic::client::Grpc::with_origin(patient_client(), origin);
    client.ready().await.expect("ready");
    let path = PathAndQuery::from_static("/callplane.session.v1.SessionService/TerminateSession");
    let codec = ProstCodec::<_, proto::TerminateSessionResponse>::default();
    let told = soon("an answer", client.client_streaming(request, path, codec)).await.expect_err("too late");
    assert_eq!(refusal(&told).1, "DEADLINE");
    scripted.script.block(false);
}

#[tokio::test]
async fn a_call_that_is_given_up_is_carried_out_all_the_same() {
    let (scripted, _owner) = with_a_call().await;
    let mut with_two = scripted.sessions();
    let request = proto::TerminateSessionRequest { session_id: "s".into(), ..Default::default() };
    // Polled once, so that the request is out, then dropped.
    let call = tokio::time::timeout(std::time::Duration::from_millis(1), with_two.terminate_session(request));
    let _ = call.await;
    until("the command", || !scripted.script.verbs().is_empty()).await;
}

#[tokio::test]
async fn a_full_queue_refuses_and_says_so() {
    let mut with = settings();
    // Two shards, so that the API has a thread of its own while the shards stand still.
    with.shards = 2;
    let scripted = Scripted::with(with).await;
    let owner = Engine::attach(scripted.events(), "e").await;
    scripted.script.call(&engine("default", "e"), "s");
    until("the call", || scripted.node.counters().held.directory == 1).await;
    scripted.script.block(true);
    scripted.script.tell([]);
    // Each connection has so many calls under way; each engine so many commands.
    let mut engines = vec![owner];
    for number in 0..SHARD_REQUESTS_MAX / 1_000 + 1 {
        engines.push(Engine::attach(scripted.events(), &format!("e{number}")).await);
    }
    for engine in &engines {
        for _ in 0..1_024 {
            engine.command(ring("s", "")).await;
        }
    }
    let refused = soon("a refusal", async {
        let last = engines.last_mut().expect("engines");
        last.result().await
    })
    .await;
    let status = refused.status.expect("a status");
    assert_eq!(status.code, Code::ResourceExhausted as i32);
    assert!(status.message.contains("shard_requests_max"), "{}", status.message);
    scripted.script.block(false);
}
