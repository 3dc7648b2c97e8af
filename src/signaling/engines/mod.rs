//! The engines at run time: one [`EngineHandle`] for each, the roster, and the timekeeper that notices silence.
//!
//! Shards append events to the logs; an engine's stream takes them at its own speed. Each engine has its own lock, so a
//! slow one hurts only itself. Locks are taken in one order: roster, then engine.

mod handle;
mod hub;
mod reply;

pub use handle::{COMMANDS_PENDING_MAX, EngineHandle, Saying, StreamEnd};
pub use hub::{Engines, EnginesCount};
pub use reply::{CommandOutcome, Outcome, StreamReply};
