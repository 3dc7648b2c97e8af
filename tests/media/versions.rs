//! Endpoints that have IPv4 and IPv6: which of them an offer has, and peers that go over from one to the other.

use std::net::{Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use callplane::media::MediaSettings;
use callplane::proto::media::v1::reply::Result as Outcome;
use callplane::proto::media::v1::request::Operation;
use callplane::proto::media::v1::{self as proto, BridgeMode};
use callplane::rtp::{HEADER_BYTES, Header};

use crate::harness::{
    PATIENCE, Studio, add_member, answer_offer, close, commit, create_bridge, make_offer, play_tone, settings,
};

fn both(first_port: u16) -> MediaSettings {
    MediaSettings { bind_ipv6: Some(Ipv6Addr::LOCALHOST), port_rest_ms: 0, ..settings(first_port, 10) }
}

/// A socket of a phone.
fn phone(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn offer(at: &UdpSocket) -> String {
    let address = at.local_addr().unwrap();
    let version = if address.is_ipv4() { "IP4" } else { "IP6" };
    let (ip, port) = (address.ip(), address.port());
    format!(
        "v=0\r\no=- 1 1 IN {version} {ip}\r\ns=-\r\nc=IN {version} {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"
    )
}

/// The answer to an offer, and where the endpoint says that it is.
async fn answered(studio: &mut Studio, generation: u64, offer: &str) -> (String, SocketAddr) {
    let asked = answer_offer("a", generation, offer, proto::Direction::Sendrecv);
    let Outcome::Negotiated(negotiated) = studio.control.ask(asked).await else { panic!("{offer}") };
    let local = negotiated.facts.unwrap().local_address.parse().unwrap();
    (String::from_utf8_lossy(&negotiated.local_description).into_owned(), local)
}

fn say(from: &UdpSocket, to: SocketAddr, sequence: u16) {
    let mut packet = [0xD5; HEADER_BYTES + 160];
    let timestamp = u32::from(sequence) * 160;
    let header = Header { marker: false, payload_type: 0, sequence, timestamp, ssrc: 7 };
    header.write(&mut packet).unwrap();
    from.send_to(&packet, to).unwrap();
}

/// Says something until it comes back.
fn hears_itself(socket: &UdpSocket, at: SocketAddr, first: u16) {
    socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut buffer = [0; 2048];
    for sequence in first..first + 200 {
        say(socket, at, sequence);
        if let Ok((_, from)) = socket.recv_from(&mut buffer) {
            assert_eq!(from, at);
            return;
        }
    }
    panic!("nothing comes back from {at}");
}

/// Reads what came so far; the next packet is a new one.
fn forget(socket: &UdpSocket) {
    socket.set_nonblocking(true).unwrap();
    while socket.recv_from(&mut [0; 2048]).is_ok() {}
    socket.set_nonblocking(false).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
}

#[cfg_attr(not(callplane_ipv6), ignore = "this machine had no IPv6 when the tests were built")]
#[tokio::test]
async fn a_peer_that_goes_over_to_the_other_version_and_back_is_followed() {
    let mut studio = Studio::start(&both(25_400)).await;
    let (four, six) = (phone("127.0.0.1:0"), phone("[::1]:0"));
    let (first, at) = answered(&mut studio, 1, &offer(&four)).await;
    studio.control.done(commit("a", 1)).await;
    studio.control.done(create_bridge("echo", BridgeMode::Echo)).await;
    studio.control.done(add_member("echo", "a")).await;
    hears_itself(&four, at, 1);
    let origin = |sdp: &str| sdp.lines().nth(1).unwrap().to_owned();
    let (second, at_six) = answered(&mut studio, 2, &offer(&six)).await;
    assert!(at_six.is_ipv6() && second.contains("c=IN IP6 ::1\r\n"), "{second}");
    assert_eq!(origin(&second), origin(&first).replace(" 1 IN", " 2 IN"), "the origin stays");
    // Until it is in force the old way is the way.
    hears_itself(&four, at, 300);
    assert_eq!(studio.node.snapshot().sockets, 2);
    studio.control.done(commit("a", 2)).await;
    hears_itself(&six, at_six, 600);
    let snapshot = studio.node.snapshot();
    assert_eq!((snapshot.sockets, snapshot.ports.used), (1, 1));
    // What is played goes where the peer is, and back.
    forget(&six);
    studio.control.done(play_tone("a", "p", 440.0, None)).await;
    assert!(six.recv_from(&mut [0; 2048]).is_ok());
    let (third, at) = answered(&mut studio, 3, &offer(&four)).await;
    assert!(at.is_ipv4() && third.contains("c=IN IP4 127.0.0.1\r\n"), "{third}");
    studio.control.done(commit("a", 3)).await;
    forget(&four);
    assert_eq!(four.recv_from(&mut [0; 2048]).unwrap().1, at);
    let snapshot = studio.node.snapshot();
    assert_eq!((snapshot.sockets, snapshot.ports.used), (1, 1));
    studio.control.close("a").await;
    let snapshot = studio.node.snapshot();
    assert_eq!((snapshot.sockets, snapshot.ports.used), (0, 0));
}

#[cfg_attr(not(callplane_ipv6), ignore = "this machine had no IPv6 when the tests were built")]
#[tokio::test]
async fn a_change_that_comes_to_nothing_leaves_no_second_socket() {
    let mut studio = Studio::start(&both(25_420)).await;
    let (four, six) = (phone("127.0.0.1:0"), phone("[::1]:0"));
    answered(&mut studio, 1, &offer(&four)).await;
    studio.control.done(commit("a", 1)).await;
    let counts = |studio: &Studio| {
        let snapshot = studio.node.snapshot();
        (snapshot.sockets, snapshot.ports.used)
    };
    // Dropped.
    answered(&mut studio, 2, &offer(&six)).await;
    assert_eq!(counts(&studio), (2, 2));
    let rollback = Operation::Rollback(proto::Rollback { endpoint_id: "a".into(), generation: 2 });
    studio.control.done(rollback).await;
    assert_eq!(counts(&studio), (1, 1));
    // Refused.
    let g729 = offer(&six).replace("RTP/AVP 0", "RTP/AVP 18");
    let refused = answer_offer("a", 3, &g729, proto::Direction::Sendrecv);
    assert_eq!(studio.control.fails(refused).await, proto::failure::Code::NothingAcceptable);
    assert_eq!(counts(&studio), (1, 1));
    // Offered again, which takes the place that is there, and then replaced by an offer of the version in use.
    let (_, once) = answered(&mut studio, 4, &offer(&six)).await;
    let (_, twice) = answered(&mut studio, 5, &offer(&six)).await;
    assert_eq!((once, counts(&studio)), (twice, (2, 2)));
    answered(&mut studio, 6, &offer(&four)).await;
    assert_eq!(counts(&studio), (1, 1));
    // Held by the address of the other version, it goes nowhere.
    let held = offer(&six).replace("c=IN IP6 ::1", "c=IN IP6 ::");
    let (_, local) = answered(&mut studio, 7, &held).await;
    assert_eq!((local.is_ipv4(), counts(&studio)), (true, (1, 1)));
    // Closed on its way.
    answered(&mut studio, 8, &offer(&six)).await;
    assert_eq!(counts(&studio), (2, 2));
    studio.control.close("a").await;
    assert_eq!(counts(&studio), (0, 0));
}

#[cfg_attr(not(callplane_ipv6), ignore = "this machine had no IPv6 when the tests were built")]
#[tokio::test]
async fn an_endpoint_that_moves_between_workers_on_its_way_to_the_other_version_takes_both_sockets_along() {
    let mut settings = both(25_440);
    settings.workers = 2;
    let mut studio = Studio::start(&settings).await;
    let (four, six) = (phone("127.0.0.1:0"), phone("[::1]:0"));
    let (_, at) = answered(&mut studio, 1, &offer(&four)).await;
    studio.control.done(commit("a", 1)).await;
    let other = studio.phone("b", None).await;
    studio.bridge("echo", BridgeMode::Echo, &[&other]).await;
    let (_, at_six) = answered(&mut studio, 2, &offer(&six)).await;
    studio.control.done(add_member("echo", "a")).await;
    hears_itself(&four, at, 1);
    studio.control.done(commit("a", 2)).await;
    hears_itself(&six, at_six, 300);
    assert_eq!(studio.node.snapshot().sockets, 2, "of two endpoints");
}

#[tokio::test]
async fn a_peer_of_a_version_that_media_does_not_have_is_refused_in_mid_call_and_the_call_stays() {
    let mut studio = Studio::start(&settings(25_460, 4)).await;
    let four = phone("127.0.0.1:0");
    answered(&mut studio, 1, &offer(&four)).await;
    studio.control.done(commit("a", 1)).await;
    let six = offer(&four).replace("IP4 127.0.0.1", "IP6 ::1");
    let outcome = studio.control.ask(answer_offer("a", 2, &six, proto::Direction::Sendrecv)).await;
    let Outcome::Failure(failure) = outcome else { panic!("{outcome:?}") };
    assert_eq!(failure.code(), proto::failure::Code::NothingAcceptable);
    assert_eq!(failure.mismatch(), proto::failure::Mismatch::AddressFormat);
    studio.control.done(play_tone("a", "p", 440.0, None)).await;
    assert!(four.recv_from(&mut [0; 2048]).is_ok());
    assert_eq!(studio.node.snapshot().sockets, 1);
}

#[cfg_attr(not(callplane_ipv6), ignore = "this machine had no IPv6 when the tests were built")]
#[tokio::test]
async fn an_address_of_the_line_decides_the_version_and_an_offer_of_ours_has_the_one_asked_for() {
    let mut studio = Studio::start(&both(25_480)).await;
    let six = phone("[::1]:0");
    let of_the_line = offer(&six).replace("c=IN IP6 ::1\r\n", "c=IN IP4 127.0.0.1\r\n") + "c=IN IP6 ::1\r\n";
    let (sdp, _) = answered(&mut studio, 1, &of_the_line).await;
    assert!(sdp.contains("c=IN IP6 ::1\r\n"), "{sdp}");
    studio.control.done(commit("a", 1)).await;
    studio.control.done(play_tone("a", "p", 440.0, None)).await;
    assert!(six.recv_from(&mut [0; 2048]).is_ok());
    let rows = [
        (proto::IpVersion::Unspecified, "c=IN IP4 127.0.0.1\r\n"),
        (proto::IpVersion::Ipv4, "c=IN IP4 127.0.0.1\r\n"),
        (proto::IpVersion::Ipv6, "c=IN IP6 ::1\r\n"),
    ];
    for (version, line) in rows {
        let Operation::Negotiate(mut negotiate) = make_offer("b", 1) else { unreachable!() };
        negotiate.intent.as_mut().unwrap().ip_version = version.into();
        let outcome = studio.control.ask(Operation::Negotiate(negotiate)).await;
        let Outcome::Negotiated(negotiated) = outcome else { panic!("{outcome:?}") };
        let sdp = String::from_utf8_lossy(&negotiated.local_description).into_owned();
        assert!(sdp.contains(line), "{version:?}: {sdp}");
        studio.control.ask(close("b")).await;
    }
}

#[tokio::test]
async fn media_that_has_only_ipv4_offers_it_whatever_is_asked_for() {
    let mut studio = Studio::start(&settings(25_470, 4)).await;
    let Operation::Negotiate(mut negotiate) = make_offer("b", 1) else { unreachable!() };
    negotiate.intent.as_mut().unwrap().ip_version = proto::IpVersion::Ipv6.into();
    let outcome = studio.control.ask(Operation::Negotiate(negotiate)).await;
    let Outcome::Negotiated(negotiated) = outcome else { panic!("{outcome:?}") };
    assert!(String::from_utf8_lossy(&negotiated.local_description).contains("c=IN IP4 127.0.0.1\r\n"));
}
