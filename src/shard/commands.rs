//! Commands: to a session that is there, or to make one.

use std::sync::Arc;

use super::Shard;
use super::io::Output;
use super::target::{self, Target};
use crate::dialog;
use crate::ground::leg::Party;
use crate::ground::{HeaderField, Now, SessionId};
use crate::session::command::{Command, CommandDone, CommandError, Create, EngineRef, Verb};
use crate::session::{Context, Outgoing, Session};

impl Shard {
    /// The reply comes first, then what the command leads to.
    pub(super) fn command(&mut self, ticket: u64, id: &SessionId, command: Command, now: Now) {
        let result = match self.checked(command) {
            Ok(Command { command_id, engine, verb: Verb::Create(create) }) => {
                return self.create(ticket, id, engine, *create, command_id, now);
            }
            Ok(command) => self.command_session(id, command, now),
            Err(error) => Err(error),
        };
        self.reply(ticket, result);
        if let Some(slot) = self.slots.find(id) {
            self.act(slot, now);
        }
    }

    fn reply(&mut self, ticket: u64, result: Result<CommandDone, CommandError>) {
        match result {
            Ok(_) => self.counters.commands_taken += 1,
            Err(_) => self.counters.commands_refused += 1,
        }
        self.outputs.push_back(Output::CommandReply { ticket, result });
    }

    fn command_session(
        &mut self,
        id: &SessionId,
        command: Command,
        now: Now,
    ) -> Result<CommandDone, CommandError> {
        let slot = self.slots.find(id);
        let by_engine = command.engine.is_some();
        let result = slot.and_then(|slot| self.step(slot, now, |session, cx| session.command(command, cx)));
        if let (Some(slot), Some(Ok(_)), true) = (slot, &result, by_engine) {
            self.note_decision(slot);
        }
        result.unwrap_or_else(|| Err(CommandError::SessionNotFound(id.clone())))
    }

    /// What is known to be wrong with header fields before anybody is asked.
    fn checked(&self, command: Command) -> Result<Command, CommandError> {
        match dialog::check_fields(fields_of(&command.verb)) {
            Ok(()) => Ok(command),
            Err(_) => Err(CommandError::BadArgument(
                "a header field that cannot be written or that Callplane writes itself",
            )),
        }
    }

    fn create(
        &mut self,
        ticket: u64,
        id: &SessionId,
        engine: Option<EngineRef>,
        create: Create,
        command_id: Arc<str>,
        now: Now,
    ) {
        let engine =
            engine.unwrap_or_else(|| EngineRef { group: Arc::clone(&self.default_group), id: "".into() });
        let parent = create.parent.clone();
        let checked = self.outgoing(id, create);
        let outgoing = match checked.and_then(|outgoing| self.has_share(&engine).map(|()| outgoing)) {
            Ok(outgoing) => outgoing,
            Err(error) => return self.reply(ticket, Err(error)),
        };
        let owner = engine.clone();
        let mut cx = Context {
            now,
            settings: &self.settings.sessions,
            random: &mut self.random,
            out: &mut self.outbox,
        };
        let session = Session::outgoing(id.clone(), engine, outgoing, command_id, &mut cx);
        self.counters.calls_out += 1;
        let done = session.done();
        let slot = self.enter(session, true);
        self.reply(ticket, Ok(done));
        self.act(slot, now);
        self.offers.forget_hop();
        if let Some(slot) = parent.and_then(|parent| self.slots.find(&parent))
            && self.slots.get(slot).is_some_and(|parent| *parent.session.engine() == owner)
        {
            self.step(slot, now, Session::worked_on);
            self.note_decision(slot);
            self.act(slot, now);
        }
    }

    /// Whether an engine may make one session more: others need room, too.
    fn has_share(&self, engine: &EngineRef) -> Result<(), CommandError> {
        let carried = self.settings.sessions_max.min(self.media_endpoints.unwrap_or(usize::MAX));
        let share = (carried * usize::from(self.settings.made_percent) / 100).max(1);
        if self.groups.made(engine) as usize >= share {
            return Err(CommandError::LimitReached("made_percent"));
        }
        Ok(())
    }

