//! Finding a dialog by its id: Call-ID, local tag, remote tag (RFC 3261 §12).

use std::hash::Hasher as _;

use siphasher::sip128::{Hasher128, SipHasher13};

use crate::ground::Random;
use crate::ground::hash::OwnKeyMap;
use crate::ground::leg::LegId;
use crate::sip::Response;

/// A dialog id as a keyed hash of 128 bits. Peers choose the text but not the key, so two ids do not meet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct DialogKey(u128);

/// Which leg a dialog belongs to. A leg has several while its INVITE forks.
#[derive(Debug)]
pub(super) struct DialogIndex {
    key: [u64; 2],
    dialogs: OwnKeyMap<DialogKey, LegId>,
}

impl DialogIndex {
    pub fn new(random: &mut Random) -> Self {
        Self { key: [random.next_u64(), random.next_u64()], dialogs: OwnKeyMap::default() }
    }

    /// The key of a dialog id. The peer's tag is empty for peers of RFC 2543.
    pub fn key(&self, call_id: &str, local_tag: &str, remote_tag: &str) -> DialogKey {
        let mut hasher = SipHasher13::new_with_keys(self.key[0], self.key[1]);
        for text in [call_id, local_tag, remote_tag] {
            hasher.write_usize(text.len());
            hasher.write(text.as_bytes());
        }
        DialogKey(hasher.finish128().as_u128())
    }

    /// The key of the dialog that a response to a request of ours belongs to. `None` when its ids cannot be read.
    pub fn key_of_response(&self, response: &Response) -> Option<DialogKey> {
        let headers = response.headers();
        let (from, to) = (headers.from().ok()?, headers.to().ok()?);
        let (local, remote) = (from.tag().unwrap_or_default(), to.tag().unwrap_or_default());
        Some(self.key(headers.call_id().ok()?, local, remote))
    }

    pub fn get(&self, key: DialogKey) -> Option<LegId> {
        self.dialogs.get(&key).copied()
    }

    /// Enters a dialog, unless one has this id already.
    #[must_use]
    pub fn enter(&mut self, key: DialogKey, leg: LegId) -> bool {
        match self.dialogs.entry(key) {
            std::collections::hash_map::Entry::Vacant(vacant) => {
                vacant.insert(leg);
                true
            }
            std::collections::hash_map::Entry::Occupied(_) => false,
        }
    }

    pub fn strike(&mut self, key: DialogKey) {
        self.dialogs.remove(&key);
    }

    pub fn len(&self) -> usize {
        self.dialogs.len()
    }
}
