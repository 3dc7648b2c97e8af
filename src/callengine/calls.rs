//! All calls of the engine: which event belongs to which call, which timer, and which command is tried again.

mod resumed;

use std::collections::HashMap;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;

use super::call::{Action, Asked, Call, callee_of};
use super::command;
use super::refusal::Refusal;
use crate::proto::session::v1::{
    BridgeMode, CallDirection, Command, CommandResult, CommandStatus, CreateBridgeRequest, Event, Session,
    command::Verb, event::Payload,
};
use crate::telemetry::call_trace::{Beginning, SESSION_ID, Spans, remote_context, traceparent_of};

/// How often joining a room is tried again: a room may end between the two commands that make and join it.
const JOIN_TRIES_MAX: u8 = 3;
/// gRPC's NOT_FOUND.
const NOT_FOUND: i32 = 5;
/// gRPC's ALREADY_EXISTS.
const ALREADY_EXISTS: i32 = 6;

/// What the engine is to do next.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// Send this command.
    Send(Box<Command>),
    /// Call [`Calls::on_timer`] with this session after so long.
    Wait(String, Duration),
}

/// All calls.
#[derive(Debug, Default)]
pub struct Calls {
    calls: HashMap<String, Call>,
    /// B-leg session → A-leg session.
    followed: HashMap<String, String>,
    /// Commands by their number, until their result comes.
    awaited: HashMap<u64, Awaited>,
    /// The revisions of sessions that were there when the engine attached: events up to them are no news.
    known: HashMap<String, u64>,
    commands: u64,
    trunk: Option<String>,
    /// By callers: what the engine does for each, in the call's trace.
    spans: Spans<String>,
}

/// A refusal that somebody should know of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The session whose call the command was for; empty where the result is of none that was given.
    pub session: String,
    /// Why.
    pub why: String,
}

/// A command whose result is awaited.
#[derive(Debug)]
enum Awaited {
    Join(Join),
    /// Of this caller's call, and what it is for where its refusal has to be acted upon.
    Other(String, Option<Asked>),
}

/// A join whose result is awaited: of the bridge's making with this member, or of its adding.
#[derive(Debug)]
struct Join {
    bridge: String,
    session: String,
    mode: BridgeMode,
    tries: u8,
}

impl Calls {
    /// No calls yet. `trunk` is the `host:port` that `dial` calls.
    #[must_use]
    pub fn new(trunk: Option<String>) -> Self {
        Self { trunk, ..Self::default() }
    }

    /// How many calls there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// An event came.
    pub fn on_event(&mut self, event: &Event) -> Vec<Step> {
        if self.is_known(event) {
            return Vec::new();
        }
        if let Some(Payload::IncomingCall(incoming)) = &event.payload {
            return self.begin(event, &incoming.request_user, incoming.session.as_ref());
        }
        // One that was passed on is another engine's from then on.
        let over = matches!(event.payload, Some(Payload::SessionEnded(_) | Payload::SessionRevoked(_)));
        let caller = self.followed.get(&event.session_id).unwrap_or(&event.session_id).clone();
        let actions = self.calls.get_mut(&caller).map(|call| call.on_event(event)).unwrap_or_default();
        let steps = self.steps(&caller, actions);
        if over {
            self.forget(&event.session_id);
        }
        steps
    }

    fn begin(&mut self, event: &Event, user: &str, session: Option<&Session>) -> Vec<Step> {
        if session.is_none_or(|session| session.direction() != CallDirection::Inbound)
            || self.calls.contains_key(&event.session_id)
        {
            return Vec::new();
        }
        let host = session.map(|session| host_of(&session.request_uri)).unwrap_or_default();
        let (call, actions) = Call::begin(&event.session_id, user, host, self.trunk.as_deref());
        self.trace(&event.session_id, &event.traceparent);
        self.calls.insert(event.session_id.clone(), call);
        self.steps(&event.session_id, actions)
    }

    fn forget(&mut self, session: &str) {
        self.followed.remove(session);
        self.calls.remove(session);
        self.known.remove(session);
        self.spans.end(&session.to_owned());
    }

