//! Who is heard and who is sent to, where the owner tells what it knows of the peer.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use callplane::media::core::{HAIRPINS_MAX, UNASKED_PER_SECOND};
use callplane::proto::media::v1 as proto;
use callplane::proto::media::v1::BridgeMode;
use callplane::proto::media::v1::reply::Result as Outcome;
use callplane::proto::media::v1::request::Operation;
use callplane::rtp::{HEADER_BYTES, Header};

use crate::harness::{Studio, answer_offer, commit, play_tone, settings, until};
use crate::phone::Phone;

/// The reasons of `workers.dropped` that are looked at.
const FOREIGN: usize = 7;
const LOOP: usize = 15;

/// The peer signals from 127.0.0.1.
fn signaled(operation: Operation, reached: bool) -> Operation {
    let Operation::Negotiate(negotiate) = operation else { return operation };
    let peer = proto::Peer { address: "127.0.0.1".into(), reached, ..proto::Peer::default() };
    Operation::Negotiate(proto::Negotiate { peer: Some(peer), ..negotiate })
}

/// An endpoint whose peer says that it is there, in force. Its own address.
async fn answered(studio: &mut Studio, id: &str, generation: u64, offer: &str, reached: bool) -> SocketAddr {
    let asked = signaled(answer_offer(id, generation, offer, proto::Direction::Sendrecv), reached);
    let outcome = studio.control.ask(asked).await;
    let Outcome::Negotiated(negotiated) = outcome else { panic!("{outcome:?}") };
    studio.control.done(commit(id, generation)).await;
    negotiated.facts.unwrap().local_address.parse().unwrap()
}

