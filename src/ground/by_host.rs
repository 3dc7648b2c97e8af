//! Something for each host, in a fixed table.
//!
//! A place is found by a keyed hash, so that two hosts that share one do so by chance and nobody outside can bring it about.
//! An IPv6 host is a /64.

use std::hash::Hasher;
use std::net::IpAddr;
use std::ops::{Index, IndexMut};

use siphasher::sip::SipHasher13;

use super::Random;
use super::network::one_of;

/// Places of the table.
const PLACES: usize = 1 << 14;

/// The table.
#[derive(Debug)]
pub struct ByHost<T> {
    key: [u64; 2],
    places: Box<[T]>,
}

impl<T: Clone + Default> ByHost<T> {
    /// Nothing is known of anybody.
    #[must_use]
    pub fn new(random: &mut Random) -> Self {
        let key = [random.next_u64(), random.next_u64()];
        Self { key, places: vec![T::default(); PLACES].into() }
    }
}

impl<T> ByHost<T> {
    /// The place of a host.
    #[must_use]
    pub fn place_of(&self, host: IpAddr) -> usize {
        let mut hasher = SipHasher13::new_with_keys(self.key[0], self.key[1]);
        match one_of(host) {
            IpAddr::V4(v4) => hasher.write(&v4.octets()),
            IpAddr::V6(v6) => hasher.write(&v6.octets()),
        }
        hasher.finish() as usize % PLACES
    }
}

impl<T> Index<usize> for ByHost<T> {
    type Output = T;

    fn index(&self, place: usize) -> &T {
        &self.places[place]
    }
}

impl<T> IndexMut<usize> for ByHost<T> {
    fn index_mut(&mut self, place: usize) -> &mut T {
        &mut self.places[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_one_place_which_few_share() {
        let mut table: ByHost<u32> = ByHost::new(&mut Random::from_key([1, 2]));
        let host = |text: &str| text.parse::<IpAddr>().unwrap();
        let place = table.place_of(host("2001:db8:1::1"));
        assert_eq!(place, table.place_of(host("2001:db8:1::2")), "a /64 is one");
        assert_ne!(place, table.place_of(host("2001:db8:2::1")));
        table[place] += 7;
        assert_eq!(table[place], 7);
        let mut places: Vec<_> = (0..=255).map(|last| table.place_of([192, 0, 2, last].into())).collect();
        places.sort_unstable();
        places.dedup();
        assert!(places.len() > 240, "{}", places.len());
    }
}
