//! Randomness as an input. Tags, branches, Call-IDs, ports and SSRCs are drawn from a keyed generator, so that a run
//! is its inputs and nothing else.

use std::hash::Hasher;

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

/// A small generator: SipHash-1-3 of a counter under a 128-bit key. 24 bytes of state, so every session can have
/// its own. With a key from the operating system its output cannot be guessed (RFC 3261 §19.3 for tags).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Random {
    key: [u64; 2],
    drawn: u64,
}

impl Random {
    /// A generator with this key. Equal keys give equal sequences.
    #[must_use]
    pub const fn from_key(key: [u64; 2]) -> Self {
        Self { key, drawn: 0 }
    }

    /// A generator of its own for a child, drawn from this one.
    pub fn fork(&mut self) -> Self {
        Self::from_key([self.next_u64(), self.next_u64()])
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.key[0], self.key[1]);
        hasher.write_u64(self.drawn);
        self.drawn = self.drawn.wrapping_add(1);
        hasher.finish()
    }

    /// The next 32 bits.
    pub fn next_u32(&mut self) -> u32 {
        (self.next_u64() >> 32) as u32
    }

    /// A number in `0..bound`; 0 when `bound` is 0. Bias below 2⁻³² for bounds under 2³².
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// A token of 13 characters from `a-z2-7` carrying 64 random bits: a tag, a branch suffix, a Call-ID part.
    pub fn token(&mut self) -> String {
        Self::token_of(self.next_u64())
    }

    /// These 64 bits as such a token.
    #[must_use]
    pub fn token_of(mut bits: u64) -> String {
        const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        let mut token = String::with_capacity(13);
        for _ in 0..13 {
            token.push(ALPHABET[(bits & 31) as usize] as char);
            bits >>= 5;
        }
        token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_keys_give_equal_sequences_and_other_keys_others() {
        let mut a = Random::from_key([1, 2]);
        let mut b = Random::from_key([1, 2]);
        let mut c = Random::from_key([1, 3]);
        let drawn: Vec<u64> = (0..8).map(|_| a.next_u64()).collect();
        assert_eq!(drawn, (0..8).map(|_| b.next_u64()).collect::<Vec<_>>());
        assert_ne!(drawn, (0..8).map(|_| c.next_u64()).collect::<Vec<_>>());
    }

    #[test]
    fn below_stays_below_its_bound() {
        let mut random = Random::from_key([7, 7]);
        assert!((0..1000).all(|_| random.below(6) < 6));
        assert_eq!(random.below(0), 0);
    }

    #[test]
    fn tokens_are_thirteen_token_characters_and_differ() {
        let mut random = Random::from_key([7, 7]);
        let (a, b) = (random.token(), random.token());
        assert_eq!(a.len(), 13);
        assert!(a.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()));
        assert_ne!(a, b);
    }
}
