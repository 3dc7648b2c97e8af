//! What a refused command is said to have named.

use super::*;
use crate::proto::session::v1 as proto;
use crate::proto::session::v1::command::Verb as Asked;

fn read(verb: Asked) -> Parsed {
    of_command(proto::Command { verb: Some(verb), command_id: String::new() }).1
}

/// The ids of session, bridge and playback; empty for none.
fn ids(named: &Named) -> [String; 3] {
    let Named { session, bridge, playback } = named;
    [
        session.as_ref().map(ToString::to_string).unwrap_or_default(),
        bridge.as_ref().map(ToString::to_string).unwrap_or_default(),
        playback.as_ref().map(ToString::to_string).unwrap_or_default(),
    ]
}

#[test]
fn a_command_that_cannot_be_read_is_refused_in_the_name_of_what_it_names() {
    let later = || Some(CommandContext { lease: 1, ..Default::default() });
    let (s, b, p) = (|| "s".to_owned(), || "b".to_owned(), || "p".to_owned());
    let rows = [
        (Asked::SendDtmf(proto::SendDtmfRequest { session_id: s(), ..Default::default() }), ["s", "", ""]),
        (Asked::HoldSession(proto::HoldSessionRequest { context: later(), session_id: s() }), ["s", "", ""]),
        (
            Asked::RedirectSession(proto::RedirectSessionRequest { session_id: s(), ..Default::default() }),
            ["s", "", ""],
        ),
        (
            Asked::SendMessage(proto::SendMessageRequest { session_id: s(), ..Default::default() }),
            ["s", "", ""],
        ),
        (
            Asked::CreateSession(proto::CreateSessionRequest { session_id: s(), ..Default::default() }),
            ["s", "", ""],
        ),
        (
            Asked::CreateBridge(proto::CreateBridgeRequest {
                bridge_id: b(),
                mode: 99,
                ..Default::default()
            }),
            ["", "b", ""],
        ),
        (
            Asked::AddBridgeMember(proto::AddBridgeMemberRequest {
                context: later(),
                bridge_id: b(),
                session_id: s(),
            }),
            ["s", "b", ""],
        ),
        (
            Asked::RemoveBridgeMember(proto::RemoveBridgeMemberRequest {
                context: None,
                bridge_id: b(),
                session_id: "no id".into(),
            }),
            ["", "b", ""],
        ),
        (
            Asked::DestroyBridge(proto::DestroyBridgeRequest { context: later(), bridge_id: b() }),
            ["", "b", ""],
        ),
        (
            Asked::StartPlayback(proto::StartPlaybackRequest {
                session_id: s(),
                playback_id: p(),
                ..Default::default()
            }),
            ["s", "", "p"],
        ),
        (
            Asked::StopPlayback(proto::StopPlaybackRequest {
                context: later(),
                session_id: s(),
                playback_id: p(),
            }),
            ["s", "", "p"],
        ),
    ];
    for (verb, expected) in rows {
        let asked = format!("{verb:?}");
        let Parsed { named, asked: Err(_) } = read(verb) else { panic!("{asked} was taken") };
        assert_eq!(ids(&named), expected, "{asked}");
    }
}

#[test]
fn a_command_with_two_ids_of_its_own_is_refused_in_the_name_of_what_it_names() {
    let context = Some(CommandContext { command_id: "a".into(), ..Default::default() });
    let hold = proto::HoldSessionRequest { context, session_id: "s".into() };
    let command = proto::Command { verb: Some(Asked::HoldSession(hold)), command_id: "b".into() };
    let (id, Parsed { named, asked }) = of_command(command);
    assert!(matches!(asked, Err(Refusal::BadFields(bad)) if bad[0].field == "command_id"));
    assert_eq!((id.as_str(), ids(&named)), ("b", ["s", "", ""].map(String::from)));
}

#[test]
fn an_id_that_was_made_for_a_command_is_named_once_it_is_read() {
    let play = proto::StartPlaybackRequest {
        session_id: "s".into(),
        source: Some(proto::start_playback_request::Source::File(proto::AudioFile {
            path: "a.wav".into(),
            ..Default::default()
        })),
        ..Default::default()
    };
    let Parsed { named, asked } = read(Asked::StartPlayback(play));
    assert!(asked.is_ok());
    assert_eq!(named.playback.map(|made| made.as_str().len()), Some(32));
}
