//! Which connections there are, found by id and by peer, and how many there may be.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use super::outlet::Outlet;
use crate::ground::{ConnectionId, ListenerId};
use crate::transport::StreamSettings;
use crate::transport::counters::{Counters, count};

/// One connection as senders see it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: ConnectionId,
    pub(super) listener: ListenerId,
    pub(super) remote: SocketAddr,
    pub(super) outlet: Outlet,
}

/// The connections that there are.
///
/// An accepted one is found by its peer's source address too, so that requests to a peer that connected to us go back
/// on its connection. The address in its Via or Contact is not believed: without authentication anybody could take
/// another's requests that way (RFC 5923 §10).
#[derive(Debug, Default)]
pub(super) struct Connections {
    by_id: DashMap<ConnectionId, Arc<Connection>>,
    by_peer: DashMap<(ListenerId, SocketAddr), Arc<Connection>>,
    last_id: AtomicU64,
    places: Arc<Mutex<Taken>>,
}

/// How many connections there are, in all and per source.
#[derive(Debug, Default)]
struct Taken {
    total: usize,
    per_source: HashMap<IpAddr, usize>,
}

/// The right to one connection; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    source: Option<IpAddr>,
    places: Arc<Mutex<Taken>>,
    counters: Arc<Counters>,
}

/// Why there is no place for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoPlace {
    Total,
    Source,
}

impl Connections {
    /// The connection with this id.
    pub(super) fn by_id(&self, id: ConnectionId) -> Option<Arc<Connection>> {
        self.by_id.get(&id).map(|found| Arc::clone(&found))
    }

    /// A connection to this peer.
    pub(super) fn by_peer(&self, listener: ListenerId, remote: SocketAddr) -> Option<Arc<Connection>> {
        self.by_peer.get(&(listener, remote)).map(|found| Arc::clone(&found))
    }

    /// Enters an accepted connection.
    pub(super) fn enter(&self, listener: ListenerId, remote: SocketAddr, outlet: Outlet) -> Arc<Connection> {
        let connection = self.make(listener, remote, outlet);
        self.by_peer.insert((listener, remote), Arc::clone(&connection));
        connection
    }

    /// The connection to this peer, or a new one; whether it is new. Two that ask at once get the same.
    pub(super) fn find_or_enter(
        &self,
        listener: ListenerId,
        remote: SocketAddr,
        outlet: impl FnOnce() -> Outlet,
    ) -> (Arc<Connection>, bool) {
        match self.by_peer.entry((listener, remote)) {
            Entry::Occupied(found) => (Arc::clone(found.get()), false),
            Entry::Vacant(vacant) => {
                let connection = self.make(listener, remote, outlet());
                vacant.insert(Arc::clone(&connection));
                (connection, true)
            }
        }
    }

    fn make(&self, listener: ListenerId, remote: SocketAddr, outlet: Outlet) -> Arc<Connection> {
        let id = ConnectionId(self.last_id.fetch_add(1, Ordering::Relaxed) + 1);
        let connection = Arc::new(Connection { id, listener, remote, outlet });
        self.by_id.insert(id, Arc::clone(&connection));
        connection
    }

    /// Strikes a connection out: from now on nobody finds it.
    pub(super) fn strike_out(&self, connection: &Connection) {
        self.by_id.remove(&connection.id);
        let peer = (connection.listener, connection.remote);
        self.by_peer.remove_if(&peer, |_, found| found.id == connection.id);
    }

    /// Takes a place for one more connection: an accepted one from `source`, or one we open.
    ///
    /// # Errors
    /// When there are as many as there may be.
    pub(super) fn take_place(
        &self,
        source: Option<IpAddr>,
        settings: &StreamSettings,
        counters: &Arc<Counters>,
    ) -> Result<Place, NoPlace> {
        let source = source.map(network);
        let mut taken = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.total >= settings.connections_max {
            count(&counters.connections_refused_total);
            return Err(NoPlace::Total);
        }
        if let Some(source) = source {
            let from_source = taken.per_source.entry(source).or_insert(0);
            if *from_source >= settings.connections_per_source_max {
                count(&counters.connections_refused_source);
                return Err(NoPlace::Source);
            }
            *from_source += 1;
        }
        taken.total += 1;
        counters.connections_open.store(taken.total as u64, Ordering::Relaxed);
        Ok(Place { source, places: Arc::clone(&self.places), counters: Arc::clone(counters) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        taken.total = taken.total.saturating_sub(1);
        self.counters.connections_open.store(taken.total as u64, Ordering::Relaxed);
        let Some(source) = self.source else { return };
        if let Some(from_source) = taken.per_source.get_mut(&source) {
            *from_source = from_source.saturating_sub(1);
            if *from_source == 0 {
                taken.per_source.remove(&source);
            }
        }
    }
}

/// Who counts as one source: an IPv4 address, or an IPv6 /64, which is what one customer gets.
fn network(source: IpAddr) -> IpAddr {
    match source {
        IpAddr::V4(_) => source,
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6([a, b, c, d, 0, 0, 0, 0].into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outlet() -> Outlet {
        Outlet::new(1_000, Arc::default())
    }

    #[test]
    fn a_connection_is_found_by_id_and_peer_until_it_is_struck_out() {
        let connections = Connections::default();
        let (listener, peer) = (ListenerId(1), "192.0.2.1:5060".parse().unwrap());
        let first = connections.enter(listener, peer, outlet());
        let (again, new) = connections.find_or_enter(listener, peer, outlet);
        assert!(!new && again.id == first.id);
        assert!(connections.by_peer(ListenerId(2), peer).is_none(), "another listener has another identity");
        connections.strike_out(&first);
        assert!(connections.by_id(first.id).is_none() && connections.by_peer(listener, peer).is_none());
        let (second, new) = connections.find_or_enter(listener, peer, outlet);
        assert!(new && second.id != first.id);
    }

    #[test]
    fn striking_out_an_old_connection_leaves_its_successor() {
        let connections = Connections::default();
        let (listener, peer) = (ListenerId(1), "192.0.2.1:5060".parse().unwrap());
        let old = connections.enter(listener, peer, outlet());
        let new = connections.enter(listener, peer, outlet());
        connections.strike_out(&old);
        assert_eq!(connections.by_peer(listener, peer).unwrap().id, new.id);
    }

    #[test]
    fn places_run_out_in_all_and_per_source_and_come_back() {
        let connections = Connections::default();
        let counters = Arc::<Counters>::default();
        let settings =
            StreamSettings { connections_max: 4, connections_per_source_max: 2, ..StreamSettings::default() };
        let take = |source: &str| connections.take_place(source.parse().ok(), &settings, &counters);
        let first = take("2001:db8::1").unwrap();
        let _same_network = take("2001:db8::2").unwrap();
        assert_eq!(take("2001:db8::3").unwrap_err(), NoPlace::Source);
        let _ours = connections.take_place(None, &settings, &counters).unwrap();
        let _other = take("192.0.2.1").unwrap();
        assert_eq!(take("192.0.2.2").unwrap_err(), NoPlace::Total);
        assert_eq!(counters.snapshot().connections_open, 4);
        drop(first);
        assert!(take("2001:db8::3").is_ok());
        assert_eq!(counters.snapshot().connections_open, 3);
        assert_eq!(counters.snapshot().connections_refused_source, 1);
        assert_eq!(counters.snapshot().connections_refused_total, 1);
    }
}
