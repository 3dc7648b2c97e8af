//! Which shard gets a message, and in which of its two lanes.
//!
//! A CANCEL never overtakes its INVITE: while an INVITE of its call waits among the new requests, it waits there too.
//!
//! The shard is computed from Call-ID and stored nowhere, so that a call's every message meets the shard that owns
//! it. Responses, ACK, CANCEL, BYE and everything with a To tag belong to calls that are already carried: they go
//! before new requests and have room of their own, so that a flood of new calls harms no call that is up.

mod invites;
mod queue;

use std::sync::Arc;

use super::counters::{Counters, count};
use super::{Ingress, Notice, Received, Refused};
use crate::ground::Placement;
use crate::sip::{Method, scan};

pub use queue::{Arrival, LaneBounds, ShardQueue};
use queue::{Lane, ShardSender};

/// Stands between the sockets and the shards.
#[derive(Debug)]
pub struct Dispatcher {
    placement: Placement,
    shards: Box<[ShardSender]>,
    counters: Arc<Counters>,
}

impl Dispatcher {
    /// A dispatcher for as many shards as `placement` has, and each shard's queue in order.
    #[must_use]
    pub fn new(
        placement: Placement,
        bounds: &LaneBounds,
        counters: Arc<Counters>,
    ) -> (Self, Vec<ShardQueue>) {
        let (shards, queues): (Vec<_>, Vec<_>) =
            (0..placement.shards()).map(|_| queue::shard_queue(bounds)).unzip();
        (Self { placement, shards: shards.into(), counters }, queues)
    }

    fn tell(&self, shard: usize, notice: Notice) {
        let taken = self.shards.get(shard).is_some_and(|to| to.notify(notice));
        if !taken {
            count(&self.counters.notices_lost);
        }
    }
}

impl Ingress for Dispatcher {
    /// A message whose Call-ID cannot be found goes to a shard all the same, as a new request: only the parser can say
    /// what is wrong with it, and only a shard can answer.
    fn deliver(&self, message: Received) -> Result<(), Refused> {
        let key = scan::route_key(&message.bytes);
        let call_id = key.as_ref().map_or("", |key| key.call_id);
        let (shard, call) = self.placement.place_of(call_id.as_bytes());
        let lane = match &key {
            Some(key) if key.may_follow_invite() => Lane::BehindInvite(call),
            Some(key) if key.is_for_existing() => Lane::Ongoing,
            Some(key) if key.method == Some(Method::Invite) => Lane::Invite(call),
            _ => Lane::NewRequests,
        };
        self.shards[usize::from(shard)].deliver(message, lane)
    }

    fn notify(&self, notice: Notice) {
        match &notice {
            Notice::SendFailed { tag, .. } => self.tell(usize::from(tag.shard), notice),
            Notice::FlowDown { .. } | Notice::Unreachable { .. } => {
                for shard in 0..self.shards.len() {
                    self.tell(shard, notice.clone());
                }
            }
        }
    }

    fn flush(&self) {
        for shard in &self.shards {
            shard.wake_if_asleep();
        }
    }
}
