//! Endpoints closed: their socket with them, their port to rest.

use std::sync::Arc;

use super::Worker;
use crate::ground::Instant;
use crate::media::core::{Failure, Statistics};
use crate::media::worker::clock;
use crate::media::worker::names::Held;
use crate::media::worker::net::Backend;
use crate::media::worker::node;
use crate::media::worker::owner::Owner;

/// What an endpoint says that closes because its owner has gone.
const ORPHANED: &str = "its owner has had no stream for too long";

impl<B: Backend> Worker<B> {
    /// Closes an endpoint that its owner wants closed.
    pub(super) fn close(&mut self, owner: &Arc<Owner>, endpoint: &str) -> Result<Statistics, Failure> {
        let key = self.key(owner, endpoint)?;
        self.end_loading(owner, endpoint, crate::media::core::PlayEnd::Closed);
        let statistics = self.fabric.close(key)?;
        self.forget(owner, endpoint);
        Ok(statistics)
    }

    /// Forgets an endpoint that the fabric has closed. Its events are taken while its owner is still known here.
    fn forget(&mut self, owner: &Arc<Owner>, endpoint: &str) {
        self.take_outputs();
        let Some(held) = self.names.remove_endpoint(owner, endpoint) else { return };
        held.span.in_scope(|| tracing::debug!("closed"));
        self.free(&held, clock::now());
        if self.node.has_places() {
            owner.places().closed(endpoint, self.index);
        }
    }

    fn free(&mut self, held: &Held, now: Instant) {
        // The sockets are closed before their ports may be used again.
        drop(self.backend.remove(held.key));
        held.ports().for_each(|port| self.node.ports().release(port, now));
        node::release(&self.node.endpoints);
    }

    /// Closes what belongs to owners that have gone.
    pub(super) fn sweep(&mut self, now: Instant) {
        let timeout = self.node.settings.orphan_timeout;
        let gone: Vec<Arc<Owner>> = self
            .names
            .owners()
            .filter(|names| names.owner.is_gone_for(timeout, now))
            .map(|names| Arc::clone(&names.owner))
            .collect();
        for owner in gone {
            let (endpoints, bridges) = self.ids_of(&owner);
            tracing::warn!(
                owner = %owner.name,
                endpoints = endpoints.len(),
                bridges = bridges.len(),
                "an owner has gone; what it had is closed"
            );
            for endpoint in &endpoints {
                self.end_loading(&owner, endpoint, crate::media::core::PlayEnd::Closed);
                if let Ok(key) = self.key(&owner, endpoint) {
                    let _ = self.fabric.close_by_itself(key, ORPHANED);
                }
                self.forget(&owner, endpoint);
            }
            for bridge in &bridges {
                let _ = self.destroy_bridge(&owner, bridge);
            }
        }
        if self.index == 0 {
            self.node.owners.forget(timeout, now);
        }
    }

    /// Closes everything: the worker ends.
    pub(super) fn close_all(&mut self) {
        let owners: Vec<Arc<Owner>> = self.names.owners().map(|names| Arc::clone(&names.owner)).collect();
        for owner in owners {
            let (endpoints, bridges) = self.ids_of(&owner);
            for bridge in &bridges {
                let _ = self.destroy_bridge(&owner, bridge);
            }
            for endpoint in &endpoints {
                let _ = self.close(&owner, endpoint);
            }
        }
        self.expected.clear();
    }
}
