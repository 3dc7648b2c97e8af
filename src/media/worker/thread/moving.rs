//! Endpoints that change workers, because their bridge is on another one.
//!
//! ```text
//!   stream ──Expect──▶ B      what is asked of the endpoint from now on goes to B and waits there
//!          ──Depart──▶ A ── detach after the batch ── Arrive ──▶ B ── attach, join, serve what waited
//! ```
//!
//! Its sockets travel with the endpoint: packets that come meanwhile wait in them.

use std::sync::Arc;

use super::{Command, Worker};
use crate::media::core::{Endpoint, Failure};
use crate::media::worker::clock;
use crate::media::worker::inbox::Inbox;
use crate::media::worker::names::Held;
use crate::media::worker::net::{Backend, EndpointSockets};
use crate::media::worker::node;
use crate::media::worker::operation::{Operation, Outcome, ReplyTo};
use crate::media::worker::owner::Owner;

/// An endpoint is to go to a bridge on another worker.
#[derive(Debug)]
pub struct Departure {
    /// Who owns it.
    pub owner: Arc<Owner>,
    /// Its id.
    pub endpoint: String,
    /// The bridge.
    pub bridge: String,
    /// The bridge's worker.
    pub to: usize,
    /// Who is answered when it has joined.
    pub reply_to: ReplyTo,
}

/// All that an endpoint is.
#[derive(Debug)]
struct Traveller {
    endpoint: Endpoint,
    sockets: Option<EndpointSockets>,
    held: Held,
}

/// An endpoint comes, or it turned out that there is none.
#[derive(Debug)]
pub struct Arrival {
    departure: Departure,
    traveller: Option<Traveller>,
}

impl<B: Backend> Worker<B> {
    /// What is asked of an endpoint waits from now on until it comes. One that is to come, go and come again is
    /// expected the second time when it has gone.
    pub(super) fn expect(&mut self, owner: Arc<Owner>, endpoint: String) {
        match self.expected.get_mut(&(owner.number, endpoint.clone())) {
            Some(waiting) => waiting.push(Command::Expect { owner, endpoint }),
            None => {
                self.expected.insert((owner.number, endpoint), Vec::new());
            }
        }
    }

    /// Gives an endpoint away.
    pub(super) fn depart(&mut self, departure: Departure) {
        let place = (departure.owner.number, departure.endpoint.clone());
        if let Some(waiting) = self.expected.get_mut(&place) {
            // It has to come before it can go.
            waiting.push(Command::Depart(Box::new(departure)));
            return;
        }
        let traveller = self.detach(&departure.owner, &departure.endpoint);
        let to = departure.to;
        let arrival = Arrival { departure, traveller };
        // What this worker has to tell comes before what the other one will.
        self.take_outputs();
        self.tell();
        self.node.workers[to].inbox.push_always(Command::Arrive(Box::new(arrival)));
    }

    /// Where to pass on what was asked for an endpoint here: it may have gone to another worker meanwhile.
    pub(super) fn inbox_elsewhere(&self, owner: &Owner, endpoint: &str) -> Option<&Inbox> {
        if !self.node.has_places() {
            return None;
        }
        let place = owner.places().endpoint(endpoint).filter(|&place| place != self.index)?;
        Some(&self.node.workers[place].inbox)
    }

    fn detach(&mut self, owner: &Owner, id: &str) -> Option<Traveller> {
        let key = self.names.endpoint(owner, id)?.key;
        let endpoint = self.fabric.detach(key).ok()?;
        let sockets = self.backend.remove(key);
        self.take_outputs();
        let held = self.names.remove_endpoint(owner, id)?;
        Some(Traveller { endpoint, sockets, held })
    }

    /// Takes an endpoint in, lets it join its bridge, and serves what waited for it.
    pub(super) fn arrive(&mut self, arrival: Arrival) {
        let Arrival { departure: Departure { owner, endpoint, bridge, reply_to, .. }, traveller } = arrival;
        let waiting = self.expected.remove(&(owner.number, endpoint.clone())).unwrap_or_default();
        let arrived = match traveller {
            Some(traveller) => self.attach(&owner, &endpoint, traveller),
            None => Err(Failure::NoEndpoint),
        };
        if arrived.is_err() {
            owner.places().closed(&endpoint, self.index);
        }
        let joined = arrived.and_then(|()| self.change(&owner, Operation::AddMember { bridge, endpoint }));
        self.answer(&owner, reply_to, joined.map(|()| Outcome::Done));
        waiting.into_iter().for_each(|command| self.obey(command));
    }

    fn attach(&mut self, owner: &Arc<Owner>, id: &str, traveller: Traveller) -> Result<(), Failure> {
        let Traveller { endpoint, sockets, mut held } = traveller;
        let key = self.fabric.attach(endpoint, clock::now());
        held.key = key;
        let added = match sockets {
            Some(sockets) => sockets
                .into_each()
                .try_for_each(|(version, socket)| self.backend.add(key, version, socket))
                .map_err(|error| error.to_string()),
            None => Err("its socket is gone".to_owned()),
        };
        let Err(error) = added else {
            self.names.of(owner).endpoints.insert(id.into(), held);
            return Ok(());
        };
        let _ = self.fabric.close_by_itself(key, "its socket was lost on the way to another worker");
        drop(self.backend.remove(key));
        held.ports().for_each(|port| self.node.ports().release(port, clock::now()));
        node::release(&self.node.endpoints);
        Err(Failure::Internal(error))
    }
}
