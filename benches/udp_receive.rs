//! CPU time per received datagram, measured on the receiving thread: ours, up to the shard's hands, beside a plain loop
//! over tokio's `recv_from`. Prints a table; `cargo bench --bench udp_receive`.
//!
//! Each run has its own socket, its own receiving thread and a sender that keeps the pace named. Thread CPU time holds
//! everything the receiver costs, the kernel's part of it included. Runs of the rows alternate and the lower quartile
//! is told, so that what else the machine does harms all rows alike, and little.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use callplane::ground::{Flow, ListenerId, Placement, Transport};
use callplane::sip::Limits;
use callplane::transport::{
    Arrival, Bound, Counters, Dispatcher, Ingress, LaneBounds, Listener, Notice, Received, Refused, Settings,
    ShardQueue, bind,
};
use rustix::time::{ClockId, clock_gettime};

/// How long each run is measured, and how many runs each row has.
const MEASURED: Duration = Duration::from_millis(400);
const RUNS: usize = 9;

/// An INVITE with an offer, as a phone sends it.
const INVITE: &str = "INVITE sip:bob@192.0.2.4 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKnashds8;rport\r\n\
    Max-Forwards: 70\r\nFrom: \"Alice\" <sip:alice@192.0.2.1>;tag=1928301774\r\nTo: Bob <sip:bob@192.0.2.4>\r\n\
    Call-ID: a84b4c76e66710@192.0.2.1\r\nCSeq: 314159 INVITE\r\nContact: <sip:alice@192.0.2.1:5060>\r\n\
    Allow: INVITE, ACK, BYE, CANCEL, OPTIONS\r\nContent-Type: application/sdp\r\nContent-Length: 139\r\n\r\n\
    v=0\r\no=- 0 0 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0 8 101\r\n\
    a=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n";

#[derive(Clone, Copy)]
enum Receiver {
    /// `recv_from`, one copy into `Bytes`, the same value handed up, no look at what came.
    Plain,
    /// Our receiver, handing up to something that only counts.
    Ours,
    /// Our receiver, dispatcher and queue, and the shard's side of it on the same thread.
    OursToShard,
}

fn main() {
    let garbage = [0x80_u8; 400];
    println!("{:<48} {:>10} {:>12}", "receiver", "datagrams", "CPU ns each");
    for (pace, rate) in [("2,000/s", 2_000), ("20,000/s", 20_000), ("flat out", u64::MAX)] {
        let rows = [
            ("tokio recv_from, INVITE", Receiver::Plain, INVITE.as_bytes()),
            ("ours, INVITE", Receiver::Ours, INVITE.as_bytes()),
            ("ours to the shard's hands, INVITE", Receiver::OursToShard, INVITE.as_bytes()),
            ("tokio recv_from, garbage", Receiver::Plain, &garbage),
            ("ours, garbage", Receiver::Ours, &garbage),
        ];
        let mut runs = rows.map(|_| Vec::new());
        for _ in 0..RUNS {
            for (&(_, receiver, payload), runs) in rows.iter().zip(&mut runs) {
                runs.push(measure(receiver, payload, rate));
            }
        }
        for ((name, ..), runs) in rows.iter().zip(&mut runs) {
            let datagrams: u64 = runs.iter().map(|run| run.datagrams).sum();
            runs.sort_by(|a, b| a.each().total_cmp(&b.each()));
            let each = runs[RUNS / 4].each();
            println!("{:<48} {datagrams:>10} {each:>12.0}", format!("{name}, {pace}"));
        }
    }
}

struct Run {
    datagrams: u64,
    cpu: Duration,
}

impl Run {
    fn each(&self) -> f64 {
        self.cpu.as_nanos() as f64 / self.datagrams as f64
    }
}

/// Runs a receiver on a thread of its own while a sender sends; both stop after [`MEASURED`].
fn measure(receiver: Receiver, payload: &[u8], rate: u64) -> Run {
    let (socket, address) = open(receiver);
    let (told, stop) = tokio::sync::oneshot::channel();
    let receiving = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let begin = thread_cpu();
            let counters = Arc::<Counters>::default();
            // Spawned, as a driver's tasks are: to wake the one that block_on runs costs a system call.
            tokio::spawn(receive(receiver, socket, Arc::clone(&counters)));
            let _ = stop.await;
            Run { cpu: thread_cpu().saturating_sub(begin), datagrams: counters.snapshot().datagrams_in }
        })
    });
    send(address, payload, rate);
    told.send(()).unwrap();
    receiving.join().unwrap()
}

