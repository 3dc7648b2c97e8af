//! The words that domain and contract share, one to one.

use std::time::Duration;

use crate::ground::leg::Party;
use crate::ground::{Body, HeaderField, WallTime};
use crate::proto::session::v1 as proto;
use crate::session::command::CommandDone;
use crate::session::event::{
    CallDirection, EndCause, Hold, Operation, Outcome, PassedOn, SessionState, SessionView,
};
use crate::session::media::{BridgeMode, Direction, MediaFacts, PlaybackCause, Statistics};
use crate::signaling::bridges::BridgeView;

pub(super) const fn state(state: SessionState) -> proto::SessionState {
    match state {
        SessionState::Initializing => proto::SessionState::Initializing,
        SessionState::Dialing => proto::SessionState::Dialing,
        SessionState::Ringing => proto::SessionState::Ringing,
        SessionState::Connected => proto::SessionState::Connected,
        SessionState::OnHold => proto::SessionState::OnHold,
        SessionState::Transferring => proto::SessionState::Transferring,
        SessionState::Terminating => proto::SessionState::Terminating,
        SessionState::Terminated => proto::SessionState::Terminated,
    }
}

pub(super) const fn operation(operation: Operation) -> proto::Operation {
    match operation {
        Operation::Create => proto::Operation::Create,
        Operation::Answer => proto::Operation::Answer,
        Operation::EarlyMedia => proto::Operation::EarlyMedia,
        Operation::Hold => proto::Operation::Hold,
        Operation::Resume => proto::Operation::Resume,
        Operation::UpdateMedia => proto::Operation::UpdateMedia,
        Operation::SendDtmf => proto::Operation::SendDtmf,
        Operation::Mute => proto::Operation::Mute,
        Operation::SendInfo => proto::Operation::SendInfo,
        Operation::SendMessage => proto::Operation::SendMessage,
        Operation::Terminate => proto::Operation::Terminate,
        Operation::BridgeJoin => proto::Operation::BridgeJoin,
        Operation::BridgeLeave => proto::Operation::BridgeLeave,
        Operation::Playback => proto::Operation::Playback,
        Operation::RemoteUpdate => proto::Operation::RemoteUpdate,
    }
}

pub(super) const fn outcome(outcome: Outcome) -> proto::operation_completed::Outcome {
    match outcome {
        Outcome::Succeeded => proto::operation_completed::Outcome::Succeeded,
        Outcome::Refused => proto::operation_completed::Outcome::Refused,
        Outcome::TimedOut => proto::operation_completed::Outcome::TimedOut,
        Outcome::Failed => proto::operation_completed::Outcome::Failed,
        Outcome::SessionEnded => proto::operation_completed::Outcome::SessionEnded,
    }
}

pub(super) const fn end_cause(cause: EndCause) -> proto::EndCause {
    match cause {
        EndCause::RemoteHangup => proto::EndCause::RemoteHangup,
        EndCause::LocalHangup => proto::EndCause::LocalHangup,
        EndCause::Cancelled => proto::EndCause::Cancelled,
        EndCause::Busy => proto::EndCause::Busy,
        EndCause::Declined => proto::EndCause::Declined,
        EndCause::Rejected => proto::EndCause::Rejected,
        EndCause::Redirected => proto::EndCause::Redirected,
        EndCause::Timeout => proto::EndCause::Timeout,
        EndCause::AckTimeout => proto::EndCause::AckTimeout,
        EndCause::MediaTimeout => proto::EndCause::MediaTimeout,
        EndCause::MediaFailure => proto::EndCause::MediaFailure,
        EndCause::NetworkFailure => proto::EndCause::NetworkFailure,
        EndCause::NoEngine => proto::EndCause::NoEngine,
        EndCause::EngineGone => proto::EndCause::EngineGone,
        EndCause::DialogLost => proto::EndCause::DialogLost,
        EndCause::Shutdown => proto::EndCause::Shutdown,
        EndCause::DurationLimit => proto::EndCause::DurationLimit,
        EndCause::Internal => proto::EndCause::Internal,
    }
}

pub(super) const fn bridge_mode(mode: BridgeMode) -> proto::BridgeMode {
    match mode {
        BridgeMode::Relay => proto::BridgeMode::Relay,
        BridgeMode::Mesh => proto::BridgeMode::Mesh,
        BridgeMode::Mix => proto::BridgeMode::Mix,
        BridgeMode::Echo => proto::BridgeMode::Echo,
    }
}

