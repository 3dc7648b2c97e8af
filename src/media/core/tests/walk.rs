//! A random walk through everything that can be asked, with datagrams of all kinds in between: nothing panics, nothing
//! is miscounted, nothing is left.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Exchange, description};
use crate::ground::Random;
use crate::media::core::{BridgeKey, BridgeMode, DigitPlan, EndpointKey, Event, Step};
use crate::sdp::Direction;

const DIRECTIONS: [Direction; 4] =
    [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];
const MODES: [BridgeMode; 4] = [BridgeMode::Relay, BridgeMode::Mesh, BridgeMode::Mix, BridgeMode::Echo];
const OFFERS: [(&str, &str); 6] = [
    ("0 8 101", ""),
    ("8", "a=sendonly\r\n"),
    ("0 101", "a=recvonly\r\na=ptime:30\r\n"),
    ("8 0 101", "a=inactive\r\n"),
    ("0", "c=IN IP4 0.0.0.0\r\n"),
    ("18", ""),
];

struct Walk {
    exchange: Exchange,
    random: Random,
    endpoints: Vec<EndpointKey>,
    bridges: Vec<BridgeKey>,
    generation: u64,
    plays: usize,
    ended: usize,
}

impl Walk {
    fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        let place = self.random.below(from.len() as u64) as usize;
        from.get(place).copied()
    }

    fn endpoint(&mut self) -> Option<EndpointKey> {
        let endpoints = std::mem::take(&mut self.endpoints);
        let picked = self.pick(&endpoints);
        self.endpoints = endpoints;
        picked
    }

    fn address(&mut self) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], 4000 + self.random.below(4) as u16))
    }

    /// A datagram: mostly RTP, sometimes cut or garbled.
    fn datagram(&mut self) -> Vec<u8> {
        let payload_type = self.pick(&[0, 8, 101, 77]).unwrap_or(0);
        let length = self.pick(&[0, 1, 80, 160, 240, 480, 2000]).unwrap_or(160);
        let mut datagram = vec![0x80, payload_type, 0, self.random.next_u32() as u8];
        datagram.extend(self.random.next_u32().to_be_bytes());
        datagram.extend((self.random.below(3) as u32).to_be_bytes());
        datagram.extend((0..length).map(|n| n as u8));
        match self.random.below(10) {
            0 => {
                let at = self.random.below(datagram.len() as u64) as usize;
                datagram.truncate(at);
            }
            1 => {
                let at = self.random.below(12.min(datagram.len() as u64)) as usize;
                datagram[at] = self.random.next_u32() as u8;
            }
            _ => {}
        }
        datagram
    }

    fn step(&mut self) -> Option<()> {
        self.generation += 1;
        let generation = self.generation - self.random.below(3);
        let now = self.exchange.now;
        match self.random.below(16) {
            0 if self.endpoints.len() < 12 => {
                let endpoint = self.exchange.open();
                self.endpoints.push(endpoint);
            }
            1 => {
                let endpoint = self.endpoint()?;
                self.exchange.fabric.close(endpoint).unwrap();
                self.endpoints.retain(|&other| other != endpoint);
                assert!(self.exchange.fabric.close(endpoint).is_err());
            }
            2..=4 => {
                let endpoint = self.endpoint()?;
                let (formats, lines) = self.pick(&OFFERS)?;
                let text = description(self.address(), formats, lines);
                let step = match self.random.below(3) {
                    0 => Step::MakeOffer,
                    1 => Step::ApplyAnswer(text.into()),
                    _ => Step::AnswerOffer(text.into()),
                };
                let tag = self.pick(&["", "x", "y"])?;
                let direction = self.pick(&DIRECTIONS)?;
                let _ = self.exchange.negotiate(endpoint, generation, tag, direction, step);
                let _ = self.exchange.fabric.commit(endpoint, generation, tag, now);
            }
            5 => {
                let endpoint = self.endpoint()?;
                let _ = self.exchange.fabric.rollback(endpoint, generation);
                let tag = self.pick(&["", "x", "y"])?;
                let _ = self.exchange.fabric.select_remote(endpoint, tag, now);
            }
            6 if self.bridges.len() < 5 => {
                let mode = self.pick(&MODES)?;
                self.bridges.push(self.exchange.fabric.create_bridge("b".into(), 7, mode).unwrap());
            }
            7 if self.random.below(4) == 0 => {
                let bridge = self.bridges.pop()?;
                self.exchange.fabric.destroy_bridge(bridge).unwrap();
            }
            8..=9 => {
                let (endpoint, bridges) = (self.endpoint()?, self.bridges.clone());
                let bridge = self.pick(&bridges)?;
                let _ = self.exchange.fabric.add_member(bridge, endpoint, now);
            }
            10 => {
                let (endpoint, bridges) = (self.endpoint()?, self.bridges.clone());
                let bridge = self.pick(&bridges)?;
                let _ = self.exchange.fabric.remove_member(bridge, endpoint);
            }
            11 => {
                let endpoint = self.endpoint()?;
                let length = self.pick(&[None, Some(50), Some(0)])?;
                let order = super::playing::tone("p", 440.0, length);
                self.plays += usize::from(self.exchange.fabric.play(endpoint, order, now).is_ok());
            }
            12 => {
                let endpoint = self.endpoint()?;
                let _ = self.exchange.fabric.stop_play(endpoint, "");
            }
            13 => {
                let endpoint = self.endpoint()?;
                let plan =
                    DigitPlan { key: 1, digits: "1#".into(), tone: Duration::ZERO, gap: Duration::ZERO };
                let _ = self.exchange.fabric.send_digits(endpoint, &plan, now);
                self.exchange.fabric.mute(endpoint, generation.is_multiple_of(2)).unwrap();
            }
            14 => {
                let endpoint = self.endpoint()?;
                let moving = self.exchange.fabric.detach(endpoint).unwrap();
                self.endpoints.retain(|&other| other != endpoint);
                self.endpoints.push(self.exchange.fabric.attach(moving, now));
            }
            _ => {
                let pause = self.pick(&[1, 20, 20, 100, 31_000])?;
                self.exchange.pass(Duration::from_millis(pause));
            }
        }
        Some(())
    }

    fn traffic(&mut self) {
        for _ in 0..self.random.below(6) {
            let (from, mut datagram) = (self.address(), self.datagram());
            if let Some(endpoint) = self.endpoint() {
                self.exchange.receive(endpoint, from, &mut datagram);
            }
        }
    }

    fn look(&mut self) {
        for packet in self.exchange.sent() {
            assert!(!packet.to.ip().is_unspecified() && packet.bytes.len() <= 2048);
            assert_eq!(packet.bytes[0] >> 6, 2);
        }
        let ended = |event: &Event| matches!(event, Event::PlayEnded { .. });
        self.ended += self.exchange.events().iter().filter(|event| ended(event)).count();
        let fabric = &self.exchange.fabric;
        assert_eq!(fabric.endpoints(), self.endpoints.len());
        assert_eq!(fabric.bridges(), self.bridges.len());
        assert_eq!(fabric.playbacks(), self.plays - self.ended);
    }
}

#[test]
fn whatever_is_asked_in_whatever_order_nothing_breaks_and_nothing_is_left() {
    for seed in 0..60 {
        let mut walk = Walk {
            exchange: Exchange::new(),
            random: Random::from_key([seed, 77]),
            endpoints: Vec::new(),
            bridges: Vec::new(),
            generation: 3,
            plays: 0,
            ended: 0,
        };
        for _ in 0..400 {
            walk.step();
            walk.traffic();
            walk.look();
        }
        while let Some(endpoint) = walk.endpoints.pop() {
            walk.exchange.fabric.close(endpoint).unwrap();
        }
        while let Some(bridge) = walk.bridges.pop() {
            walk.exchange.fabric.destroy_bridge(bridge).unwrap();
        }
        walk.exchange.pass(Duration::from_secs(60));
        walk.look();
        assert_eq!(walk.exchange.fabric.playbacks(), 0, "seed {seed}");
        assert_eq!(walk.exchange.fabric.poll_timeout(), None, "seed {seed}");
    }
}
