//! Which connections there are, found by id and by peer, and how many there may be.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use super::outlet::Outlet;
use crate::ground::network::one_of;
use crate::ground::{ConnectionId, ListenerId};
use crate::transport::counters::{Counters, count};
use crate::transport::{SendError, SendTag, StreamSettings};

/// One connection as senders see it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: ConnectionId,
    pub(super) listener: ListenerId,
    pub(super) remote: SocketAddr,
    pub(super) outlet: Outlet,
    /// Whether it has served a call.
    pub(super) serves_calls: AtomicBool,
}

impl Connection {
    /// Writes a message, or lets it wait.
    ///
    /// # Errors
    /// As [`Outlet::offer`].
    pub(super) fn offer(&self, bytes: Bytes, tag: Option<SendTag>) -> Result<(), SendError> {
        if !self.serves_calls.load(Ordering::Relaxed) && is_of_a_call(&bytes) {
            self.serves_calls.store(true, Ordering::Relaxed);
        }
        self.outlet.offer(bytes, tag)
    }
}

/// Whether what we send belongs to a call: any request, and what rings or answers an INVITE. A refusal, or an answer to
/// OPTIONS, can be had by anybody.
fn is_of_a_call(message: &[u8]) -> bool {
    let Some(status) = message.strip_prefix(b"SIP/2.0 ") else { return true };
    let rings_or_answers = matches!(status, [b'1' | b'2', ..]) && !status.starts_with(b"100");
    rings_or_answers && is_to_invite(message)
}

fn is_to_invite(message: &[u8]) -> bool {
    let Some(at) = memchr::memmem::find(message, b"\r\nCSeq: ") else { return false };
    let line = message[at + 2..].split(|&byte| byte == b'\r').next();
    line.is_some_and(|line| line.ends_with(b" INVITE"))
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
        let connection =
            Arc::new(Connection { id, listener, remote, outlet, serves_calls: AtomicBool::new(false) });
        self.by_id.insert(id, Arc::clone(&connection));
        connection
    }

    /// Strikes a connection out: from now on nobody finds it.
    pub(super) fn strike_out(&self, connection: &Connection) {
        self.by_id.remove(&connection.id);
        let peer = (connection.listener, connection.remote);
        self.by_peer.remove_if(&peer, |_, found| found.id == connection.id);
    }

    /// Takes a place for one more connection: an accepted one from `source`, or one we open. One source never has more than
    /// are left free, so that however many connect, the next one finds a place.
    ///
    /// # Errors
    /// When there are as many as there may be.
    pub(super) fn take_place(
        &self,
        source: Option<IpAddr>,
        settings: &StreamSettings,
        counters: &Arc<Counters>,
    ) -> Result<Place, NoPlace> {
        let source = source.map(one_of);
        let mut taken = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.total >= settings.connections_max {
            count(&counters.connections_refused_total);
            return Err(NoPlace::Total);
        }
        let free = settings.connections_max - taken.total;
        if let Some(source) = source {
            let from_source = taken.per_source.entry(source).or_insert(0);
            if *from_source >= settings.connections_per_source_max.min(free) {
                if *from_source == 0 {
                    taken.per_source.remove(&source);
                }
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
        let other = take("192.0.2.1").unwrap();
        assert_eq!(take("192.0.2.2").unwrap_err(), NoPlace::Total);
        assert_eq!(counters.snapshot().connections_open, 4);
        drop((first, other));
        let again = take("2001:db8::3");
        assert!(again.is_ok());
        assert_eq!(counters.snapshot().connections_open, 3);
        assert_eq!(counters.snapshot().connections_refused_source, 1);
        assert_eq!(counters.snapshot().connections_refused_total, 1);
    }

    #[test]
    fn no_source_takes_more_than_are_left_free_so_that_the_next_one_finds_a_place() {
        let connections = Connections::default();
        let counters = Arc::<Counters>::default();
        let settings = StreamSettings {
            connections_max: 120,
            connections_per_source_max: 1_000,
            ..StreamSettings::default()
        };
        let mut places = Vec::new();
        let mut from = |source: u8| {
            let source = IpAddr::from([192, 0, 2, source]);
            let place = connections.take_place(Some(source), &settings, &counters).ok();
            place.map(|place| places.push(place)).is_some()
        };
        assert_eq!((0..200).filter(|_| from(1)).count(), 60, "one alone");
        let in_turn = (0..200).flat_map(|_| 2..=9).filter(|source| from(*source)).count();
        assert!((50..60).contains(&in_turn), "{in_turn}");
        assert!(from(10), "and there is room for another");
        assert_eq!(counters.snapshot().connections_refused_total, 0);
    }

    #[test]
    fn a_connection_serves_calls_from_what_rings_or_answers_or_is_asked_on_it() {
        let response = |status: &str, method: &str| {
            format!("SIP/2.0 {status}\r\nVia: SIP/2.0/TCP h\r\nCSeq: 1 {method}\r\nAllow: INVITE\r\n\r\n")
        };
        for (message, serves) in [
            (response("180 Ringing", "INVITE"), true),
            (response("200 OK", "INVITE"), true),
            (response("100 Trying", "INVITE"), false),
            (response("503 Service Unavailable", "INVITE"), false),
            (response("200 OK", "OPTIONS"), false),
            ("BYE sip:b SIP/2.0\r\n\r\n".to_owned(), true),
        ] {
            assert_eq!(is_of_a_call(message.as_bytes()), serves, "{message}");
        }
    }
}
