//! The layer under virtual time: messages and wishes in, messages and events out.

mod bounds;
mod cancel;
mod client;
mod flows;
mod lossy;
mod matching;
mod property;
mod server;
mod stateless;
mod torture;
mod unreachable;

use std::time::Duration;

use bytes::Bytes;

use super::fixture::{self, as_request, ms, parse, request_text, response_to, tcp_flow, udp_flow};
use super::*;
use crate::ground::{Flow, Instant, Now, Random};
use crate::sip::{Limits, Message, Method, Request, Response};

/// A layer and its clock.
struct Rig {
    layer: Transactions,
    now: Now,
}

/// What came out: bytes with their way, and events.
#[derive(Debug, Default)]
struct Out {
    sent: Vec<(Flow, Bytes, u64)>,
    events: Vec<TransactionEvent>,
}

impl Out {
    /// The start lines of what was sent.
    fn lines(&self) -> Vec<String> {
        let line = |bytes: &Bytes| {
            String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().replace(" SIP/2.0", "")
        };
        self.sent.iter().map(|(_, bytes, _)| line(bytes)).collect()
    }

    /// The one message that was sent.
    fn message(&self) -> Message {
        assert_eq!(self.sent.len(), 1, "{:?}", self.lines());
        Message::parse(self.sent[0].1.clone(), &Limits::default()).unwrap()
    }

    fn response(&self) -> Response {
        self.message().as_response().cloned().expect("a response was sent")
    }

    /// The id and request of the one new server transaction.
    fn new_request(&self) -> (TransactionId, Request) {
        match self.events.as_slice() {
            [TransactionEvent::Request { id, request, .. }] => (*id, request.clone()),
            other => panic!("one new request is wanted, not {other:?}"),
        }
    }
}

impl Rig {
    fn new() -> Self {
        Self::with(TransactionSettings::default())
    }

    fn with(settings: TransactionSettings) -> Self {
        let mut random = Random::from_key([3, 4]);
        Self { layer: Transactions::new(settings, &mut random), now: Now::default() }
    }

    fn drain(&mut self) -> Out {
        let mut out = Out::default();
        while let Some(output) = self.layer.poll_output() {
            match output {
                Output::Transmit { flow, bytes, tag } => out.sent.push((flow, bytes, tag)),
                Output::ToUser(event) => out.events.push(event),
            }
        }
        out
    }

    fn receive_on(&mut self, flow: Flow, message: impl Into<Message>) -> Out {
        self.layer.receive(message.into(), flow, self.now);
        self.drain()
    }

    fn receive(&mut self, message: impl Into<Message>) -> Out {
        self.receive_on(udp_flow(), message)
    }

    fn receive_text(&mut self, text: &str) -> Out {
        self.receive(parse(text))
    }

    fn send(&mut self, request: &Request, flow: Flow) -> TransactionId {
        self.layer.send_request(request.clone(), flow, self.now).unwrap()
    }

    fn respond(&mut self, id: TransactionId, request: &Request, code: u16) -> Out {
        self.layer.respond(id, &response_to(request, code), self.now).unwrap();
        self.drain()
    }

    /// Lets time pass, waking whenever the layer wants to, and collects what it says.
    fn advance(&mut self, by: Duration) -> Out {
        let end = self.now.mono + by;
        let mut all = Out::default();
        while let Some(at) = self.layer.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.advanced(at.since(self.now.mono));
            self.layer.handle_timeout(self.now);
            let out = self.drain();
            all.sent.extend(out.sent);
            all.events.extend(out.events);
        }
        self.now = self.now.advanced(end.since(self.now.mono));
        all
    }

    /// When the next things are sent, in milliseconds from now, within `by`.
    fn sending_times(&mut self, by: Duration) -> Vec<u64> {
        let (start, end) = (self.now.mono, self.now.mono + by);
        let mut times = Vec::new();
        while let Some(at) = self.layer.poll_timeout().filter(|at| *at <= end) {
            let out = self.advance(at.since(self.now.mono));
            times.extend(out.sent.iter().map(|_| at.since(start).as_millis() as u64));
        }
        self.now = self.now.advanced(end.since(self.now.mono));
        times
    }

    fn next_wake(&self) -> Option<Duration> {
        self.layer.poll_timeout().map(|at: Instant| at.since(self.now.mono))
    }

    fn assert_empty(&self) {
        assert_eq!(self.layer.len(), 0);
        assert_eq!(self.layer.timers(), 0);
        assert_eq!(self.layer.slots.keys(), 0);
        assert_eq!(self.layer.slots.connections(), 0);
    }
}

fn invite() -> Request {
    fixture::invite()
}

fn request(method: Method) -> Request {
    fixture::request(&method, "z9hG4bK-r")
}

/// The ACK to a refusal, or to a 2xx when it has another branch.
fn ack(branch: &str, to_tag: &str) -> Request {
    as_request(&request_text("ACK", branch, 1, Some(to_tag)))
}
