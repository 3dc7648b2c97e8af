//! Transactions: RFC 3261 §17 with RFC 6026. Reliability over what may lose, repeat and reorder; matching of responses,
//! retransmissions, ACK and CANCEL; stateless replies.
//!
//! [`Transactions`] is the layer of one shard. Whoever drives it calls [`Transactions::receive`] for each message,
//! [`Transactions::handle_timeout`] when [`Transactions::poll_timeout`] says so, and drains
//! [`Transactions::poll_output`] after every call. What a dialog or a call is, which request is acceptable and where a
//! name leads to is for others.
//!
//! # What the transaction user owes
//!
//! - Every [`TransactionEvent::Request`] is answered with one final response by [`Transactions::respond`], also when a
//!   CANCEL came in between (487) and when a send failed. A non-INVITE that is not answered within 64·T1 is given up.
//! - **A 2xx to INVITE is repeated by the user**, through [`Transactions::respond`] with the same response, until its
//!   ACK comes as [`TransactionEvent::Ack`]: the machine is then in `Accepted`, sends what it is given, absorbs
//!   repeated INVITEs and ends with timer L (RFC 6026 §7.1, RFC 3261 §13.3.1.4).
//! - **The ACK to a 2xx is built and sent by the user**, by [`Transactions::send_stateless`], once for every
//!   [`TransactionEvent::Response`] and [`TransactionEvent::StrayAccepted`] with a 2xx to INVITE (RFC 3261 §13.2.2.4).
//! - [`TransactionEvent::Terminated`] is the last word about an id, exactly once for every id the user was given.

mod apply;
mod client_invite;
mod client_non_invite;
mod counters;
mod event;
#[cfg(test)]
mod fixture;
mod id;
mod key;
mod layer;
mod machine;
mod receive;
mod server_invite;
mod server_non_invite;
mod settings;
mod slots;
mod stateless;
mod step;
#[cfg(test)]
mod tests;
mod timer;
mod unreachable;
mod user;

pub use counters::Counters;
pub use event::{
    CancelError, Cancelling, ClientError, Outcome, Output, RespondError, SendError, ServerError,
    TransactionEvent, TransactionInfo,
};
pub use id::TransactionId;
pub use layer::Transactions;
pub use settings::TransactionSettings;
pub use timer::Timer;
