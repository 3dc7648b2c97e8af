//! A shard that does what it is told: it writes down what it hears, answers commands as scripted, and tells what a test
//! has it tell.

use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};

use callplane::ground::leg::Party;
use callplane::ground::{Flow, Instant, ListenerId, Now, SessionId, Transport, WallTime};
use callplane::session::command::{Command, CommandDone, CommandError, EngineRef, Verb};
use callplane::session::event::{
    CallDirection, EventPayload, IncomingCall, SessionEvent, SessionState, SessionView,
};
use callplane::shard::Load;
use callplane::shard::io::{Input, Output, Query};
use callplane::signaling::driver::{Core, FloorCounters};

type Answer = Box<dyn FnMut(&SessionId, &Command) -> Result<CommandDone, CommandError> + Send>;

#[derive(Default)]
struct State {
    heard: Vec<(u16, Input)>,
    to_tell: VecDeque<Output>,
    answer: Option<Answer>,
    views: Vec<SessionView>,
    wake: Option<SocketAddr>,
    blocked: bool,
    standing: usize,
}

/// What all shards of one node do.
#[derive(Clone, Default)]
pub struct Script(Arc<Mutex<State>>);

/// One scripted shard.
pub struct ScriptedShard {
    script: Script,
    index: u16,
    outputs: VecDeque<Output>,
}

impl Script {
    pub fn shard(&self, index: u16) -> ScriptedShard {
        ScriptedShard { script: self.clone(), index, outputs: VecDeque::new() }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().expect("no panic while locked")
    }

    /// Where a datagram wakes the shard.
    pub fn wake_by(&self, address: SocketAddr) {
        self.lock().wake = Some(address);
    }

    /// Answers commands so from now on. Without: every one is taken.
    pub fn answer(
        &self,
        answer: impl FnMut(&SessionId, &Command) -> Result<CommandDone, CommandError> + Send + 'static,
    ) {
        self.lock().answer = Some(Box::new(answer));
    }

    /// Refuses every command so from now on.
    pub fn refuse(&self, error: CommandError) {
        self.answer(move |_, _| Err(error.clone()));
    }

    /// Has these sessions, for queries.
    pub fn views(&self, views: Vec<SessionView>) {
        self.lock().views = views;
    }

    /// Holds the shard's thread up at its next input until told to go on.
    pub fn block(&self, blocked: bool) {
        self.lock().blocked = blocked;
    }

    /// How many shards' threads are held up.
    pub fn standing(&self) -> usize {
        self.lock().standing
    }

