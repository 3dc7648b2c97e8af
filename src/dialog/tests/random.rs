//! Whatever sessions and the network do: every leg ends once, offers and answers fit, and nothing is left.

use std::collections::BTreeMap;
use std::time::Duration;

use super::bench::{invite_to, sdp};
use super::network::{FORK, Weather, World};
use crate::ground::Description;
use crate::ground::leg::{InDialogMethod, Invite, LegEvent, LegId, LegIntent};

/// A session that does what dice say.
#[derive(Default)]
struct Player {
    ended: bool,
    connected: bool,
    /// The offer of ours that waits for its answer.
    offered: Option<Description>,
    /// The offer of the peer's that we are to answer.
    to_answer: Option<Description>,
    /// The peer asked us for an offer.
    asked: bool,
    /// The ACK waits for our answer.
    owes_ack: bool,
    ringing: bool,
}

struct Game {
    world: World,
    seed: u64,
    players: [BTreeMap<LegId, Player>; 3],
    offers: u32,
}

fn answer_to(offer: &Description) -> Description {
    sdp(&format!("answer to {}", String::from_utf8_lossy(&offer.0).replace(['\r', '\n'], " ")))
}

impl Game {
    fn new(seed: u64, garbled_percent: u64) -> Self {
        let mut dice = crate::ground::Random::from_key([seed, 1]);
        let weather = Weather {
            lost_percent: dice.below(40),
            doubled_percent: dice.below(20),
            delay_ms_max: [0, 20, 200, 900][dice.below(4) as usize],
            garbled_percent,
        };
        let players = [BTreeMap::new(), BTreeMap::new(), BTreeMap::new()];
        Self { world: World::new(seed, weather), seed, players, offers: 0 }
    }

    fn dice(&mut self, sides: u64) -> u64 {
        self.world.random.below(sides)
    }

    fn offer(&mut self) -> Description {
        self.offers += 1;
        sdp(&format!("offer {}", self.offers))
    }

    /// Gives an intent; the leg may refuse it, having heard more than the player.
    fn act(&mut self, agent: usize, leg: LegId, intent: LegIntent) -> bool {
        self.world.intent(agent, leg, intent).is_ok()
    }

    fn call(&mut self, agent: usize) {
        let target = [FORK, "198.51.100.2", "198.51.100.3", "198.51.100.1"][self.dice(4) as usize];
        let Ok(leg) = self.world.agents[agent].legs.open() else { return };
        let offer = if self.dice(4) == 0 { None } else { Some(self.offer()) };
        let player = Player { offered: offer.clone(), ..Player::default() };
        self.players[agent].insert(leg, player);
        let call_id = format!("call-{agent}-{}", leg.0);
        let invite = Invite { offer, call_id, ..invite_to(&format!("sip:x@{target}")) };
        assert!(self.act(agent, leg, LegIntent::Invite(Box::new(invite))), "seed {}", self.seed);
    }

    fn hear(&mut self, agent: usize) {
        for (leg, event) in self.world.told(agent) {
            let seed = self.seed;
            let player = self.players[agent].entry(leg).or_default();
            assert!(!player.ended, "seed {seed}: {event:?} after the end");
            let garbled = self.world.weather.garbled_percent > 0;
            let fits = |offer: &Option<Description>, answer: &Description| {
                if garbled {
                    return;
                }
                assert_eq!(offer.as_ref().map(answer_to).as_ref(), Some(answer), "seed {seed}");
            };
            match event {
                LegEvent::Invited(invited) => {
                    player.ringing = true;
                    player.asked = invited.offer.is_none();
                    player.to_answer = invited.offer;
                }
                LegEvent::Provisional { answer: Some(answer), .. } => fits(&player.offered, &answer),
                LegEvent::Accepted { answer, offer, .. } => {
                    if let Some(answer) = &answer {
                        fits(&player.offered, answer);
                    }
                    player.offered = None;
                    player.owes_ack = offer.is_some();
                    player.connected = offer.is_none();
                    player.to_answer = offer;
                }
                LegEvent::Confirmed { answer } | LegEvent::ReofferConfirmed { answer } => {
                    if let Some(answer) = &answer {
                        fits(&player.offered, answer);
                    }
                    player.offered = None;
                    player.connected = true;
                }
                LegEvent::Reoffered { offer } => {
                    player.offered = None;
                    player.asked = offer.is_none();
                    player.to_answer = offer;
                }
                LegEvent::ReofferAccepted { answer, offer } => {
                    if let Some(answer) = &answer {
                        fits(&player.offered, answer);
                    }
                    player.offered = None;
                    player.owes_ack = offer.is_some();
                    player.to_answer = offer;
                }
                LegEvent::ReofferAbandoned | LegEvent::ReofferRefused(_) | LegEvent::ReofferFailed(_) => {
                    player.offered = None;
                    player.to_answer = None;
                    player.asked = false;
                }
                LegEvent::Ended => player.ended = true,
                LegEvent::Provisional { answer: None, .. }
                | LegEvent::Cancelled(_)
                | LegEvent::AckTimeout
                | LegEvent::Rejected(_)
                | LegEvent::RequestDone { .. }
                | LegEvent::Received { .. }
                | LegEvent::HungUp(_)
                | LegEvent::Failed { .. } => {}
            }
        }
    }