pub(super) const fn playback_cause(cause: PlaybackCause) -> proto::playback_ended::Cause {
    match cause {
        PlaybackCause::Finished => proto::playback_ended::Cause::Finished,
        PlaybackCause::Stopped => proto::playback_ended::Cause::Stopped,
        PlaybackCause::Replaced => proto::playback_ended::Cause::Replaced,
        PlaybackCause::Failed => proto::playback_ended::Cause::Failed,
        PlaybackCause::SessionEnded => proto::playback_ended::Cause::SessionEnded,
    }
}

pub(super) const fn passed_on(reason: PassedOn) -> proto::session_revoked::Reason {
    match reason {
        PassedOn::Undecided => proto::session_revoked::Reason::NoDecision,
        PassedOn::Behind => proto::session_revoked::Reason::EngineBehind,
        PassedOn::Away => proto::session_revoked::Reason::EngineAway,
    }
}

const fn direction(direction: Direction) -> proto::MediaDirection {
    match direction {
        Direction::SendRecv => proto::MediaDirection::Sendrecv,
        Direction::SendOnly => proto::MediaDirection::Sendonly,
        Direction::RecvOnly => proto::MediaDirection::Recvonly,
        Direction::Inactive => proto::MediaDirection::Inactive,
    }
}

pub(super) const fn hold(hold: Hold) -> proto::Hold {
    proto::Hold { local: hold.local, remote: hold.remote }
}

pub(super) fn media(facts: &MediaFacts) -> proto::MediaSummary {
    proto::MediaSummary {
        codec: facts.codec.clone(),
        direction: direction(facts.direction).into(),
        local_address: facts.local_address.clone(),
        remote_address: facts.remote_address.clone(),
        telephone_event: facts.telephone_event,
        ptime_ms: facts.ptime_ms,
    }
}

pub(super) fn statistics(seen: &Statistics) -> proto::MediaStatistics {
    proto::MediaStatistics {
        packets_received: seen.packets_received,
        packets_sent: seen.packets_sent,
        packets_lost: seen.packets_lost,
        jitter: Some(duration(Duration::from_micros(seen.jitter_us))),
    }
}

fn party(party: &Party) -> proto::Party {
    proto::Party { uri: party.uri.clone(), display_name: party.display_name.clone() }
}

pub(super) fn body(body: &Body) -> proto::Body {
    proto::Body { content_type: body.content_type.clone(), content: body.content.clone() }
}

pub(super) fn headers(fields: &[HeaderField]) -> Vec<proto::Header> {
    fields
        .iter()
        .map(|field| proto::Header { name: field.name.clone(), value: field.value.clone() })
        .collect()
}

pub(super) fn duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or(0),
    }
}

pub(super) fn timestamp(time: WallTime) -> prost_types::Timestamp {
    let millis = time.unix_millis();
    prost_types::Timestamp {
        seconds: i64::try_from(millis / 1_000).unwrap_or(i64::MAX),
        nanos: i32::try_from(millis % 1_000 * 1_000_000).unwrap_or(0),
    }
}

pub(super) fn session(view: &SessionView) -> proto::Session {
    proto::Session {
        session_id: view.id.to_string(),
        revision: view.revision,
        state: state(view.state).into(),
        direction: match view.direction {
            CallDirection::Inbound => proto::CallDirection::Inbound,
            CallDirection::Outbound => proto::CallDirection::Outbound,
        }
        .into(),
        group: view.group.as_ref().to_owned(),
        engine_id: view.engine.as_ref().to_owned(),
        lease: 0,
        from: Some(party(&view.from)),
        to: Some(party(&view.to)),
        request_uri: view.request_uri.clone(),
        call_id: view.call_id.clone(),
        hold: Some(hold(view.hold)),
        muted: view.muted,
        bridge_id: view.bridge.as_ref().map(ToString::to_string).unwrap_or_default(),
        media: view.media.as_deref().map(media),
        created_at: Some(timestamp(view.created_at)),
        connected_at: view.connected_at.map(timestamp),
        running: view.running.map_or(proto::Operation::Unspecified, operation).into(),
        end_cause: view.end_cause.map_or(proto::EndCause::Unspecified, end_cause).into(),
        parent_session_id: view.parent.as_ref().map(ToString::to_string).unwrap_or_default(),
    }
}

pub(super) fn session_status(done: &CommandDone) -> proto::SessionStatus {
    proto::SessionStatus {
        session_id: done.session.to_string(),
        revision: done.revision,
        state: state(done.state).into(),
    }
}

pub(super) fn bridge(view: &BridgeView) -> proto::Bridge {
    proto::Bridge {
        bridge_id: view.id.to_string(),
        mode: bridge_mode(view.mode).into(),
        session_ids: view.members.iter().map(ToString::to_string).collect(),
        group: view.group.as_ref().to_owned(),
    }
}
