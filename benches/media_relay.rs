//! What a relayed packet costs, beside a bare UDP echo: the same sockets, the same spacing, in one run.
//!
//! A generator thread is the phones: one socket for each stream, one packet for each every 20 ms, evenly spread. The
//! echo is one thread with one epoll, `recvfrom` and `sendto` for each packet; the relay is a media worker with
//! bridges of two. Both are measured by their thread's own CPU time. Rounds alternate, so that what else the machine
//! does meets both alike. At the end: what an endpoint costs to negotiate, commit and close.
//!
//! `cargo bench --bench media_relay [-- BRIDGES [SECONDS]]`

use std::mem::MaybeUninit;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use callplane::media::service::{MediaNode, start};
use callplane::media::{MediaSettings, grpc};
use callplane::proto::media::v1 as proto;
use callplane::proto::media::v1::control_item::Item;
use callplane::proto::media::v1::reply::Result as Outcome;
use callplane::proto::media::v1::request::Operation;
use rustix::event::epoll;
use rustix::net::{RecvFlags, SendFlags, recvfrom, sendto};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

const FRAME: Duration = Duration::from_millis(20);
const ROUNDS: usize = 3;

fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let bridges = numbers.first().copied().unwrap_or(200);
    let seconds = Duration::from_secs(numbers.get(1).copied().unwrap_or(4) as u64);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    println!("{bridges} bridges of two, {} packets a second, {ROUNDS} rounds of {seconds:?}", bridges * 100);
    let (mut echoes, mut relays) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        echoes.push(bare_echo(bridges * 2, seconds));
        relays.push(runtime.block_on(relay(bridges, seconds)));
    }
    let (echo, relay) = (mean(&echoes), mean(&relays));
    println!("bare UDP echo     {echo:7.0} ns of CPU per packet   {echoes:.0?}");
    println!("relayed packet    {relay:7.0} ns of CPU per packet   {relays:.0?}");
    println!("ratio             {:7.2}", relay / echo);
    runtime.block_on(control(2000));
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Phones: sockets that send a packet each every 20 ms to their peers, and read what comes.
struct Phones {
    sockets: Vec<UdpSocket>,
}

impl Phones {
    fn new(count: usize) -> Self {
        let socket = |_| {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_nonblocking(true).unwrap();
            socket
        };
        Self { sockets: (0..count).map(socket).collect() }
    }

    /// Sends and receives until told to stop. Returns how many packets came back.
    fn run(&self, peers: &[SocketAddr], stop: &AtomicBool) -> u64 {
        let streams = self.sockets.len();
        let step = FRAME / streams as u32;
        let mut packet = [0_u8; 172];
        packet[0] = 0x80;
        let (mut came, mut buffer) = (0, [0; 2048]);
        let began = Instant::now();
        for number in 0_u64.. {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let stream = (number % streams as u64) as usize;
            let turn = (number / streams as u64) as u32;
            packet[2..4].copy_from_slice(&(turn as u16).to_be_bytes());
            packet[4..8].copy_from_slice(&(turn * 160).to_be_bytes());
            packet[8..12].copy_from_slice(&(stream as u32).to_be_bytes());
            while self.sockets[stream].recv(&mut buffer).is_ok() {
                came += 1;
            }
            let _ = self.sockets[stream].send_to(&packet, peers[stream]);
            let due = step * (number + 1) as u32;
            let wait = due.saturating_sub(began.elapsed());
            if wait > Duration::ZERO {
                std::thread::sleep(wait);
            }
        }
        came
    }
}

/// CPU nanoseconds that a thread of this process has used, by its id.
fn cpu_of(thread: &str) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).unwrap();
    stat.split(' ').next().unwrap().parse().unwrap()
}

/// The id of the thread of this name, as soon as it has it.
fn thread_named(name: &str) -> String {
    loop {
        let mut tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
        let is_named =
            |path: std::path::PathBuf| std::fs::read_to_string(path).is_ok_and(|comm| comm.trim() == name);
        if let Some(found) = tasks.find(|task| is_named(task.path().join("comm"))) {
            return found.file_name().into_string().unwrap();
        }
        std::thread::yield_now();
    }
}

