//! The timers by their RFC names, and how long each takes on which transport (RFC 3261 table 4, RFC 6026 §8.4, §8.11).

use std::time::Duration;

use super::TransactionSettings;

/// A timer of a transaction. C is a proxy's and has no place here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// Client INVITE: send it again. T1, doubling; unreliable transports only.
    A,
    /// Client INVITE: no response at all. 64·T1.
    B,
    /// Client INVITE: how long repeats of a refusal are acknowledged. 32 s, none on reliable transports.
    D,
    /// Client non-INVITE: send it again. T1, doubling up to T2; unreliable transports only.
    E,
    /// Client non-INVITE: no final response. 64·T1.
    F,
    /// Server INVITE: send the refusal again. T1, doubling up to T2; unreliable transports only.
    G,
    /// Server INVITE: no ACK to the refusal. 64·T1.
    H,
    /// Server INVITE: how long repeats of the ACK are absorbed. T4, none on reliable transports.
    I,
    /// Server non-INVITE: how long repeats of the request are answered. 64·T1, none on reliable transports.
    J,
    /// Client non-INVITE: how long repeats of the final response are absorbed. T4, none on reliable transports.
    K,
    /// Server INVITE: how long repeats of an accepted INVITE are absorbed. 64·T1 on every transport.
    L,
    /// Client INVITE: how long further 2xx are taken. 64·T1 on every transport.
    M,
    /// Server INVITE: no response yet, a 100 is due (RFC 3261 §17.2.1). 200 ms.
    Trying,
    /// Client INVITE: a CANCEL was sent, no final response (RFC 3261 §9.1). 64·T1.
    Cancelled,
    /// Server non-INVITE: the user leaves it unanswered, and the client has given up by its timer F. 64·T1.
    Unanswered,
}

impl Timer {
    /// Whether it sends something again. A transaction has at most one such timer running, and at most one other.
    #[must_use]
    pub const fn is_retransmission(self) -> bool {
        matches!(self, Self::A | Self::E | Self::G)
    }

    /// Whether at its end a transaction that has done its work is merely forgotten.
    #[must_use]
    pub const fn only_forgets(self) -> bool {
        matches!(self, Self::D | Self::I | Self::J | Self::K | Self::L | Self::M)
    }
}

/// Durations on one kind of transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timing {
    /// Whether the transport itself delivers.
    pub reliable: bool,
    pub t1: Duration,
    pub t2: Duration,
    pub t4: Duration,
    /// Timer D on an unreliable transport.
    pub d: Duration,
    pub trying_after: Duration,
}

impl Timing {
    pub const fn new(settings: &TransactionSettings, reliable: bool) -> Self {
        let TransactionSettings { t1, t2, t4, timer_d, trying_after, .. } = *settings;
        Self { reliable, t1, t2, t4, d: timer_d, trying_after }
    }

    /// 64·T1.
    pub fn timeout(&self) -> Duration {
        self.t1.saturating_mul(64)
    }

    /// Twice `interval`, at most T2.
    pub fn doubled(&self, interval: Duration) -> Duration {
        interval.saturating_mul(2).min(self.t2)
    }
}
