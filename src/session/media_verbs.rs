//! Playback, digits, muting, bridges: what an engine does with media that is there, without the peer's say.

use std::sync::Arc;
use std::time::Duration;

use super::Session;
use super::action::{Action, Asked, Context, MediaFault};
use super::command::CommandError;
use super::event::{EventPayload, Operation, Outcome};
use super::media::{
    BridgeMode, MediaError, MediaReply, MediaRequest, Membership, PlaybackCause, PlaybackSource,
};
use super::settings::PLAYBACKS_MAX;
use super::state::{Bridging, Keyed, Playback};
use crate::ground::{BridgeId, PlaybackId};

impl Bridging {
    pub(super) const fn operation(&self) -> Operation {
        if self.join.is_some() { Operation::BridgeJoin } else { Operation::BridgeLeave }
    }
}

/// Digits. One command at a time.
impl Session {
    pub(super) fn send_dtmf(
        &mut self,
        digits: String,
        tone: Duration,
        gap: Duration,
        by: Arc<str>,
        cx: &mut Context<'_>,
    ) -> Result<(), CommandError> {
        if self.running.as_ref().is_some_and(|running| running.dtmf.is_some()) {
            return Err(CommandError::OperationRunning { running: Operation::SendDtmf });
        }
        let key = self.next_key();
        self.running.get_or_insert_default().dtmf = Some(Keyed { key, by });
        self.ask(Asked::Dtmf { key }, MediaRequest::SendDtmf { key, digits, tone, gap }, cx);
        Ok(())
    }

    pub(super) fn dtmf_asked(
        &mut self,
        key: u64,
        result: Result<MediaReply, MediaFault>,
        cx: &mut Context<'_>,
    ) {
        let Err(fault) = result else { return };
        match self.take_dtmf(key) {
            Some(by) => self.complete_failed(Operation::SendDtmf, &fault, &by, cx),
            None => self.absorb("a failure to send digits", cx),
        }
    }

    /// The digits of a command are sent. Those of one that was given up as unanswered may come late.
    pub(super) fn dtmf_sent(&mut self, key: u64, cx: &mut Context<'_>) {
        match self.take_dtmf(key) {
            Some(by) => self.complete(Operation::SendDtmf, Outcome::Succeeded, &by, cx),
            None => self.absorb("DtmfSent", cx),
        }
    }

    fn take_dtmf(&mut self, key: u64) -> Option<Arc<str>> {
        let dtmf = self.running.as_mut()?.dtmf.take_if(|dtmf| dtmf.key == key)?;
        self.rest();
        Some(dtmf.by)
    }
}

/// Playback.
impl Session {
    pub(super) fn play(
        &mut self,
        id: PlaybackId,
        source: PlaybackSource,
        by: Arc<str>,
        cx: &mut Context<'_>,
    ) -> Result<(), CommandError> {
        let playbacks = &mut self.running.get_or_insert_default().playbacks;
        if playbacks.iter().any(|playback| playback.id == id) {
            return Err(CommandError::PlaybackExists);
        }
        if playbacks.len() >= PLAYBACKS_MAX {
            return Err(CommandError::LimitReached("playbacks of one session under way"));
        }
        playbacks.push(Playback { id: id.clone(), started: false, by });
        self.ask(Asked::Play(id.clone()), MediaRequest::Play { playback: id, source }, cx);
        Ok(())
    }

    pub(super) fn stop_play(&self, id: Option<PlaybackId>, cx: &mut Context<'_>) -> Result<(), CommandError> {
        let mut playbacks = self.running.iter().flat_map(|running| &running.playbacks);
        let known = match &id {
            Some(id) => playbacks.any(|playback| playback.id == *id),
            None => playbacks.next().is_some(),
        };
        if !known {
            return Err(CommandError::PlaybackNotFound);
        }
        self.ask(Asked::Settlement, MediaRequest::StopPlay { playback: id }, cx);
        Ok(())
    }

