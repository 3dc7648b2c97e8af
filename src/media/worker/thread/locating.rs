//! Peers whose descriptions name a host (RFC 8866 §5.7): looked up beside the worker. Until there is an answer, and when
//! there is none, symmetric RTP alone shows where the peer is.

use std::net::SocketAddr;
use std::sync::Arc;

use super::{Command, Worker};
use crate::media::core::{EndpointKey, NamedHost};
use crate::media::worker::clock;
use crate::media::worker::lookups::{LookupError, Query};
use crate::media::worker::net::Backend;
use crate::media::worker::owner::Owner;

/// A host was looked up. Whether that is still wanted shows by host and port: an endpoint that has another place by now,
/// or was closed and made again, asks for another host or for none.
#[derive(Debug)]
pub struct Located {
    owner: Arc<Owner>,
    endpoint: String,
    host: String,
    port: u16,
    found: Result<SocketAddr, LookupError>,
}

impl<B: Backend> Worker<B> {
    /// Has the hosts looked up that have come into force. The worker gets a command for each when it is.
    pub(super) fn look_names_up(&mut self, owner: &Arc<Owner>, endpoint: &str, key: EndpointKey) {
        for NamedHost { host, port, by } in self.fabric.take_names(key) {
            let Some(local) = self.fabric.endpoint(key).map(|endpoint| endpoint.settings().local) else {
                return;
            };
            let query = Query { host: host.clone(), port, ipv4: local.is_ipv4(), by };
            let (asker, inbox) = (Arc::clone(owner), Arc::clone(&self.inbox));
            let (id, name) = (endpoint.to_owned(), host.clone());
            let asked = self.node.lookups.look_up(query, move |found| {
                let located = Located { owner: asker, endpoint: id, host: name, port, found };
                inbox.push_always(Command::Located(Box::new(located)));
            });
            if let Err(error) = asked {
                let (owner, endpoint) = (Arc::clone(owner), endpoint.to_owned());
                self.located(Located { owner, endpoint, host, port, found: Err(error) });
            }
        }
    }

    /// A host was looked up: packets to the peer go there, unless it announced another place since, or is gone.
    pub(super) fn located(&mut self, located: Located) {
        let Located { owner, endpoint, host, port, found } = &located;
        if let Some(waiting) = self.expected.get_mut(&(owner.number, endpoint.clone())) {
            waiting.push(Command::Located(Box::new(located)));
            return;
        }
        let Ok(key) = self.key(owner, endpoint) else {
            match self.inbox_elsewhere(owner, endpoint) {
                Some(inbox) => inbox.push_always(Command::Located(Box::new(located))),
                None => self.node.lookups.unneeded(),
            }
            return;
        };
        if !self.fabric.located(key, host, *port, found.ok(), clock::now()) {
            self.node.lookups.unneeded();
        }
        self.log(owner, endpoint, || match found {
            Ok(address) => tracing::debug!(host, %address, "the peer's host was found"),
            Err(error) => tracing::info!(host, %error, "the peer's host was not found"),
        });
    }
}
