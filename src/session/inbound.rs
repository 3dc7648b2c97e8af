//! An incoming call from its INVITE to its ACK (RFC 3261 §13.3), with early media and with the offer left to us.

use std::sync::Arc;

use super::action::{Action, Context, MediaFault, SessionTimer};
use super::command::{CallLimits, CommandError, EngineRef};
use super::ending::Rejection;
use super::event::{CallDirection, EndCause, Ended, EventPayload, Hold, IncomingCall, Operation, Outcome};
use super::media::{MediaPreferences, NegotiationStep};
use super::negotiation::{Reply, kept};
use super::state::{Answering, EarlyMedia, Extras, Inbound, State, Up};
use super::{Call, Refusal, Session, failure, view};
use crate::ground::leg::{Invited, LegEvent, LegIntent};
use crate::ground::{Description, HeaderField, SessionId};

impl Session {
    /// A call came in, and this engine is to decide about it.
    #[must_use]
    pub fn incoming(id: SessionId, engine: EngineRef, invited: Invited, cx: &mut Context<'_>) -> Self {
        let has_offer = invited.offer.is_some();
        let call = Box::new(Call {
            direction: CallDirection::Inbound,
            from: invited.from,
            to: invited.to,
            request_uri: invited.request_uri,
            call_id: invited.call_id,
            max_forwards: invited.max_forwards,
            created_at: cx.now.wall,
            parent: None,
        });
        let state = State::Inbound(Inbound::Waiting { offer: invited.offer });
        let mut session = Self::new(id, engine, call, state, cx);
        session.leg = true;
        let decide_by = cx.now.mono + cx.settings.decision_timeout;
        cx.out.push(Action::Timer(Some((SessionTimer::Decision, decide_by))));
        let incoming = IncomingCall {
            session: session.view_with_next_event(),
            request_user: invited.request_user,
            fields: invited.fields,
            source: invited.source,
            has_offer,
            body: invited.body,
        };
        let incoming = Arc::new(incoming);
        session.undecided = Some(Arc::clone(&incoming));
        session.tell(EventPayload::IncomingCall(incoming), cx);
        session
    }

    pub(super) fn new(
        id: SessionId,
        engine: EngineRef,
        call: Box<Call>,
        state: State,
        cx: &Context<'_>,
    ) -> Self {
        Self {
            id,
            engine,
            call,
            revision: 0,
            generation: 0,
            state,
            alerted: false,
            undecided: None,
            peer_events: super::told::PeerEvents::default(),
            hold: Hold::default(),
            muted: false,
            muted_in_media: false,
            mute_unsure: false,
            endpoint: false,
            leg: false,
            bridge: None,
            media: None,
            preferences: None,
            connected: None,
            max_duration: cx.settings.max_duration,
            initiated_by: Arc::clone(cx.out.unmarked()),
            running: None,
            keys_given: 0,
        }
    }

    /// The engine has decided to let it ring: from here on another clock runs.
    fn decided(&mut self, cx: &mut Context<'_>) {
        self.undecided = None;
        if !self.alerted {
            self.alerted = true;
            let answer_by = cx.now.mono + cx.settings.alerting_timeout;
            cx.out.push(Action::Timer(Some((SessionTimer::Ring, answer_by))));
        }
    }

    pub(super) fn ring(
        &mut self,
        status: u16,
        fields: Vec<HeaderField>,
        by: &Arc<str>,
        cx: &mut Context<'_>,
    ) {
        self.decided(cx);
        cx.out.push(Action::Leg(LegIntent::Provisional { status, description: None, fields }));
        self.emit(by, EventPayload::Ringing { status }, cx);
    }

    /// An offer of ours may not stand in a 183 that is not sent reliably (RFC 3261 §13.2.1): where the caller left the
    /// offer to us there is no early media.
    pub(super) fn early_media(
        &mut self,
        preferences: MediaPreferences,
        fields: Vec<HeaderField>,
        by: Arc<str>,
        cx: &mut Context<'_>,
    ) -> Result<(), CommandError> {
        let offer = match &mut self.state {
            State::Inbound(Inbound::Waiting { offer }) => offer.take().ok_or(CommandError::NoMedia)?,
            _ => return Err(CommandError::NoMedia),
        };
        self.undecided = None;
        if !self.alerted {
            let answer_by = cx.now.mono + cx.settings.alerting_timeout;
            cx.out.push(Action::Timer(Some((SessionTimer::Ring, answer_by))));
        }
        self.preferences = kept(preferences);
        let generation = self.next_generation();
        let waiting = EarlyMedia { generation, offer: offer.clone(), fields, by };
        self.state = State::Inbound(Inbound::AwaitingEarlyMedia(Box::new(waiting)));
        self.negotiate(generation, NegotiationStep::AnswerOffer(offer), cx);
        Ok(())
    }

