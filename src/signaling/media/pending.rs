//! What waits to be sent to media, what waits for its reply, and what is made up for when a stream breaks.

use std::collections::{HashMap, HashSet};

use tokio::sync::oneshot;

use crate::ground::{BridgeId, SessionId};
use crate::proto::media::v1 as proto;
use crate::proto::media::v1::request::Operation;
use crate::session::media::MediaError;

/// Most requests without a reply. One more is answered with `Limit`.
pub const MEDIA_REQUESTS_MAX: usize = 16_384;

/// Who waits for a reply.
pub(super) enum Waiting {
    Shard {
        shard: u16,
        request: u64,
        /// The endpoint that the request closes. If that is not known to be done, it is made up for.
        closes: Option<SessionId>,
    },
    Bridge(oneshot::Sender<Result<(), MediaError>>),
    /// Nobody: whatever comes of it.
    Nobody,
}

/// See the module.
#[derive(Default)]
pub(super) struct Pending {
    /// The stream that is open; `None` while the service is away.
    open: Option<u64>,
    outgoing: Vec<proto::Request>,
    waiting: HashMap<u64, Waiting>,
    next_id: u64,
    /// Endpoints whose closing was not answered. As many at most as have been open.
    owed: HashSet<SessionId>,
    /// No endpoint that media may still have is wanted any more.
    lost: bool,
}

impl Pending {
    pub const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// How many wait for their reply.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Puts a request in.
    ///
    /// # Errors
    /// When the service is away, or has too many without a reply.
    pub fn push(
        &mut self,
        operation: Operation,
        waiting: impl FnOnce() -> Waiting,
    ) -> Result<(), MediaError> {
        if self.open.is_none() {
            return Err(MediaError::Unavailable);
        }
        if self.waiting.len() >= MEDIA_REQUESTS_MAX {
            return Err(MediaError::Limit(format!("{MEDIA_REQUESTS_MAX} requests without a reply")));
        }
        self.next_id += 1;
        self.waiting.insert(self.next_id, waiting());
        self.outgoing.push(proto::Request { id: self.next_id, operation: Some(operation) });
        Ok(())
    }

    /// An endpoint that could not be closed.
    pub fn owe(&mut self, endpoint: Option<SessionId>) {
        self.owed.extend(endpoint);
    }

    /// What is to be sent next on this stream, at most `max` requests.
    pub fn take_outgoing(&mut self, stream: u64, max: usize) -> Option<Vec<proto::Request>> {
        if self.open != Some(stream) || self.outgoing.is_empty() {
            return None;
        }
        if self.outgoing.len() <= max {
            return Some(std::mem::take(&mut self.outgoing));
        }
        Some(self.outgoing.drain(..max).collect())
    }

    /// Who waited for this reply.
    pub fn answered(&mut self, id: u64) -> Option<Waiting> {
        self.waiting.remove(&id)
    }

    /// A stream is open. First it is told what is still wanted: of the sessions that live those whose endpoints were not
    /// to be closed, and these bridges.
    pub fn open(&mut self, stream: u64, sessions: impl FnOnce() -> Vec<SessionId>, bridges: &[BridgeId]) {
        self.open = Some(stream);
        let owed = std::mem::take(&mut self.owed);
        let sessions = if std::mem::take(&mut self.lost) { Vec::new() } else { sessions() };
        let wanted = sessions.iter().filter(|session| !owed.contains(*session));
        let reconcile = proto::Reconcile {
            endpoint_ids: wanted.map(ToString::to_string).collect(),
            bridge_ids: bridges.iter().map(ToString::to_string).collect(),
        };
        // The gate is open: it cannot be refused.
        let _ = self.push(Operation::Reconcile(reconcile), || Waiting::Nobody);
    }

    /// The stream is closed. Who waited, in vain.
    pub fn shut(&mut self) -> Vec<Waiting> {
        self.open = None;
        self.outgoing.clear();
        let waiting: Vec<Waiting> = std::mem::take(&mut self.waiting).into_values().collect();
        for one in &waiting {
            if let Waiting::Shard { closes: Some(session), .. } = one {
                self.owed.insert(session.clone());
            }
        }
        waiting
    }

    /// All endpoints are lost: none of them is wanted any more.
    pub fn lose(&mut self) {
        self.lost = true;
        self.owed.clear();
    }
}
