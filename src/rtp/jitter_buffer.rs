//! A play-out buffer: takes packets as they come, gives them at the pace of the mix.

use super::PacketView;

/// How a buffer is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The ticks of one packet, as negotiated (160 for 20 ms of G.711). Corrected by what comes.
    pub packet_ticks: u32,
    /// The most payload bytes a packet may have; longer ones are refused and counted.
    pub payload_bytes_max: usize,
    /// Packets to hold back at the beginning.
    pub depth_packets: u8,
    /// The bound to which lateness may raise the depth, at most 15.
    pub depth_packets_max: u8,
}

/// What became of a packet put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Inserted {
    /// It waits for its turn.
    Stored,
    /// It is there already.
    Duplicate,
    /// Its turn has passed.
    Late,
    /// Its payload is longer than the layout allows.
    TooLong,
    /// It was far from what was expected: the buffer began anew with it.
    Restarted,
}

/// What is to be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Playout<'a> {
    /// This payload.
    Packet {
        /// The payload type it came with.
        payload_type: u8,
        /// The payload.
        payload: &'a [u8],
    },
    /// The packet whose turn it is has not come: conceal one packet.
    Lost,
    /// Nothing is sent or nothing is ready yet: play silence of one packet.
    Silence,
}

/// The counts of a buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets given out.
    pub played: u64,
    /// Turns without their packet.
    pub lost: u64,
    /// Packets that came after their turn.
    pub late: u64,
    /// Packets that came twice.
    pub duplicate: u64,
    /// Packets dropped to bring the delay down, or because the buffer was full.
    pub dropped: u64,
    /// Packets with a payload longer than the layout allows.
    pub too_long: u64,
    /// Times the stream began anew.
    pub restarts: u64,
}

/// The buffer. All its memory is taken when it is made.
#[derive(Clone, Debug)]
pub struct JitterBuffer {
    counts: Counts,
}

impl JitterBuffer {
    /// An empty buffer.
    #[must_use]
    pub fn new(layout: Layout) -> Self {
        let _ = layout;
        Self { counts: Counts::default() }
    }

    /// Puts a packet in.
    pub fn insert(&mut self, packet: &PacketView<'_>) -> Inserted {
        let _ = packet;
        todo!()
    }

    /// Takes what is to be played next, once per packet duration.
    pub fn pull(&mut self) -> Playout<'_> {
        todo!()
    }

    /// The counts so far.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Packets held back now on purpose.
    #[must_use]
    pub fn depth_packets(&self) -> u8 {
        todo!()
    }
}
