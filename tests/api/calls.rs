//! Whole calls: the real shard, SIP over UDP on loopback, a stub for media.

use callplane::media::MediaSettings;
use callplane::proto::session::v1 as proto;
use callplane::proto::session::v1::command::Verb;
use callplane::proto::session::v1::event::Payload;
use callplane::signaling::settings::GroupSettings;
use callplane::signaling::{self, MediaConnection, SignalingNode, SignalingSettings};

use crate::support::engine::Engine;
use crate::support::media::StubMedia;
use crate::support::sip::Phone;
use crate::support::{channel, context, settings, soon, until};

pub async fn start(settings: SignalingSettings) -> SignalingNode {
    let media = StubMedia::new(1);
    let node = signaling::start(&settings, MediaConnection::in_process(media.server()), false);
    let node = node.unwrap_or_else(|error| panic!("{error}"));
    until("media", || node.is_ready()).await;
    node
}

pub async fn engine(node: &SignalingNode, id: &str) -> Engine {
    let client = proto::event_service_client::EventServiceClient::new(channel(node.grpc_address()).await);
    Engine::attach(client, id).await
}

pub fn answer(session: &str) -> Verb {
    Verb::AnswerSession(proto::AnswerSessionRequest {
        context: context("answer"),
        session_id: session.into(),
        ..Default::default()
    })
}

/// A call that is up: the phone's 200, and the session.
pub async fn call_up(
    node: &SignalingNode,
    owner: &mut Engine,
    call_id: &str,
) -> (Phone, crate::support::sip::Message, String) {
    let phone = Phone::new(node.sip_address(0).expect("a listener"), call_id).await;
    phone.invite("echo").await;
    let (event, ()) = owner.until(|payload| matches!(payload, Payload::IncomingCall(_)).then_some(())).await;
    owner.command(answer(&event.session_id)).await;
    let result = owner.result().await;
    assert_eq!(result.status.expect("a status").code, 0);
    let ok = phone.final_response().await;
    assert_eq!(ok.status(), 200, "{}", ok.text);
    phone.request("ACK", 1, &ok).await;
    let (connected, ()) = owner.until(|payload| matches!(payload, Payload::Connected(_)).then_some(())).await;
    assert_eq!(connected.session_id, event.session_id);
    assert_eq!(connected.caused_by_command_id, "answer");
    (phone, ok, event.session_id)
}

#[tokio::test]
async fn a_call_is_decided_by_its_engine_answered_and_hung_up_by_the_phone() {
    let node = start(settings()).await;
    let mut owner = engine(&node, "e").await;
    let (phone, ok, session) = call_up(&node, &mut owner, "one@test").await;
    assert!(ok.text.contains("m=audio"), "{}", ok.text);
    phone.request("BYE", 2, &ok).await;
    assert_eq!(phone.final_response().await.status(), 200);
    let ended = |payload: &Payload| match payload {
        Payload::SessionEnded(ended) => Some(ended.clone()),
        _ => None,
    };
    let (event, ended) = owner.until(ended).await;
    assert_eq!((event.session_id, ended.cause()), (session, proto::EndCause::RemoteHangup));
    owner.ack(event.cursor).await;
    until("nothing is left", || {
        let held = node.counters().held;
        (held.sessions, held.directory, held.media_requests, held.commands_pending) == (0, 0, 0, 0)
    })
    .await;
    let counters = node.counters();
    assert_eq!((counters.shards.calls_in, counters.dialogs.legs_opened), (1, 1));
    assert_eq!(counters.transactions.servers_begun, 2, "INVITE and BYE");
    soon("the end", node.shutdown()).await;
}

fn text(content: &str) -> Option<proto::Body> {
    let content = content.to_owned().into();
    Some(proto::Body { content_type: "text/plain".into(), content })
}

