//! Between the generated types and the node's own.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crate::codec::Codec;
use crate::ground::{IpVersion, Mismatch, NODE_NAME_BYTES_MAX};
use crate::media::core::{
    Agreed, BridgeMode, Described, DigitPlan, Event, Failure, PlayEnd, Signaled, SourcePolicy, Statistics,
    Step,
};
use crate::media::settings::codec_named;
use crate::media::worker::operation::{Create, Kept, Negotiate, Operation, Outcome, Reply, Source};
use crate::media::worker::owner::{Item, NodePhase};
use crate::proto::media::v1 as proto;
use crate::proto::media::v1::request::Operation as Asked;
use crate::sdp::{Direction, RemotePlace};

/// How long a digit sounds, and the pause after it, when the request does not say.
const DIGIT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(60));

fn bad(what: impl Into<String>) -> Failure {
    Failure::BadRequest(what.into())
}

/// Whether an owner may be called that.
pub fn check_owner(name: &str) -> Result<(), Failure> {
    if name.is_empty() || name.len() > NODE_NAME_BYTES_MAX {
        return Err(bad(format!("owner must have 1 to {NODE_NAME_BYTES_MAX} characters")));
    }
    Ok(())
}

/// What is asked.
pub fn operation(asked: Asked) -> Result<Operation, Failure> {
    Ok(match asked {
        Asked::Hello(_) => return Err(bad("hello is the first request of a stream, and only the first")),
        Asked::Negotiate(asked) => Operation::Negotiate(Box::new(negotiate(asked)?)),
        Asked::Commit(proto::Commit { endpoint_id, generation, remote }) => {
            Operation::Commit { endpoint: endpoint_id, generation, remote }
        }
        Asked::Rollback(proto::Rollback { endpoint_id, generation }) => {
            Operation::Rollback { endpoint: endpoint_id, generation }
        }
        Asked::SelectRemote(proto::SelectRemote { endpoint_id, remote }) => {
            Operation::SelectRemote { endpoint: endpoint_id, remote }
        }
        Asked::CloseEndpoint(proto::CloseEndpoint { endpoint_id }) => {
            Operation::Close { endpoint: endpoint_id }
        }
        Asked::CreateBridge(asked) => Operation::CreateBridge {
            mode: bridge_mode(known("mode", asked.mode)?)?,
            bridge: asked.bridge_id,
            affinity: asked.affinity,
        },
        Asked::DestroyBridge(proto::DestroyBridge { bridge_id }) => {
            Operation::DestroyBridge { bridge: bridge_id }
        }
        Asked::AddMember(proto::AddMember { bridge_id, endpoint_id }) => {
            Operation::AddMember { bridge: bridge_id, endpoint: endpoint_id }
        }
        Asked::RemoveMember(proto::RemoveMember { bridge_id, endpoint_id }) => {
            Operation::RemoveMember { bridge: bridge_id, endpoint: endpoint_id }
        }
        Asked::Play(proto::Play { endpoint_id, playback_id, source }) => {
            Operation::Play { endpoint: endpoint_id, playback: playback_id, source: self::source(source)? }
        }
        Asked::StopPlay(proto::StopPlay { endpoint_id, playback_id }) => {
            Operation::StopPlay { endpoint: endpoint_id, playback: playback_id }
        }
        Asked::SendDtmf(proto::SendDtmf { endpoint_id, digits, tone_duration, gap_duration, key }) => {
            if digits.is_empty() {
                return Err(bad("digits is required"));
            }
            let tone = optional("tone_duration", tone_duration)?.unwrap_or(DIGIT.0);
            let gap = optional("gap_duration", gap_duration)?.unwrap_or(DIGIT.1);
            Operation::SendDigits { endpoint: endpoint_id, plan: DigitPlan { key, digits, tone, gap } }
        }
        Asked::PeerReached(proto::PeerReached { endpoint_id }) => {
            Operation::PeerReached { endpoint: endpoint_id }
        }
        Asked::Mute(proto::Mute { endpoint_id, muted }) => Operation::Mute { endpoint: endpoint_id, muted },
        Asked::Heartbeat(proto::Heartbeat { .. }) => Operation::Heartbeat,
        Asked::Reconcile(asked) => Operation::Reconcile(Arc::new(kept(asked))),
    })
}

fn kept(asked: proto::Reconcile) -> Kept {
    let named = asked.bridge_ids.into_iter().map(|bridge| (bridge, HashSet::new()));
    let mut kept = Kept { endpoints: asked.endpoint_ids.into_iter().collect(), bridges: named.collect() };
    for proto::Membership { bridge_id, endpoint_id } in asked.memberships {
        if let Some(members) = kept.bridges.get_mut(&bridge_id) {
            members.insert(endpoint_id);
        }
    }
    kept
}

