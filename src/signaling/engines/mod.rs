//! The engines at run time: one [`EngineHandle`] for each, the roster, and the timekeeper that notices who is silent, behind or gone.
//!
//! Shards append events to the logs; an engine's stream takes them at its own speed. Each engine has its own lock, so a
//! slow one hurts only itself. Locks are taken in one order: roster, then engine.

mod handle;
mod hub;
mod reply;
mod timekeeper;
mod watch;

pub use handle::{COMMANDS_PENDING_MAX, EngineHandle, Saying, StreamEnd};
pub use hub::{Engines, EnginesCount};
pub use reply::{CommandOutcome, Makes, Outcome, StreamReply};
