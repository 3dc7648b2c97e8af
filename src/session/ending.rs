//! The end of a session: from whichever side it comes, the leg is ended, the endpoint closed, and when both have gone
//! what still runs is told as over and `Ended` is the last event.

use std::sync::Arc;
use std::time::Duration;

use super::action::{Action, Asked, Context, MediaFault};
use super::event::{EndCause, Ended, EventPayload, Operation, Outcome};
use super::media::{MediaReply, MediaRequest, Membership, PlaybackCause, Statistics};
use super::settings::Refusal;
use super::state::{Ending, Inbound, Outbound, State, Up};
use super::{Session, failure, reason};
use crate::ground::leg::{Farewell, HANG_UP_STATUS, LegIntent};
use crate::ground::{Body, HeaderField, Mismatch, Reason};

/// How an engine refuses a call.
#[derive(Debug)]
pub(super) struct Rejection {
    pub status: u16,
    pub phrase: Option<String>,
    pub retry_after: Option<u32>,
    pub mismatch: Option<Mismatch>,
    pub fields: Vec<HeaderField>,
    pub body: Option<Body>,
}

impl Rejection {
    pub fn into_intent(self) -> LegIntent {
        let Self { status, phrase, retry_after, mismatch, fields, body } = self;
        LegIntent::Reject { status, phrase, contacts: Vec::new(), retry_after, mismatch, fields, body }
    }
}

impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Self {
        let Refusal { status, retry_after, mismatch } = refusal;
        Self { status, phrase: None, retry_after, mismatch, fields: Vec::new(), body: None }
    }
}

impl Session {
    pub(super) fn is_ending(&self) -> bool {
        matches!(self.state, State::Ending(_) | State::Over)
    }

    /// The engine's Terminate. A call of ours that was not answered is cancelled, any other hung up.
    pub(super) fn terminate(
        &mut self,
        fields: Vec<HeaderField>,
        body: Option<Body>,
        by: Arc<str>,
        cx: &mut Context<'_>,
    ) {
        let ended = match self.state {
            State::Outbound(Outbound::AwaitingOfferMedia { .. } | Outbound::Calling(_)) => {
                Ended::with_cause(EndCause::Cancelled)
            }
            State::Inbound(Inbound::AwaitingAck { .. } | Inbound::ApplyingAckAnswer { .. }) => {
                Ended::with_cause(EndCause::LocalHangup)
            }
            State::Inbound(_) => Ended {
                status: HANG_UP_STATUS,
                phrase: failure::phrase_of(HANG_UP_STATUS),
                ..Ended::with_cause(EndCause::LocalHangup)
            },
            _ => Ended::with_cause(EndCause::LocalHangup),
        };
        self.end(ended, by, Some(LegIntent::HangUp { fields, body }), cx);
    }

    /// Ends the session for a reason of ours; no command led to it.
    pub(super) fn hang_up(&mut self, ended: Ended, cx: &mut Context<'_>) {
        let by = Arc::clone(cx.out.unmarked());
        let fields = reason::of(ended.cause).iter().map(Reason::field).collect();
        self.end(ended, by, Some(LegIntent::HangUp { fields, body: None }), cx);
    }

    /// Refuses an incoming call that is not answered.
    pub(super) fn refuse(&mut self, ended: Ended, refusal: Refusal, cx: &mut Context<'_>) {
        let by = Arc::clone(cx.out.unmarked());
        let mut ended = Ended { status: refusal.status, ..ended };
        if ended.phrase.is_empty() {
            ended.phrase = failure::phrase_of(refusal.status);
        }
        self.end(ended, by, Some(Rejection::from(refusal).into_intent()), cx);
    }

    /// Ends the session from outside, for example because its engine is gone. An incoming call that is not answered is
    /// refused with 503.
    pub fn give_up(&mut self, cause: EndCause, cx: &mut Context<'_>) {
        match self.state {
            State::Ending(_) | State::Over => self.absorb("an end from outside", cx),
            State::Inbound(Inbound::AwaitingAck { .. } | Inbound::ApplyingAckAnswer { .. }) => {
                self.hang_up(Ended::with_cause(cause), cx);
            }
            State::Inbound(_) => self.refuse(Ended::with_cause(cause), Refusal::default(), cx),
            State::Outbound(_) | State::Up(_) => self.hang_up(Ended::with_cause(cause), cx),
        }
    }

    /// The ring timer: nobody answered.
    pub(super) fn rang_too_long(&mut self, cx: &mut Context<'_>) {
        let ended = Ended::with_cause(EndCause::Timeout);
        match self.state {
            State::Inbound(Inbound::AwaitingAck { .. } | Inbound::ApplyingAckAnswer { .. })
            | State::Up(_)
            | State::Ending(_)
            | State::Over => self.absorb("the ring timer", cx),
            State::Inbound(_) => self.refuse(ended, Refusal::plain(480), cx),
            State::Outbound(_) => self.hang_up(ended, cx),
        }
    }

