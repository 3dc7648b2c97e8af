//! One leg: the life of one INVITE usage (RFC 3261 §12 to §15) as a state machine.
//!
//! ```text
//!  outgoing                                                    incoming
//!
//!  ┌────────┐ Invite   ┌──────────┐ looked up                  ┌────────────┐ Reject, HangUp, CANCEL, BYE
//!  │ Opened ├─────────►│ Locating ├─────┐             INVITE ─►│ Proceeding ├──────────────────────────┐
//!  └───┬────┘ (a name) └──────────┘     │                      └─────┬──────┘                          │
//!      │ Invite (an address)            │                            │ Accept: 2xx                     │
//!      │          ┌─────────┐           │                            ▼                                 │
//!      └─────────►│ Calling │◄──────────┘                      ┌──────────┐ BYE                         │
//!                 └┬──┬──┬──┘  300–699, timer B, CANCEL done   │ Accepted ├───────────────────────────┐ │
//!   2xx with offer │  │  └──────────────────────────────────┐   └────┬───┬─┘                           │ │
//!      ┌───────────▼┐ │ 2xx with answer: ACK                │    ACK │   │ 64·T1 without ACK, or ACK   │ │
//!      │ Answering  │ │                                     │        │   │ after HangUp: BYE           │ │
//!      └─────┬──────┘ │            ┌───────────┐            │        │   │                             │ │
//!   answer:  │        └───────────►│ Confirmed │◄───────────┼────────┘   │                             │ │
//!   ACK      └────────────────────►└──┬─────┬──┘            │            │                             │ │
//!                      HangUp, 481: BYE │     │ BYE         │            │                             │ │
//!                                 ┌─────▼───┐ │             │            │                             │ │
//!                                 │ Closing │◄┼─────────────┼────────────┘                             │ │
//!                                 └─────┬───┘ │             │                                          │ │
//!                     BYE is answered,  │     │             │                                          │ │
//!                     or timer F        ▼     ▼             ▼                                          ▼ ▼
//!                                 ┌───────────────────────────────────────────────────────────────────────┐
//!                                 │ Over: gone when the last transaction of ours is                       │
//!                                 └───────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! The session hears [`LegEvent::Ended`](crate::ground::leg::LegEvent::Ended) when the leg comes into `Closing` or
//! `Over`, or when it hangs up in `Accepted`: then BYE waits for the ACK (§15), the session does not.

mod accepted;
mod acks;
mod answering;
mod calling;
mod closing;
mod confirmed;
mod context;
mod dispatch;
mod inside;
mod late;
mod lookup;
mod refresh;
mod reinvite;
mod send;
mod uac;
mod uas;
mod ways;

use crate::ground::leg::LegIntent;

use super::error::{LegIntentError, LegState};
use super::index::DialogKey;
use super::state::Dialog;

pub(super) use accepted::Accepted;
pub(super) use answering::Answering;
pub(super) use calling::Calling;
pub(super) use confirmed::Confirmed;
pub(super) use context::{Common, Context, Owner, Shared, Timer};
use lookup::Lookup;
pub(super) use send::Retry;
pub(super) use uac::Locating;
pub(super) use uas::Proceeding;

/// A leg: what every state has, and the state.
pub(super) struct Leg {
    pub common: Common,
    pub state: State,
}

/// Where a leg stands. See the figure above.
pub(super) enum State {
    Opened,
    Locating(Box<Locating>),
    Calling(Box<Calling>),
    Answering(Box<Answering>),
    Proceeding(Box<Proceeding>),
    Accepted(Box<Accepted>),
    Confirmed(Box<Confirmed>),
    Closing(Box<Dialog>),
    Over,
}

/// What a step leads to: the next state, and what the session is answered.
pub(super) type Stepped = (State, Result<(), LegIntentError>);

