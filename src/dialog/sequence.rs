//! The order of a peer's requests within a dialog (RFC 3261 §12.2.2), and what a stranger can do to it.
//!
//! Gaps are legal, so that one request of a stranger who knows the ids could set the number so high that the peer's own
//! are out of order for ever: the peer could not even hang up. What does not come from where the peer is known to be is
//! therefore counted apart: it has to be in order with all before it, but is never in the peer's way.

use std::net::IpAddr;

use super::settings::FOREIGN_CSEQ_AHEAD_MAX;
use super::state::Dialog;

/// Why a request within a dialog is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misnumbered {
    /// One with a higher number came before.
    Late,
    /// It is absurdly ahead of all others, and not from the peer.
    FarAhead,
}

impl Dialog {
    /// Takes note of a request in it, from this address.
    ///
    /// # Errors
    /// When it is not to be taken. Nothing is noted then.
    pub fn take_sequence(&mut self, sequence: u32, from: IpAddr) -> Result<(), Misnumbered> {
        if self.is_peer(from) {
            if self.remote_sequence.is_some_and(|last| sequence < last) {
                return Err(Misnumbered::Late);
            }
            self.remote_sequence = Some(sequence);
            return Ok(());
        }
        let last = self.remote_sequence.max(self.foreign_sequence).unwrap_or(sequence);
        match sequence.checked_sub(last) {
            None => Err(Misnumbered::Late),
            Some(ahead) if ahead > FOREIGN_CSEQ_AHEAD_MAX => Err(Misnumbered::FarAhead),
            Some(_) => {
                self.foreign_sequence = Some(sequence);
                Ok(())
            }
        }
    }

    /// Whether the peer is known to be there: its last offer or answer came from there, or requests go there.
    fn is_peer(&self, address: IpAddr) -> bool {
        let mut hops = self.hop.iter().chain(self.fallback.as_deref());
        self.heard_at.is_some_and(|seen| seen.ip() == address) || hops.any(|hop| hop.remote.ip() == address)
    }
}
