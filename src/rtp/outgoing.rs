//! One outgoing stream that stays continuous whatever feeds it: a relayed stream, a file, a mix.

use serde::{Deserialize, Serialize};

use super::{Header, PacketViewMut};
use crate::ground::Instant;

/// Who feeds a relayed stream: any number the caller keeps apart, such as the sending endpoint's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SourceId(pub u64);

/// A relayed packet is older than the point where its source took over, so its place in the stream is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the packet is older than its source's turn in the stream")]
pub struct Stale;

/// SSRC, sequence number and timestamp of what an endpoint sends.
#[derive(Clone, Debug)]
pub struct OutgoingStream {
    ssrc: u32,
}

impl OutgoingStream {
    /// A stream that begins at these numbers, which should be random (RFC 3550 §5.1).
    #[must_use]
    pub const fn new(ssrc: u32, sequence: u16, timestamp: u32, clock_rate_hz: u32) -> Self {
        let _ = (sequence, timestamp, clock_rate_hz);
        Self { ssrc }
    }

    /// The stream's SSRC.
    #[must_use]
    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Gives a packet of another stream its place in this one, rewriting its header in place.
    ///
    /// Within a source, gaps, reordering and marker bits are kept, so the far end sees the loss that there was. At
    /// a change of source (or of its SSRC, or a jump in its numbers) the stream goes on with the next sequence number, a timestamp
    /// advanced by the time passed, and the marker bit set.
    ///
    /// # Errors
    /// [`Stale`] when the packet is older than the source's turn; it is not to be sent.
    pub fn relay(
        &mut self,
        source: SourceId,
        packet: &mut PacketViewMut<'_>,
        payload_type: u8,
        now: Instant,
    ) -> Result<(), Stale> {
        let _ = (source, packet, payload_type, now);
        todo!()
    }

    /// The header of the next packet made here, of `ticks` duration.
    ///
    /// Consecutive calls are contiguous in timestamp. The first after another source, and any with `talk_spurt` (the
    /// first after a pause), advances the timestamp by the time passed and has the marker bit set.
    pub fn generate(&mut self, payload_type: u8, ticks: u32, talk_spurt: bool, now: Instant) -> Header {
        let _ = (payload_type, ticks, talk_spurt, now);
        todo!()
    }
}
