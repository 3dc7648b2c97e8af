//! The threads that carry media: sockets, the 20 ms clock, and who owns what.
//!
//! A [`Node`] has workers, each a thread that owns its endpoints outright. Operations come to them by queue, replies
//! and events go to their [`Owner`](owner::Owner)s. Nothing here knows gRPC.

pub mod clock;
pub mod net;
pub mod operation;
pub mod owner;
pub mod owners;

mod barrier;
mod clips;
mod directory;
mod gauges;
mod inbox;
mod lookups;
mod names;
mod node;
mod place;
mod thread;
mod trace;

pub use clips::{AudioCounts, Clips};
pub use gauges::{Gauges, WorkerSnapshot};
pub use inbox::{COMMANDS_MAX, Inbox};
pub use lookups::{LookupCounts, Lookups};
pub use node::{Node, NodeSettings, WorkerHandle, answer};
pub use thread::{Command, Worker};
