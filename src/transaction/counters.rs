//! What happened, counted.

use serde::{Deserialize, Serialize};

/// Counters since the beginning. All only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Client transactions begun.
    pub clients_begun: u64,
    /// Server transactions begun.
    pub servers_begun: u64,
    /// Requests sent again by timer A or E, or because their connection ended.
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
    /// ICMP errors for which nobody was looked for, because the last look was just before.
    pub unreachable_passed_over: u64,
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

impl Counters {
    /// Adds up what two layers did.
    pub fn add(&mut self, other: &Self) {
        // All of them by name: one that is new cannot be left out.
        let Self {
            clients_begun,
            servers_begun,
            requests_retransmitted,
            responses_retransmitted,
            retransmissions_absorbed,
            repeated_responses,
            clients_timed_out,
            cancels_without_end,
            acks_missing,
            unanswered,
            transport_errors,
            unreachable_passed_over,
            cancels_unmatched,
            merged,
            refused_at_limit,
            unsent_at_limit,
            stateless_replies,
            stateless_acks,
            stray_responses,
            unreadable,
            unexpected,
        } = other;
        self.clients_begun += clients_begun;
        self.servers_begun += servers_begun;
        self.requests_retransmitted += requests_retransmitted;
        self.responses_retransmitted += responses_retransmitted;
        self.retransmissions_absorbed += retransmissions_absorbed;
        self.repeated_responses += repeated_responses;
        self.clients_timed_out += clients_timed_out;
        self.cancels_without_end += cancels_without_end;
        self.acks_missing += acks_missing;
        self.unanswered += unanswered;
        self.transport_errors += transport_errors;
        self.unreachable_passed_over += unreachable_passed_over;
        self.cancels_unmatched += cancels_unmatched;
        self.merged += merged;
        self.refused_at_limit += refused_at_limit;
        self.unsent_at_limit += unsent_at_limit;
        self.stateless_replies += stateless_replies;
        self.stateless_acks += stateless_acks;
        self.stray_responses += stray_responses;
        self.unreadable += unreadable;
        self.unexpected += unexpected;
    }
}
