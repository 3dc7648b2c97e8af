//! What waits to be sent to media, and what waits for its reply.

use std::collections::HashMap;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::release::{Asker, Numbered, RELEASE_REST, Release, Releases};
use crate::ground::{BridgeId, SessionId};
use crate::proto::media::v1 as proto;
use crate::proto::media::v1::request::Operation;
use crate::session::media::MediaError;
use crate::signaling::refusal::Bound;

/// Most requests without a reply. One more is answered with `Limit`, unless it is a release: that is kept.
pub const MEDIA_REQUESTS_MAX: usize = 16_384;

/// The bridges that are wanted, each with its members.
pub(super) type WantedBridges = Vec<(BridgeId, Vec<SessionId>)>;

/// Who waits for a reply.
#[derive(Debug)]
pub(super) enum Waiting {
    Shard(Asker),
    Bridge(oneshot::Sender<Result<(), MediaError>>),
    /// This is kept until it is known to be done.
    Release(Numbered),
    /// The stream's own request about what is still wanted.
    Reconcile(u64),
    /// The stream's own question whether media works.
    Heartbeat,
}

/// See the module.
#[derive(Default)]
pub(super) struct Pending {
    /// The stream; `None` while the service is away.
    stream: Option<u64>,
    /// Media has said that it has done away with what is not wanted: from then on it may be asked.
    open: bool,
    /// A heartbeat is to be sent, which acknowledges media's events up to this number.
    heartbeat: Option<u64>,
    /// One is sent and not answered.
    beating: bool,
    outgoing: Vec<proto::Request>,
    waiting: HashMap<u64, Waiting>,
    next_id: u64,
    releases: Releases,
    /// No endpoint that media may still have is wanted any more.
    lost: bool,
}

impl Pending {
    /// Whether requests are taken.
    pub const fn is_open(&self) -> bool {
        self.open
    }

    /// How many wait for their reply, heartbeats apart.
    pub fn waiting(&self) -> usize {
        self.waiting.len() - usize::from(self.beating)
    }

    /// How many endpoints and bridges media has not said to have let go of.
    pub fn releases(&self) -> usize {
        self.releases.len()
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
        if !self.open {
            return Err(MediaError::Unavailable);
        }
        if self.waiting.len() >= MEDIA_REQUESTS_MAX {
            return Err(MediaError::Limit(Bound::MediaRequests.name().to_owned()));
        }
        if !self.releases.is_empty()
            && let Some(release) = made_anew(&operation)
            && let Some(release) = self.releases.goes_first(release)
        {
            let request = self.release_request(release);
            self.outgoing.push(request);
        }
        self.put(operation, waiting());
        Ok(())
    }

    fn put(&mut self, operation: Operation, waiting: Waiting) {
        let request = self.numbered(operation, waiting);
        self.outgoing.push(request);
    }

    fn numbered(&mut self, operation: Operation, waiting: Waiting) -> proto::Request {
        self.next_id += 1;
        self.waiting.insert(self.next_id, waiting);
        proto::Request { id: self.next_id, operation: Some(operation) }
    }

    fn release_request(&mut self, release: Numbered) -> proto::Request {
        let operation = match &release.release {
            Release::Endpoint(session) => {
                Operation::CloseEndpoint(proto::CloseEndpoint { endpoint_id: session.to_string() })
            }
            Release::Bridge(bridge) => {
                Operation::DestroyBridge(proto::DestroyBridge { bridge_id: bridge.to_string() })
            }
        };
        self.numbered(operation, Waiting::Release(release))
    }

    /// Has an endpoint or a bridge let go of. That is kept until media has done it, whatever comes between. Whether there
    /// is a stream to send it on; without one there will be no answer.
    pub fn let_go(&mut self, release: Release, asker: Option<Asker>) -> bool {
        let behind = self.stream.map(|_| self.next_id);
        self.releases.let_go(release, asker.filter(|_| behind.is_some()), behind);
        behind.is_some()
    }

    /// What is to be sent next on this stream, at most `max` requests: in the order in which they were made, but that
    /// releases wait while media has enough of them to do.
    pub fn take_outgoing(&mut self, stream: u64, max: usize) -> Option<Vec<proto::Request>> {
        if self.stream != Some(stream) {
            return None;
        }
        if self.heartbeat.is_none() && !self.releases.has_next() && self.outgoing.len() <= max {
            return Some(std::mem::take(&mut self.outgoing)).filter(|requests| !requests.is_empty());
        }
        let mut requests = Vec::with_capacity(max.min(self.outgoing.len() + self.releases.len() + 1));
        if let Some(events_through) = self.heartbeat.take() {
            self.beating = true;
            let heartbeat = proto::Heartbeat { events_through };
            requests.push(self.numbered(Operation::Heartbeat(heartbeat), Waiting::Heartbeat));
        }
        let mut outgoing = std::mem::take(&mut self.outgoing).into_iter().peekable();
        while requests.len() < max {
            let request = match self.releases.next(outgoing.peek().map(|request| request.id)) {
                Some(release) => self.release_request(release),
                None => match outgoing.next() {
                    Some(request) => request,
                    None => break,
                },
            };
            requests.push(request);
        }
        self.outgoing = outgoing.collect();
        Some(requests).filter(|requests| !requests.is_empty())
    }

