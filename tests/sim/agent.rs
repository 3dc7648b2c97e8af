//! A user agent: a shard with an engine above it and media beside it.

use std::net::SocketAddr;

use callplane::dialog::{DialogSettings, Listener};
use callplane::ground::{Flow, ListenerId, Now, Placement, Random, SessionId, Transport};
use callplane::session::command::{Command, EngineRef, Verb};
use callplane::shard::io::{AttachedEngine, Input, Output};
use callplane::shard::{Recorded, Shard, ShardSettings};

use crate::check::Ledger;
use crate::engine::Engine;
use crate::media::Media;

/// An agent.
pub struct Agent {
    pub shard: Shard,
    pub engine: Engine,
    pub media: Media,
    pub ledger: Ledger,
    pub address: SocketAddr,
    ticket: u64,
    settings: ShardSettings,
    key: [u64; 2],
    /// Every step and what came of it, while recording.
    pub tape: Option<Vec<(Recorded, Vec<String>)>>,
}

pub fn engine_ref() -> EngineRef {
    EngineRef { group: "default".into(), id: "sim".into() }
}

impl Agent {
    pub fn new(name: char, address: SocketAddr, random: &mut Random) -> Self {
        let listener = Listener {
            id: ListenerId(0),
            transport: Transport::Udp,
            host: address.ip().to_string(),
            port: address.port(),
            ipv6: false,
        };
        let settings = ShardSettings {
            index: 1,
            placement: Placement::new([random.next_u64(), random.next_u64()], 2),
            dialogs: DialogSettings { listeners: vec![listener], ..DialogSettings::default() },
            ..ShardSettings::default()
        };
        let key = [random.next_u64(), random.next_u64()];
        Self {
            shard: Shard::new(settings.clone(), Random::from_key(key)),
            engine: Engine::new(random.fork()),
            media: Media::new(name, random.fork()),
            ledger: Ledger::default(),
            address,
            ticket: 0,
            settings,
            key,
            tape: None,
        }
    }

    pub fn attached(sessions_max: Option<u32>) -> Input {
        Input::Engines(vec![AttachedEngine { engine: engine_ref(), sessions_max, ready: true, still: false }])
    }

    /// A command of the engine's.
    pub fn command(&mut self, session: SessionId, verb: Verb) -> Input {
        self.ticket += 1;
        self.ledger.asked(self.ticket, &session, &verb);
        let command =
            Command { command_id: format!("c{}", self.ticket).into(), engine: Some(engine_ref()), verb };
        Input::Command { ticket: self.ticket, session, command: Box::new(command) }
    }

    /// A message that came from `peer`.
    pub fn received(bytes: bytes::Bytes, peer: SocketAddr) -> Input {
        let flow =
            Flow { transport: Transport::Udp, listener: ListenerId(0), remote: peer, connection: None };
        Input::Received { bytes, flow }
    }

    /// One step of the shard; `None`: its time is up.
    pub fn step(&mut self, input: Option<Input>, now: Now) -> Vec<Output> {
        let step = Recorded { now, input };
        let kept = self.tape.is_some().then(|| step.clone());
        let outputs = step.run(&mut self.shard);
        if let (Some(tape), Some(kept)) = (&mut self.tape, kept) {
            tape.push((kept, outputs.iter().map(|output| format!("{output:?}")).collect()));
        }
        outputs
    }

    /// Runs the tape again, through its written form, with another shard of the same settings and key.
    pub fn replay(&mut self) {
        let tape = self.tape.take().expect("a recorded run");
        let mut shard = Shard::new(self.settings.clone(), Random::from_key(self.key));
        for (step, expected) in tape {
            let written = serde_json::to_string(&step).expect("a step can be written down");
            let read: Recorded = serde_json::from_str(&written).expect("a step can be read again");
            let outputs: Vec<String> =
                read.run(&mut shard).iter().map(|output| format!("{output:?}")).collect();
            assert_eq!(outputs, expected, "at {:?}", step.now);
        }
    }
}
