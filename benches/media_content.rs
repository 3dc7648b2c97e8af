//! What the pure parts of media cost: descriptions per call, packets and samples per 20 ms, turns of the 20 ms clock.
//!
//! `cargo bench --bench media_content`

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use callplane::codec::{Codec, Concealment, Decoder, Encoder, Tone, mix};
use callplane::ground::{Instant, Random};
use callplane::media::core::{
    self as media, Ask, BridgeMode, EndpointKey, EndpointSettings, Fabric, FabricSettings, PlayOrder,
    PlaySource, Safeguards, Signaled, Standpoint, Step, Wire,
};
use callplane::rtp::{
    BufferLayout, HEADER_BYTES, Header, JitterBuffer, OutgoingStream, PacketView, PacketViewMut, Reception,
    SourceId,
};
use callplane::sdp::{Direction, Intent, LocalMedia, apply_answer, make_answer, make_offer};
use criterion::{Criterion, criterion_group, criterion_main};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What SIPp's `-sn uac` offers.
const SIPP: &[u8] =
    b"v=0\r\no=user1 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
m=audio 6000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";

/// What a desk phone offers.
const PHONE: &[u8] = b"v=0\r\no=- 20518 0 IN IP4 203.0.113.1\r\ns=-\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\n\
m=audio 54400 RTP/AVP 9 0 8 18 97 101\r\na=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
a=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\na=rtpmap:97 iLBC/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
a=fmtp:101 0-16\r\na=ptime:20\r\na=maxptime:150\r\na=sendrecv\r\na=rtcp:54401\r\na=rtcp-fb:* trr-int 4000\r\n";

fn local() -> LocalMedia {
    LocalMedia {
        address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        origin: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        port: 10_000,
        codecs: Codec::ALL.to_vec(),
        telephone_events: true,
        ptime_ms: 20,
        session_id: 4711,
    }
}

fn descriptions(c: &mut Criterion) {
    let (local, intent) = (local(), Intent::default());
    for (name, offer) in [("sipp", SIPP), ("phone", PHONE)] {
        c.bench_function(&format!("make_answer/{name}"), |b| {
            b.iter(|| make_answer(black_box(offer), &local, intent, None).expect("an acceptable offer"));
        });
    }
    let settled = make_answer(PHONE, &local, intent, None).expect("an acceptable offer").negotiated;
    c.bench_function("make_answer/phone again", |b| {
        b.iter(|| {
            make_answer(black_box(PHONE), &local, intent, Some(&settled)).expect("an acceptable offer")
        });
    });
    c.bench_function("make_offer", |b| {
        b.iter(|| make_offer(black_box(&local), intent, None).expect("codecs"))
    });
    let offer = make_offer(&local, intent, None).expect("codecs");
    c.bench_function("apply_answer", |b| {
        b.iter(|| apply_answer(&offer, black_box(SIPP)).expect("a fitting answer"))
    });
}

fn packet() -> [u8; HEADER_BYTES + 160] {
    let mut packet = [0xFF; HEADER_BYTES + 160];
    let header = Header { marker: false, payload_type: 0, sequence: 0, timestamp: 0, ssrc: 7 };
    header.write(&mut packet).expect("there is room");
    packet
}

fn packets(c: &mut Criterion) {
    let mut bytes = packet();
    let (mut out, mut reception) = (OutgoingStream::new(1, 0, 0, 8000), Reception::new(8000));
    let mut n = 0_u32;
    c.bench_function("relay: check, count, rewrite", |b| {
        b.iter(|| {
            n = n.wrapping_add(1);
            let now = Instant::from_millis(u64::from(n) * 20);
            bytes[2..4].copy_from_slice(&(n as u16).to_be_bytes());
            bytes[4..8].copy_from_slice(&n.wrapping_mul(160).to_be_bytes());
            bytes[8..12].copy_from_slice(&7_u32.to_be_bytes());
            let mut packet = PacketViewMut::parse(black_box(&mut bytes)).expect("a packet");
            let header = packet.header();
            black_box(reception.receive(header.sequence, header.timestamp, now));
            out.relay(SourceId(1), &mut packet, 0, now)
        });
    });
    let mut bytes = packet();
    let layout = BufferLayout { payload_bytes_max: 480, depth_packets: 2, depth_packets_max: 8 };
    let mut buffer = JitterBuffer::new(layout);
    let mut n = 0_u16;
    c.bench_function("jitter buffer: insert and pull", |b| {
        b.iter(|| {
            n = n.wrapping_add(1);
            bytes[2..4].copy_from_slice(&n.to_be_bytes());
            buffer.insert(&PacketView::parse(black_box(&bytes)).expect("a packet"));
            black_box(buffer.pull());
        });
    });
}

