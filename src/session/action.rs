//! What goes out of a session, and what it is handed with every input.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event::SessionEvent;
use super::media::{BridgeMode, MediaError, MediaRequest, Membership};
use super::phase::Phase;
use super::settings::SessionSettings;
use super::settling::Settlement;
use crate::ground::leg::{LegIntent, RemoteTag};
use crate::ground::{BridgeId, Instant, Now, Random};

/// What a session wants done. In order.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Tell the leg.
    Leg(LegIntent),
    /// Ask media. Answered by exactly one [`super::Session::media_reply`] with the same [`Asked`].
    Media {
        /// Comes back with the reply.
        asked: Asked,
        /// The Call-ID, with the first request of an endpoint.
        call_id: Option<Arc<str>>,
        /// What is asked.
        body: MediaRequest,
    },
    /// Tell the engine.
    Event(Box<SessionEvent>),
    /// Set the session's one timer in place of what it was; `None`: no timer.
    Timer(Option<(SessionTimer, Instant)>),
    /// The session came into a bridge, left it, or does not come. Every join that was begun ends with one of these.
    Bridge {
        /// Which.
        bridge: BridgeId,
        /// How it carries audio.
        mode: BridgeMode,
        /// What became of it.
        membership: Membership,
    },
    /// An event was left away because the peer brings about too many of them: count it.
    Suppressed,
    /// An input was of no use in the phase: count it.
    Absorbed(Absorbed),
    /// The session is over: leg and endpoint are gone, the last event is out. Forget it.
    Over,
}

/// An input that its phase has no use for: a reply to what was given up, a BYE that crosses another, or a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absorbed {
    /// Where the session stood.
    pub phase: Phase,
    /// What came.
    pub input: &'static str,
}

/// The session's timer. No phase needs two of them at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SessionTimer {
    /// The engine has not decided about an incoming call.
    Decision,
    /// An incoming call was not answered, or an outbound one has rung long enough.
    Ring,
    /// The call has lasted as long as it may.
    Duration,
}

/// What a media request was for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Asked {
    /// A negotiation.
    Negotiation {
        /// Which.
        generation: u64,
        /// Which fork's answer is applied; `None` but for outbound calls that are not answered yet.
        fork: Option<RemoteTag>,
        /// The answer is an early one, which the 2xx may yet replace.
        early: bool,
    },
    /// Putting one into force.
    Commit,
    /// What is to be done in any case, and asked for again where it may not be done.
    Settlement(Settlement),
    /// Closing the endpoint.
    Close,
    /// Joining or leaving a bridge.
    Bridging,
    /// Playing.
    Play {
        /// Which command's.
        key: u64,
    },
    /// Sending digits.
    Dtmf {
        /// Which command's.
        key: u64,
    },
    /// Muting or unmuting.
    Mute {
        /// Which command's.
        key: u64,
    },
}

/// Why media did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MediaFault {
    /// No reply in time.
    #[error("media did not answer in time")]
    TimedOut,
    /// It refused, or is away.
    #[error(transparent)]
    Refused(#[from] MediaError),
}

/// What a session is handed with every input: the time, the settings, randomness, and where its actions go.
#[derive(Debug)]
pub struct Context<'a> {
    /// What time it is.
    pub now: Now,
    /// The settings.
    pub settings: &'a SessionSettings,
    /// For Retry-After values that are to be random.
    pub random: &'a mut Random,
    /// Where actions go.
    pub out: &'a mut Outbox,
}

/// A queue of actions, shared by the sessions of a shard: a session that had one of its own would carry it for hours
/// to use it for microseconds.
#[derive(Debug)]
pub struct Outbox {
    actions: VecDeque<Action>,
    unmarked: Arc<str>,
}

impl Outbox {
    /// An empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self { actions: VecDeque::new(), unmarked: Arc::from("") }
    }

    /// The next action.
    pub fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The mark of what no command led to.
    #[must_use]
    pub fn unmarked(&self) -> &Arc<str> {
        &self.unmarked
    }

    pub(super) fn push(&mut self, action: Action) {
        self.actions.push_back(action);
    }
}

impl Default for Outbox {
    fn default() -> Self {
        Self::new()
    }
}
