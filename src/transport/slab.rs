//! Where messages that were received lie: small shared buffers, cut off piece by piece.

use bytes::{Bytes, BytesMut};

/// Size of one buffer, in bytes: some twenty messages. Larger ones would save little, and a message that is kept
/// keeps its whole buffer.
const SLAB_BYTES: usize = 16 << 10;

/// Cuts messages off a buffer, so that not every one is an allocation.
#[derive(Debug, Default)]
pub(super) struct Slab(BytesMut);

impl Slab {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Copies a message into the buffer and cuts it off. A message of more than a buffer's size gets its own.
    pub(super) fn keep(&mut self, message: &[u8]) -> Bytes {
        if message.len() > SLAB_BYTES / 2 {
            return Bytes::copy_from_slice(message);
        }
        if self.0.capacity() < message.len() && !self.0.try_reclaim(SLAB_BYTES) {
            self.0 = BytesMut::with_capacity(SLAB_BYTES);
        }
        self.0.extend_from_slice(message);
        self.0.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_share_a_buffer_and_keep_their_own_bytes() {
        let mut slab = Slab::new();
        let kept: Vec<Bytes> = (0..200_u8).map(|i| slab.keep(&[i; 500])).collect();
        assert!(kept.iter().zip(0..).all(|(message, i)| message[..] == [i; 500]));
        assert_eq!(kept[0].as_ptr().wrapping_add(500), kept[1].as_ptr());
    }

    #[test]
    fn a_buffer_nobody_holds_is_used_again() {
        let mut slab = Slab::new();
        let first = slab.keep(&[1; 1000]).as_ptr();
        let again = (0..100).map(|_| slab.keep(&[2; 1000]).as_ptr()).filter(|&at| at == first).count();
        assert!(again > 0);
    }

    #[test]
    fn a_message_larger_than_a_buffer_is_kept_too() {
        assert_eq!(Slab::new().keep(&[7; 65_000])[..], [7; 65_000]);
    }
}
