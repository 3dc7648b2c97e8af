//! Events in words: one line each, for people.

use prost_types::Duration;

use crate::proto::session::v1::{
    Body, EndCause, EventsSuppressed, MediaDirection, MediaSummary, OperationCompleted, PlaybackEnded,
    SessionEnded, event::Payload, operation_completed::Outcome,
};

/// What happened.
pub(super) fn words(payload: &Payload) -> String {
    match payload {
        Payload::IncomingCall(call) => format!("{} is called from {}", call.request_user, call.source),
        Payload::SessionCreated(created) => {
            let session = created.session.as_ref();
            format!("calling, session {}", session.map_or("", |session| &session.session_id))
        }
        Payload::Ringing(ringing) => format!("{} sent", ringing.sip_status),
        Payload::Progress(progress) => {
            let audio = if progress.early_media { ", with audio" } else { "" };
            format!("{} {}{audio}", progress.sip_status, progress.reason_phrase)
        }
        Payload::Connected(connected) => format!("connected: {}", media(connected.media.as_ref())),
        Payload::OperationCompleted(done) => completed(done),
        Payload::MediaChanged(changed) => {
            let whose = if changed.by_peer { " by the peer" } else { "" };
            format!("media changed{whose}: {}", media(changed.media.as_ref()))
        }
        Payload::DtmfReceived(dtmf) => format!("key {}", dtmf.digit),
        Payload::InfoReceived(info) => format!("INFO{}", body(info.body.as_ref())),
        Payload::MessageReceived(message) => format!("MESSAGE{}", body(message.body.as_ref())),
        Payload::BridgeJoined(joined) => {
            format!("in bridge {}, {}", joined.bridge_id, bare(joined.mode().as_str_name(), "BRIDGE_MODE_"))
        }
        Payload::BridgeLeft(left) => format!("no longer in bridge {}", left.bridge_id),
        Payload::PlaybackStarted(started) => format!("playback {} is heard", started.playback_id),
        Payload::PlaybackEnded(ended) => playback_ended(ended),
        Payload::MediaHealth(health) if health.receiving => "audio is back".into(),
        Payload::MediaHealth(_) => "no audio comes".into(),
        Payload::SessionRevoked(revoked) => format!("passed on to engine {}", revoked.to_engine_id),
        Payload::EventsSuppressed(suppressed) => {
            format!("{} events of the peer were left away", all(suppressed))
        }
        Payload::SessionEnded(ended) => session_ended(ended),
    }
}

/// An end's cause, as logs spell it and `--expect` takes it.
pub(super) fn cause(cause: EndCause) -> String {
    bare(cause.as_str_name(), "END_CAUSE_")
}

/// Every cause that an end may have.
pub(super) fn causes() -> impl Iterator<Item = String> {
    (1..).map_while(|number| EndCause::try_from(number).ok()).map(cause)
}

/// The name of an enumeration's value without what all of them begin with.
fn bare(name: &str, prefix: &str) -> String {
    name.trim_start_matches(prefix).replace('_', "-").to_ascii_lowercase()
}

fn media(summary: Option<&MediaSummary>) -> String {
    let Some(summary) = summary else { return "no media".into() };
    let direction = match summary.direction() {
        MediaDirection::Unspecified | MediaDirection::Sendrecv => String::new(),
        direction => format!(", {}", bare(direction.as_str_name(), "MEDIA_DIRECTION_")),
    };
    format!("{} from {} to {}{direction}", summary.codec, summary.local_address, summary.remote_address)
}

fn completed(done: &OperationCompleted) -> String {
    let outcome = bare(done.outcome().as_str_name(), "OUTCOME_");
    let mut text = format!("{} {outcome}", bare(done.operation().as_str_name(), "OPERATION_"));
    if done.outcome() != Outcome::Succeeded {
        text.push_str(&why(done.sip_status, &done.reason_phrase));
    }
    text
}

fn playback_ended(ended: &PlaybackEnded) -> String {
    let played = ended.played.as_ref().map_or(0.0, seconds);
    let cause = bare(ended.cause().as_str_name(), "CAUSE_");
    format!("playback {} is over: {cause}{}, {played:.3} s played", ended.playback_id, why(0, &ended.reason))
}

