//! Bounds of stream connections: what happens at each, and that it is counted.

use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::*;

async fn peer_of(rig: &Rig) -> TcpStream {
    TcpStream::connect(rig.address(TCP)).await.unwrap()
}

/// Waits for the stream's end.
async fn expect_end(peer: &mut TcpStream) {
    let mut rest = Vec::new();
    let _ = patiently(peer.read_to_end(&mut rest)).await;
}

const SHORT: Duration = Duration::from_millis(80);

#[tokio::test]
async fn connections_that_bring_no_message_are_closed_in_their_time_and_others_live() {
    let mut rig = Rig::new(|settings| settings.stream.half_open_time_max = SHORT);
    let mut good = peer_of(&rig).await;
    good.write_all(&request("OPTIONS", "a", 0)).await.unwrap();
    let flow = rig.message().await.flow;
    let begin = Instant::now();
    let mut half_open = Vec::new();
    for _ in 0..200 {
        half_open.push(peer_of(&rig).await);
    }
    half_open[0].write_all(b"\r\n\r\n").await.unwrap();
    for _ in 0..200 {
        assert_eq!(rig.flow_down().await.1, ConnectionEnd::HalfOpen);
    }
    assert!(begin.elapsed() >= SHORT);
    for peer in &mut half_open {
        expect_end(peer).await;
    }
    rig.counted(|counted| counted.ended_half_open == 200 && counted.connections_open == 1).await;
    rig.send(1, &flow, Bytes::from_static(b"SIP/2.0 200 OK"));
    let mut answer = [0; 14];
    patiently(good.read_exact(&mut answer)).await.unwrap();
}

#[tokio::test]
async fn a_message_that_drips_is_cut_off_though_bytes_keep_coming() {
    let mut rig = Rig::new(|settings| settings.stream.message_time_max = SHORT);
    let mut peer = peer_of(&rig).await;
    peer.write_all(&request("OPTIONS", "a", 0)).await.unwrap();
    let id = rig.message().await.flow.connection.unwrap();
    let dripping = tokio::spawn(async move {
        let mut tick = tokio::time::interval(Duration::from_millis(5));
        for byte in request("INVITE", "b", 10_000) {
            tick.tick().await;
            if peer.write_all(&[byte]).await.is_err() {
                return;
            }
        }
        panic!("the whole message went");
    });
    assert_eq!(rig.flow_down().await, (id, ConnectionEnd::SlowMessage));
    patiently(dripping).await.unwrap();
}

#[tokio::test]
async fn a_connection_on_which_nothing_comes_is_closed() {
    let mut rig = Rig::new(|settings| settings.stream.idle_time_max = SHORT);
    let mut peer = peer_of(&rig).await;
    peer.write_all(&request("OPTIONS", "a", 0)).await.unwrap();
    let id = rig.message().await.flow.connection.unwrap();
    assert_eq!(rig.flow_down().await, (id, ConnectionEnd::Idle));
    expect_end(&mut peer).await;
}

#[tokio::test]
async fn a_connection_that_served_no_call_is_closed_sooner() {
    let mut rig = Rig::new(|settings| settings.stream.idle_without_call_time_max = SHORT);
    let (mut asks, mut calls) = (peer_of(&rig).await, peer_of(&rig).await);
    calls.write_all(&request("INVITE", "a", 0)).await.unwrap();
    let flow = rig.message().await.flow;
    let ringing = Bytes::from_static(b"SIP/2.0 180 Ringing\r\nCSeq: 1 INVITE\r\n\r\n");
    rig.send(1, &flow, ringing.clone());
    asks.write_all(&request("OPTIONS", "b", 0)).await.unwrap();
    let other = rig.message().await.flow;
    rig.send(2, &other, Bytes::from_static(b"SIP/2.0 200 OK\r\nCSeq: 1 OPTIONS\r\n\r\n"));
    assert_eq!(rig.flow_down().await, (other.connection.unwrap(), ConnectionEnd::Idle));
    let mut rung = vec![0; ringing.len()];
    patiently(calls.read_exact(&mut rung)).await.unwrap();
    assert_eq!(rung, ringing);
    calls.write_all(&request("BYE", "a", 0)).await.unwrap();
    assert!(rig.message().await.bytes.starts_with(b"BYE "), "the other one is still there");
}

#[tokio::test]
async fn a_stream_that_is_not_sip_is_closed() {
    let cases: [&[u8]; 3] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP a\r\nContent-Length: 5x\r\n\r\n",
    ];
    for garbage in cases {
        let mut rig = Rig::new(|settings| settings.stream.drain_time_max = SHORT);
        let mut peer = peer_of(&rig).await;
        peer.write_all(garbage).await.unwrap();
        let end = loop {
            if let Arrival::Notice(Notice::FlowDown { end, .. }) = rig.arrival().await {
                break end;
            }
        };
        assert_eq!(end, ConnectionEnd::Framing, "{}", garbage.escape_ascii());
        expect_end(&mut peer).await;
    }
}

