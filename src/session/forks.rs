//! The forks of an outbound call: early media, and the one that answers (RFC 3261 §13.2.2.4).
//!
//! What a fork answers in a provisional response is a preview: media applies it, so that the caller hears. The 2xx counts
//! (RFC 6337 §3.1.1): where it brings another answer, that one is applied; where it repeats the first or brings none,
//! nothing is done again, unless media knows nothing of the fork or could not apply it then. A fork whose first answer is
//! up stays so when the one in its 2xx makes no sense.

use std::sync::Arc;

use super::Session;
use super::action::{Action, Context, MediaFault};
use super::event::{EndCause, Ended, EventPayload};
use super::media::{MediaError, MediaFacts, NegotiationStep};
use super::negotiation::{Negotiated, Reply};
use super::settings::{EARLY_FORKS_MAX, FORKS_MAX};
use super::settling::Settlement;
use super::state::{Calling, Extras, Fork, ForkMedia, HeldProgress, Outbound, State, Winner};
use crate::ground::leg::RemoteTag;
use crate::ground::{DESCRIPTION_BYTES_MAX, Description};

/// The first 2xx, as the leg told it.
pub(super) struct Accepted {
    pub remote: RemoteTag,
    pub answer: Option<Description>,
    pub offer: Option<Description>,
    pub extras: Extras,
}

impl Fork {
    /// Whether media was told of it.
    const fn is_known(&self) -> bool {
        !matches!(self.media, ForkMedia::Unknown)
    }
}

impl Winner {
    /// Whether this is the reply that it waits for.
    pub(super) fn awaits(&self, reply: &Reply) -> bool {
        // Committed at once is what the 2xx brought.
        self.generation == reply.generation
            && reply.fork.as_ref() == Some(&self.remote)
            && reply.early != self.committed
    }
}

impl Session {
    /// A provisional response.
    pub(super) fn provisional(
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
        let new = known.is_none() && generation > 0 && calling.forks.len() < FORKS_MAX;
        let Some(answer) = answer.filter(|answer| new && answer.0.len() <= DESCRIPTION_BYTES_MAX) else {
            self.state = State::Outbound(Outbound::Calling(calling));
            return self.progress(held, &remote, early_media, cx);
        };
        let room = calling.forks.iter().filter(|fork| fork.is_known()).count() < EARLY_FORKS_MAX;
        let (media, held) = match room {
            true => (ForkMedia::Applying(Some(Box::new(held))), None),
            false => (ForkMedia::Unknown, Some(held)),
        };
        calling.forks.push(Fork { remote: remote.clone(), answer: answer.clone(), media });
        self.state = State::Outbound(Outbound::Calling(calling));
        match held {
            None => self.apply_early(generation, remote, answer, cx),
            Some(held) => self.progress(held, &remote, false, cx),
        }
    }

    /// Media applied a fork's early answer, or could not. The first that is up is the one that is heard.
    pub(super) fn fork_negotiated(&mut self, mut calling: Box<Calling>, reply: Reply, cx: &mut Context<'_>) {
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
        self.emit_paced(&by, progress, cx);
    }

    /// The first 2xx.
    pub(super) fn accepted(&mut self, calling: Calling, accepted: Accepted, cx: &mut Context<'_>) {
        let Accepted { remote, answer, offer, extras } = accepted;
        cx.out.push(Action::Timer(None));
        let generation = calling.generation;
        let alone = calling.forks.iter().all(|fork| fork.remote == remote || !fork.is_known());
        let (early, known) = match self.tell_forks(calling, &remote, cx) {
            Some(fork) => (Some(fork.answer), Some(fork.media)),
            None => (None, None),
        };
        let other = answer.is_some() && answer != early;
        let mut winner =
            Winner { generation, remote: remote.clone(), extras, committed: true, alone, early: None };
        match (offer, answer.or(early), known) {
            (Some(offer), ..) => {
                let generation = self.next_generation();
                self.state = State::Outbound(Outbound::AnsweringOffer { generation, extras: winner.extras });
                self.negotiate(generation, NegotiationStep::AnswerOffer(offer), cx);
            }
            (None, _, Some(ForkMedia::Up(facts))) if !other => self.answered_by(winner, facts, cx),
            (None, _, Some(ForkMedia::Applying(_))) if !other => {
                winner.committed = false;
                self.state = State::Outbound(Outbound::ApplyingAnswer(Box::new(winner)));
            }
            (None, Some(answer), known) if generation > 0 => {
                if let Some(ForkMedia::Up(facts)) = known {
                    winner.early = Some(facts);
                }
                self.state = State::Outbound(Outbound::ApplyingAnswer(Box::new(winner)));
                let step = NegotiationStep::ApplyAnswer(answer);
                self.negotiate_to_commit(generation, Some(remote), step, cx);
            }
            (None, ..) => {
                let ended = Ended {
                    phrase: "the callee gave no answer that media could apply".into(),
                    ..Ended::with_cause(EndCause::MediaFailure)
                };
                self.hang_up(ended, cx);
            }
        }
    }

    /// Tells the progress that still waits for media, and returns what is known of the winner.
    fn tell_forks(&mut self, mut calling: Calling, winner: &RemoteTag, cx: &mut Context<'_>) -> Option<Fork> {
        self.state = State::Outbound(Outbound::Calling(Box::default()));
        for fork in &mut calling.forks {
            if let ForkMedia::Applying(held) = &mut fork.media
                && let Some(held) = held.take()
            {
                self.progress(*held, &fork.remote, false, cx);
            }
        }
        calling.forks.into_iter().find(|fork| fork.remote == *winner)
    }

    /// Media applied the winner's answer, or could not.
    pub(super) fn winner_negotiated(&mut self, mut winner: Winner, reply: Reply, cx: &mut Context<'_>) {
        match (reply.result.and_then(Negotiated::facts), winner.early.take()) {
            (Ok(facts), _) => self.answered_by(winner, facts, cx),
            (Err(fault), Some(early)) if is_of_description(&fault) => self.answered_by(winner, early, cx),
            (Err(fault), _) => self.hang_up(Ended::by_media(&fault), cx),
        }
    }

    /// The call is up with this fork: its media is put into force where it is not yet, and no other fork's from here on.
    fn answered_by(&mut self, winner: Winner, facts: Box<MediaFacts>, cx: &mut Context<'_>) {
        if !winner.committed {
            self.commit(winner.generation, Some(&winner.remote), cx);
        }
        if !winner.alone {
            Self::ask_to_settle(Settlement::SelectRemote(winner.remote), cx);
        }
        self.settle(facts, false);
        self.connect(winner.extras, cx);
    }
}

/// Whether it is the answer that is at fault, and what was before stands.
const fn is_of_description(fault: &MediaFault) -> bool {
    matches!(
        fault,
        MediaFault::Refused(
            MediaError::BadAnswer(_) | MediaError::BadDescription(_) | MediaError::NothingAcceptable(_)
        )
    )
}
