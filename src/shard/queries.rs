//! Looking at sessions.

use std::collections::BinaryHeap;

use super::io::{Output, Query};
use super::{SessionsByState, Shard};
use crate::ground::SessionId;
use crate::session::event::{SessionState, SessionView};

/// How many sessions one answer may hold, whatever is asked for.
pub(super) const PAGE_MAX: u32 = 1_000;

impl Shard {
    pub(super) fn query(&mut self, ticket: u64, query: &Query) {
        let views = match query {
            Query::One(id) => self.view(id).into_iter().collect(),
            Query::Page { group, engine, after, limit } => self.page(group, engine, after, *limit),
        };
        self.outputs.push_back(Output::Views { ticket, views });
    }

    /// One session as it stands.
    #[must_use]
    pub fn view(&self, id: &SessionId) -> Option<SessionView> {
        let slot = self.slots.find(id)?;
        Some(self.slots.get(slot)?.session.view())
    }

    fn page(&self, group: &str, engine: &str, after: &str, limit: u32) -> Vec<SessionView> {
        let limit = limit.min(PAGE_MAX) as usize;
        // The smallest ids so far; the largest of them on top, to be thrown out.
        let mut smallest: BinaryHeap<&SessionId> = BinaryHeap::with_capacity(limit + 1);
        for entry in self.slots.iter() {
            let (id, owner) = (entry.session.id(), entry.session.engine());
            let fits = (group.is_empty() || *owner.group == *group)
                && (engine.is_empty() || *owner.id == *engine)
                && id.as_str() > after;
            if fits {
                smallest.push(id);
                if smallest.len() > limit {
                    smallest.pop();
                }
            }
        }
        smallest.into_sorted_vec().into_iter().filter_map(|id| self.view(id)).collect()
    }

    /// Counts the sessions by state: a walk over all of them.
    #[must_use]
    pub fn sessions_by_state(&self) -> SessionsByState {
        let mut count = SessionsByState::default();
        for entry in self.slots.iter() {
            *match entry.session.public_state() {
                SessionState::Initializing => &mut count.initializing,
                SessionState::Dialing => &mut count.dialing,
                SessionState::Ringing => &mut count.ringing,
                SessionState::Connected => &mut count.connected,
                SessionState::OnHold => &mut count.on_hold,
                SessionState::Transferring => &mut count.transferring,
                SessionState::Terminating | SessionState::Terminated => &mut count.terminating,
            } += 1;
        }
        count
    }
}
