//! Legs that name ports of the node itself: a call to ourselves is carried, a circle dies out.

mod silence;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::{Exchange, OUR_IP, Phone, Sent, description};
use crate::media::core::{
    BridgeKey, BridgeMode, Dropped, EndpointKey, HAIRPINS_MAX, PACKETS_AT_ONCE_MAX, PACKETS_PER_SECOND_MAX,
};
use crate::rtp::HEADER_BYTES;
use crate::sdp::Direction;

/// An exchange whose packets to its own ports come back to it.
struct House {
    exchange: Exchange,
    ports: HashMap<SocketAddr, EndpointKey>,
    bridges: Vec<BridgeKey>,
}

impl House {
    fn new() -> Self {
        Self { exchange: Exchange::new(), ports: HashMap::new(), bridges: Vec::new() }
    }

    /// An endpoint, and its address.
    fn leg(&mut self) -> (EndpointKey, SocketAddr) {
        let key = self.exchange.open();
        let local = self.exchange.fabric.endpoint(key).unwrap().settings().local;
        assert_eq!(local.ip(), SocketAddr::from((OUR_IP, 1)).ip());
        self.ports.insert(local, key);
        (key, local)
    }

    /// Its peer is at this address.
    fn names(&mut self, leg: EndpointKey, generation: u64, address: SocketAddr) {
        self.exchange.answer(leg, generation, &description(address, "0 101", ""), Direction::SendRecv);
    }

    fn bridge(&mut self, mode: BridgeMode, members: &[EndpointKey]) {
        let bridge = self.exchange.fabric.create_bridge("b".into(), 7, mode).unwrap();
        for &member in members {
            self.exchange.fabric.add_member(bridge, member, self.exchange.now).unwrap();
        }
        self.bridges.push(bridge);
    }

    /// Two legs that name each other.
    fn hairpin(&mut self) -> [EndpointKey; 2] {
        let [(a, at_a), (b, at_b)] = [self.leg(), self.leg()];
        self.names(a, 1, at_b);
        self.names(b, 1, at_a);
        [a, b]
    }

    /// Carries what goes to own ports back in until nothing does. Returns all packets that were sent.
    fn settle(&mut self) -> Vec<Sent> {
        let mut all = Vec::new();
        loop {
            let sent = self.exchange.sent();
            if sent.is_empty() {
                return all;
            }
            assert!(all.len() < 100_000, "it goes round");
            for packet in &sent {
                let from = self.exchange.fabric.endpoint(packet.from).unwrap().settings().local;
                if let Some(&to) = self.ports.get(&packet.to) {
                    self.exchange.receive(to, from, &mut packet.bytes.clone());
                }
            }
            all.extend(sent);
        }
    }

    /// A packet comes to a leg from where its peer is said to be.
    fn put_in(&mut self, leg: EndpointKey, sequence: u16) {
        let from = self.exchange.fabric.endpoint(leg).unwrap().destination().unwrap();
        let mut packet = vec![0x80, 0];
        packet.extend(sequence.to_be_bytes());
        packet.extend((u32::from(sequence) * 160).to_be_bytes());
        packet.extend(4711_u32.to_be_bytes());
        packet.extend([0xFF; 160]);
        assert_eq!(packet.len(), HEADER_BYTES + 160);
        self.exchange.receive(leg, from, &mut packet);
    }

    /// The packets sent by one packet put in every 20 ms for so many seconds.
    fn load(&mut self, leg: EndpointKey, seconds: u16) -> usize {
        let mut sent = 0;
        for sequence in 0..seconds * 50 {
            self.put_in(leg, sequence);
            sent += self.settle().len();
            self.exchange.pass(Duration::from_millis(20));
        }
        sent
    }

    fn dropped(&self, reason: Dropped) -> u64 {
        self.exchange.fabric.counters().dropped[reason as usize]
    }
}

#[test]
fn a_packet_in_a_circle_of_any_shape_dies_out() {
    type Build = fn(&mut House) -> EndpointKey;
    let rows: [(&str, Build); 5] = [
        ("a relay whose legs name each other", |house| {
            let legs = house.hairpin();
            house.bridge(BridgeMode::Relay, &legs);
            legs[0]
        }),
        ("two relays in a ring", |house| {
            let [a1, b1] = house.hairpin();
            let [a2, b2] = house.hairpin();
            house.bridge(BridgeMode::Relay, &[a1, a2]);
            house.bridge(BridgeMode::Relay, &[b1, b2]);
            a1
        }),
        ("two echoes that name each other", |house| {
            let [a, b] = house.hairpin();
            house.bridge(BridgeMode::Echo, &[a]);
            house.bridge(BridgeMode::Echo, &[b]);
            a
        }),
        ("seven relays in a ring", |house| {
            let pairs: Vec<_> = (0..7).map(|_| house.hairpin()).collect();
            for n in 0..7 {
                house.bridge(BridgeMode::Relay, &[pairs[n][1], pairs[(n + 1) % 7][0]]);
            }
            pairs[0][0]
        }),
        ("an echo that names itself", |house| {
            let (leg, local) = house.leg();
            house.names(leg, 1, local);
            house.bridge(BridgeMode::Echo, &[leg]);
            leg
        }),
    ];
    for (what, build) in rows {
        let mut house = House::new();
        let leg = build(&mut house);
        house.put_in(leg, 1);
        let sent = house.settle().len();
        assert!(sent <= usize::from(HAIRPINS_MAX) + 1, "{what}: {sent} packets");
        assert!(house.dropped(Dropped::Loop) > 0, "{what}");
        // Nor does it live on what comes in all the time: each packet is dropped where most has passed.
        let sent = house.load(leg, 20);
        assert!(sent <= 1_000 * usize::from(HAIRPINS_MAX), "{what}: {sent} packets for 1000");
        house.exchange.pass(Duration::from_millis(20));
        assert!(house.settle().is_empty(), "{what}");
    }
}

