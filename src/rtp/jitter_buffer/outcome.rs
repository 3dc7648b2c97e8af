//! What a play-out buffer says: what became of a packet, what is to be played, what it has counted.

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
    Conceal,
    /// Nothing is sent, or nothing is ready yet: one packet of silence.
    Silence,
}

/// The counts of a buffer, in packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BufferCounts {
    /// Given out.
    pub played: u64,
    /// Passed over because they had not come.
    pub lost: u64,
    /// Came after their turn.
    pub late: u64,
    /// Came twice.
    pub duplicate: u64,
    /// Dropped to bring the delay down, or because the buffer was full.
    pub dropped: u64,
    /// Had a payload longer than the layout allows.
    pub too_long: u64,
    /// Times the stream began anew.
    pub restarts: u64,
}
