//! Call engines as Callplane sees them: one event log for each attached engine, and who is attached at all.
//!
//! ```text
//!                  Attach                        Attach (same id)
//!    (unknown) ───────────────▶ Attached ◀──────────────────────── Away
//!          Attach (same id): ┌──▶  │                                ▲ │
//!          the newest wins   └─────┤                                │ │ grace over
//!                                  └── stream ends, or is not ──────┘ ▼
//!                                      read for three heartbeats    Gone
//! ```
//!
//! An engine that closes its half of the stream, has no session and has acknowledged everything, has nothing to come back
//! to: its grace is over at once.
//!
//! - [`Log`] keeps a session's events until they are acknowledged: cursors, cumulative acks, the window of what may be
//!   under way, retention by count and bytes, and the gap where retention was passed: what is worth least goes first, of
//!   the session that has most of it.
//! - [`Engine`] puts a log and the presence of the figure together. It is driven like every pure part: `handle`,
//!   `handle_timeout`, `poll_timeout`; [`Engine::poll_item`] is its output, taken at the speed of the engine's reader.
//! - [`Roster`] is the order of attachment, and every shard's share of what engines take.
//!
//! **At least once.** An engine that comes back within its grace goes on behind the last event that it acknowledged:
//! what it had been sent and did not acknowledge is sent again, with equal cursors.
//!
//! Who carries the items (gRPC) and who sleeps until the timeouts is `signaling`'s business.

mod holes;
mod limits;
mod log;
mod presence;
mod purge;
mod rank;
mod roster;
mod weight;

pub use holes::Lost;
pub use limits::EngineLimits;
pub use log::{AckError, Cursor, Log, Logged};
pub use presence::{AttachError, Attachment, Counters, Engine, Input, Item, Lapse, Open, Opened};
pub use roster::{Keeping, Roster, share};
pub use weight::weight;

#[cfg(test)]
mod tests;
