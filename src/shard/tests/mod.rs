//! A shard fed with messages by hand.

mod admission;
mod calls;
mod commands;
mod farewell;
mod media;
mod offers;
mod passing;
mod peer;

use std::time::Duration;

use bytes::Bytes;

use super::io::{AttachedEngine, Input, Output, Query};
use super::{Shard, ShardSettings};
use crate::dialog::{DialogSettings, Listener};
use crate::ground::{Description, Flow, ListenerId, Now, Placement, Random, SessionId, Transport};
use crate::session::command::{CallLimits, Command, CommandDone, CommandError, Create, EngineRef, Verb};
use crate::session::event::{EndCause, EventPayload, SessionEvent};
use crate::session::media::{
    MediaError, MediaFacts, MediaPreferences, MediaReply, MediaRequest, NegotiationStep, SignaledPeer,
    Statistics,
};

/// A shard, what it said, and a peer at 198.51.100.7.
pub(super) struct Bench {
    pub shard: Shard,
    pub now: Now,
    /// Messages sent since they were last read, as text.
    pub sent: Vec<String>,
    pub events: Vec<(EngineRef, SessionEvent)>,
    /// Requests to media without a reply.
    pub asked: Vec<(u64, SessionId, MediaRequest)>,
    /// What media was told of peers, with each request.
    pub peers: Vec<(MediaRequest, SignaledPeer)>,
    pub replies: Vec<Result<CommandDone, CommandError>>,
    /// The kinds of outputs, in order.
    pub order: Vec<&'static str>,
    pub views: Vec<String>,
    /// Names to look up.
    pub resolves: Vec<u64>,
    /// Media answers at once, rightly.
    pub media_answers: bool,
}

pub(super) fn settings() -> ShardSettings {
    let listener = |id: u16, port: u16| Listener {
        id: ListenerId(id),
        transport: Transport::Udp,
        host: "192.0.2.1".into(),
        port,
        ipv6: false,
    };
    ShardSettings {
        placement: Placement::new([5, 6], 4),
        index: 2,
        dialogs: DialogSettings {
            listeners: vec![listener(0, 5060), listener(1, 5070)],
            ..DialogSettings::default()
        },
        ..ShardSettings::default()
    }
}

pub(super) fn engine(id: &str) -> EngineRef {
    EngineRef { group: "default".into(), id: id.into() }
}

pub(super) fn flow(listener: u16) -> Flow {
    Flow {
        transport: Transport::Udp,
        listener: ListenerId(listener),
        remote: ([198, 51, 100, 7], 5060).into(),
        connection: None,
    }
}

pub(super) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// An INVITE of the peer's.
pub(super) fn invite(call: &str) -> String {
    format!(
        "INVITE sip:echo@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK-{call}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:a@198.51.100.7>;tag=f-{call}\r\nTo: <sip:echo@192.0.2.1>\r\n\
         Call-ID: {call}\r\nCSeq: 1 INVITE\r\nContact: <sip:a@198.51.100.7:5060>\r\n\
         Content-Type: application/sdp\r\nContent-Length: 5\r\n\r\noffer"
    )
}

/// A request of the peer's in the dialog that this response of ours has made.
pub(super) fn inside(method: &str, cseq: u32, response: &str, call: &str) -> String {
    format!(
        "{method} sip:x@192.0.2.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK-{call}-{method}{cseq}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:a@198.51.100.7>;tag=f-{call}\r\nTo: <sip:echo@192.0.2.1>;tag={}\r\n\
         Call-ID: {call}\r\nCSeq: {cseq} {method}\r\nContact: <sip:a@198.51.100.7:5060>\r\nContent-Length: 0\r\n\r\n",
        tag(response)
    )
}