fn negotiate(asked: proto::Negotiate) -> Result<Negotiate, Failure> {
    let intent = asked.intent.unwrap_or_default();
    let step = match asked.step.ok_or_else(|| bad("step is required"))? {
        proto::negotiate::Step::MakeOffer(proto::MakeOffer {}) => Step::MakeOffer,
        proto::negotiate::Step::AnswerOffer(proto::AnswerOffer { offer }) => Step::AnswerOffer(offer),
        proto::negotiate::Step::ApplyAnswer(proto::ApplyAnswer { answer }) => Step::ApplyAnswer(answer),
    };
    if asked.commit && step == Step::MakeOffer {
        return Err(bad("commit is for answers: an offer is nothing that could be in force"));
    }
    Ok(Negotiate {
        endpoint: asked.endpoint_id,
        create: asked.create.map(create).transpose()?,
        generation: asked.generation,
        remote: asked.remote,
        direction: direction_wanted(known("intent.direction", intent.direction)?)?,
        codecs: codecs(&intent.codecs)?,
        sources: source_policy(known("intent.sources", intent.sources)?),
        ip_version: ip_version(known("intent.ip_version", intent.ip_version)?),
        codecs_from: intent.codecs_from,
        peer: signaled(asked.peer.as_ref())?,
        step,
        commit: asked.commit,
    })
}

/// A value of an enumeration. One that this version does not know is not taken as not given.
fn known<E: TryFrom<i32>>(field: &str, value: i32) -> Result<E, Failure> {
    E::try_from(value).map_err(|_| bad(format!("{field} has no value {value}")))
}

const fn ip_version(asked: proto::IpVersion) -> Option<IpVersion> {
    match asked {
        proto::IpVersion::Unspecified => None,
        proto::IpVersion::Ipv4 => Some(IpVersion::V4),
        proto::IpVersion::Ipv6 => Some(IpVersion::V6),
    }
}

fn create(asked: proto::EndpointSettings) -> Result<Create, Failure> {
    let rtp_timeout = optional("rtp_timeout", asked.rtp_timeout)?;
    if rtp_timeout == Some(Duration::ZERO) {
        return Err(bad("rtp_timeout must be more than 0"));
    }
    Ok(Create {
        affinity: asked.affinity,
        session_id: asked.session_id,
        call_id: asked.call_id,
        traceparent: asked.traceparent,
        rtp_timeout,
    })
}

const fn source_policy(asked: proto::SourcePolicy) -> Option<SourcePolicy> {
    match asked {
        proto::SourcePolicy::Unspecified => None,
        proto::SourcePolicy::Exact => Some(SourcePolicy::Exact),
        proto::SourcePolicy::Subnet => Some(SourcePolicy::Subnet),
        proto::SourcePolicy::Any => Some(SourcePolicy::Any),
    }
}

fn signaled(asked: Option<&proto::Peer>) -> Result<Signaled, Failure> {
    let Some(peer) = asked else { return Ok(Signaled::default()) };
    let address = match peer.address.as_str() {
        "" => None,
        text => Some(text.parse().map_err(|_| bad("peer.address must be an IP address"))?),
    };
    let policy = source_policy(known("peer.sources", peer.sources)?).unwrap_or_default();
    Ok(Signaled { address, reached: peer.reached, familiar: peer.familiar, policy })
}

/// The codecs of these names (`PCMU` or `PCMU/8000`) that are spoken here.
fn codecs(names: &[String]) -> Result<Vec<Codec>, Failure> {
    let mut known = Vec::new();
    for name in names {
        let encoding = name.split('/').next().unwrap_or_default();
        known.extend(codec_named(encoding).filter(|codec| !known.contains(codec)));
    }
    if known.is_empty() && !names.is_empty() {
        return Err(bad("none of the codecs is spoken here"));
    }
    Ok(known)
}

const fn direction_wanted(asked: proto::Direction) -> Result<Direction, Failure> {
    Ok(match asked {
        proto::Direction::Unspecified | proto::Direction::Sendrecv => Direction::SendRecv,
        proto::Direction::Sendonly => Direction::SendOnly,
        proto::Direction::Recvonly => Direction::RecvOnly,
        proto::Direction::Inactive => Direction::Inactive,
    })
}

fn bridge_mode(asked: proto::BridgeMode) -> Result<BridgeMode, Failure> {
    match asked {
        proto::BridgeMode::Unspecified => Err(bad("mode is required")),
        proto::BridgeMode::Relay => Ok(BridgeMode::Relay),
        proto::BridgeMode::Mesh => Ok(BridgeMode::Mesh),
        proto::BridgeMode::Mix => Ok(BridgeMode::Mix),
        proto::BridgeMode::Echo => Ok(BridgeMode::Echo),
    }
}

