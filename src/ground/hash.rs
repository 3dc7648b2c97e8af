//! A fast hash for maps whose keys are chosen in this process: slot numbers, ids drawn here, keyed hashes.
//!
//! Not for text that peers choose: whoever knows the function can make such keys collide. Those go through a keyed
//! hash first. Unlike the standard library's, it draws no random key, so a run stays a function of its inputs.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A hash map for keys chosen in this process.
pub type OwnKeyMap<K, V> = HashMap<K, V, BuildHasherDefault<OwnKeyHasher>>;

/// Folds each word into the state by a 128-bit multiplication.
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnKeyHasher(u64);

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

impl OwnKeyHasher {
    fn fold(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word ^ 0x5851_f42d_4c95_7f2d) * u128::from(MULTIPLIER);
        self.0 = (product as u64) ^ ((product >> 64) as u64);
    }
}

impl Hasher for OwnKeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.fold(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, n: u8) {
        self.fold(u64::from(n));
    }

    fn write_u16(&mut self, n: u16) {
        self.fold(u64::from(n));
    }

    fn write_u32(&mut self, n: u32) {
        self.fold(u64::from(n));
    }

    fn write_u64(&mut self, n: u64) {
        self.fold(n);
    }

    fn write_u128(&mut self, n: u128) {
        self.fold(n as u64);
        self.fold((n >> 64) as u64);
    }

    fn write_usize(&mut self, n: usize) {
        self.fold(n as u64);
    }

    fn write_isize(&mut self, n: isize) {
        self.fold(n as u64);
    }

    fn finish(&self) -> u64 {
        // One more round, so that low and high bits are both fit to choose a bucket by.
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 29)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::hash::{BuildHasher, BuildHasherDefault};

    #[test]
    fn a_hundred_thousand_small_numbers_fill_buckets_evenly() {
        let build = BuildHasherDefault::<OwnKeyHasher>::default();
        let mut low = vec![0_u32; 1024];
        let mut all = HashSet::new();
        for n in 0..100_000_u64 {
            let hash = build.hash_one(n);
            low[(hash & 1023) as usize] += 1;
            all.insert(hash);
        }
        assert_eq!(all.len(), 100_000);
        let fullest = low.iter().max();
        assert!(fullest < Some(&160), "about 98 are expected in each of 1024 buckets, not {fullest:?}");
    }
}
