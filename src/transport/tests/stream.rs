//! Stream connections: framing, reuse, opening, ending.

use std::io;

use rstest::rstest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::sip::{Frame, StreamFramer};

async fn peer_of(rig: &Rig) -> TcpStream {
    let peer = TcpStream::connect(rig.address(TCP)).await.unwrap();
    peer.set_nodelay(true).unwrap();
    peer
}

/// Reads exactly what is expected.
async fn expect(peer: &mut TcpStream, expected: &[u8]) {
    let mut room = vec![0; expected.len()];
    patiently(peer.read_exact(&mut room)).await.unwrap();
    assert_eq!(room, expected);
}

/// Reads to the end of the stream.
async fn expect_end(peer: &mut TcpStream) {
    let mut rest = Vec::new();
    // Closed with unread bytes before it, the connection is reset: that is an end too.
    let _ = patiently(peer.read_to_end(&mut rest)).await;
}

fn to_tcp(remote: SocketAddr) -> Flow {
    to_peer(TCP, Transport::Tcp, remote)
}

#[rstest]
#[case("127.0.0.1:0")]
#[case("[::1]:0")]
#[cfg_attr(not(callplane_ipv6), ignore = "this machine had no IPv6 when the tests were built")]
#[tokio::test]
async fn a_message_cut_at_every_byte_arrives_whole(#[case] loopback: &str) {
    let mut rig = Rig::on(loopback, Limits::default(), |_| {});
    let mut peer = peer_of(&rig).await;
    let message = request("INVITE", "a", 20);
    let mut written = 0;
    for cut in 1..message.len() {
        peer.write_all(&message[..cut]).await.unwrap();
        rig.counted(|counted| counted.stream_bytes_in == written + cut as u64).await;
        peer.write_all(&message[cut..]).await.unwrap();
        written += message.len() as u64;
        let arrived = rig.message().await;
        assert_eq!(arrived.bytes, message, "cut at {cut}");
        assert_eq!(arrived.flow.remote, peer.local_addr().unwrap());
    }
}

#[tokio::test]
async fn a_message_byte_by_byte_and_several_at_once_arrive_each_by_itself() {
    let mut rig = Rig::new(|_| {});
    let mut peer = peer_of(&rig).await;
    let (first, second) = (request("INVITE", "a", 3), request("ACK", "a", 0));
    for (written, byte) in (1..).zip(&first[..]) {
        peer.write_all(&[*byte]).await.unwrap();
        rig.counted(|counted| counted.stream_bytes_in == written).await;
    }
    assert_eq!(rig.message().await.bytes, first);
    let many = [&first[..], b"\r\n", &second, &first].concat();
    peer.write_all(&many).await.unwrap();
    for expected in [&first, &second, &first] {
        assert_eq!(rig.message().await.bytes, expected);
    }
    assert_eq!(rig.transports.counters().stream_messages_in, 4);
}

#[tokio::test]
async fn a_ping_is_answered_with_a_pong() {
    let rig = Rig::new(|_| {});
    let mut peer = peer_of(&rig).await;
    peer.write_all(b"\r\n\r\n").await.unwrap();
    expect(&mut peer, b"\r\n").await;
    assert_eq!(rig.transports.counters().pings_answered, 1);
}

#[tokio::test]
async fn a_response_goes_back_on_its_requests_connection_and_so_does_a_request_to_that_peer() {
    let mut rig = Rig::new(|_| {});
    let mut peer = peer_of(&rig).await;
    peer.write_all(&request("INVITE", "a", 0)).await.unwrap();
    let flow = rig.message().await.flow;
    rig.send(1, &flow, Bytes::from_static(b"SIP/2.0 180 Ringing"));
    expect(&mut peer, b"SIP/2.0 180 Ringing").await;
    rig.send(2, &to_tcp(peer.local_addr().unwrap()), request("BYE", "a", 0));
    expect(&mut peer, &request("BYE", "a", 0)).await;
    let counted = rig.transports.counters();
    assert_eq!((counted.connections_accepted, counted.connections_opened), (1, 0));
    assert_eq!(counted.stream_messages_out, 2);
}

#[tokio::test]
async fn what_is_sent_while_a_connection_opens_waits_for_it_and_shares_it() {
    let mut rig = Rig::new(|_| {});
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = to_tcp(server.local_addr().unwrap());
    for i in 0..10 {
        rig.send(i, &to, request("INVITE", &i.to_string(), 0));
    }
    let (mut peer, from) = patiently(server.accept()).await.unwrap();
    for i in 0..10 {
        expect(&mut peer, &request("INVITE", &i.to_string(), 0)).await;
    }
    assert_eq!(from.ip(), rig.address(TCP).ip(), "it comes from the listener's address");
    rig.send(10, &to, request("BYE", "a", 0));
    expect(&mut peer, &request("BYE", "a", 0)).await;
    peer.write_all(&request("OPTIONS", "b", 0)).await.unwrap();
    assert_eq!(rig.message().await.flow.remote, to.remote);
    assert_eq!(rig.transports.counters().connections_opened, 1);
}

#[tokio::test]
async fn an_opening_that_is_refused_fails_everything_that_waits_for_it() {
    let mut rig = Rig::new(|_| {});
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = to_tcp(server.local_addr().unwrap());
    drop(server);
    for i in 0..3 {
        rig.send(i, &to, request("INVITE", "a", 0));
    }
    for i in 0..3 {
        let refused = SendError::Connect(io::ErrorKind::ConnectionRefused);
        assert_eq!(rig.send_failed().await, (i, refused));
    }
    rig.counted(|counted| counted.connections_failed == 1 && counted.connections_open == 0).await;
    rig.send(4, &to_tcp("[::1]:5060".parse().unwrap()), request("INVITE", "a", 0));
    assert_eq!(rig.send_failed().await, (4, SendError::AddressFamily));
}

