//! Engines: what they do with a call is drawn when it comes and when it is up.

use std::time::Duration;

use bytes::Bytes;
use callplane::ground::leg::Party;
use callplane::ground::{Body, BridgeId, PlaybackId, Random, SessionId};
use callplane::session::command::{CallLimits, Create, Verb};
use callplane::session::event::{EventPayload, SessionEvent};
use callplane::session::media::{BridgeMode, MediaPreferences, PlaybackSource};

/// A verb for a session, and after how long it is given.
pub type Plan = Vec<(Duration, SessionId, Verb)>;

/// An engine.
#[derive(Debug)]
pub struct Engine {
    random: Random,
    playbacks: u64,
    /// Whether a call of its left the offer to the callee.
    pub delays_offers: bool,
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn ring() -> Verb {
    Verb::Ring { status: 180, fields: Vec::new() }
}

fn answer() -> Verb {
    let (media, limits) = (MediaPreferences::default(), CallLimits::default());
    Verb::Answer { media, fields: Vec::new(), body: None, limits }
}

fn terminate() -> Verb {
    Verb::Terminate { fields: Vec::new(), body: None }
}

impl Engine {
    pub fn new(random: Random) -> Self {
        Self { random, playbacks: 0, delays_offers: false }
    }

    /// A call to `target`, perhaps given up before its answer.
    pub fn call(&mut self, session: &SessionId, target: &str) -> Plan {
        let delayed_offer = self.random.below(4) == 0;
        self.delays_offers |= delayed_offer;
        let limits = CallLimits { ring_timeout: Some(ms(20_000)), max_duration: None };
        let create = Create {
            target: target.into(),
            from: Party { uri: "sip:sim@example.com".into(), display_name: String::new() },
            to: Party::default(),
            outbound_proxy: None,
            fields: Vec::new(),
            media: MediaPreferences::default(),
            limits,
            parent: None,
            max_forwards: 70,
            delayed_offer,
        };
        let at = ms(self.random.below(3_000));
        let mut plan = vec![(at, session.clone(), Verb::Create(Box::new(create)))];
        if self.random.below(5) == 0 {
            plan.push((at + ms(self.random.below(6_000)), session.clone(), terminate()));
        }
        plan
    }

    /// What the engine does about an event.
    pub fn hears(&mut self, event: &SessionEvent) -> Plan {
        match &event.payload {
            EventPayload::IncomingCall(_) => self.decide(&event.session),
            EventPayload::Connected { .. } => self.talk(&event.session),
            _ => Plan::new(),
        }
    }

    fn decide(&mut self, session: &SessionId) -> Plan {
        let mut plan = Plan::new();
        let mut give = |at: u64, verb: Verb| plan.push((ms(at), session.clone(), verb));
        let random = &mut self.random;
        match random.below(20) {
            0 => give(
                random.below(3_000),
                Verb::Reject { status: 486, phrase: None, retry_after: None, fields: Vec::new(), body: None },
            ),
            1 => {
                let contacts = vec!["sip:else@192.0.2.9".into()];
                give(random.below(1_000), Verb::Redirect { status: 302, contacts, fields: Vec::new() });
            }
            // It does not decide at all.
            2 => {}
            3 => give(random.below(3_000), terminate()),
            _ => {
                if random.below(2) == 0 {
                    give(random.below(1_000), ring());
                }
                if random.below(3) == 0 {
                    let media = MediaPreferences::default();
                    give(random.below(2_000), Verb::EarlyMedia { media, fields: Vec::new() });
                }
                give(random.below(4_000), answer());
                if random.below(8) == 0 {
                    give(random.below(4_000), answer());
                }
                if random.below(10) == 0 {
                    give(random.below(5_000), terminate());
                }
            }
        }
        plan
    }

    fn talk(&mut self, session: &SessionId) -> Plan {
        let mut plan = Plan::new();
        for _ in 0..self.random.below(7) {
            let verb = self.any_verb();
            plan.push((ms(self.random.below(15_000)), session.clone(), verb));
        }
        plan.push((ms(200 + self.random.below(30_000)), session.clone(), terminate()));
        plan
    }

    fn any_verb(&mut self) -> Verb {
        let bridge = BridgeId::parse(["b1", "b2"][self.random.below(2) as usize]).expect("an id");
        match self.random.below(14) {
            0..=2 => Verb::Hold,
            3 | 4 => Verb::Resume,
            5 => {
                let media = MediaPreferences { codecs: vec!["PCMA".into()], ..MediaPreferences::default() };
                Verb::UpdateMedia { media }
            }
            6 => Verb::SendInfo { body: None, fields: Vec::new() },
            7 => {
                let content = Bytes::from_static(b"hello");
                Verb::SendMessage {
                    body: Body { content_type: "text/plain".into(), content },
                    fields: Vec::new(),
                }
            }
            8 => Verb::SendDtmf { digits: "42".into(), tone: ms(100), gap: ms(50) },
            9 => Verb::JoinBridge { bridge, mode: BridgeMode::Mix },
            10 => Verb::LeaveBridge { bridge },
            11 => Verb::Mute { muted: self.random.below(2) == 0 },
            12 => Verb::StopPlay { playback: None },
            _ => {
                self.playbacks += 1;
                let playback = PlaybackId::parse(&format!("p{}", self.playbacks)).expect("an id");
                let source = PlaybackSource::Tone { frequency_hz: 440.0, level_db: -6.0, duration: None };
                Verb::Play { playback, source }
            }
        }
    }
}
