//! What a session asks of media, as it stands in `callplane.media.v1`.

use std::sync::Arc;
use std::time::Duration;

use crate::ground::{IpVersion, SessionId};
use crate::proto::media::v1 as proto;
use crate::proto::media::v1::request::Operation;
use crate::session::media::{
    BridgeMode, Direction, MediaRequest, NegotiationStep, PlaybackSource, RtpSources, SignaledPeer,
};

/// The operation that asks this for the session's endpoint. Call-ID and `traceparent` come with its first request.
pub(super) fn operation(
    session: &SessionId,
    create: Option<(Arc<str>, String)>,
    peer: SignaledPeer,
    body: MediaRequest,
) -> Operation {
    let endpoint_id = session.to_string();
    match body {
        MediaRequest::Negotiate { generation, remote, direction, preferences, step, commit } => {
            Operation::Negotiate(proto::Negotiate {
                create: create.map(|(call_id, traceparent)| settings(session, &call_id, traceparent)),
                endpoint_id,
                generation,
                remote,
                intent: Some(proto::Intent {
                    direction: self::direction(direction).into(),
                    codecs: preferences.codecs,
                    codecs_from: preferences.codecs_from.map(|from| from.to_string()).unwrap_or_default(),
                    sources: preferences.rtp_sources.map_or(proto::SourcePolicy::Unspecified, sources).into(),
                    ip_version: ip_version(preferences.ip_version).into(),
                }),
                step: Some(self::step(step)),
                commit,
                peer: Some(self::peer(peer)),
            })
        }
        MediaRequest::Commit { generation, remote } => {
            Operation::Commit(proto::Commit { endpoint_id, generation, remote })
        }
        MediaRequest::Rollback { generation } => {
            Operation::Rollback(proto::Rollback { endpoint_id, generation })
        }
        MediaRequest::SelectRemote { remote } => {
            Operation::SelectRemote(proto::SelectRemote { endpoint_id, remote })
        }
        MediaRequest::Close => Operation::CloseEndpoint(proto::CloseEndpoint { endpoint_id }),
        MediaRequest::Join { bridge } => {
            Operation::AddMember(proto::AddMember { bridge_id: bridge.to_string(), endpoint_id })
        }
        MediaRequest::Leave { bridge } => {
            Operation::RemoveMember(proto::RemoveMember { bridge_id: bridge.to_string(), endpoint_id })
        }
        MediaRequest::Play { key, source } => Operation::Play(proto::Play {
            endpoint_id,
            playback_id: key.to_string(),
            source: Some(self::source(source)),
        }),
        MediaRequest::StopPlay { key } => {
            Operation::StopPlay(proto::StopPlay { endpoint_id, playback_id: key.to_string() })
        }
        MediaRequest::SendDtmf { key, digits, tone, gap } => Operation::SendDtmf(proto::SendDtmf {
            key,
            endpoint_id,
            digits,
            tone_duration: Some(duration(tone)),
            gap_duration: Some(duration(gap)),
        }),
        MediaRequest::PeerReached => Operation::PeerReached(proto::PeerReached { endpoint_id }),
        MediaRequest::Mute { muted } => Operation::Mute(proto::Mute { endpoint_id, muted }),
    }
}

/// The operation that makes a bridge.
pub(super) fn create_bridge(bridge_id: String, mode: BridgeMode) -> Operation {
    let mode = match mode {
        BridgeMode::Relay => proto::BridgeMode::Relay,
        BridgeMode::Mesh => proto::BridgeMode::Mesh,
        BridgeMode::Mix => proto::BridgeMode::Mix,
        BridgeMode::Echo => proto::BridgeMode::Echo,
    };
    Operation::CreateBridge(proto::CreateBridge { bridge_id, mode: mode.into(), affinity: String::new() })
}

fn settings(session: &SessionId, call_id: &str, traceparent: String) -> proto::EndpointSettings {
    proto::EndpointSettings {
        affinity: String::new(),
        session_id: session.to_string(),
        call_id: call_id.to_owned(),
        traceparent,
        rtp_timeout: None,
    }
}

fn peer(peer: SignaledPeer) -> proto::Peer {
    proto::Peer {
        address: peer.address.map(|address| address.to_string()).unwrap_or_default(),
        reached: peer.reached,
        sources: sources(peer.sources).into(),
        familiar: peer.familiar,
    }
}

const fn sources(sources: RtpSources) -> proto::SourcePolicy {
    match sources {
        RtpSources::Exact => proto::SourcePolicy::Exact,
        RtpSources::Subnet => proto::SourcePolicy::Subnet,
        RtpSources::Any => proto::SourcePolicy::Any,
    }
}

const fn ip_version(version: Option<IpVersion>) -> proto::IpVersion {
    match version {
        None => proto::IpVersion::Unspecified,
        Some(IpVersion::V4) => proto::IpVersion::Ipv4,
        Some(IpVersion::V6) => proto::IpVersion::Ipv6,
    }
}

const fn direction(direction: Direction) -> proto::Direction {
    match direction {
        Direction::SendRecv => proto::Direction::Sendrecv,
        Direction::SendOnly => proto::Direction::Sendonly,
        Direction::RecvOnly => proto::Direction::Recvonly,
        Direction::Inactive => proto::Direction::Inactive,
    }
}

fn step(step: NegotiationStep) -> proto::negotiate::Step {
    match step {
        NegotiationStep::MakeOffer => proto::negotiate::Step::MakeOffer(proto::MakeOffer {}),
        NegotiationStep::AnswerOffer(offer) => {
            proto::negotiate::Step::AnswerOffer(proto::AnswerOffer { offer: offer.0 })
        }
        NegotiationStep::ApplyAnswer(answer) => {
            proto::negotiate::Step::ApplyAnswer(proto::ApplyAnswer { answer: answer.0 })
        }
    }
}

fn source(source: PlaybackSource) -> proto::play::Source {
    match source {
        PlaybackSource::Tone { frequency_hz, level_db, duration: length } => {
            proto::play::Source::Tone(proto::Tone { frequency_hz, level_db, duration: length.map(duration) })
        }
        PlaybackSource::File { path, times } => proto::play::Source::File(proto::File { path, times }),
    }
}

fn duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or(0),
    }
}
