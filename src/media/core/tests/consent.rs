//! Peers that announce addresses that nothing comes from: what is sent there.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Exchange, Phone};
use crate::media::core::{
    BridgeMode, REACHED_PACKETS_MAX, STRANGER_PACKETS_MAX, Signaled, UNASKED_PER_SECOND,
};
use crate::sdp::Direction;

/// Signaling comes from there.
fn signaled(last: u8, reached: bool) -> Signaled {
    Signaled { address: Some([192, 0, 2, last].into()), reached, ..Signaled::default() }
}

/// A talker, and so many phones that never say anything; all in a mesh. How many packets go to the phones' address, in how
/// many seconds of speech.
fn spread(exchange: &mut Exchange, listeners: usize, seconds: usize) -> u64 {
    exchange.peer = Signaled::default();
    let mut talker = exchange.phone("0 101", "").with_tone(440.0);
    talker.address = SocketAddr::from(([198, 51, 100, 77], 4000));
    let offer = super::description(talker.address, "0 101", "");
    exchange.answer(talker.endpoint, 2, &offer, Direction::SendRecv);
    exchange.peer = signaled(66, true);
    let mut members = vec![talker.clone()];
    members.extend((0..listeners).map(|_| exchange.phone("0 101", "")));
    exchange.bridge(BridgeMode::Mesh, &members.iter().collect::<Vec<&Phone>>());
    exchange.sent();
    exchange.talk(&mut [&mut talker], seconds * 50);
    let victim = |sent: &super::Sent| sent.to.ip() == members[1].address.ip();
    exchange.sent().iter().filter(|sent| victim(sent)).count() as u64
}

#[test]
fn a_mesh_of_calls_that_name_somebody_else_sends_him_no_more_than_a_stream() {
    let mut exchange = Exchange::new();
    let arrived = spread(&mut exchange, 31, 20);
    assert!(arrived <= 21 * UNASKED_PER_SECOND + 1, "{arrived} packets in 20 s");
    let withheld = exchange.safeguards.consents.counts().withheld;
    assert_eq!(withheld, 31 * 20 * 50 - arrived);
}

#[test]
fn one_phone_that_only_listens_hears_ten_minutes_wherever_it_signals_from() {
    let mut exchange = Exchange::new();
    assert_eq!(spread(&mut exchange, 1, 720), u64::from(REACHED_PACKETS_MAX));
}

#[test]
fn a_call_that_expects_no_rtp_sends_for_ten_minutes_where_nothing_ever_came_from() {
    // The caller acknowledges, and names somebody else who is only to be sent to; or its engine holds it with music.
    for (lines, direction) in [("a=recvonly\r\n", Direction::SendRecv), ("", Direction::SendOnly)] {
        // Where it signals from; whether it is heard once, how many packets of 15 minutes it is sent.
        let most = u64::from(REACHED_PACKETS_MAX);
        for (signals, speaks, expected) in
            [(66, false, most..=most), (66, true, 44_900..=45_000), (1, false, 44_900..=45_000)]
        {
            let mut exchange = Exchange::new();
            exchange.peer = signaled(signals, true);
            let mut phone = exchange.phone("0 101", "");
            if speaks {
                exchange.say(&mut phone, &[0xFF; 160]);
            }
            let offer = super::description(phone.address, "0 101", lines);
            exchange.answer(phone.endpoint, 2, &offer, direction);
            let order = super::playing::tone("p", 440.0, None);
            exchange.fabric.play(phone.endpoint, order, exchange.now).unwrap();
            exchange.pass(Duration::from_secs(900));
            let sent = exchange.sent().len() as u64;
            assert!(expected.contains(&sent), "{lines:?} {direction:?}: {sent} packets to 192.0.2.{signals}");
            assert_eq!(exchange.events().len(), 1, "the playback's beginning alone: no silence is told");
        }
    }
}

/// Phones that never say anything, each hearing a tone for so many seconds: how many packets go out.
fn play_to(exchange: &mut Exchange, phones: usize, seconds: usize) -> u64 {
    for _ in 0..phones {
        let phone = exchange.phone("0 101", "");
        exchange.fabric.play(phone.endpoint, super::playing::tone("p", 440.0, None), exchange.now).unwrap();
    }
    exchange.pass(Duration::from_secs(seconds as u64));
    exchange.sent().len() as u64
}

#[test]
fn calls_that_are_not_acknowledged_send_to_the_address_that_they_come_from_no_more_than_a_stream() {
    let mut exchange = Exchange::new();
    exchange.peer = signaled(1, false);
    let sent = play_to(&mut exchange, 50, 10);
    assert!(sent <= 11 * UNASKED_PER_SECOND + 1, "{sent} packets");
}

#[test]
fn once_the_peer_is_reached_its_own_address_is_sent_everything() {
    let mut exchange = Exchange::new();
    exchange.peer = signaled(1, true);
    let sent = play_to(&mut exchange, 50, 10);
    assert!(sent >= 50 * 499, "{sent} packets");
    // It turns out later.
    let mut exchange = Exchange::new();
    exchange.peer = signaled(1, false);
    let phone = exchange.phone("0 101", "");
    play_to(&mut exchange, 20, 1);
    exchange.fabric.play(phone.endpoint, super::playing::tone("p", 440.0, None), exchange.now).unwrap();
    exchange.fabric.peer_reached(phone.endpoint).unwrap();
    exchange.pass(Duration::from_secs(10));
    let mine = exchange.sent().iter().filter(|sent| sent.from == phone.endpoint).count();
    assert!(mine >= 499, "{mine} packets");
}

#[test]
fn a_peer_that_is_heard_is_sent_everything_and_others_at_its_host_more() {
    let mut exchange = Exchange::new();
    exchange.peer = signaled(66, true);
    let [mut a, b] = exchange.phones();
    exchange.bridge(BridgeMode::Echo, &[&a, &b]);
    for _ in 0..50 {
        exchange.say(&mut a, &[0xFF; 160]);
        exchange.pass(Duration::from_millis(20));
    }
    assert_eq!(a.received(&exchange.sent()).len(), 50);
    let sent = play_to(&mut exchange, 4, 20);
    assert!(sent >= 4 * 990, "{sent} packets to four phones beside one that speaks");
}

#[test]
fn a_packet_that_is_not_the_peers_gives_no_leave() {
    // It says that it is from the announced address, but is of no payload type that was agreed.
    let mut exchange = Exchange::new();
    exchange.peer = signaled(66, false);
    let mut phone = exchange.phone("0 101", "");
    phone.header.payload_type = 77;
    exchange.say(&mut phone, &[0xFF; 160]);
    exchange.fabric.play(phone.endpoint, super::playing::tone("p", 440.0, None), exchange.now).unwrap();
    exchange.pass(Duration::from_secs(20));
    assert_eq!(exchange.sent().len() as u32, STRANGER_PACKETS_MAX);
    phone.header.payload_type = 0;
    exchange.say(&mut phone, &[0xFF; 160]);
    exchange.pass(Duration::from_secs(20));
    assert!(exchange.sent().len() >= 999, "it is heard");
}

#[test]
fn the_owner_that_tells_nothing_of_the_peer_answers_for_it() {
    let mut exchange = Exchange::new();
    let sent = play_to(&mut exchange, 50, 10);
    assert!(sent >= 50 * 499, "{sent} packets");
}
