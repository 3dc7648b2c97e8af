//! Bridges: joined and left, and the place that is kept in the making of one.

use std::sync::Arc;

use super::Session;
use super::action::{Action, Asked, Context, MediaFault};
use super::command::CommandError;
use super::event::{EventPayload, Operation, Outcome};
use super::media::{BridgeMode, MediaError, MediaReply, MediaRequest, Membership};
use super::settling::Settlement;
use super::state::Bridging;
use crate::ground::BridgeId;

impl Bridging {
    pub(super) const fn operation(&self) -> Operation {
        if self.join.is_some() { Operation::BridgeJoin } else { Operation::BridgeLeave }
    }
}

/// Bridges. One command at a time.
impl Session {
    pub(super) fn join_bridge(
        &mut self,
        bridge: BridgeId,
        mode: BridgeMode,
        by: Arc<str>,
        cx: &mut Context<'_>,
    ) -> Result<(), CommandError> {
        if self.no_longer_kept(&bridge) && self.is_ending() {
            // Its bridge heard at the end that it does not come.
            self.complete(Operation::BridgeJoin, Outcome::SessionEnded, &by, cx);
            self.finish(cx);
            return Ok(());
        }
        self.may_bridge()?;
        // One that is in it already asks all the same: the bridge of this name may be another one by now.
        let bridging = Bridging { bridge: bridge.clone(), join: Some(mode), by };
        self.running.get_or_insert_default().bridging = Some(bridging);
        self.ask(Asked::Bridging, MediaRequest::Join { bridge }, cx);
        Ok(())
    }

    pub(super) fn leave_bridge(
        &mut self,
        bridge: BridgeId,
        by: Arc<str>,
        cx: &mut Context<'_>,
    ) -> Result<(), CommandError> {
        self.may_bridge()?;
        if self.bridge.as_ref().is_none_or(|current| current.0 != bridge) {
            return Err(CommandError::MemberNotFound(bridge));
        }
        let bridging = Bridging { bridge: bridge.clone(), join: None, by };
        self.running.get_or_insert_default().bridging = Some(bridging);
        self.ask(Asked::Bridging, MediaRequest::Leave { bridge }, cx);
        Ok(())
    }

    /// Keeps the session for a bridge that is being made, if a join would be taken now: until it is told to
    /// [join](Self::join_bridge) it or not to, it joins and leaves no other, and is not over. Nobody is told of that.
    pub(super) fn reserve_join(&mut self, bridge: BridgeId, mode: BridgeMode) -> Result<(), CommandError> {
        self.may_bridge()?;
        self.running.get_or_insert_default().reserved = Some((bridge, mode));
        Ok(())
    }

    /// The bridge that the session is kept for, if it is this one, does not need it any more.
    pub(super) fn release_join(&mut self, bridge: &BridgeId, cx: &mut Context<'_>) {
        if self.no_longer_kept(bridge) && self.is_ending() {
            self.finish(cx);
        }
    }

    /// Whether the session is kept for this bridge: then a join was promised already, whatever has happened since.
    pub(super) fn is_kept_for(&self, bridge: &BridgeId) -> bool {
        self.running
            .as_ref()
            .and_then(|running| running.reserved.as_ref())
            .is_some_and(|kept_for| kept_for.0 == *bridge)
    }

    /// Keeps it no longer, if it was kept for this bridge.
    fn no_longer_kept(&mut self, bridge: &BridgeId) -> bool {
        let reserved = self
            .running
            .as_mut()
            .and_then(|running| running.reserved.take_if(|kept_for| kept_for.0 == *bridge));
        if reserved.is_some() {
            self.rest();
        }
        reserved.is_some()
    }

    fn may_bridge(&self) -> Result<(), CommandError> {
        let Some(running) = &self.running else { return Ok(()) };
        let reserved = running.reserved.as_ref().map(|_| Operation::BridgeJoin);
        match running.bridging.as_ref().map(Bridging::operation).or(reserved) {
            Some(running) => Err(CommandError::OperationRunning { running }),
            None => Ok(()),
        }
    }

