//! Transport gives back every file descriptor. Alone in its process, so that the count is its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use callplane::ground::{Flow, ListenerId, Placement, Transport};
use callplane::sip::Limits;
use callplane::transport::{
    Arrival, Counters, Dispatcher, Ingress, LaneBounds, Listener, Notice, SendTag, Settings, ShardQueue,
    Transports, bind,
};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

const PATIENCE: Duration = Duration::from_secs(20);

const OPTIONS: &[u8] =
    b"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP b;branch=z9hG4bK1\r\nFrom: <sip:b>;tag=1\r\n\
    To: <sip:a>\r\nCall-ID: leak\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n";

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn start() -> (Transports, ShardQueue) {
    let listener = |id, transport, bind: &str| Listener {
        id: ListenerId(id),
        transport,
        bind: bind.parse().unwrap(),
        advertised_host: None,
        advertised_port: None,
    };
    let listeners = vec![
        listener(0, Transport::Udp, "127.0.0.1:0"),
        listener(1, Transport::Tcp, "127.0.0.1:0"),
        listener(2, Transport::Udp, "[::1]:0"),
        listener(3, Transport::Tcp, "[::1]:0"),
    ];
    let mut settings = Settings { listeners, ..Settings::default() };
    settings.stream.half_open_time_max = Duration::from_millis(100);
    let counters = Arc::<Counters>::default();
    let (dispatcher, mut queues) =
        Dispatcher::new(Placement::new([1, 2], 1), &LaneBounds::default(), Arc::clone(&counters));
    let dispatcher = Arc::new(dispatcher);
    let runtime = tokio::runtime::Handle::current();
    let ingress = Arc::clone(&dispatcher) as Arc<dyn Ingress>;
    let bound = bind(settings).unwrap();
    let (transports, receivers) = bound.start(Limits::default(), ingress, counters, &runtime).unwrap();
    for receiver in receivers {
        tokio::spawn(receiver.run(Arc::clone(&dispatcher)));
    }
    (transports, queues.pop().unwrap())
}

/// Takes from the queue until so many of `what` came.
async fn wait_for(queue: &mut ShardQueue, mut many: usize, what: impl Fn(&Arrival) -> bool) {
    let mut batch = Vec::new();
    while many > 0 {
        batch.clear();
        tokio::time::timeout(PATIENCE, queue.recv_batch(&mut batch, 64)).await.unwrap();
        many = many.saturating_sub(batch.iter().filter(|arrival| what(arrival)).count());
    }
}

/// One life of transport with every way a connection can go.
async fn live() {
    let (transports, mut queue) = start();
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refusing = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let tag = SendTag { shard: 0, token: 1 };
    let to = |remote: SocketAddr| Flow {
        transport: Transport::Tcp,
        listener: ListenerId(1),
        remote,
        connection: None,
    };
    let mut peers = Vec::new();
    for listener in [1, 3] {
        let address = transports.local_address(ListenerId(listener)).unwrap();
        for _ in 0..50 {
            let mut peer = TcpStream::connect(address).await.unwrap();
            peer.write_all(OPTIONS).await.unwrap();
            peers.push(peer);
            // Half-open ones: they end by themselves.
            peers.push(TcpStream::connect(address).await.unwrap());
        }
    }
    wait_for(&mut queue, 100, |arrival| matches!(arrival, Arrival::Message(_))).await;
    transports.send(tag, &to(server.local_addr().unwrap()), Bytes::from_static(OPTIONS));
    let _opened = server.accept().await.unwrap();
    transports.send(tag, &to(refusing), Bytes::from_static(OPTIONS));
    let mut garbage = TcpStream::connect(transports.local_address(ListenerId(1)).unwrap()).await.unwrap();
    garbage.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    drop(garbage);
    // The half-open ones, the garbage, and the refused opening.
    wait_for(&mut queue, 102, |arrival| {
        matches!(arrival, Arrival::Notice(Notice::FlowDown { .. } | Notice::SendFailed { .. }))
    })
    .await;
    peers.truncate(50);
    tokio::time::timeout(PATIENCE, transports.shutdown()).await.unwrap();
    assert_eq!(transports.counters().connections_open, 0);
}

#[test]
fn a_life_of_transport_leaves_no_descriptor_even_while_the_runtime_lives_on() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // The first life may open what stays: the standard streams' and the runtime's own.
        live().await;
        let before = descriptors();
        for _ in 0..3 {
            live().await;
        }
        // The peers' ends, dropped with their life, and ours.
        let settled = async {
            while descriptors() != before {
                tokio::task::yield_now().await;
            }
        };
        let outcome = tokio::time::timeout(PATIENCE, settled).await;
        assert!(outcome.is_ok(), "{} descriptors where there were {before}", descriptors());
    });
}
