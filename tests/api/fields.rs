//! What is wrong with a request is told field by field, and nothing that is not served is ignored.

use callplane::proto::session::v1 as proto;
use callplane::proto::session::v1::command::Verb;
use callplane::proto::session::v1::start_playback_request::Source;
use prost_types::Duration;
use tonic::Code;

use crate::support::engine::Engine;
use crate::support::{Scripted, as_unary, refusal};

fn header(name: &str, value: &str) -> proto::Header {
    proto::Header { name: name.into(), value: value.into() }
}

/// What an engine is told of a command, as `field` of each violation.
async fn told(engine: &mut Engine, verb: Verb) -> (i32, String, Vec<String>) {
    engine.command(verb).await;
    let status = as_unary(engine.result().await.status.expect("a status"));
    let (code, reason, details) = refusal(&status);
    let fields = details.bad_request().map(|bad| bad.field_violations.clone()).unwrap_or_default();
    (code as i32, reason, fields.into_iter().map(|bad| bad.field).collect())
}

#[tokio::test]
async fn each_bad_field_is_named() {
    let scripted = Scripted::start().await;
    let mut engine = Engine::attach(scripted.events(), "e").await;
    let s = || "s".to_owned();
    let day = Some(Duration { seconds: 86_401, nanos: 0 });
    let rows: Vec<(Verb, Vec<&str>)> = vec![
        (Verb::HoldSession(Default::default()), vec!["session_id"]),
        (
            Verb::RingSession(proto::RingSessionRequest {
                session_id: "a b".into(),
                sip_status: Some(200),
                headers: vec![header("Via", "x"), header("X y", "x"), header("X-A", "a\r\nb")],
                ..Default::default()
            }),
            vec!["sip_status", "headers[0].name", "headers[1].name", "headers[2].value", "session_id"],
        ),
        (
            Verb::RejectSession(proto::RejectSessionRequest {
                session_id: s(),
                sip_status: 399,
                reason_phrase: "a\nb".into(),
                retry_after: day,
                body: Some(proto::Body { content_type: String::new(), content: vec![0; 16_385].into() }),
                ..Default::default()
            }),
            vec!["sip_status", "reason_phrase", "retry_after", "body.content_type", "body.content"],
        ),
        (
            Verb::RedirectSession(proto::RedirectSessionRequest { session_id: s(), ..Default::default() }),
            vec!["contact_uris"],
        ),
        (
            Verb::RedirectSession(proto::RedirectSessionRequest {
                session_id: s(),
                sip_status: 400,
                contact_uris: ["sip:a@b", "<sip:c>", "sip:b@[", "tel:+1"].map(String::from).to_vec(),
                ..Default::default()
            }),
            vec!["sip_status", "contact_uris[1]", "contact_uris[2]"],
        ),
        (
            Verb::AnswerSession(proto::AnswerSessionRequest {
                session_id: s(),
                media: Some(proto::MediaPreferences {
                    codecs: ["PCMU", "PC MU", "pcma/8000", "G729", "PCMU/16000"].map(String::from).to_vec(),
                    codecs_from_session_id: "a b".into(),
                    ip_version: 7,
                    rtp_sources: 99,
                }),
                limits: Some(proto::CallLimits {
                    ring_timeout: day,
                    max_duration: Some(Duration::default()),
                }),
                ..Default::default()
            }),
            vec![
                "media.codecs[1]",
                "media.codecs[3]",
                "media.codecs[4]",
                "media.codecs_from_session_id",
                "media.rtp_sources",
                "media.ip_version",
                "limits.ring_timeout",
                "limits.max_duration",
            ],
        ),
        (
            Verb::SendDtmf(proto::SendDtmfRequest {
                session_id: s(),
                digits: "12x".into(),
                tone_duration: Some(Duration { seconds: 0, nanos: 1 }),
                gap_duration: Some(Duration { seconds: -1, nanos: 0 }),
                ..Default::default()
            }),
            vec!["digits", "tone_duration", "gap_duration"],
        ),
        (
            Verb::SendDtmf(proto::SendDtmfRequest {
                session_id: s(),
                digits: "1".into(),
                // No Durations, though they would come to 1 s and 40 ms.
                tone_duration: Some(Duration { seconds: 2, nanos: -1_000_000_000 }),
                gap_duration: Some(Duration { seconds: -1, nanos: 1_040_000_000 }),
                ..Default::default()
            }),
            vec!["tone_duration", "gap_duration"],
        ),
        (
            Verb::SendMessage(proto::SendMessageRequest { session_id: s(), ..Default::default() }),
            vec!["body"],
        ),
        (
            Verb::SendInfo(proto::SendInfoRequest {
                session_id: s(),
                body: Some(proto::Body {
                    content_type: "garbage no slash".into(),
                    content: Default::default(),
                }),
                headers: vec![header("X-A", "a\u{85}b")],
                ..Default::default()
            }),
            vec!["body.content_type", "headers[0].value"],
        ),
        (
            Verb::CreateSession(proto::CreateSessionRequest {
                target_uri: "sip:a@b".into(),
                from: Some(proto::Party { uri: "sip:b@[".into(), ..Default::default() }),
                to: Some(proto::Party { uri: "sip:a,b".into(), ..Default::default() }),
                ..Default::default()
            }),
            vec!["from.uri", "to.uri"],
        ),
        (Verb::CreateSession(Default::default()), vec!["target_uri"]),
        (
            Verb::CreateSession(proto::CreateSessionRequest {
                session_id: "x".repeat(65),
                group: "a b".into(),
                target_uri: "sip:a b".into(),
                from: Some(proto::Party { uri: String::new(), display_name: "a\r\nb".into() }),
                to: Some(proto::Party { uri: "sip:b@x?Subject=hi".into(), display_name: String::new() }),
                ..Default::default()
            }),
            vec!["session_id", "group", "target_uri", "from.display_name", "to.uri"],
        ),
        (
            Verb::StartPlayback(proto::StartPlaybackRequest { session_id: s(), ..Default::default() }),
            vec!["source"],
        ),
        (
            Verb::StartPlayback(proto::StartPlaybackRequest {
                session_id: s(),
                source: Some(Source::Tone(proto::Tone {
                    frequency_hz: f64::NAN,
                    level_db: Some(1.0),
                    duration: None,
                })),
                ..Default::default()
            }),
            vec!["tone.frequency_hz", "tone.level_db"],
        ),
        (
            Verb::CreateBridge(proto::CreateBridgeRequest {
                bridge_id: "a b".into(),
                session_ids: vec!["s".into(), String::new()],
                ..Default::default()
            }),
            vec!["session_ids[1]", "bridge_id"],
        ),
    ];
    for (verb, fields) in rows {
        let asked = format!("{verb:?}");
        let expected = fields.into_iter().map(str::to_owned).collect();
        let bad = Code::InvalidArgument as i32;
        assert_eq!(told(&mut engine, verb).await, (bad, "BAD_FIELD".into(), expected), "{asked}");
    }
    assert!(scripted.script.verbs().is_empty(), "nothing was carried out");
}

