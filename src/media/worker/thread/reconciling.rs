//! What an owner still wants, after its stream was away.

use std::sync::Arc;

use super::{Command, Serve, Worker};
use crate::media::core::EndpointKey;
use crate::media::worker::net::Backend;
use crate::media::worker::operation::{Kept, Operation, Outcome, Reply, ReplyTo};
use crate::media::worker::owner::Owner;

impl<B: Backend> Worker<B> {
    /// Closes what is not named, and takes out of the bridges that stay whoever is not named as a member.
    pub(super) fn reconcile(&mut self, owner: &Arc<Owner>, kept: &Kept) -> Reply {
        let (endpoints, bridges) = self.ids_of(owner);
        for bridge in bridges.iter().filter(|id| !kept.bridges.contains_key(&***id)) {
            self.destroy_bridge(owner, bridge)?;
        }
        for endpoint in endpoints.iter().filter(|id| !kept.endpoints.contains(&***id)) {
            self.close(owner, endpoint)?;
        }
        for endpoint in self.strangers(owner, kept) {
            self.fabric.expel(endpoint)?;
        }
        // What is still to come is closed when it does.
        for ((number, endpoint), waiting) in &mut self.expected {
            if *number == owner.number && !kept.endpoints.contains(endpoint) {
                let operation = Operation::Close { endpoint: endpoint.clone() };
                let serve = Serve { owner: Arc::clone(owner), reply_to: ReplyTo::Nobody, operation };
                waiting.push(Command::Serve(Box::new(serve)));
            }
        }
        Ok(Outcome::Done)
    }

    /// Endpoints in bridges of whose members they are not.
    fn strangers(&self, owner: &Owner, kept: &Kept) -> Vec<EndpointKey> {
        let Some(names) = self.names.owner(owner.number) else { return Vec::new() };
        let strange = names.endpoints.iter().filter(|(id, held)| {
            let bridge = self.fabric.bridge_of(held.key);
            bridge.is_some_and(|bridge| {
                kept.bridges.get(&**bridge).is_none_or(|members| !members.contains(&***id))
            })
        });
        strange.map(|(_, held)| held.key).collect()
    }

    /// The ids of an owner's endpoints and bridges here.
    pub(super) fn ids_of(&self, owner: &Owner) -> (Vec<Arc<str>>, Vec<Arc<str>>) {
        self.names.owner(owner.number).map_or_else(Default::default, |names| {
            (names.endpoints.keys().cloned().collect(), names.bridges.keys().cloned().collect())
        })
    }
}
