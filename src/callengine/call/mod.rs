//! One call of the engine: events in, actions out. No I/O, so that each script can be read and tested as a table.

mod dialling;
mod resumed;

use std::time::Duration;

use self::dialling::Callee;
use super::command;
use super::refusal::Refusal;
use super::script::Script;
use crate::proto::session::v1::{
    BridgeMode, ErrorReason, Event, Operation, command::Verb, event::Payload, operation_completed::Outcome,
    playback_ended::Cause,
};

pub(super) use self::dialling::callee_of;

/// How long the tone of `early` is heard before the answer.
const EARLY_TONE: Duration = Duration::from_secs(2);
/// What `early` and `hold` let the caller hear, hertz.
const TONE_HZ: f64 = 440.0;

/// What the engine is to do for a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Give this command.
    Command(Box<Verb>),
    /// Call [`Call::on_timer`] after this long.
    Wait(Duration),
    /// A call of its own for this session has to be followed: the B-leg of this one.
    Follow(String),
}

/// What a command was for whose refusal a call has to act upon. Of others only the log tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The B-leg.
    Dial,
    /// Audio before the answer.
    EarlyMedia,
    /// The call's refusal.
    Reject,
    /// Something to hear.
    Playback,
    /// The bridge with the B-leg.
    Bridge,
    /// Any other step without which the script comes to nothing.
    Step,
}

impl Asked {
    /// What this command is for; `None` when the call goes on without it.
    #[must_use]
    pub fn of(verb: &Verb) -> Option<Self> {
        Some(match verb {
            Verb::CreateSession(_) => Self::Dial,
            Verb::StartEarlyMedia(_) => Self::EarlyMedia,
            Verb::RejectSession(_) => Self::Reject,
            Verb::StartPlayback(_) => Self::Playback,
            Verb::CreateBridge(_) => Self::Bridge,
            Verb::AnswerSession(_) | Verb::RedirectSession(_) => Self::Step,
            _ => return None,
        })
    }
}

/// What a call waits for when its timer runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    Nothing,
    ToAnswer,
    ToHold,
    ToResume,
    ToHangUp,
}

/// One incoming call and, for `dial`, the call made for it.
#[derive(Debug)]
pub struct Call {
    session: String,
    script: Script,
    host: String,
    waiting: Waiting,
    callee: Option<Callee>,
    connected: bool,
}

impl Call {
    /// A call that came in, and what to do first. `trunk` is the `host:port` that `dial` calls; `host` is where
    /// `redirect` points to.
    #[must_use]
    pub fn begin(session: &str, user: &str, host: &str, trunk: Option<&str>) -> (Self, Vec<Action>) {
        let mut call = Self {
            session: session.to_owned(),
            script: Script::of_user(user),
            host: host.to_owned(),
            waiting: Waiting::Nothing,
            callee: None,
            connected: false,
        };
        let actions = call.first(trunk);
        (call, actions)
    }

    fn first(&mut self, trunk: Option<&str>) -> Vec<Action> {
        let session = self.session.clone();
        match self.script.clone() {
            Script::Ring(pause) => {
                self.waiting = Waiting::ToAnswer;
                vec![act(command::ring(&session)), Action::Wait(pause)]
            }
            Script::NoAnswer => vec![act(command::ring(&session))],
            Script::AnswerRinging => vec![act(command::ring(&session)), act(command::answer(&session, ""))],
            Script::Early => vec![act(command::early_media(&session, ""))],
            Script::Reject(status) => vec![act(command::reject(&session, status))],
            Script::Redirect(user) => {
                vec![act(command::redirect(&session, &format!("sip:{user}@{}", self.host)))]
            }
            Script::Dial(user) => self.dial(&user, trunk),
            _ => vec![act(command::answer(&session, ""))],
        }
    }

    /// An event of the call's own session or of its B-leg.
    pub fn on_event(&mut self, event: &Event) -> Vec<Action> {
        let Some(payload) = &event.payload else { return Vec::new() };
        if event.session_id == self.session { self.on_caller(payload) } else { self.on_callee(payload) }
    }

    fn on_caller(&mut self, payload: &Payload) -> Vec<Action> {
        match payload {
            Payload::Connected(_) => self.on_connected(),
            Payload::OperationCompleted(done) => self.on_completed(done.operation(), done.outcome()),
            Payload::PlaybackEnded(ended) if matches!(self.script, Script::Play(_)) => match ended.cause() {
                Cause::Failed => vec![act(command::terminate_because(&self.session, 404, &ended.reason))],
                _ => vec![act(command::terminate(&self.session))],
            },
            Payload::SessionEnded(_) => self.hang_up_callee(),
            _ => Vec::new(),
        }
    }

