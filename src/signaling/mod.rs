//! Signaling at run time: threads, queues, the gRPC API, and the link to media. Everything that decides lies below, in the
//! pure floors; here it is driven.
//!
//! ```text
//!   call engines ─ grpc ─ Switchboard ─┬─▶ Inbox ─▶ Driver ─ shard 0 … N ─┬─▶ sockets
//!                   ▲                  └─▶ Bridges ─┐                     ├─▶ directories
//!                   │                               ▼                     │
//!                   │                           MediaLink ◀───────────────┤
//!                   └──────── EngineHandle: log, results ◀────────────────┘
//! ```
//!
//! **Threads.** Each shard has a thread with a current-thread runtime; no lock is held across its work. Everything else
//! (gRPC, the media link, receivers, stream connections, the timekeeper) is the *front*. With one shard the front runs on
//! the shard's own thread, so that a call passes from socket to engine and back without waking another thread; with more
//! it has a thread of its own.

pub mod bridges;
pub mod clock;
pub mod counters;
pub mod directory;
pub mod driver;
pub mod engines;
mod floors;
pub mod grpc;
pub mod linger;
pub mod media;
mod node;
pub mod refusal;
pub mod settings;
mod start;
pub mod switchboard;
pub mod tasks;
mod threads;
pub mod wire;

pub use counters::SignalingCounters;
pub use media::{ControlRequests, ControlResponses, EVENTS_PER_ACKNOWLEDGEMENT, MediaConnection};
pub use node::SignalingNode;
pub use settings::SignalingSettings;
pub use start::{StartError, start, start_with};
