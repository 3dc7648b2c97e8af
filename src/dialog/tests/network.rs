//! Three agents on one network under virtual time: datagrams are lost, doubled and late as a seed decides. What is sent
//! to [`FORK`] reaches the second and the third agent, as through a proxy that forks.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use super::bench::listener;
use crate::dialog::{Census, DialogSettings, LegIntentError, Legs, Output};
use crate::ground::leg::{LegEvent, LegId, LegIntent};
use crate::ground::{Flow, Instant, ListenerId, Now, Random, Transport};
use crate::sip::{Limits, Message};
use crate::transaction::{self, TransactionSettings, Transactions};

pub const FORK: &str = "198.51.100.9";

/// One user agent: the floors, and what its legs have told.
pub struct Agent {
    pub legs: Legs,
    pub transactions: Transactions,
    pub events: Vec<(LegId, LegEvent)>,
    address: SocketAddr,
}

/// What the network does to a datagram.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    pub lost_percent: u64,
    pub doubled_percent: u64,
    pub delay_ms_max: u64,
    /// Some of its bytes are changed.
    pub garbled_percent: u64,
}

pub const FAIR: Weather =
    Weather { lost_percent: 0, doubled_percent: 0, delay_ms_max: 0, garbled_percent: 0 };

pub struct World {
    pub agents: [Agent; 3],
    pub now: Now,
    pub random: Random,
    pub weather: Weather,
    /// Datagrams on the way, by time of arrival and order of sending: receiver, sender, bytes.
    wire: BTreeMap<(Instant, u64), (usize, SocketAddr, Bytes)>,
    sent: u64,
}

fn host(agent: usize) -> String {
    format!("198.51.100.{}", agent + 1)
}

fn agent(at: usize, random: &mut Random) -> Agent {
    let mut ours = listener(0, Transport::Udp, false);
    ours.host = host(at);
    let settings = DialogSettings { listeners: vec![ours], ..DialogSettings::default() };
    Agent {
        transactions: Transactions::new(TransactionSettings::default(), random),
        legs: Legs::new(settings, random.fork()),
        events: Vec::new(),
        address: format!("{}:5060", host(at)).parse().expect("an address"),
    }
}

impl World {
    pub fn new(seed: u64, weather: Weather) -> Self {
        let mut random = Random::from_key([seed, 0x5eed]);
        let agents = [0, 1, 2].map(|at| agent(at, &mut random));
        Self { agents, now: Now::default(), random, weather, wire: BTreeMap::new(), sent: 0 }
    }

    pub fn intent(&mut self, agent: usize, leg: LegId, intent: LegIntent) -> Result<(), LegIntentError> {
        let Agent { legs, transactions, .. } = &mut self.agents[agent];
        let result = legs.intent(leg, intent, transactions, self.now);
        self.drain(agent);
        result
    }

    pub fn hang_up_all(&mut self) {
        for at in 0..self.agents.len() {
            let Agent { legs, transactions, .. } = &mut self.agents[at];
            legs.clear(transactions, self.now);
            self.drain(at);
        }
    }

    fn drain(&mut self, at: usize) {
        loop {
            let agent = &mut self.agents[at];
            if let Some(output) = agent.transactions.poll_output() {
                match output {
                    transaction::Output::Transmit { flow, bytes, .. } => self.send(at, flow.remote, &bytes),
                    transaction::Output::ToUser(event) => {
                        agent.legs.transaction(event, &mut agent.transactions, self.now);
                    }
                }
            } else if let Some(output) = agent.legs.poll_output() {
                match output {
                    Output::Event { leg, event } => agent.events.push((leg, event)),
                    Output::Resolve { query, host, .. } => {
                        assert!(self.weather.garbled_percent > 0, "{host} is to be looked up");
                        agent.legs.resolved(query, &Err(host), &mut agent.transactions, self.now);
                    }
                }
            } else {
                return;
            }
        }
    }

