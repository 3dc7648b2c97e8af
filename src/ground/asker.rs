//! For whom a name is looked up.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Whose name it is. Peers' names have bounds of their own, so that no caller's Contact keeps a call of an engine's
/// waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Asker {
    /// An engine's: the target of a call that it makes.
    Engine,
    /// A peer's: its Contact or Record-Route.
    Peer {
        /// The address that it came from, where it is known.
        at: Option<IpAddr>,
        /// Whether the peer has shown that it reads what we send, as by the ACK: its address is not forged.
        proven: bool,
    },
}
