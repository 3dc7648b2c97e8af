//! A call that is up: our offer/answer operations, the peer's, one at a time (RFC 3261 §14, RFC 3264 §8).

use std::sync::Arc;

use super::action::{Action, Context, MediaFault};
use super::event::{EndCause, Ended, EventPayload, Operation, Outcome};
use super::media::{MediaError, MediaFacts, MediaPreferences, NegotiationStep};
use super::negotiation::{Negotiated, Reply, direction, kept};
use super::settings::Refusal;
use super::state::{Reinvited, Reoffer, State, Up};
use super::{Session, failure, view};
use crate::ground::Description;
use crate::ground::leg::{Farewell, LegEvent, LegIntent, Unanswered};

/// The longest Retry-After of a 500 that refuses a re-INVITE because another is under way, seconds (RFC 3261 §14.2).
const BUSY_RETRY_AFTER_MAX: u64 = 10;

impl Session {
    /// Hold, Resume, UpdateMedia.
    pub(super) fn reoffer(
        &mut self,
        operation: Operation,
        preferences: Option<MediaPreferences>,
        by: Arc<str>,
        cx: &mut Context<'_>,
    ) {
        let preferences = match preferences {
            Some(preferences) => kept(preferences),
            None => self.preferences.clone(),
        };
        self.make_reoffer(Box::new(Reoffer { operation, generation: 0, preferences, by }), cx);
    }

    fn make_reoffer(&mut self, mut reoffer: Box<Reoffer>, cx: &mut Context<'_>) {
        let generation = self.next_generation();
        reoffer.generation = generation;
        let holding = self.holding_after(reoffer.operation);
        let preferences = reoffer.preferences.as_deref().cloned().unwrap_or_default();
        self.state = State::Up(Up::MakingReoffer(reoffer));
        self.negotiate_as(generation, direction(holding), preferences, NegotiationStep::MakeOffer, cx);
    }

    /// Whether we hold the peer when the operation has succeeded.
    const fn holding_after(&self, operation: Operation) -> bool {
        match operation {
            Operation::Hold => true,
            Operation::Resume => false,
            _ => self.hold.local,
        }
    }

    pub(super) fn up_negotiated(&mut self, state: Up, reply: Reply, cx: &mut Context<'_>) {
        let generation = reply.generation;
        match state {
            Up::MakingReoffer(reoffer) if reoffer.generation == generation => {
                match reply.result.and_then(Negotiated::offer) {
                    Ok(offer) => {
                        self.state = State::Up(Up::ReofferSent(reoffer));
                        cx.out.push(Action::Leg(LegIntent::Reoffer { offer: Some(offer) }));
                    }
                    Err(fault) => self.reoffer_failed(&reoffer, &fault, cx),
                }
            }
            Up::ApplyingReoffer(reoffer) if reoffer.generation == generation => {
                match reply.result.and_then(Negotiated::facts) {
                    Ok(facts) => self.reoffer_done(*reoffer, facts, cx),
                    Err(fault) => self.reoffer_failed(&reoffer, &fault, cx),
                }
            }
            Up::AnsweringPeer { generation: awaited, makes_offer, then } if awaited == generation => {
                self.peer_negotiated(generation, makes_offer, then, reply, cx);
            }
            Up::ApplyingPeerAnswer { generation: awaited, then } if awaited == generation => {
                match reply.result.and_then(Negotiated::facts) {
                    Ok(facts) => self.peer_done(generation, facts, Up::Idle, cx),
                    Err(_) => self.give_up_negotiation(generation, cx),
                }
                self.go_on(then, cx);
            }
            other => {
                self.state = State::Up(other);
                self.absorb("Negotiated", cx);
            }
        }
    }

    /// Our operation is done: what was agreed is put into force.
    fn reoffer_done(&mut self, reoffer: Reoffer, facts: Box<MediaFacts>, cx: &mut Context<'_>) {
        let Reoffer { operation, generation, preferences, by } = reoffer;
        self.state = State::Up(Up::Idle);
        self.commit(generation, None, cx);
        self.preferences = preferences;
        if self.settle(facts, self.holding_after(operation)) {
            self.tell_media_changed(&by, false, cx);
        }
        self.complete(operation, Outcome::Succeeded, &by, cx);
        self.go_on(None, cx);
    }

    /// Media could not go on with our operation: what was in force stays.
    fn reoffer_failed(&mut self, reoffer: &Reoffer, fault: &MediaFault, cx: &mut Context<'_>) {
        self.give_up_negotiation(reoffer.generation, cx);
        self.complete_failed(reoffer.operation, fault, &reoffer.by, cx);
        self.go_on(None, cx);
    }

