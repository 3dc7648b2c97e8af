//! `callplane.session.v1` over gRPC. The generated types come as far as this folder and no further.
//!
//! - `attach` is the stream; `session`, `bridge` and `playback` are the unary calls. Both end in `Switchboard`.
//! - `orders` and `check` make commands of requests; `events` and `words` make messages of what is told;
//!   `status` makes errors of refusals, `page` the tokens of lists.
//! - `server` is the tonic server with its limits, health and reflection.

mod attach;
mod bridge;
mod check;
mod events;
mod orders;
mod page;
mod playback;
mod server;
mod session;
mod status;
mod unary;
mod words;

pub use server::{ApiLimits, ReflectionError, Serving, serve};
pub use unary::Api;
