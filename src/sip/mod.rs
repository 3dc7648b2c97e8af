//! The SIP language: bytes to values and back (RFC 3261 §7, §19, §20, §25 and the RFCs that added header fields).
//!
//! A [`Message`] is one buffer and the places of its header fields. Nothing else is read until asked for: a value is a
//! view into the buffer, made by the typed accessors of [`Headers`]. A message never changes; [`Request::edit`] and
//! [`Response::edit`] write another one.
//!
//! On receipt: [`StreamFramer`] cuts a stream into messages, [`scan::route_key`] says where one belongs before it is
//! parsed, [`Message::parse`] reads it, [`validate`] judges whether a request may be acted on, and [`Salvage`] answers
//! those that are no messages. Going out: [`RequestBuilder`], [`ResponseBuilder`], [`InDialog`], [`build_ack`] and
//! [`build_cancel`].
//!
//! Transactions, dialogs and sockets are for others.

mod build;
mod edit;
mod error;
mod framer;
pub mod grammar;
mod header;
mod headers;
pub mod limits;
mod lines;
mod message;
mod method;
pub mod multipart;
mod name;
mod parse;
mod received;
mod salvage;
pub mod scan;
mod spans;
mod status;
mod uri;
mod validate;
pub mod via_route;

pub use build::{
    InDialog, NameAddrSpec, RequestBuilder, ResponseBuilder, ViaSpec, build_ack, build_cancel, quote,
};
pub use edit::{EditRequest, EditResponse};
pub use error::{BuildError, Flaw, HeaderError, ParseError, ParseErrorKind, UriError};
pub use framer::{Frame, FrameError, FrameErrorKind, StreamFramer};
pub use header::*;
pub use headers::{Field, FieldValue, Headers, List};
pub use limits::{Bound, Limits};
pub use message::{Message, Request, Response};
pub use method::Method;
pub use name::HeaderName;
pub use salvage::Salvage;
pub use status::{StatusCode, StatusRange};
pub use uri::{EscapeSet, Host, Scheme, Uri, UriBuf, UriHeaders, UriParams, escape, unescape};
pub use validate::{Discard, Essentials, Reject, validate, validate_response};

#[cfg(test)]
mod tests;