impl State {
    pub const fn name(&self) -> LegState {
        match self {
            Self::Opened => LegState::Opened,
            Self::Locating(_) => LegState::Locating,
            Self::Calling(_) => LegState::Calling,
            Self::Answering(_) => LegState::Answering,
            Self::Proceeding(_) => LegState::Proceeding,
            Self::Accepted(_) => LegState::Accepted,
            Self::Confirmed(_) => LegState::Confirmed,
            Self::Closing(_) => LegState::Closing,
            Self::Over => LegState::Over,
        }
    }

    /// All dialogs of the leg: several while an INVITE of ours forks.
    pub fn dialogs(&self) -> Vec<&Dialog> {
        match self {
            Self::Opened | Self::Over => Vec::new(),
            Self::Locating(locating) => vec![&locating.seed],
            Self::Calling(calling) if calling.forks.is_empty() => vec![&calling.seed],
            Self::Calling(calling) => calling.forks.iter().map(|fork| &fork.dialog).collect(),
            Self::Answering(answering) => vec![&answering.dialog],
            Self::Proceeding(proceeding) => vec![&proceeding.dialog],
            Self::Accepted(accepted) => vec![&accepted.dialog],
            Self::Confirmed(confirmed) => vec![&confirmed.dialog],
            Self::Closing(dialog) => vec![dialog],
        }
    }

    /// The dialog with this key, to take part in what happens to it.
    pub fn dialog_mut(&mut self, key: DialogKey) -> Option<&mut Dialog> {
        let dialog = match self {
            Self::Opened | Self::Over => return None,
            Self::Locating(locating) => &mut locating.seed,
            Self::Calling(calling) => {
                let forks = calling.forks.iter_mut().map(|fork| &mut fork.dialog);
                return forks.chain([&mut calling.seed]).find(|dialog| dialog.key == key);
            }
            Self::Answering(answering) => &mut answering.dialog,
            Self::Proceeding(proceeding) => &mut proceeding.dialog,
            Self::Accepted(accepted) => &mut accepted.dialog,
            Self::Confirmed(confirmed) => &mut confirmed.dialog,
            Self::Closing(dialog) => dialog,
        };
        (dialog.key == key).then_some(dialog)
    }

    /// What the session asks.
    pub fn intent(self, ctx: &mut Context<'_>, intent: LegIntent) -> Stepped {
        match self {
            Self::Opened => uac::opened(ctx, intent),
            Self::Locating(locating) => locating.intent(ctx, intent),
            Self::Calling(calling) => calling.intent(ctx, intent),
            Self::Answering(answering) => answering.intent(ctx, intent),
            Self::Proceeding(proceeding) => proceeding.intent(ctx, intent),
            Self::Accepted(accepted) => accepted.intent(ctx, intent),
            Self::Confirmed(confirmed) => confirmed.intent(ctx, intent),
            Self::Closing(_) | Self::Over => {
                let unknown = LegIntentError::Unknown(ctx.leg);
                (self, Err(unknown))
            }
        }
    }

    /// An intent that is not legal here: nothing happens.
    pub fn refuse(self, ctx: &mut Context<'_>, intent: &LegIntent) -> Stepped {
        ctx.shared.counters.unexpected += 1;
        let error = LegIntentError::Unexpected { state: self.name(), intent: name_of(intent) };
        (self, Err(error))
    }
}

/// An intent's name, for errors.
pub(super) const fn name_of(intent: &LegIntent) -> &'static str {
    match intent {
        LegIntent::Invite(_) => "Invite",
        LegIntent::Provisional { .. } => "Provisional",
        LegIntent::Accept { .. } => "Accept",
        LegIntent::Reject { .. } => "Reject",
        LegIntent::Acknowledge { .. } => "Acknowledge",
        LegIntent::Reoffer { .. } => "Reoffer",
        LegIntent::AnswerReoffer { .. } => "AnswerReoffer",
        LegIntent::RefuseReoffer { .. } => "RefuseReoffer",
        LegIntent::Request { .. } => "Request",
        LegIntent::HangUp { .. } => "HangUp",
    }
}