/// A response of the peer's to this request of ours.
pub(super) fn response(status: &str, request: &str) -> String {
    let keep =
        |name: &str| request.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    let to = keep("To:");
    let to = if to.contains("tag=") { to } else { format!("{to};tag=theirs") };
    format!(
        "SIP/2.0 {status}\r\n{}\r\n{}\r\n{to}\r\n{}\r\n{}\r\nContact: <sip:a@198.51.100.7:5060>\r\nContent-Length: 0\r\n\r\n",
        keep("Via:"),
        keep("From:"),
        keep("Call-ID:"),
        keep("CSeq:"),
    )
}

/// The To tag.
pub(super) fn tag(message: &str) -> String {
    let to = message.lines().find(|line| line.starts_with("To:")).unwrap_or_default();
    to.split("tag=").nth(1).unwrap_or_default().to_owned()
}

impl Bench {
    pub fn new() -> Self {
        Self::with(settings())
    }

    pub fn with(settings: ShardSettings) -> Self {
        let shard = Shard::new(settings, Random::from_key([1, 2]));
        let now = Now::default().advanced(Duration::from_secs(100));
        let (sent, events, asked, replies, order) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (views, resolves, peers) = (Vec::new(), Vec::new(), Vec::new());
        let mut bench = Self {
            shard,
            now,
            sent,
            events,
            asked,
            peers,
            replies,
            order,
            views,
            resolves,
            media_answers: true,
        };
        bench.attach(&["e1"]);
        bench.handle(Input::MediaTakesCalls(true));
        bench
    }

    pub fn attach(&mut self, engines: &[&str]) {
        let attached = engines.iter().map(|id| AttachedEngine {
            engine: engine(id),
            sessions_max: None,
            ready: true,
            still: false,
        });
        self.handle(Input::Engines(attached.collect()));
    }

    pub fn handle(&mut self, input: Input) {
        self.shard.handle(input, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.shard.poll_output() {
            match output {
                Output::Transmit { bytes, .. } => {
                    self.order.push("transmit");
                    self.sent.push(String::from_utf8_lossy(&bytes).into_owned());
                }
                Output::Event { engine, event } => {
                    self.order.push("event");
                    self.events.push((engine, *event));
                }
                Output::CommandReply { result, .. } => {
                    self.order.push("reply");
                    self.replies.push(result);
                }
                Output::Media { request, session, peer, body, .. } => {
                    self.peers.push((body.clone(), peer));
                    self.asked.push((request, session, body));
                }
                Output::Views { views, .. } => {
                    self.views = views.into_iter().map(|view| view.id.to_string()).collect();
                }
                Output::SessionOpened { .. } => self.order.push("opened"),
                Output::SessionClosed { .. } => self.order.push("closed"),
                Output::Resolve { query, .. } => self.resolves.push(query),
                Output::BridgeChanged { .. } => {}
            }
        }
        while self.media_answers && !self.asked.is_empty() {
            let (request, _, body) = self.asked.remove(0);
            self.handle(Input::MediaReply { request, result: Ok(right_answer(&body)) });
        }
    }

    pub fn receive(&mut self, message: &str) {
        self.receive_on(0, message);
    }

    pub fn receive_on(&mut self, listener: u16, message: &str) {
        let bytes = Bytes::copy_from_slice(message.as_bytes());
        self.handle(Input::Received { bytes, flow: flow(listener) });
    }

    /// Lets time pass, timers and all.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now.mono + time;
        while let Some(due) = self.shard.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.advanced(due.since(self.now.mono));
            self.shard.handle_timeout(self.now);
            self.drain();
        }
        self.now = self.now.advanced(end.since(self.now.mono));
    }

    /// Lets all timers run out.
    pub fn pass_all(&mut self) {
        while let Some(due) = self.shard.poll_timeout() {
            self.pass(due.since(self.now.mono));
        }
    }

    pub fn command(
        &mut self,
        session: &SessionId,
        engine: Option<EngineRef>,
        verb: Verb,
    ) -> Result<CommandDone, CommandError> {
        let command = Command { command_id: "c".into(), engine, verb };
        let input = Input::Command { ticket: 1, session: session.clone(), command: Box::new(command) };
        self.handle(input);
        self.replies.pop().expect("a reply")
    }

    pub fn do_verb(&mut self, session: &SessionId, verb: Verb) {
        let taken = self.command(session, None, verb);
        assert!(taken.is_ok(), "{taken:?}");
    }

    /// The session of the youngest event.
    pub fn session(&self) -> SessionId {
        self.events.last().expect("an event").1.session.clone()
    }

    /// The status lines and request lines sent since the last time, without what follows the first word or code.
    pub fn sent(&mut self) -> Vec<String> {
        let words = self.sent.drain(..).map(|message| {
            let mut words = message.split(' ');
            let first = words.next().unwrap_or_default().to_owned();
            if first == "SIP/2.0" { words.next().unwrap_or_default().to_owned() } else { first }
        });
        words.collect()
    }

    pub fn last_sent(&self) -> String {
        self.sent.last().expect("a message").clone()
    }

    /// The end of the session that ended last.
    pub fn end_cause(&self) -> EndCause {
        let ended = self.events.iter().rev().find_map(|(_, event)| match &event.payload {
            EventPayload::Ended(ended) => Some(ended.cause),
            _ => None,
        });
        ended.expect("an end")
    }

    pub fn query(&mut self, query: Query) -> Vec<String> {
        self.handle(Input::Query { ticket: 9, query });
        std::mem::take(&mut self.views)
    }

    /// A call that is up: its session, and the 200 that made its dialog.
    pub fn up(&mut self, call: &str) -> (SessionId, String) {
        self.receive(&invite(call));
        let session = self.session();
        self.do_verb(&session, answer());
        let ok = self.last_sent();
        self.receive(&inside("ACK", 1, &ok, call));
        assert!(matches!(self.events.last().expect("events").1.payload, EventPayload::Connected { .. }));
        self.sent.clear();
        (session, ok)
    }

    pub fn assert_empty(&mut self) {
        self.pass_all();
        assert_eq!(self.shard.load(), super::Load::default());
    }
}

