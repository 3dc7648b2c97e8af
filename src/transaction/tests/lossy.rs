//! Two layers with a bad network between them: one asks, the other answers, and both agree on what happened.

use std::collections::{BTreeMap, HashMap};

use super::*;
use crate::sip::ResponseBuilder;

/// Datagrams under way, by arrival and order of sending: `true` is towards the server.
type Network = BTreeMap<(Instant, u64), (bool, Bytes)>;

struct World {
    client: Transactions,
    server: Transactions,
    network: Network,
    random: Random,
    now: Now,
    sent: u64,
    /// Datagrams lost, of a hundred.
    loss: u64,
    /// What the client was told of each request: final statuses and failures.
    results: HashMap<TransactionId, Vec<String>>,
    ended: HashMap<TransactionId, u32>,
    /// How often the server was told of each branch.
    asked: HashMap<String, u32>,
}

impl World {
    fn new(seed: u64, loss: u64) -> Self {
        let mut random = Random::from_key([seed, 7]);
        let mut layer = || Transactions::new(TransactionSettings::default(), &mut random);
        let (client, server) = (layer(), layer());
        Self {
            client,
            server,
            network: Network::new(),
            random,
            now: Now::default(),
            sent: 0,
            loss,
            results: HashMap::new(),
            ended: HashMap::new(),
            asked: HashMap::new(),
        }
    }

    /// Sends, twice now and then, each time with a delay of its own; or not at all. Delays stay below 500 ms: timer J
    /// outlasts the last repetition of a request by no more than that.
    fn post(&mut self, to_server: bool, bytes: &Bytes) {
        let copies = if self.random.below(10) == 0 { 2 } else { 1 };
        for _ in 0..copies {
            self.sent += 1;
            if self.random.below(100) >= self.loss {
                let slow = if self.random.below(8) == 0 { 450 } else { 40 };
                let at = self.now.mono + ms(1 + self.random.below(slow));
                self.network.insert((at, self.sent), (to_server, bytes.clone()));
            }
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Transmit { bytes, .. } => self.post(true, &bytes),
                Output::ToUser(TransactionEvent::Response { id, response, .. }) => {
                    if response.status().is_final() {
                        self.results.entry(id).or_default().push(response.status().code().to_string());
                    }
                }
                Output::ToUser(TransactionEvent::Failed { id, error }) => {
                    self.results.entry(id).or_default().push(format!("{error:?}"));
                }
                Output::ToUser(TransactionEvent::Terminated { id }) => {
                    *self.ended.entry(id).or_default() += 1
                }
                Output::ToUser(event) => panic!("{event:?}"),
            }
        }
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Transmit { bytes, .. } => self.post(false, &bytes),
                Output::ToUser(TransactionEvent::Request { id, request, .. }) => self.answer(id, &request),
                // An ACK that comes after its transaction's end is for whoever knows its tag.
                Output::ToUser(
                    TransactionEvent::ServerFailed { .. }
                    | TransactionEvent::Terminated { .. }
                    | TransactionEvent::Ack { .. },
                ) => {}
                Output::ToUser(event) => panic!("{event:?}"),
            }
        }
    }

    fn answer(&mut self, id: TransactionId, request: &Request) {
        let branch = request.headers().top_via().unwrap().branch.unwrap().to_owned();
        *self.asked.entry(branch).or_default() += 1;
        let tag = self.server.to_tag(request);
        let codes: &[u16] = if request.method() == &Method::Invite { &[180, 486] } else { &[200] };
        for code in codes {
            let response = ResponseBuilder::to_request(request, fixture::status(*code)).to_tag(&tag);
            self.server.respond(id, &response.build().unwrap(), self.now).unwrap();
        }
    }

    /// Until nothing is under way and no timer runs.
    fn run(&mut self) {
        self.drain();
        loop {
            let arrival = self.network.keys().next().map(|key| key.0);
            let wakes = [arrival, self.client.poll_timeout(), self.server.poll_timeout()];
            let Some(next) = wakes.into_iter().flatten().min() else { return };
            self.now = self.now.advanced(next.since(self.now.mono));
            while let Some(entry) = self.network.first_entry().filter(|entry| entry.key().0 <= next) {
                let (to_server, bytes) = entry.remove();
                let message = Message::parse(bytes, &Limits::default()).unwrap();
                let layer = if to_server { &mut self.server } else { &mut self.client };
                layer.receive(message, udp_flow(), self.now);
                self.drain();
            }
            self.client.handle_timeout(self.now);
            self.server.handle_timeout(self.now);
            self.drain();
        }
    }
}

/// Ten requests through a network that loses so many of a hundred datagrams. Returns how many were answered.
fn exchange(seed: u64, loss: u64) -> usize {
    let mut world = World::new(seed, loss);
    let mut ids = Vec::new();
    for n in 0..10 {
        let method = if n % 2 == 0 { "INVITE" } else { "OPTIONS" };
        let request = as_request(&request_text(method, &format!("z9hG4bK-{n}"), n + 1, None));
        ids.push((method, world.client.send_request(request, udp_flow(), world.now).unwrap()));
    }
    world.run();
    // An INVITE whose refusals were all lost still rings: the user gives up.
    for (_, id) in &ids {
        let _ = world.client.cancel(*id, &[], world.now);
    }
    world.run();
    assert!(world.client.is_empty() && world.server.is_empty(), "seed {seed}: something is left");
    assert_eq!(world.client.timers() + world.server.timers(), 0, "seed {seed}");
    let mut answered = 0;
    for (method, id) in ids {
        assert_eq!(world.ended.get(&id), Some(&1), "seed {seed}: the end of {method} is told once");
        let results = world.results[&id].iter().map(String::as_str).collect::<Vec<_>>();
        match (method, results.as_slice()) {
            ("INVITE", ["486"]) | ("OPTIONS", ["200"]) => answered += 1,
            (_, ["Timeout"]) | ("INVITE", ["Cancelled"]) => {}
            (_, other) => panic!("seed {seed}: {method} came to {other:?}"),
        }
    }
    assert!(world.asked.values().all(|times| *times == 1), "seed {seed}: {:?}", world.asked);
    answered
}

#[test]
fn every_request_is_asked_once_and_answered_once_through_a_bad_network() {
    for seed in 0..300 {
        assert_eq!(exchange(seed, 0), 10, "seed {seed}: nothing was lost");
        exchange(seed, 30);
        exchange(seed, 70);
    }
}

#[test]
fn a_third_of_all_datagrams_may_be_lost_and_hardly_a_request_fails() {
    let answered: usize = (0..300).map(|seed| exchange(seed, 33)).sum();
    assert!(answered > 2900, "{answered} of 3000");
}
