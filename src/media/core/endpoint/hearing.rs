//! When the peer was heard, and the RTP timeout.
//!
//! What this node makes or relays may come back to it by its own ports. Such packets show that somebody is there only as
//! far as packets from outside led to them: two tones that are played to each other would keep their calls for ever. So the
//! timeout runs from when something from outside was last heard, at first hand or through other ports of the node
//! (`hairpins`), and what the endpoint sends bears that time on.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Endpoint, Remote};
use crate::ground::Instant;
use crate::media::core::{Event, Output};
use crate::rtp::telephone_event::DIGIT_END_LOST;

/// When an endpoint's peer was heard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hearing {
    /// The last plausible packet, or the beginning of waiting for one.
    at: Instant,
    /// When packets from outside last led to one.
    fed_at: Instant,
    /// When packets from outside last came to its room.
    room_fed_at: Instant,
    /// The RTP timeout was told and nothing from outside came since.
    silent: bool,
}

impl Default for Hearing {
    fn default() -> Self {
        let never = Instant::ZERO;
        Self { at: never, fed_at: never, room_fed_at: never, silent: false }
    }
}

impl Hearing {
    /// A plausible packet comes, to which packets from outside last led at `fed_at`. If the silence was told and this is
    /// its end: how long it was.
    fn hear(&mut self, fed_at: Instant, timeout: Duration, now: Instant) -> Option<Duration> {
        self.at = now;
        let ends = self.silent && fed_at + timeout > now;
        if fed_at <= self.fed_at || self.silent && !ends {
            return None;
        }
        let away = now.since(self.fed_at);
        self.fed_at = fed_at;
        self.silent = false;
        ends.then_some(away)
    }

    /// When packets from outside last led to what the endpoint makes itself.
    pub(super) fn feeds_at(&self) -> Instant {
        self.fed_at.max(self.room_fed_at)
    }
}

impl Endpoint {
    pub(super) fn heard(&mut self, fed_at: Instant, now: Instant, outputs: &mut VecDeque<Output>) {
        let back = self.hearing.hear(fed_at, self.settings.rtp_timeout, now);
        outputs.extend(back.map(|silent_for| self.output(Event::RtpBack { silent_for })));
    }

    /// When packets from outside last led to something that it heard.
    pub(in crate::media::core) const fn fed_at(&self) -> Instant {
        self.hearing.fed_at
    }

    /// When packets from outside last came to a member of the room that it is sent the sound of.
    pub(in crate::media::core) const fn room_is_fed(&mut self, at: Instant) {
        self.hearing.room_fed_at = at;
    }

    /// Whether RTP is expected to come.
    #[must_use]
    pub fn expects_rtp(&self) -> bool {
        self.remote().is_some_and(Remote::may_be_heard)
    }

    /// When the RTP timeout is due, as far as is known now. `None`: nothing is expected, or it was told already.
    #[must_use]
    pub fn rtp_timeout_at(&self) -> Option<Instant> {
        let runs = self.expects_rtp() && !self.hearing.silent;
        runs.then(|| self.hearing.fed_at + self.settings.rtp_timeout)
    }

    /// When a digit whose end has not come counts as over, as far as is known now.
    pub(in crate::media::core) fn digit_over_at(&self) -> Option<Instant> {
        self.hears_digit().then(|| self.hearing.at + DIGIT_END_LOST)
    }

    /// When it is to be looked at, as far as is known now.
    pub(in crate::media::core) fn look_at(&self) -> Option<Instant> {
        self.rtp_timeout_at().into_iter().chain(self.digit_over_at()).min()
    }

    /// Waiting for RTP begins anew.
    pub(super) fn restart_rtp_timeout(&mut self, now: Instant) {
        self.hearing = Hearing { at: now, fed_at: now, silent: false, ..self.hearing };
    }

    /// Time has passed without a packet: tells a digit whose end was lost, then that nothing comes, each once.
    pub fn looked_at(&mut self, now: Instant, outputs: &mut VecDeque<Output>) {
        if self.digit_over_at().is_some_and(|at| at <= now) {
            let unfinished = self.remotes.get_mut(self.selected).and_then(|remote| remote.digits.finish(now));
            outputs.extend(unfinished.map(|digit| self.pressed(digit)));
        }
        if self.rtp_timeout_at().is_some_and(|at| at <= now) {
            self.hearing.silent = true;
            let silent_for = now.since(self.hearing.fed_at);
            outputs.push_back(self.output(Event::RtpSilent { silent_for }));
        }
    }
}