    fn on_connected(&mut self) -> Vec<Action> {
        self.connected = true;
        let session = self.session.clone();
        match self.script.clone() {
            Script::Echo | Script::Ring(_) | Script::Early => self.echo(),
            Script::Tone(hertz) => vec![act(command::tone(&session, hertz))],
            Script::Play(file) => vec![act(command::file(&session, &file))],
            Script::Room(name) => join(&session, &format!("room-{name}"), BridgeMode::Mix),
            Script::Mesh(name) => join(&session, &format!("mesh-{name}"), BridgeMode::Mesh),
            Script::Hold(pause) => {
                self.waiting = Waiting::ToHold;
                vec![act(command::tone(&session, TONE_HZ)), Action::Wait(pause)]
            }
            Script::Bye(pause) => {
                self.waiting = Waiting::ToHangUp;
                let mut actions = self.echo();
                actions.push(Action::Wait(pause));
                actions
            }
            Script::Dial(_) => self.bridge(),
            _ => Vec::new(),
        }
    }

    fn echo(&self) -> Vec<Action> {
        join(&self.session, &format!("echo-{}", self.session), BridgeMode::Echo)
    }

    fn on_completed(&mut self, operation: Operation, outcome: Outcome) -> Vec<Action> {
        match (&self.script, operation, outcome) {
            (Script::Early, Operation::EarlyMedia, Outcome::Succeeded) => {
                self.waiting = Waiting::ToAnswer;
                vec![act(command::tone_for(&self.session, TONE_HZ, EARLY_TONE)), Action::Wait(EARLY_TONE)]
            }
            (Script::Early, Operation::EarlyMedia, Outcome::Failed | Outcome::TimedOut) => {
                vec![act(command::answer(&self.session, ""))]
            }
            (Script::Dial(_), Operation::EarlyMedia, outcome) => self.on_early_media(outcome),
            (Script::Hold(pause), Operation::Hold, Outcome::Succeeded) => {
                self.waiting = Waiting::ToResume;
                vec![Action::Wait(*pause)]
            }
            (_, Operation::BridgeJoin, Outcome::Failed | Outcome::TimedOut) => self.on_not_bridged(),
            _ => Vec::new(),
        }
    }

    /// A command was refused. A caller is never left to wait for what does not come.
    pub fn on_refused(&mut self, asked: Asked, refusal: &Refusal) -> Vec<Action> {
        if asked == Asked::Dial {
            // It never was: there is nothing to hang up.
            self.callee = None;
        }
        if refusal.is_gone() {
            return Vec::new();
        }
        match asked {
            // An INVITE without an offer has no early media; audio comes with the answer then.
            Asked::EarlyMedia if matches!(self.script, Script::Dial(_)) => {
                self.on_early_media(Outcome::Failed)
            }
            Asked::Bridge => self.on_not_bridged(),
            Asked::EarlyMedia => vec![act(command::answer(&self.session, ""))],
            Asked::Playback if self.waiting == Waiting::ToAnswer => Vec::new(),
            // It goes on from before the engine attached again.
            Asked::Playback if refusal.reason == ErrorReason::PlaybackExists => Vec::new(),
            Asked::Reject => vec![act(command::terminate(&self.session))],
            _ if self.connected => vec![act(command::terminate(&self.session))],
            _ => {
                let (status, retry_after) = refusal.sip_status();
                vec![act(command::reject_until(&self.session, status, retry_after))]
            }
        }
    }

    /// A join came to nothing: nobody would be heard. Before the answer there is still another try.
    fn on_not_bridged(&mut self) -> Vec<Action> {
        if self.connected {
            return vec![act(command::terminate(&self.session))];
        }
        if let Some(callee) = &mut self.callee {
            callee.not_bridged();
        }
        Vec::new()
    }

    /// The time asked with [`Action::Wait`] is over.
    pub fn on_timer(&mut self) -> Vec<Action> {
        match std::mem::replace(&mut self.waiting, Waiting::Nothing) {
            Waiting::Nothing => Vec::new(),
            Waiting::ToAnswer => vec![act(command::answer(&self.session, ""))],
            Waiting::ToHold => vec![act(command::hold(&self.session))],
            Waiting::ToResume => vec![act(command::resume(&self.session))],
            Waiting::ToHangUp => vec![act(command::terminate(&self.session))],
        }
    }
}

fn act(verb: Verb) -> Action {
    Action::Command(Box::new(verb))
}

/// The bridge is made with its first member, never empty: a caller that hangs up meanwhile would leave it behind. Where
/// it exists already the caller is added, see [`Calls::on_result`](super::calls::Calls::on_result).
fn join(session: &str, bridge: &str, mode: BridgeMode) -> Vec<Action> {
    vec![act(command::create_bridge(bridge, mode, &[session]))]
}

#[cfg(test)]
mod tests;
