//! The call engine in the box: an ordinary client of `callplane.session.v1`, and the example to read.
//!
//! It knows nothing of the service but its protos. What it does with a call is chosen by the user part of the request
//! URI; see [`script::Script`].
//!
//! ```text
//!   run.rs        attach, and attach again
//!   attach.rs     the stream: connect, open, ask what the engine owns, acknowledge
//!   calls.rs      all calls: which event belongs to which, timers, retries
//!   call/         one call: events in, actions out
//!   refusal.rs    a refused command, and what the caller is told of it
//!   command.rs    the commands as messages
//!   script.rs     user part → script
//! ```
//!
//! What it knows of its calls lasts as long as a stream. When it attaches, it asks which calls it owns and takes them up by
//! what the service says of them: a caller and its callee find each other again, and pauses go on.

pub mod attach;
pub mod call;
pub mod calls;
pub mod command;
pub mod refusal;
pub mod run;
pub mod script;
pub mod settings;

pub use run::{EngineError, run};
pub use settings::CallEngineSettings;
