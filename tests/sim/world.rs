//! Two agents, a network, a clock that jumps from one thing that happens to the next.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use callplane::ground::{Instant, Now, Random, SessionId, WallTime};
use callplane::session::command::Verb;
use callplane::session::event::EndCause;
use callplane::session::media::MediaEvent;
use callplane::shard::Load;
use callplane::shard::io::{Input, Output};

use crate::agent::{Agent, engine_ref};
use crate::coverage::Coverage;
use crate::network::Network;

/// A world that has more steps than this hangs.
const STEPS_MAX: u32 = 20_000;

/// What happens at an agent.
#[derive(Debug)]
enum Happening {
    Input(Box<Input>),
    Verb(SessionId, Verb),
    Media(SessionId, MediaEvent),
    /// Media's reply: it is not there any more when media was lost since.
    Reply(u32, Box<Input>),
    MediaLost,
}

/// The world of one seed.
pub struct World {
    seed: u64,
    loud: bool,
    now: Now,
    random: Random,
    network: Network,
    agents: [Agent; 2],
    /// How often each agent's media was lost.
    losses: [u32; 2],
    /// By time, then by order of coming.
    queue: BinaryHeap<Reverse<(Instant, u64)>>,
    happenings: BTreeMap<u64, (usize, Happening)>,
    drawn: u64,
    troubled: bool,
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

impl World {
    pub fn new(seed: u64, loud: bool) -> Self {
        let mut random = Random::from_key([seed, 0x73_69_6d]);
        let network = Network::draw(&mut random);
        let agents = [
            Agent::new('A', ([192, 0, 2, 1], 5060).into(), &mut random),
            Agent::new('B', ([192, 0, 2, 2], 5060).into(), &mut random),
        ];
        let now = Now { mono: Instant::ZERO, wall: WallTime::from_unix_millis(1_800_000_000_000) };
        let mut world = Self {
            seed,
            loud,
            now,
            random,
            network,
            agents,
            losses: [0; 2],
            queue: BinaryHeap::new(),
            happenings: BTreeMap::new(),
            drawn: 0,
            troubled: false,
        };
        world.begin();
        world
    }

    pub fn record(&mut self) {
        self.agents.iter_mut().for_each(|agent| agent.tape = Some(Vec::new()));
    }

    pub fn replay(&mut self) {
        self.agents.iter_mut().for_each(Agent::replay);
    }

    fn begin(&mut self) {
        self.say(&format!("{:?}", self.network));
        for agent in 0..2 {
            let sessions_max = (self.random.below(10) == 0).then_some(1);
            if self.random.below(30) != 0 {
                let attached = Agent::attached(sessions_max);
                self.later(ms(0), agent, Happening::Input(Box::new(attached)));
            }
        }
        for call in 0..=self.random.below(3) {
            let caller = self.random.below(2) as usize;
            let by_name = self.random.below(4) == 0;
            let target = if by_name {
                "sip:echo@peer.example".into()
            } else {
                format!("sip:echo@{}", self.agents[1 - caller].address)
            };
            let session = SessionId::parse(&format!("call-{call}")).expect("an id");
            for (after, session, verb) in self.agents[caller].engine.call(&session, &target) {
                self.later(after, caller, Happening::Verb(session, verb));
            }
        }
        self.draw_trouble();
    }

    /// In a few worlds something greater goes wrong.
    fn draw_trouble(&mut self) {
        let at = ms(self.random.below(30_000));
        let agent = self.random.below(2) as usize;
        let trouble = match self.random.below(30) {
            0 | 1 => Happening::MediaLost,
            2 => Happening::Input(Box::new(Input::EngineGone(engine_ref()))),
            3 => Happening::Input(Box::new(Input::HangUpAll)),
            4 => Happening::Input(Box::new(Input::Drain)),
            _ => return,
        };
        self.troubled = true;
        self.later(at, agent, trouble);
    }