    /// The peer accepted our offer and gave no answer: what was in force stays.
    fn reoffer_unanswered(&mut self, reoffer: &Reoffer, cx: &mut Context<'_>) {
        let fault = MediaError::BadAnswer("the 200 has no description".into());
        self.reoffer_failed(reoffer, &MediaFault::Refused(fault), cx);
    }

    fn give_up_negotiation(&mut self, generation: u64, cx: &mut Context<'_>) {
        self.state = State::Up(Up::Idle);
        self.roll_back(generation, cx);
    }

    fn tell_media_changed(&mut self, by: &Arc<str>, by_peer: bool, cx: &mut Context<'_>) {
        let changed = EventPayload::MediaChanged { media: self.media.clone(), hold: self.hold, by_peer };
        self.emit(by, changed, cx);
    }

    pub(super) fn up_leg(&mut self, state: Up, event: LegEvent, cx: &mut Context<'_>) {
        match (state, event) {
            (Up::ReofferSent(reoffer), LegEvent::ReofferAccepted { answer: Some(answer), .. }) => {
                self.reoffer_accepted(reoffer, answer, cx);
            }
            (Up::ReofferSent(reoffer), LegEvent::ReofferAccepted { answer: None, offer: None }) => {
                self.reoffer_unanswered(&reoffer, cx);
            }
            (Up::ReofferSent(reoffer), LegEvent::ReofferAccepted { answer: None, offer: Some(_) }) => {
                // The leg's to prevent: there is no negotiation to go on with.
                self.state = State::Up(Up::ReofferSent(reoffer));
                self.hang_up(Ended::with_cause(EndCause::Internal), cx);
            }
            (Up::ReofferSent(reoffer), LegEvent::ReofferRefused(farewell)) => {
                self.reoffer_over(&reoffer, Ok(farewell), cx);
            }
            (Up::ReofferSent(reoffer), LegEvent::ReofferFailed(unanswered)) => {
                self.reoffer_over(&reoffer, Err(unanswered), cx);
            }
            (Up::Idle, LegEvent::Reoffered { offer }) => self.answer_peer(offer, None, cx),
            // Ours waits out a 491, and the peer's takes its place.
            (Up::ReofferSent(reoffer), LegEvent::Reoffered { offer }) => {
                self.roll_back(reoffer.generation, cx);
                self.answer_peer(offer, Some(reoffer), cx);
            }
            (
                state @ (Up::ApplyingReoffer(_) | Up::ApplyingPeerAnswer { .. }),
                LegEvent::Reoffered { offer },
            ) => {
                self.state = State::Up(state);
                self.keep_reinvite(offer, cx);
            }
            (state, LegEvent::Reoffered { .. }) => {
                self.state = State::Up(state);
                self.refuse_reoffer_while_busy(cx);
            }
            (Up::AnsweringPeer { generation, then, .. }, LegEvent::ReofferAbandoned)
            | (
                Up::AwaitingReofferAck { offered: Some(generation), then },
                LegEvent::ReofferAbandoned | LegEvent::ReofferConfirmed { answer: None },
            ) => {
                self.give_up_negotiation(generation, cx);
                self.go_on(then, cx);
            }
            (
                Up::AwaitingReofferAck { offered: None, then },
                LegEvent::ReofferConfirmed { .. } | LegEvent::ReofferAbandoned,
            ) => {
                self.state = State::Up(Up::Idle);
                self.go_on(then, cx);
            }
            (
                Up::AwaitingReofferAck { offered: Some(generation), then },
                LegEvent::ReofferConfirmed { answer: Some(answer) },
            ) => {
                self.state = State::Up(Up::ApplyingPeerAnswer { generation, then });
                self.negotiate(generation, NegotiationStep::ApplyAnswer(answer), cx);
            }
            (state, event) => {
                self.state = State::Up(state);
                self.absorb(view::name_of(&event), cx);
            }
        }
    }

    fn reoffer_accepted(&mut self, reoffer: Box<Reoffer>, answer: Description, cx: &mut Context<'_>) {
        let generation = reoffer.generation;
        let holding = self.holding_after(reoffer.operation);
        let preferences = reoffer.preferences.as_deref().cloned().unwrap_or_default();
        self.state = State::Up(Up::ApplyingReoffer(reoffer));
        let step = NegotiationStep::ApplyAnswer(answer);
        self.negotiate_as(generation, direction(holding), preferences, step, cx);
    }

