//! Carrying what one floor says to the next, until none has anything to say.

use super::io::Output;
use super::offers::MediaAsk;
use super::refused::Fallback;
use super::{Shard, SlotId};
use crate::dialog;
use crate::ground::Now;
use crate::ground::leg::{LegEvent, LegFailure, LegId, LegIntent};
use crate::session::event::PassedOn;
use crate::session::media::MediaError;
use crate::session::{Action, Context, MediaFault, Session, SessionTimer};
use crate::transaction;

impl Shard {
    /// Carries until all floors are silent.
    pub(super) fn carry(&mut self, now: Now) {
        loop {
            if let Some(output) = self.transactions.poll_output() {
                match output {
                    transaction::Output::Transmit { flow, bytes, tag } => {
                        self.outputs.push_back(Output::Transmit { flow, bytes, tag });
                    }
                    transaction::Output::ToUser(event) => self.transaction_event(event, now),
                }
            } else if let Some(output) = self.legs.poll_output() {
                match output {
                    dialog::Output::Event { leg, event } => self.leg_event(leg, event, now),
                    dialog::Output::Resolve { query, host, port, transport, asker } => {
                        self.outputs.push_back(Output::Resolve { query, host, port, transport, asker });
                    }
                }
            } else {
                return;
            }
        }
    }

    fn leg_event(&mut self, leg: LegId, event: LegEvent, now: Now) {
        if let LegEvent::Invited(invited) = event {
            return self.invited(leg, *invited, now);
        }
        let Some(slot) = self.slots.of_leg(leg) else {
            // The leg of a call that was refused at once.
            return self.counters.absorbed += 1;
        };
        match &event {
            LegEvent::Ended => self.slots.unbind(leg),
            LegEvent::Confirmed { .. } => {
                if let Some(call) = self.slots.get_mut(slot).and_then(|entry| entry.unconfirmed.take()) {
                    self.sources.confirmed(call, now.mono);
                }
            }
            _ => {}
        }
        let confirmed = matches!(event, LegEvent::Confirmed { .. });
        self.with_session(slot, now, |session, cx| session.leg(event, cx));
        if confirmed {
            self.tell_reached(slot, now);
        }
    }

