//! Where transactions live: a slab with generations, found by match key, by id and by connection.

use std::net::SocketAddr;

use super::TransactionId;
use super::event::ClientError;
use super::key::Key;
use super::machine::Machine;
use crate::ground::hash::OwnKeyMap;
use crate::ground::timer::TimerHandle;
use crate::ground::{Chunks, ConnectionId, Flow, ListenerId};
use crate::sip::{Method, Request, StatusCode};

/// No slot.
const NONE: u32 = u32::MAX;

/// One transaction.
#[derive(Debug)]
pub(super) struct Transaction {
    pub machine: Machine,
    pub method: Method,
    /// Where it sends.
    pub flow: Flow,
    /// On a server's stream: the port to connect to when the request's connection is gone; 0 for none.
    pub other_port: u16,
    /// The layer's own: a CANCEL, in either direction. The user does not hear of it.
    pub internal: bool,
    pub last_status: Option<StatusCode>,
    /// How it failed; known until the user has been told of its end.
    pub failure: Option<(ClientError, Option<Request>)>,
    /// Timer A, E or G.
    pub retransmission: Option<TimerHandle>,
    /// The other timer.
    pub deadline: Option<TimerHandle>,
    /// How often its message may still be repeated.
    pub repeats: u8,
    /// What finds it.
    pub key: Key,
    /// What a second way of its request is found by; 0 for none.
    pub merged: Key,
    /// Neighbours on the same connection.
    before: u32,
    after: u32,
}

impl Transaction {
    pub const fn new(machine: Machine, method: Method, flow: Flow, key: Key) -> Self {
        Self {
            machine,
            method,
            flow,
            other_port: 0,
            internal: false,
            last_status: None,
            failure: None,
            retransmission: None,
            deadline: None,
            // More than any timer leads to.
            repeats: u8::MAX,
            key,
            merged: 0,
            before: NONE,
            after: NONE,
        }
    }
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    /// When it is free: the next free one.
    next_free: u32,
    transaction: Option<Transaction>,
}

/// All transactions of a layer.
#[derive(Debug)]
pub(super) struct Slots {
    slots: Chunks<Slot>,
    free: u32,
    /// Transactions that have not terminated.
    live: usize,
    by_key: OwnKeyMap<Key, u32>,
    /// The first transaction on each connection.
    by_connection: OwnKeyMap<ConnectionId, u32>,
}

impl Slots {
    pub fn new() -> Self {
        Self {
            slots: Chunks::new(),
            free: NONE,
            live: 0,
            by_key: OwnKeyMap::default(),
            by_connection: OwnKeyMap::default(),
        }
    }

    /// Transactions that have not terminated.
    pub const fn len(&self) -> usize {
        self.live
    }

    /// Puts a transaction in and makes it findable.
    pub fn insert(&mut self, transaction: Transaction) -> u32 {
        let (key, merged, connection) = (transaction.key, transaction.merged, transaction.flow.connection);
        let index = if self.free == NONE {
            self.slots.push(Slot { generation: 1, next_free: NONE, transaction: Some(transaction) });
            (self.slots.len() - 1) as u32
        } else {
            let index = self.free;
            let slot = &mut self.slots[index as usize];
            self.free = slot.next_free;
            slot.transaction = Some(transaction);
            index
        };
        self.live += 1;
        self.by_key.insert(key, index);
        if merged != 0 {
            self.by_key.insert(merged, index);
        }
        if let Some(connection) = connection {
            self.link(index, connection);
        }
        index
    }

    /// How many transactions there is room for now.
    pub const fn allocated(&self) -> usize {
        self.slots.len()
    }

    /// Clients that were sent by datagram from this listener to this peer and have heard nothing. Looks at all.
    pub fn unheard(&self, listener: ListenerId, remote: SocketAddr) -> Vec<u32> {
        let concerned = |transaction: &Transaction| {
            let flow = &transaction.flow;
            !flow.transport.is_reliable()
                && flow.listener == listener
                && (flow.remote.ip(), flow.remote.port()) == (remote.ip(), remote.port())
                && transaction.machine.is_unheard()
        };
        let found = |slot: &Slot| slot.transaction.as_ref().is_some_and(concerned);
        (0..).zip(self.slots.iter()).filter_map(|(index, slot)| found(slot).then_some(index)).collect()
    }