#[tokio::test]
async fn a_file_stays_within_the_audio_folders() {
    let scripted = Scripted::start().await;
    let mut engine = Engine::attach(scripted.events(), "e").await;
    for path in ["", "/etc/passwd", "../x.wav", "a/../x.wav", "a//b.wav", "./x.wav", "a\\..\\x.wav", "a\0b"] {
        let file = proto::AudioFile { path: path.into(), ..Default::default() };
        let play = proto::StartPlaybackRequest {
            session_id: "s".into(),
            source: Some(Source::File(file)),
            ..Default::default()
        };
        let (_, reason, fields) = told(&mut engine, Verb::StartPlayback(play)).await;
        assert_eq!((reason.as_str(), fields), ("BAD_FIELD", vec!["file.path".to_owned()]), "{path:?}");
    }
}

#[tokio::test]
async fn what_is_not_served_yet_is_refused_and_not_ignored() {
    let scripted = Scripted::start().await;
    let mut engine = Engine::attach(scripted.events(), "e").await;
    let later = proto::CommandContext { lease: 1, epoch: 1, ..Default::default() };
    let hold = proto::HoldSessionRequest { context: Some(later), session_id: "s".into() };
    let refused = told(&mut engine, Verb::HoldSession(hold)).await;
    let fields = vec!["context.lease".to_owned(), "context.epoch".to_owned()];
    assert_eq!(refused, (Code::Unimplemented as i32, "NOT_SERVED".into(), fields));
    let bridge = proto::CreateBridgeRequest { mode: 99, ..Default::default() };
    let (_, reason, fields) = told(&mut engine, Verb::CreateBridge(bridge)).await;
    assert_eq!((reason.as_str(), fields), ("NOT_SERVED", vec!["mode".to_owned()]));
    let unknown = proto::Command { verb: None, command_id: "newer".into() };
    engine.say(proto::attach_request::Message::Command(unknown)).await;
    let result = engine.result().await;
    assert_eq!(result.command_id, "newer");
    assert_eq!(result.status.expect("a status").code, Code::Unimplemented as i32);
}

