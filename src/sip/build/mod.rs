//! Writing messages: everything goes straight into one buffer, and the places of the fields are noted on the way, so
//! that a built message can be looked into without being parsed.

mod dialog;
mod request;
mod response;
mod specs;
pub(super) mod writer;

pub use dialog::{InDialog, build_ack, build_cancel};
pub use request::RequestBuilder;
pub use response::ResponseBuilder;
pub use specs::{NameAddrSpec, ViaSpec, quote};