    pub(super) fn answer(
        &mut self,
        preferences: MediaPreferences,
        extras: Extras,
        limits: CallLimits,
        by: Arc<str>,
        cx: &mut Context<'_>,
    ) {
        self.undecided = None;
        self.initiated_by = by;
        self.max_duration = limits.max_duration.or(self.max_duration);
        cx.out.push(Action::Timer(None));
        match self.take_state() {
            State::Inbound(Inbound::Waiting { offer }) => {
                self.preferences = kept(preferences);
                let generation = self.next_generation();
                let makes_offer = offer.is_none();
                let answering = Answering { generation, makes_offer, extras };
                self.state = State::Inbound(Inbound::AwaitingAnswerMedia(Box::new(answering)));
                match offer {
                    // The 200 goes out with the reply: nothing but the call's end can come between.
                    Some(offer) => {
                        let step = NegotiationStep::AnswerOffer(offer);
                        self.negotiate_to_commit(generation, None, step, cx);
                    }
                    None => self.negotiate(generation, NegotiationStep::MakeOffer, cx),
                }
            }
            // The answer has gone with the 183; the leg repeats it.
            _ => {
                self.state = State::Inbound(Inbound::AwaitingAck { offered: None });
                let Extras { fields, body } = extras;
                cx.out.push(Action::Leg(LegIntent::Accept { description: None, fields, body }));
            }
        }
    }

    pub(super) fn reject(&mut self, rejection: Rejection, by: Arc<str>, cx: &mut Context<'_>) {
        let ended = Ended {
            status: rejection.status,
            phrase: rejection.phrase.clone().unwrap_or_else(|| failure::phrase_of(rejection.status)),
            ..Ended::with_cause(failure::cause_of_status(rejection.status))
        };
        self.end(ended, by, Some(rejection.into_intent()), cx);
    }

    pub(super) fn redirect(
        &mut self,
        status: u16,
        contacts: Vec<String>,
        fields: Vec<HeaderField>,
        by: Arc<str>,
        cx: &mut Context<'_>,
    ) {
        let ended = Ended {
            status,
            phrase: failure::phrase_of(status),
            contacts: contacts.clone(),
            ..Ended::with_cause(EndCause::Redirected)
        };
        let (phrase, retry_after, mismatch, body) = (None, None, None, None);
        let intent = LegIntent::Reject { status, phrase, contacts, retry_after, mismatch, fields, body };
        self.end(ended, by, Some(intent), cx);
    }

    /// The engine did not decide in time.
    pub(super) fn undecided(&mut self, policy: Refusal, cx: &mut Context<'_>) {
        match self.state {
            State::Inbound(Inbound::Waiting { .. }) if !self.alerted => {
                self.refuse(Ended::with_cause(EndCause::NoEngine), policy, cx);
            }
            _ => self.absorb("the decision timer", cx),
        }
    }

    pub(super) fn inbound_negotiated(&mut self, state: Inbound, reply: Reply, cx: &mut Context<'_>) {
        match state {
            Inbound::AwaitingEarlyMedia(waiting) if waiting.generation == reply.generation => {
                self.early_media_negotiated(*waiting, reply, cx);
            }
            Inbound::AwaitingAnswerMedia(answering) if answering.generation == reply.generation => {
                self.answer_negotiated(*answering, reply, cx);
            }
            Inbound::ApplyingAckAnswer { generation } if generation == reply.generation => {
                match reply.result.and_then(super::negotiation::Negotiated::facts) {
                    Ok(facts) => {
                        self.settle(facts, false);
                        self.commit(generation, None, cx);
                        self.connect(Extras::default(), cx);
                    }
                    Err(fault) => self.hang_up(Ended::by_media(&fault), cx),
                }
            }
            other => {
                self.state = State::Inbound(other);
                self.absorb("Negotiated", cx);
            }
        }
    }