#[tokio::test]
async fn what_cannot_be_carried_out_as_it_is_written_names_what_it_named() {
    let scripted = Scripted::start().await;
    let mut engine = Engine::attach(scripted.events(), "e").await;
    let context = |engine_id: &str, lease| {
        Some(proto::CommandContext { engine_id: engine_id.into(), lease, ..Default::default() })
    };
    let dtmf = |context| proto::SendDtmfRequest {
        context,
        session_id: "s".into(),
        digits: "x".into(),
        ..Default::default()
    };
    let hold = |context| proto::HoldSessionRequest { context, session_id: "s".into() };
    let unary = [
        scripted.sessions().send_dtmf(dtmf(None)).await.expect_err("no digit"),
        scripted.sessions().hold_session(hold(context("", 1))).await.expect_err("no leases"),
    ];
    let mut refused = Vec::from(unary);
    for verb in [
        Verb::SendDtmf(dtmf(None)),
        Verb::HoldSession(hold(context("", 1))),
        Verb::HoldSession(hold(context("other", 0))),
    ] {
        engine.command(verb).await;
        refused.push(as_unary(engine.result().await.status.expect("a status")));
    }
    for status in refused {
        let (_, reason, details) = refusal(&status);
        assert!(matches!(reason.as_str(), "BAD_FIELD" | "NOT_SERVED"), "{reason}");
        assert_eq!(details.error_info().expect("info").metadata["session_id"], "s", "{status:?}");
    }
    let play =
        proto::StartPlaybackRequest { session_id: "s".into(), playback_id: "p".into(), ..Default::default() };
    engine.command(Verb::StartPlayback(play)).await;
    let (_, _, details) = refusal(&as_unary(engine.result().await.status.expect("a status")));
    assert_eq!(details.error_info().expect("info").metadata["playback_id"], "p");
}

#[tokio::test]
async fn a_commands_id_may_stand_beside_its_verb() {
    let scripted = Scripted::start().await;
    let mut engine = Engine::attach(scripted.events(), "e").await;
    scripted.script.call(&crate::support::core::engine("default", "e"), "s");
    engine.event().await;
    for (beside, inside, told, refused) in
        [("a", "", "a", false), ("", "b", "b", false), ("c", "c", "c", false), ("d", "x", "d", true)]
    {
        let context = Some(proto::CommandContext { command_id: inside.into(), ..Default::default() });
        let hold = proto::HoldSessionRequest { context, session_id: "s".into() };
        let command = proto::Command { command_id: beside.into(), verb: Some(Verb::HoldSession(hold)) };
        engine.say(proto::attach_request::Message::Command(command)).await;
        let result = engine.result().await;
        assert_eq!(result.command_id, told);
        assert_eq!(result.status.expect("a status").code != 0, refused, "{told}");
    }
    let marks: Vec<_> =
        scripted.script.verbs().into_iter().map(|(_, _, command)| command.command_id).collect();
    assert_eq!(marks.iter().map(|mark| &**mark).collect::<Vec<_>>(), ["a", "b", "c"]);
}

#[tokio::test]
async fn a_message_that_cannot_be_decoded_is_its_senders_fault() {
    let scripted = Scripted::start().await;
    // Field 1, a string that is no UTF-8.
    let garbage = bytes::Bytes::from_static(b"\x0a\x01\xff");
    let mut client = tonic::client::Grpc::new(scripted.channel.clone());
    client.ready().await.expect("ready");
    let path = http::uri::PathAndQuery::from_static("/callplane.session.v1.SessionService/GetSession");
    let codec = callplane::proto::codec::Codec::<Raw, proto::GetSessionResponse>::default();
    let status = client.unary(tonic::Request::new(Raw(garbage)), path, codec).await.expect_err("refused");
    let (code, reason, details) = refusal(&status);
    assert_eq!((code, reason.as_str()), (Code::InvalidArgument, "BAD_FIELD"));
    assert!(details.bad_request().is_some());
}

/// A message that is written as it is.
#[derive(Debug, Default)]
struct Raw(bytes::Bytes);

impl prost::Message for Raw {
    fn encode_raw(&self, buf: &mut impl bytes::BufMut) {
        buf.put_slice(&self.0);
    }

    fn merge_field(
        &mut self,
        _: u32,
        _: prost::encoding::WireType,
        _: &mut impl bytes::Buf,
        _: prost::encoding::DecodeContext,
    ) -> Result<(), prost::DecodeError> {
        Ok(())
    }

    fn encoded_len(&self) -> usize {
        self.0.len()
    }

    fn clear(&mut self) {}
}

#[tokio::test]
async fn a_stream_speaks_for_its_own_engine_only() {
    let scripted = Scripted::start().await;
    let mut engine = Engine::attach(scripted.events(), "e").await;
    let other = proto::CommandContext { engine_id: "f".into(), group: "g".into(), ..Default::default() };
    let hold = proto::HoldSessionRequest { context: Some(other), session_id: "s".into() };
    let (_, reason, fields) = told(&mut engine, Verb::HoldSession(hold)).await;
    assert_eq!((reason.as_str(), fields.len()), ("BAD_FIELD", 2));
    let own = proto::CommandContext { engine_id: "e".into(), group: "default".into(), ..Default::default() };
    let hold = proto::HoldSessionRequest { context: Some(own), session_id: "s".into() };
    let (_, reason, _) = told(&mut engine, Verb::HoldSession(hold)).await;
    assert_eq!(reason, "SESSION_NOT_FOUND");
}