    /// Hangs a span under the call's, which the commands for the call carry on.
    fn trace(&mut self, session: &str, traceparent: &str) {
        if self.spans.is_on() {
            let facts = vec![KeyValue::new(SESSION_ID, session.to_owned())];
            let parent = remote_context(traceparent);
            let beginning = Beginning { name: "call engine", kind: SpanKind::Internal, parent, facts };
            self.spans.begin(session.to_owned(), beginning);
        }
    }

    /// The time asked with [`Step::Wait`] is over.
    pub fn on_timer(&mut self, session: &str) -> Vec<Step> {
        let actions = self.calls.get_mut(session).map(Call::on_timer).unwrap_or_default();
        self.steps(session, actions)
    }

    /// A command's result came. What was refused is told in words, where somebody should know.
    pub fn on_result(&mut self, result: &CommandResult) -> (Vec<Step>, Option<Told>) {
        let awaited = result.command_id.parse().ok().and_then(|number: u64| self.awaited.remove(&number));
        let Some(status) = result.status.as_ref().filter(|status| status.code != 0) else {
            return (Vec::new(), None);
        };
        let (caller, asked) = match (awaited, status.code) {
            (Some(Awaited::Join(join)), ALREADY_EXISTS) if self.calls.contains_key(&join.session) => {
                let add = command::add_member(&join.bridge, &join.session);
                let caller = join.session.clone();
                return (vec![self.send_awaited(&caller, add, Awaited::Join(join))], None);
            }
            (Some(Awaited::Join(join)), NOT_FOUND)
                if join.tries < JOIN_TRIES_MAX && self.calls.contains_key(&join.session) =>
            {
                let again = command::create_bridge(&join.bridge, join.mode, &[&join.session]);
                let caller = join.session.clone();
                let join = Awaited::Join(Join { tries: join.tries + 1, ..join });
                return (vec![self.send_awaited(&caller, again, join)], None);
            }
            (Some(Awaited::Join(join)), _) => (join.session, Some(Asked::Bridge)),
            (Some(Awaited::Other(caller, asked)), _) => (caller, asked),
            (None, _) => (String::new(), None),
        };
        let steps = asked.map(|asked| self.on_refused(&caller, asked, &Refusal::of(status)));
        (steps.unwrap_or_default(), told(caller, status))
    }

    fn on_refused(&mut self, caller: &str, asked: Asked, refusal: &Refusal) -> Vec<Step> {
        if asked == Asked::Dial {
            self.followed.remove(&callee_of(caller));
        }
        let actions = self.calls.get_mut(caller).map(|call| call.on_refused(asked, refusal));
        self.steps(caller, actions.unwrap_or_default())
    }

    fn steps(&mut self, caller: &str, actions: Vec<Action>) -> Vec<Step> {
        let mut steps = Vec::with_capacity(actions.len());
        for action in actions {
            match action {
                Action::Wait(pause) => steps.push(Step::Wait(caller.to_owned(), pause)),
                Action::Follow(other) => {
                    self.followed.insert(other, caller.to_owned());
                }
                Action::Command(verb) => {
                    let join = match verb.as_ref() {
                        Verb::CreateBridge(create) => first_join(create).map(Awaited::Join),
                        _ => None,
                    };
                    let other = || Awaited::Other(caller.to_owned(), Asked::of(&verb));
                    let awaited = join.unwrap_or_else(other);
                    steps.push(self.send_awaited(caller, *verb, awaited));
                }
            }
        }
        steps
    }

    fn send_awaited(&mut self, caller: &str, verb: Verb, awaited: Awaited) -> Step {
        let step = self.send(caller, verb);
        self.awaited.insert(self.commands, awaited);
        step
    }

    /// Numbers the command, so that its result can be told from others.
    fn send(&mut self, caller: &str, mut verb: Verb) -> Step {
        self.commands += 1;
        if let Some(context) = context_of(&mut verb) {
            let context = context.get_or_insert_default();
            context.command_id = self.commands.to_string();
            let span = self.spans.get(&caller.to_owned()).map(|span| span.context());
            context.traceparent = span.as_ref().map(traceparent_of).unwrap_or_default();
        }
        Step::Send(Box::new(Command { verb: Some(verb), ..Default::default() }))
    }
}

