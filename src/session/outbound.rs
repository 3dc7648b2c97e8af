//! An outbound call from its offer to its ACK (RFC 3261 §13.2), with forked early media and with the offer left to the
//! callee.

use std::sync::Arc;
use std::time::Duration;

use super::action::{Action, Asked, Context, SessionTimer};
use super::command::{Create, EngineRef};
use super::event::{CallDirection, EndCause, Ended, EventPayload};
use super::media::{MediaFacts, MediaPreferences, MediaRequest, NegotiationStep};
use super::negotiation::{Negotiated, Reply, direction, kept};
use super::settings::EARLY_FORKS_MAX;
use super::state::{Calling, Extras, Fork, ForkMedia, HeldProgress, Outbound, State, Winner};
use super::{Call, Session, view};
use crate::ground::leg::{Invite, LegEvent, LegIntent, RemoteTag};
use crate::ground::{Description, SessionId};

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
            Outbound::ApplyingAnswer(winner)
                if winner.generation == reply.generation && reply.fork.as_ref() == Some(&winner.remote) =>
            {
                match reply.result.and_then(Negotiated::facts) {
                    Ok(facts) => self.answered_by(*winner, facts, cx),
                    Err(fault) => self.hang_up(Ended::by_media(&fault), cx),
                }
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

    /// Media applied a fork's early answer, or could not. The first that is up is the one that is heard.
    fn fork_negotiated(&mut self, mut calling: Box<Calling>, reply: Reply, cx: &mut Context<'_>) {
        let generation = calling.generation;
        let fork = calling.forks.iter_mut().find(|fork| Some(&fork.remote) == reply.fork.as_ref());
        let Some(fork) = fork else {
            self.state = State::Outbound(Outbound::Calling(calling));
            return self.absorb("Negotiated", cx);
        };
        let remote = fork.remote.clone();
        let facts = reply.result.and_then(Negotiated::facts).ok();
        let media = facts.clone().map_or(ForkMedia::Failed, ForkMedia::Up);
        let before = std::mem::replace(&mut fork.media, media);
        self.state = State::Outbound(Outbound::Calling(calling));
        let early_media = facts.is_some();
        if let Some(facts) = facts {
            self.commit(generation, Some(&remote), cx);
            if self.media.is_none() {
                self.settle(facts, false);
            }
        }
        if let ForkMedia::Applying(Some(held)) = before {
            self.progress(*held, &remote, early_media, cx);
        }
    }

    fn progress(&mut self, held: HeldProgress, remote: &RemoteTag, early_media: bool, cx: &mut Context<'_>) {
        let HeldProgress { status, phrase, extras: Extras { fields, body } } = held;
        let by = Arc::clone(&self.initiated_by);
        let remote_tag = remote.0.to_string();
        let body = body.map(Box::new);
        let progress = EventPayload::Progress { status, phrase, early_media, remote_tag, fields, body };
        self.emit(&by, progress, cx);
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

    fn provisional(
        &mut self,
        mut calling: Box<Calling>,
        remote: RemoteTag,
        held: HeldProgress,
        answer: Option<Description>,
        cx: &mut Context<'_>,
    ) {
        let generation = calling.generation;
        let known = calling.forks.iter().find(|fork| fork.remote == remote);
        let early_media = known.is_some_and(|fork| matches!(fork.media, ForkMedia::Up(_)));
        let new = known.is_none() && generation > 0 && calling.forks.len() < EARLY_FORKS_MAX;
        match answer.filter(|_| new) {
            Some(answer) => {
                let media = ForkMedia::Applying(Some(Box::new(held)));
                calling.forks.push(Fork { remote: remote.clone(), media });
                self.state = State::Outbound(Outbound::Calling(calling));
                self.apply_answer(generation, remote, answer, cx);
            }
            None => {
                self.state = State::Outbound(Outbound::Calling(calling));
                self.progress(held, &remote, early_media, cx);
            }
        }
    }

    fn apply_answer(
        &mut self,
        generation: u64,
        remote: RemoteTag,
        answer: Description,
        cx: &mut Context<'_>,
    ) {
        let step = NegotiationStep::ApplyAnswer(answer);
        self.negotiate_as(generation, Some(remote), direction(false), MediaPreferences::default(), step, cx);
    }

    /// The first 2xx.
    fn accepted(&mut self, calling: Calling, accepted: Accepted, cx: &mut Context<'_>) {
        let Accepted { remote, answer, offer, extras } = accepted;
        cx.out.push(Action::Timer(None));
        let generation = calling.generation;
        let alone = calling.forks.iter().all(|fork| fork.remote == remote);
        let known = self.tell_forks(calling, &remote, cx);
        let winner = Winner { generation, remote: remote.clone(), extras, committed: true, alone };
        match (offer, answer, known) {
            (Some(offer), ..) => {
                let generation = self.next_generation();
                self.state = State::Outbound(Outbound::AnsweringOffer { generation, extras: winner.extras });
                self.negotiate(generation, NegotiationStep::AnswerOffer(offer), cx);
            }
            (None, Some(answer), _) if generation > 0 => {
                self.state = State::Outbound(Outbound::ApplyingAnswer(Box::new(winner)));
                let step = NegotiationStep::ApplyAnswer(answer);
                self.negotiate_to_commit(generation, Some(remote), step, cx);
            }
            (None, _, Some(ForkMedia::Up(facts))) => self.answered_by(winner, facts, cx),
            (None, _, Some(ForkMedia::Applying(_))) => {
                let winner = Winner { committed: false, ..winner };
                self.state = State::Outbound(Outbound::ApplyingAnswer(Box::new(winner)));
            }
            (None, _, Some(ForkMedia::Failed) | None) => {
                let ended = Ended {
                    phrase: "the callee gave no answer that media could apply".into(),
                    ..Ended::with_cause(EndCause::MediaFailure)
                };
                self.hang_up(ended, cx);
            }
        }
    }

    /// Tells the progress that still waits for media, and returns what media has for the winner.
    fn tell_forks(
        &mut self,
        mut calling: Calling,
        winner: &RemoteTag,
        cx: &mut Context<'_>,
    ) -> Option<ForkMedia> {
        self.state = State::Outbound(Outbound::Calling(Box::default()));
        for fork in &mut calling.forks {
            if let ForkMedia::Applying(held) = &mut fork.media
                && let Some(held) = held.take()
            {
                self.progress(*held, &fork.remote, false, cx);
            }
        }
        calling.forks.into_iter().find(|fork| fork.remote == *winner).map(|fork| fork.media)
    }

    /// The call is up with this fork: its media is put into force where it is not yet, and no other fork's from here on.
    fn answered_by(&mut self, winner: Winner, facts: Box<MediaFacts>, cx: &mut Context<'_>) {
        if !winner.committed {
            self.commit(winner.generation, Some(&winner.remote), cx);
        }
        if !winner.alone {
            let remote = winner.remote.0.to_string();
            self.ask(Asked::Settlement, MediaRequest::SelectRemote { remote }, cx);
        }
        self.settle(facts, false);
        self.connect(winner.extras, cx);
    }
}

/// The first 2xx, as the leg told it.
struct Accepted {
    remote: RemoteTag,
    answer: Option<Description>,
    offer: Option<Description>,
    extras: Extras,
}
