//! Legs that hear each other by our own ports: they are up as long as somebody outside is heard by way of them.

use std::net::SocketAddr;
use std::time::Duration;

use super::House;
use crate::media::core::tests::{RTP_TIMEOUT, playing};
use crate::media::core::{BridgeMode, EndpointKey, Event};

impl House {
    fn plays(&mut self, leg: EndpointKey) {
        let now = self.exchange.now;
        self.exchange.fabric.play(leg, playing::tone("p", 440.0, None), now).unwrap();
    }

    /// A leg whose peer is a phone elsewhere.
    fn phone(&mut self, number: u16) -> EndpointKey {
        let (leg, _) = self.leg();
        self.names(leg, 1, SocketAddr::from(([192, 0, 2, 1], 30_000 + 2 * number)));
        leg
    }

    /// Time passes, and what goes to own ports comes back. These phones talk. How many endpoints tell that they hear nothing
    /// more, and how many that they do again.
    fn tells(&mut self, talkers: &[EndpointKey], first: u16, time: Duration) -> (usize, usize) {
        let frames = u16::try_from(time.as_millis() / 20).unwrap();
        let mut told = (0, 0);
        for sequence in first..first + frames {
            for &talker in talkers {
                self.put_in(talker, sequence);
            }
            self.settle();
            self.exchange.pass(Duration::from_millis(20));
            self.settle();
            for event in self.exchange.events() {
                told.0 += usize::from(matches!(event, Event::RtpSilent { .. }));
                told.1 += usize::from(matches!(event, Event::RtpBack { .. }));
            }
        }
        told
    }
}

#[test]
fn legs_that_hear_nothing_but_each_other_tell_that_they_hear_nothing() {
    type Build = fn(&mut House) -> usize;
    let rows: [(&str, Build); 7] = [
        ("two tones", |house| {
            house.hairpin().into_iter().for_each(|leg| house.plays(leg));
            2
        }),
        ("a tone and an echo", |house| {
            let [a, b] = house.hairpin();
            house.plays(a);
            house.bridge(BridgeMode::Echo, &[b]);
            2
        }),
        ("two echoes", |house| {
            let [a, b] = house.hairpin();
            house.bridge(BridgeMode::Echo, &[a]);
            house.bridge(BridgeMode::Echo, &[b]);
            house.put_in(a, 1);
            2
        }),
        ("two members of one room", |house| {
            let legs = house.hairpin();
            house.bridge(BridgeMode::Mix, &legs);
            2
        }),
        ("two rooms", |house| {
            let ([a, b], [c, d]) = (house.hairpin(), house.hairpin());
            house.bridge(BridgeMode::Mix, &[a, c]);
            house.bridge(BridgeMode::Mix, &[b, d]);
            4
        }),
        ("a tone into a mesh in a ring", |house| {
            let [(a, at_a), (b, at_b), (c, at_c)] = [house.leg(), house.leg(), house.leg()];
            for (leg, named) in [(a, at_b), (b, at_c), (c, at_a)] {
                house.names(leg, 1, named);
            }
            house.bridge(BridgeMode::Mesh, &[a, b, c]);
            house.plays(a);
            3
        }),
        ("a tone that names itself", |house| {
            let (leg, local) = house.leg();
            house.names(leg, 1, local);
            house.plays(leg);
            1
        }),
    ];
    for (what, build) in rows {
        let mut house = House::new();
        let legs = build(&mut house);
        assert_eq!(house.tells(&[], 1, RTP_TIMEOUT - Duration::from_secs(1)), (0, 0), "{what}");
        assert_eq!(house.tells(&[], 1, Duration::from_secs(2)), (legs, 0), "{what}");
        assert_eq!(house.tells(&[], 1, Duration::from_secs(40)), (0, 0), "{what}: once");
    }
}

#[test]
fn calls_that_pass_our_own_ports_last_as_long_as_somebody_talks() {
    type Build = fn(&mut House) -> (Vec<EndpointKey>, usize);
    let rows: [(&str, Build); 4] = [
        ("two phones by two relays", |house| {
            let (phones, [out, back]) = ([house.phone(1), house.phone(2)], house.hairpin());
            house.bridge(BridgeMode::Relay, &[phones[0], out]);
            house.bridge(BridgeMode::Relay, &[phones[1], back]);
            (phones.to_vec(), 4)
        }),
        ("two phones by two rooms", |house| {
            let (phones, [out, back]) = ([house.phone(1), house.phone(2)], house.hairpin());
            house.bridge(BridgeMode::Mix, &[phones[0], out]);
            house.bridge(BridgeMode::Mix, &[phones[1], back]);
            (phones.to_vec(), 4)
        }),
        ("two phones by a mesh and a room", |house| {
            let (phones, [out, back]) = ([house.phone(1), house.phone(2)], house.hairpin());
            house.bridge(BridgeMode::Mesh, &[phones[0], out]);
            house.bridge(BridgeMode::Mix, &[phones[1], back]);
            (phones.to_vec(), 4)
        }),
        ("a phone and a tone", |house| {
            let (phone, [out, back]) = (house.phone(1), house.hairpin());
            house.bridge(BridgeMode::Relay, &[phone, out]);
            house.plays(back);
            (vec![phone], 3)
        }),
    ];
    for (what, build) in rows {
        let mut house = House::new();
        let (phones, legs) = build(&mut house);
        assert_eq!(house.tells(&phones, 1, 3 * RTP_TIMEOUT), (0, 0), "{what}");
        // They stop, and begin again.
        assert_eq!(house.tells(&[], 1, RTP_TIMEOUT + Duration::from_secs(2)), (legs, 0), "{what}");
        assert_eq!(house.tells(&phones, 4_501, Duration::from_secs(1)), (0, legs), "{what}");
    }
}
