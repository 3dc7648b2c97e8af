//! Dialogs: RFC 3261 §12 to §15 with offer/answer state (RFC 3264, RFC 6337). Who is in a call with whom, under which
//! ids, by which route; what may be offered and answered when; how calls begin, change and end on the wire.
//!
//! [`Legs`] holds the legs of one shard: each is one INVITE usage with all its early dialogs and the confirmed one. A
//! session drives a leg by [`LegIntent`](crate::ground::leg::LegIntent) and hears
//! [`LegEvent`](crate::ground::leg::LegEvent); neither side sees the other's innards. Below are transactions, which
//! this floor drives itself: they are passed into every call.
//!
//! # The contract
//!
//! - Every [`TransactionEvent`](crate::transaction::TransactionEvent) goes to [`Legs::transaction`], unless the driver
//!   has answered the request itself: for admission it asks [`Legs::matching`] before.
//! - After every call [`Legs::poll_output`] *and* the transactions' own outputs are drained until both are empty.
//! - [`Legs::handle_timeout`] is called when [`Legs::poll_timeout`] says so.
//! - Every [`Output::Resolve`] is answered by [`Legs::resolved`]; one that is not is given up after
//!   [`settings::LOOKUP_TIME`].
//! - The last event of a leg is `Ended`, exactly once. The leg itself stays until its transactions have ended, to
//!   acknowledge what comes late; then nothing of it is left ([`Legs::census`]).
//!
//! What SDP says, what a session is, and which call is wanted is for others. Not served yet: reliable provisional
//! responses, UPDATE, REFER, Replaces, session timers, registration, digest authentication.

mod body;
mod counters;
mod error;
mod fields;
mod index;
mod leg;
mod legs;
mod locate;
mod mark;
mod offer_answer;
mod parts;
mod receive;
mod refusal;
mod request;
mod sequence;
pub mod settings;
mod state;
mod strangers;
mod stray;
mod target;
mod view;

#[cfg(test)]
mod tests;

pub use counters::{Census, Counters};
pub use error::{LegIntentError, LegState};
pub use fields::{OWNED as OWNED_FIELDS, check as check_fields, is_owned as is_owned_field};
pub use legs::{Legs, Matching, Output};
pub use locate::{FirstHop, Question, Unlocated};
pub use offer_answer::Breach;
pub use settings::{DialogSettings, EarlyAnswers, Listener};
pub use state::Role;
pub use view::{DialogState, DialogView};
