//! Peers that ICMP says are not there (RFC 3261 §18.4): what waits for a first response from one fails at once instead of
//! by timer B or F.
//!
//! ICMP can be forged by whoever guesses two ports, so it ends nothing that the peer has answered, and nothing but
//! client transactions. They are found by looking at all: rare as that is, a peer can make us send what comes back as
//! ICMP, so the looking is kept to a small part of the time. What is passed over loses nothing but time: the request
//! is repeated, and so is the error.

use std::net::SocketAddr;
use std::time::Duration;

use super::layer::Transactions;
use super::machine::Input;
use crate::ground::{ListenerId, Now};

/// How long nobody is looked for after a look, for each transaction that there was room for: about fifty times what the
/// look took.
const PAUSE_PER_SLOT: Duration = Duration::from_micros(1);

/// The least pause, however few there are.
const PAUSE_MIN: Duration = Duration::from_millis(1);

impl Transactions {
    /// Datagrams to `remote` do not arrive. Client transactions that were sent there from this listener and have
    /// heard nothing fail, as if they could not have been sent.
    pub fn unreachable(&mut self, listener: ListenerId, remote: SocketAddr, now: Now) {
        if now.mono < self.unreachable_from {
            self.counters.unreachable_passed_over += 1;
            return;
        }
        let slots = u32::try_from(self.slots.allocated()).unwrap_or(u32::MAX);
        self.unreachable_from = now.mono + PAUSE_PER_SLOT.saturating_mul(slots).max(PAUSE_MIN);
        for index in self.slots.unheard(listener, remote) {
            self.step(index, Input::TransportError, now);
        }
    }
}
