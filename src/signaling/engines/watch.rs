//! Whether an engine is heard from, and keeps up.
//!
//! A process that lives answers HTTP/2's probes whatever its program does, and a connection on which nothing comes is
//! probed after a second ([`KEEP_ALIVE`](crate::listening::KEEP_ALIVE)): so where nothing at all comes for
//! [`SILENT_LOOKS`] looks, the process is stopped or the way to it is broken. Looks are counted, not time: after this
//! process itself has stood still, everybody has to be heard first.

use std::time::Duration;

use crate::engine::Attachment;
use crate::ground::Instant;
use crate::listening::ConnectionLife;

/// How often engines are looked at. An event that waits from one look to the next shows that an engine is behind.
pub(super) const INTERVAL: Duration = Duration::from_millis(500);

/// An engine from which nothing came for so many looks is silent.
const SILENT_LOOKS: u32 = 5;

/// How long a stream may take to end that has to. It cannot be told so while its client reads nothing.
pub(super) const END_TIME_MAX: Duration = Duration::from_secs(1);

/// The connection that carries a stream.
#[derive(Debug)]
pub(super) struct Carrier {
    pub stream: Attachment,
    pub connection: ConnectionLife,
    /// When it is closed, if the stream has not ended till then.
    pub close_at: Option<Instant>,
    reads: u64,
    quiet: u32,
}

impl Carrier {
    pub fn new(stream: Attachment, connection: ConnectionLife) -> Self {
        let reads = connection.reads();
        Self { stream, connection, close_at: None, reads, quiet: 0 }
    }

    /// Looks whether something came since the last look; whether nothing came for too many.
    pub fn is_silent(&mut self) -> bool {
        let reads = self.connection.reads();
        self.quiet = if reads == self.reads { self.quiet.saturating_add(1) } else { 0 };
        self.reads = reads;
        self.quiet >= SILENT_LOOKS
    }
}
