//! `dial`: the call that is made for a caller, what the caller hears of it before the answer, and the bridge of the two.
//!
//! | the callee | the caller |
//! |---|---|
//! | rings | is rung, once |
//! | has audio before its answer | gets 183 with the callee's codec; when its media is up both are bridged |
//! | answers | is answered with the callee's codec, once no early media is under way; then both are bridged, if they are not |
//! | ends before the answer | is refused with what the callee said |
//! | ends | is hung up |

use super::{Action, Call, act};
use crate::callengine::command;
use crate::proto::session::v1::{BridgeMode, Operation, event::Payload, operation_completed::Outcome};

/// The B-leg.
#[derive(Debug)]
pub(super) struct Callee {
    session: String,
    ringing: bool,
    connected: bool,
    early: Early,
    bridged: bool,
}

/// The caller's audio before the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Early {
    Unasked,
    Asked,
    Up,
    Failed,
}

impl Callee {
    fn new(session: String) -> Self {
        Self { session, ringing: false, connected: false, early: Early::Unasked, bridged: false }
    }

    /// One that was there when the engine attached.
    pub fn resumed(session: String, connected: bool, bridged: bool) -> Self {
        Self { connected, bridged, ..Self::new(session) }
    }

    /// The two could not be bridged: it may be tried again.
    pub fn not_bridged(&mut self) {
        self.bridged = false;
    }
}

impl Call {
    pub(super) fn dial(&mut self, user: &str, trunk: Option<&str>) -> Vec<Action> {
        let Some(trunk) = trunk else {
            return vec![act(command::reject(&self.session, 404))];
        };
        let callee = callee_of(&self.session);
        self.callee = Some(Callee::new(callee.clone()));
        let uri = format!("sip:{user}@{trunk}");
        vec![act(command::create(&callee, &uri, &self.session)), Action::Follow(callee)]
    }

    pub(super) fn on_callee(&mut self, payload: &Payload) -> Vec<Action> {
        let Some(callee) = &mut self.callee else { return Vec::new() };
        match payload {
            Payload::Progress(progress) if progress.early_media && callee.early == Early::Unasked => {
                callee.early = Early::Asked;
                vec![act(command::early_media(&self.session, &callee.session))]
            }
            Payload::Progress(_) if callee.early == Early::Unasked => self.ring(),
            Payload::Connected(_) => {
                callee.connected = true;
                if callee.early == Early::Asked { Vec::new() } else { self.answer() }
            }
            Payload::OperationCompleted(done) => match (done.operation(), done.outcome()) {
                (Operation::BridgeJoin, Outcome::Failed | Outcome::TimedOut) => self.on_not_bridged(),
                _ => Vec::new(),
            },
            Payload::SessionEnded(ended) => {
                self.callee = None;
                vec![act(if self.connected {
                    command::terminate(&self.session)
                } else {
                    command::reject_until(&self.session, refusal(ended.sip_status), ended.retry_after)
                })]
            }
            _ => Vec::new(),
        }
    }

    /// The caller's media is up before the answer, or will not be.
    pub(super) fn on_early_media(&mut self, outcome: Outcome) -> Vec<Action> {
        let Some(callee) = &mut self.callee else { return Vec::new() };
        callee.early = match outcome {
            Outcome::Succeeded => Early::Up,
            Outcome::SessionEnded => return Vec::new(),
            _ => Early::Failed,
        };
        match callee.early {
            _ if callee.connected => self.answer(),
            Early::Up => self.bridge(),
            _ => self.ring(),
        }
    }

    fn ring(&mut self) -> Vec<Action> {
        match &mut self.callee {
            Some(callee) if !callee.ringing => {
                callee.ringing = true;
                vec![act(command::ring(&self.session))]
            }
            _ => Vec::new(),
        }
    }

    /// The caller is given the callee's codec, so that the bridge relays and need not transcode.
    pub(super) fn answer(&self) -> Vec<Action> {
        let codecs_from = self.callee.as_ref().map_or("", |callee| &callee.session);
        vec![act(command::answer(&self.session, codecs_from))]
    }

    /// Bridges the two, if they are not.
    pub(super) fn bridge(&mut self) -> Vec<Action> {
        match &mut self.callee {
            Some(callee) if !callee.bridged => {
                callee.bridged = true;
                let bridge = format!("dial-{}", self.session);
                let members = [self.session.as_str(), &callee.session];
                vec![act(command::create_bridge(&bridge, BridgeMode::Relay, &members))]
            }
            _ => Vec::new(),
        }
    }

    /// The caller has gone.
    pub(super) fn hang_up_callee(&mut self) -> Vec<Action> {
        let callee = self.callee.take();
        callee.map(|callee| act(command::terminate(&callee.session))).into_iter().collect()
    }
}

/// The session of the B-leg that is made for a caller's.
#[must_use]
pub(in crate::callengine) fn callee_of(caller: &str) -> String {
    format!("{caller}-b")
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