/// Runs the phones against something, and returns its thread's CPU per packet that it took in.
fn measure(
    phones: &Phones,
    peers: &[SocketAddr],
    seconds: Duration,
    thread: &str,
    taken: impl Fn() -> u64,
) -> f64 {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let running = scope.spawn(|| phones.run(peers, &stop));
        std::thread::sleep(Duration::from_millis(500));
        let (cpu, packets) = (cpu_of(thread), taken());
        std::thread::sleep(seconds);
        let (cpu, packets) = (cpu_of(thread) - cpu, taken() - packets);
        stop.store(true, Ordering::Relaxed);
        let came = running.join().unwrap();
        let wanted = peers.len() as f64 * seconds.as_secs_f64() * 50.0;
        assert!(packets as f64 > wanted * 0.9, "only {packets} of {wanted} packets were carried");
        assert!(came as f64 > wanted * 0.9, "only {came} packets came back");
        cpu as f64 / packets as f64
    })
}

fn bare_echo(streams: usize, seconds: Duration) -> f64 {
    let sockets: Vec<UdpSocket> = Phones::new(streams).sockets;
    let peers: Vec<SocketAddr> = sockets.iter().map(|socket| socket.local_addr().unwrap()).collect();
    let stop = Arc::new(AtomicBool::new(false));
    let taken = Arc::new(AtomicU64::new(0));
    let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&taken));
    let echo = std::thread::Builder::new().name("bare-echo".into());
    let echo = echo.spawn(move || echo_loop(&sockets, &stopped, &counted)).unwrap();
    let thread = thread_named("bare-echo");
    let cost = measure(&Phones::new(streams), &peers, seconds, &thread, || taken.load(Ordering::Relaxed));
    stop.store(true, Ordering::Relaxed);
    echo.join().unwrap();
    cost
}

