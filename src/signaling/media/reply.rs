//! What media answers and tells, taken from `callplane.media.v1`. What cannot be is media's fault and becomes an error,
//! never a panic.

use std::time::Duration;

use crate::ground::{BridgeId, Description, Mismatch};
use crate::proto::media::v1 as proto;
use crate::proto::media::v1::failure::Code;
use crate::session::media::{
    Direction, MediaError, MediaEvent, MediaFacts, MediaReply, PlaybackCause, Statistics,
};

/// A reply's result.
pub(super) fn result(result: Option<proto::reply::Result>) -> Result<MediaReply, MediaError> {
    use proto::reply::Result as Told;
    match result {
        Some(Told::Done(_)) => Ok(MediaReply::Done),
        Some(Told::Negotiated(negotiated)) => Ok(MediaReply::Negotiated {
            local: (!negotiated.local_description.is_empty())
                .then(|| Description(negotiated.local_description)),
            facts: negotiated.facts.map(|agreed| Box::new(facts(agreed))),
        }),
        Some(Told::EndpointClosed(closed)) => Ok(MediaReply::Closed(statistics(closed.statistics))),
        Some(Told::Failure(failure)) => Err(error(failure)),
        Some(Told::Welcome(_)) | None => Err(MediaError::Other("a reply without a result".into())),
    }
}

fn facts(facts: proto::Facts) -> MediaFacts {
    MediaFacts {
        direction: match facts.direction() {
            proto::Direction::Unspecified | proto::Direction::Sendrecv => Direction::SendRecv,
            proto::Direction::Sendonly => Direction::SendOnly,
            proto::Direction::Recvonly => Direction::RecvOnly,
            proto::Direction::Inactive => Direction::Inactive,
        },
        codec: facts.codec,
        local_address: facts.local_address,
        remote_address: facts.remote_address,
        telephone_event: facts.telephone_event,
        ptime_ms: facts.ptime_ms,
        held_by_peer: facts.held_by_peer,
    }
}

fn statistics(statistics: Option<proto::Statistics>) -> Statistics {
    let told = statistics.unwrap_or_default();
    Statistics {
        packets_received: told.packets_received,
        packets_sent: told.packets_sent,
        packets_lost: told.packets_lost,
        jitter_us: told.jitter_us,
    }
}

const fn mismatch(told: proto::failure::Mismatch) -> Mismatch {
    use proto::failure::Mismatch as Told;
    match told {
        Told::Unspecified => Mismatch::Other,
        Told::MediaType => Mismatch::MediaType,
        Told::TransportProtocol => Mismatch::TransportProtocol,
        Told::MediaFormat => Mismatch::MediaFormat,
        Told::NetworkProtocol => Mismatch::NetworkProtocol,
        Told::AddressFormat => Mismatch::AddressFormat,
        Told::Multicast => Mismatch::Multicast,
    }
}

fn error(failure: proto::Failure) -> MediaError {
    let (code, mismatch) = (failure.code(), mismatch(failure.mismatch()));
    let message = failure.message;
    match code {
        Code::NoEndpoint => MediaError::NoEndpoint,
        Code::NoBridge => MediaError::NoBridge,
        Code::NoPlayback => MediaError::NoPlayback,
        Code::NoPort => MediaError::NoPort,
        Code::Limit => MediaError::Limit(message),
        Code::NothingAcceptable => MediaError::NothingAcceptable(mismatch),
        Code::BadDescription => MediaError::BadDescription(message),
        Code::BadAnswer => MediaError::BadAnswer(message),
        Code::FileUnusable => MediaError::FileUnusable(message),
        Code::WorkerDiffers => MediaError::NodeDiffers(message),
        Code::NotNegotiated | Code::NoTelephoneEvent => MediaError::NotNegotiated(message),
        Code::Unspecified
        | Code::Exists
        | Code::StaleGeneration
        | Code::BadRequest
        | Code::NotServed
        | Code::OwnerConnected
        | Code::Internal => MediaError::Other(format!("{}: {message}", code.as_str_name())),
    }
}

/// An endpoint's event; `None` for one that cannot be understood.
pub(super) fn event(event: Option<proto::endpoint_event::Event>) -> Option<MediaEvent> {
    use proto::endpoint_event::Event as Told;
    Some(match event? {
        Told::Dtmf(dtmf) => {
            MediaEvent::Dtmf { digit: dtmf.digit.chars().next()?, duration: duration(dtmf.duration) }
        }
        Told::RtpSilent(silent) => MediaEvent::RtpSilent { silent_for: duration(silent.silent_for) },
        Told::RtpBack(back) => MediaEvent::RtpBack { silent_for: duration(back.silent_for) },
        Told::PlayStarted(started) => MediaEvent::PlayStarted { key: started.playback_id.parse().ok()? },
        Told::PlayEnded(ended) => MediaEvent::PlayEnded {
            key: ended.playback_id.parse().ok()?,
            cause: match ended.cause() {
                proto::play_ended::Cause::Finished => PlaybackCause::Finished,
                proto::play_ended::Cause::Stopped => PlaybackCause::Stopped,
                proto::play_ended::Cause::Replaced => PlaybackCause::Replaced,
                proto::play_ended::Cause::Closed => PlaybackCause::SessionEnded,
                proto::play_ended::Cause::Failed | proto::play_ended::Cause::Unspecified => {
                    PlaybackCause::Failed
                }
            },
            reason: ended.reason,
            played: duration(ended.played),
        },
        Told::DtmfSent(sent) => MediaEvent::DtmfSent { key: sent.key },
        Told::LeftBridge(left) => MediaEvent::LeftBridge(BridgeId::parse(&left.bridge_id).ok()?),
        Told::Closed(closed) => MediaEvent::Lost(closed.reason),
    })
}

fn duration(duration: Option<prost_types::Duration>) -> Duration {
    duration.and_then(|told| Duration::try_from(told).ok()).unwrap_or_default()
}