/// The join that a bridge's making with one member is.
fn first_join(create: &CreateBridgeRequest) -> Option<Join> {
    let [session] = create.session_ids.as_slice() else { return None };
    let (bridge, session) = (create.bridge_id.clone(), session.clone());
    Some(Join { bridge, session, mode: create.mode(), tries: 1 })
}

/// The host and port of a SIP URI.
fn host_of(uri: &str) -> &str {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    host.split([';', '?']).next().unwrap_or(host)
}

/// The verbs that the engine uses, by their context.
fn context_of(verb: &mut Verb) -> Option<&mut Option<crate::proto::session::v1::CommandContext>> {
    Some(match verb {
        Verb::CreateSession(request) => &mut request.context,
        Verb::RingSession(request) => &mut request.context,
        Verb::StartEarlyMedia(request) => &mut request.context,
        Verb::AnswerSession(request) => &mut request.context,
        Verb::RejectSession(request) => &mut request.context,
        Verb::RedirectSession(request) => &mut request.context,
        Verb::HoldSession(request) => &mut request.context,
        Verb::ResumeSession(request) => &mut request.context,
        Verb::TerminateSession(request) => &mut request.context,
        Verb::CreateBridge(request) => &mut request.context,
        Verb::AddBridgeMember(request) => &mut request.context,
        Verb::StartPlayback(request) => &mut request.context,
        _ => return None,
    })
}

