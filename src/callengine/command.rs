//! The engine's commands, each as the message it is. The context is left empty: inside an Attach stream the stream's
//! engine is meant.

use prost_types::Duration;

use crate::proto::session::v1::{
    AddBridgeMemberRequest, AnswerSessionRequest, AudioFile, BridgeMode, CreateBridgeRequest,
    CreateSessionRequest, Header, HoldSessionRequest, MediaPreferences, RedirectSessionRequest,
    RejectSessionRequest, ResumeSessionRequest, RingSessionRequest, StartEarlyMediaRequest,
    StartPlaybackRequest, TerminateSessionRequest, Tone, command::Verb, start_playback_request::Source,
};

/// The longest text of a Reason.
const REASON_CHARACTERS_MAX: usize = 200;

/// The longest time until another try that can be told, seconds.
const RETRY_AFTER_MAX_SECONDS: i64 = 86_400;

/// The name of what a call plays, among that call's.
const PLAYBACK: &str = "script";

/// Ring the caller.
#[must_use]
pub fn ring(session: &str) -> Verb {
    Verb::RingSession(RingSessionRequest { session_id: session.into(), ..Default::default() })
}

/// Send 183 with audio, with the codecs of another session unless that is empty.
#[must_use]
pub fn early_media(session: &str, codecs_from: &str) -> Verb {
    Verb::StartEarlyMedia(StartEarlyMediaRequest {
        session_id: session.into(),
        media: codecs_of(codecs_from),
        ..Default::default()
    })
}

/// Answer, with the codecs of another session unless that is empty.
#[must_use]
pub fn answer(session: &str, codecs_from: &str) -> Verb {
    let media = codecs_of(codecs_from);
    Verb::AnswerSession(AnswerSessionRequest { session_id: session.into(), media, ..Default::default() })
}

fn codecs_of(session: &str) -> Option<MediaPreferences> {
    (!session.is_empty())
        .then(|| MediaPreferences { codecs_from_session_id: session.into(), ..Default::default() })
}

/// Refuse.
#[must_use]
pub fn reject(session: &str, status: u32) -> Verb {
    reject_until(session, status, None)
}

/// Refuse, and say after how long another try is welcome where that is known.
#[must_use]
pub fn reject_until(session: &str, status: u32, retry_after: Option<Duration>) -> Verb {
    let longest = Duration { seconds: RETRY_AFTER_MAX_SECONDS, nanos: 0 };
    let retry_after = retry_after.map(|time| if time.seconds < longest.seconds { time } else { longest });
    Verb::RejectSession(RejectSessionRequest {
        session_id: session.into(),
        sip_status: status,
        retry_after,
        ..Default::default()
    })
}

/// Send the caller elsewhere.
#[must_use]
pub fn redirect(session: &str, uri: &str) -> Verb {
    Verb::RedirectSession(RedirectSessionRequest {
        session_id: session.into(),
        contact_uris: vec![uri.into()],
        ..Default::default()
    })
}

/// Call a URI for another session.
#[must_use]
pub fn create(session: &str, target: &str, parent: &str) -> Verb {
    Verb::CreateSession(CreateSessionRequest {
        session_id: session.into(),
        target_uri: target.into(),
        parent_session_id: parent.into(),
        ..Default::default()
    })
}

/// Hold the peer.
#[must_use]
pub fn hold(session: &str) -> Verb {
    Verb::HoldSession(HoldSessionRequest { session_id: session.into(), ..Default::default() })
}

/// Take the peer off hold.
#[must_use]
pub fn resume(session: &str) -> Verb {
    Verb::ResumeSession(ResumeSessionRequest { session_id: session.into(), ..Default::default() })
}

/// Hang up.
#[must_use]
pub fn terminate(session: &str) -> Verb {
    Verb::TerminateSession(TerminateSessionRequest { session_id: session.into(), ..Default::default() })
}

/// Hang up, and tell the peer why by a Reason (RFC 3326): with the status that a refusal would have had.
#[must_use]
pub fn terminate_because(session: &str, status: u32, why: &str) -> Verb {
    let quotable = |c: &char| !c.is_control() && !['"', '\\'].contains(c);
    let why: String = why.chars().filter(quotable).take(REASON_CHARACTERS_MAX).collect();
    let reason = Header { name: "Reason".into(), value: format!("SIP;cause={status};text=\"{why}\"") };
    Verb::TerminateSession(TerminateSessionRequest {
        session_id: session.into(),
        headers: vec![reason],
        ..Default::default()
    })
}

/// Play a tone until stopped.
#[must_use]
pub fn tone(session: &str, frequency_hz: f64) -> Verb {
    play(session, Source::Tone(Tone { frequency_hz, level_db: None, duration: None }))
}

/// Play a tone for so long.
#[must_use]
pub fn tone_for(session: &str, frequency_hz: f64, duration: std::time::Duration) -> Verb {
    let duration = Duration::try_from(duration).ok();
    play(session, Source::Tone(Tone { frequency_hz, level_db: None, duration }))
}

/// Play a WAV file once.
#[must_use]
pub fn file(session: &str, path: &str) -> Verb {
    play(session, Source::File(AudioFile { path: path.into(), times: None, r#loop: false }))
}

fn play(session: &str, source: Source) -> Verb {
    Verb::StartPlayback(StartPlaybackRequest {
        session_id: session.into(),
        // One at a time, so that an engine that comes back does not begin it twice.
        playback_id: PLAYBACK.into(),
        source: Some(source),
        ..Default::default()
    })
}

/// Make a bridge.
#[must_use]
pub fn create_bridge(bridge: &str, mode: BridgeMode, sessions: &[&str]) -> Verb {
    Verb::CreateBridge(CreateBridgeRequest {
        bridge_id: bridge.into(),
        mode: mode.into(),
        session_ids: sessions.iter().map(|session| (*session).to_owned()).collect(),
        ..Default::default()
    })
}

/// Put a session into a bridge.
#[must_use]
pub fn add_member(bridge: &str, session: &str) -> Verb {
    Verb::AddBridgeMember(AddBridgeMemberRequest {
        bridge_id: bridge.into(),
        session_id: session.into(),
        ..Default::default()
    })
}
