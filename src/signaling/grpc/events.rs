//! Events and the other items of a stream, as the contract has them.

use crate::engine::{Cursor, Item, Logged, Lost};
use crate::proto::session::v1 as proto;
use crate::proto::session::v1::attach_item::Item as Told;
use crate::proto::session::v1::event::Payload;
use crate::session::event::{Ended, EventPayload, IncomingCall};
use crate::signaling::engines::{CommandOutcome, Saying};

use super::{status, words};

/// An item for whatever is to be said.
pub(super) fn item(saying: Saying<'_>) -> proto::AttachItem {
    let told = match saying {
        Saying::Result(outcome) => Told::CommandResult(command_result(outcome)),
        Saying::Draining(grace) => Told::Draining(proto::Draining { grace: Some(words::duration(grace)) }),
        Saying::Item(Item::Event { cursor: at, previous, logged }) => {
            Told::Event(event(at, previous, logged))
        }
        Saying::Item(Item::Gap { after, next, lost, more_lost }) => Told::Gap(proto::Gap {
            after: Some(cursor(after)),
            next: Some(cursor(next)),
            lost: lost.iter().map(lost_events).collect(),
            more_lost,
        }),
        Saying::Item(Item::Heartbeat { at, unacked }) => {
            Told::Heartbeat(proto::Heartbeat { at: Some(cursor(at)), unacked })
        }
    };
    proto::AttachItem { item: Some(told) }
}

fn lost_events(lost: &Lost) -> proto::LostEvents {
    proto::LostEvents {
        session_id: lost.session.to_string(),
        first_revision: lost.first,
        last_revision: lost.last,
    }
}

pub(super) const fn cursor(cursor: Cursor) -> proto::Cursor {
    proto::Cursor { epoch: cursor.epoch, sequence: cursor.sequence }
}

fn command_result(outcome: CommandOutcome) -> proto::CommandResult {
    let CommandOutcome { command_id, named, result: came } = outcome;
    let mut result = proto::CommandResult { command_id, ..Default::default() };
    match came {
        Ok(done) => {
            result.status = Some(proto::CommandStatus::default());
            result.session = done.session.as_ref().map(words::session_status);
            result.created_id = done.created.unwrap_or_default();
        }
        Err(refusal) => result.status = Some(status::command_status(&refusal, &named)),
    }
    result
}

fn event(at: Cursor, previous: Cursor, logged: &Logged) -> proto::Event {
    let event = &*logged.event;
    proto::Event {
        cursor: Some(cursor(at)),
        prev_cursor: Some(cursor(previous)),
        session_id: event.session.to_string(),
        session_revision: event.revision,
        time: Some(words::timestamp(event.time)),
        caused_by_command_id: event.caused_by.as_ref().to_owned(),
        traceparent: logged.traceparent.as_ref().to_owned(),
        state: words::state(event.state).into(),
        payload: Some(payload(&event.payload)),
    }
}