    /// The duration timer.
    pub(super) fn lasted_too_long(&mut self, cx: &mut Context<'_>) {
        match self.state {
            State::Up(_) => self.hang_up(Ended::with_cause(EndCause::DurationLimit), cx),
            _ => self.absorb("the duration timer", cx),
        }
    }

    /// No RTP came for media's configured time. While somebody holds that is as it should be.
    pub(super) fn rtp_silent(&mut self, silent_for: Duration, cx: &mut Context<'_>) {
        self.tell_paced(EventPayload::MediaHealth { receiving: false, silent_for }, cx);
        let expected = !self.hold.local
            && !self.hold.remote
            && self.media.as_ref().is_some_and(|facts| facts.direction.receives());
        if cx.settings.end_on_rtp_silence && expected && matches!(self.state, State::Up(_)) {
            self.hang_up(Ended::with_cause(EndCause::MediaTimeout), cx);
        }
    }

    /// The endpoint has closed by itself, or the media service is lost.
    pub fn endpoint_lost(&mut self, why: String, cx: &mut Context<'_>) {
        let had = std::mem::take(&mut self.endpoint);
        match self.state {
            State::Ending(_) | State::Over => self.absorb("the loss of an endpoint", cx),
            _ if !had => self.absorb("the loss of an endpoint", cx),
            // Nothing stands on it yet: the next negotiation makes another.
            State::Inbound(Inbound::Waiting { .. }) => self.absorb("the loss of an endpoint", cx),
            State::Inbound(Inbound::AwaitingAck { .. } | Inbound::ApplyingAckAnswer { .. })
            | State::Outbound(_)
            | State::Up(_) => {
                let ended = Ended { phrase: why, ..Ended::with_cause(EndCause::MediaFailure) };
                self.hang_up(ended, cx);
            }
            State::Inbound(_) => {
                let refusal = Refusal::later(503, cx.settings.media_retry_after);
                let ended = Ended { phrase: why, ..Ended::with_cause(EndCause::MediaFailure) };
                self.refuse(ended, refusal, cx);
            }
        }
    }

    /// The peer's CANCEL: the leg has refused the INVITE with 487.
    pub(super) fn cancelled(&mut self, farewell: Farewell, cx: &mut Context<'_>) {
        let farewell = Farewell { status: 487, phrase: failure::phrase_of(487), ..farewell };
        self.ended_by_peer(EndCause::Cancelled, farewell, cx);
    }

    /// A final response of 300 or above to our INVITE.
    pub(super) fn rejected(&mut self, farewell: Farewell, cx: &mut Context<'_>) {
        if let State::Ending(ending) = &mut self.state {
            // The answer to our CANCEL's effect.
            if ending.ended.status == 0 {
                ending.ended.status = farewell.status;
                ending.ended.phrase = farewell.phrase;
            }
            return;
        }
        let cause = failure::cause_of_status(farewell.status);
        self.ended_by_peer(cause, farewell, cx);
    }

    pub(super) fn ended_by_peer(&mut self, cause: EndCause, farewell: Farewell, cx: &mut Context<'_>) {
        self.ended_by_leg(Ended::by_peer(cause, farewell), cx);
    }

    /// The leg is ending by itself.
    pub(super) fn ended_by_leg(&mut self, ended: Ended, cx: &mut Context<'_>) {
        if self.is_ending() {
            return self.absorb("the leg's own end", cx);
        }
        let by = Arc::clone(cx.out.unmarked());
        self.end(ended, by, None, cx);
    }

    /// The leg is gone.
    pub(super) fn leg_ended(&mut self, cx: &mut Context<'_>) {
        self.leg = false;
        if self.is_ending() {
            return self.finish(cx);
        }
        // It must say why before.
        self.ended_by_leg(Ended::with_cause(EndCause::Internal), cx);
    }

    /// Media has closed the endpoint, or did not say so in time.
    pub(super) fn closed(&mut self, result: Result<MediaReply, MediaFault>, cx: &mut Context<'_>) {
        let State::Ending(ending) = &mut self.state else {
            return self.absorb("Closed", cx);
        };
        ending.closing = false;
        if let Ok(MediaReply::Closed(statistics)) = result
            && (self.media.is_some() || statistics != Statistics::default())
        {
            ending.ended.statistics = Some(statistics);
        }
        self.finish(cx);
    }