/// What a person should know of a refusal: nothing where the call has ended meanwhile.
fn told(session: String, status: &CommandStatus) -> Option<Told> {
    (!Refusal::of(status).is_gone()).then(|| Told { session, why: status.message.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::session::v1::IncomingCall;

    fn incoming(session: &str, user: &str) -> Event {
        Event {
            session_id: session.into(),
            payload: Some(Payload::IncomingCall(IncomingCall {
                session: Some(Session {
                    session_id: session.into(),
                    direction: CallDirection::Inbound.into(),
                    request_uri: format!("sip:{user}@192.0.2.1:5060;transport=tcp"),
                    ..Default::default()
                }),
                request_user: user.into(),
                ..Default::default()
            })),
            ..Default::default()
        }
    }

    fn event(session: &str, payload: Payload) -> Event {
        Event { session_id: session.into(), payload: Some(payload), ..Default::default() }
    }

    fn verbs(steps: &[Step]) -> Vec<&Verb> {
        let sent = steps.iter().filter_map(|step| match step {
            Step::Send(command) => command.verb.as_ref(),
            Step::Wait(..) => None,
        });
        sent.collect()
    }

    #[test]
    fn a_call_is_forgotten_with_its_last_event() {
        let lasts = [Payload::SessionEnded(Default::default()), Payload::SessionRevoked(Default::default())];
        for last in lasts {
            let mut calls = Calls::new(None);
            assert!(matches!(verbs(&calls.on_event(&incoming("a", "echo")))[..], [Verb::AnswerSession(_)]));
            assert_eq!(calls.len(), 1);
            assert_eq!(calls.on_event(&event("a", last)), vec![]);
            assert!(calls.is_empty());
        }
    }

    #[test]
    fn the_callee_s_events_reach_the_caller_s_call() {
        let mut calls = Calls::new(Some("192.0.2.9:5070".into()));
        let steps = calls.on_event(&incoming("a", "dial-bob"));
        assert!(matches!(verbs(&steps)[..], [Verb::CreateSession(_)]));
        let steps = calls.on_event(&event("a-b", Payload::Connected(Default::default())));
        assert!(matches!(verbs(&steps)[..], [Verb::AnswerSession(_)]));
        let steps = calls.on_event(&event("a-b", Payload::SessionEnded(Default::default())));
        assert!(matches!(verbs(&steps)[..], [Verb::RejectSession(_)]));
        assert!(calls.followed.is_empty());
    }

    #[test]
    fn a_room_that_exists_is_joined_and_one_that_ended_in_between_is_made_again() {
        let mut calls = Calls::new(None);
        calls.on_event(&incoming("a", "room-x"));
        let steps = calls.on_event(&event("a", Payload::Connected(Default::default())));
        assert!(matches!(verbs(&steps)[..], [Verb::CreateBridge(_)]));
        for _ in 1..JOIN_TRIES_MAX {
            let (steps, told) = calls.on_result(&refused(&calls, ALREADY_EXISTS));
            assert!(matches!(verbs(&steps)[..], [Verb::AddBridgeMember(_)]) && told.is_none());
            let (steps, told) = calls.on_result(&refused(&calls, NOT_FOUND));
            assert!(matches!(verbs(&steps)[..], [Verb::CreateBridge(_)]) && told.is_none());
        }
        let (steps, told) = calls.on_result(&refused(&calls, NOT_FOUND));
        assert!(matches!(verbs(&steps)[..], [Verb::TerminateSession(_)]) && told.is_some());
        assert!(!calls.awaited.values().any(|awaited| matches!(awaited, Awaited::Join(_))));
    }

    #[test]
    fn a_b_leg_that_never_was_is_forgotten_and_its_caller_refused() {
        let mut calls = Calls::new(Some("192.0.2.9:5070".into()));
        calls.on_event(&incoming("a", "dial-bob"));
        let (steps, told) = calls.on_result(&refused(&calls, 13));
        assert!(matches!(verbs(&steps)[..], [Verb::RejectSession(_)]) && told.is_some());
        assert!(calls.followed.is_empty());
        assert_eq!(calls.on_event(&event("a", Payload::SessionEnded(Default::default()))), vec![]);
        let (steps, _) = calls.on_result(&refused(&calls, 13));
        assert!(steps.is_empty() && calls.is_empty() && calls.awaited.is_empty());
    }

    #[test]
    fn a_result_that_is_good_leaves_nothing_behind() {
        let mut calls = Calls::new(None);
        calls.on_event(&incoming("a", "echo"));
        let done = CommandResult { command_id: calls.commands.to_string(), ..Default::default() };
        assert_eq!(calls.on_result(&done), (vec![], None));
        assert!(calls.awaited.is_empty());
    }

    #[test]
    fn nothing_is_tried_again_for_a_caller_that_has_gone() {
        let mut calls = Calls::new(None);
        calls.on_event(&incoming("a", "room-x"));
        calls.on_event(&event("a", Payload::Connected(Default::default())));
        let late = refused(&calls, ALREADY_EXISTS);
        calls.on_event(&event("a", Payload::SessionEnded(Default::default())));
        let told = Told { session: "a".into(), why: "refused".into() };
        assert_eq!(calls.on_result(&late), (vec![], Some(told)));
    }

    #[test]
    fn what_is_refused_is_told_with_the_session_whose_call_it_was_for() {
        let connected = || Payload::Connected(Default::default());
        let rows = [
            // What is asked first; after the answer; at a time.
            ("noanswer", None, false),
            ("reject-486", None, false),
            ("play-x.wav", Some(connected()), false),
            ("room-x", Some(connected()), false),
            ("hold-1", Some(connected()), true),
            ("bye-1", Some(connected()), true),
        ];
        for (user, then, waits) in rows {
            let mut calls = Calls::new(None);
            calls.on_event(&incoming("a", user));
            if let Some(then) = then {
                calls.on_event(&event("a", then));
            }
            if waits {
                assert!(!calls.on_timer("a").is_empty(), "{user}");
            }
            let (_, told) = calls.on_result(&refused(&calls, 13));
            assert_eq!(told, Some(Told { session: "a".into(), why: "refused".into() }), "{user}");
        }
    }

    /// The last command's refusal.
    fn refused(calls: &Calls, code: i32) -> CommandResult {
        CommandResult {
            command_id: calls.commands.to_string(),
            status: Some(CommandStatus { code, message: "refused".into(), details: vec![] }),
            ..Default::default()
        }
    }

    #[test]
    fn the_host_of_a_request_uri_is_found() {
        for (uri, host) in [
            ("sip:a@h:5060;transport=tcp", "h:5060"),
            ("sip:h", "h"),
            ("sips:a@[2001:db8::1]:5061", "[2001:db8::1]:5061"),
        ] {
            assert_eq!(host_of(uri), host);
        }
    }
}
