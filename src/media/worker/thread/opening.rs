//! Endpoints opened: a port pair, a socket, a place in the fabric.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::io::Errno;

use super::Worker;
use super::readdressing::not_waited_for;
use crate::ground::{ID_BYTES_MAX, Instant, IpVersion};
use crate::media::core::{EndpointKey, EndpointSettings, Failure, Standpoint, Step};
use crate::media::worker::clock;
use crate::media::worker::names::Held;
use crate::media::worker::net::{self, Backend, Drawn};
use crate::media::worker::node;
use crate::media::worker::operation::{Create, Negotiate};
use crate::media::worker::owner::Owner;
use crate::media::worker::trace;
use crate::sdp::Whereabouts;

/// Port pairs that are tried when other processes have them.
const BIND_TRIES_MAX: usize = 64;

/// Whether a name may become an id here.
pub fn check_id(what: &'static str, id: &str) -> Result<(), Failure> {
    if id.is_empty() || id.len() > ID_BYTES_MAX {
        return Err(Failure::BadRequest(format!("{what} must have 1 to {ID_BYTES_MAX} characters")));
    }
    Ok(())
}

impl<B: Backend> Worker<B> {
    /// Opens an endpoint for a negotiation.
    pub(super) fn open(
        &mut self,
        owner: &Arc<Owner>,
        negotiate: &Negotiate,
        create: &Create,
    ) -> Result<EndpointKey, Failure> {
        check_id("endpoint_id", &negotiate.endpoint)?;
        if self.node.draining.load(Ordering::Relaxed) {
            return Err(Failure::Draining);
        }
        let limit = self.node.settings.endpoints_max;
        node::claim(&self.node.endpoints, limit, "endpoints")?;
        let opened = self.open_claimed(owner, negotiate, create);
        if opened.is_err() {
            node::release(&self.node.endpoints);
        }
        opened
    }

    fn open_claimed(
        &mut self,
        owner: &Arc<Owner>,
        negotiate: &Negotiate,
        create: &Create,
    ) -> Result<EndpointKey, Failure> {
        let now = clock::now();
        let peer = match &negotiate.step {
            Step::AnswerOffer(offer) => Whereabouts::of_offer(offer, None),
            Step::MakeOffer => negotiate.ip_version.map(Whereabouts::in_version),
            Step::ApplyAnswer(_) => None,
        };
        let chosen = self.addresses.choose(peer, now);
        let (bind, told) =
            chosen.ok_or_else(|| Failure::Internal("no media address is configured".into()))?;
        let (Drawn { port, rests_until }, socket) = self.bind_pair(bind, now)?;
        let id: Arc<str> = negotiate.endpoint.as_str().into();
        let settings = EndpointSettings {
            id: Arc::clone(&id),
            owner: owner.number,
            local: SocketAddr::new(told, port),
            standpoint: Standpoint { bind, rests_until },
            rtp_timeout: create.rtp_timeout.unwrap_or(self.node.settings.rtp_timeout),
            safeguards: Arc::clone(&self.node.settings.safeguards),
        };
        let added = self.fabric.open(settings).and_then(|key| {
            self.backend.add(key, IpVersion::of(bind), socket).map(|()| key).map_err(|error| {
                // The fabric has nothing else of it.
                let _ = self.fabric.close(key);
                not_waited_for(&error)
            })
        });
        let key = added.inspect_err(|_| self.node.ports().release(port, now))?;
        let span = trace::endpoint_span(&id, create);
        let trace = trace::endpoint_trace(&id, create);
        let held = Held { key, port, second: None, span, trace, loading: None };
        self.names.of(owner).endpoints.insert(id, held);
        Ok(key)
    }

    /// Takes the least recently used port pair that can be bound.
    pub(super) fn bind_pair(&self, address: IpAddr, now: Instant) -> Result<(Drawn, OwnedFd), Failure> {
        for _ in 0..BIND_TRIES_MAX {
            let drawn = self.node.ports().draw(now).ok_or(Failure::NoPort)?;
            let port = drawn.port;
            match net::open(address, port, &self.node.settings.socket) {
                Ok(socket) => return Ok((drawn, socket)),
                Err(Errno::ADDRINUSE) => self.node.ports().release_foreign(port, now),
                Err(error) if net::is_short(error) => {
                    self.node.ports().release_unbound(drawn);
                    return Err(Failure::Short(format!("no socket: {error}")));
                }
                Err(error) => {
                    // To rest, so that the next endpoint tries another one.
                    self.node.ports().release(port, now);
                    return Err(Failure::Internal(format!("no socket at {address} port {port}: {error}")));
                }
            }
        }
        Err(Failure::NoPort)
    }
}
