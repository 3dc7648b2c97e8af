//! Messages and timings for the tests of this module.

use std::time::Duration;

use bytes::Bytes;

use super::TransactionSettings;
use super::timer::Timing;
use crate::ground::{ConnectionId, Flow, ListenerId, Transport};
use crate::sip::{Limits, Message, Method, Request, Response, ResponseBuilder, StatusCode};

pub(super) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Default timing: T1 500 ms, T2 4 s, T4 5 s, D 32 s.
pub(super) fn udp() -> Timing {
    Timing::new(&TransactionSettings::default(), false)
}

pub(super) fn tcp() -> Timing {
    Timing::new(&TransactionSettings::default(), true)
}

pub(super) fn udp_flow() -> Flow {
    Flow {
        transport: Transport::Udp,
        listener: ListenerId(0),
        remote: "192.0.2.1:5060".parse().unwrap(),
        connection: None,
    }
}

pub(super) fn tcp_flow(connection: u64) -> Flow {
    Flow { transport: Transport::Tcp, connection: Some(ConnectionId(connection)), ..udp_flow() }
}

pub(super) fn parse(text: &str) -> Message {
    Message::parse(Bytes::copy_from_slice(text.as_bytes()), &Limits::default()).unwrap()
}

/// A request of alice's, whose only variables are these.
pub(super) fn request_text(method: &str, branch: &str, cseq: u32, to_tag: Option<&str>) -> String {
    let to_tag = to_tag.map(|tag| format!(";tag={tag}")).unwrap_or_default();
    format!(
        "{method} sip:bob@example.com SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.1;branch={branch}\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:alice@example.com>;tag=a1\r\n\
         To: <sip:bob@example.com>{to_tag}\r\n\
         Call-ID: c1\r\n\
         CSeq: {cseq} {method}\r\n\
         Contact: <sip:alice@192.0.2.1>\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

pub(super) fn request(method: &Method, branch: &str) -> Request {
    as_request(&request_text(method.as_str(), branch, 1, None))
}

pub(super) fn as_request(text: &str) -> Request {
    match parse(text) {
        Message::Request(request) => request,
        Message::Response(_) => panic!("a request is wanted"),
    }
}

pub(super) fn invite() -> Request {
    request(&Method::Invite, "z9hG4bK-i")
}

pub(super) fn options() -> Request {
    request(&Method::Options, "z9hG4bK-o")
}

pub(super) fn status(code: u16) -> StatusCode {
    StatusCode::new(code).unwrap()
}

/// The answer to a request, with bob's tag unless it is a 100.
pub(super) fn response_to(request: &Request, code: u16) -> Response {
    let builder = ResponseBuilder::to_request(request, status(code));
    if code == 100 { builder.build().unwrap() } else { builder.to_tag("b1").build().unwrap() }
}