fn source(asked: Option<proto::play::Source>) -> Result<Source, Failure> {
    match asked.ok_or_else(|| bad("source is required"))? {
        proto::play::Source::Tone(proto::Tone { frequency_hz, level_db, duration }) => {
            Ok(Source::Tone { frequency_hz, level_db, duration: optional("duration", duration)? })
        }
        proto::play::Source::File(proto::File { path, times }) => Ok(Source::File { path, times }),
    }
}

fn optional(field: &str, asked: Option<prost_types::Duration>) -> Result<Option<Duration>, Failure> {
    let problem =
        || bad(format!("{field} is no length of time: negative, or nanos outside of 0 to 999,999,999"));
    let read = |asked| crate::proto::duration(asked).ok_or_else(problem);
    asked.map(read).transpose()
}

fn duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or(0),
    }
}

/// A reply, an event, or how the node stands.
pub fn item(item: Item) -> proto::ControlItem {
    let item = match item {
        Item::Reply { id, reply, .. } => proto::control_item::Item::Reply(self::reply(id, reply)),
        Item::Event { endpoint, event } => proto::control_item::Item::Event(proto::EndpointEvent {
            endpoint_id: endpoint.to_string(),
            event: Some(self::event(event)),
        }),
        Item::Node(phase) => {
            let phase = match phase {
                NodePhase::Draining => proto::node_state::Phase::Draining,
                NodePhase::Ending => proto::node_state::Phase::Ending,
            };
            proto::control_item::Item::NodeState(proto::NodeState { phase: phase.into() })
        }
    };
    proto::ControlItem { item: Some(item) }
}

/// A reply.
pub fn reply(id: u64, reply: Reply) -> proto::Reply {
    let result = match reply {
        Ok(Outcome::Done) => proto::reply::Result::Done(proto::Done {}),
        Ok(Outcome::Negotiated(described)) => proto::reply::Result::Negotiated(negotiated(*described)),
        Ok(Outcome::Closed(statistics)) => proto::reply::Result::EndpointClosed(proto::EndpointClosed {
            statistics: Some(self::statistics(statistics)),
        }),
        Err(failure) => proto::reply::Result::Failure(proto::Failure {
            code: code(&failure).into(),
            message: failure.to_string(),
            mismatch: mismatch(&failure).into(),
        }),
    };
    proto::Reply { id, result: Some(result) }
}

const fn code(failure: &Failure) -> proto::failure::Code {
    use proto::failure::Code;
    match failure {
        Failure::NoEndpoint => Code::NoEndpoint,
        Failure::NoBridge => Code::NoBridge,
        Failure::NoPlayback => Code::NoPlayback,
        Failure::Exists(_) => Code::Exists,
        Failure::NoPort => Code::NoPort,
        Failure::NothingAcceptable(_) => Code::NothingAcceptable,
        Failure::BadDescription(_) => Code::BadDescription,
        Failure::BadAnswer(_) => Code::BadAnswer,
        Failure::StaleGeneration { .. } => Code::StaleGeneration,
        Failure::NotNegotiated(_) => Code::NotNegotiated,
        Failure::NoTelephoneEvent => Code::NoTelephoneEvent,
        Failure::FileUnusable(_) => Code::FileUnusable,
        Failure::Limit { .. } | Failure::Short(_) | Failure::Draining => Code::Limit,
        Failure::BadRequest(_) => Code::BadRequest,
        Failure::OwnerConnected(_) => Code::OwnerConnected,
        Failure::Internal(_) => Code::Internal,
    }
}

const fn mismatch(failure: &Failure) -> proto::failure::Mismatch {
    use proto::failure::Mismatch as Told;
    let Failure::NothingAcceptable(mismatch) = failure else { return Told::Unspecified };
    match mismatch {
        Mismatch::Other => Told::Unspecified,
        Mismatch::MediaType => Told::MediaType,
        Mismatch::TransportProtocol => Told::TransportProtocol,
        Mismatch::MediaFormat => Told::MediaFormat,
        Mismatch::NetworkProtocol => Told::NetworkProtocol,
        Mismatch::AddressFormat => Told::AddressFormat,
        Mismatch::Multicast => Told::Multicast,
    }
}

fn negotiated(described: Described) -> proto::Negotiated {
    proto::Negotiated {
        local_description: described.local,
        facts: described.agreed.map(facts),
        descriptor: described.descriptor,
    }
}