fn samples(c: &mut Criterion) {
    let mut tone = Tone::new(440.0, 10_000, 8000).expect("a frequency in the band");
    let mut frame = [0; 160];
    c.bench_function("20 ms: tone", |b| b.iter(|| tone.fill(black_box(&mut frame))));
    let mut payload = [0; 160];
    for codec in Codec::ALL {
        let (mut encoder, mut decoder) = (Encoder::new(codec), Decoder::new(codec));
        let name = codec.name();
        c.bench_function(&format!("20 ms: encode {name}"), |b| {
            b.iter(|| encoder.encode(black_box(&frame), &mut payload))
        });
        c.bench_function(&format!("20 ms: decode {name}"), |b| {
            b.iter(|| decoder.decode(black_box(&payload), &mut frame))
        });
    }
    let (mut sum, mut out) = ([0_i32; 160], [0; 160]);
    c.bench_function("20 ms: add one talker", |b| {
        b.iter(|| mix::add(black_box(&mut sum), black_box(&[0; 160])))
    });
    c.bench_function("20 ms: one listener's share", |b| {
        b.iter(|| mix::saturate_without(black_box(&sum), &frame, &mut out));
    });
    let mut concealment = Concealment::new();
    c.bench_function("20 ms: concealment, packet received", |b| {
        b.iter(|| concealment.received(black_box(&mut frame)))
    });
    c.bench_function("20 ms: concealment, packet lost", |b| {
        b.iter(|| {
            concealment.conceal(black_box(&mut frame));
            concealment.received(&mut frame);
        });
    });
}

/// Packets that go nowhere.
struct Nowhere;

impl Wire for Nowhere {
    fn send(&mut self, _: EndpointKey, _: SocketAddr, packet: &[u8]) -> bool {
        black_box(packet);
        true
    }
}

/// A fabric with endpoints whose peers ask for this packet time.
fn carrying(endpoints: usize, ptime: &str) -> (Fabric, Vec<EndpointKey>) {
    let settings = FabricSettings { endpoints_max: endpoints, bridges_max: 1 };
    let mut fabric = Fabric::new(settings, Random::from_key([1, 2]));
    let local = SocketAddr::from(([192, 0, 2, 1], 10_000));
    let standpoint = Standpoint { bind: local.ip(), rests_until: Instant::ZERO };
    let safeguards = Arc::new(Safeguards::default());
    let offer: bytes::Bytes = [PHONE, ptime.as_bytes()].concat().into();
    let keys = (0..endpoints).map(|n| {
        let (id, safeguards) = (n.to_string().into(), Arc::clone(&safeguards));
        let rtp_timeout = Duration::from_secs(30);
        let settings = EndpointSettings { id, owner: 1, local, standpoint, rtp_timeout, safeguards };
        let key = fabric.open(settings).expect("there is room");
        let intent =
            media::Intent { direction: Direction::SendRecv, codecs: Codec::ALL.to_vec(), sources: None };
        let step = Step::AnswerOffer(offer.clone());
        let (remote, peer) = (String::new(), Signaled::default());
        let ask = Ask { generation: 1, remote, intent, peer, site: None, step };
        fabric.negotiate(key, ask).expect("an answer");
        fabric.commit(key, 1, "", Instant::ZERO).expect("in force");
        key
    });
    let keys = keys.collect();
    (fabric, keys)
}

fn clock(c: &mut Criterion) {
    for (name, ptime) in [("20", ""), ("30", "a=ptime:30\r\n")] {
        let (mut fabric, keys) = carrying(500, ptime);
        for key in keys {
            let source = PlaySource::Tone { frequency_hz: 440.0, level_db: -12.0, duration: None };
            let order = PlayOrder { playback: "p".into(), source };
            fabric.play(key, order, Instant::ZERO).expect("a tone");
        }
        turns(c, &format!("20 ms: 500 tones in packets of {name} ms"), fabric);
    }
    let (mut fabric, keys) = carrying(100, "");
    let room = fabric.create_bridge("room".into(), 1, BridgeMode::Mix).expect("a room");
    for key in keys {
        fabric.add_member(room, key, Instant::ZERO).expect("a member");
    }
    turns(c, "20 ms: a silent room of 100", fabric);
}

/// Lets the clock go round, a millisecond at a time.
fn turns(c: &mut Criterion, name: &str, mut fabric: Fabric) {
    let mut millis = 1;
    c.bench_function(name, |b| {
        b.iter(|| {
            for _ in 0..20 {
                millis += 1;
                fabric.handle_timeout(Instant::from_millis(millis), &mut Nowhere);
            }
            while let Some(told) = fabric.poll_output() {
                black_box(told);
            }
        });
    });
}

criterion_group!(benches, descriptions, packets, samples, clock);
criterion_main!(benches);
