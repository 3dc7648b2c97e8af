//! RTP packets as views over bytes, and what a stream of them is counted and steered by.
//!
//! RFC 3550 packets and reception statistics, RFC 4733 telephone events, RFC 7983 demultiplexing, one outgoing
//! stream that stays continuous over changing sources, and a play-out buffer for mixing. Nothing here allocates per
//! packet. Samples are [`crate::codec`]'s; sockets and bridges are media's.

mod classify;
mod jitter_buffer;
mod outgoing;
mod packet;
mod reception;
pub mod telephone_event;

pub use classify::{PacketKind, classify};
pub use jitter_buffer::{
    BufferCounts, BufferLayout, DEPTH_PACKETS_MAX, Inserted, JitterBuffer, Playout, SLOTS, WINDOW_PULLS,
};
pub use outgoing::{OutgoingStream, SourceId, Stale};
pub use packet::{HEADER_BYTES, Header, PacketView, PacketViewMut, RtpError};
pub use reception::{Arrival, Reception, ReceptionStatistics};

use std::time::Duration;

/// How far ahead a sequence number may be and still belong to the run (RFC 3550 A.1, `MAX_DROPOUT`).
const DROPOUT_PACKETS_MAX: u16 = 3000;
/// How far behind the newest a packet may be and still belong to the run (RFC 3550 A.1, `MAX_MISORDER`).
const MISORDER_PACKETS_MAX: u16 = 100;

/// Whether `sequence` is newer than `highest`, in the same run.
pub(crate) const fn is_ahead(highest: u16, sequence: u16) -> bool {
    let step = sequence.wrapping_sub(highest);
    step != 0 && step < DROPOUT_PACKETS_MAX
}

/// A duration on an RTP clock, modulo 2³².
fn ticks(duration: Duration, clock_rate_hz: u32) -> u32 {
    (duration.as_nanos() * u128::from(clock_rate_hz) / 1_000_000_000) as u32
}
