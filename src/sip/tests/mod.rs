//! Tests that span several files of this floor: every header field, writing and reading back, framing, limits.

mod builders;
mod editing;
mod framing;
mod headers;
mod limits;
mod multipart;
mod round_trip;
mod salvage;
mod validation;

use bytes::Bytes;

use super::{Limits, Message, Request, Response};

/// A message from lines; `|` stands for CRLF.
pub(super) fn message(text: &str) -> Message {
    match Message::parse(lines(text), &Limits::default()) {
        Ok(message) => message,
        Err(error) => panic!("{error}: {text}"),
    }
}

pub(super) fn lines(text: &str) -> Bytes {
    Bytes::from(text.replace('|', "\r\n"))
}

pub(super) fn request(text: &str) -> Request {
    match message(text) {
        Message::Request(request) => request,
        Message::Response(_) => panic!("a response: {text}"),
    }
}

pub(super) fn response(text: &str) -> Response {
    match message(text) {
        Message::Response(response) => response,
        Message::Request(_) => panic!("a request: {text}"),
    }
}

/// An INVITE with these further lines.
pub(super) fn invite(more: &str) -> Request {
    request(&format!(
        "INVITE sip:bob@example.com SIP/2.0|Via: SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK776|Max-Forwards: 70|\
         From: \"Alice\" <sip:alice@example.org>;tag=a1|To: <sip:bob@example.com>|Call-ID: 7@192.0.2.1|\
         CSeq: 314159 INVITE|Contact: <sip:alice@192.0.2.1>|{more}|"
    ))
}

pub(super) fn text(bytes: &Bytes) -> String {
    String::from_utf8_lossy(bytes).replace("\r\n", "|")
}