pub(super) fn answer() -> Verb {
    Verb::Answer {
        media: MediaPreferences::default(),
        fields: Vec::new(),
        body: None,
        limits: CallLimits::default(),
    }
}

pub(super) fn terminate() -> Verb {
    Verb::Terminate { fields: Vec::new(), body: None }
}

pub(super) fn create(target: &str) -> Create {
    Create {
        target: target.into(),
        from: crate::ground::leg::Party::default(),
        to: crate::ground::leg::Party::default(),
        outbound_proxy: None,
        fields: Vec::new(),
        media: MediaPreferences::default(),
        limits: CallLimits::default(),
        parent: None,
        max_forwards: 70,
        delayed_offer: false,
    }
}

pub(super) fn id(text: &str) -> SessionId {
    SessionId::parse(text).expect("an id")
}

fn right_answer(body: &MediaRequest) -> MediaReply {
    let local = |text: &'static str| Some(Description(Bytes::from_static(text.as_bytes())));
    let facts = || Some(Box::<MediaFacts>::default());
    match body {
        MediaRequest::Negotiate { step: NegotiationStep::MakeOffer, .. } => {
            MediaReply::Negotiated { local: local("our offer"), facts: None }
        }
        MediaRequest::Negotiate { step: NegotiationStep::AnswerOffer(_), .. } => {
            MediaReply::Negotiated { local: local("our answer"), facts: facts() }
        }
        MediaRequest::Negotiate { .. } => MediaReply::Negotiated { local: None, facts: facts() },
        MediaRequest::Close => MediaReply::Closed(Statistics::default()),
        _ => MediaReply::Done,
    }
}

/// A fault of media's for a row.
pub(super) fn no_port() -> Result<MediaReply, MediaError> {
    Err(MediaError::NoPort)
}