    /// Gives a session an input and does what it wants done. Nothing happens when it is over.
    pub(super) fn with_session<T>(
        &mut self,
        slot: SlotId,
        now: Now,
        input: impl FnOnce(&mut Session, &mut Context<'_>) -> T,
    ) -> Option<T> {
        let result = self.step(slot, now, input)?;
        self.act(slot, now);
        Some(result)
    }

    /// Gives a session an input; what it wants done waits in the outbox.
    pub(super) fn step<T>(
        &mut self,
        slot: SlotId,
        now: Now,
        input: impl FnOnce(&mut Session, &mut Context<'_>) -> T,
    ) -> Option<T> {
        let entry = self.slots.get_mut(slot)?;
        let mut cx = Context {
            now,
            settings: &self.settings.sessions,
            random: &mut self.random,
            out: &mut self.outbox,
        };
        Some(input(&mut entry.session, &mut cx))
    }

    /// Does what the session in this slot wants done.
    pub(super) fn act(&mut self, slot: SlotId, now: Now) {
        while let Some(action) = self.outbox.poll() {
            match action {
                Action::Leg(intent) => self.leg_intent(slot, intent, now),
                Action::Media { asked, call_id, body } => {
                    self.ask_media_or_wait(slot, MediaAsk { asked, call_id, body }, now);
                }
                Action::Event(event) => {
                    let Some(entry) = self.slots.get(slot) else { continue };
                    let engine = entry.session.engine();
                    // A session that no engine owns has nobody to tell.
                    if !engine.id.is_empty() {
                        self.counters.events += 1;
                        self.outputs.push_back(Output::Event { engine: engine.clone(), event });
                    }
                }
                Action::Timer(timer) => self.set_timer(slot, timer),
                Action::Bridge { bridge, mode, membership } => {
                    let Some(entry) = self.slots.get(slot) else { continue };
                    let session = entry.session.id().clone();
                    self.outputs.push_back(Output::BridgeChanged { bridge, mode, session, membership });
                }
                Action::Suppressed => self.counters.events_suppressed += 1,
                Action::Absorbed(_) => self.counters.absorbed += 1,
                Action::Over => self.over(slot, now),
            }
        }
        self.note_end_of_wait(slot, now);
        self.note_unsettled(slot, now);
    }

    fn leg_intent(&mut self, slot: SlotId, intent: LegIntent, now: Now) {
        let leg = match self.slots.get(slot).and_then(|entry| entry.leg) {
            Some(leg) => leg,
            None if matches!(intent, LegIntent::Invite(_)) => match self.legs.open() {
                Ok(leg) => {
                    self.slots.bind(slot, leg);
                    leg
                }
                Err(_) => {
                    self.step(slot, now, |session, cx| {
                        let reason = "there are as many calls as there may be".into();
                        session.leg(LegEvent::Failed { failure: LegFailure::Limit, reason }, cx);
                        session.leg(LegEvent::Ended, cx);
                    });
                    return;
                }
            },
            // The leg has ended; its session is about to hear of it or has.
            None => return self.counters.absorbed += 1,
        };
        let fallback = Fallback::of(&intent);
        if let Err(error) = self.legs.intent(leg, intent, &mut self.transactions, now) {
            self.intent_refused((slot, leg), fallback, &error, now);
        }
    }

    fn set_timer(&mut self, slot: SlotId, timer: Option<(SessionTimer, crate::ground::Instant)>) {
        let Some(entry) = self.slots.get_mut(slot) else { return };
        if let Some(handle) = entry.timer.take() {
            self.timers.remove(handle);
        }
        entry.timer = timer.map(|(timer, at)| self.timers.insert((slot, timer), at));
    }

    pub(super) fn session_timer(&mut self, slot: SlotId, timer: SessionTimer, now: Now) {
        let Some(entry) = self.slots.get_mut(slot) else { return };
        entry.timer = None;
        if timer == SessionTimer::Decision {
            self.note_lapse(slot, now);
            if self.pass_on(slot, PassedOn::Undecided, now) {
                return;
            }
        }
        let Some(entry) = self.slots.get(slot) else { return };
        let policy = self.settings.policy(&entry.session.engine().group).refusal;
        self.with_session(slot, now, |session, cx| session.timer(timer, policy, cx));
    }

    fn over(&mut self, slot: SlotId, now: Now) {
        self.set_timer(slot, None);
        self.note_end_of_wait(slot, now);
        let Some(mut entry) = self.slots.remove(slot) else { return };
        if let Some(call) = entry.unconfirmed.take() {
            self.sources.over(call);
        }
        self.groups.over(entry.session.engine(), entry.session.is_outbound());
        self.counters.sessions_over += 1;
        let session = entry.session.id().clone();
        self.outputs.push_back(Output::SessionClosed { session });
    }

    pub(super) fn ask_media(&mut self, slot: SlotId, ask: MediaAsk, now: Now) {
        let MediaAsk { asked, call_id, body } = ask;
        let Some(entry) = self.slots.get(slot) else { return };
        match self.pending.ask(slot, asked, now.mono) {
            Ok(request) => {
                self.counters.media_requests += 1;
                let session = entry.session.id().clone();
                let peer = self.signaled_peer(entry);
                self.outputs.push_back(Output::Media { request, session, call_id, peer, body });
            }
            Err(asked) => {
                self.counters.media_refused += 1;
                let error = MediaError::Limit("requests that wait for media".into());
                self.step(slot, now, |session, cx| {
                    session.media_reply(asked, Err(MediaFault::Refused(error)), cx);
                });
            }
        }
    }
}
