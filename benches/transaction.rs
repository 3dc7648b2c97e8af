//! What the transaction layer costs: whole lives of a server INVITE, of a client INVITE and of a BYE, and the single
//! steps on the way. Messages are parsed beforehand; building responses is the user's work and not counted either.

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use callplane::ground::{Flow, Instant, ListenerId, Now, Random, TimerWheel, Transport};
use callplane::sip::{Limits, Message, Request, Response, ResponseBuilder, StatusCode};
use callplane::transaction::{Output, TransactionEvent, TransactionId, TransactionSettings, Transactions};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// As many different calls as are prepared for one batch.
const BATCH: u32 = 512;

fn flow() -> Flow {
    Flow {
        transport: Transport::Udp,
        listener: ListenerId(0),
        remote: "127.0.0.1:5062".parse().expect("an address"),
        connection: None,
    }
}

fn request(method: &str, n: u32, to_tag: &str) -> Request {
    let body = "v=0\r\no=user1 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                m=audio 6000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";
    let body = if method == "INVITE" { body } else { "" };
    let text = format!(
        "{method} sip:service@127.0.0.1:5060 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 127.0.0.1:5062;branch=z9hG4bK-13243-{n}-0\r\n\
         From: sipp <sip:sipp@127.0.0.1:5062>;tag=13243SIPpTag00{n}\r\n\
         To: service <sip:service@127.0.0.1:5060>{to_tag}\r\n\
         Call-ID: {n}-13243@127.0.0.1\r\nCSeq: 1 {method}\r\n\
         Contact: sip:sipp@127.0.0.1:5062\r\nMax-Forwards: 70\r\nSubject: Performance Test\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    match Message::parse(Bytes::from(text), &Limits::default()) {
        Ok(Message::Request(request)) => request,
        other => panic!("a request: {other:?}"),
    }
}

fn response(request: &Request, status: StatusCode) -> Response {
    ResponseBuilder::to_request(request, status).to_tag("tag").build().expect("a response")
}

/// One call's messages.
struct Call {
    invite: Request,
    ringing: Response,
    ok: Response,
    busy: Response,
    ack: Request,
    ack_to_busy: Request,
    bye: Request,
    bye_ok: Response,
}

fn call(n: u32) -> Call {
    let invite = request("INVITE", n, "");
    let bye = request("BYE", n, ";tag=tag");
    Call {
        ringing: response(&invite, StatusCode::RINGING),
        ok: response(&invite, StatusCode::OK),
        busy: response(&invite, StatusCode::BUSY_HERE),
        ack: request("ACK", n + 1_000_000_000, ";tag=tag"),
        ack_to_busy: request("ACK", n, ";tag=tag"),
        bye_ok: response(&bye, StatusCode::OK),
        bye,
        invite,
    }
}

fn calls() -> Vec<Call> {
    (0..BATCH).map(call).collect()
}

struct Layer {
    layer: Transactions,
    now: Now,
}

impl Layer {
    fn new() -> Self {
        let mut random = Random::from_key([1, 2]);
        Self { layer: Transactions::new(TransactionSettings::default(), &mut random), now: Now::default() }
    }

    fn receive(&mut self, message: impl Into<Message>) -> Option<TransactionId> {
        self.layer.receive(message.into(), flow(), self.now);
        self.drain()
    }

    fn drain(&mut self) -> Option<TransactionId> {
        let mut id = None;
        while let Some(output) = self.layer.poll_output() {
            if let Output::ToUser(TransactionEvent::Request { id: new, .. }) = black_box(output) {
                id = Some(new);
            }
        }
        id
    }

    fn respond(&mut self, id: TransactionId, response: &Response) {
        self.layer.respond(id, response, self.now).expect("a pending transaction");
        self.drain();
    }

    /// Lets all timers run out.
    fn end(&mut self) {
        self.now = self.now.advanced(Duration::from_secs(100));
        self.layer.handle_timeout(self.now);
        self.drain();
    }
}

