//! A fabric under virtual time with phones around it.

mod bridging;
mod clicks;
mod consent;
mod describing;
mod digits;
mod loops;
mod naming;
mod pacing;
mod playing;
mod timeouts;
mod walk;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{
    Ask, BridgeKey, BridgeMode, Described, EndpointKey, EndpointSettings, Event, FRAME, Fabric,
    FabricSettings, Failure, Frame, Intent, SAMPLE_RATE_HZ, Safeguards, Signaled, Standpoint, Step, Wire,
};
use crate::codec::{Codec, Decoder, Encoder, Tone, goertzel_power, mean_square};
use crate::ground::{Instant, Random};
use crate::rtp::{HEADER_BYTES, Header, PacketView};
use crate::sdp::Direction;

/// How long silence may last before an endpoint tells.
pub const RTP_TIMEOUT: Duration = Duration::from_secs(30);

/// Where endpoints are, each on a port of its own from 20002 on.
pub const OUR_IP: [u8; 4] = [198, 51, 100, 1];

/// A packet that left.
#[derive(Clone, Debug)]
pub struct Sent {
    pub at: Instant,
    pub from: EndpointKey,
    pub to: SocketAddr,
    pub bytes: Vec<u8>,
}

impl Sent {
    pub fn header(&self) -> Header {
        PacketView::parse(&self.bytes).unwrap().header()
    }

    pub fn payload(&self) -> &[u8] {
        PacketView::parse(&self.bytes).unwrap().payload()
    }
}

#[derive(Default)]
pub struct Recorder {
    now: Instant,
    pub sent: Vec<Sent>,
}

impl Wire for Recorder {
    fn send(&mut self, from: EndpointKey, to: SocketAddr, packet: &[u8]) -> bool {
        self.sent.push(Sent { at: self.now, from, to, bytes: packet.to_vec() });
        true
    }
}

/// A phone: where it is, and what it says next.
#[derive(Clone, Debug)]
pub struct Phone {
    pub endpoint: EndpointKey,
    pub address: SocketAddr,
    pub codec: Codec,
    pub header: Header,
    tone: Option<Tone>,
}

/// The fabric, the clock and the wire.
pub struct Exchange {
    pub fabric: Fabric,
    pub now: Instant,
    /// What is known of the peers whose descriptions come next.
    pub peer: Signaled,
    pub safeguards: Arc<Safeguards>,
    pub recorder: Recorder,
    phones: u16,
    opened: u16,
}

/// The description of a phone.
pub fn description(address: SocketAddr, formats: &str, more: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP {formats}\r\n\
         a=rtpmap:101 telephone-event/8000\r\n{more}",
        ip = address.ip(),
        port = address.port()
    )
}

pub fn intent(direction: Direction) -> Intent {
    Intent { direction, codecs: Codec::ALL.to_vec(), sources: None }
}

impl Exchange {
    pub fn new() -> Self {
        let settings = FabricSettings { endpoints_max: 100, bridges_max: 10 };
        Self {
            fabric: Fabric::new(settings, Random::from_key([1, 2])),
            now: Instant::from_millis(10_000),
            peer: Signaled::default(),
            safeguards: Arc::new(Safeguards::new(20_000, 29_999)),
            recorder: Recorder::default(),
            phones: 0,
            opened: 0,
        }
    }

    pub fn open(&mut self) -> EndpointKey {
        self.opened += 1;
        let settings = EndpointSettings {
            id: format!("e{}", self.fabric.endpoints()).into(),
            owner: 7,
            local: SocketAddr::from((OUR_IP, 20_000 + self.opened * 2)),
            standpoint: Standpoint {
                bind: std::net::Ipv4Addr::UNSPECIFIED.into(),
                rests_until: Instant::ZERO,
            },
            rtp_timeout: RTP_TIMEOUT,
            safeguards: Arc::clone(&self.safeguards),
        };
        self.fabric.open(settings).unwrap()
    }

    /// Answers an offer and puts the answer into force.
    pub fn answer(
        &mut self,
        endpoint: EndpointKey,
        generation: u64,
        offer: &str,
        direction: Direction,
    ) -> Described {
        let described =
            self.negotiate(endpoint, generation, "", direction, Step::AnswerOffer(offer.to_owned().into()));
        self.fabric.commit(endpoint, generation, "", self.now).unwrap();
        described.unwrap()
    }

    pub fn negotiate(
        &mut self,
        endpoint: EndpointKey,
        generation: u64,
        remote: &str,
        direction: Direction,
        step: Step,
    ) -> Result<Described, Failure> {
        let ask = Ask {
            generation,
            remote: remote.into(),
            intent: intent(direction),
            peer: self.peer,
            site: None,
            step,
        };
        self.fabric.negotiate(endpoint, ask)
    }

