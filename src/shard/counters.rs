//! What a shard did, counted, and what it holds.

use serde::{Deserialize, Serialize};

/// Counts since the beginning. All only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Messages received, whatever became of them.
    pub received: u64,
    /// Messages that are none, answered by what could be made out of them.
    pub malformed_answered: u64,
    /// Messages that are none and could not be answered: dropped.
    pub malformed_dropped: u64,
    /// Incoming calls that an engine was told of.
    pub calls_in: u64,
    /// Calls that engines made.
    pub calls_out: u64,
    /// Requests refused because of draining.
    pub refused_draining: u64,
    /// Calls refused because of [`super::ShardSettings::sessions_max`].
    pub refused_full: u64,
    /// Calls refused because no engine of the group is attached or has room.
    pub refused_no_engine: u64,
    /// Calls that were passed on to another engine because theirs decided nothing.
    pub calls_passed_on: u64,
    /// Calls refused because their source had its share of calls that nobody confirmed.
    pub refused_unconfirmed: u64,
    /// Calls refused because their source begins too many while calls wait too long.
    pub refused_rate: u64,
    /// Calls refused because they had waited too long in the shard's queue.
    pub refused_overdue: u64,
    /// OPTIONS refused because media was away or drained.
    pub refused_media_away: u64,
    /// OPTIONS refused because media had no room for a call just before.
    pub refused_media_full: u64,
    /// Sessions that are over.
    pub sessions_over: u64,
    /// Commands taken.
    pub commands_taken: u64,
    /// Commands refused.
    pub commands_refused: u64,
    /// Events told to engines.
    pub events: u64,
    /// Events that were not told because their peer brought about too many of them.
    pub events_suppressed: u64,
    /// Requests to media.
    pub media_requests: u64,
    /// Requests to media that were not answered in time.
    pub media_timed_out: u64,
    /// Requests to media that were not made because of [`super::ShardSettings::media_requests_max`].
    pub media_refused: u64,
    /// How often media was to be asked again for what it has to do in any case, a session's at once.
    pub media_settled_late: u64,
    /// Replies of media that nobody waited for any more.
    pub media_late: u64,
    /// Media's news about sessions that are over.
    pub media_news_late: u64,
    /// Inputs that a session's phase had no use for: late replies, crossing ends.
    pub absorbed: u64,
    /// Intents that a leg refused: the session was ended, or the operation told as failed. Always a fault of ours.
    pub intents_refused: u64,
}

impl Counters {
    /// Adds up what two shards did.
    pub fn add(&mut self, other: &Self) {
        // All of them by name: one that is new cannot be left out.
        let Self {
            received,
            malformed_answered,
            malformed_dropped,
            calls_in,
            calls_out,
            refused_draining,
            refused_full,
            refused_no_engine,
            calls_passed_on,
            refused_unconfirmed,
            refused_rate,
            refused_overdue,
            refused_media_away,
            refused_media_full,
            sessions_over,
            commands_taken,
            commands_refused,
            events,
            events_suppressed,
            media_requests,
            media_timed_out,
            media_refused,
            media_settled_late,
            media_late,
            media_news_late,
            absorbed,
            intents_refused,
        } = other;
        self.received += received;
        self.malformed_answered += malformed_answered;
        self.malformed_dropped += malformed_dropped;
        self.calls_in += calls_in;
        self.calls_out += calls_out;
        self.refused_draining += refused_draining;
        self.refused_full += refused_full;
        self.refused_no_engine += refused_no_engine;
        self.calls_passed_on += calls_passed_on;
        self.refused_unconfirmed += refused_unconfirmed;
        self.refused_rate += refused_rate;
        self.refused_overdue += refused_overdue;
        self.refused_media_away += refused_media_away;
        self.refused_media_full += refused_media_full;
        self.sessions_over += sessions_over;
        self.commands_taken += commands_taken;
        self.commands_refused += commands_refused;
        self.events += events;
        self.events_suppressed += events_suppressed;
        self.media_requests += media_requests;
        self.media_timed_out += media_timed_out;
        self.media_refused += media_refused;
        self.media_settled_late += media_settled_late;
        self.media_late += media_late;
        self.media_news_late += media_news_late;
        self.absorbed += absorbed;
        self.intents_refused += intents_refused;
    }
}

/// How much a shard holds. Zero everywhere when no call is left and all timers of transactions have run out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
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
    /// Requests to media without a reply.
    pub media_requests: usize,
    /// Look-ups under way.
    pub lookups: usize,
    /// Outputs that were not taken out.
    pub outputs: usize,
}

/// Sessions by the state that engines see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionsByState {
    /// Nothing decided, or nothing sent.
    pub initializing: usize,
    /// Outbound, without a provisional response.
    pub dialing: usize,
    /// Ringing.
    pub ringing: usize,
    /// Up.
    pub connected: usize,
    /// Up and held.
    pub on_hold: usize,
    /// Being transferred.
    pub transferring: usize,
    /// Ending.
    pub terminating: usize,
}
