//! How much of everything there is, for tests of leaks, for operators and for metrics.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::shard::Counters;

/// How much of everything there is at one moment. Without calls and clients, and all timers of transactions run out, each
/// of [`SignalingCounters::held`] is what it was after the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SignalingCounters {
    /// What is held now.
    pub held: Held,
    /// What the shards did, added up.
    pub shards: Counters,
    /// What happened to events and streams.
    pub engines: EngineCounts,
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
    /// Look-ups under way.
    pub lookups: usize,
    /// Engines with an open stream.
    pub engines_attached: usize,
    /// Engines within their grace.
    pub engines_away: usize,
    /// Commands of streams without a result that the stream has taken.
    pub commands_pending: usize,
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
}

/// Adds up what two shards did.
pub(super) fn add(total: &mut Counters, one: &Counters) {
    total.received += one.received;
    total.malformed_answered += one.malformed_answered;
    total.malformed_dropped += one.malformed_dropped;
    total.calls_in += one.calls_in;
    total.calls_out += one.calls_out;
    total.refused_draining += one.refused_draining;
    total.refused_full += one.refused_full;
    total.refused_no_engine += one.refused_no_engine;
    total.sessions_over += one.sessions_over;
    total.commands_taken += one.commands_taken;
    total.commands_refused += one.commands_refused;
    total.events += one.events;
    total.media_requests += one.media_requests;
    total.media_timed_out += one.media_timed_out;
    total.media_refused += one.media_refused;
    total.media_late += one.media_late;
    total.media_news_late += one.media_news_late;
    total.absorbed += one.absorbed;
    total.intents_refused += one.intents_refused;
}