    /// Begins the end. The state may have been taken out already by whoever found that the call cannot go on.
    pub(super) fn end(
        &mut self,
        mut ended: Ended,
        by: Arc<str>,
        intent: Option<LegIntent>,
        cx: &mut Context<'_>,
    ) {
        self.undecided = None;
        ended.duration = self.connected.map(|at| cx.now.mono.since(at.mono));
        let by = if by.is_empty() { Arc::clone(&self.initiated_by) } else { by };
        let closing = std::mem::take(&mut self.endpoint);
        let ending = Ending { ended, by, closing };
        let before = std::mem::replace(&mut self.state, State::Ending(Box::new(ending)));
        if let Some(intent) = intent.filter(|_| self.leg) {
            cx.out.push(Action::Leg(intent));
        }
        if closing {
            self.ask(Asked::Close, MediaRequest::Close, cx);
        }
        cx.out.push(Action::Timer(None));
        if let Some((operation, by)) = abandoned(before) {
            self.complete(operation, Outcome::SessionEnded, &by, cx);
        }
        self.leave_at_the_end(cx);
        self.finish(cx);
    }

    /// Ends the end, when leg and endpoint are gone and no bridge in the making keeps it: whether it has a join to tell as
    /// over is known when that is made or given up.
    pub(super) fn finish(&mut self, cx: &mut Context<'_>) {
        let closing = match &self.state {
            State::Ending(ending) => ending.closing,
            _ => true,
        };
        if closing || self.leg || self.running.as_ref().is_some_and(|running| running.reserved.is_some()) {
            return;
        }
        self.flush(cx);
        self.tell_suppressed(true, cx);
        if let State::Ending(ending) = self.take_state() {
            let Ending { ended, by, .. } = *ending;
            self.emit(&by, EventPayload::Ended(Box::new(ended)), cx);
            cx.out.push(Action::Over);
        }
    }

    /// Tells as over what still runs.
    fn flush(&mut self, cx: &mut Context<'_>) {
        let Some(running) = self.running.take() else { return };
        for playback in running.playbacks {
            let ended = EventPayload::PlaybackEnded {
                playback: playback.id,
                cause: PlaybackCause::SessionEnded,
                reason: String::new(),
                played: Duration::ZERO,
            };
            self.emit(&playback.by, ended, cx);
        }
        if let Some(by) = running.dtmf {
            self.complete(Operation::SendDtmf, Outcome::SessionEnded, &by.by, cx);
        }
        for mute in running.mutes {
            self.complete(Operation::Mute, Outcome::SessionEnded, &mute.command.by, cx);
        }
        if let Some(bridging) = running.bridging {
            let operation = bridging.operation();
            if let Some(mode) = bridging.join {
                let bridge = bridging.bridge;
                cx.out.push(Action::Bridge { bridge, mode, membership: Membership::NotJoined });
            }
            self.complete(operation, Outcome::SessionEnded, &bridging.by, cx);
        }
        for request in running.requests {
            self.complete(request.operation, Outcome::SessionEnded, &request.by, cx);
        }
    }

    pub(super) fn complete(
        &mut self,
        operation: Operation,
        outcome: Outcome,
        by: &Arc<str>,
        cx: &mut Context<'_>,
    ) {
        self.complete_with(operation, outcome, Farewell::default(), by, cx);
    }

    /// An operation that media made fail.
    pub(super) fn complete_failed(
        &mut self,
        operation: Operation,
        fault: &MediaFault,
        by: &Arc<str>,
        cx: &mut Context<'_>,
    ) {
        let farewell = Farewell { phrase: fault.to_string(), ..Farewell::default() };
        self.complete_with(operation, Outcome::Failed, farewell, by, cx);
    }

    pub(super) fn complete_with(
        &mut self,
        operation: Operation,
        outcome: Outcome,
        farewell: Farewell,
        by: &Arc<str>,
        cx: &mut Context<'_>,
    ) {
        let Farewell { status, phrase, retry_after, body, .. } = farewell;
        let body = body.map(Box::new);
        let payload =
            EventPayload::OperationCompleted { operation, outcome, status, phrase, retry_after, body };
        self.emit(by, payload, cx);
    }
}

/// The operation that a state carries, if it ends with an event of its own.
fn abandoned(state: State) -> Option<(Operation, Arc<str>)> {
    match state {
        State::Inbound(Inbound::AwaitingEarlyMedia(waiting)) => Some((Operation::EarlyMedia, waiting.by)),
        State::Up(Up::MakingReoffer(reoffer) | Up::ReofferSent(reoffer) | Up::ApplyingReoffer(reoffer)) => {
            Some((reoffer.operation, reoffer.by))
        }
        State::Up(
            Up::AnsweringPeer { then: Some(reoffer), .. }
            | Up::AwaitingReofferAck { then: Some(reoffer), .. }
            | Up::ApplyingPeerAnswer { then: Some(reoffer), .. },
        ) => Some((reoffer.operation, reoffer.by)),
        State::Inbound(_) | State::Outbound(_) | State::Up(_) | State::Ending(_) | State::Over => None,
    }
}
