//! A phone: a real socket, a thread that talks every 20 ms by absolute deadlines and writes down what it hears.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use callplane::codec::{Codec, Decoder, Encoder, Tone, goertzel_power, mean_square};
use callplane::rtp::telephone_event::DigitSender;
use callplane::rtp::{HEADER_BYTES, Header, PacketView};

const FRAME: Duration = Duration::from_millis(20);

/// A packet that came.
#[derive(Clone, Debug)]
pub struct Heard {
    pub at: Instant,
    pub header: Header,
    pub payload: Vec<u8>,
}

#[derive(Default)]
struct Shared {
    heard: Mutex<Vec<Heard>>,
    said: AtomicUsize,
    stop: AtomicBool,
}

/// The phone.
pub struct Phone {
    pub name: String,
    socket: UdpSocket,
    /// The endpoint's address.
    pub peer: Option<SocketAddr>,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Phone {
    pub fn new(name: &str) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let shared = Arc::new(Shared::default());
        let (listening, state) = (socket.try_clone().unwrap(), Arc::clone(&shared));
        let listener = std::thread::spawn(move || listen(&listening, &state));
        Self { name: name.into(), socket, peer: None, shared, threads: vec![listener] }
    }

    /// Its description: PCMU and PCMA with telephone events, and these lines of the audio.
    pub fn description(&self, lines: &str) -> String {
        let port = self.socket.local_addr().unwrap().port();
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n{lines}"
        )
    }

    /// Begins to say a tone.
    pub fn talk(&mut self, frequency_hz: f64) {
        let socket = self.socket.try_clone().unwrap();
        let (state, peer) = (Arc::clone(&self.shared), self.peer.unwrap());
        let thread = std::thread::spawn(move || talk(&socket, peer, frequency_hz, &state));
        self.threads.push(thread);
    }

    /// Presses a key: its packets, 20 ms apart. For a phone that does not talk.
    pub fn press(&self, digit: char) {
        let mut sender = DigitSender::new(digit, 800).unwrap();
        while let Some(packet) = sender.next_packet(160) {
            let header = Header {
                marker: packet.begins,
                payload_type: 101,
                sequence: self.shared.said.fetch_add(1, Ordering::AcqRel) as u16,
                timestamp: 5000 + u32::from(digit as u8) * 8000,
                ssrc: 4711,
            };
            self.send(&header, &packet.event.to_bytes());
            std::thread::sleep(FRAME);
        }
    }

    pub fn send(&self, header: &Header, payload: &[u8]) {
        let mut packet = vec![0; HEADER_BYTES];
        header.write(&mut packet).unwrap();
        packet.extend(payload);
        self.socket.send_to(&packet, self.peer.unwrap()).unwrap();
    }

    /// How many packets it has heard.
    pub fn count(&self) -> usize {
        self.shared.heard.lock().unwrap().len()
    }

    /// How many packets it has said.
    pub fn said(&self) -> usize {
        self.shared.said.load(Ordering::Acquire)
    }

    /// Forgets what it heard.
    pub fn clear(&self) {
        self.shared.heard.lock().unwrap().clear();
    }

    pub fn heard(&self) -> Vec<Heard> {
        self.shared.heard.lock().unwrap().clone()
    }

    /// What it heard, by stream.
    pub fn streams(&self) -> BTreeMap<u32, Vec<Heard>> {
        let mut streams = BTreeMap::<u32, Vec<Heard>>::new();
        for packet in self.heard() {
            streams.entry(packet.header.ssrc).or_default().push(packet);
        }
        streams
    }

    /// How much of what it heard is at a frequency: 1 when all of it is.
    pub fn hears(&self, frequency_hz: f64) -> f64 {
        share(&self.heard(), frequency_hz)
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
    }
}

fn listen(socket: &UdpSocket, state: &Shared) {
    let mut buffer = [0; 2048];
    while !state.stop.load(Ordering::Acquire) {
        let Ok(length) = socket.recv(&mut buffer) else { continue };
        let Ok(packet) = PacketView::parse(&buffer[..length]) else { panic!("no RTP came") };
        let heard = Heard { at: Instant::now(), header: packet.header(), payload: packet.payload().to_vec() };
        state.heard.lock().unwrap().push(heard);
    }
}

fn talk(socket: &UdpSocket, peer: SocketAddr, frequency_hz: f64, state: &Shared) {
    let mut tone = Tone::new(frequency_hz, 8000, 8000).unwrap();
    let mut encoder = Encoder::new(Codec::Pcmu);
    let mut header =
        Header { marker: true, payload_type: 0, sequence: 1, timestamp: 7, ssrc: frequency_hz as u32 };
    let mut deadline = Instant::now();
    while !state.stop.load(Ordering::Acquire) {
        let (mut samples, mut packet) = ([0; 160], [0; HEADER_BYTES + 160]);
        tone.fill(&mut samples);
        header.write(&mut packet).unwrap();
        encoder.encode(&samples, &mut packet[HEADER_BYTES..]).unwrap();
        socket.send_to(&packet, peer).unwrap();
        state.said.fetch_add(1, Ordering::AcqRel);
        header = Header {
            marker: false,
            sequence: header.sequence.wrapping_add(1),
            timestamp: header.timestamp.wrapping_add(160),
            ..header
        };
        deadline += FRAME;
        std::thread::sleep(deadline.saturating_duration_since(Instant::now()));
    }
}

/// How much of these packets' audio is at a frequency, looked at in windows of 100 ms: a talker that a busy machine
/// held up breaks the phase, not the frequency.
pub fn share(packets: &[Heard], frequency_hz: f64) -> f64 {
    let mut samples = Vec::new();
    for packet in packets {
        let Some(codec) = Codec::from_static_payload_type(packet.header.payload_type) else { continue };
        let mut decoded = [0; 1000];
        let count = Decoder::new(codec).decode(&packet.payload, &mut decoded).unwrap();
        samples.extend(&decoded[..count]);
    }
    let at_frequency: f64 =
        samples.chunks(800).map(|window| goertzel_power(window, 8000, frequency_hz)).sum();
    let all: f64 = samples.chunks(800).map(mean_square).sum();
    at_frequency / all.max(1.0)
}

/// Checks that packets make one stream without a hole.
pub fn assert_continuous(packets: &[Heard]) {
    for pair in packets.windows(2) {
        assert_eq!(pair[1].header.ssrc, pair[0].header.ssrc);
        assert_eq!(pair[1].header.sequence, pair[0].header.sequence.wrapping_add(1));
    }
}

/// The mean distance of packets in time.
pub fn spacing(packets: &[Heard]) -> Duration {
    let (first, last) = (packets.first().unwrap(), packets.last().unwrap());
    last.at.duration_since(first.at) / (packets.len() as u32 - 1)
}
