//! What a whole inbound call costs in the pure core: INVITE, the engine's answer, media's replies, 200, ACK, BYE, 200,
//! and all timers that it leaves behind. Only the shard's own time is counted; the peer's messages are made outside.
//!
//! `cargo bench --bench shard_call`. Calls come 2 ms apart, so that the maps hold what 500 calls a second leave in them.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use callplane::dialog::{DialogSettings, Listener};
use callplane::ground::{Description, Flow, ListenerId, Now, Random, SessionId, Transport};
use callplane::session::command::{CallLimits, Command, EngineRef, Verb};
use callplane::session::event::EventPayload;
use callplane::session::media::{
    MediaFacts, MediaPreferences, MediaReply, MediaRequest, NegotiationStep, Statistics,
};
use callplane::shard::io::{AttachedEngine, Input, Output};
use callplane::shard::{Shard, ShardSettings};
use criterion::{Criterion, criterion_group, criterion_main};

const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n\
                     m=audio 6000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n";

struct Caller {
    shard: Shard,
    now: Now,
    calls: u64,
    spent: Duration,
    engine: EngineRef,
    /// What the shard told that the caller needs.
    session: Option<SessionId>,
    response: Option<Bytes>,
    ended: bool,
}

impl Caller {
    fn new() -> Self {
        let listener = Listener {
            id: ListenerId(0),
            transport: Transport::Udp,
            host: "192.0.2.1".into(),
            port: 5060,
            ipv6: false,
        };
        let settings = ShardSettings {
            dialogs: DialogSettings { listeners: vec![listener], ..DialogSettings::default() },
            ..ShardSettings::default()
        };
        let engine = EngineRef { group: "default".into(), id: "bench".into() };
        let mut shard = Shard::new(settings, Random::from_key([1, 2]));
        let attached =
            AttachedEngine { engine: engine.clone(), sessions_max: None, ready: true, still: false };
        shard.handle(Input::Engines(vec![attached]), Now::default());
        let (session, response, ended) = (None, None, false);
        let (now, spent) = (Now::default(), Duration::ZERO);
        Self { shard, now, calls: 0, spent, engine, session, response, ended }
    }

    /// One input and what it leads to, timed.
    fn give(&mut self, input: Input) {
        let begin = Instant::now();
        self.shard.handle(input, self.now);
        self.drain();
        self.spent += begin.elapsed();
    }

    fn drain(&mut self) {
        while let Some(output) = self.shard.poll_output() {
            match output {
                Output::Transmit { bytes, .. } => self.response = Some(bytes),
                Output::Event { event, .. } => match &event.payload {
                    EventPayload::IncomingCall(_) => self.session = Some(event.session),
                    EventPayload::Ended(_) => self.ended = true,
                    _ => {}
                },
                Output::Media { request, body, .. } => {
                    self.shard.handle(Input::MediaReply { request, result: Ok(reply(&body)) }, self.now);
                }
                other => drop(black_box(other)),
            }
        }
    }

    fn receive(&mut self, message: String) {
        let remote = ([198, 51, 100, 7], 5060).into();
        let flow = Flow { transport: Transport::Udp, listener: ListenerId(0), remote, connection: None };
        self.give(Input::Received { bytes: Bytes::from(message), flow });
    }

    fn call(&mut self) {
        self.calls += 1;
        let call = self.calls;
        self.receive(message("INVITE", 1, call, "", OFFER));
        let session = self.session.take().expect("an incoming call");
        let (media, limits) = (MediaPreferences::default(), CallLimits::default());
        let verb = Verb::Answer { media, fields: Vec::new(), body: None, limits };
        let command = Command { command_id: "a1".into(), engine: Some(self.engine.clone()), verb };
        self.give(Input::Command { ticket: call, session, command: Box::new(command) });
        let ok = self.response.take().expect("a 200");
        let tag = tag(&ok);
        self.receive(message("ACK", 1, call, &tag, ""));
        self.receive(message("BYE", 2, call, &tag, ""));
        assert!(std::mem::take(&mut self.ended), "the call has ended");
        self.pass();
    }

    /// 2 ms pass.
    fn pass(&mut self) {
        self.now = self.now.advanced(Duration::from_millis(2));
        let begin = Instant::now();
        if self.shard.poll_timeout().is_some_and(|due| due <= self.now.mono) {
            self.shard.handle_timeout(self.now);
            self.drain();
        }
        self.spent += begin.elapsed();
    }
}

fn tag(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    let to = text.lines().find(|line| line.starts_with("To:")).expect("a To");
    format!(";tag={}", to.split("tag=").nth(1).expect("a tag"))
}

fn message(method: &str, cseq: u32, call: u64, tag: &str, body: &str) -> String {
    let length = body.len();
    let content = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "{method} sip:service@192.0.2.1:5060 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK-{call}-{method}\r\n\
         From: sipp <sip:sipp@198.51.100.7:5060>;tag={call}\r\n\
         To: service <sip:service@192.0.2.1:5060>{tag}\r\n\
         Call-ID: {call}-19345@198.51.100.7\r\n\
         CSeq: {cseq} {method}\r\n\
         Contact: sip:sipp@198.51.100.7:5060\r\n\
         Max-Forwards: 70\r\n\
         Subject: Performance Test\r\n\
         {content}Content-Length: {length}\r\n\r\n{body}"
    )
}

fn reply(body: &MediaRequest) -> MediaReply {
    match body {
        MediaRequest::Negotiate { step: NegotiationStep::AnswerOffer(_), .. } => {
            let local = Some(Description(Bytes::from_static(OFFER.as_bytes())));
            let facts = MediaFacts {
                codec: "PCMU/8000".into(),
                local_address: "192.0.2.1:10000".into(),
                remote_address: "198.51.100.7:6000".into(),
                ..MediaFacts::default()
            };
            MediaReply::Negotiated { local, facts: Some(Box::new(facts)) }
        }
        MediaRequest::Close => MediaReply::Closed(Statistics::default()),
        _ => MediaReply::Done,
    }
}

fn inbound_call(criterion: &mut Criterion) {
    let mut caller = Caller::new();
    // What 32 seconds leave behind.
    (0..16_000).for_each(|_| caller.call());
    criterion.bench_function("inbound call: INVITE, answer, ACK, BYE", |bencher| {
        bencher.iter_custom(|calls| {
            caller.spent = Duration::ZERO;
            (0..calls).for_each(|_| caller.call());
            caller.spent
        });
    });
    println!("held at the end: {:?}", caller.shard.load());
}

fn refused_call(criterion: &mut Criterion) {
    let mut caller = Caller::new();
    caller.shard.handle(Input::Drain, caller.now);
    criterion.bench_function("an INVITE refused while draining", |bencher| {
        bencher.iter_custom(|calls| {
            caller.spent = Duration::ZERO;
            for _ in 0..calls {
                caller.calls += 1;
                caller.receive(message("INVITE", 1, caller.calls, "", OFFER));
            }
            caller.spent
        });
    });
}

criterion_group!(benches, inbound_call, refused_call);
criterion_main!(benches);
