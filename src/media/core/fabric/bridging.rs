//! Bridges made and ended, endpoints put in and taken out.

use std::sync::Arc;

use super::{Event, Fabric, Item};
use crate::ground::Instant;
use crate::media::core::bridge::{Bridge, BridgeKey, BridgeMode};
use crate::media::core::endpoint::{EndpointKey, Tie};
use crate::media::core::{Failure, Key};

impl Fabric {
    /// Makes an empty bridge.
    ///
    /// # Errors
    /// [`Failure::Limit`] when there are too many.
    pub fn create_bridge(
        &mut self,
        id: Arc<str>,
        owner: u32,
        mode: BridgeMode,
    ) -> Result<BridgeKey, Failure> {
        let limit = self.settings.bridges_max;
        if self.bridges.len() >= limit {
            return Err(Failure::Limit { what: "bridges", limit });
        }
        Ok(self.bridges.insert(Bridge::new(id, owner, mode)))
    }

    /// The bridge, to look at.
    #[must_use]
    pub fn bridge(&self, key: BridgeKey) -> Option<&Bridge> {
        self.bridges.get(key)
    }

    /// Ends a bridge. Its members go on without one, and are told.
    ///
    /// # Errors
    /// [`Failure::NoBridge`].
    pub fn destroy_bridge(&mut self, key: BridgeKey) -> Result<(), Failure> {
        let bridge = self.bridges.remove(key).ok_or(Failure::NoBridge)?;
        for member in &bridge.members {
            if let Some(endpoint) = self.endpoints.get_mut(member.endpoint) {
                endpoint.tie = Tie::Loose;
                endpoint.talker = None;
                endpoint.cut();
                let left = Event::LeftBridge { bridge: Arc::clone(&bridge.id) };
                self.outputs.push_back(endpoint.output(left));
            }
        }
        Ok(())
    }

    /// Puts an endpoint into a bridge. It leaves the one it is in, and its owner is told; being in this one already
    /// changes nothing.
    ///
    /// # Errors
    /// [`Failure::NoBridge`], [`Failure::NoEndpoint`], [`Failure::Limit`] when the bridge is full.
    pub fn add_member(
        &mut self,
        bridge: BridgeKey,
        endpoint: EndpointKey,
        now: Instant,
    ) -> Result<(), Failure> {
        let before = self.endpoint_mut(endpoint)?.tie.bridge();
        let room = self.bridges.get(bridge).ok_or(Failure::NoBridge)?;
        if before == Some(bridge) {
            return Ok(());
        }
        room.check_room()?;
        if let Some(left) = self.leave_bridge(endpoint) {
            let output = self.endpoint_mut(endpoint)?.output(Event::LeftBridge { bridge: left });
            self.outputs.push_back(output);
        }
        let joined = self.bridges.get_mut(bridge).ok_or(Failure::NoBridge)?;
        joined.join(endpoint, &mut self.random);
        let mixes = joined.mode == BridgeMode::Mix;
        if mixes {
            self.endpoint_mut(endpoint)?.talker = Some(Box::default());
        }
        self.tie_members(bridge);
        self.put_bridge_on_wheel(bridge, now);
        Ok(())
    }

    /// Takes an endpoint out of a bridge.
    ///
    /// # Errors
    /// [`Failure::NoEndpoint`]; [`Failure::NoBridge`] when it is not in that one.
    pub fn remove_member(&mut self, bridge: BridgeKey, endpoint: EndpointKey) -> Result<(), Failure> {
        if self.endpoint_mut(endpoint)?.tie.bridge() != Some(bridge) {
            return Err(Failure::NoBridge);
        }
        self.leave_bridge(endpoint);
        Ok(())
    }

    /// The id of the bridge that an endpoint is in.
    #[must_use]
    pub fn bridge_of(&self, endpoint: EndpointKey) -> Option<&Arc<str>> {
        let bridge = self.endpoints.get(endpoint)?.tie.bridge()?;
        self.bridges.get(bridge).map(|bridge| &bridge.id)
    }

    /// Takes an endpoint out of its bridge, if it is in one, and tells its owner.
    ///
    /// # Errors
    /// [`Failure::NoEndpoint`].
    pub fn expel(&mut self, endpoint: EndpointKey) -> Result<(), Failure> {
        if let Some(bridge) = self.leave_bridge(endpoint) {
            let output = self.endpoint_mut(endpoint)?.output(Event::LeftBridge { bridge });
            self.outputs.push_back(output);
        }
        Ok(())
    }

    /// Takes an endpoint out of whichever bridge it is in, and returns that bridge's id.
    pub(super) fn leave_bridge(&mut self, key: EndpointKey) -> Option<Arc<str>> {
        let endpoint = self.endpoints.get_mut(key)?;
        let bridge_key = std::mem::take(&mut endpoint.tie).bridge()?;
        endpoint.cut();
        let last_words = endpoint.last_share();
        let bridge = self.bridges.get_mut(bridge_key)?;
        bridge.leave(key);
        if let Some(frame) = last_words.filter(|_| bridge.on_wheel) {
            bridge.fading.get_or_insert_default().add(&frame);
        }
        let id = Arc::clone(&bridge.id);
        self.tie_members(bridge_key);
        Some(id)
    }

    /// Tells every member how it is tied, after the bridge grew or shrank.
    fn tie_members(&mut self, key: Key<Bridge>) {
        let Some(bridge) = self.bridges.get(key) else { return };
        for member in &bridge.members {
            let Some(endpoint) = self.endpoints.get_mut(member.endpoint) else { continue };
            endpoint.tie = match bridge.mode {
                BridgeMode::Relay => Tie::Relay { bridge: key, peer: bridge.other(member.endpoint) },
                BridgeMode::Echo => Tie::Echo(key),
                BridgeMode::Mesh => Tie::Mesh(key),
                BridgeMode::Mix => Tie::Mix(key),
            };
        }
    }

    /// A room turns while it has two members or more.
    fn put_bridge_on_wheel(&mut self, key: BridgeKey, now: Instant) {
        let Some(bridge) = self.bridges.get_mut(key) else { return };
        if bridge.mode == BridgeMode::Mix && bridge.members.len() >= 2 && !bridge.on_wheel {
            bridge.on_wheel = true;
            self.wheel.add(Item::Bridge(key), now, now);
        }
    }
}
