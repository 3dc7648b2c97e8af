//! One call of the engine: events in, actions out. No I/O, so that each script can be read and tested as a table.

use std::time::Duration;

use super::command;
use super::refusal::Refusal;
use super::script::Script;
use crate::proto::session::v1::{
    BridgeMode, Event, Operation, command::Verb, event::Payload, operation_completed::Outcome,
};

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
            Verb::AnswerSession(_) | Verb::RedirectSession(_) | Verb::CreateBridge(_) => Self::Step,
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
    other: Option<Other>,
    connected: bool,
}

/// The B-leg.
#[derive(Debug)]
struct Other {
    session: String,
    connected: bool,
    ringing: bool,
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
            other: None,
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
            Script::Early => vec![act(command::early_media(&session))],
            Script::Reject(status) => vec![act(command::reject(&session, status))],
            Script::Redirect(user) => {
                vec![act(command::redirect(&session, &format!("sip:{user}@{}", self.host)))]
            }
            Script::Dial(user) => self.dial(&user, trunk),
            _ => vec![act(command::answer(&session, ""))],
        }
    }

    fn dial(&mut self, user: &str, trunk: Option<&str>) -> Vec<Action> {
        let Some(trunk) = trunk else {
            return vec![act(command::reject(&self.session, 404))];
        };
        let other = callee_of(&self.session);
        self.other = Some(Other { session: other.clone(), connected: false, ringing: false });
        vec![
            act(command::create(&other, &format!("sip:{user}@{trunk}"), &self.session)),
            Action::Follow(other),
        ]
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
            Payload::PlaybackEnded(_) if matches!(self.script, Script::Play(_)) => {
                vec![act(command::terminate(&self.session))]
            }
            Payload::SessionEnded(_) => match self.other.take() {
                Some(other) => vec![act(command::terminate(&other.session))],
                None => Vec::new(),
            },
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
                vec![act(command::tone(&self.session, TONE_HZ)), Action::Wait(EARLY_TONE)]
            }
            (Script::Early, Operation::EarlyMedia, Outcome::Failed | Outcome::TimedOut) => {
                vec![act(command::answer(&self.session, ""))]
            }
            (Script::Hold(pause), Operation::Hold, Outcome::Succeeded) => {
                self.waiting = Waiting::ToResume;
                vec![Action::Wait(*pause)]
            }
            // Nobody would be heard.
            (_, Operation::BridgeJoin, Outcome::Failed | Outcome::TimedOut) => {
                vec![act(command::terminate(&self.session))]
            }
            _ => Vec::new(),
        }
    }

    /// A command was refused. A caller is never left to wait for what does not come.
    pub fn on_refused(&mut self, asked: Asked, refusal: &Refusal) -> Vec<Action> {
        if asked == Asked::Dial {
            // It never was: there is nothing to hang up.
            self.other = None;
        }
        if refusal.is_gone() {
            return Vec::new();
        }
        match asked {
            // An INVITE without an offer has no early media; audio comes with the answer then.
            Asked::EarlyMedia => vec![act(command::answer(&self.session, ""))],
            Asked::Playback if self.waiting == Waiting::ToAnswer => Vec::new(),
            Asked::Reject => vec![act(command::terminate(&self.session))],
            _ if self.connected => vec![act(command::terminate(&self.session))],
            _ => {
                let (status, retry_after) = refusal.sip_status();
                vec![act(command::reject_until(&self.session, status, retry_after))]
            }
        }
    }

    fn on_callee(&mut self, payload: &Payload) -> Vec<Action> {
        let Some(other) = &mut self.other else { return Vec::new() };
        match payload {
            Payload::Progress(_) if !other.ringing => {
                other.ringing = true;
                vec![act(command::ring(&self.session))]
            }
            Payload::Connected(_) => {
                other.connected = true;
                // The caller is given the callee's codec, so that the bridge relays and need not transcode.
                vec![act(command::answer(&self.session, &other.session))]
            }
            Payload::SessionEnded(ended) => {
                self.other = None;
                if self.connected {
                    vec![act(command::terminate(&self.session))]
                } else {
                    vec![act(command::reject_until(
                        &self.session,
                        refusal(ended.sip_status),
                        ended.retry_after,
                    ))]
                }
            }
            _ => Vec::new(),
        }
    }

    fn bridge(&self) -> Vec<Action> {
        match &self.other {
            Some(other) if other.connected => {
                let bridge = format!("dial-{}", self.session);
                vec![act(command::create_bridge(
                    &bridge,
                    BridgeMode::Relay,
                    &[&self.session, &other.session],
                ))]
            }
            _ => Vec::new(),
        }
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

/// The session of the B-leg that is made for a caller's.
#[must_use]
pub(super) fn callee_of(caller: &str) -> String {
    format!("{caller}-b")
}

fn act(verb: Verb) -> Action {
    Action::Command(Box::new(verb))
}

/// The bridge is made with its first member, never empty: a caller that hangs up meanwhile would leave it behind. Where
/// it exists already the caller is added, see [`Calls::on_result`](super::calls::Calls::on_result).
fn join(session: &str, bridge: &str, mode: BridgeMode) -> Vec<Action> {
    vec![act(command::create_bridge(bridge, mode, &[session]))]
}

/// What the caller is told when the callee's leg ended before an answer. A status is passed on where it says by itself
/// what it means: a challenge, a list of what would be supported, or a new address are between us and the callee.
fn refusal(status: u32) -> u32 {
    match status {
        401 | 407 | 494 => 403,
        405 | 415 | 420..=423 | 485 | 487 | 489 => 480,
        400..=699 => status,
        _ => 480,
    }
}

#[cfg(test)]
mod tests;