fn echo_loop(sockets: &[UdpSocket], stop: &AtomicBool, taken: &AtomicU64) {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    for (place, socket) in sockets.iter().enumerate() {
        epoll::add(&epoll, socket, epoll::EventData::new_u64(place as u64), epoll::EventFlags::IN).unwrap();
    }
    let timeout = rustix::time::Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    let mut buffer = [0_u8; 2048];
    while !stop.load(Ordering::Relaxed) {
        let mut room = [MaybeUninit::uninit(); 256];
        let Ok((events, _)) = epoll::wait(&epoll, &mut room[..], Some(&timeout)) else { continue };
        for event in events {
            let socket = &sockets[event.data.u64() as usize];
            let Ok((length, _, Some(from))) = recvfrom(socket, &mut buffer, RecvFlags::empty()) else {
                continue;
            };
            let _ = sendto(socket, &buffer[..length], SendFlags::empty(), &from);
            taken.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn node(pairs: usize) -> MediaNode {
    start(&MediaSettings {
        bind_ipv4: Some(std::net::Ipv4Addr::LOCALHOST),
        rtp_port_min: 20_000,
        rtp_port_max: 20_000 + 2 * pairs as u16,
        workers: 1,
        port_rest_ms: 0,
        ..MediaSettings::default()
    })
    .unwrap()
}

async fn relay(bridges: usize, seconds: Duration) -> f64 {
    let node = node(bridges * 2 + 16);
    let mut client = Client::open(&node).await;
    let phones = Phones::new(bridges * 2);
    let mut peers = Vec::new();
    for bridge in 0..bridges {
        client.ask(create_bridge(bridge)).await;
        for place in [bridge * 2, bridge * 2 + 1] {
            let port = phones.sockets[place].local_addr().unwrap().port();
            let Outcome::Negotiated(negotiated) = client.ask(negotiate(place, port)).await else { panic!() };
            peers.push(negotiated.facts.unwrap().local_address.parse().unwrap());
            client.ask(commit(place)).await;
            client.ask(add_member(bridge, place)).await;
        }
    }
    let thread = thread_named("media-0");
    measure(&phones, &peers, seconds, &thread, || node.snapshot().workers[0].received)
}

/// A stream to a node in this process.
struct Client {
    requests: mpsc::Sender<proto::ControlRequest>,
    responses: tonic::Streaming<proto::ControlResponse>,
    next_id: u64,
}

impl Client {
    async fn open(node: &MediaNode) -> Self {
        let (requests, receiver) = mpsc::channel(16);
        let hello =
            Operation::Hello(proto::Hello { owner: "bench".into(), incarnation: 1, events_through: 0 });
        let request = proto::Request { id: 0, operation: Some(hello) };
        requests.send(proto::ControlRequest { requests: vec![request] }).await.unwrap();
        let mut client = grpc::inprocess::client(&node.service);
        let mut responses = client.control(ReceiverStream::new(receiver)).await.unwrap().into_inner();
        responses.message().await.unwrap().unwrap();
        Self { requests, responses, next_id: 1 }
    }

    async fn ask(&mut self, operation: Operation) -> Outcome {
        let id = self.next_id;
        self.next_id += 1;
        let request = proto::Request { id, operation: Some(operation) };
        self.requests.send(proto::ControlRequest { requests: vec![request] }).await.unwrap();
        loop {
            for item in self.responses.message().await.unwrap().unwrap().items {
                if let Some(Item::Reply(proto::Reply { id: of, result: Some(result) })) = item.item
                    && of == id
                {
                    assert!(!matches!(result, Outcome::Failure(_)), "{result:?}");
                    return result;
                }
            }
        }
    }
}

fn negotiate(endpoint: usize, port: u16) -> Operation {
    let offer = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"
    );
    Operation::Negotiate(proto::Negotiate {
        endpoint_id: format!("endpoint-{endpoint}"),
        create: Some(proto::EndpointSettings::default()),
        generation: 1,
        step: Some(proto::negotiate::Step::AnswerOffer(proto::AnswerOffer { offer: offer.into() })),
        ..proto::Negotiate::default()
    })
}

fn commit(endpoint: usize) -> Operation {
    let endpoint_id = format!("endpoint-{endpoint}");
    Operation::Commit(proto::Commit { endpoint_id, generation: 1, remote: String::new() })
}

fn create_bridge(bridge: usize) -> Operation {
    let mode = proto::BridgeMode::Relay.into();
    Operation::CreateBridge(proto::CreateBridge {
        bridge_id: format!("bridge-{bridge}"),
        mode,
        affinity: String::new(),
    })
}

fn add_member(bridge: usize, endpoint: usize) -> Operation {
    let (bridge_id, endpoint_id) = (format!("bridge-{bridge}"), format!("endpoint-{endpoint}"));
    Operation::AddMember(proto::AddMember { bridge_id, endpoint_id })
}

/// CPU microseconds that this process has used, all its threads together.
fn cpu_of_process() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

/// What an endpoint costs, asked one by one: client, service and worker together.
async fn control(endpoints: usize) {
    let node = node(64);
    let mut client = Client::open(&node).await;
    for endpoint in 0..100 {
        whole_life(&mut client, endpoint, &mut [0.0; 3], &mut Vec::new()).await;
    }
    let (mut cpu, mut took) = ([0.0; 3], Vec::new());
    for endpoint in 0..endpoints {
        whole_life(&mut client, endpoint, &mut cpu, &mut took).await;
    }
    took.sort_unstable();
    let per = |total: f64| total / endpoints as f64;
    println!("negotiate         {:7.1} us of CPU, all threads together", per(cpu[0]));
    println!("commit            {:7.1} us of CPU", per(cpu[1]));
    println!("close             {:7.1} us of CPU", per(cpu[2]));
    println!(
        "negotiate+commit  {:7.1} us of CPU; {:?} median, {:?} at 99 %",
        per(cpu[0] + cpu[1]),
        took[endpoints / 2],
        took[endpoints * 99 / 100]
    );
}

async fn whole_life(client: &mut Client, endpoint: usize, cpu: &mut [f64; 3], took: &mut Vec<Duration>) {
    let began = Instant::now();
    let mut before = cpu_of_process();
    let close =
        Operation::CloseEndpoint(proto::CloseEndpoint { endpoint_id: format!("endpoint-{endpoint}") });
    for (place, operation) in [negotiate(endpoint, 4000), commit(endpoint), close].into_iter().enumerate() {
        client.ask(operation).await;
        let after = cpu_of_process();
        cpu[place] += after - before;
        before = after;
        if place == 1 {
            took.push(began.elapsed());
        }
    }
}
