//! Target refresh (RFC 3261 §12.2.1.2, §12.2.2): a re-INVITE, or its answer, names where the peer is, and shows where it is
//! seen.

use super::super::locate::Origin;
use super::super::state::Dialog;
use super::context::Context;

impl Context<'_> {
    /// Takes the target that a message of the peer's names; one that names none leaves it as it is. Returns whether it is
    /// another one than before.
    pub fn refresh_target(&mut self, dialog: &mut Dialog, named: &str, origin: &Origin) -> bool {
        match dialog.refresh_target(named) {
            Ok(true) => {
                self.settle_hop(dialog, origin);
                true
            }
            Ok(false) => {
                self.follow(dialog, origin);
                false
            }
            Err(_) => {
                self.shared.counters.unexpected += 1;
                false
            }
        }
    }

    /// The peer names the same target and may be seen elsewhere: its NAT has given it another port, or address. What goes to
    /// where it is seen goes there now; what goes to where it says it is stays.
    fn follow(&mut self, dialog: &mut Dialog, origin: &Origin) {
        let before = dialog.heard_at;
        if before == Some(origin.seen().remote) {
            return;
        }
        let (hop, fallback) = (dialog.hop.take(), dialog.fallback.take());
        self.settle_hop(dialog, origin);
        // A name is looked up again only where the peer was reached at what it was seen at instead.
        if dialog.hop.is_none() && hop.map(|hop| hop.remote) != before {
            (dialog.hop, dialog.fallback) = (hop, fallback);
        }
    }
}
