//! Asking media to describe, answer and apply: generations, what is pending, what is in force.
//!
//! A negotiation is pending until it is committed or rolled back. An answer has its offer's generation.

use super::action::{Action, Asked, Context, MediaFault};
use super::media::{
    Direction, MediaError, MediaFacts, MediaPreferences, MediaReply, MediaRequest, NegotiationStep,
};
use super::settling::Settlement;
use super::{Session, event::Ended, event::Hold, state::State};
use crate::ground::Description;
use crate::ground::leg::RemoteTag;

/// What came of a negotiation.
#[derive(Debug)]
pub(super) struct Reply {
    pub generation: u64,
    pub fork: Option<RemoteTag>,
    /// Whether it is of an early answer.
    pub early: bool,
    pub result: Result<Negotiated, MediaFault>,
}

/// A negotiation that media has done.
#[derive(Debug)]
pub(super) struct Negotiated {
    local: Option<Description>,
    facts: Option<Box<MediaFacts>>,
}

/// Takes out what a negotiation's reply must hold.
pub(super) fn description(result: Result<MediaReply, MediaFault>) -> Result<Negotiated, MediaFault> {
    match result? {
        MediaReply::Negotiated { local, facts } => Ok(Negotiated { local, facts }),
        MediaReply::Done | MediaReply::Closed(_) => Err(incomplete()),
    }
}

fn incomplete() -> MediaFault {
    MediaFault::Refused(MediaError::Other("the reply lacks what was asked for".into()))
}

impl Negotiated {
    /// The offer that was made.
    pub fn offer(self) -> Result<Description, MediaFault> {
        self.local.ok_or_else(incomplete)
    }

    /// The answer that was made, and what is agreed with it.
    pub fn answer(self) -> Result<(Description, Box<MediaFacts>), MediaFault> {
        self.local.zip(self.facts).ok_or_else(incomplete)
    }

    /// What is agreed by the answer that was applied.
    pub fn facts(self) -> Result<Box<MediaFacts>, MediaFault> {
        self.facts.ok_or_else(incomplete)
    }
}

/// What we want while we hold the peer, and while we do not.
pub(super) const fn direction(holding: bool) -> Direction {
    if holding { Direction::SendOnly } else { Direction::SendRecv }
}

/// Preferences worth keeping; the default ones are `None`.
pub(super) fn kept(preferences: MediaPreferences) -> Option<Box<MediaPreferences>> {
    (preferences != MediaPreferences::default()).then(|| Box::new(preferences))
}

impl Session {
    pub(super) fn next_generation(&mut self) -> u64 {
        self.generation += 1;
        self.generation
    }

    /// Negotiates with the session's own preferences and hold.
    pub(super) fn negotiate(&mut self, generation: u64, step: NegotiationStep, cx: &mut Context<'_>) {
        let preferences = self.preferences.as_deref().cloned().unwrap_or_default();
        self.negotiate_as(generation, direction(self.hold.local), preferences, step, cx);
    }

    /// The same, for an answer that is certain to be used: it is in force when media replies.
    pub(super) fn negotiate_to_commit(
        &mut self,
        generation: u64,
        fork: Option<RemoteTag>,
        step: NegotiationStep,
        cx: &mut Context<'_>,
    ) {
        let preferences = self.preferences.as_deref().cloned().unwrap_or_default();
        let asked = Asked::Negotiation { generation, fork: fork.clone(), early: false };
        let remote = fork.map(|tag| tag.0.to_string()).unwrap_or_default();
        let direction = direction(self.hold.local);
        let body = MediaRequest::Negotiate { generation, remote, direction, preferences, step, commit: true };
        self.ask_to_negotiate(asked, body, cx);
    }

    pub(super) fn negotiate_as(
        &mut self,
        generation: u64,
        direction: Direction,
        preferences: MediaPreferences,
        step: NegotiationStep,
        cx: &mut Context<'_>,
    ) {
        let (remote, commit) = (String::new(), false);
        let body = MediaRequest::Negotiate { generation, remote, direction, preferences, step, commit };
        self.ask_to_negotiate(Asked::Negotiation { generation, fork: None, early: false }, body, cx);
    }

    /// Applies the early answer of a fork.
    pub(super) fn apply_early(
        &mut self,
        generation: u64,
        fork: RemoteTag,
        answer: Description,
        cx: &mut Context<'_>,
    ) {
        let body = MediaRequest::Negotiate {
            generation,
            remote: fork.0.to_string(),
            direction: direction(false),
            preferences: MediaPreferences::default(),
            step: NegotiationStep::ApplyAnswer(answer),
            commit: false,
        };
        self.ask_to_negotiate(Asked::Negotiation { generation, fork: Some(fork), early: true }, body, cx);
    }

    /// With the first request of an endpoint goes the Call-ID.
    fn ask_to_negotiate(&mut self, asked: Asked, body: MediaRequest, cx: &mut Context<'_>) {
        let call_id = (!self.endpoint).then(|| self.call.call_id.as_str().into());
        self.endpoint = true;
        cx.out.push(Action::Media { asked, call_id, body });
    }

    /// Puts a negotiation into force.
    pub(super) fn commit(&self, generation: u64, remote: Option<&RemoteTag>, cx: &mut Context<'_>) {
        let remote = remote.map(|tag| tag.0.to_string()).unwrap_or_default();
        self.ask(Asked::Commit, MediaRequest::Commit { generation, remote }, cx);
    }

    /// Drops a pending negotiation.
    pub(super) fn roll_back(&self, generation: u64, cx: &mut Context<'_>) {
        Self::ask_to_settle(Settlement::Rollback { generation }, cx);
    }

    /// Asks media for something about the endpoint that is there.
    pub(super) fn ask(&self, asked: Asked, body: MediaRequest, cx: &mut Context<'_>) {
        cx.out.push(Action::Media { asked, call_id: None, body });
    }

    /// Keeps what is in force now. Returns whether that is news.
    pub(super) fn settle(&mut self, facts: Box<MediaFacts>, holding: bool) -> bool {
        let hold = Hold { local: holding, remote: facts.held_by_peer };
        let changed = hold != self.hold || self.media.as_ref() != Some(&facts);
        self.hold = hold;
        self.media = Some(facts);
        changed
    }

    /// Media put a negotiation into force, or not. A reply that does not come is no reason to end a call: what was asked
    /// is most likely done, and a service that is gone says so by other means.
    pub(super) fn committed(&mut self, result: Result<MediaReply, MediaFault>, cx: &mut Context<'_>) {
        match result {
            Ok(_) => {}
            Err(MediaFault::TimedOut | MediaFault::Refused(MediaError::Unavailable)) => {
                self.absorb("a commit that was not confirmed", cx);
            }
            Err(_) if matches!(self.state, State::Ending(_) | State::Over) => {
                self.absorb("a commit that failed", cx)
            }
            Err(fault) => self.hang_up(Ended::by_media(&fault), cx),
        }
    }
}