    fn send(&mut self, from: usize, to: SocketAddr, bytes: &Bytes) {
        let sender = self.agents[from].address;
        let receivers: &[usize] = match to.ip().to_string().as_str() {
            FORK => &[1, 2],
            "198.51.100.1" => &[0],
            "198.51.100.2" => &[1],
            "198.51.100.3" => &[2],
            _ => &[],
        };
        for receiver in receivers {
            let copies = 1 + u64::from(self.random.below(100) < self.weather.doubled_percent);
            for _ in 0..copies {
                if self.random.below(100) < self.weather.lost_percent {
                    continue;
                }
                let delay = self.random.below(self.weather.delay_ms_max + 1);
                let bytes = self.garbled(bytes);
                self.sent += 1;
                let arrival = self.now.mono + Duration::from_millis(delay);
                self.wire.insert((arrival, self.sent), (*receiver, sender, bytes));
            }
        }
    }

    fn garbled(&mut self, bytes: &Bytes) -> Bytes {
        if self.random.below(100) >= self.weather.garbled_percent {
            return bytes.clone();
        }
        let mut changed = bytes.to_vec();
        for _ in 0..=self.random.below(3) {
            let (from, to) =
                (self.random.below(changed.len() as u64), self.random.below(changed.len() as u64));
            changed[to as usize] = match self.random.below(3) {
                0 => self.random.next_u32() as u8,
                1 => b"\r\n :;,<>\"=@"[self.random.below(11) as usize],
                _ => changed[from as usize],
            };
        }
        Bytes::from(changed)
    }

    /// When something happens next.
    fn next(&self) -> Option<Instant> {
        let timers = self
            .agents
            .iter()
            .flat_map(|agent| [agent.transactions.poll_timeout(), agent.legs.poll_timeout()]);
        timers.flatten().chain(self.wire.keys().next().map(|(at, _)| *at)).min()
    }

    /// Lets this much time pass.
    pub fn advance(&mut self, by: Duration) {
        let end = self.now.advanced(by);
        while let Some(next) = self.next().filter(|next| *next <= end.mono) {
            self.now = self.now.advanced(next.since(self.now.mono));
            while let Some(entry) = self.wire.first_entry().filter(|entry| entry.key().0 <= self.now.mono) {
                let (to, from, bytes) = entry.remove();
                self.deliver(to, from, bytes);
            }
            for at in 0..self.agents.len() {
                self.agents[at].transactions.handle_timeout(self.now);
                self.drain(at);
                let Agent { legs, transactions, .. } = &mut self.agents[at];
                legs.handle_timeout(transactions, self.now);
                self.drain(at);
            }
        }
        self.now = end;
    }

    fn deliver(&mut self, to: usize, from: SocketAddr, bytes: Bytes) {
        let flow =
            Flow { transport: Transport::Udp, listener: ListenerId(0), remote: from, connection: None };
        match Message::parse(bytes, &Limits::default()) {
            Ok(message) => self.agents[to].transactions.receive(message, flow, self.now),
            Err(error) => assert!(self.weather.garbled_percent > 0, "we write what can be read: {error}"),
        }
        self.drain(to);
    }

    /// Takes what an agent's legs have told.
    pub fn told(&mut self, agent: usize) -> Vec<(LegId, LegEvent)> {
        std::mem::take(&mut self.agents[agent].events)
    }

    /// Shows that after all timers nothing is left anywhere.
    pub fn assert_empty(&mut self, seed: u64) {
        self.advance(Duration::from_secs(400));
        for (at, agent) in self.agents.iter().enumerate() {
            assert_eq!(agent.legs.census(), Census::default(), "seed {seed}, agent {at}");
            assert_eq!(agent.transactions.len(), 0, "seed {seed}, agent {at}: transactions");
            assert_eq!(agent.transactions.timers(), 0, "seed {seed}, agent {at}: timers");
            assert_eq!(agent.legs.counters().legs_opened, agent.legs.counters().legs_closed, "seed {seed}");
        }
    }
}