fn lives(criterion: &mut Criterion) {
    let calls = calls();
    let mut group = criterion.benchmark_group("transaction life");
    group.throughput(criterion::Throughput::Elements(u64::from(BATCH)));
    group.bench_function("server INVITE: 180, 200, ACK, timer L", |bench| {
        let mut layer = Layer::new();
        bench.iter(|| {
            for call in &calls {
                let id = layer.receive(call.invite.clone()).expect("a new request");
                layer.respond(id, &call.ringing);
                layer.respond(id, &call.ok);
                layer.receive(call.ack.clone());
            }
            layer.end();
        });
    });
    group.bench_function("server INVITE: 180, 486, ACK, timer I", |bench| {
        let mut layer = Layer::new();
        bench.iter(|| {
            for call in &calls {
                let id = layer.receive(call.invite.clone()).expect("a new request");
                layer.respond(id, &call.ringing);
                layer.respond(id, &call.busy);
                layer.receive(call.ack_to_busy.clone());
            }
            layer.end();
        });
    });
    group.bench_function("server BYE: 200, timer J", |bench| {
        let mut layer = Layer::new();
        bench.iter(|| {
            for call in &calls {
                let id = layer.receive(call.bye.clone()).expect("a new request");
                layer.respond(id, &call.bye_ok);
            }
            layer.end();
        });
    });
    group.bench_function("client INVITE: 180, 200, timer M", |bench| {
        let mut layer = Layer::new();
        bench.iter(|| {
            for call in &calls {
                layer.layer.send_request(call.invite.clone(), flow(), layer.now).expect("room");
                layer.drain();
                layer.receive(call.ringing.clone());
                layer.receive(call.ok.clone());
            }
            layer.end();
        });
    });
    group.finish();
}

fn steps(criterion: &mut Criterion) {
    let calls = calls();
    let mut group = criterion.benchmark_group("transaction step");
    group.throughput(criterion::Throughput::Elements(u64::from(BATCH)));
    group.bench_function("new INVITE", |bench| {
        bench.iter_batched_ref(
            Layer::new,
            |layer| calls.iter().for_each(|call| _ = layer.receive(call.invite.clone())),
            BatchSize::LargeInput,
        );
    });
    group.bench_function("repeated INVITE", |bench| {
        let mut layer = Layer::new();
        calls.iter().for_each(|call| _ = layer.receive(call.invite.clone()));
        bench.iter(|| calls.iter().for_each(|call| _ = layer.receive(call.invite.clone())));
    });
    group.bench_function("respond 180", |bench| {
        let mut layer = Layer::new();
        let ids: Vec<_> = calls.iter().filter_map(|call| layer.receive(call.invite.clone())).collect();
        bench.iter(|| ids.iter().zip(&calls).for_each(|(id, call)| layer.respond(*id, &call.ringing)));
    });
    group.bench_function("ACK to a 2xx", |bench| {
        let mut layer = Layer::new();
        bench.iter(|| calls.iter().for_each(|call| _ = layer.receive(call.ack.clone())));
    });
    group.bench_function("180 to a client", |bench| {
        let mut layer = Layer::new();
        for call in &calls {
            layer.layer.send_request(call.invite.clone(), flow(), layer.now).expect("room");
        }
        layer.drain();
        bench.iter(|| calls.iter().for_each(|call| _ = layer.receive(call.ringing.clone())));
    });
    group.finish();
}

fn timers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("timer wheel");
    for running in [100_u64, 100_000] {
        let mut wheel = TimerWheel::new();
        for key in 0..running {
            wheel.schedule(key, Instant::from_millis(32_000 + key % 32_000));
        }
        let mut key = running;
        group.bench_function(format!("schedule and cancel among {running}"), |bench| {
            bench.iter(|| {
                key += 1;
                wheel.schedule(key, Instant::from_millis(500 + key % 40_000));
                black_box(wheel.cancel(&key))
            });
        });
    }
    let mut wheel = TimerWheel::new();
    let mut now = Instant::ZERO;
    group.bench_function("schedule and expire", |bench| {
        bench.iter(|| {
            now = now + Duration::from_micros(700);
            wheel.schedule(now.as_nanos(), now + Duration::from_secs(32));
            while let Some(key) = wheel.pop_expired(now) {
                black_box(key);
            }
        });
    });
    group.finish();
}

criterion_group!(benches, lives, steps, timers);
criterion_main!(benches);
