//! Endpoints opened, described, moved and closed.

use std::net::SocketAddr;

use smallvec::SmallVec;

use super::{Fabric, Output};
use crate::codec::Codec;
use crate::ground::Instant;
use crate::media::core::endpoint::{Endpoint, EndpointKey, EndpointSettings, Statistics};
use crate::media::core::negotiation::{Ask, Described};
use crate::media::core::{Event, Failure, NamedHost, PlayEnd};

impl Fabric {
    /// Makes an endpoint with nothing negotiated.
    ///
    /// # Errors
    /// [`Failure::Limit`] when there are too many.
    pub fn open(&mut self, settings: EndpointSettings) -> Result<EndpointKey, Failure> {
        self.check_room()?;
        let endpoint = Endpoint::new(settings, &mut self.random);
        Ok(self.settle(endpoint))
    }

    /// Whether one more endpoint fits.
    ///
    /// # Errors
    /// [`Failure::Limit`] when it does not.
    pub fn check_room(&self) -> Result<(), Failure> {
        let limit = self.settings.endpoints_max;
        if self.endpoints.len() < limit { Ok(()) } else { Err(Failure::Limit { what: "endpoints", limit }) }
    }

    fn settle(&mut self, endpoint: Endpoint) -> EndpointKey {
        let key = self.endpoints.insert(endpoint);
        if let Some(endpoint) = self.endpoints.get_mut(key) {
            endpoint.key = key;
        }
        key
    }

    /// The endpoint, to look at.
    #[must_use]
    pub fn endpoint(&self, key: EndpointKey) -> Option<&Endpoint> {
        self.endpoints.get(key)
    }

    pub(super) fn endpoint_mut(&mut self, key: EndpointKey) -> Result<&mut Endpoint, Failure> {
        self.endpoints.get_mut(key).ok_or(Failure::NoEndpoint)
    }

    /// Describes, answers or applies; see [`Endpoint::negotiate`].
    ///
    /// # Errors
    /// As there, and [`Failure::NoEndpoint`].
    pub fn negotiate(&mut self, key: EndpointKey, ask: Ask) -> Result<Described, Failure> {
        self.endpoint_mut(key)?.negotiate(ask)
    }

    /// Puts a pending negotiation into force.
    ///
    /// # Errors
    /// When it does not pend, and [`Failure::NoEndpoint`].
    pub fn commit(
        &mut self,
        key: EndpointKey,
        generation: u64,
        remote: &str,
        now: Instant,
    ) -> Result<(), Failure> {
        self.endpoint_mut(key)?.commit(generation, remote, now)?;
        self.watch(key);
        Ok(())
    }

    /// Drops a pending negotiation.
    ///
    /// # Errors
    /// When it does not pend, and [`Failure::NoEndpoint`].
    pub fn rollback(&mut self, key: EndpointKey, generation: u64) -> Result<(), Failure> {
        self.endpoint_mut(key)?.rollback(generation)
    }

    /// Chooses the remote that is heard and spoken to.
    ///
    /// # Errors
    /// When there is no such remote, and [`Failure::NoEndpoint`].
    pub fn select_remote(&mut self, key: EndpointKey, remote: &str, now: Instant) -> Result<(), Failure> {
        self.endpoint_mut(key)?.select_remote(remote, now)?;
        self.watch(key);
        Ok(())
    }

    /// The hosts that an endpoint's remotes are at and that are to be looked up; each once. [`Fabric::located`] is to
    /// follow.
    pub fn take_names(&mut self, key: EndpointKey) -> SmallVec<[NamedHost; 1]> {
        self.endpoints.get_mut(key).map(Endpoint::take_names).unwrap_or_default()
    }

    /// A host was looked up, and has this address or none. Returns whether that was still waited for.
    pub fn located(
        &mut self,
        key: EndpointKey,
        host: &str,
        port: u16,
        found: Option<SocketAddr>,
        now: Instant,
    ) -> bool {
        self.endpoints.get_mut(key).is_some_and(|endpoint| endpoint.located(host, port, found, now))
    }

    /// An endpoint's peer has shown that it gets what is sent to the address that it signals from.
    ///
    /// # Errors
    /// [`Failure::NoEndpoint`].
    pub fn peer_reached(&mut self, key: EndpointKey) -> Result<(), Failure> {
        self.endpoint_mut(key)?.reached();
        Ok(())
    }

    /// Mutes or unmutes what an endpoint's peer says.
    ///
    /// # Errors
    /// [`Failure::NoEndpoint`].
    pub fn mute(&mut self, key: EndpointKey, muted: bool) -> Result<(), Failure> {
        self.endpoint_mut(key)?.mute(muted);
        Ok(())
    }

    /// The codecs that an endpoint's peer speaks; empty while nothing is known.
    #[must_use]
    pub fn codecs(&self, key: EndpointKey) -> Vec<Codec> {
        self.endpoints.get(key).map(Endpoint::codecs).unwrap_or_default()
    }

    /// Looks at an endpoint when something of its time may be due, unless that is arranged already.
    pub(super) fn watch(&mut self, key: EndpointKey) {
        let Some(endpoint) = self.endpoints.get_mut(key) else { return };
        let Some(at) = endpoint.look_at() else { return };
        if endpoint.watched_at.is_none_or(|watched| at < watched) {
            endpoint.watched_at = Some(at);
            self.deadlines.push(at, key);
        }
    }

    /// Closes an endpoint: it leaves its bridge, its playback ends.
    ///
    /// # Errors
    /// [`Failure::NoEndpoint`].
    pub fn close(&mut self, key: EndpointKey) -> Result<Statistics, Failure> {
        self.leave_bridge(key);
        let mut endpoint = self.endpoints.remove(key).ok_or(Failure::NoEndpoint)?;
        self.playback_ended(endpoint.end_playback(PlayEnd::Closed));
        Ok(endpoint.statistics())
    }

    /// Closes an endpoint that nobody asked to close, and tells its owner.
    ///
    /// # Errors
    /// [`Failure::NoEndpoint`].
    pub fn close_by_itself(&mut self, key: EndpointKey, reason: &'static str) -> Result<Statistics, Failure> {
        let output =
            self.endpoint_mut(key)?.output(Event::Closed { reason, statistics: Statistics::default() });
        let statistics = self.close(key)?;
        self.outputs.push_back(Output { event: Event::Closed { reason, statistics }, ..output });
        Ok(statistics)
    }

    /// Takes an endpoint out with all that it is, to go to another fabric. It leaves its bridge, and its owner is told.
    ///
    /// # Errors
    /// [`Failure::NoEndpoint`].
    pub fn detach(&mut self, key: EndpointKey) -> Result<Endpoint, Failure> {
        let left = self.leave_bridge(key);
        let mut endpoint = self.endpoints.remove(key).ok_or(Failure::NoEndpoint)?;
        self.outputs.extend(left.map(|bridge| endpoint.output(Event::LeftBridge { bridge })));
        self.playbacks -= usize::from(endpoint.playback.is_some());
        endpoint.on_wheel = false;
        endpoint.watched_at = None;
        Ok(endpoint)
    }

    /// Takes an endpoint in that another fabric gave away. Its stream, its playback and its timeout go on: the next frame
    /// is due 20 ms after the last one.
    pub fn attach(&mut self, endpoint: Endpoint, now: Instant) -> EndpointKey {
        self.playbacks += usize::from(endpoint.playback.is_some());
        let key = self.settle(endpoint);
        self.watch(key);
        self.go_on_with_turns(key, now);
        key
    }
}
