//! Timer values and bounds.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Settings of the transaction layer. The defaults are the RFC's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TransactionSettings {
    /// T1: the round-trip time estimate (RFC 3261 §17.1.1.1). Default 500 ms.
    pub t1: Duration,
    /// T2: the longest interval between retransmissions of a non-INVITE request or an INVITE response. Default 4 s.
    pub t2: Duration,
    /// T4: how long a message stays in the network. Default 5 s.
    pub t4: Duration,
    /// Timer D on unreliable transports: how long repeats of a refused INVITE's final response are acknowledged. At
    /// least 32 s says RFC 3261 §17.1.1.2, whatever T1 is here: the peer has its own. Default 32 s.
    pub timer_d: Duration,
    /// When an INVITE that has no response yet is answered 100 Trying (RFC 3261 §17.2.1). Default 200 ms.
    pub trying_after: Duration,
    /// How many transactions may exist before requests outside dialogs are refused: incoming ones with a stateless 503,
    /// outgoing ones with [`super::SendError::AtLimit`]. Default 200,000.
    pub transactions_max: usize,
    /// How many more may exist for requests inside dialogs (with a To tag), so that calls that stand can be ended.
    /// Default 50,000. A CANCEL of our own is let through always: there is at most one per INVITE.
    pub in_dialog_reserve: usize,
    /// Retry-After of the stateless 503, in seconds. Default 5.
    pub retry_after_seconds: u32,
}

impl Default for TransactionSettings {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
            timer_d: Duration::from_secs(32),
            trying_after: Duration::from_millis(200),
            transactions_max: 200_000,
            in_dialog_reserve: 50_000,
            retry_after_seconds: 5,
        }
    }
}

impl TransactionSettings {
    /// 64·T1: how long a transaction waits for what must come (timers B, F, H, J, L, M).
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.t1.saturating_mul(64)
    }
}