#[tokio::test]
async fn a_request_that_no_stream_can_go_on_after_is_refused_before_the_end() {
    let limits = Limits { body_bytes: 100, ..Limits::default() };
    let without_length = String::from_utf8(request("INVITE", "a", 0).to_vec()).unwrap();
    let cases = [
        (Bytes::from(without_length.replace("Content-Length: 0\r\n", "")), "SIP/2.0 400 "),
        (request("INVITE", "a", 101), "SIP/2.0 413 "),
    ];
    for (message, refusal) in cases {
        let mut rig = Rig::on("127.0.0.1:0", limits.clone(), |_| {});
        let mut peer = peer_of(&rig).await;
        let port = peer.local_addr().unwrap().port();
        let asking = String::from_utf8(message.to_vec()).unwrap().replace(";branch", ";rport;branch");
        peer.write_all(asking.as_bytes()).await.unwrap();
        let mut answer = String::new();
        patiently(peer.read_to_string(&mut answer)).await.unwrap();
        assert!(answer.starts_with(refusal), "{answer}");
        let via = answer.lines().find(|line| line.starts_with("Via:")).unwrap_or_default();
        assert!(via.contains(";received=127.0.0.1") && via.contains(&format!(";rport={port}")), "{answer}");
        assert!(answer.contains("Call-ID: a\r\n") && answer.contains(";tag=c1\r\n"), "{answer}");
        drop(peer);
        assert_eq!(rig.flow_down().await.1, ConnectionEnd::Framing);
    }
}

/// What follows a whole request on its connection, and whether the connection outlives it.
const FOLLOWERS: [(&[u8], bool); 5] = [
    (b"garbage\r\n\r\n", false),
    (b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n", false),
    (b"\0\0\0\0", true),
    (b"\r\n", true),
    (b"OPTIONS sip:b SIP/2.0\r\nVia: SIP/2.0/TCP h;;\r\nCSeq: 1 OPTIONS\r\n\r\n", false),
];

/// Writes the pieces one after the other, each when the one before was looked at. What the peer was answered when the
/// connection ended, or that it outlived them.
async fn outcome_of(rig: &mut Rig, pieces: &[&[u8]], outlives: bool) -> Vec<u8> {
    let before = rig.transports.counters();
    let mut peer = peer_of(rig).await;
    let mut written = before.stream_bytes_in;
    for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
        if peer.write_all(piece).await.is_err() {
            break;
        }
        written += piece.len() as u64;
        let ended = before.ended_framing + 1;
        rig.counted(|counted| counted.stream_bytes_in >= written || counted.ended_framing == ended).await;
    }
    assert_eq!(rig.message().await.bytes, request("INVITE", "a", 20));
    let mut answer = Vec::new();
    if outlives {
        peer.write_all(&request("BYE", "b", 0)).await.unwrap();
        assert!(rig.message().await.bytes.starts_with(b"BYE "));
        drop(peer);
        assert_eq!(rig.flow_down().await.1, ConnectionEnd::Peer);
    } else {
        let _ = patiently(peer.read_to_end(&mut answer)).await;
        assert_eq!(rig.flow_down().await.1, ConnectionEnd::Framing);
    }
    // The tag of the answer names the connection.
    answer.truncate(answer.windows(5).position(|window| window == b";tag=").unwrap_or(answer.len()));
    answer
}

#[tokio::test]
async fn a_whole_request_is_handed_up_whatever_follows_it_and_wherever_the_stream_is_cut() {
    let mut rig = Rig::new(|settings| settings.stream.drain_time_max = Duration::from_millis(5));
    for (follower, outlives) in FOLLOWERS {
        let stream = [&request("INVITE", "a", 20)[..], follower].concat();
        let answer = outcome_of(&mut rig, &[&stream], outlives).await;
        assert_eq!(answer.starts_with(b"SIP/2.0 400 "), follower.starts_with(b"OPTIONS"));
        for cut in (0..stream.len()).rev().take(follower.len() + 25) {
            let pieces = [&stream[..cut], &stream[cut..]];
            let shown = follower.escape_ascii();
            assert_eq!(outcome_of(&mut rig, &pieces, outlives).await, answer, "{shown} cut at {cut}");
        }
    }
}