    pub(super) fn bridged(&mut self, result: Result<MediaReply, MediaFault>, cx: &mut Context<'_>) {
        let Some(bridging) = self.running.as_mut().and_then(|running| running.bridging.take()) else {
            return self.absorb("a reply about a bridge", cx);
        };
        self.rest();
        let operation = bridging.operation();
        let Bridging { bridge, join, by } = bridging;
        match (result, join) {
            // The endpoint is being closed: there is nothing to be in.
            (Ok(_), Some(mode)) if self.is_ending() => {
                cx.out.push(Action::Bridge { bridge, mode, membership: Membership::NotJoined });
                self.complete(operation, Outcome::SessionEnded, &by, cx);
            }
            (Ok(_), Some(mode)) => {
                self.joined(bridge, mode, &by, cx);
                self.complete(operation, Outcome::Succeeded, &by, cx);
            }
            // Gone from a bridge that media no longer knows, too.
            (Ok(_) | Err(MediaFault::Refused(MediaError::NoBridge)), None) => {
                self.drop_bridge(&by, cx);
                self.complete(operation, Outcome::Succeeded, &by, cx);
            }
            (Err(fault), join) => {
                if fault == MediaFault::TimedOut && !self.is_ending() {
                    self.leave_all(&bridge, &by, cx);
                }
                if let Some(mode) = join {
                    cx.out.push(Action::Bridge { bridge, mode, membership: Membership::NotJoined });
                }
                self.complete_failed(operation, &fault, &by, cx);
            }
        }
    }

    /// Where it is now only media knows: out of this bridge and of the one that it was in it is in none.
    fn leave_all(&mut self, bridge: &BridgeId, by: &Arc<str>, cx: &mut Context<'_>) {
        Self::ask_to_settle(Settlement::Leave(bridge.clone()), cx);
        if let Some(current) = self.bridge.as_ref().filter(|current| current.0 != *bridge) {
            Self::ask_to_settle(Settlement::Leave(current.0.clone()), cx);
        }
        self.drop_bridge(by, cx);
    }

    fn joined(&mut self, bridge: BridgeId, mode: BridgeMode, by: &Arc<str>, cx: &mut Context<'_>) {
        let membership = Membership::Joined;
        if self.bridge.as_ref().is_some_and(|current| current.0 == bridge) {
            return cx.out.push(Action::Bridge { bridge, mode, membership });
        }
        self.drop_bridge(by, cx);
        self.bridge = Some(Box::new((bridge.clone(), mode)));
        cx.out.push(Action::Bridge { bridge: bridge.clone(), mode, membership });
        self.emit(by, EventPayload::BridgeJoined { bridge, mode }, cx);
    }

    pub(super) fn left_bridge(&mut self, bridge: &BridgeId, cx: &mut Context<'_>) {
        if self.bridge.as_ref().is_some_and(|current| current.0 == *bridge) {
            let by = Arc::clone(cx.out.unmarked());
            self.drop_bridge(&by, cx);
        } else {
            self.absorb("LeftBridge", cx);
        }
    }

    pub(super) fn leave_at_the_end(&mut self, cx: &mut Context<'_>) {
        if let Some((bridge, mode)) = self.running.as_ref().and_then(|running| running.reserved.clone()) {
            cx.out.push(Action::Bridge { bridge, mode, membership: Membership::NotJoined });
        }
        let by = Arc::clone(cx.out.unmarked());
        self.drop_bridge(&by, cx);
    }

    fn drop_bridge(&mut self, by: &Arc<str>, cx: &mut Context<'_>) {
        if let Some(left) = self.bridge.take() {
            let (bridge, mode) = *left;
            cx.out.push(Action::Bridge { bridge: bridge.clone(), mode, membership: Membership::Left });
            self.emit(by, EventPayload::BridgeLeft { bridge }, cx);
        }
    }
}