    pub fn find(&self, key: Key) -> Option<u32> {
        self.by_key.get(&key).copied()
    }

    pub fn id(&self, index: u32) -> TransactionId {
        TransactionId { generation: self.slots[index as usize].generation, slot: index }
    }

    /// The slot of an id, also when the transaction has terminated and the user is still to be told.
    pub fn slot(&self, id: TransactionId) -> Option<u32> {
        let slot = self.slots.get(id.slot as usize)?;
        (slot.generation == id.generation && slot.transaction.is_some()).then_some(id.slot)
    }

    pub fn get(&self, index: u32) -> Option<&Transaction> {
        self.slots.get(index as usize)?.transaction.as_ref()
    }

    pub fn get_mut(&mut self, index: u32) -> Option<&mut Transaction> {
        self.slots.get_mut(index as usize)?.transaction.as_mut()
    }

    /// Its request may come another way from now on.
    pub fn settle(&mut self, index: u32) {
        let Some(transaction) = self.get_mut(index) else { return };
        let merged = std::mem::take(&mut transaction.merged);
        if merged != 0 && self.find(merged) == Some(index) {
            self.by_key.remove(&merged);
        }
    }

    /// Takes a terminated transaction out of all indexes. It stays readable by its id until [`Slots::release`].
    pub fn retire(&mut self, index: u32) {
        let Some(transaction) = self.get(index) else { return };
        let key = transaction.key;
        self.unlink(index);
        self.by_key.remove(&key);
        self.settle(index);
        self.live -= 1;
    }

    /// Frees the slot of a retired transaction.
    pub fn release(&mut self, index: u32) {
        if let Some(slot) = self.slots.get_mut(index as usize)
            && slot.transaction.take().is_some()
        {
            slot.generation = slot.generation.wrapping_add(1).max(1);
            slot.next_free = self.free;
            self.free = index;
        }
    }

    /// Notes that a transaction uses a connection.
    pub fn adopt(&mut self, index: u32, connection: ConnectionId) {
        self.unlink(index);
        if let Some(transaction) = self.get_mut(index) {
            transaction.flow.connection = Some(connection);
            self.link(index, connection);
        }
    }

    /// Takes the connection away from its first transaction, and says which that is.
    pub fn orphan_one(&mut self, connection: ConnectionId) -> Option<u32> {
        let index = self.by_connection.get(&connection).copied()?;
        self.orphan(index);
        Some(index)
    }

    /// Takes a transaction's connection away; `false` when it has none.
    pub fn orphan(&mut self, index: u32) -> bool {
        self.unlink(index);
        self.get_mut(index).is_some_and(|transaction| transaction.flow.connection.take().is_some())
    }

    fn link(&mut self, index: u32, connection: ConnectionId) {
        let first = self.by_connection.insert(connection, index).unwrap_or(NONE);
        if let Some(neighbour) = self.get_mut(first) {
            neighbour.before = index;
        }
        if let Some(transaction) = self.get_mut(index) {
            transaction.before = NONE;
            transaction.after = first;
        }
    }

    fn unlink(&mut self, index: u32) {
        let Some(transaction) = self.get(index) else { return };
        let (before, after, connection) =
            (transaction.before, transaction.after, transaction.flow.connection);
        let Some(connection) = connection else { return };
        if let Some(neighbour) = self.get_mut(after) {
            neighbour.before = before;
        }
        if let Some(neighbour) = self.get_mut(before) {
            neighbour.after = after;
        } else if after == NONE {
            self.by_connection.remove(&connection);
        } else {
            self.by_connection.insert(connection, after);
        }
    }

    /// Bytes of a slot, without the messages that a pending transaction holds.
    #[cfg(test)]
    pub const SLOT_BYTES: usize = size_of::<Slot>();

    /// Connections that transactions use.
    #[cfg(test)]
    pub fn connections(&self) -> usize {
        self.by_connection.len()
    }

    /// Match keys in use.
    #[cfg(test)]
    pub fn keys(&self) -> usize {
        self.by_key.len()
    }
}