enum Socket {
    Std(UdpSocket),
    Bound(Box<Bound>),
}

fn open(receiver: Receiver) -> (Socket, SocketAddr) {
    let listener = Listener {
        id: ListenerId(0),
        transport: Transport::Udp,
        bind: "127.0.0.1:0".parse().unwrap(),
        advertised_host: None,
        advertised_port: None,
    };
    let bound = bind(Settings { listeners: vec![listener], ..Settings::default() }).unwrap();
    if !matches!(receiver, Receiver::Plain) {
        let address = bound.local_address(ListenerId(0)).unwrap();
        return (Socket::Bound(Box::new(bound)), address);
    }
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket2::SockRef::from(&socket).set_recv_buffer_size(4 << 20).unwrap();
    socket.set_nonblocking(true).unwrap();
    let address = socket.local_addr().unwrap();
    (Socket::Std(socket), address)
}

async fn receive(receiver: Receiver, socket: Socket, counters: Arc<Counters>) {
    match (receiver, socket) {
        (Receiver::Plain, Socket::Std(socket)) => plain(socket, &counters).await,
        (Receiver::Ours, Socket::Bound(bound)) => ours(*bound, Arc::new(Nobody), counters).await,
        (Receiver::OursToShard, Socket::Bound(bound)) => {
            let placement = Placement::new([1, 2], 1);
            let (dispatcher, queues) =
                Dispatcher::new(placement, &LaneBounds::default(), Arc::clone(&counters));
            queues.into_iter().for_each(|queue| drop(tokio::spawn(shard(queue))));
            ours(*bound, Arc::new(dispatcher), counters).await;
        }
        _ => unreachable!("each receiver opens its own kind of socket"),
    }
}

async fn plain(socket: UdpSocket, counters: &Counters) {
    let socket = tokio::net::UdpSocket::from_std(socket).unwrap();
    let mut room = vec![0; 65_535];
    loop {
        let (length, remote) = socket.recv_from(&mut room).await.unwrap();
        let flow = Flow { transport: Transport::Udp, listener: ListenerId(0), remote, connection: None };
        let bytes = Bytes::copy_from_slice(&room[..length]);
        let _ = Nobody.deliver(Received { bytes, flow, at: Instant::now() });
        counters.datagrams_in.fetch_add(1, Relaxed);
    }
}

async fn ours<I: Ingress + 'static>(bound: Bound, ingress: Arc<I>, counters: Arc<Counters>) {
    let runtime = tokio::runtime::Handle::current();
    let started =
        bound.start(Limits::default(), Arc::clone(&ingress) as Arc<dyn Ingress>, counters, &runtime);
    let (_transports, mut receivers) = started.unwrap();
    receivers.pop().unwrap().run(ingress).await.unwrap();
}

async fn shard(mut queue: ShardQueue) {
    let mut batch: Vec<Arrival> = Vec::new();
    loop {
        queue.recv_batch(&mut batch, 64).await;
        std::hint::black_box(&batch);
        batch.clear();
    }
}

struct Nobody;

impl Ingress for Nobody {
    fn deliver(&self, message: Received) -> Result<(), Refused> {
        std::hint::black_box(message);
        Ok(())
    }

    fn notify(&self, _: Notice) {}
}

/// Sends at a pace, in bursts no shorter than a short sleep; flat out is as fast as the kernel takes it.
fn send(to: SocketAddr, payload: &[u8], rate: u64) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let begin = Instant::now();
    let mut sent = 0_u64;
    while begin.elapsed() < MEASURED {
        let due =
            if rate == u64::MAX { sent + 64 } else { begin.elapsed().as_micros() as u64 * rate / 1_000_000 };
        while sent < due {
            let _ = socket.send_to(payload, to);
            sent += 1;
        }
        if rate != u64::MAX {
            thread::sleep(Duration::from_micros(20));
        }
    }
    thread::sleep(Duration::from_millis(50));
}

fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