#[test]
fn what_a_playback_puts_into_a_circle_dies_out_too() {
    let mut house = House::new();
    let legs = house.hairpin();
    house.bridge(BridgeMode::Relay, &legs);
    let order = super::playing::tone("p", 440.0, Some(2_000));
    house.exchange.fabric.play(legs[0], order, house.exchange.now).unwrap();
    let mut sent = 0;
    for _ in 0..150 {
        house.exchange.pass(Duration::from_millis(20));
        sent += house.settle().len();
    }
    assert!((100..=100 + 100 + 2 * usize::from(HAIRPINS_MAX)).contains(&sent), "{sent} packets for 100");
}

#[test]
fn the_last_frame_of_a_playback_that_is_stopped_in_a_circle_dies_out_too() {
    let mut house = House::new();
    let legs = house.hairpin();
    house.bridge(BridgeMode::Relay, &legs);
    house.exchange.fabric.play(legs[0], super::playing::tone("p", 440.0, None), house.exchange.now).unwrap();
    for _ in 0..10 {
        house.exchange.pass(Duration::from_millis(20));
        house.settle();
    }
    // While it is played nothing else goes the leg's way, so nothing goes round.
    assert_eq!(house.dropped(Dropped::Loop), 0);
    house.exchange.fabric.stop_play(legs[0], "p").unwrap();
    house.exchange.pass(Duration::from_millis(20));
    assert_eq!(house.settle().len(), usize::from(HAIRPINS_MAX));
    assert_eq!(house.dropped(Dropped::Loop), 1);
}

#[test]
fn a_mesh_does_not_multiply_what_its_own_members_send_each_other() {
    for members in [2, 4, 30] {
        let mut house = House::new();
        let legs: Vec<EndpointKey> = (0..members / 2).flat_map(|_| house.hairpin()).collect();
        house.bridge(BridgeMode::Mesh, &legs);
        house.put_in(legs[0], 1);
        let sent = house.settle().len();
        // Two legs of a hairpin learn from each other's packets: the number grows with every second one.
        let once = 2 * members * (usize::from(HAIRPINS_MAX) + 1);
        assert!(sent <= once, "{members} members: {sent} packets");
        let sent = house.load(legs[0], 20);
        let most = 1_000 * members + 11 * once;
        assert!(sent <= most, "{members} members: {sent} packets for 1000");
    }
}

#[test]
fn a_room_whose_members_hear_each_other_by_our_own_ports_keeps_its_pace() {
    let mut house = House::new();
    let legs = [house.hairpin(), house.hairpin()].concat();
    house.bridge(BridgeMode::Mix, &legs);
    let mut sent = 0;
    for sequence in 0..500 {
        house.put_in(legs[0], sequence);
        house.exchange.pass(Duration::from_millis(20));
        sent += house.settle().len();
    }
    assert!(sent <= 4 * 501, "{sent} packets in 10 s");
}

#[test]
fn calls_to_ourselves_are_carried() {
    // Phone, relay, hairpin, relay, … phone.
    for hairpins in 1..HAIRPINS_MAX {
        let mut house = House::new();
        let mut last = house.leg().0;
        let phones = [1, 2].map(|port| SocketAddr::from(([192, 0, 2, 1], 30_000 + port)));
        house.names(last, 1, phones[0]);
        let first = last;
        for _ in 0..hairpins {
            let [out, back] = house.hairpin();
            house.bridge(BridgeMode::Relay, &[last, out]);
            last = back;
        }
        let (end, _) = house.leg();
        house.names(end, 1, phones[1]);
        house.bridge(BridgeMode::Relay, &[last, end]);
        let mut heard = [0; 2];
        for sequence in 0..500 {
            house.put_in(first, sequence);
            house.put_in(end, sequence);
            for packet in house.settle() {
                for (heard, phone) in heard.iter_mut().zip(phones) {
                    *heard += usize::from(packet.to == phone);
                }
            }
            house.exchange.pass(Duration::from_millis(20));
        }
        assert_eq!(heard, [500; 2], "{hairpins} hairpins");
        assert_eq!(house.dropped(Dropped::Loop), 0);
    }
}

#[test]
fn a_circle_that_is_opened_is_a_call_again() {
    let mut house = House::new();
    let [a, b] = house.hairpin();
    house.bridge(BridgeMode::Relay, &[a, b]);
    house.load(a, 3);
    let phones = [1, 2].map(|port| SocketAddr::from(([192, 0, 2, 1], 30_000 + port)));
    house.names(a, 2, phones[0]);
    house.names(b, 2, phones[1]);
    house.put_in(a, 500);
    assert_eq!(house.settle().len(), 1);
    assert_eq!(house.load(b, 2), 100);
}

#[test]
fn a_flood_of_the_peer_itself_is_cut() {
    let mut exchange = Exchange::new();
    let [mut a, b] = exchange.phones();
    exchange.bridge(BridgeMode::Relay, &[&a, &b]);
    let flood = |exchange: &mut Exchange, a: &mut Phone| {
        for _ in 0..1000 {
            for _ in 0..20 {
                exchange.say(a, &[0xFF; 160]);
            }
            exchange.pass(Duration::from_millis(1));
        }
    };
    flood(&mut exchange, &mut a);
    let passed = b.received(&exchange.sent()).len() as u32;
    assert!(passed.abs_diff(PACKETS_PER_SECOND_MAX + PACKETS_AT_ONCE_MAX) <= 2, "{passed} of 20000");
    let dropped = exchange.fabric.counters().dropped[Dropped::TooMany as usize];
    assert_eq!(dropped, 20_000 - u64::from(passed));
}