#[tokio::test]
async fn bodies_go_with_an_answer_and_with_the_end_and_come_with_the_peer_s() {
    let node = start(settings()).await;
    let mut owner = engine(&node, "e").await;
    let phone = Phone::new(node.sip_address(0).expect("a listener"), "bodies@test").await;
    phone.invite("echo").await;
    let (event, ()) = owner.until(|payload| matches!(payload, Payload::IncomingCall(_)).then_some(())).await;
    let Verb::AnswerSession(answer) = answer(&event.session_id) else { panic!() };
    owner.command(Verb::AnswerSession(proto::AnswerSessionRequest { body: text("welcome"), ..answer })).await;
    let ok = phone.final_response().await;
    assert!(ok.field("Content-Type").is_some_and(|kind| kind.starts_with("multipart/mixed;")), "{}", ok.text);
    assert!(ok.text.contains("\r\n\r\nv=0\r\n") && ok.text.contains("\r\n\r\nwelcome\r\n"), "{}", ok.text);
    phone.request("ACK", 1, &ok).await;
    owner.until(|payload| matches!(payload, Payload::Connected(_)).then_some(())).await;
    phone.request_with("BYE", 2, &ok, "thanks").await;
    let ended = |payload: &Payload| match payload {
        Payload::SessionEnded(ended) => Some(ended.body.clone()),
        _ => None,
    };
    assert_eq!(owner.until(ended).await.1, text("thanks"));

    let (phone, _, session) = call_up(&node, &mut owner, "bodies-2@test").await;
    let end = proto::TerminateSessionRequest {
        context: context("end"),
        session_id: session,
        body: text("bye"),
        ..Default::default()
    };
    owner.command(Verb::TerminateSession(end)).await;
    let bye = phone.receive().await;
    assert!(bye.is("BYE") && bye.text.ends_with("\r\n\r\nbye"), "{}", bye.text);
    phone.ok(&bye).await;
    node.shutdown().await;
}

#[tokio::test]
async fn the_same_works_with_several_shards() {
    let mut with = settings();
    with.shards = 3;
    let node = start(with).await;
    let mut owner = engine(&node, "e").await;
    let mut calls = Vec::new();
    for number in 0..8 {
        calls.push(call_up(&node, &mut owner, &format!("many-{number}@test")).await);
    }
    let sessions =
        proto::session_service_client::SessionServiceClient::new(channel(node.grpc_address()).await)
            .list_sessions(proto::ListSessionsRequest::default())
            .await
            .expect("a page")
            .into_inner()
            .sessions;
    assert_eq!(sessions.len(), 8);
    assert!(sessions.iter().all(|session| session.state() == proto::SessionState::Connected));
    for (phone, ok, session) in &calls {
        let terminate = proto::TerminateSessionRequest { session_id: session.clone(), ..Default::default() };
        owner.command(Verb::TerminateSession(terminate)).await;
        let bye = phone.receive().await;
        assert!(bye.is("BYE"), "{}", bye.text);
        assert_eq!(bye.field("Call-ID"), ok.field("Call-ID"));
        phone.ok(&bye).await;
    }
    until("nothing is left", || node.counters().held.directory == 0).await;
    soon("the end", node.shutdown()).await;
}

#[tokio::test]
async fn without_an_engine_a_call_gets_its_group_s_refusal() {
    let node = start(settings()).await;
    let phone = Phone::new(node.sip_address(0).expect("a listener"), "none@test").await;
    phone.invite("echo").await;
    let refused = phone.final_response().await;
    assert_eq!((refused.status(), refused.field("Retry-After")), (503, Some("5")));
    phone.request("ACK", 1, &refused).await;

    let mut with = settings();
    let group = GroupSettings { refusal_status: 480, retry_after_seconds: 0 };
    with.groups.insert("default".into(), group);
    let node = start(with).await;
    let phone = Phone::new(node.sip_address(0).expect("a listener"), "none@test").await;
    phone.invite("echo").await;
    let refused = phone.final_response().await;
    assert_eq!((refused.status(), refused.field("Retry-After")), (480, None));
}

#[tokio::test]
async fn the_calls_of_an_engine_that_does_not_come_back_are_ended() {
    let mut with = settings();
    with.engines.grace_ms = 100;
    let node = start(with).await;
    let mut owner = engine(&node, "e").await;
    let (phone, _, _) = call_up(&node, &mut owner, "gone@test").await;
    drop(owner);
    let bye = phone.receive().await;
    assert!(bye.is("BYE"), "{}", bye.text);
    phone.ok(&bye).await;
    until("nothing is left", || node.counters().held.directory == 0).await;
    assert_eq!(node.counters().held.engines_away, 0);
}