#[tokio::test]
async fn an_opening_that_nobody_takes_ends_in_its_time() {
    let mut rig = Rig::new(|settings| settings.stream.connect_time_max = Duration::from_millis(50));
    // A full backlog: the kernel lets further connections wait for ever.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.listen(0).unwrap();
    let server = socket.local_addr().unwrap().as_socket().unwrap();
    let _fills = TcpStream::connect(server).await.unwrap();
    rig.send(1, &to_tcp(server), request("INVITE", "a", 0));
    assert_eq!(rig.send_failed().await, (1, SendError::ConnectTime));
}

#[tokio::test]
async fn a_connection_that_is_gone_fails_the_send_unless_another_address_is_given() {
    let mut rig = Rig::new(|_| {});
    let mut peer = peer_of(&rig).await;
    peer.write_all(&request("INVITE", "a", 0)).await.unwrap();
    let flow = rig.message().await.flow;
    drop(peer);
    assert_eq!(rig.flow_down().await, (flow.connection.unwrap(), ConnectionEnd::Peer));
    rig.send(1, &flow, Bytes::from_static(b"SIP/2.0 200 OK"));
    assert_eq!(rig.send_failed().await, (1, SendError::FlowGone));

    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tag = SendTag { shard: 0, token: 2 };
    let otherwise = server.local_addr().ok();
    rig.transports.send_or(tag, &flow, otherwise, Bytes::from_static(b"SIP/2.0 200 OK"));
    let (mut peer, _) = patiently(server.accept()).await.unwrap();
    expect(&mut peer, b"SIP/2.0 200 OK").await;
}

#[tokio::test]
async fn a_new_connection_to_the_same_peer_has_a_new_id() {
    let mut rig = Rig::new(|_| {});
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = to_tcp(server.local_addr().unwrap());
    let mut ids = Vec::new();
    for _ in 0..3 {
        rig.send(1, &to, request("INVITE", "a", 0));
        drop(patiently(server.accept()).await.unwrap());
        ids.push(rig.flow_down().await.0);
    }
    assert!(ids[0] < ids[1] && ids[1] < ids[2], "{ids:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_several_threads_send_on_one_connection_goes_whole_and_each_in_its_order() {
    const EACH: usize = 500;
    let mut rig = Rig::new(|settings| settings.stream.write_queue_bytes_max = 64 << 20);
    let mut peer = peer_of(&rig).await;
    peer.write_all(&request("OPTIONS", "a", 0)).await.unwrap();
    let flow = rig.message().await.flow;
    let senders: Vec<_> = (0..3)
        .map(|sender| {
            let transports = rig.transports.clone();
            std::thread::spawn(move || {
                for i in 0..EACH {
                    let tag = SendTag { shard: sender, token: i as u64 };
                    transports.send(tag, &flow, request("INFO", &format!("{sender}-{i}"), i * 13));
                }
            })
        })
        .collect();
    let mut framer = StreamFramer::new(Limits::default());
    let (mut room, mut next) = (vec![0; 20_000], [0; 3]);
    while next != [EACH; 3] {
        let read = patiently(peer.read(&mut room)).await.unwrap();
        framer.push(&room[..read]);
        while let Some(Frame::Message(message)) = framer.pull().unwrap() {
            let sender = (0..3).find(|&sender| {
                let (i, id) = (next[sender], format!("{sender}-{}", next[sender]));
                message == request("INFO", &id, i * 13)
            });
            next[sender.expect("some sender's next message, whole")] += 1;
        }
    }
    senders.into_iter().for_each(|sender| sender.join().unwrap());
}

#[tokio::test]
async fn a_shutdown_writes_what_waits_and_leaves_nothing() {
    let rig = Rig::new(|_| {});
    let mut peer = peer_of(&rig).await;
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = to_tcp(server.local_addr().unwrap());
    rig.send(1, &to, request("INVITE", "a", 0));
    let (mut opened, _) = patiently(server.accept()).await.unwrap();
    rig.counted(|counted| counted.connections_accepted == 1 && counted.connections_opened == 1).await;
    for i in 0..100 {
        rig.send(i, &to, request("BYE", &i.to_string(), 2_000));
    }
    let Rig { transports, inbox, arrivals: mut news } = rig;
    let reading = tokio::spawn(async move {
        expect(&mut opened, &request("INVITE", "a", 0)).await;
        for i in 0..100 {
            expect(&mut opened, &request("BYE", &i.to_string(), 2_000)).await;
        }
        expect_end(&mut opened).await;
    });
    patiently(transports.shutdown()).await;
    patiently(reading).await.unwrap();
    expect_end(&mut peer).await;
    let mut ends = 0;
    while let Ok(Arrival::Notice(Notice::FlowDown { end: ConnectionEnd::Shutdown, .. })) = news.try_recv() {
        ends += 1;
    }
    assert_eq!(ends, 2);
    let tag = SendTag { shard: 0, token: 1 };
    transports.send(tag, &to, Bytes::from_static(b"late"));
    let late = news.try_recv();
    assert!(matches!(late, Ok(Arrival::Notice(Notice::SendFailed { error: SendError::ShuttingDown, .. }))));
    let address = transports.local_address(TCP).unwrap();
    drop(transports);
    assert_eq!(Arc::strong_count(&inbox), 1, "no task is left that could hand up anything");
    TcpListener::bind(address).await.unwrap();
}
