//! What transport counted: one atomic per thing that can happen, and a copy of all of them to be read.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{ConnectionEnd, Refused};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What happened since the start. Counts only grow, but for [`connections_open`](Self::connections_open).
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[$doc])* pub $name: AtomicU64,)*
        }

        /// A copy of [`Counters`], as they stood at one moment (each by itself).
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct CountersSnapshot {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counters {
            /// Reads them all.
            #[must_use]
            pub fn snapshot(&self) -> CountersSnapshot {
                CountersSnapshot { $($name: self.$name.load(Relaxed),)* }
            }
        }

        impl CountersSnapshot {
            /// Every count with its name, for a metrics endpoint.
            #[must_use]
            pub fn named(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)*]
            }
        }
    };
}

counters! {
    /// Datagrams read, whatever became of them.
    datagrams_in,
    /// Bytes of datagrams read.
    datagram_bytes_in,
    /// Datagrams handed to the kernel.
    datagrams_out,
    /// Bytes of datagrams handed to the kernel.
    datagram_bytes_out,
    /// Datagrams that only kept a binding open: empty, CRLF, or four zero bytes.
    datagrams_keep_alive,
    /// Datagrams dropped because they are shorter than any SIP message.
    datagrams_dropped_short,
    /// Datagrams dropped because they do not begin as a SIP message does.
    datagrams_dropped_garbage,
    /// Datagrams dropped because they are longer than the bound.
    datagrams_dropped_long,
    /// Datagrams not sent because the kernel's send buffer was full. The transaction sends again.
    datagrams_unsent_full,
    /// Datagrams the system refused to send.
    datagrams_unsent_error,
    /// ICMP errors heard.
    icmp_errors,

    /// New requests dropped because the shard's lane for them was full.
    refused_new_requests,
    /// Messages of ongoing calls dropped because the shard's lane for them was full.
    refused_ongoing,
    /// Messages that came when nobody took them any more.
    refused_closed,
    /// Notices dropped because a shard did not take them.
    notices_lost,

    /// Look-ups not made because peers' names had as many under way as they may.
    lookups_refused,

    /// Stream connections open now.
    connections_open,
    /// Stream connections accepted.
    connections_accepted,
    /// Stream connections opened by us.
    connections_opened,
    /// Openings that failed.
    connections_failed,
    /// Accepted connections closed at once, and openings refused: the total was reached.
    connections_refused_total,
    /// Accepted connections closed at once: too many from one address.
    connections_refused_source,
    /// Failed accepts, as for want of file descriptors.
    accept_errors,
    /// Messages read from streams.
    stream_messages_in,
    /// Bytes read from streams.
    stream_bytes_in,
    /// Messages written whole to streams.
    stream_messages_out,
    /// Bytes written to streams.
    stream_bytes_out,
    /// Messages not sent because a connection's write queue was full.
    stream_unsent_full,
    /// Keep-alive pings answered (RFC 5626 §4.4.1).
    pings_answered,
    /// Connections closed by their peer.
    ended_peer,
    /// Connections closed because nothing came or went.
    ended_idle,
    /// Accepted connections closed because no complete message came.
    ended_half_open,
    /// Connections closed because a message did not become complete in time.
    ended_slow_message,
    /// Connections closed because the peer did not read.
    ended_write_stalled,
    /// Connections closed because what came is not framed SIP, or is over a limit.
    ended_framing,
    /// Connections that the network broke.
    ended_network,
    /// Connections closed by our own end.
    ended_shutdown,
}

/// Adds one.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

/// Adds several.
pub(super) fn add(counter: &AtomicU64, by: u64) {
    if by > 0 {
        counter.fetch_add(by, Relaxed);
    }
}

impl Counters {
    /// Counts a message that was not taken.
    pub(super) fn refused(&self, why: Refused) {
        count(match why {
            Refused::NewRequest => &self.refused_new_requests,
            Refused::Ongoing => &self.refused_ongoing,
            Refused::Closed => &self.refused_closed,
        });
    }

    /// Counts a connection's end.
    pub(super) fn ended(&self, end: ConnectionEnd) {
        count(match end {
            ConnectionEnd::Peer => &self.ended_peer,
            ConnectionEnd::Idle => &self.ended_idle,
            ConnectionEnd::HalfOpen => &self.ended_half_open,
            ConnectionEnd::SlowMessage => &self.ended_slow_message,
            ConnectionEnd::WriteStalled => &self.ended_write_stalled,
            ConnectionEnd::Framing => &self.ended_framing,
            ConnectionEnd::Network(_) => &self.ended_network,
            ConnectionEnd::Shutdown => &self.ended_shutdown,
        });
    }
}