    /// Until nothing is left to happen.
    pub fn live(&mut self) -> Coverage {
        for _ in 0..STEPS_MAX {
            let next = self.queue.peek().map(|Reverse((at, _))| *at);
            let timers = self.agents.iter().map(|agent| agent.shard.poll_timeout());
            let timer = timers.enumerate().filter_map(|(agent, at)| Some((at?, agent))).min();
            match (next, timer) {
                (None, None) => return self.end(),
                (Some(at), Some((due, agent))) if due < at => self.time_up(due, agent),
                (None, Some((due, agent))) => self.time_up(due, agent),
                (Some(_), _) => self.happen(),
            }
            self.check();
        }
        panic!("{} steps, and still something happens at {}", STEPS_MAX, self.now.mono);
    }

    fn time_up(&mut self, due: Instant, agent: usize) {
        self.advance(due);
        let outputs = self.agents[agent].step(None, self.now);
        self.act(agent, outputs);
    }

    fn advance(&mut self, to: Instant) {
        self.now = self.now.advanced(to.since(self.now.mono));
    }

    fn happen(&mut self) {
        let Some(Reverse((at, number))) = self.queue.pop() else { return };
        let Some((agent, happening)) = self.happenings.remove(&number) else { return };
        self.advance(at);
        let input = match happening {
            Happening::Input(input) => *input,
            Happening::Verb(session, verb) => self.agents[agent].command(session, verb),
            Happening::Media(session, event) if self.agents[agent].media.still_true(&session, &event) => {
                Input::MediaEvent { session, event }
            }
            Happening::Reply(losses, input) if losses == self.losses[agent] => *input,
            Happening::Media(..) | Happening::Reply(..) => return,
            Happening::MediaLost => {
                self.losses[agent] += 1;
                self.agents[agent].media.lose();
                Input::MediaLost
            }
        };
        self.show_input(agent, &input);
        let outputs = self.agents[agent].step(Some(input), self.now);
        self.act(agent, outputs);
    }

    fn later(&mut self, after: Duration, agent: usize, happening: Happening) {
        self.drawn += 1;
        self.queue.push(Reverse((self.now.mono + after, self.drawn)));
        self.happenings.insert(self.drawn, (agent, happening));
    }

    fn act(&mut self, agent: usize, outputs: Vec<Output>) {
        for output in outputs {
            self.show_output(agent, &output);
            match output {
                Output::Transmit { flow, bytes, .. } => self.transmit(agent, flow.remote, bytes),
                Output::Event { engine, event } => {
                    assert_eq!(engine, engine_ref());
                    self.agents[agent].ledger.heard(&event);
                    for (after, session, verb) in self.agents[agent].engine.hears(&event) {
                        self.later(after, agent, Happening::Verb(session, verb));
                    }
                }
                Output::CommandReply { ticket, result } => {
                    self.agents[agent].ledger.replied(ticket, result.is_ok());
                }
                Output::Media { request, session, body, .. } => {
                    self.ask_media(agent, request, session, &body)
                }
                Output::SessionOpened { session } => self.agents[agent].ledger.opened(&session),
                Output::SessionClosed { session, .. } => {
                    self.agents[agent].ledger.closed(&session);
                    assert!(!self.agents[agent].media.knows(&session), "{session} left its endpoint behind");
                }
                Output::Resolve { query, .. } => self.look_up(agent, query),
                Output::Views { .. } | Output::BridgeChanged { .. } => {}
            }
        }
    }

    fn transmit(&mut self, agent: usize, to: std::net::SocketAddr, bytes: bytes::Bytes) {
        self.agents[agent].ledger.sent(&bytes);
        let peer = 1 - agent;
        if to != self.agents[peer].address {
            return;
        }
        for after in self.network.deliveries(self.now.mono, &mut self.random) {
            let input = Agent::received(bytes.clone(), self.agents[agent].address);
            self.later(after, peer, Happening::Input(Box::new(input)));
        }
    }

    /// Most names are found, some late; where the network is bad a few are not, or nothing is heard of them.
    fn look_up(&mut self, agent: usize, query: u64) {
        let peer = self.agents[1 - agent].address;
        let lot = self.random.below(20);
        let result = match if self.network.is_good() { 20 } else { lot } {
            0 => return,
            1 => Err("drawn".to_owned()),
            _ => Ok(vec![peer]),
        };
        let after = ms(self.random.below(1_500));
        self.later(after, agent, Happening::Input(Box::new(Input::Resolved { query, result })));
    }