    fn play(&mut self, agent: usize, leg: LegId) {
        let roll = self.dice(100);
        let player = &self.players[agent][&leg];
        if player.ended {
            return;
        }
        let (ringing, connected, owes_ack) = (player.ringing, player.connected, player.owes_ack);
        let (to_answer, asked) = (player.to_answer.clone(), player.asked);
        if roll < 8 {
            self.act(agent, leg, LegIntent::HangUp { fields: Vec::new(), body: None });
        } else if ringing {
            self.ring(agent, leg, roll, to_answer);
        } else if owes_ack {
            if let Some(offer) = to_answer.filter(|_| roll < 60) {
                let answer = (roll > 15).then(|| answer_to(&offer));
                self.act(agent, leg, LegIntent::Acknowledge { answer });
                let player = self.players[agent].entry(leg).or_default();
                (player.owes_ack, player.to_answer, player.connected) = (false, None, true);
            }
        } else if connected && (asked || to_answer.is_some()) {
            self.answer(agent, leg, roll, to_answer);
        } else if connected {
            self.chat(agent, leg, roll);
        }
    }

    fn ring(&mut self, agent: usize, leg: LegId, roll: u64, to_answer: Option<Description>) {
        let description = match &to_answer {
            Some(offer) => answer_to(offer),
            None => self.offer(),
        };
        if roll < 40 {
            let description = Some(description).filter(|_| to_answer.is_some() && roll < 25);
            self.act(agent, leg, LegIntent::Provisional { status: 183, description, fields: Vec::new() });
        } else if roll < 50 {
            let (phrase, retry_after, body) = (None, None, None);
            let (contacts, fields) = (Vec::new(), Vec::new());
            self.act(
                agent,
                leg,
                LegIntent::Reject {
                    status: 486,
                    phrase,
                    contacts,
                    retry_after,
                    mismatch: None,
                    fields,
                    body,
                },
            );
        } else if roll < 85 {
            let offered = to_answer.is_none().then(|| description.clone());
            let accept = LegIntent::Accept { description: Some(description), fields: Vec::new(), body: None };
            if self.act(agent, leg, accept) {
                let player = self.players[agent].entry(leg).or_default();
                (player.ringing, player.asked, player.to_answer, player.offered) =
                    (false, false, None, offered);
            }
        }
    }

    fn answer(&mut self, agent: usize, leg: LegId, roll: u64, to_answer: Option<Description>) {
        if roll < 30 {
            self.act(agent, leg, LegIntent::RefuseReoffer { status: 488, retry_after: None, mismatch: None });
        } else if roll < 80 {
            let description = match &to_answer {
                Some(offer) => answer_to(offer),
                None => self.offer(),
            };
            let offered = to_answer.is_none().then(|| description.clone());
            if !self.act(agent, leg, LegIntent::AnswerReoffer { description }) {
                return;
            }
            self.players[agent].entry(leg).or_default().offered = offered;
        } else {
            return;
        }
        let player = self.players[agent].entry(leg).or_default();
        (player.asked, player.to_answer) = (false, None);
    }

    fn chat(&mut self, agent: usize, leg: LegId, roll: u64) {
        if roll < 40 {
            let offer = if roll < 20 { None } else { Some(self.offer()) };
            if self.act(agent, leg, LegIntent::Reoffer { offer: offer.clone() }) {
                self.players[agent].entry(leg).or_default().offered = offer;
            }
        } else if roll < 60 {
            let (fields, body) = (Vec::new(), None);
            self.act(
                agent,
                leg,
                LegIntent::Request { key: roll, method: InDialogMethod::Info, fields, body },
            );
        }
    }

    fn run(mut self) -> [u64; 3] {
        for round in 0..60 {
            if round < 30 && self.dice(5) == 0 {
                let agent = self.dice(3) as usize;
                self.call(agent);
            }
            for agent in 0..3 {
                self.hear(agent);
                for leg in self.players[agent].keys().copied().collect::<Vec<_>>() {
                    self.play(agent, leg);
                    self.hear(agent);
                }
            }
            let pause = [0, 10, 100, 1000, 5000][self.dice(5) as usize];
            self.world.advance(Duration::from_millis(pause));
        }
        // What is late on the wire may still begin a call that nobody plays.
        for _ in 0..2 {
            self.world.hang_up_all();
            self.world.advance(Duration::from_secs(60));
        }
        self.world.assert_empty(self.seed);
        let mut answered = 0;
        for agent in 0..3 {
            self.hear(agent);
            assert!(
                self.players[agent].values().all(|player| player.ended),
                "seed {}: a leg without end",
                self.seed
            );
            answered += self.players[agent].values().filter(|player| player.connected).count() as u64;
        }
        let glare = self.world.agents.iter().map(|agent| agent.legs.counters().glare_met).sum();
        let forks = self.world.agents.iter().map(|agent| agent.legs.counters().forks_ended).sum();
        [answered, glare, forks]
    }
}

fn seeds() -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("TEST_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("TEST_SEEDS").unwrap_or(400),
    }
}

#[test]
fn whatever_happens_every_leg_ends_once_and_nothing_is_left() {
    let mut seen = [0; 3];
    for seed in seeds() {
        for (sum, more) in seen.iter_mut().zip(Game::new(seed, 0).run()) {
            *sum += more;
        }
    }
    // The games are worth playing: calls were answered, offers crossed, forks lost.
    assert!(seeds().count() < 400 || seen.iter().all(|seen| *seen > 20), "{seen:?}");
}

#[test]
fn garbled_messages_neither_break_a_leg_nor_leave_one() {
    for seed in seeds() {
        Game::new(seed, 30).run();
    }
}