    /// Who waited for this reply.
    pub fn answered(&mut self, id: u64) -> Option<Waiting> {
        let waiting = self.waiting.remove(&id)?;
        if matches!(waiting, Waiting::Heartbeat) {
            self.beating = false;
        }
        Some(waiting)
    }

    /// Has media asked whether it works, before anything else that waits, and told that its events were heard up to this
    /// number. Not twice at a time.
    pub fn ask_heartbeat(&mut self, events_through: u64) {
        self.heartbeat = Some(events_through).filter(|_| self.stream.is_some() && !self.beating);
    }

    /// Media has let go of it, or never had it. Who waits for that.
    pub fn released(&mut self, release: &Numbered) -> Option<Asker> {
        self.releases.answered(release)
    }

    /// Media had no room for a release: it is asked for again a little later.
    pub fn release_refused(&mut self, release: &Numbered, now: Instant) {
        self.releases.refused(release, now + RELEASE_REST);
    }

    /// When a release is to be asked for again.
    pub fn rested_at(&self) -> Option<Instant> {
        self.releases.rested_at()
    }

    /// Has those releases sent that have rested.
    pub fn wake_releases(&mut self, now: Instant) {
        self.releases.wake(now, self.next_id);
    }

    /// Whether there is something to be sent.
    pub fn has_outgoing(&self) -> bool {
        self.stream.is_some() && (!self.outgoing.is_empty() || self.releases.has_next())
    }

    /// Media has done a `Reconcile`: from now on requests are taken.
    pub fn reconciled(&mut self, reconcile: u64) {
        self.open = self.stream.is_some();
        self.releases.reconciled(reconcile);
    }

    /// There is a stream. First media is told what is still wanted: of the sessions that live those whose endpoints were not
    /// to be closed, and these bridges with their members. Until it has [done](Self::reconciled) that nothing else is asked.
    pub fn open(&mut self, stream: u64, sessions: impl FnOnce() -> Vec<SessionId>, bridges: WantedBridges) {
        self.stream = Some(stream);
        let sessions = if std::mem::take(&mut self.lost) { Vec::new() } else { sessions() };
        let wanted = |release: Release| !self.releases.has(&release);
        let endpoint_ids = sessions.into_iter().filter(|id| wanted(Release::Endpoint(id.clone())));
        let mut reconcile = proto::Reconcile {
            endpoint_ids: endpoint_ids.map(|id| id.to_string()).collect(),
            ..proto::Reconcile::default()
        };
        for (bridge, members) in bridges.into_iter().filter(|(id, _)| wanted(Release::Bridge(id.clone()))) {
            let bridge_id = bridge.to_string();
            let membership = |member: SessionId| proto::Membership {
                bridge_id: bridge_id.clone(),
                endpoint_id: member.to_string(),
            };
            reconcile.memberships.extend(members.into_iter().map(membership));
            reconcile.bridge_ids.push(bridge_id);
        }
        self.reconcile(reconcile);
    }

    fn reconcile(&mut self, reconcile: proto::Reconcile) {
        let id = self.next_id + 1;
        self.put(Operation::Reconcile(reconcile), Waiting::Reconcile(id));
        self.releases.left_out(id);
    }

    /// The end: whatever media may still have to let go of goes with one request.
    pub fn let_all_go(&mut self) {
        if self.stream.is_some() && !self.releases.is_empty() {
            self.reconcile(proto::Reconcile::default());
        }
    }

    /// The stream is closed. Who waited, in vain.
    pub fn shut(&mut self) -> Vec<Waiting> {
        (self.stream, self.open) = (None, false);
        (self.heartbeat, self.beating) = (None, false);
        self.outgoing.clear();
        let mut waiting: Vec<Waiting> = std::mem::take(&mut self.waiting).into_values().collect();
        waiting.retain(|one| matches!(one, Waiting::Shard(_) | Waiting::Bridge(_)));
        waiting.extend(self.releases.shut().into_iter().map(Waiting::Shard));
        waiting
    }

    /// All endpoints and bridges are lost: none of them is wanted any more.
    pub fn lose(&mut self) {
        self.lost = true;
        self.releases.clear();
    }
}

/// What the operation makes, by what would let go of it.
fn made_anew(operation: &Operation) -> Option<Release> {
    match operation {
        Operation::Negotiate(negotiate) if negotiate.create.is_some() => {
            SessionId::parse(&negotiate.endpoint_id).ok().map(Release::Endpoint)
        }
        Operation::CreateBridge(create) => BridgeId::parse(&create.bridge_id).ok().map(Release::Bridge),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