    fn stand_still_while_blocked(&self) {
        if !self.lock().blocked {
            return;
        }
        self.lock().standing += 1;
        while self.lock().blocked {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        self.lock().standing -= 1;
    }

    /// Tells this, soon.
    pub fn tell(&self, outputs: impl IntoIterator<Item = Output>) {
        let mut state = self.lock();
        state.to_tell.extend(outputs);
        let wake = state.wake.expect("an address");
        drop(state);
        // Whatever passes for a message wakes the shard.
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let message = b"OPTIONS sip:wake@127.0.0.1 SIP/2.0\r\nCall-ID: wake\r\nPad: 0123456789012345\r\n\r\n";
        socket.send_to(message, wake).expect("sent");
    }

    /// Has an incoming call begin.
    pub fn call(&self, engine: &EngineRef, session: &str) {
        let opened = Output::SessionOpened { session: id(session) };
        let payload = EventPayload::IncomingCall(Arc::new(incoming(session)));
        self.tell([opened, event(engine, session, 1, payload)]);
    }

    /// What was heard so far and `want` makes something of.
    pub fn heard<T>(&self, want: impl Fn(&Input) -> Option<T>) -> Vec<T> {
        self.lock().heard.iter().filter_map(|(_, input)| want(input)).collect()
    }

    /// The verbs heard, with the shard and the session.
    pub fn verbs(&self) -> Vec<(u16, SessionId, Command)> {
        let state = self.lock();
        let commands = state.heard.iter().filter_map(|(shard, input)| match input {
            Input::Command { session, command, .. } => Some((*shard, session.clone(), (**command).clone())),
            _ => None,
        });
        commands.collect()
    }
}

impl Core for ScriptedShard {
    fn handle(&mut self, input: Input, _now: Now) {
        self.script.stand_still_while_blocked();
        let mut state = self.script.lock();
        match &input {
            Input::Command { ticket, session, command } => {
                let result = match &mut state.answer {
                    Some(answer) => answer(session, command),
                    None => Ok(done(session)),
                };
                let created = matches!(command.verb, Verb::Create(_)) && result.is_ok();
                let told = Output::CommandReply { ticket: *ticket, result };
                if let (true, Some(engine)) = (created, &command.engine) {
                    // In the wrong order, so that the driver has to mend it.
                    let payload = EventPayload::Created(Box::new(view(session.as_str())));
                    self.outputs.push_back(event(engine, session.as_str(), 1, payload));
                }
                self.outputs.push_back(told);
            }
            Input::Query { ticket, query } => {
                let views = state.views.iter();
                let views: Vec<SessionView> = match query {
                    Query::One(session) => views.filter(|view| view.id == *session).cloned().collect(),
                    Query::Page { after, limit, .. } => views
                        .filter(|view| view.id.as_str() > after.as_str())
                        .take(*limit as usize)
                        .cloned()
                        .collect(),
                };
                self.outputs.push_back(Output::Views { ticket: *ticket, views });
            }
            _ => {}
        }
        self.outputs.extend(state.to_tell.drain(..));
        state.heard.push((self.index, input));
    }

    fn handle_timeout(&mut self, _now: Now) {}

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn load(&self) -> Load {
        Load::default()
    }

    fn counters(&self) -> FloorCounters {
        FloorCounters::default()
    }
}

pub fn id(session: &str) -> SessionId {
    SessionId::parse(session).expect("an id")
}

pub fn engine(group: &str, id: &str) -> EngineRef {
    EngineRef { group: group.into(), id: id.into() }
}

pub fn done(session: &SessionId) -> CommandDone {
    CommandDone { session: session.clone(), revision: 7, state: SessionState::Ringing }
}

pub fn event(engine: &EngineRef, session: &str, revision: u64, payload: EventPayload) -> Output {
    let event = SessionEvent {
        session: id(session),
        revision,
        time: WallTime::from_unix_millis(1_700_000_000_123),
        caused_by: "".into(),
        state: SessionState::Initializing,
        payload,
    };
    Output::Event { engine: engine.clone(), event: Box::new(event) }
}

/// The smallest event; `status` tells one from another.
pub fn small(engine: &EngineRef, revision: u64) -> Output {
    event(engine, "s", revision, EventPayload::Ringing { status: 180 })
}

pub fn view(session: &str) -> SessionView {
    SessionView {
        id: id(session),
        revision: 1,
        state: SessionState::Initializing,
        direction: CallDirection::Inbound,
        group: "default".into(),
        engine: "e".into(),
        from: Party { uri: "sip:alice@example.com".into(), display_name: "Alice".into() },
        to: Party { uri: "sip:bob@example.com".into(), display_name: String::new() },
        request_uri: "sip:bob@127.0.0.1".into(),
        call_id: "c1@example.com".into(),
        hold: Default::default(),
        muted: false,
        bridge: None,
        media: None,
        created_at: WallTime::from_unix_millis(1_700_000_000_000),
        connected_at: None,
        running: None,
        end_cause: None,
        parent: None,
    }
}

fn incoming(session: &str) -> IncomingCall {
    IncomingCall {
        session: view(session),
        request_user: "bob".into(),
        fields: Vec::new(),
        source: Flow {
            transport: Transport::Udp,
            listener: ListenerId(0),
            remote: "192.0.2.1:5060".parse().expect("an address"),
            connection: None,
        },
        has_offer: true,
        body: None,
    }
}