/// Packets of silence in sequence, sent 1 ms apart.
fn send(socket: &UdpSocket, to: SocketAddr, ssrc: u32, sequences: std::ops::Range<u16>) {
    for sequence in sequences {
        let timestamp = u32::from(sequence) * 160;
        let header = Header { marker: false, payload_type: 0, sequence, timestamp, ssrc };
        let mut packet = [0xFF; HEADER_BYTES + 160];
        header.write(&mut packet).unwrap();
        socket.send_to(&packet, to).unwrap();
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn socket() -> UdpSocket {
    socket_at("127.0.0.1")
}

fn socket_at(ip: &str) -> UdpSocket {
    let socket = UdpSocket::bind((ip, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    socket
}

/// How many packets have come.
fn came(socket: &UdpSocket) -> usize {
    let mut buffer = [0; 2048];
    std::iter::from_fn(|| socket.recv(&mut buffer).ok()).count()
}

#[tokio::test]
async fn whoever_finds_the_port_of_a_phone_that_only_listens_neither_hears_it_nor_is_heard() {
    let mut studio = Studio::start(&settings(24_700, 8)).await;
    let mut phone = Phone::new("a");
    phone.peer = Some(answered(&mut studio, "a", 1, &phone.description(""), true).await);
    let stranger = socket_at("127.0.0.2");
    send(&stranger, phone.peer.unwrap(), 66, 1..100);
    until("all are refused", || studio.node.snapshot().workers[0].dropped[FOREIGN] == 99).await;
    studio.control.done(play_tone("a", "tone", 440.0, None)).await;
    until("the phone hears the tone", || phone.count() >= 25).await;
    assert!(phone.hears(440.0) > 0.9);
    assert_eq!(came(&stranger), 0);
}

#[tokio::test]
async fn a_phone_behind_a_nat_is_heard_and_followed_when_its_binding_changes() {
    let mut studio = Studio::start(&settings(24_720, 8)).await;
    let offer = Phone::new("a").description("").replace("127.0.0.1", "192.168.1.5");
    let at = answered(&mut studio, "a", 1, &offer, true).await;
    let echo = Operation::CreateBridge(proto::CreateBridge {
        bridge_id: "echo".into(),
        mode: BridgeMode::Echo.into(),
        affinity: String::new(),
    });
    studio.control.done(echo).await;
    studio.control.done(crate::harness::add_member("echo", "a")).await;
    let (before, after, stranger) = (socket(), socket(), socket());
    send(&before, at, 7, 1..31);
    assert_eq!(came(&before), 28);
    // Its NAT has bound it anew; 0.5 s of silence have passed meanwhile, and 0.2 s of reading.
    std::thread::sleep(Duration::from_millis(400));
    send(&stranger, at, 66, 31..61);
    send(&after, at, 7, 31..61);
    assert_eq!((came(&before), came(&stranger), came(&after)), (0, 0, 28));
}

#[tokio::test]
async fn legs_that_name_each_other_in_one_relay_do_not_go_round() {
    let mut studio = Studio::start(&settings(24_740, 8)).await;
    let mut ends = Vec::new();
    for id in ["a", "b"] {
        ends.push(answered(&mut studio, id, 1, &Phone::new(id).description(""), true).await);
    }
    for (id, other) in [("a", ends[1]), ("b", ends[0])] {
        let offer = Phone::new(id).description("");
        let port = offer.lines().find_map(|line| line.strip_prefix("m=audio ")?.split(' ').next()).unwrap();
        let offer = offer.replace(&format!("m=audio {port} "), &format!("m=audio {} ", other.port()));
        answered(&mut studio, id, 2, &offer, true).await;
    }
    studio.control.done(crate::harness::create_bridge("relay", BridgeMode::Relay)).await;
    for id in ["a", "b"] {
        studio.control.done(crate::harness::add_member("relay", id)).await;
    }
    // While the tone is played nothing else goes that way; the frame with which it fades out may.
    studio.control.done(play_tone("a", "tone", 440.0, None)).await;
    until("the other leg hears it", || studio.node.snapshot().workers[0].received >= 25).await;
    let stop = proto::StopPlay { endpoint_id: "a".into(), playback_id: "tone".into() };
    studio.control.done(Operation::StopPlay(stop)).await;
    until("the circle is noticed", || studio.node.snapshot().workers[0].dropped[LOOP] > 0).await;
    let played = |event: &proto::endpoint_event::Event| match event {
        proto::endpoint_event::Event::PlayEnded(ended) => ended.played,
        _ => None,
    };
    let played = studio.control.event("a", played).await;
    let frames = (1000 * played.seconds as u64 + played.nanos as u64 / 1_000_000) / 20;
    // It went round as often as it may, and is gone.
    let received = || studio.node.snapshot().workers[0].received;
    let most = frames + u64::from(HAIRPINS_MAX);
    until("all have come", || received() >= most).await;
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(received(), most, "{frames} frames were played");
}

#[tokio::test]
async fn calls_that_nobody_acknowledged_send_their_hosts_a_streams_worth() {
    let mut studio = Studio::start(&settings(24_760, 64)).await;
    let victim = socket();
    let offer = Phone::new("x").description("");
    let port = offer.lines().find_map(|line| line.strip_prefix("m=audio ")?.split(' ').next()).unwrap();
    let named = victim.local_addr().unwrap().port();
    let offer = offer.replace(&format!("m=audio {port} "), &format!("m=audio {named} "));
    let begin = Instant::now();
    for number in 0..30 {
        let id = format!("e{number}");
        answered(&mut studio, &id, 1, &offer, false).await;
        studio.control.done(play_tone(&id, "tone", 440.0, None)).await;
    }
    until("packets are withheld", || studio.node.snapshot().consent.withheld > 1000).await;
    for number in 0..30 {
        studio.control.close(&format!("e{number}")).await;
    }
    let took = begin.elapsed();
    let (sent, withheld) = (came(&victim), studio.node.snapshot().consent.withheld);
    let most = UNASKED_PER_SECOND + UNASKED_PER_SECOND * took.as_millis() as u64 / 1000 + 1;
    assert!((1..=most).contains(&(sent as u64)), "{sent} in {took:?} were sent, {withheld} were not");
    // One that has shown that it gets what is sent to it.
    answered(&mut studio, "f", 1, &offer, false).await;
    studio.control.done(Operation::PeerReached(proto::PeerReached { endpoint_id: "f".into() })).await;
    let withheld = studio.node.snapshot().consent.withheld;
    studio.control.done(play_tone("f", "tone", 440.0, Some(1000))).await;
    let ended = |event: &proto::endpoint_event::Event| {
        matches!(event, proto::endpoint_event::Event::PlayEnded(_)).then_some(())
    };
    studio.control.event("f", ended).await;
    assert_eq!((came(&victim), studio.node.snapshot().consent.withheld), (50, withheld));
}

#[tokio::test]
async fn after_a_start_old_streams_of_others_find_nobody() {
    let mut settings = settings(24_900, 2);
    settings.port_rest_ms = 0;
    let mut studio = Studio::start(&settings).await;
    // Ports rest for a moment only, and have rested: old phones do not know that their calls are over. Both phones only
    // listen; one of them is behind a NAT. The other peer's old phone goes on sending.
    let behind_nat = Phone::new("b").description("").replace("127.0.0.1", "192.168.1.5");
    let offers = [("a", Phone::new("a").description("")), ("b", behind_nat)];
    let stranger = socket_at("127.0.0.2");
    for (id, offer) in &offers {
        let at = answered(&mut studio, id, 1, offer, true).await;
        studio.control.done(play_tone(id, "tone", 440.0, None)).await;
        send(&stranger, at, 66, 1..51);
    }
    until("all are refused", || studio.node.snapshot().workers[0].dropped[FOREIGN] == 100).await;
    assert_eq!(came(&stranger), 0);
}
