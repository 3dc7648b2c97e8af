//! What an event weighs: about how many bytes a log holds for it.

use crate::ground::leg::Party;
use crate::ground::{Body, HeaderField};
use crate::session::event::{EventPayload, SessionEvent, SessionView};

/// About how many bytes of memory `event` holds, itself included. Cheap: lengths are added up, nothing is visited twice.
#[must_use]
pub fn weight(event: &SessionEvent) -> usize {
    size_of::<SessionEvent>() + payload(&event.payload)
}

fn payload(payload: &EventPayload) -> usize {
    match payload {
        EventPayload::IncomingCall(call) => {
            size_of_val(&**call)
                + view(&call.session)
                + call.request_user.len()
                + call.body.as_ref().map_or(0, body)
                + fields(&call.fields)
        }
        EventPayload::Created(session) => size_of_val(&**session) + view(session),
        EventPayload::Progress { phrase, remote_tag, fields: extra, body: content, .. } => {
            phrase.len() + remote_tag.len() + fields(extra) + boxed(content)
        }
        EventPayload::Connected { fields: extra, body: content, .. } => {
            MEDIA_FACTS_BYTES + fields(extra) + boxed(content)
        }
        EventPayload::MediaChanged { .. } => MEDIA_FACTS_BYTES,
        EventPayload::OperationCompleted { phrase, body: content, .. } => phrase.len() + boxed(content),
        EventPayload::InfoReceived { body: content, fields: extra }
        | EventPayload::MessageReceived { body: content, fields: extra } => {
            content.as_ref().map_or(0, body) + fields(extra)
        }
        EventPayload::PlaybackEnded { reason, .. } => reason.len(),
        EventPayload::Ended(ended) => {
            size_of_val(&**ended)
                + ended.phrase.len()
                + ended.reason.as_ref().map_or(0, String::len)
                + ended.contacts.iter().map(String::len).sum::<usize>()
                + fields(&ended.fields)
                + ended.body.as_ref().map_or(0, body)
        }
        EventPayload::Revoked { to, .. } => to.len(),
        EventPayload::Suppressed(_)
        | EventPayload::Ringing { .. }
        | EventPayload::DtmfReceived { .. }
        | EventPayload::BridgeJoined { .. }
        | EventPayload::BridgeLeft { .. }
        | EventPayload::PlaybackStarted { .. }
        | EventPayload::MediaHealth { .. } => 0,
    }
}

/// Negotiated facts with their few short strings.
const MEDIA_FACTS_BYTES: usize = 160;

fn view(view: &SessionView) -> usize {
    party(&view.from)
        + party(&view.to)
        + view.request_uri.len()
        + view.call_id.len()
        + view.media.as_ref().map_or(0, |_| MEDIA_FACTS_BYTES)
}

fn party(party: &Party) -> usize {
    party.uri.len() + party.display_name.len()
}

fn body(body: &Body) -> usize {
    body.content_type.len() + body.content.len()
}

fn boxed(content: &Option<Box<Body>>) -> usize {
    content.as_ref().map_or(0, |content| size_of::<Body>() + body(content))
}

fn fields(fields: &[HeaderField]) -> usize {
    fields.iter().map(|field| size_of_val(field) + field.name.len() + field.value.len()).sum()
}
