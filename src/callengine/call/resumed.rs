//! A call that stood while its engine was away, taken up again by what the service says of it.
//!
//! | the caller | what the engine does |
//! |---|---|
//! | is not answered yet | what its script begins with, once more; a callee that is there is followed instead |
//! | is answered | what is missing: the bridge, the playback, the rest of a pause |
//! | is answered, and its callee has gone | hangs up |

use std::time::Duration;

use super::dialling::Callee;
use super::{Action, Call, Script, Waiting, act};
use crate::callengine::command;
use crate::proto::session::v1::{Operation, Session, SessionState};

impl Call {
    /// A call as it stands. `callee`: the session made for it, if there is one; `up_for`: how long ago it was answered.
    #[must_use]
    pub fn resumed(
        session: &Session,
        (user, host): (&str, &str),
        callee: Option<&Session>,
        up_for: Option<Duration>,
        trunk: Option<&str>,
    ) -> (Self, Vec<Action>) {
        let mut call = Self {
            session: session.session_id.clone(),
            script: Script::of_user(user),
            host: host.to_owned(),
            waiting: Waiting::Nothing,
            callee: None,
            connected: matches!(session.state(), SessionState::Connected | SessionState::OnHold),
        };
        let actions = match session.state() {
            SessionState::Terminating | SessionState::Terminated => Vec::new(),
            _ if matches!(call.script, Script::Dial(_)) => call.resume_dialling(session, callee, trunk),
            _ if call.connected => call.resume_up(session, up_for.unwrap_or_default()),
            // What is under way ends with an event.
            _ if session.running() != Operation::Unspecified => Vec::new(),
            _ => call.first(trunk),
        };
        (call, actions)
    }

    fn resume_dialling(
        &mut self,
        session: &Session,
        callee: Option<&Session>,
        trunk: Option<&str>,
    ) -> Vec<Action> {
        let Some(callee) = callee else {
            return match session.state() {
                SessionState::Initializing => self.first(trunk),
                // There was one, and its end is no news any more.
                _ if self.connected => vec![act(command::terminate(&self.session))],
                _ => vec![act(command::reject(&self.session, 480))],
            };
        };
        let is_up = matches!(callee.state(), SessionState::Connected | SessionState::OnHold);
        let bridged = !callee.bridge_id.is_empty() && callee.bridge_id == session.bridge_id;
        self.callee = Some(Callee::resumed(callee.session_id.clone(), is_up, bridged));
        let mut actions = vec![Action::Follow(callee.session_id.clone())];
        actions.extend(match (self.connected, is_up) {
            (true, _) => self.bridge(),
            (false, true) if session.running() != Operation::Answer => self.answer(),
            (false, _) => Vec::new(),
        });
        actions
    }

    fn resume_up(&mut self, session: &Session, up_for: Duration) -> Vec<Action> {
        let left = |pause: Duration| Action::Wait(pause.saturating_sub(up_for));
        let is_bridged = !session.bridge_id.is_empty();
        match self.script {
            Script::Hold(pause) if session.hold.as_ref().is_some_and(|hold| hold.local) => {
                self.waiting = Waiting::ToResume;
                vec![Action::Wait(pause)]
            }
            Script::Hold(pause) if up_for < pause => {
                self.waiting = Waiting::ToHold;
                vec![left(pause)]
            }
            Script::Bye(pause) => {
                self.waiting = Waiting::ToHangUp;
                let mut actions = if is_bridged { Vec::new() } else { self.echo() };
                actions.push(left(pause));
                actions
            }
            // It was held and resumed already.
            Script::Hold(_) => Vec::new(),
            _ if is_bridged => Vec::new(),
            // A playback that is under way is not begun twice: its name is taken.
            _ => self.on_connected(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::session::v1::{BridgeMode, Hold};

    const TRUNK: Option<&str> = Some("192.0.2.9:5070");

    fn session(id: &str, state: SessionState, bridge: &str) -> Session {
        Session { session_id: id.into(), state: state.into(), bridge_id: bridge.into(), ..Session::default() }
    }

    fn resumed(user: &str, a: &Session, b: Option<&Session>, up_for: u64) -> Vec<Action> {
        let up_for = Some(Duration::from_secs(up_for));
        Call::resumed(a, (user, "192.0.2.1"), b, up_for, TRUNK).1
    }

    #[test]
    fn a_call_goes_on_where_it_stands() {
        use SessionState::{Connected, Initializing, Ringing, Terminating};
        let wait = |seconds| Action::Wait(Duration::from_secs(seconds));
        let join = super::super::join;
        let rows = [
            ("echo", session("a", Initializing, ""), 0, vec![act(command::answer("a", ""))]),
            ("ring-2", session("a", Ringing, ""), 0, vec![act(command::ring("a")), wait(2)]),
            ("echo", session("a", Connected, ""), 1, join("a", "echo-a", BridgeMode::Echo)),
            ("echo", session("a", Connected, "echo-a"), 1, vec![]),
            ("tone-440", session("a", Connected, ""), 1, vec![act(command::tone("a", 440.0))]),
            ("bye-5", session("a", Connected, "echo-a"), 3, vec![wait(2)]),
            ("bye-5", session("a", Connected, "echo-a"), 9, vec![wait(0)]),
            ("hold-5", session("a", Connected, ""), 2, vec![wait(3)]),
            ("hold-5", session("a", Connected, ""), 20, vec![]),
            ("echo", session("a", Terminating, ""), 1, vec![]),
        ];
        for (user, a, up_for, actions) in rows {
            assert_eq!(resumed(user, &a, None, up_for), actions, "{user} {a:?}");
        }
        let held = Session {
            hold: Some(Hold { local: true, remote: false }),
            ..session("a", SessionState::OnHold, "")
        };
        assert_eq!(resumed("hold-5", &held, None, 20), vec![wait(5)]);
        let answering = Session { running: Operation::Answer.into(), ..session("a", Ringing, "") };
        assert_eq!(resumed("ring-2", &answering, None, 0), vec![]);
    }

    #[test]
    fn a_caller_and_its_callee_find_each_other_again() {
        use SessionState::{Connected, Dialing, Initializing, Ringing};
        let follow = || Action::Follow("a-b".into());
        let bridge = || act(command::create_bridge("dial-a", BridgeMode::Relay, &["a", "a-b"]));
        let b = |state, bridge| Some(session("a-b", state, bridge));
        let rows = [
            (session("a", Connected, "dial-a"), b(Connected, "dial-a"), vec![follow()]),
            (session("a", Connected, ""), b(Connected, ""), vec![follow(), bridge()]),
            (session("a", Ringing, ""), b(Connected, ""), vec![follow(), act(command::answer("a", "a-b"))]),
            (session("a", Ringing, ""), b(Dialing, ""), vec![follow()]),
            (session("a", Connected, ""), None, vec![act(command::terminate("a"))]),
            (session("a", Ringing, ""), None, vec![act(command::reject("a", 480))]),
            (
                session("a", Initializing, ""),
                None,
                vec![act(command::create("a-b", "sip:bob@192.0.2.9:5070", "a")), follow()],
            ),
        ];
        for (a, b, actions) in rows {
            assert_eq!(resumed("dial-bob", &a, b.as_ref(), 5), actions, "{a:?} {b:?}");
        }
    }
}
