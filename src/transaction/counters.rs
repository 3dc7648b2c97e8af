//! What happened, counted.

use serde::{Deserialize, Serialize};

/// Counters since the beginning. All only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Client transactions begun.
    pub clients_begun: u64,
    /// Server transactions begun.
    pub servers_begun: u64,
    /// Requests sent again by timer A or E.
    pub requests_retransmitted: u64,
    /// Responses sent again by timer G or because the request came again.
    pub responses_retransmitted: u64,
    /// Requests that came again.
    pub retransmissions_absorbed: u64,
    /// Final responses that came again to a client that had one.
    pub repeated_responses: u64,
    /// Client transactions that ended by timer B or F.
    pub clients_timed_out: u64,
    /// Client transactions whose CANCEL had no effect within 64·T1.
    pub cancels_without_end: u64,
    /// Refusals whose ACK never came: timer H.
    pub acks_missing: u64,
    /// Non-INVITEs that the transaction user left unanswered.
    pub unanswered: u64,
    /// Transactions that met a transport error.
    pub transport_errors: u64,
    /// CANCELs that matched no INVITE: 481.
    pub cancels_unmatched: u64,
    /// Merged requests: 482.
    pub merged: u64,
    /// Requests refused because of [`super::TransactionSettings::transactions_max`]: 503.
    pub refused_at_limit: u64,
    /// Outgoing requests refused for the same reason.
    pub unsent_at_limit: u64,
    /// Replies sent without a transaction.
    pub stateless_replies: u64,
    /// ACKs to such replies, let vanish.
    pub stateless_acks: u64,
    /// Responses that matched no transaction and were dropped.
    pub stray_responses: u64,
    /// Messages whose top Via, CSeq, From, To or Call-ID cannot be read: dropped.
    pub unreadable: u64,
    /// Inputs that the RFC does not foresee in the state they met.
    pub unexpected: u64,
}
