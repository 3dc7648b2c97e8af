//! An outbound call from its offer to its ACK (RFC 3261 §13.2), also with the offer left to the callee. Its forks are
//! `forks.rs`'s.

use std::sync::Arc;
use std::time::Duration;

use super::action::{Action, Context, SessionTimer};
use super::command::{Create, EngineRef};
use super::event::{CallDirection, Ended, EventPayload};
use super::forks::Accepted;
use super::media::NegotiationStep;
use super::negotiation::{Negotiated, Reply, kept};
use super::state::{Calling, Extras, HeldProgress, Outbound, State};
use super::{Call, Session, view};
use crate::ground::SessionId;
use crate::ground::leg::{Invite, LegEvent, LegIntent};

/// What makes an outbound session, its addresses checked and completed.
#[derive(Clone, Debug, PartialEq)]
pub struct Outgoing {
    /// As the engine asked. An empty From or To has been filled in.
    pub create: Create,
    /// The Call-ID, drawn so that it falls to this shard.
    pub call_id: String,
    /// The preloaded Route set.
    pub routes: Vec<String>,
}

impl Session {
    /// An engine calls somebody. Its command is answered by [`Session::done`].
    #[must_use]
    pub fn outgoing(
        id: SessionId,
        engine: EngineRef,
        outgoing: Outgoing,
        by: Arc<str>,
        cx: &mut Context<'_>,
    ) -> Self {
        let Outgoing { create, call_id, routes } = outgoing;
        let call = Box::new(Call {
            direction: CallDirection::Outbound,
            from: create.from.clone(),
            to: create.to.clone(),
            request_uri: create.target.clone(),
            call_id: call_id.clone(),
            max_forwards: create.max_forwards,
            created_at: cx.now.wall,
            parent: create.parent,
        });
        let invite = Box::new(Invite {
            target: create.target,
            from: create.from,
            to: create.to,
            call_id,
            routes,
            max_forwards: create.max_forwards,
            offer: None,
            fields: create.fields,
        });
        let ring_timeout = create.limits.ring_timeout.unwrap_or(cx.settings.ring_timeout);
        let state = State::Outbound(Outbound::AwaitingOfferMedia { generation: 0, invite, ring_timeout });
        let mut session = Self::new(id, engine, call, state, cx);
        session.max_duration = create.limits.max_duration.or(session.max_duration);
        session.preferences = kept(create.media);
        session.initiated_by = Arc::clone(&by);
        let view = session.view_with_next_event();
        session.emit(&by, EventPayload::Created(Box::new(view)), cx);
        session.begin(create.delayed_offer, cx);
        session
    }

    /// Media makes the offer; one that is left to the callee needs none.
    fn begin(&mut self, delayed_offer: bool, cx: &mut Context<'_>) {
        let State::Outbound(Outbound::AwaitingOfferMedia { invite, ring_timeout, .. }) = self.take_state()
        else {
            return;
        };
        if delayed_offer {
            return self.call(0, invite, ring_timeout, cx);
        }
        let generation = self.next_generation();
        self.state = State::Outbound(Outbound::AwaitingOfferMedia { generation, invite, ring_timeout });
        self.negotiate(generation, NegotiationStep::MakeOffer, cx);
    }

    fn call(&mut self, generation: u64, invite: Box<Invite>, ring_timeout: Duration, cx: &mut Context<'_>) {
        self.state = State::Outbound(Outbound::Calling(Box::new(Calling { generation, forks: Vec::new() })));
        self.leg = true;
        cx.out.push(Action::Leg(LegIntent::Invite(invite)));
        cx.out.push(Action::Timer(Some((SessionTimer::Ring, cx.now.mono + ring_timeout))));
    }

    pub(super) fn outbound_negotiated(&mut self, state: Outbound, reply: Reply, cx: &mut Context<'_>) {
        match state {
            Outbound::AwaitingOfferMedia { generation, mut invite, ring_timeout }
                if generation == reply.generation =>
            {
                match reply.result.and_then(Negotiated::offer) {
                    Ok(offer) => {
                        invite.offer = Some(offer);
                        self.call(generation, invite, ring_timeout, cx);
                    }
                    Err(fault) => self.hang_up(Ended::by_media(&fault), cx),
                }
            }
            Outbound::Calling(calling) if calling.generation == reply.generation => {
                self.fork_negotiated(calling, reply, cx);
            }
            Outbound::ApplyingAnswer(winner) if winner.awaits(&reply) => {
                self.winner_negotiated(*winner, reply, cx);
            }
            Outbound::AnsweringOffer { generation, extras } if generation == reply.generation => {
                match reply.result.and_then(Negotiated::answer) {
                    Ok((answer, facts)) => {
                        cx.out.push(Action::Leg(LegIntent::Acknowledge { answer: Some(answer) }));
                        self.settle(facts, false);
                        self.commit(generation, None, cx);
                        self.connect(extras, cx);
                    }
                    Err(fault) => {
                        // The leg acknowledges without an answer and says BYE.
                        let by = Arc::clone(cx.out.unmarked());
                        let intent = LegIntent::Acknowledge { answer: None };
                        self.end(Ended::by_media(&fault), by, Some(intent), cx);
                    }
                }
            }
            other => {
                self.state = State::Outbound(other);
                self.absorb("Negotiated", cx);
            }
        }
    }

    pub(super) fn outbound_leg(&mut self, state: Outbound, event: LegEvent, cx: &mut Context<'_>) {
        match (state, event) {
            (
                Outbound::Calling(calling),
                LegEvent::Provisional { remote, status, phrase, answer, fields, body },
            ) => {
                self.alerted = true;
                let extras = Extras { fields, body: body.map(|body| *body) };
                self.provisional(calling, remote, HeldProgress { status, phrase, extras }, answer, cx);
            }
            (Outbound::Calling(calling), LegEvent::Accepted { remote, answer, offer, fields, body }) => {
                let extras = Extras { fields, body: body.map(|body| *body) };
                self.accepted(*calling, Accepted { remote, answer, offer, extras }, cx);
            }
            (state @ Outbound::ApplyingAnswer(_), LegEvent::Reoffered { offer }) => {
                self.state = State::Outbound(state);
                self.keep_reinvite(offer, cx);
            }
            (state, LegEvent::Reoffered { .. }) => {
                self.state = State::Outbound(state);
                self.refuse_reoffer_while_busy(cx);
            }
            (state, event) => {
                self.state = State::Outbound(state);
                self.absorb(view::name_of(&event), cx);
            }
        }
    }
}
