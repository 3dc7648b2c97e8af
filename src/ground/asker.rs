//! For whom a name is looked up.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Whose name it is. Peers' names have bounds of their own, so that no caller's Contact keeps a call of an engine's
/// waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Asker {
    /// An engine's: the target of a call that it makes.
    Engine,
    /// A peer's: the Contact or Record-Route that came from this address, where it is known.
    Peer(Option<IpAddr>),
}
