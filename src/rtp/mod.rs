//! RTP packets as views over bytes, and what a stream of them is counted and steered by.
//!
//! RFC 3550 packets and reception statistics, RFC 4733 telephone events, RFC 7983 demultiplexing, one outgoing
//! stream that stays continuous over changing sources, and a play-out buffer for mixing. Nothing here allocates per
//! packet. Samples are [`crate::codec`]'s; sockets and bridges are media's.

mod classify;
pub mod jitter_buffer;
mod outgoing;
mod packet;
mod reception;
pub mod telephone_event;

pub use classify::{PacketKind, classify};
pub use jitter_buffer::JitterBuffer;
pub use outgoing::{OutgoingStream, SourceId, Stale};
pub use packet::{HEADER_BYTES, Header, PacketView, PacketViewMut, RtpError};
pub use reception::{Arrival, Reception, ReceptionStatistics};
