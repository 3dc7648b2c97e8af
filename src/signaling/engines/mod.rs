//! The engines at run time: one [`EngineHandle`] for each, the roster, and the timekeeper that notices silence.
//!
//! Shards append events to the logs; an engine's stream takes them at its own speed. Each engine has its own lock, so a
//! slow one hurts only itself. Locks are taken in one order: roster, then engine.
//!
//! **Lingering.** A message to an engine costs both sides far more than what is in it. What nobody waits for (a result, a
//! call's end) therefore waits up to [`LINGER`] for company, if something was said less than that ago; an incoming
//! call, and the progress of an outbound one, goes out at once and takes along what waits. An engine with little to do
//! hears everything at once.

mod handle;
mod hub;

use std::time::Duration;

/// How long what nobody waits for may wait for company.
pub const LINGER: Duration = Duration::from_millis(2);

pub use handle::{
    COMMANDS_PENDING_MAX, CommandOutcome, EngineHandle, Outcome, Saying, StreamEnd, StreamReply, Urgency,
};
pub use hub::{Engines, EnginesCount};
