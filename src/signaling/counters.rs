//! How much of everything there is, for tests of leaks, for operators and for metrics.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::listening::ConnectionCounts;
use crate::{dialog, shard, transaction};

/// How much of everything there is at one moment. Without calls and clients, and all timers of transactions run out, each
/// of [`SignalingCounters::held`] is what it was after the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SignalingCounters {
    /// What is held now.
    pub held: Held,
    /// What the shards did, added up; as are the next two.
    pub shards: shard::Counters,
    /// What their transactions did.
    pub transactions: transaction::Counters,
    /// What their dialogs did.
    pub dialogs: dialog::Counters,
    /// What happened to events and streams.
    pub engines: EngineCounts,
    /// Connections to the API.
    pub api: ConnectionCounts,
    /// What transport counted, by name.
    pub transport: BTreeMap<&'static str, u64>,
    /// Media events dropped because a shard's queue was full, or that no session owned.
    pub media_events_dropped: u64,
    /// Datagrams that the kernel dropped because nobody read them in time.
    pub datagrams_dropped_by_kernel: u64,
}

/// What is held now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Held {
    /// Sessions.
    pub sessions: usize,
    /// Of these, incoming ones whose caller has not acknowledged that they are up.
    pub unconfirmed: usize,
    /// Legs, lingering ones included.
    pub legs: usize,
    /// Dialogs.
    pub dialogs: usize,
    /// Transactions.
    pub transactions: usize,
    /// Timers of all floors.
    pub timers: usize,
    /// Entries of the sessions' directory, without ids that rest.
    pub directory: usize,
    /// Bridges.
    pub bridges: usize,
    /// Requests to media without an answer.
    pub media_requests: usize,
    /// Endpoints and bridges that media is to let go of and has not said to have.
    pub media_releases: usize,
    /// Look-ups under way.
    pub lookups: usize,
    /// Engines with an open stream.
    pub engines_attached: usize,
    /// Engines within their grace.
    pub engines_away: usize,
    /// Commands of streams without a result that the stream has taken.
    pub commands_pending: usize,
    /// Bytes of events that engines' logs keep.
    pub engine_log_bytes: usize,
    /// Requests of clients that wait for their shard.
    pub requests_waiting: usize,
    /// Connections to the API.
    pub api_connections: usize,
    /// Stream connections of SIP.
    pub sip_connections: u64,
    /// Tasks that signaling itself runs.
    pub tasks: usize,
}

/// What happened to events and streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EngineCounts {
    /// Events appended to logs.
    pub events: u64,
    /// Events dropped because a log's retention was passed.
    pub events_dropped: u64,
    /// Events that came when their engine was gone.
    pub events_late: u64,
    /// Words of streams that had ended before.
    pub stale: u64,
    /// Streams whose place a newer one of the same engine took.
    pub replaced: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_table_of_bounds_says_is_counted_is_counted() {
        const TABLE: &str = include_str!("../../docs/bounds.md");
        let counters = serde_json::to_value(SignalingCounters::default()).unwrap();
        let mut seen = 0;
        for word in TABLE.split('`') {
            let Some((floor, name)) = word.split_once('.') else { continue };
            if ["held", "shards", "engines", "api", "transactions", "dialogs"].contains(&floor)
                && !name.contains('…')
            {
                assert!(counters[floor][name].is_u64(), "{word} is not in /counters");
                seen += 1;
            }
        }
        assert!(seen > 40, "{seen} names");
    }
}
