//! Which shard owns a call: a keyed hash of Call-ID, computed wherever it is needed and stored nowhere.

use std::hash::Hasher;

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

/// The key and the number of shards. Transport places messages by it, and a shard draws Call-IDs until they fall to
/// itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    key: [u64; 2],
    shards: u16,
}

impl Placement {
    /// A placement over `shards` shards; 0 counts as 1. With a key from the operating system nobody outside can choose
    /// the shard his calls fall to.
    #[must_use]
    pub const fn new(key: [u64; 2], shards: u16) -> Self {
        Self { key, shards: if shards == 0 { 1 } else { shards } }
    }

    /// How many shards there are.
    #[must_use]
    pub const fn shards(&self) -> u16 {
        self.shards
    }

    /// The shard, counted from 0, that owns the call with this Call-ID.
    #[must_use]
    pub fn shard_of(&self, call_id: &[u8]) -> u16 {
        self.place_of(call_id).0
    }

    /// The shard as well, and a number that a call has in common with few others of that shard.
    #[must_use]
    pub fn place_of(&self, call_id: &[u8]) -> (u16, u32) {
        let mut hasher = SipHasher13::new_with_keys(self.key[0], self.key[1]);
        hasher.write(call_id);
        let hash = hasher.finish();
        ((hash % u64::from(self.shards)) as u16, (hash / u64::from(self.shards)) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_stays_where_it_is_placed_and_calls_spread_evenly() {
        let placement = Placement::new([3, 4], 4);
        let mut calls = [0_u32; 4];
        for i in 0..4_000 {
            let call_id = format!("{i}@example.com");
            let shard = placement.shard_of(call_id.as_bytes());
            assert_eq!(shard, placement.clone().shard_of(call_id.as_bytes()));
            calls[usize::from(shard)] += 1;
        }
        assert!(calls.iter().all(|calls| (850..1_150).contains(calls)), "{calls:?}");
    }

    #[test]
    fn another_key_places_otherwise() {
        let (a, b) = (Placement::new([1, 1], 64), Placement::new([1, 2], 64));
        let differ = (0..64_u32).filter(|i| a.shard_of(&i.to_be_bytes()) != b.shard_of(&i.to_be_bytes()));
        assert!(differ.count() > 32);
    }
}
