//! The call engine in the box: an ordinary client of `callplane.session.v1`, and the example to read.
//!
//! It knows nothing of the service but its protos. What it does with a call is chosen by the user part of the request
//! URI; see [`script::Script`].
//!
//! ```text
//!   attach.rs     the stream: connect, open, acknowledge, attach again
//!   calls.rs      all calls: which event belongs to which, timers, retries
//!   call/         one call: events in, actions out
//!   refusal.rs    a refused command, and what the caller is told of it
//!   command.rs    the commands as messages
//!   script.rs     user part → script
//! ```
//!
//! What it knows of its calls lasts as long as a stream: a call that stands while the stream breaks stands on when the
//! engine is back, and its timers and its pairing with a callee are forgotten.

pub mod attach;
pub mod call;
pub mod calls;
pub mod command;
pub mod refusal;
pub mod script;
pub mod settings;

pub use attach::{EngineError, run};
pub use settings::CallEngineSettings;
