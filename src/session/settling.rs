//! What media has to do in any case, though nobody waits to hear of it: leave a bridge that the session is told to be out
//! of, stop what is over, take back what was given up. Where media has no room for it, is away, or says nothing in time, it
//! is kept and asked for again, until media has answered or the endpoint is closed.

use super::Session;
use super::action::{Action, Asked, Context, MediaFault};
use super::event::EndCause;
use super::media::{MediaError, MediaReply, MediaRequest};
use super::settings::SETTLEMENTS_MAX;
use crate::ground::BridgeId;
use crate::ground::leg::RemoteTag;

/// What is to be done in any case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Settlement {
    /// Drop a pending negotiation.
    Rollback {
        /// Which.
        generation: u64,
    },
    /// Hear this fork and no other.
    SelectRemote(RemoteTag),
    /// Be out of this bridge.
    Leave(BridgeId),
    /// Stop this playback.
    StopPlay {
        /// As given with Play.
        key: u64,
    },
    /// Be muted, or not, as is told.
    Mute {
        /// Whether it is muted.
        muted: bool,
    },
    /// The peer is where it says to be.
    PeerReached,
}

impl Settlement {
    /// What media is asked.
    #[must_use]
    pub fn request(&self) -> MediaRequest {
        match self {
            Self::Rollback { generation } => MediaRequest::Rollback { generation: *generation },
            Self::SelectRemote(remote) => MediaRequest::SelectRemote { remote: remote.0.to_string() },
            Self::Leave(bridge) => MediaRequest::Leave { bridge: bridge.clone() },
            Self::StopPlay { key } => MediaRequest::StopPlay { key: *key },
            Self::Mute { muted } => MediaRequest::Mute { muted: *muted },
            Self::PeerReached => MediaRequest::PeerReached,
        }
    }
}

/// What is to become of a settlement that is kept.
enum Turn {
    Now(Settlement),
    /// What media is asked just now may make it needless.
    Later(Settlement),
    Needless,
}

impl Session {
    pub(super) fn ask_to_settle(settlement: Settlement, cx: &mut Context<'_>) {
        let body = settlement.request();
        cx.out.push(Action::Media { asked: Asked::Settlement(settlement), call_id: None, body });
    }

    /// Media has answered, or not. Any other refusal than for want of room says that there is nothing to be done.
    pub(super) fn settled(
        &mut self,
        settlement: Settlement,
        result: &Result<MediaReply, MediaFault>,
        cx: &mut Context<'_>,
    ) {
        if self.is_ending() || !self.endpoint {
            return;
        }
        let may_be_undone = |fault: &MediaFault| match fault {
            MediaFault::TimedOut => true,
            MediaFault::Refused(error) => matches!(error, MediaError::Limit(_) | MediaError::Unavailable),
        };
        if result.as_ref().is_err_and(may_be_undone) {
            self.keep_to_settle(settlement, cx);
        } else if matches!(settlement, Settlement::Mute { .. }) {
            self.mute_unsure = false;
        }
    }

    /// A call of which more is to be settled than is kept ends: with its endpoint all of it does.
    fn keep_to_settle(&mut self, settlement: Settlement, cx: &mut Context<'_>) {
        let unsettled = &mut self.running.get_or_insert_default().unsettled;
        if unsettled.contains(&settlement) {
            return;
        }
        if unsettled.len() >= SETTLEMENTS_MAX {
            return self.give_up(EndCause::MediaFailure, cx);
        }
        unsettled.push(settlement);
    }

    /// Whether media is to be asked [again](Self::settle_again) for something, a little later.
    #[must_use]
    pub fn is_unsettled(&self) -> bool {
        self.running.as_ref().is_some_and(|running| !running.unsettled.is_empty())
    }

    /// Asks media again for what it has not settled.
    pub fn settle_again(&mut self, cx: &mut Context<'_>) {
        let Some(running) = &mut self.running else { return };
        let kept = std::mem::take(&mut running.unsettled);
        if !self.is_ending() && self.endpoint {
            for settlement in kept {
                match self.turn_of(settlement) {
                    Turn::Now(settlement) => Self::ask_to_settle(settlement, cx),
                    Turn::Later(settlement) => {
                        self.running.get_or_insert_default().unsettled.push(settlement);
                    }
                    Turn::Needless => {}
                }
            }
        }
        self.rest();
    }

    fn turn_of(&self, settlement: Settlement) -> Turn {
        let running = self.running.as_ref();
        match settlement {
            Settlement::Leave(bridge) if running.is_some_and(|running| running.bridging.is_some()) => {
                Turn::Later(Settlement::Leave(bridge))
            }
            // It has joined one since, and left all others with that.
            Settlement::Leave(_) if self.bridge.is_some() => Turn::Needless,
            Settlement::Mute { muted } if running.is_some_and(|running| !running.mutes.is_empty()) => {
                Turn::Later(Settlement::Mute { muted })
            }
            Settlement::Mute { .. } if !self.mute_unsure => Turn::Needless,
            Settlement::Mute { .. } => Turn::Now(Settlement::Mute { muted: self.muted }),
            settlement => Turn::Now(settlement),
        }
    }
}
