//! Endpoints that go over to the other IP version, because their peer does (RFC 3264 §8.3.1).
//!
//! ```text
//!   offer of the other version ── a second pair is opened ── commit ──▶ the first pair is closed
//!                                          └── rollback, failure, another offer ──▶ the second pair is closed
//! ```
//!
//! What the pairs are for is asked of the fabric after each step, so that none outlives its negotiation.

use std::net::SocketAddr;

use rustix::io::Errno;

use super::Worker;
use crate::ground::IpVersion;
use crate::media::core::{EndpointKey, Failure, Site, Standpoint, Step};
use crate::media::worker::clock;
use crate::media::worker::names::SecondPair;
use crate::media::worker::net::{self, Backend, Drawn};
use crate::media::worker::owner::Owner;

impl<B: Backend> Worker<B> {
    /// Where an endpoint has to be to answer an offer, if that is not where it is: a pair of the other IP version is
    /// opened for it, where media has an address of that. Without one the offer is answered from where the endpoint
    /// is, which says what is wrong.
    pub(super) fn readdress(
        &mut self,
        owner: &Owner,
        endpoint: &str,
        key: EndpointKey,
        step: &Step,
    ) -> Result<Option<Site>, Failure> {
        let (Step::AnswerOffer(offer), Some(here)) = (step, self.fabric.endpoint(key)) else {
            return Ok(None);
        };
        let is_here = IpVersion::of(here.settings().local.ip());
        // To the unspecified address nothing is sent: it holds in any version.
        let elsewhere = here.whereabouts(offer).filter(|peer| peer.version != is_here);
        let elsewhere =
            elsewhere.filter(|peer| !peer.address.is_some_and(|address| address.is_unspecified()));
        let Some(peer) = elsewhere else { return Ok(None) };
        let opened = self.names.endpoint(owner, endpoint).and_then(|held| held.second.as_ref());
        if let Some(second) = opened {
            return Ok(Some(second.site));
        }
        let now = clock::now();
        let chosen = self.addresses.choose(Some(peer), now);
        let Some((bind, told)) = chosen.filter(|(bind, _)| IpVersion::of(*bind) == peer.version) else {
            return Ok(None);
        };
        let (Drawn { port, rests_until }, socket) = self.bind_pair(bind, now)?;
        if let Err(error) = self.backend.add(key, peer.version, socket) {
            self.node.ports().release(port, now);
            return Err(not_waited_for(&error));
        }
        let standpoint = Standpoint { bind, rests_until };
        let site = Site { address: SocketAddr::new(told, port), standpoint };
        if let Some(held) = self.names.endpoint_mut(owner, endpoint) {
            held.second = Some(SecondPair { site });
        }
        Ok(Some(site))
    }

    /// Closes the pair that an endpoint has no use for any more, if it has two.
    pub(super) fn settle_pairs(&mut self, owner: &Owner, endpoint: &str) {
        let Some(held) = self.names.endpoint_mut(owner, endpoint) else { return };
        let (Some(second), Some(is)) = (&held.second, self.fabric.endpoint(held.key)) else { return };
        let of_second = IpVersion::of(second.site.address.ip());
        let (port, unused) = if is.settings().local == second.site.address {
            (std::mem::replace(&mut held.port, second.site.address.port()), of_second.other())
        } else if is.pending_local() == Some(second.site.address) {
            return;
        } else {
            (second.site.address.port(), of_second)
        };
        held.second = None;
        // The socket is closed before its port may be used again.
        drop(self.backend.remove_of(held.key, unused));
        self.node.ports().release(port, clock::now());
    }
}

/// A socket could not be added to those that are waited for.
pub(super) fn not_waited_for(error: &std::io::Error) -> Failure {
    let message = format!("a socket cannot be waited for: {error}");
    match Errno::from_io_error(error) {
        Some(errno) if net::is_short(errno) => Failure::Short(message),
        _ => Failure::Internal(message),
    }
}