fn facts(agreed: Agreed) -> proto::Facts {
    let direction = match agreed.direction {
        Direction::SendRecv => proto::Direction::Sendrecv,
        Direction::SendOnly => proto::Direction::Sendonly,
        Direction::RecvOnly => proto::Direction::Recvonly,
        Direction::Inactive => proto::Direction::Inactive,
    };
    let remote = match agreed.remote {
        Some(RemotePlace::At(address)) => address.to_string(),
        Some(RemotePlace::Named { host, port }) => format!("{host}:{port}"),
        Some(RemotePlace::Nowhere) | None => String::new(),
    };
    let codec = agreed.codec.map(|codec| format!("{}/{}", codec.name(), codec.clock_rate_hz()));
    proto::Facts {
        direction: direction.into(),
        codec: codec.unwrap_or_default(),
        local_address: agreed.local.to_string(),
        remote_address: remote,
        telephone_event: agreed.telephone_event,
        ptime_ms: u32::from(agreed.ptime_ms),
        held_by_peer: agreed.held_by_peer,
    }
}

const fn statistics(statistics: Statistics) -> proto::Statistics {
    proto::Statistics {
        packets_received: statistics.packets_received,
        packets_sent: statistics.packets_sent,
        packets_lost: statistics.packets_lost,
        jitter_us: statistics.jitter_us,
        bytes_received: statistics.bytes_received,
        bytes_sent: statistics.bytes_sent,
    }
}

fn event(event: Event) -> proto::endpoint_event::Event {
    use proto::endpoint_event::Event as Told;
    match event {
        Event::Dtmf { digit, duration } => {
            Told::Dtmf(proto::Dtmf { digit: digit.into(), duration: Some(self::duration(duration)) })
        }
        Event::RtpSilent { silent_for } => {
            Told::RtpSilent(proto::RtpSilent { silent_for: Some(duration(silent_for)) })
        }
        Event::RtpBack { silent_for } => {
            Told::RtpBack(proto::RtpBack { silent_for: Some(duration(silent_for)) })
        }
        Event::PlayStarted { playback } => {
            Told::PlayStarted(proto::PlayStarted { playback_id: playback.to_string() })
        }
        Event::PlayEnded { playback, end, played } => Told::PlayEnded(proto::PlayEnded {
            playback_id: playback.to_string(),
            cause: play_end(end).into(),
            reason: String::new(),
            played: Some(duration(played)),
        }),
        Event::PlayFailed { playback, failure } => Told::PlayEnded(proto::PlayEnded {
            playback_id: playback.to_string(),
            cause: proto::play_ended::Cause::Failed.into(),
            reason: failure.to_string(),
            played: Some(duration(Duration::ZERO)),
        }),
        Event::DtmfSent { key } => Told::DtmfSent(proto::DtmfSent { key }),
        Event::LeftBridge { bridge } => Told::LeftBridge(proto::LeftBridge { bridge_id: bridge.to_string() }),
        Event::Closed { reason, statistics } => Told::Closed(proto::Closed {
            reason: reason.to_owned(),
            statistics: Some(self::statistics(statistics)),
        }),
    }
}

const fn play_end(end: PlayEnd) -> proto::play_ended::Cause {
    match end {
        PlayEnd::Finished => proto::play_ended::Cause::Finished,
        PlayEnd::Stopped => proto::play_ended::Cause::Stopped,
        PlayEnd::Replaced => proto::play_ended::Cause::Replaced,
        PlayEnd::Closed => proto::play_ended::Cause::Closed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_an_enumeration_has_not_is_refused_and_not_taken_as_none() {
        let negotiate = |intent: proto::Intent, sources| {
            operation(Asked::Negotiate(proto::Negotiate {
                intent: Some(intent),
                peer: Some(proto::Peer { sources, ..Default::default() }),
                step: Some(proto::negotiate::Step::MakeOffer(proto::MakeOffer {})),
                ..Default::default()
            }))
        };
        assert!(negotiate(proto::Intent::default(), 0).is_ok());
        let rows = [
            ("intent.direction", proto::Intent { direction: 99, ..Default::default() }, 0),
            ("intent.sources", proto::Intent { sources: 99, ..Default::default() }, 0),
            ("intent.ip_version", proto::Intent { ip_version: -1, ..Default::default() }, 0),
            ("peer.sources", proto::Intent::default(), 99),
        ];
        for (field, intent, sources) in rows {
            let Err(Failure::BadRequest(why)) = negotiate(intent, sources) else { panic!("{field}") };
            assert!(why.starts_with(&format!("{field} has no value")), "{why}");
        }
        let bridge = proto::CreateBridge { mode: 99, ..Default::default() };
        let Err(Failure::BadRequest(why)) = operation(Asked::CreateBridge(bridge)) else { panic!("mode") };
        assert_eq!(why, "mode has no value 99");
    }
}
