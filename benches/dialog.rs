//! What a call costs in dialogs and transactions together, from INVITE to BYE, timers included. Parsing is included, as
//! on receipt; making the peer's messages is not.
//!
//! `cargo bench --bench dialog`. Calls come 2 ms apart, so that the maps hold what 500 calls a second leave in them.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use callplane::dialog::{DialogSettings, Legs, Listener, Output};
use callplane::ground::leg::{Invite, LegEvent, LegId, LegIntent, Party};
use callplane::ground::{Description, Flow, ListenerId, Now, Random, Transport};
use callplane::sip::{Limits, Message, NameAddrSpec, ResponseBuilder, StatusCode};
use callplane::transaction::{self, TransactionSettings, Transactions};
use criterion::{Criterion, criterion_group, criterion_main};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n\
                   m=audio 6000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n";

struct Agent {
    legs: Legs,
    transactions: Transactions,
    now: Now,
    flow: Flow,
    spent: Duration,
    calls: u64,
    invited: Option<LegId>,
    sent: Option<Bytes>,
}

fn sdp() -> Option<Description> {
    Some(Description(Bytes::from_static(SDP.as_bytes())))
}

fn request(method: &str, call: u64, to_tag: &str, sequence: u32) -> Bytes {
    let body = if method == "INVITE" { SDP } else { "" };
    let text = format!(
        "{method} sip:echo@192.0.2.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK{call}{method}\r\n\
         From: sipp <sip:sipp@198.51.100.7:5060>;tag={call}SIPp\r\nTo: echo <sip:echo@192.0.2.1:5060>{to_tag}\r\n\
         Call-ID: {call}-4711@198.51.100.7\r\nCSeq: {sequence} {method}\r\nContact: <sip:sipp@198.51.100.7:5060>\r\n\
         Max-Forwards: 70\r\nSubject: Performance Test\r\nContent-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    Bytes::from(text)
}

impl Agent {
    fn new() -> Self {
        let mut random = Random::from_key([1, 2]);
        let listener = Listener {
            id: ListenerId(0),
            transport: Transport::Udp,
            host: "192.0.2.1".to_owned(),
            port: 5060,
            ipv6: false,
        };
        let settings = DialogSettings { listeners: vec![listener], ..DialogSettings::default() };
        let remote = "198.51.100.7:5060".parse().expect("an address");
        Self {
            transactions: Transactions::new(TransactionSettings::default(), &mut random),
            legs: Legs::new(settings, random),
            now: Now::default(),
            flow: Flow { transport: Transport::Udp, listener: ListenerId(0), remote, connection: None },
            spent: Duration::ZERO,
            calls: 0,
            invited: None,
            sent: None,
        }
    }

    fn drain(&mut self) {
        loop {
            if let Some(output) = self.transactions.poll_output() {
                match output {
                    transaction::Output::Transmit { bytes, .. } => self.sent = Some(black_box(bytes)),
                    transaction::Output::ToUser(event) => {
                        self.legs.transaction(event, &mut self.transactions, self.now);
                    }
                }
            } else if let Some(output) = self.legs.poll_output() {
                if let Output::Event { leg, event: LegEvent::Invited(_) } = black_box(output) {
                    self.invited = Some(leg);
                }
            } else {
                return;
            }
        }
    }

    fn receive(&mut self, bytes: Bytes) {
        let begin = Instant::now();
        let message = Message::parse(bytes, &Limits::default()).expect("a message");
        self.transactions.receive(message, self.flow, self.now);
        self.drain();
        self.spent += begin.elapsed();
    }

    fn intent(&mut self, leg: LegId, intent: LegIntent) {
        let begin = Instant::now();
        self.legs.intent(leg, intent, &mut self.transactions, self.now).expect("legal");
        self.drain();
        self.spent += begin.elapsed();
    }

    fn sent(&mut self) -> Message {
        Message::parse(self.sent.take().expect("a message was sent"), &Limits::default()).expect("a message")
    }

    fn pass(&mut self) {
        self.calls += 1;
        self.now = self.now.advanced(Duration::from_millis(2));
        let begin = Instant::now();
        self.transactions.handle_timeout(self.now);
        self.legs.handle_timeout(&mut self.transactions, self.now);
        self.drain();
        self.spent += begin.elapsed();
    }

    fn incoming(&mut self) {
        let call = self.calls;
        self.receive(request("INVITE", call, "", 1));
        let leg = self.invited.take().expect("a call");
        self.intent(leg, LegIntent::Provisional { status: 180, description: None, fields: Vec::new() });
        self.intent(leg, LegIntent::Accept { description: sdp(), fields: Vec::new(), body: None });
        let accepted = self.sent();
        let tag = format!(";tag={}", accepted.headers().to().expect("To").tag().expect("a tag"));
        self.receive(request("ACK", call, &tag, 1));
        self.receive(request("BYE", call, &tag, 2));
        self.pass();
    }

    fn outgoing(&mut self) {
        let leg = self.legs.open().expect("room");
        let party = |uri: &str| Party { uri: uri.to_owned(), display_name: String::new() };
        let invite = Invite {
            target: "sip:bob@198.51.100.7".to_owned(),
            from: party("sip:us@192.0.2.1"),
            to: party("sip:bob@198.51.100.7"),
            call_id: format!("{}-4711@192.0.2.1", self.calls),
            routes: Vec::new(),
            max_forwards: 70,
            offer: sdp(),
            fields: Vec::new(),
        };
        self.intent(leg, LegIntent::Invite(Box::new(invite)));
        let invite = self.sent();
        self.answer(&invite, StatusCode::RINGING);
        self.answer(&invite, StatusCode::OK);
        self.intent(leg, LegIntent::HangUp { fields: Vec::new(), body: None });
        let bye = self.sent();
        self.answer(&bye, StatusCode::OK);
        self.pass();
    }

    fn answer(&mut self, request: &Message, status: StatusCode) {
        let request = request.as_request().expect("a request");
        let builder = ResponseBuilder::to_request(request, status).to_tag("bob");
        let builder = builder.contact(&NameAddrSpec::new("sip:bob@198.51.100.7:5060"));
        let response = builder.body("application/sdp", Bytes::from_static(SDP.as_bytes())).build();
        self.receive(response.expect("a response").as_bytes().clone());
    }
}

fn calls(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("dialog");
    for (name, call) in [
        ("incoming call: INVITE, 180, 200, ACK, BYE, 200", Agent::incoming as fn(&mut Agent)),
        ("outgoing call: INVITE, 180, 200, ACK, BYE, 200", Agent::outgoing),
    ] {
        let mut agent = Agent::new();
        // So many as linger at 500 calls a second.
        (0..16_000).for_each(|_| call(&mut agent));
        group.bench_function(name, |bench| {
            bench.iter_custom(|times| {
                agent.spent = Duration::ZERO;
                (0..times).for_each(|_| call(&mut agent));
                agent.spent
            });
        });
    }
    group.finish();
}

criterion_group!(benches, calls);
criterion_main!(benches);