    fn ask_media(
        &mut self,
        agent: usize,
        request: u64,
        session: SessionId,
        body: &callplane::session::media::MediaRequest,
    ) {
        let response = self.agents[agent].media.ask(&session, body);
        if let Some((after, result)) = response.reply {
            let input = Box::new(Input::MediaReply { request, result });
            self.later(after, agent, Happening::Reply(self.losses[agent], input));
        }
        for (after, event) in response.events {
            self.later(after, agent, Happening::Media(session.clone(), event));
        }
    }

    fn check(&self) {
        for agent in &self.agents {
            assert!(agent.media.violations.is_empty(), "{:?}", agent.media.violations);
            assert_eq!(agent.shard.counters().intents_refused, 0, "a leg refused an intent");
        }
    }

    fn end(&mut self) -> Coverage {
        let mut coverage = Coverage::default();
        for agent in &self.agents {
            assert_eq!(agent.shard.load(), Load::default(), "nothing is left");
            assert_eq!(agent.media.endpoints(), 0, "no endpoint is left");
            agent.ledger.close();
            coverage.connected += agent.ledger.connected;
            for (kind, count) in &agent.ledger.succeeded {
                *coverage.succeeded.entry(kind).or_default() += count;
            }
            for cause in agent.ledger.causes() {
                *coverage.causes.entry(format!("{cause:?}")).or_default() += 1;
            }
        }
        if self.is_good() {
            self.check_good();
        }
        if !self.troubled && self.agents.iter().all(|agent| agent.media.is_good()) {
            coverage.agreed += self.check_agreement();
        }
        self.say(&format!("over at {}: {coverage:?}", self.now.mono));
        coverage
    }

    fn is_good(&self) -> bool {
        self.network.is_good() && !self.troubled && self.agents.iter().all(|agent| agent.media.is_good())
    }

    /// Where nothing goes wrong no call ends as if something had. But one that is given up while its 200 waits for an
    /// answer gets an ACK without one, and a request that crosses a BYE finds no dialog.
    fn check_good(&self) {
        for cause in self.agents.iter().flat_map(|agent| agent.ledger.causes()) {
            let fault = matches!(cause, EndCause::AckTimeout | EndCause::NetworkFailure)
                || cause == EndCause::MediaFailure
                    && self.agents.iter().all(|agent| !agent.engine.delays_offers);
            assert!(!fault, "{cause:?} in a world where nothing goes wrong");
        }
    }

    /// Whatever the network did: both ends of a call had the same offer and answer in force when it was hung up.
    fn check_agreement(&self) -> u32 {
        let [ours, theirs] = self.agents.each_ref().map(|agent| agent.ledger.undisturbed());
        let both = ours.iter().filter_map(|(call_id, our)| Some((*our, *theirs.get(call_id)?)));
        let pairs = both.map(|(our, their)| {
            let in_force = |agent: &Agent, session| agent.media.last_in_force.get(session).cloned().flatten();
            let (one, other) = (in_force(&self.agents[0], our), in_force(&self.agents[1], their));
            assert_eq!(one, other, "what is in force at the ends {our} and {their}");
        });
        u32::try_from(pairs.count()).unwrap_or(u32::MAX)
    }

    fn say(&self, what: &str) {
        if self.loud {
            println!("seed {} {}: {what}", self.seed, self.now.mono);
        }
    }

    fn show_input(&self, agent: usize, input: &Input) {
        if self.loud {
            let name = ["A", "B"][agent];
            match input {
                Input::Received { bytes, .. } => self.say(&format!("{name} <- {}", first_line(bytes))),
                Input::MediaReply { request, result } if result.is_ok() => {
                    self.say(&format!("{name} <- media reply {request}"));
                }
                other => self.say(&format!("{name} <- {other:?}")),
            }
        }
    }

    fn show_output(&self, agent: usize, output: &Output) {
        if self.loud {
            let name = ["A", "B"][agent];
            match output {
                Output::Transmit { bytes, .. } => self.say(&format!("{name} -> {}", first_line(bytes))),
                Output::Event { event, .. } => {
                    self.say(&format!("{name} ** {:?} {:?}", event.session, event.payload))
                }
                other => self.say(&format!("{name} -> {other:?}")),
            }
        }
    }
}

fn first_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let line = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    format!("{} | {}", text.lines().next().unwrap_or_default(), line("CSeq"))
}
