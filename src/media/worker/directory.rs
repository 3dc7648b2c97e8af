//! On which worker an owner's endpoints and bridges are. Only kept where there are several workers.

use std::collections::HashMap;

use smallvec::SmallVec;

use crate::codec::Codec;
use crate::media::core::BridgeMode;

/// Where an endpoint is, or will be.
#[derive(Debug)]
struct EndpointPlace {
    worker: usize,
    /// Requests on their way to the worker that may make it.
    creating: u32,
    codecs: SmallVec<[Codec; 4]>,
}

/// Where a bridge is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BridgePlace {
    /// Nowhere yet: where its first member is.
    Unplaced(BridgeMode),
    /// On this worker.
    On(usize),
}

/// The directory of one owner. It is bounded by the node's endpoints and bridges: an entry goes when what it names
/// is closed or was refused.
#[derive(Debug, Default)]
pub struct Directory {
    endpoints: HashMap<Box<str>, EndpointPlace>,
    bridges: HashMap<Box<str>, BridgePlace>,
}

impl Directory {
    /// The worker of an endpoint.
    #[must_use]
    pub fn endpoint(&self, id: &str) -> Option<usize> {
        self.endpoints.get(id).map(|place| place.worker)
    }

    /// A request that may make the endpoint goes to its worker; where there is none yet, to the one that `choose` gives.
    pub fn creating(&mut self, id: &str, choose: impl FnOnce() -> usize) -> usize {
        if let Some(place) = self.endpoints.get_mut(id) {
            place.creating += 1;
            return place.worker;
        }
        let worker = choose();
        let place = EndpointPlace { worker, creating: 1, codecs: SmallVec::new() };
        self.endpoints.insert(id.into(), place);
        worker
    }

    /// Such a request has been served by this worker. `exists`: whether the endpoint is there now.
    pub fn created(&mut self, id: &str, worker: usize, exists: bool) {
        if let Some(place) = self.endpoints.get_mut(id).filter(|place| place.worker == worker) {
            place.creating = place.creating.saturating_sub(1);
            if !exists && place.creating == 0 {
                self.endpoints.remove(id);
            }
        }
    }

    /// A request to close the endpoint is on its way: what comes after it is about a new one.
    pub fn closing(&mut self, id: &str) -> Option<usize> {
        self.endpoints.remove(id).map(|place| place.worker)
    }

    /// This worker closed the endpoint. The place stays if a request that may make it anew is on its way there.
    pub fn closed(&mut self, id: &str, worker: usize) {
        if self.endpoints.get(id).is_some_and(|place| place.worker == worker && place.creating == 0) {
            self.endpoints.remove(id);
        }
    }

    /// The endpoint goes to another worker; from now on its requests do, too.
    pub fn moves(&mut self, id: &str, to: usize) {
        if let Some(place) = self.endpoints.get_mut(id) {
            place.worker = to;
        }
    }

    /// The codecs of an endpoint's peer, as far as known.
    #[must_use]
    pub fn codecs(&self, id: &str) -> &[Codec] {
        self.endpoints.get(id).map_or(&[], |place| &place.codecs)
    }

    /// The codecs of an endpoint's peer are known.
    pub fn set_codecs(&mut self, id: &str, codecs: &[Codec]) {
        if let Some(place) = self.endpoints.get_mut(id) {
            place.codecs = SmallVec::from_slice(codecs);
        }
    }

    /// Where a bridge is.
    #[must_use]
    pub fn bridge(&self, id: &str) -> Option<BridgePlace> {
        self.bridges.get(id).copied()
    }

    /// Puts a bridge somewhere.
    pub fn place_bridge(&mut self, id: &str, place: BridgePlace) {
        self.bridges.insert(id.into(), place);
    }

    /// A request to end the bridge is on its way: what comes after it is about a new one.
    pub fn ending_bridge(&mut self, id: &str) -> Option<BridgePlace> {
        self.bridges.remove(id)
    }

    /// This worker ended the bridge, or could not make it.
    pub fn bridge_ended(&mut self, id: &str, worker: usize) {
        if self.bridges.get(id) == Some(&BridgePlace::On(worker)) {
            self.bridges.remove(id);
        }
    }

    /// Drops the bridges that are nowhere yet and not to be kept. Returns how many there were.
    pub fn drop_unplaced(&mut self, kept: impl Fn(&str) -> bool) -> usize {
        let before = self.bridges.len();
        self.bridges.retain(|id, place| kept(id) || matches!(place, BridgePlace::On(_)));
        before - self.bridges.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_stays_as_long_as_something_may_be_made_there() {
        let mut directory = Directory::default();
        assert_eq!(directory.creating("e", || 2), 2);
        assert_eq!(directory.creating("e", || 3), 2);
        directory.created("e", 2, false);
        assert_eq!(directory.endpoint("e"), Some(2));
        directory.created("e", 2, true);
        directory.moves("e", 1);
        directory.closed("e", 2);
        assert_eq!(directory.endpoint("e"), Some(1));
        directory.closed("e", 1);
        assert_eq!(directory.endpoint("e"), None);
    }

    #[test]
    fn what_is_made_anew_behind_a_close_has_a_place_of_its_own() {
        let mut directory = Directory::default();
        directory.creating("e", || 2);
        directory.created("e", 2, true);
        assert_eq!(directory.closing("e"), Some(2));
        assert_eq!(directory.endpoint("e"), None);
        assert_eq!(directory.creating("e", || 3), 3);
        directory.closed("e", 2);
        assert_eq!(directory.endpoint("e"), Some(3));
        assert_eq!(directory.ending_bridge("b"), None);
        directory.place_bridge("b", BridgePlace::On(1));
        directory.bridge_ended("b", 2);
        assert_eq!(directory.ending_bridge("b"), Some(BridgePlace::On(1)));
    }
}
