//! Commands to sessions.

use std::time::Duration;

use super::{Asks, Check, Order};
use crate::proto::session::v1 as proto;
use crate::session::command::{Create, Verb};

/// A header field whose value says how often it may be forwarded (RFC 3261 §20.22), for a call without a parent.
const MAX_FORWARDS: u8 = 70;

/// How long a digit may sound, and how long it does by default.
const TONE: (Duration, Duration, Duration) =
    (Duration::from_millis(40), Duration::from_millis(2_000), Duration::from_millis(100));

/// How long the pause between two digits may be, and how long it is by default.
const GAP: (Duration, Duration, Duration) =
    (Duration::from_millis(20), Duration::from_millis(2_000), Duration::from_millis(50));

/// Digits of one command.
const DIGITS_MAX: usize = 64;

/// Contacts of a redirection.
const CONTACTS_MAX: usize = 16;

/// Longest Retry-After, seconds.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(86_400);

/// A request whose context is in the field of that name, which names what the fields in brackets hold, and whose order is
/// made by the block.
macro_rules! asks {
    ($request:ident, [$($id:ident),+], |$self:ident, $check:ident| $order:expr) => {
        impl Asks for proto::$request {
            $(
                fn $id(&self) -> &str {
                    &self.$id
                }
            )+

            fn take_context(&mut self) -> Option<proto::CommandContext> {
                self.context.take()
            }

            fn order($self, $check: &mut Check) -> Option<Order> {
                $order
            }
        }
    };
}
pub(super) use asks;

/// A command to the session that the request names.
fn to_session(check: &mut Check, session: &str, verb: Verb) -> Option<Order> {
    let session = check.session("session_id", session)?;
    Some(Order::Session { session, verb, created: None })
}

asks!(CreateSessionRequest, [session_id], |self, check| {
    let session = check.session_or_none("session_id", &self.session_id);
    let group = check.name_or_none("group", &self.group);
    let target = check.target("target_uri", self.target_uri);
    let from = check.party("from", self.from);
    let to = check.party("to", self.to);
    let outbound_proxy = check.target_or_none("outbound_proxy_uri", self.outbound_proxy_uri);
    let fields = check.headers(self.headers);
    let media = check.media(self.media);
    let limits = check.limits(self.limits);
    let parent = check.session_or_none("parent_session_id", &self.parent_session_id);
    let create = Create {
        target: target?,
        from,
        to,
        outbound_proxy,
        fields,
        media,
        limits,
        parent: parent?,
        max_forwards: MAX_FORWARDS,
        delayed_offer: self.delayed_offer,
    };
    Some(Order::Create { session: session?, group: group?, create: Box::new(create) })
});

asks!(RingSessionRequest, [session_id], |self, check| {
    let status = check.number("sip_status", self.sip_status.unwrap_or_default(), 180, 180..=183);
    let fields = check.headers(self.headers);
    to_session(check, &self.session_id, Verb::Ring { status, fields })
});

asks!(StartEarlyMediaRequest, [session_id], |self, check| {
    let media = check.media(self.media);
    let fields = check.headers(self.headers);
    to_session(check, &self.session_id, Verb::EarlyMedia { media, fields })
});

asks!(AnswerSessionRequest, [session_id], |self, check| {
    let media = check.media(self.media);
    let fields = check.headers(self.headers);
    let body = check.body(self.body);
    let limits = check.limits(self.limits);
    to_session(check, &self.session_id, Verb::Answer { media, fields, body, limits })
});

asks!(RejectSessionRequest, [session_id], |self, check| {
    let status = check.number("sip_status", self.sip_status, 603, 400..=699);
    check.text("reason_phrase", &self.reason_phrase);
    let retry_after = check.duration("retry_after", self.retry_after, Duration::ZERO..=RETRY_AFTER_MAX);
    let verb = Verb::Reject {
        status,
        phrase: Some(self.reason_phrase).filter(|phrase| !phrase.is_empty()),
        // Whole seconds, never sooner than asked.
        retry_after: retry_after
            .map(|time| u32::try_from(time.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX)),
        fields: check.headers(self.headers),
        body: check.body(self.body),
    };
    to_session(check, &self.session_id, verb)
});

asks!(RedirectSessionRequest, [session_id], |self, check| {
    let status = check.number("sip_status", self.sip_status, 302, 300..=399);
    if self.contact_uris.is_empty() || self.contact_uris.len() > CONTACTS_MAX {
        check.bad("contact_uris", format!("has to have 1 to {CONTACTS_MAX} entries"));
        return None;
    }
    let uris = self.contact_uris.into_iter().enumerate();
    let contacts =
        uris.filter_map(|(index, uri)| check.uri(&format!("contact_uris[{index}]"), uri)).collect();
    let fields = check.headers(self.headers);
    to_session(check, &self.session_id, Verb::Redirect { status, contacts, fields })
});

asks!(HoldSessionRequest, [session_id], |self, check| to_session(check, &self.session_id, Verb::Hold));

asks!(ResumeSessionRequest, [session_id], |self, check| to_session(check, &self.session_id, Verb::Resume));

asks!(MuteSessionRequest, [session_id], |self, check| {
    to_session(check, &self.session_id, Verb::Mute { muted: self.muted })
});

asks!(UpdateMediaRequest, [session_id], |self, check| {
    let media = check.media(self.media);
    to_session(check, &self.session_id, Verb::UpdateMedia { media })
});

asks!(SendDtmfRequest, [session_id], |self, check| {
    let legal = |digit: u8| matches!(digit, b'0'..=b'9' | b'*' | b'#' | b'A'..=b'D');
    if self.digits.is_empty() || self.digits.len() > DIGITS_MAX || !self.digits.bytes().all(legal) {
        check.bad("digits", format!("has to be 1 to {DIGITS_MAX} of 0-9, *, #, A-D"));
    }
    let tone = check.duration("tone_duration", self.tone_duration, TONE.0..=TONE.1).unwrap_or(TONE.2);
    let gap = check.duration("gap_duration", self.gap_duration, GAP.0..=GAP.1).unwrap_or(GAP.2);
    to_session(check, &self.session_id, Verb::SendDtmf { digits: self.digits, tone, gap })
});

asks!(SendInfoRequest, [session_id], |self, check| {
    let body = check.body(self.body);
    let fields = check.headers(self.headers);
    to_session(check, &self.session_id, Verb::SendInfo { body, fields })
});

asks!(SendMessageRequest, [session_id], |self, check| {
    let body = check.body(self.body);
    let fields = check.headers(self.headers);
    let Some(body) = body else {
        check.bad("body", "is required");
        return None;
    };
    to_session(check, &self.session_id, Verb::SendMessage { body, fields })
});

asks!(TerminateSessionRequest, [session_id], |self, check| {
    let fields = check.headers(self.headers);
    let body = check.body(self.body);
    to_session(check, &self.session_id, Verb::Terminate { fields, body })
});