    /// Checks what makes a call, and completes it.
    fn outgoing(&mut self, id: &SessionId, mut create: Create) -> Result<Outgoing, CommandError> {
        if self.draining {
            return Err(CommandError::Draining);
        }
        if self.slots.find(id).is_some() {
            return Err(CommandError::SessionExists(id.clone()));
        }
        if self.slots.len() >= self.settings.sessions_max {
            return Err(CommandError::LimitReached("sessions_max"));
        }
        let routes = create.outbound_proxy.as_deref().map(target::route).transpose()?;
        if routes.is_none() && !target::parse(&create.target)?.is_sip() {
            return Err(CommandError::BadTarget(
                "only a sip or sips URI can be reached without a proxy".into(),
            ));
        }
        let hop = self.first_hop(&create)?;
        let Target { uri, fields } = Target::read(&create.target)?;
        create.target = uri;
        // What the engine gives itself is what it means.
        let given = |field: &HeaderField, given: &[HeaderField]| {
            given.iter().any(|given| given.name.eq_ignore_ascii_case(&field.name))
        };
        let asked: Vec<_> = fields.into_iter().filter(|field| !given(field, &create.fields)).collect();
        create.fields.extend(asked);
        if create.from.uri.is_empty() {
            let display_name = std::mem::take(&mut create.from.display_name);
            let identity = self.settings.identity.clone();
            create.from = if display_name.is_empty() { identity } else { Party { display_name, ..identity } };
        }
        if create.to.uri.is_empty() {
            create.to.uri.clone_from(&create.target);
        }
        self.count_down(&mut create)?;
        self.note_first_hop(hop, &mut create.media.ip_version);
        Ok(Outgoing { call_id: self.draw_call_id(), routes: routes.into_iter().collect(), create })
    }

    /// Where the call goes first, if a listener can send there. What a name leads to is seen when it is looked up.
    fn first_hop(&self, create: &Create) -> Result<dialog::FirstHop, CommandError> {
        let (hop, error): (_, fn(String) -> CommandError) = match &create.outbound_proxy {
            Some(proxy) => (proxy, CommandError::BadProxy),
            None => (&create.target, CommandError::BadTarget),
        };
        self.legs.first_hop(hop).map_err(|why| error(why.to_string()))
    }

    /// A call that is made for another has one hop less to go (RFC 3261 §16.6): what came with 0 goes no further (§16.3).
    fn count_down(&self, create: &mut Create) -> Result<(), CommandError> {
        if let Some(id) = &create.parent {
            let parent = self.slots.find(id).and_then(|slot| self.slots.get(slot));
            let parent = parent.ok_or_else(|| CommandError::SessionNotFound(id.clone()))?;
            let left = parent.session.max_forwards().checked_sub(1);
            let spent = CommandError::LimitReached("Max-Forwards: the call has been forwarded too often");
            create.max_forwards = create.max_forwards.min(left.ok_or(spent)?);
        }
        Ok(())
    }

    /// A Call-ID of 128 random bits that falls to this shard, so that the answer to the call comes here.
    fn draw_call_id(&mut self) -> String {
        loop {
            let drawn = self.random.token() + &self.random.token();
            if self.settings.placement.shard_of(drawn.as_bytes()) == self.settings.index {
                return drawn;
            }
        }
    }
}

fn fields_of(verb: &Verb) -> &[HeaderField] {
    match verb {
        Verb::Create(create) => &create.fields,
        Verb::Ring { fields, .. }
        | Verb::EarlyMedia { fields, .. }
        | Verb::Answer { fields, .. }
        | Verb::Reject { fields, .. }
        | Verb::Redirect { fields, .. }
        | Verb::SendInfo { fields, .. }
        | Verb::SendMessage { fields, .. }
        | Verb::Terminate { fields, .. } => fields,
        Verb::Hold
        | Verb::Resume
        | Verb::Mute { .. }
        | Verb::UpdateMedia { .. }
        | Verb::SendDtmf { .. }
        | Verb::JoinBridge { .. }
        | Verb::ReserveJoin { .. }
        | Verb::ReleaseJoin { .. }
        | Verb::LeaveBridge { .. }
        | Verb::Play { .. }
        | Verb::StopPlay { .. } => &[],
    }
}