    /// The peer refused our offer or never heard of it: what was in force stays.
    fn reoffer_over(
        &mut self,
        reoffer: &Reoffer,
        outcome: Result<Box<Farewell>, Unanswered>,
        cx: &mut Context<'_>,
    ) {
        self.give_up_negotiation(reoffer.generation, cx);
        let (outcome, farewell) = failure::outcome_of_request(outcome);
        self.complete_with(reoffer.operation, outcome, farewell, &reoffer.by, cx);
    }

    /// The peer's re-INVITE came.
    fn answer_peer(&mut self, offer: Option<Description>, then: Option<Box<Reoffer>>, cx: &mut Context<'_>) {
        let generation = self.next_generation();
        let makes_offer = offer.is_none();
        self.state = State::Up(Up::AnsweringPeer { generation, makes_offer, then });
        let step = offer.map_or(NegotiationStep::MakeOffer, NegotiationStep::AnswerOffer);
        self.negotiate(generation, step, cx);
    }

    fn peer_negotiated(
        &mut self,
        generation: u64,
        makes_offer: bool,
        then: Option<Box<Reoffer>>,
        reply: Reply,
        cx: &mut Context<'_>,
    ) {
        if makes_offer {
            match reply.result.and_then(Negotiated::offer) {
                Ok(description) => {
                    self.state = State::Up(Up::AwaitingReofferAck { offered: Some(generation), then });
                    cx.out.push(Action::Leg(LegIntent::AnswerReoffer { description }));
                }
                Err(fault) => self.refuse_peer(generation, &fault, then, cx),
            }
            return;
        }
        match reply.result.and_then(Negotiated::answer) {
            Ok((description, facts)) => {
                cx.out.push(Action::Leg(LegIntent::AnswerReoffer { description }));
                self.peer_done(generation, facts, Up::AwaitingReofferAck { offered: None, then }, cx);
            }
            Err(fault) => self.refuse_peer(generation, &fault, then, cx),
        }
    }

    /// What the peer asked for is put into force.
    fn peer_done(&mut self, generation: u64, facts: Box<MediaFacts>, next: Up, cx: &mut Context<'_>) {
        self.state = State::Up(next);
        self.commit(generation, None, cx);
        if self.settle(facts, self.hold.local) {
            let by = Arc::clone(cx.out.unmarked());
            self.tell_media_changed(&by, true, cx);
        }
    }

    fn refuse_peer(
        &mut self,
        generation: u64,
        fault: &MediaFault,
        then: Option<Box<Reoffer>>,
        cx: &mut Context<'_>,
    ) {
        let Refusal { status, retry_after, mismatch } = failure::refusal_for(fault, cx.settings);
        cx.out.push(Action::Leg(LegIntent::RefuseReoffer { status, retry_after, mismatch }));
        self.give_up_negotiation(generation, cx);
        self.go_on(then, cx);
    }

    /// What waits for the exchange that is over: a re-INVITE of the peer's, then our operation whose place one took.
    pub(super) fn go_on(&mut self, then: Option<Box<Reoffer>>, cx: &mut Context<'_>) {
        let reinvited = self.running.as_mut().and_then(|running| running.reinvited.take());
        match (reinvited, then) {
            (Some(Reinvited { offer }), then) => {
                self.rest();
                self.answer_peer(offer, then, cx);
            }
            (None, Some(reoffer)) => self.make_reoffer(reoffer, cx),
            (None, None) => {}
        }
    }

    /// A re-INVITE comes while media applies the answer of an exchange that is over for the peer, which knows nothing of
    /// our media: its turn comes when media is done (RFC 3261 §14.2 refuses only what comes before a final response).
    pub(super) fn keep_reinvite(&mut self, offer: Option<Description>, cx: &mut Context<'_>) {
        let reinvited = &mut self.running.get_or_insert_default().reinvited;
        match reinvited {
            None => *reinvited = Some(Reinvited { offer }),
            Some(_) => self.absorb("a second re-INVITE of the peer's", cx),
        }
    }

    /// The peer takes back a re-INVITE whose turn has not come. Returns whether there was one.
    pub(super) fn forget_reinvite(&mut self) -> bool {
        let reinvited = self.running.as_mut().and_then(|running| running.reinvited.take());
        self.rest();
        reinvited.is_some()
    }

    /// A re-INVITE comes while another offer/answer exchange is under way (RFC 3261 §14.2).
    pub(super) fn refuse_reoffer_while_busy(&mut self, cx: &mut Context<'_>) {
        let retry_after = u32::try_from(cx.random.below(BUSY_RETRY_AFTER_MAX + 1)).ok();
        cx.out.push(Action::Leg(LegIntent::RefuseReoffer { status: 500, retry_after, mismatch: None }));
    }
}
