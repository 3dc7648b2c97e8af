//! Playback, digits, muting: what an engine does with media that is there, without the peer's say.

use std::sync::Arc;
use std::time::Duration;

use super::Session;
use super::action::{Asked, Context, MediaFault};
use super::command::CommandError;
use super::event::{EventPayload, Operation, Outcome};
use super::media::{MediaReply, MediaRequest, PlaybackCause, PlaybackSource};
use super::settings::PLAYBACKS_MAX;
use super::settling::Settlement;
use super::state::{Keyed, Playback};
use crate::ground::PlaybackId;

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
        let playbacks = self.running.as_ref().map_or(&[][..], |running| &running.playbacks[..]);
        if playbacks.iter().any(|playback| playback.id == id) {
            return Err(CommandError::PlaybackExists);
        }
        if playbacks.len() >= PLAYBACKS_MAX {
            return Err(CommandError::LimitReached("playbacks_max"));
        }
        let key = self.next_key();
        let playback = Playback { key, id, started: false, by };
        self.running.get_or_insert_default().playbacks.push(playback);
        self.ask(Asked::Play { key }, MediaRequest::Play { key, source }, cx);
        Ok(())
    }

    /// Without an id whatever plays, and what is about to.
    pub(super) fn stop_play(
        &self,
        id: Option<&PlaybackId>,
        cx: &mut Context<'_>,
    ) -> Result<(), CommandError> {
        let playbacks = self.running.iter().flat_map(|running| &running.playbacks);
        let is_meant = |playback: &&Playback| id.is_none_or(|id| playback.id == *id);
        if !playbacks.clone().any(|playback| is_meant(&playback)) {
            return Err(CommandError::PlaybackNotFound);
        }
        for playback in playbacks.filter(is_meant) {
            Self::ask_to_settle(Settlement::StopPlay { key: playback.key }, cx);
        }
        Ok(())
    }

    pub(super) fn play_asked(
        &mut self,
        key: u64,
        result: Result<MediaReply, MediaFault>,
        cx: &mut Context<'_>,
    ) {
        let Err(fault) = result else { return };
        if fault == MediaFault::TimedOut && !self.is_ending() {
            // It may be heard all the same.
            Self::ask_to_settle(Settlement::StopPlay { key }, cx);
        }
        self.play_ended(key, PlaybackCause::Failed, fault.to_string(), Duration::ZERO, cx);
    }

    pub(super) fn play_started(&mut self, key: u64, cx: &mut Context<'_>) {
        let playbacks = self.running.as_mut().map(|running| &mut running.playbacks);
        let playback = playbacks.and_then(|all| all.iter_mut().find(|playback| playback.key == key));
        match playback.filter(|playback| !playback.started) {
            Some(playback) => {
                playback.started = true;
                let (by, playback) = (Arc::clone(&playback.by), playback.id.clone());
                self.emit(&by, EventPayload::PlaybackStarted { playback }, cx);
            }
            None => self.absorb("PlayStarted", cx),
        }
    }

    pub(super) fn play_ended(
        &mut self,
        key: u64,
        cause: PlaybackCause,
        reason: String,
        played: Duration,
        cx: &mut Context<'_>,
    ) {
        let playbacks = self.running.as_mut().map(|running| &mut running.playbacks);
        let Some(playback) = playbacks.and_then(|all| {
            let place = all.iter().position(|playback| playback.key == key)?;
            Some(all.remove(place))
        }) else {
            return self.absorb("PlayEnded", cx);
        };
        self.rest();
        let ended = EventPayload::PlaybackEnded { playback: playback.id, cause, reason, played };
        self.emit(&playback.by, ended, cx);
    }
}
