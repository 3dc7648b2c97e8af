//! Header field values as types, each read on demand from the text of its field (RFC 3261 §20, §25.1 and the RFCs of
//! the later fields).

mod access;
mod auth;
mod cseq;
mod date;
mod event;
mod info;
mod media_type;
mod name_addr;
mod numbers;
mod params;
mod reason;
mod replaces;
mod text;
mod token;
mod user_to_user;
mod via;
mod warning;

pub use auth::{AuthParams, Credentials};
pub use cseq::{CSeq, RAck};
pub use date::SipDate;
pub use event::{Event, SubscriptionState};
pub use info::InfoUri;
pub use media_type::{Disposition, MediaType};
pub use name_addr::{Contact, NameAddr};
pub use numbers::{RetryAfter, SessionExpires, Timestamp};
pub use params::{Param, Params};
pub use reason::Reason;
pub use replaces::Replaces;
pub use text::{Priority, Product, Text};
pub use token::{CallId, Token, Weighted};
pub use user_to_user::UserToUser;
pub use via::{MAGIC_COOKIE, Rport, Via};
pub use warning::Warning;