    pub(super) fn play_asked(
        &mut self,
        id: &PlaybackId,
        result: Result<MediaReply, MediaFault>,
        cx: &mut Context<'_>,
    ) {
        let Err(fault) = result else { return };
        if fault == MediaFault::TimedOut && !self.is_ending() {
            // It may be heard all the same.
            self.ask(Asked::Settlement, MediaRequest::StopPlay { playback: Some(id.clone()) }, cx);
        }
        self.play_ended(id, PlaybackCause::Failed, fault.to_string(), Duration::ZERO, cx);
    }

    pub(super) fn play_started(&mut self, id: &PlaybackId, cx: &mut Context<'_>) {
        let playbacks = self.running.as_mut().map(|running| &mut running.playbacks);
        let playback = playbacks.and_then(|all| all.iter_mut().find(|playback| playback.id == *id));
        match playback.filter(|playback| !playback.started) {
            Some(playback) => {
                playback.started = true;
                let by = Arc::clone(&playback.by);
                self.emit(&by, EventPayload::PlaybackStarted { playback: id.clone() }, cx);
            }
            None => self.absorb("PlayStarted", cx),
        }
    }

    pub(super) fn play_ended(
        &mut self,
        id: &PlaybackId,
        cause: PlaybackCause,
        reason: String,
        played: Duration,
        cx: &mut Context<'_>,
    ) {
        let playbacks = self.running.as_mut().map(|running| &mut running.playbacks);
        let Some(playback) = playbacks.and_then(|all| {
            let place = all.iter().position(|playback| playback.id == *id)?;
            Some(all.remove(place))
        }) else {
            return self.absorb("PlayEnded", cx);
        };
        self.rest();
        let ended = EventPayload::PlaybackEnded { playback: playback.id, cause, reason, played };
        self.emit(&playback.by, ended, cx);
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
        self.may_bridge()?;
        if self.bridge.as_ref().is_some_and(|current| current.0 == bridge) {
            cx.out.push(Action::Bridge { bridge, mode, membership: Membership::Joined });
            self.complete(Operation::BridgeJoin, Outcome::Succeeded, &by, cx);
            return Ok(());
        }
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

    /// Whether a join or a leave would be taken now.
    pub(super) fn may_bridge(&self) -> Result<(), CommandError> {
        match self.running.as_ref().and_then(|running| running.bridging.as_ref()) {
            Some(bridging) => Err(CommandError::OperationRunning { running: bridging.operation() }),
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
                self.drop_bridge(&by, cx);
                self.bridge = Some(Box::new((bridge.clone(), mode)));
                cx.out.push(Action::Bridge { bridge: bridge.clone(), mode, membership: Membership::Joined });
                self.emit(&by, EventPayload::BridgeJoined { bridge, mode }, cx);
                self.complete(operation, Outcome::Succeeded, &by, cx);
            }
            // Gone from a bridge that media no longer knows, too.
            (Ok(_) | Err(MediaFault::Refused(MediaError::NoBridge)), None) => {
                self.drop_bridge(&by, cx);
                self.complete(operation, Outcome::Succeeded, &by, cx);
            }
            (Err(fault), join) => {
                if join.is_some() && fault == MediaFault::TimedOut && !self.is_ending() {
                    // Where it is now only media knows: out of both it is in none.
                    self.ask(Asked::Settlement, MediaRequest::Leave { bridge: bridge.clone() }, cx);
                    if let Some(current) = &self.bridge {
                        let bridge = current.0.clone();
                        self.ask(Asked::Settlement, MediaRequest::Leave { bridge }, cx);
                    }
                    self.drop_bridge(&by, cx);
                }
                if let Some(mode) = join {
                    cx.out.push(Action::Bridge { bridge, mode, membership: Membership::NotJoined });
                }
                self.complete_failed(operation, &fault, &by, cx);
            }
        }
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