#[tokio::test]
async fn what_came_before_a_stream_broke_is_still_answered() {
    let mut rig = Rig::new(|_| {});
    let mut peer = peer_of(&rig).await;
    let (whole, broken) = (request("INVITE", "a", 3), b"a=sendrecv\r\n");
    peer.write_all(&whole).await.unwrap();
    let flow = rig.message().await.flow;
    peer.write_all(broken).await.unwrap();
    // What is counted was looked at: the stream is broken before the answer is there.
    let sent = (whole.len() + broken.len()) as u64;
    rig.counted(|counted| counted.stream_bytes_in == sent).await;
    rig.send(1, &flow, Bytes::from_static(b"SIP/2.0 400 Bad Request\r\n\r\n"));
    let mut answer = [0; 27];
    patiently(peer.read_exact(&mut answer)).await.unwrap();
    assert!(answer.starts_with(b"SIP/2.0 400 "));
    drop(peer);
    assert_eq!(rig.flow_down().await.1, ConnectionEnd::Framing);
}

#[tokio::test]
async fn more_connections_than_allowed_are_closed_at_once() {
    let mut rig = Rig::new(|settings| {
        settings.stream.connections_max = 5;
        settings.stream.connections_per_source_max = 3;
    });
    let mut peers = Vec::new();
    for i in 0..3 {
        peers.push(peer_of(&rig).await);
        rig.counted(|counted| counted.connections_accepted == i + 1).await;
    }
    expect_end(&mut peer_of(&rig).await).await;
    assert_eq!(rig.transports.counters().connections_refused_source, 1);
    for (i, source) in [(0, "127.0.0.2:0"), (1, "127.0.0.3:0")] {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(source.parse().unwrap()).unwrap();
        peers.push(socket.connect(rig.address(TCP)).await.unwrap());
        rig.counted(|counted| counted.connections_accepted == i + 4).await;
    }
    expect_end(&mut peer_of(&rig).await).await;
    assert_eq!(rig.transports.counters().connections_refused_total, 1, "whoever asks");

    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = to_peer(TCP, Transport::Tcp, server.local_addr().unwrap());
    rig.send(1, &to, request("INVITE", "a", 0));
    assert_eq!(rig.send_failed().await, (1, SendError::ConnectionsFull));

    peers.pop();
    assert_eq!(rig.flow_down().await.1, ConnectionEnd::Peer);
    rig.send(2, &to, request("INVITE", "a", 0));
    patiently(server.accept()).await.unwrap();
}

#[tokio::test]
async fn a_peer_that_does_not_read_fills_its_own_queue_only_and_is_closed() {
    let mut rig = Rig::new(|settings| {
        settings.stream.write_queue_bytes_max = 200_000;
        settings.stream.write_stall_time_max = SHORT;
    });
    let mut peer = peer_of(&rig).await;
    peer.write_all(&request("OPTIONS", "a", 0)).await.unwrap();
    let flow = rig.message().await.flow;
    let message = request("INFO", "a", 50_000);
    let mut sent = 0;
    // This runtime has one thread and does not yield here, so what the kernel does not take waits.
    while rig.transports.counters().stream_unsent_full == 0 {
        rig.send(sent, &flow, message.clone());
        sent += 1;
    }
    assert_eq!(rig.send_failed().await, (sent - 1, SendError::QueueFull));
    let stalled = SendError::ConnectionEnded(ConnectionEnd::WriteStalled);
    let mut failed = 1;
    let end = loop {
        match rig.notice().await {
            Notice::SendFailed { error, .. } => {
                assert_eq!(error, stalled);
                failed += 1;
            }
            Notice::FlowDown { end, .. } => break end,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(end, ConnectionEnd::WriteStalled);
    assert_eq!(rig.transports.counters().stream_messages_out + failed, sent, "each went whole or failed");
    rig.send(sent, &flow, message);
    assert_eq!(rig.send_failed().await, (sent, SendError::FlowGone));
    drop(peer);
}

#[tokio::test]
async fn a_slow_reader_gets_everything_in_order() {
    let mut rig = Rig::new(|settings| settings.stream.write_queue_bytes_max = 8 << 20);
    let mut peer = peer_of(&rig).await;
    peer.write_all(&request("OPTIONS", "a", 0)).await.unwrap();
    let flow = rig.message().await.flow;
    let messages: Vec<Bytes> = (0..100).map(|i| request("INFO", &i.to_string(), 60_000)).collect();
    for (message, token) in messages.iter().zip(0..) {
        rig.send(token, &flow, message.clone());
    }
    for message in &messages {
        let mut room = vec![0; message.len()];
        patiently(peer.read_exact(&mut room)).await.unwrap();
        assert!(room == message[..]);
    }
    rig.counted(|counted| counted.stream_messages_out == 100).await;
}
