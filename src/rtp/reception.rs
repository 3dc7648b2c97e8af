//! What a receiver counts about one source: extended sequence numbers, loss, reordering, jitter (RFC 3550 §6.4.1,
//! A.1, A.3, A.8).

use crate::ground::Instant;

/// What a packet is to the stream that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arrival {
    /// The first packet of the source, or the first after the source began anew.
    First,
    /// Newer than everything before it; `lost` packets before it have not come (yet).
    InOrder {
        /// Sequence numbers skipped.
        lost: u16,
    },
    /// Older than the newest and not seen before.
    Reordered,
    /// Seen before, or too old to tell.
    Duplicate,
    /// Far from what came before: not counted unless the next one follows it (A.1).
    Jump,
}

/// The counts, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceptionStatistics {
    /// Packets received, without duplicates.
    pub received: u64,
    /// Packets that the sequence numbers say were sent.
    pub expected: u64,
    /// `expected` − `received`: negative when late packets of an earlier count came.
    pub lost: i64,
    /// Packets that came after a newer one.
    pub reordered: u64,
    /// Packets that came twice or too late to tell.
    pub duplicates: u64,
    /// Times the source began anew.
    pub restarts: u64,
    /// The highest sequence number with its count of cycles in the upper half.
    pub highest_sequence: u32,
    /// Interarrival jitter, in ticks of the RTP clock.
    pub jitter_ticks: u32,
}

/// The accounting of one source.
#[derive(Clone, Debug)]
pub struct Reception {
    clock_rate_hz: u32,
}

impl Reception {
    /// The accounting of a source whose timestamps advance at `clock_rate_hz`.
    #[must_use]
    pub const fn new(clock_rate_hz: u32) -> Self {
        Self { clock_rate_hz }
    }

    /// Counts a packet.
    pub fn receive(&mut self, sequence: u16, timestamp: u32, arrival: Instant) -> Arrival {
        let _ = (sequence, timestamp, arrival, self.clock_rate_hz);
        todo!()
    }

    /// The counts so far.
    #[must_use]
    pub fn statistics(&self) -> ReceptionStatistics {
        todo!()
    }

    /// The fraction of packets lost since the last call, in 1/256, as a report block carries it (A.3).
    pub fn take_fraction_lost(&mut self) -> u8 {
        todo!()
    }
}
