//! Datagrams.

use std::io;

use rstest::rstest;
use tokio::net::UdpSocket;

use super::*;

async fn peer_of(rig: &Rig) -> UdpSocket {
    let address = rig.address(UDP);
    let peer = UdpSocket::bind((address.ip(), 0)).await.unwrap();
    peer.connect(address).await.unwrap();
    peer
}

#[rstest]
#[case("127.0.0.1:0")]
#[case("[::1]:0")]
#[cfg_attr(not(callplane_ipv6), ignore = "this machine had no IPv6 when the tests were built")]
#[tokio::test]
async fn a_datagram_comes_with_its_flow_and_the_answer_goes_back_on_it(#[case] loopback: &str) {
    let mut rig = Rig::on(loopback, Limits::default(), |_| {});
    let peer = peer_of(&rig).await;
    peer.send(&request("OPTIONS", "a", 0)).await.unwrap();
    let message = rig.message().await;
    assert_eq!(message.bytes, request("OPTIONS", "a", 0));
    assert_eq!(message.flow, to_peer(UDP, Transport::Udp, peer.local_addr().unwrap()));
    rig.send(1, &message.flow, Bytes::from_static(b"SIP/2.0 200 OK"));
    let mut answer = [0; 100];
    let length = patiently(peer.recv(&mut answer)).await.unwrap();
    assert_eq!(&answer[..length], b"SIP/2.0 200 OK");
    rig.counted(|counted| counted.datagrams_in == 1 && counted.datagrams_out == 1).await;
}

#[tokio::test]
async fn every_one_of_many_datagrams_comes_in_order() {
    let mut rig = Rig::new(|_| {});
    let peer = peer_of(&rig).await;
    for i in 0..1_000 {
        peer.send(&request("OPTIONS", &i.to_string(), i)).await.unwrap();
    }
    for i in 0..1_000 {
        assert_eq!(rig.message().await.bytes, request("OPTIONS", &i.to_string(), i));
    }
}

#[tokio::test]
async fn what_is_no_message_is_dropped_here_and_counted() {
    let mut rig = Rig::new(|settings| settings.udp.datagram_bytes_max = 2_000);
    let peer = peer_of(&rig).await;
    for _ in 0..1_000 {
        peer.send(&[0x80; 200]).await.unwrap();
        peer.send(b"REGISTER").await.unwrap();
        peer.send(b"\r\n\r\n").await.unwrap();
        peer.send(&request("OPTIONS", "long", 2_000)).await.unwrap();
    }
    peer.send(&request("OPTIONS", "good", 10)).await.unwrap();
    assert_eq!(rig.message().await.bytes, request("OPTIONS", "good", 10));
    rig.counted(|counted| {
        counted.datagrams_in == 4_001
            && counted.datagrams_dropped_garbage == 1_000
            && counted.datagrams_dropped_short == 1_000
            && counted.datagrams_keep_alive == 1_000
            && counted.datagrams_dropped_long == 1_000
    })
    .await;
    assert!(rig.arrivals.try_recv().is_err(), "nothing else came up");
}

#[tokio::test]
async fn a_message_nobody_takes_is_counted() {
    let rig = Rig::new(|_| {});
    rig.inbox.refuses.store(true, Ordering::Relaxed);
    peer_of(&rig).await.send(&request("INVITE", "a", 0)).await.unwrap();
    rig.counted(|counted| counted.refused_new_requests == 1).await;
}

#[rstest]
#[case("127.0.0.1:0")]
#[case("[::1]:0")]
#[cfg_attr(not(callplane_ipv6), ignore = "this machine had no IPv6 when the tests were built")]
#[tokio::test]
async fn a_peer_that_is_not_there_is_told_of_and_harms_no_other(#[case] loopback: &str) {
    let mut rig = Rig::on(loopback, Limits::default(), |_| {});
    let peer = peer_of(&rig).await;
    let gone = peer_of(&rig).await.local_addr().unwrap();
    let message = request("OPTIONS", "a", 0);
    for _ in 0..10 {
        rig.send(1, &to_peer(UDP, Transport::Udp, gone), message.clone());
        rig.send(2, &to_peer(UDP, Transport::Udp, peer.local_addr().unwrap()), message.clone());
    }
    let mut room = [0; 1_000];
    for _ in 0..10 {
        assert_eq!(patiently(peer.recv(&mut room)).await.unwrap(), message.len());
    }
    let expected =
        Notice::Unreachable { listener: UDP, remote: gone, error: io::ErrorKind::ConnectionRefused };
    for _ in 0..10 {
        assert_eq!(rig.notice().await, expected);
    }
    peer.send(&request("OPTIONS", "b", 0)).await.unwrap();
    assert_eq!(rig.message().await.bytes, request("OPTIONS", "b", 0));
    assert_eq!(rig.transports.counters().icmp_errors, 10);
}

#[tokio::test]
async fn what_can_never_be_sent_fails_with_its_reason() {
    let mut rig = Rig::new(|_| {});
    let here = rig.address(UDP);
    let too_large = Bytes::from(vec![b'x'; 65_536]);
    rig.send(1, &to_peer(UDP, Transport::Udp, here), too_large);
    assert_eq!(rig.send_failed().await, (1, SendError::TooLarge));
    rig.send(2, &to_peer(UDP, Transport::Udp, "[::1]:5060".parse().unwrap()), Bytes::from_static(b"x"));
    assert_eq!(rig.send_failed().await, (2, SendError::AddressFamily));
    rig.send(3, &to_peer(ListenerId(9), Transport::Udp, here), Bytes::from_static(b"x"));
    assert_eq!(rig.send_failed().await, (3, SendError::NoListener));
    rig.send(4, &to_peer(UDP, Transport::Tls, here), Bytes::from_static(b"x"));
    assert_eq!(rig.send_failed().await, (4, SendError::NoListener));
}

#[tokio::test]
async fn what_the_kernel_had_no_room_for_is_counted_by_it() {
    let rig = Rig::new(|settings| settings.udp.receive_buffer_bytes = 1);
    let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let message = request("OPTIONS", "a", 1_000);
    // This runtime has one thread and does not yield here, so nobody reads.
    while rig.transports.datagrams_dropped_by_kernel() == 0 {
        peer.send_to(&message, rig.address(UDP)).unwrap();
    }
}

#[tokio::test]
async fn a_listener_is_found_for_a_peer_by_transport_and_family() {
    let rig = Rig::new(|_| {});
    let find = |transport, peer: &str| rig.transports.listener_for(transport, peer.parse().unwrap());
    assert_eq!(find(Transport::Udp, "127.0.0.2:5060"), Some(UDP));
    assert_eq!(find(Transport::Tcp, "127.0.0.2:5060"), Some(TCP));
    assert_eq!(find(Transport::Tcp, "[::1]:5060"), None);
    assert_eq!(find(Transport::Udp, "192.0.2.1:5060"), None, "loopback reaches loopback only");
    assert_eq!(rig.transports.advertised(UDP).unwrap().port, rig.address(UDP).port());
}