    /// A phone that called and was answered.
    pub fn phone(&mut self, formats: &str, more: &str) -> Phone {
        self.phones += 1;
        let address = SocketAddr::from(([192, 0, 2, 1], 30_000 + self.phones * 2));
        let endpoint = self.open();
        self.answer(endpoint, 1, &description(address, formats, more), Direction::SendRecv);
        let payload_type = formats.split(' ').next().unwrap().parse().unwrap();
        let header = Header {
            marker: false,
            payload_type,
            sequence: 65_530,
            timestamp: u32::MAX - 1000,
            ssrc: u32::from(self.phones),
        };
        let codec = Codec::from_static_payload_type(payload_type).unwrap();
        Phone { endpoint, address, codec, header, tone: None }
    }

    /// Phones that speak both laws, with telephone events.
    pub fn phones<const N: usize>(&mut self) -> [Phone; N] {
        std::array::from_fn(|_| self.phone("0 8 101", ""))
    }

    pub fn bridge(&mut self, mode: BridgeMode, members: &[&Phone]) -> BridgeKey {
        let bridge = self.fabric.create_bridge("b".into(), 7, mode).unwrap();
        for member in members {
            self.fabric.add_member(bridge, member.endpoint, self.now).unwrap();
        }
        bridge
    }

    /// A datagram comes to an endpoint.
    pub fn receive(&mut self, endpoint: EndpointKey, from: SocketAddr, datagram: &mut [u8]) {
        self.recorder.now = self.now;
        self.fabric.received(endpoint, datagram, from, self.now, &mut self.recorder);
    }

    /// A phone sends a payload.
    pub fn say(&mut self, phone: &mut Phone, payload: &[u8]) {
        let mut packet = vec![0; HEADER_BYTES];
        phone.header.write(&mut packet).unwrap();
        packet.extend(payload);
        phone.header.sequence = phone.header.sequence.wrapping_add(1);
        phone.header.timestamp = phone.header.timestamp.wrapping_add(payload.len() as u32);
        self.receive(phone.endpoint, phone.address, &mut packet);
    }

    /// Time passes; the fabric is woken when it asked to be.
    pub fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.fabric.poll_timeout().filter(|&at| at <= until) {
            self.now = self.now.max(at);
            self.recorder.now = self.now;
            self.fabric.handle_timeout(self.now, &mut self.recorder);
        }
        self.now = until;
    }

    /// For so many frames, every phone with a tone says 20 ms of it each 20 ms.
    pub fn talk(&mut self, phones: &mut [&mut Phone], frames: usize) {
        for _ in 0..frames {
            for phone in phones.iter_mut() {
                let Some(tone) = &mut phone.tone else { continue };
                let (mut frame, mut payload): (Frame, _) = ([0; 160], [0; 160]);
                tone.fill(&mut frame);
                Encoder::new(phone.codec).encode(&frame, &mut payload).unwrap();
                self.say(phone, &payload);
            }
            self.pass(FRAME);
        }
    }

    /// What left since the last look.
    pub fn sent(&mut self) -> Vec<Sent> {
        std::mem::take(&mut self.recorder.sent)
    }

    pub fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.fabric.poll_output()).map(|output| output.event).collect()
    }
}

impl Phone {
    pub fn with_tone(mut self, frequency_hz: f64) -> Self {
        self.tone = Some(Tone::new(frequency_hz, 8000, SAMPLE_RATE_HZ).unwrap());
        self
    }

    /// The packets of these that went to this phone.
    pub fn received<'a>(&self, sent: &'a [Sent]) -> Vec<&'a Sent> {
        sent.iter().filter(|packet| packet.to == self.address).collect()
    }

    /// What the phone heard, as samples, whatever the law.
    pub fn heard(&self, sent: &[Sent]) -> Vec<i16> {
        decode(&self.received(sent))
    }
}

/// The samples of packets of G.711.
pub fn decode(packets: &[&Sent]) -> Vec<i16> {
    let mut heard = Vec::new();
    for packet in packets {
        let codec = Codec::from_static_payload_type(packet.header().payload_type).unwrap();
        let mut samples = [0; 1000];
        let count = Decoder::new(codec).decode(packet.payload(), &mut samples).unwrap();
        heard.extend(&samples[..count]);
    }
    heard
}

/// How much of a signal is at a frequency: 1 when all of it is.
pub fn share(samples: &[i16], frequency_hz: f64) -> f64 {
    goertzel_power(samples, SAMPLE_RATE_HZ, frequency_hz) / mean_square(samples).max(1.0)
}

/// Checks that packets make one stream: one SSRC, sequence numbers without a hole, timestamps that never go back.
pub fn assert_continuous(packets: &[&Sent]) {
    for pair in packets.windows(2) {
        let (before, after) = (pair[0].header(), pair[1].header());
        assert_eq!(after.ssrc, before.ssrc);
        assert_eq!(after.sequence, before.sequence.wrapping_add(1));
        let step = after.timestamp.wrapping_sub(before.timestamp);
        assert!(step < 1 << 31, "the timestamp went back from {} to {}", before.timestamp, after.timestamp);
    }
}