    fn early_media_negotiated(&mut self, waiting: EarlyMedia, reply: Reply, cx: &mut Context<'_>) {
        match reply.result.and_then(super::negotiation::Negotiated::answer) {
            Ok((answer, facts)) => {
                self.state = State::Inbound(Inbound::EarlyMedia);
                self.alerted = true;
                cx.out.push(Action::Leg(LegIntent::Provisional {
                    status: 183,
                    description: Some(answer),
                    fields: waiting.fields,
                }));
                self.settle(facts, false);
                self.commit(waiting.generation, None, cx);
                self.emit(&waiting.by, EventPayload::Ringing { status: 183 }, cx);
                self.complete(Operation::EarlyMedia, Outcome::Succeeded, &waiting.by, cx);
            }
            Err(fault) => {
                self.state = State::Inbound(Inbound::Waiting { offer: Some(waiting.offer) });
                if fault == MediaFault::TimedOut {
                    self.roll_back(waiting.generation, cx);
                }
                self.complete_failed(Operation::EarlyMedia, &fault, &waiting.by, cx);
            }
        }
    }

    fn answer_negotiated(&mut self, answering: Answering, reply: Reply, cx: &mut Context<'_>) {
        let Answering { generation, makes_offer, extras: Extras { fields, body } } = answering;
        let described = reply.result.and_then(|negotiated| {
            if makes_offer {
                Ok((negotiated.offer()?, None))
            } else {
                negotiated.answer().map(|(d, f)| (d, Some(f)))
            }
        });
        let (description, facts) = match described {
            Ok(described) => described,
            Err(fault) => {
                let refusal = failure::refusal_for(&fault, cx.settings);
                return self.refuse(Ended::by_media(&fault), refusal, cx);
            }
        };
        let offered = makes_offer.then_some(generation);
        self.state = State::Inbound(Inbound::AwaitingAck { offered });
        cx.out.push(Action::Leg(LegIntent::Accept { description: Some(description), fields, body }));
        if let Some(facts) = facts {
            self.settle(facts, false);
        }
    }

    pub(super) fn inbound_leg(&mut self, state: Inbound, event: LegEvent, cx: &mut Context<'_>) {
        match (state, event) {
            (Inbound::AwaitingAck { offered: None }, LegEvent::Confirmed { answer: None }) => {
                self.connect(Extras::default(), cx);
            }
            (
                Inbound::AwaitingAck { offered: Some(generation) },
                LegEvent::Confirmed { answer: Some(answer) },
            ) => {
                self.apply_ack_answer(generation, answer, cx);
            }
            (Inbound::AwaitingAck { offered: Some(_) }, LegEvent::Confirmed { answer: None }) => {
                let ended = Ended {
                    phrase: "the ACK brought no answer to the offer in our 200".into(),
                    ..Ended::with_cause(EndCause::MediaFailure)
                };
                self.hang_up(ended, cx);
            }
            // An answer where ours stood already is not one (RFC 3261 §13.2.1): the call is up without it.
            (Inbound::AwaitingAck { offered: None }, LegEvent::Confirmed { answer: Some(_) }) => {
                self.connect(Extras::default(), cx);
                self.absorb("an answer in the ACK to an answer", cx);
            }
            (state @ Inbound::ApplyingAckAnswer { .. }, LegEvent::Reoffered { offer }) => {
                self.state = State::Inbound(state);
                self.keep_reinvite(offer, cx);
            }
            (state, LegEvent::Reoffered { .. }) => {
                self.state = State::Inbound(state);
                self.refuse_reoffer_while_busy(cx);
            }
            (state, event) => {
                self.state = State::Inbound(state);
                self.absorb(view::name_of(&event), cx);
            }
        }
    }

    fn apply_ack_answer(&mut self, generation: u64, answer: Description, cx: &mut Context<'_>) {
        self.state = State::Inbound(Inbound::ApplyingAckAnswer { generation });
        self.negotiate(generation, NegotiationStep::ApplyAnswer(answer), cx);
    }

    /// The call is up. A re-INVITE that came on the heels of the ACK is answered now.
    pub(super) fn connect(&mut self, extras: Extras, cx: &mut Context<'_>) {
        self.state = State::Up(Up::Idle);
        self.connected = Some(cx.now);
        let end_at = self.max_duration.map(|max| (SessionTimer::Duration, cx.now.mono + max));
        cx.out.push(Action::Timer(end_at));
        let by = std::mem::replace(&mut self.initiated_by, Arc::clone(cx.out.unmarked()));
        let Extras { fields, body } = extras;
        let (media, body) = (self.media.clone(), body.map(Box::new));
        self.emit(&by, EventPayload::Connected { media, fields, body }, cx);
        self.go_on(None, cx);
    }
}