fn session_ended(ended: &SessionEnded) -> String {
    let mut text = format!("ended: {}", cause(ended.cause()));
    text.push_str(&why(ended.sip_status, &ended.reason_phrase));
    text.push_str(&why(0, &ended.reason_header));
    if let Some(statistics) = &ended.statistics {
        text.push_str(&format!(
            "; RTP: {} sent, {} received, {} lost",
            statistics.packets_sent, statistics.packets_received, statistics.packets_lost
        ));
    }
    text
}

/// A status and its phrase after a comma, as far as there are any.
fn why(status: u32, phrase: &str) -> String {
    match (status, phrase) {
        (0, "") => String::new(),
        (0, phrase) => format!(", {phrase}"),
        (status, "") => format!(", {status}"),
        (status, phrase) => format!(", {status} {phrase}"),
    }
}

fn body(body: Option<&Body>) -> String {
    body.map_or_else(String::new, |body| format!(", {} of {} bytes", body.content_type, body.content.len()))
}

fn all(suppressed: &EventsSuppressed) -> u64 {
    let EventsSuppressed { dtmf_received, info_received, message_received, progress, media_health } =
        *suppressed;
    [dtmf_received, info_received, message_received, progress, media_health].into_iter().map(u64::from).sum()
}

fn seconds(time: &Duration) -> f64 {
    time.seconds as f64 + f64::from(time.nanos) / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::session::v1::{
        BridgeJoined, BridgeMode, MediaChanged, MessageReceived, Operation, PlaybackStarted, Ringing,
        playback_ended::Cause,
    };

    #[test]
    fn every_event_is_one_line_for_people() {
        let refused = OperationCompleted {
            operation: Operation::UpdateMedia.into(),
            outcome: Outcome::Refused.into(),
            sip_status: 488,
            reason_phrase: "Not Acceptable Here".into(),
            ..Default::default()
        };
        let played = PlaybackEnded {
            playback_id: "p".into(),
            cause: Cause::Finished.into(),
            played: Some(Duration { seconds: 1, nanos: 500_000_000 }),
            ..Default::default()
        };
        let held = MediaSummary {
            codec: "PCMU/8000".into(),
            direction: MediaDirection::Recvonly.into(),
            local_address: "192.0.2.1:10000".into(),
            remote_address: "192.0.2.2:20000".into(),
            ..Default::default()
        };
        let changed = MediaChanged { media: Some(held), by_peer: true, ..Default::default() };
        let text = Body { content_type: "text/plain".into(), content: "hi".into() };
        let ended = SessionEnded {
            cause: EndCause::Busy.into(),
            sip_status: 486,
            reason_phrase: "Busy Here".into(),
            ..Default::default()
        };
        let unreachable = SessionEnded {
            cause: EndCause::NetworkFailure.into(),
            reason_phrase: "192.0.2.2:5060 cannot be reached".into(),
            ..Default::default()
        };
        let rows = [
            (Payload::SessionEnded(unreachable), "ended: network-failure, 192.0.2.2:5060 cannot be reached"),
            (Payload::Ringing(Ringing { sip_status: 180 }), "180 sent"),
            (Payload::OperationCompleted(refused), "update-media refused, 488 Not Acceptable Here"),
            (Payload::PlaybackStarted(PlaybackStarted { playback_id: "p".into() }), "playback p is heard"),
            (Payload::PlaybackEnded(played), "playback p is over: finished, 1.500 s played"),
            (
                Payload::MediaChanged(changed),
                "media changed by the peer: PCMU/8000 from 192.0.2.1:10000 to 192.0.2.2:20000, recvonly",
            ),
            (
                Payload::MessageReceived(MessageReceived { body: Some(text), headers: vec![] }),
                "MESSAGE, text/plain of 2 bytes",
            ),
            (
                Payload::BridgeJoined(BridgeJoined { bridge_id: "b".into(), mode: BridgeMode::Mix.into() }),
                "in bridge b, mix",
            ),
            (Payload::SessionEnded(ended), "ended: busy, 486 Busy Here"),
        ];
        for (payload, line) in rows {
            assert_eq!(words(&payload), line);
        }
    }

    #[test]
    fn causes_are_named_as_they_are_told() {
        let all: Vec<String> = causes().collect();
        assert!(all.contains(&"local-hangup".into()) && all.contains(&"internal".into()));
        assert!(!all.contains(&"unspecified".into()));
    }
}