#[tokio::test]
async fn the_calls_of_an_engine_that_comes_back_go_on() {
    let node = start(settings()).await;
    let mut owner = engine(&node, "e").await;
    let (phone, ok, session) = call_up(&node, &mut owner, "back@test").await;
    drop(owner);
    until("the detachment", || node.counters().held.engines_away == 1).await;
    phone.request("BYE", 2, &ok).await;
    assert_eq!(phone.final_response().await.status(), 200);
    let mut owner = engine(&node, "e").await;
    let (event, ()) = owner.until(|payload| matches!(payload, Payload::SessionEnded(_)).then_some(())).await;
    assert_eq!(event.session_id, session);
}

#[tokio::test]
async fn an_outbound_call_reaches_a_phone() {
    let node = start(settings()).await;
    let mut owner = engine(&node, "e").await;
    let phone = Phone::new(node.sip_address(0).expect("a listener"), "ignored").await;
    let create = proto::CreateSessionRequest {
        context: context("create"),
        session_id: "out".into(),
        target_uri: format!("sip:bob@{}", phone.local()),
        ..Default::default()
    };
    owner.command(Verb::CreateSession(create)).await;
    assert_eq!(owner.result().await.status.expect("a status").code, 0);
    let invite = phone.receive().await;
    assert!(invite.is("INVITE sip:bob@"), "{}", invite.text);
    phone.answer(&invite).await;
    let ack = phone.receive().await;
    assert!(ack.is("ACK"), "{}", ack.text);
    let (event, ()) = owner.until(|payload| matches!(payload, Payload::Connected(_)).then_some(())).await;
    assert_eq!((event.session_id.as_str(), event.state()), ("out", proto::SessionState::Connected));
    soon("the end", async { tokio::join!(node.shutdown(), hang_up(&phone)) }).await;
}

/// The end of the node hangs up.
async fn hang_up(phone: &Phone) {
    let bye = phone.receive().await;
    assert!(bye.is("BYE"), "{}", bye.text);
    phone.ok(&bye).await;
}

#[tokio::test]
async fn a_call_to_a_port_where_nobody_is_fails_at_once() {
    let node = start(settings()).await;
    let mut owner = engine(&node, "e").await;
    let gone =
        tokio::net::UdpSocket::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("its address");
    let create = proto::CreateSessionRequest {
        context: context("create"),
        session_id: "out".into(),
        target_uri: format!("sip:nobody@{gone}"),
        ..Default::default()
    };
    owner.command(Verb::CreateSession(create)).await;
    let ended = |payload: &Payload| match payload {
        Payload::SessionEnded(ended) => Some(ended.cause()),
        _ => None,
    };
    let (_, cause) = soon("the end", owner.until(ended)).await;
    assert_eq!(cause, proto::EndCause::NetworkFailure);
    node.shutdown().await;
}

#[tokio::test]
async fn a_caller_that_offers_no_codec_of_the_engine_s_choice_gets_488() {
    let media = MediaSettings { rtp_port_min: 41_000, rtp_port_max: 41_099, ..MediaSettings::default() };
    let media = callplane::media::service::start(&media).unwrap_or_else(|error| panic!("{error}"));
    let connection = MediaConnection::in_process(media.service.server());
    let node = signaling::start(&settings(), connection, false).unwrap_or_else(|error| panic!("{error}"));
    until("media", || node.is_ready()).await;
    let mut owner = engine(&node, "e").await;
    let phone = Phone::new(node.sip_address(0).expect("a listener"), "codecs@test").await;
    phone.invite("echo").await;
    let (event, ()) = owner.until(|payload| matches!(payload, Payload::IncomingCall(_)).then_some(())).await;
    let pcma = proto::MediaPreferences { codecs: vec!["PCMA".into()], ..Default::default() };
    owner
        .command(Verb::AnswerSession(proto::AnswerSessionRequest {
            session_id: event.session_id,
            media: Some(pcma),
            ..Default::default()
        }))
        .await;
    assert_eq!(owner.result().await.status.expect("a status").code, 0);
    let refusal = phone.final_response().await;
    assert_eq!(refusal.status(), 488, "the phone speaks PCMU alone");
    assert!(refusal.text.contains(" \"Incompatible media format\"\r\n"), "{}", refusal.text);
    let ended = |payload: &Payload| match payload {
        Payload::SessionEnded(ended) => Some(ended.cause()),
        _ => None,
    };
    assert_eq!(owner.until(ended).await.1, proto::EndCause::MediaFailure);
    node.shutdown().await;
    media.shutdown();
}
