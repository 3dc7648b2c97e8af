//! What a worker carries, by its owners' names.

use std::collections::HashMap;
use std::sync::Arc;

use tracing::Span;

use super::owner::Owner;
use crate::media::core::{BridgeKey, EndpointKey, Site};
use crate::telemetry::call_trace::CallSpan;

/// A playback that waits for its file.
#[derive(Debug)]
pub struct Loading {
    /// The playback.
    pub playback: Arc<str>,
    /// Tells this order from later ones of the same name.
    pub ticket: u64,
    /// How often it is to be played.
    pub times: u32,
}

/// A port pair of the other IP version, for an answer that is not in force yet.
#[derive(Debug)]
pub struct SecondPair {
    /// Where it is.
    pub site: Site,
}

/// What a worker keeps beside an endpoint.
#[derive(Debug)]
pub struct Held {
    /// Its place in the fabric.
    pub key: EndpointKey,
    /// Its port.
    pub port: u16,
    /// Where it may go over to.
    pub second: Option<SecondPair>,
    /// What log lines about it stand under.
    pub span: Span,
    /// Its life, in the call's trace.
    pub trace: Option<CallSpan>,
    /// The playback that waits for its file.
    pub loading: Option<Loading>,
}

impl Held {
    /// Its ports.
    pub fn ports(&self) -> impl Iterator<Item = u16> {
        let second = self.second.as_ref().map(|second| second.site.address.port());
        std::iter::once(self.port).chain(second)
    }
}

/// One owner's things.
#[derive(Debug)]
pub struct OwnerNames {
    /// The owner.
    pub owner: Arc<Owner>,
    /// Its endpoints.
    pub endpoints: HashMap<Arc<str>, Held>,
    /// Its bridges.
    pub bridges: HashMap<Arc<str>, BridgeKey>,
}

/// All owners' things.
#[derive(Debug, Default)]
pub struct Names {
    owners: HashMap<u32, OwnerNames>,
}

impl Names {
    /// An owner that has something here.
    #[must_use]
    pub fn owner(&self, number: u32) -> Option<&OwnerNames> {
        self.owners.get(&number)
    }

    /// An owner's things, to add to.
    pub fn of(&mut self, owner: &Arc<Owner>) -> &mut OwnerNames {
        self.owners.entry(owner.number).or_insert_with(|| OwnerNames {
            owner: Arc::clone(owner),
            endpoints: HashMap::new(),
            bridges: HashMap::new(),
        })
    }

    /// An endpoint.
    #[must_use]
    pub fn endpoint(&self, owner: &Owner, id: &str) -> Option<&Held> {
        self.owners.get(&owner.number)?.endpoints.get(id)
    }

    /// An endpoint, to change.
    pub fn endpoint_mut(&mut self, owner: &Owner, id: &str) -> Option<&mut Held> {
        self.owners.get_mut(&owner.number)?.endpoints.get_mut(id)
    }

    /// Takes an endpoint out.
    pub fn remove_endpoint(&mut self, owner: &Owner, id: &str) -> Option<Held> {
        let names = self.owners.get_mut(&owner.number)?;
        let removed = names.endpoints.remove(id);
        self.forget_empty(owner.number);
        removed
    }

    /// A bridge.
    #[must_use]
    pub fn bridge(&self, owner: &Owner, id: &str) -> Option<BridgeKey> {
        self.owners.get(&owner.number)?.bridges.get(id).copied()
    }

    /// Takes a bridge out.
    pub fn remove_bridge(&mut self, owner: &Owner, id: &str) -> Option<BridgeKey> {
        let names = self.owners.get_mut(&owner.number)?;
        let removed = names.bridges.remove(id);
        self.forget_empty(owner.number);
        removed
    }

    fn forget_empty(&mut self, number: u32) {
        if self
            .owners
            .get(&number)
            .is_some_and(|names| names.endpoints.is_empty() && names.bridges.is_empty())
        {
            self.owners.remove(&number);
        }
    }

    /// All owners that have something here.
    pub fn owners(&self) -> impl Iterator<Item = &OwnerNames> {
        self.owners.values()
    }
}
