//! What happened, counted; and what there is, for finding leaks.

use serde::{Deserialize, Serialize};

/// Counters since the beginning. All only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Legs made.
    pub legs_opened: u64,
    /// Legs gone, lingering included.
    pub legs_closed: u64,
    /// INVITEs refused because of [`super::DialogSettings::legs_max`].
    pub refused_at_limit: u64,
    /// 405 and 501 sent.
    pub methods_refused: u64,
    /// 420 sent.
    pub extensions_refused: u64,
    /// 415 sent.
    pub bodies_refused: u64,
    /// 481 sent.
    pub dialogs_unknown: u64,
    /// 491 sent.
    pub glare_refused: u64,
    /// 500 sent: CSeq absurdly ahead, from somewhere else than the dialog's peer.
    pub sequence_jumps: u64,
    /// 500 sent: CSeq out of order, or a re-INVITE before the former was answered.
    pub out_of_order: u64,
    /// Other refusals: 400, 416, 469, 513.
    pub requests_refused: u64,
    /// 491 received.
    pub glare_met: u64,
    /// ACKs that nobody waited for.
    pub stray_acks: u64,
    /// 2xx to an INVITE whose transaction is no more.
    pub stray_accepted: u64,
    /// Of those the ones that got ACK and BYE: their INVITE was ours and is given up.
    pub strays_ended: u64,
    /// 2xx passed over: of more forks than there may be, repeated too often, or too many a second without their INVITE.
    pub accepted_dropped: u64,
    /// 2xx sent again.
    pub accepted_repeated: u64,
    /// ACKs sent again.
    pub acks_repeated: u64,
    /// Forks ended by ACK and BYE because another one had won, or the call was given up.
    pub forks_ended: u64,
    /// Provisional responses of more forks than there may be.
    pub forks_dropped: u64,
    /// Provisional responses not handed up: too many of one INVITE.
    pub provisionals_dropped: u64,
    /// Header fields not handed up: too many, too long, or not UTF-8.
    pub fields_dropped: u64,
    /// Descriptions ignored because they may not stand where they stood.
    pub descriptions_ignored: u64,
    /// Offer/answer rules broken by peers so that a dialog was ended.
    pub breaches: u64,
    /// ACKs that never came.
    pub ack_timeouts: u64,
    /// BYEs that were sent once instead of being repeated: without ACK, to an address that the peer is not seen at.
    pub byes_once: u64,
    /// Requests within dialogs to hosts that nothing came from, past their rate: a BYE was sent once, all others not.
    pub strangers_spared: u64,
    /// Look-ups that brought nothing, or too late, or were one too many.
    pub lookups_failed: u64,
    /// Requests tried on a second address.
    pub failovers: u64,
    /// Requests sent by TCP for their size.
    pub moved_to_stream: u64,
    /// Messages of ours that could not be written or handed over.
    pub unsent: u64,
    /// Inputs that the RFC does not foresee in the state they met.
    pub unexpected: u64,
}

impl Counters {
    /// Adds up what two floors did.
    pub fn add(&mut self, other: &Self) {
        // All of them by name: one that is new cannot be left out.
        let Self {
            legs_opened,
            legs_closed,
            refused_at_limit,
            methods_refused,
            extensions_refused,
            bodies_refused,
            dialogs_unknown,
            glare_refused,
            sequence_jumps,
            out_of_order,
            requests_refused,
            glare_met,
            stray_acks,
            stray_accepted,
            strays_ended,
            accepted_dropped,
            accepted_repeated,
            acks_repeated,
            forks_ended,
            forks_dropped,
            provisionals_dropped,
            fields_dropped,
            descriptions_ignored,
            breaches,
            ack_timeouts,
            byes_once,
            strangers_spared,
            lookups_failed,
            failovers,
            moved_to_stream,
            unsent,
            unexpected,
        } = other;
        self.legs_opened += legs_opened;
        self.legs_closed += legs_closed;
        self.refused_at_limit += refused_at_limit;
        self.methods_refused += methods_refused;
        self.extensions_refused += extensions_refused;
        self.bodies_refused += bodies_refused;
        self.dialogs_unknown += dialogs_unknown;
        self.glare_refused += glare_refused;
        self.sequence_jumps += sequence_jumps;
        self.out_of_order += out_of_order;
        self.requests_refused += requests_refused;
        self.glare_met += glare_met;
        self.stray_acks += stray_acks;
        self.stray_accepted += stray_accepted;
        self.strays_ended += strays_ended;
        self.accepted_dropped += accepted_dropped;
        self.accepted_repeated += accepted_repeated;
        self.acks_repeated += acks_repeated;
        self.forks_ended += forks_ended;
        self.forks_dropped += forks_dropped;
        self.provisionals_dropped += provisionals_dropped;
        self.fields_dropped += fields_dropped;
        self.descriptions_ignored += descriptions_ignored;
        self.breaches += breaches;
        self.ack_timeouts += ack_timeouts;
        self.byes_once += byes_once;
        self.strangers_spared += strangers_spared;
        self.lookups_failed += lookups_failed;
        self.failovers += failovers;
        self.moved_to_stream += moved_to_stream;
        self.unsent += unsent;
        self.unexpected += unexpected;
    }
}

/// What there is. When nothing goes on, all is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Census {
    /// Legs that their sessions can still use.
    pub legs: usize,
    /// Legs that have ended for their sessions and wait for transactions to end.
    pub lingering: usize,
    /// Dialogs that can be found by their id, early ones included.
    pub dialogs: usize,
    /// Transactions whose outcome is waited for.
    pub transactions: usize,
    /// Look-ups under way.
    pub lookups: usize,
    /// Timers that run.
    pub timers: usize,
}
