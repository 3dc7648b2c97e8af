//! What reading and writing one SIP message costs.
//!
//! `cargo bench --bench sip_message`

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use callplane::ground::Transport;
use callplane::sip::{
    HeaderName, InDialog, Limits, Message, Method, NameAddrSpec, Request, ResponseBuilder, StatusCode,
    StreamFramer, ViaSpec, build_ack, scan, validate,
};
use criterion::{Criterion, criterion_group, criterion_main};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An INVITE as phones send it: 12 header fields and an offer, just under 700 bytes.
const INVITE: &[u8] = b"INVITE sip:echo@192.0.2.10:5060 SIP/2.0\r\n\
Via: SIP/2.0/UDP 192.0.2.77:5071;branch=z9hG4bK-2390-17-0;rport\r\n\
From: \"Alice Example\" <sip:alice@192.0.2.77:5071>;tag=2390SIPpTag0017\r\n\
To: <sip:echo@192.0.2.10:5060>\r\n\
Call-ID: 17-2390@192.0.2.77\r\n\
CSeq: 1 INVITE\r\n\
Contact: <sip:alice@192.0.2.77:5071;transport=udp>\r\n\
Max-Forwards: 70\r\n\
Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, REFER, NOTIFY\r\n\
Supported: replaces, timer\r\n\
User-Agent: Example Phone/4.2\r\n\
Content-Type: application/sdp\r\n\
Content-Length: 179\r\n\
\r\n\
v=0\r\n\
o=user1 53655765 2353687637 IN IP4 192.0.2.77\r\n\
s=-\r\n\
c=IN IP4 192.0.2.77\r\n\
t=0 0\r\n\
m=audio 6000 RTP/AVP 0 8 101\r\n\
a=rtpmap:101 telephone-event/8000\r\n\
a=fmtp:101 0-15\r\n\
a=sendrecv\r\n";

fn parse(bytes: &Bytes, limits: &Limits) -> Request {
    match Message::parse(bytes.clone(), limits) {
        Ok(Message::Request(request)) => request,
        other => panic!("the example is a request: {other:?}"),
    }
}

fn reading(c: &mut Criterion) {
    let limits = Limits::default();
    let bytes = Bytes::from_static(INVITE);
    let request = parse(&bytes, &limits);
    assert!(validate(&request).is_ok());

    c.bench_function("route_key", |b| b.iter(|| scan::route_key(black_box(INVITE))));
    c.bench_function("parse INVITE", |b| b.iter(|| parse(black_box(&bytes), &limits)));
    c.bench_function("parse INVITE, validate (Via, From, To, Call-ID, CSeq, Contact)", |b| {
        b.iter(|| {
            let request = parse(black_box(&bytes), &limits);
            black_box(validate(&request).is_ok());
            request
        });
    });
    c.bench_function("validate", |b| b.iter(|| black_box(validate(black_box(&request)).is_ok())));
    c.bench_function("top Via", |b| b.iter(|| black_box(black_box(&request).headers().top_via())));
    c.bench_function("From", |b| b.iter(|| black_box(black_box(&request).headers().from())));
    c.bench_function("CSeq", |b| b.iter(|| black_box(black_box(&request).headers().cseq())));
    c.bench_function("Request-URI", |b| b.iter(|| black_box(black_box(&request).parse_request_uri())));
    c.bench_function("frame INVITE from a stream", |b| {
        let mut framer = StreamFramer::new(limits.clone());
        b.iter(|| {
            framer.push(black_box(INVITE));
            framer.pull()
        });
    });
}

fn writing(c: &mut Criterion) {
    let limits = Limits::default();
    let request = parse(&Bytes::from_static(INVITE), &limits);
    let answer = Bytes::from_static(&INVITE[INVITE.len() - 179..]);
    let contact = NameAddrSpec::new("sip:192.0.2.10:5060");

    c.bench_function("write 100", |b| {
        b.iter(|| ResponseBuilder::to_request(black_box(&request), StatusCode::TRYING).build());
    });
    c.bench_function("write 200 with SDP", |b| {
        b.iter(|| {
            ResponseBuilder::to_request(black_box(&request), StatusCode::OK)
                .to_tag("b7cq2xk5mzn4a")
                .contact(&contact)
                .header(HeaderName::Allow, "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO")
                .body("application/sdp", answer.clone())
                .build()
        });
    });
    let refusal = ResponseBuilder::to_request(&request, StatusCode::BUSY_HERE).to_tag("b7").build();
    let Ok(refusal) = refusal else { panic!("the example response cannot be written") };
    c.bench_function("write ACK to a refusal", |b| b.iter(|| build_ack(black_box(&request), &refusal)));
    let in_dialog = InDialog {
        via: ViaSpec {
            transport: Transport::Udp,
            host: "192.0.2.10",
            port: Some(5060),
            branch: "z9hG4bKb7cq2xk5mzn4a",
            rport: true,
        },
        local: NameAddrSpec::new("sip:echo@192.0.2.10:5060").with_tag("b7cq2xk5mzn4a"),
        remote: NameAddrSpec::new("sip:alice@192.0.2.77:5071").with_tag("2390SIPpTag0017"),
        call_id: "17-2390@192.0.2.77",
        sequence: 2,
        remote_target: "sip:alice@192.0.2.77:5071;transport=udp",
        route_set: &[String::from("<sip:proxy.example.com;lr>")],
        max_forwards: 70,
    };
    c.bench_function("write BYE in a dialog", |b| {
        b.iter(|| black_box(&in_dialog).request(&Method::Bye).build())
    });
    let from = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 78));
    c.bench_function("received and rport into the top Via", |b| {
        b.iter(|| black_box(&request).with_received(from, 5071));
    });
}

criterion_group!(benches, reading, writing);
criterion_main!(benches);
