//! The calls that an engine owns when it attaches, taken up again: by the service's list of its sessions.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use super::{Calls, Step, host_of};
use crate::callengine::call::{Call, callee_of};
use crate::callengine::command;
use crate::proto::session::v1::{CallDirection, Event, Session};
use crate::sip::unescape;

impl Calls {
    /// Takes up what stands. Events of these sessions that the list knows already are not news.
    pub fn resume(&mut self, sessions: &[Session], now: SystemTime) -> Vec<Step> {
        let by_id: HashMap<&str, &Session> =
            sessions.iter().map(|session| (session.session_id.as_str(), session)).collect();
        let mut steps = Vec::new();
        for session in sessions {
            self.known.insert(session.session_id.clone(), session.revision);
            match session.direction() {
                CallDirection::Inbound => {
                    let callee = by_id.get(callee_of(&session.session_id).as_str()).copied();
                    steps.append(&mut self.take_up(session, callee, now));
                }
                // Nobody is left to be bridged with.
                CallDirection::Outbound if !by_id.contains_key(session.parent_session_id.as_str()) => {
                    let hang_up = command::terminate(&session.session_id);
                    steps.push(self.send(&session.parent_session_id, hang_up));
                }
                _ => {}
            }
        }
        steps
    }

    fn take_up(&mut self, session: &Session, callee: Option<&Session>, now: SystemTime) -> Vec<Step> {
        let uri = &session.request_uri;
        let up_for = session.connected_at.and_then(|at| elapsed(at, now));
        // As the event of an incoming call has it.
        let user = unescape(user_of(uri));
        let whom = (&*user, host_of(uri));
        let (call, actions) = Call::resumed(session, whom, callee, up_for, self.trunk.as_deref());
        self.calls.insert(session.session_id.clone(), call);
        self.steps(&session.session_id, actions)
    }

    /// Whether the list of sessions has told this event already.
    pub(super) fn is_known(&self, event: &Event) -> bool {
        self.known.get(&event.session_id).is_some_and(|revision| event.session_revision <= *revision)
    }
}

/// How long ago a moment was; nothing where the clocks of two hosts make it the future.
fn elapsed(at: prost_types::Timestamp, now: SystemTime) -> Option<Duration> {
    Some(now.duration_since(SystemTime::try_from(at).ok()?).unwrap_or_default())
}

/// The user part of a SIP URI.
fn user_of(uri: &str) -> &str {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    rest.rsplit_once('@').map_or("", |(user, _)| user)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::session::v1::{SessionState, command::Verb, event::Payload};

    fn session(id: &str, user: &str, direction: CallDirection, parent: &str) -> Session {
        Session {
            session_id: id.into(),
            revision: 7,
            state: SessionState::Connected.into(),
            direction: direction.into(),
            request_uri: format!("sip:{user}@192.0.2.1:5060"),
            parent_session_id: parent.into(),
            bridge_id: if user == "echo" { "echo-x".into() } else { "dial-a".into() },
            ..Session::default()
        }
    }

    fn ended(session: &str, revision: u64) -> Event {
        let payload = Some(Payload::SessionEnded(Default::default()));
        Event { session_id: session.into(), session_revision: revision, payload, ..Event::default() }
    }

    fn hung_up(steps: &[Step]) -> Vec<&str> {
        let of = steps.iter().filter_map(|step| match step {
            Step::Send(command) => match &command.verb {
                Some(Verb::TerminateSession(request)) => Some(request.session_id.as_str()),
                _ => None,
            },
            Step::Wait(..) => None,
        });
        of.collect()
    }

    #[test]
    fn a_callee_is_hung_up_with_its_caller_though_the_engine_was_away_when_they_met() {
        let mut calls = Calls::new(None);
        let pair = [
            session("a", "dial-bob", CallDirection::Inbound, ""),
            session("a-b", "bob", CallDirection::Outbound, "a"),
        ];
        assert_eq!(calls.resume(&pair, SystemTime::now()), vec![]);
        assert_eq!(hung_up(&calls.on_event(&ended("a", 8))), ["a-b"]);
        calls.on_event(&ended("a-b", 8));
        assert!(calls.is_empty() && calls.followed.is_empty() && calls.known.is_empty());
    }

    #[test]
    fn a_user_part_is_read_as_the_event_of_its_call_has_it() {
        for user in ["play-..%2Fx", "play-%2Fetc%2Fpasswd", "%70lay-%00"] {
            let waits = Session {
                state: SessionState::Initializing.into(),
                ..session("a", user, CallDirection::Inbound, "")
            };
            let steps = Calls::new(None).resume(&[waits], SystemTime::now());
            let [Step::Send(command)] = &steps[..] else { panic!("{user}: {steps:?}") };
            assert!(matches!(command.verb, Some(Verb::RejectSession(_))), "{user}");
        }
    }

    #[test]
    fn a_callee_whose_caller_has_gone_meanwhile_is_hung_up_at_once() {
        let mut calls = Calls::new(None);
        let alone = [session("a-b", "bob", CallDirection::Outbound, "a")];
        assert_eq!(hung_up(&calls.resume(&alone, SystemTime::now())), ["a-b"]);
    }

    #[test]
    fn what_the_list_has_told_is_not_done_twice() {
        let mut calls = Calls::new(None);
        calls.resume(&[session("a", "echo", CallDirection::Inbound, "")], SystemTime::now());
        let connected = Event {
            session_id: "a".into(),
            session_revision: 7,
            payload: Some(Payload::Connected(Default::default())),
            ..Event::default()
        };
        assert_eq!(calls.on_event(&connected), vec![]);
        assert_eq!(calls.on_event(&Event { session_revision: 8, ..connected }).len(), 1);
    }
}
