//! What drives a shard: it brings the one invariant of the pure floors together with queues, sockets and sleep.
//!
//! ```text
//!   transport's queue ─┐                     ┌─▶ Transports::send
//!   Inbox: commands,   ├─▶ handle ─ drain ───┼─▶ media link (one batch per round)
//!   media, engines    ─┤   poll_output       ├─▶ engines' logs, replies of commands
//!   sleep until        ┘   until it is empty └─▶ directories of sessions and bridges, look-ups
//!   poll_timeout
//! ```
//!
//! A driver is one future on a current-thread runtime; nothing else touches its shard. Within one input the reply of a
//! command goes out before the events that it led to, whatever the order in which the shard made them.

mod alarm;
mod call_log;
mod core;
mod gauges;
mod inbox;
mod reply;
mod route;
mod run;
mod trace;

pub use core::{Core, FloorCounters};
pub use gauges::Gauges;
pub use inbox::{Inbox, MEDIA_EVENTS_MAX, Request, SHARD_REQUESTS_MAX};
pub use reply::Reply;
pub use route::Outlets;
pub use run::{Driver, Parts};
pub use trace::Contexts;