fn payload(payload: &EventPayload) -> Payload {
    match payload {
        EventPayload::IncomingCall(call) => Payload::IncomingCall(incoming_call(call)),
        EventPayload::Created(session) => {
            Payload::SessionCreated(proto::SessionCreated { session: Some(words::session(session)) })
        }
        EventPayload::Ringing { status } => {
            Payload::Ringing(proto::Ringing { sip_status: u32::from(*status) })
        }
        EventPayload::Progress { status, phrase, early_media, remote_tag, fields, body } => {
            Payload::Progress(proto::Progress {
                sip_status: u32::from(*status),
                reason_phrase: phrase.clone(),
                early_media: *early_media,
                remote_tag: remote_tag.clone(),
                headers: words::headers(fields),
                body: body.as_deref().map(words::body),
            })
        }
        EventPayload::Connected { media, fields, body } => Payload::Connected(proto::Connected {
            media: media.as_deref().map(words::media),
            headers: words::headers(fields),
            body: body.as_deref().map(words::body),
        }),
        EventPayload::OperationCompleted { operation, outcome, status, phrase, retry_after, body } => {
            Payload::OperationCompleted(proto::OperationCompleted {
                operation: words::operation(*operation).into(),
                outcome: words::outcome(*outcome).into(),
                sip_status: u32::from(*status),
                reason_phrase: phrase.clone(),
                retry_after: retry_after.map(words::duration),
                body: body.as_deref().map(words::body),
            })
        }
        EventPayload::MediaChanged { media, hold, by_peer } => Payload::MediaChanged(proto::MediaChanged {
            media: media.as_deref().map(words::media),
            hold: Some(words::hold(*hold)),
            by_peer: *by_peer,
        }),
        EventPayload::DtmfReceived { digit, duration } => Payload::DtmfReceived(proto::DtmfReceived {
            digit: digit.to_string(),
            duration: Some(words::duration(*duration)),
        }),
        EventPayload::InfoReceived { body, fields } => Payload::InfoReceived(proto::InfoReceived {
            body: body.as_ref().map(words::body),
            headers: words::headers(fields),
        }),
        EventPayload::MessageReceived { body, fields } => Payload::MessageReceived(proto::MessageReceived {
            body: body.as_ref().map(words::body),
            headers: words::headers(fields),
        }),
        EventPayload::BridgeJoined { bridge, mode } => Payload::BridgeJoined(proto::BridgeJoined {
            bridge_id: bridge.to_string(),
            mode: words::bridge_mode(*mode).into(),
        }),
        EventPayload::BridgeLeft { bridge } => {
            Payload::BridgeLeft(proto::BridgeLeft { bridge_id: bridge.to_string() })
        }
        EventPayload::PlaybackStarted { playback } => {
            Payload::PlaybackStarted(proto::PlaybackStarted { playback_id: playback.to_string() })
        }
        EventPayload::PlaybackEnded { playback, cause, reason, played } => {
            Payload::PlaybackEnded(proto::PlaybackEnded {
                playback_id: playback.to_string(),
                cause: words::playback_cause(*cause).into(),
                reason: reason.clone(),
                played: Some(words::duration(*played)),
            })
        }
        EventPayload::MediaHealth { receiving, silent_for } => Payload::MediaHealth(proto::MediaHealth {
            receiving: *receiving,
            silent_for: Some(words::duration(*silent_for)),
        }),
        EventPayload::Revoked { to, reason } => Payload::SessionRevoked(proto::SessionRevoked {
            to_engine_id: to.as_ref().to_owned(),
            reason: words::passed_on(*reason).into(),
        }),
        EventPayload::Suppressed(suppressed) => Payload::EventsSuppressed(proto::EventsSuppressed {
            dtmf_received: suppressed.dtmf,
            info_received: suppressed.info,
            message_received: suppressed.message,
            progress: suppressed.progress,
            media_health: suppressed.media_health,
        }),
        EventPayload::Ended(ended) => Payload::SessionEnded(session_ended(ended)),
    }
}

fn incoming_call(call: &IncomingCall) -> proto::IncomingCall {
    proto::IncomingCall {
        session: Some(words::session(&call.session)),
        request_user: call.request_user.clone(),
        headers: words::headers(&call.fields),
        source: call.source.to_string(),
        has_offer: call.has_offer,
        body: call.body.as_ref().map(words::body),
    }
}

fn session_ended(ended: &Ended) -> proto::SessionEnded {
    proto::SessionEnded {
        cause: words::end_cause(ended.cause).into(),
        sip_status: u32::from(ended.status),
        reason_phrase: ended.phrase.clone(),
        reason_header: ended.reason.clone().unwrap_or_default(),
        contact_uris: ended.contacts.clone(),
        headers: words::headers(&ended.fields),
        duration: ended.duration.map(words::duration),
        retry_after: ended.retry_after.map(words::duration),
        statistics: ended.statistics.as_ref().map(words::statistics),
        body: ended.body.as_ref().map(words::body),
    }
}
