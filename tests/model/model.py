"""What docs/engine-api.md promises, checked from outside: commands, results and events as engines see them."""
from peers import api

S = api.types
# The operation that an accepted command begins, where it ends with OperationCompleted.
COMPLETES = {
    "start_early_media": S.OPERATION_EARLY_MEDIA, "hold_session": S.OPERATION_HOLD, "resume_session": S.OPERATION_RESUME,
    "update_media": S.OPERATION_UPDATE_MEDIA, "send_dtmf": S.OPERATION_SEND_DTMF, "send_info": S.OPERATION_SEND_INFO,
    "send_message": S.OPERATION_SEND_MESSAGE, "add_bridge_member": S.OPERATION_BRIDGE_JOIN,
    "remove_bridge_member": S.OPERATION_BRIDGE_LEAVE, "create_bridge": S.OPERATION_BRIDGE_JOIN, "mute_session": S.OPERATION_MUTE,
}
DECIDING = {"ring_session", "start_early_media", "answer_session", "reject_session", "redirect_session"}
UP = {S.SESSION_STATE_CONNECTED, S.SESSION_STATE_ON_HOLD}
OVER = {S.SESSION_STATE_TERMINATING, S.SESSION_STATE_TERMINATED}
UNDECIDED = {S.SESSION_STATE_INITIALIZING, S.SESSION_STATE_RINGING}
# The states in which an accepted command may leave its session: the table of verbs.
LEAVES = {
    "ring_session": {S.SESSION_STATE_RINGING}, "start_early_media": UNDECIDED, "answer_session": UNDECIDED, "reject_session": OVER,
    "redirect_session": OVER, "hold_session": UP, "resume_session": {S.SESSION_STATE_ON_HOLD}, "update_media": UP, "send_info": UP,
    "send_message": UP, "terminate_session": OVER,
}
ENDS = {302: S.END_CAUSE_REDIRECTED, 408: S.END_CAUSE_TIMEOUT, 486: S.END_CAUSE_BUSY, 600: S.END_CAUSE_BUSY, 487: S.END_CAUSE_CANCELLED,
        603: S.END_CAUSE_DECLINED}


class Command:
    """One command, from its sending on."""

    def __init__(self, engine, verb, request, by_stream, bad):
        self.engine, self.verb, self.request, self.by_stream, self.bad = engine, verb, request, by_stream, bad
        self.answered = self.accepted = self.lost = False
        self.reason, self.created, self.completed = "", "", []

    def sessions(self):
        if self.verb == "create_bridge":
            return list(self.request.session_ids)
        return [self.request.session_id] if hasattr(self.request, "session_id") else []


class Known:
    """One session as its events tell it."""

    def __init__(self, session_id, engine, inbound):
        self.id, self.inbound = session_id, inbound
        self.revision, self.state, self.ended, self.connected, self.bridge = 0, 0, None, False, ""
        self.operations, self.playing, self.rings, self.call_id, self.ring_timeout = {}, {}, {}, "", False
        # A call that waits for a decision is passed on from engine to engine, and their logs have no common order: the new
        # owner may hear of it before or after the old one hears that it has it no more, and even before the old one hears that
        # it had it. Who was told of the call; who was told that it is another's, and whose; who was told more of it.
        self.told, self.revoked, self.decided = [engine], {}, ""

    @property
    def engine(self):
        """The engine that has it, as far as all engines together have heard."""
        if self.decided:
            return self.decided
        rest = self.owners()
        return rest[-1] if rest else ""

    def owners(self):
        """Engines that may have it by what was heard so far: more than one while something is under way."""
        if self.decided:
            return [self.decided]
        return [engine for engine in dict.fromkeys([*self.told, *self.revoked.values()]) if engine not in self.revoked]

    def is_not_of(self, engine):
        """Whether it is surely not this engine's, nor comes to it yet."""
        return engine in self.revoked or self.decided not in ("", engine) or not self.inbound and engine != self.engine

    @property
    def moving(self):
        """Whether it is being passed on: some engine has not heard yet that it has the call, or has it no more."""
        return len(self.owners()) != 1 or any(engine not in self.told for engine in self.owners())

    def chain(self):
        """Its owners in their order, from the one that was not the next of any other, as SessionRevoked tells them."""
        firsts = [engine for engine in self.told if engine not in self.revoked.values()]
        owners = firsts[:1]
        while owners and (following := self.revoked.get(owners[-1])) and following not in owners:
            owners.append(following)
        return owners


class Model:
    """All that is known, and all that was wrong."""

    def __init__(self):
        self.faults, self.commands, self.sessions, self.counts = [], {}, {}, {}
        self.refused_by_peer, self.terminated = {}, set()
        # By session: how many commands that name it have begun, of any engine, and how many of them are under way.
        self.naming, self.under_way = {}, {}
        # Commands that were taken from an engine that had not heard that the session is its own.
        self.taken_early = []

    def fault(self, text):
        if len(self.faults) < 50:
            self.faults.append(text)

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    # Commands.

    def sent(self, command_id, command):
        self.commands[command_id] = command
        self.count("commands")
        command.bad = command.bad or self.hopeless(command)

    def goes_out(self, command):
        for session_id in set(command.sessions()):
            self.naming[session_id] = self.naming.get(session_id, 0) + 1
            self.under_way[session_id] = self.under_way.get(session_id, 0) + 1

    def comes_back(self, command):
        # One whose result nobody hears may still be carried out at any time.
        for session_id in () if command.lost else set(command.sessions()):
            self.under_way[session_id] -= 1

    def alone(self, command):
        """How many commands have begun that name its sessions; None while another one is under way."""
        sessions = set(command.sessions())
        if any(self.under_way.get(session_id, 0) > 1 for session_id in sessions):
            return None
        return sum(self.naming.get(session_id, 0) for session_id in sessions)

    def hopeless(self, command):
        """Why a command has to be refused by what its engine has heard already; empty when it need not be."""
        if command.verb == "create_session":
            return ""
        for session_id in command.sessions():
            known = self.sessions.get(session_id)
            if known is None:
                continue
            if known.ended is not None:
                return f"{session_id}, which has ended"
            if known.is_not_of(command.engine):
                return f"{session_id}, which is {known.engine}'s"
            if command.verb in DECIDING and not known.inbound:
                return f"{session_id}, which is outbound"
            if command.verb in DECIDING and known.connected:
                return f"{session_id}, which is connected"
        return ""

    def result(self, command_id, code, reason, status, created=""):
        """A result, by the stream or of a unary call."""
        command = self.commands.get(command_id)
        if command is None:
            return self.fault(f"a result of {command_id!r}, which nobody sent")
        if command.answered:
            return self.fault(f"{command.verb} {command_id} has two results")
        command.answered, command.accepted, command.reason, command.created = True, code == 0, reason, created
        self.count("accepted" if code == 0 else f"refused {reason}")
        if code and not reason:
            self.fault(f"{command.verb} {command_id} is refused with code {code} and no reason")
        if reason in ("INTERNAL", "BAD_STREAM"):
            self.fault(f"{command.verb} {command_id} is refused with {reason}")
        if command.accepted:
            self.taken(command_id, command, status)
        elif command.completed:
            self.fault(f"{command.verb} {command_id} is refused ({reason}) and led to {command.completed}")

    def taken(self, command_id, command, status):
        verb = command.verb
        if command.bad:
            self.fault(f"{verb} {command_id} is accepted, with {command.bad}")
        for known in map(self.sessions.get, command.sessions()):
            if known and command.engine not in known.told:
                self.taken_early.append((command_id, verb, command.engine, known))
        known = self.sessions.get(command.sessions()[0]) if command.sessions() else None
        if known and verb == "terminate_session":
            self.terminated.add(known.id)
        if status is not None and status.session_id and verb in LEAVES and status.state not in LEAVES[verb]:
            self.fault(f"{verb} {command_id} is accepted and leaves {status.session_id} in {S.SessionState.Name(status.state)}")

    # Events.

    def event(self, engine, event):
        """An event that an engine hears for the first time."""
        kind = event.WhichOneof("payload")
        self.count(f"event {kind}")
        known = self.sessions.get(event.session_id)
        if kind == "session_revoked":
            return self.revoked(engine, event, known)
        if known is None:
            known = self.begun(engine, event, kind)
        elif kind == "incoming_call" and known.inbound:
            return self.told_of_call(engine, event, known)
        where = f"{kind} of {event.session_id}, revision {event.session_revision}"
        if event.session_revision > 1:
            known.decided = known.decided or engine
            if engine not in known.told or engine in known.revoked:
                self.fault(f"{where} is told to {engine}, which has not the call")
        if known.engine != engine:
            self.fault(f"{where} is told to {engine}, the owner is {known.engine}")
        if event.session_revision != known.revision + 1:
            self.fault(f"{where} follows revision {known.revision}")
        if known.ended:
            self.fault(f"{where} comes after SessionEnded")
        known.revision, known.state = event.session_revision, event.state
        self.caused(engine, event, kind, where)
        getattr(self, "on_" + kind, lambda *_: None)(known, event, getattr(event, kind), where)

    def told_of_call(self, engine, event, known):
        """A call that was passed on is told to one more engine, as if it had just come in."""
        where = f"incoming_call of {event.session_id}, revision {event.session_revision}"
        if event.session_revision != 1 or engine in known.told:
            self.fault(f"{where} is told to {engine}, after {known.told}")
        self.count("calls passed on")
        if engine in known.revoked.values() or known.revision > 1:
            self.count("calls passed on, heard out of order")
        known.told.append(engine)
        self.on_incoming_call(known, event, event.incoming_call, where, engine)

    def revoked(self, engine, event, known):
        """A call that was passed on is another engine's."""
        to = event.session_revoked.to_engine_id
        if known is None or event.session_revision != 0:
            return self.fault(f"session_revoked of {event.session_id}, revision {event.session_revision}, which is out of place")
        if engine not in known.told or engine in known.revoked or to in (engine, "") or to in known.revoked.values():
            self.fault(f"session_revoked of {event.session_id} to {engine}: it is {to}'s now, after {known.told} and {known.revoked}")
        if known.decided == engine:
            self.fault(f"session_revoked of {event.session_id} to {engine}, which has decided about it")
        known.revoked[engine] = to

    def begun(self, engine, event, kind):
        if kind not in ("incoming_call", "session_created"):
            self.fault(f"the first event of {event.session_id} is {kind}")
        known = self.sessions[event.session_id] = Known(event.session_id, engine, kind == "incoming_call")
        return known

    def caused(self, engine, event, kind, where):
        """Of what an event says its cause is."""
        cause = event.caused_by_command_id
        if not cause:
            return
        command = self.commands.get(cause)
        if command is None:
            return self.fault(f"{where} is caused by {cause!r}, which nobody sent")
        if command.engine == engine and command.by_stream and not command.answered and not command.lost:
            self.fault(f"{where} comes before the result of {command.verb} {cause}, which caused it")
        if command.answered and not command.accepted:
            self.fault(f"{where} is caused by {command.verb} {cause}, which was refused ({command.reason})")
        command.completed.append(f"{kind} of {event.session_id}")

    def on_incoming_call(self, known, event, payload, where, engine=""):
        known.call_id = payload.session.call_id
        if payload.session.session_id != known.id or payload.session.engine_id != (engine or known.engine):
            self.fault(f"{where} shows session {payload.session.session_id!r} of {payload.session.engine_id!r}")

    def on_session_created(self, known, event, payload, where):
        known.call_id = payload.session.call_id
        command = self.commands.get(event.caused_by_command_id)
        known.ring_timeout = command is not None and command.request.limits.ring_timeout.seconds > 0

    def on_connected(self, known, event, payload, where):
        if known.connected:
            self.fault(f"{where} is the second")
        known.connected = True

    def on_ringing(self, known, event, payload, where):
        cause = event.caused_by_command_id
        known.rings[cause] = known.rings.get(cause, 0) + 1
        if known.rings[cause] > 1 or not known.inbound:
            self.fault(f"{where} is wrong: {known.rings[cause]} of one command")

    def on_operation_completed(self, known, event, payload, where):
        cause = event.caused_by_command_id
        if payload.operation == S.OPERATION_REMOTE_UPDATE or not cause:
            return
        key = (cause, payload.operation)
        known.operations[key] = known.operations.get(key, 0) + 1
        if known.operations[key] > 1:
            self.fault(f"{where} is the second of {S.Operation.Name(payload.operation)} {cause}")
        command = self.commands.get(cause)
        expected = COMPLETES.get(command.verb) if command else None
        if command and payload.operation != expected:
            self.fault(f"{where} tells {S.Operation.Name(payload.operation)} of {command.verb} {cause}")
        ended = api.events.OperationCompleted.OUTCOME_SESSION_ENDED
        if payload.operation == S.OPERATION_BRIDGE_JOIN and payload.outcome == api.events.OperationCompleted.OUTCOME_SUCCEEDED:
            wanted = command.request.bridge_id if command else ""
            if wanted and known.bridge != wanted:
                self.fault(f"{where}: joined {wanted}, but is in {known.bridge or 'none'} by its events")
        if payload.outcome == ended and known.ended is not None:
            self.fault(f"{where} comes after SessionEnded")

    def on_bridge_joined(self, known, event, payload, where):
        if known.bridge:
            self.fault(f"{where}: joins {payload.bridge_id} and has not left {known.bridge}")
        known.bridge = payload.bridge_id

    def on_bridge_left(self, known, event, payload, where):
        if known.bridge != payload.bridge_id:
            self.fault(f"{where}: leaves {payload.bridge_id} and is in {known.bridge or 'none'}")
        known.bridge = ""

    def on_playback_started(self, known, event, payload, where):
        if known.playing.setdefault(payload.playback_id, "started") != "started":
            self.fault(f"{where}: {payload.playback_id} was {known.playing[payload.playback_id]}")

    def on_playback_ended(self, known, event, payload, where):
        if known.playing.get(payload.playback_id) == "ended":
            self.fault(f"{where}: {payload.playback_id} ends twice")
        known.playing[payload.playback_id] = "ended"

    def on_session_ended(self, known, event, payload, where):
        known.ended = payload.cause
        if event.state != S.SESSION_STATE_TERMINATED:
            self.fault(f"{where} leaves {S.SessionState.Name(event.state)}")
        for playback, state in known.playing.items():
            if state != "ended":
                self.fault(f"{where}: playback {playback} has not ended")
        status = self.refused_by_peer.get(known.call_id)
        if status and not known.inbound and known.id not in self.terminated and payload.sip_status == status:
            expected = ENDS.get(status, S.END_CAUSE_REJECTED)
            # A refusal that crosses the CANCEL of a call that rang too long is told, and changes nothing of why it ended.
            if payload.cause != expected and not (known.ring_timeout and payload.cause == S.END_CAUSE_TIMEOUT):
                self.fault(f"{where}: {S.EndCause.Name(payload.cause)} for a peer's {status}, not {S.EndCause.Name(expected)}")
        if payload.cause == S.END_CAUSE_INTERNAL:
            self.fault(f"{where}: INTERNAL, {payload.reason_phrase}")

    # The end.

    def finished(self):
        """When all is over: every accepted command had its one end, every session its own."""
        for command_id, command in self.commands.items():
            if not command.answered and not command.lost:
                self.fault(f"{command.verb} {command_id} has no result")
            if command.accepted and not command.lost:
                self.ended_once(command_id, command)
        for known in self.sessions.values():
            if known.ended is None:
                self.fault(f"{known.id} has no SessionEnded")
            if len(known.chain()) != len(known.told) or set(known.chain()) != set(known.told) or known.chain()[-1] != known.engine:
                self.fault(f"{known.id} was told to {known.told}, session_revoked tells {known.revoked}, its owner was {known.engine}")
        for command_id, verb, engine, known in self.taken_early:
            if engine not in known.told:
                self.fault(f"{verb} {command_id} of {known.id} is accepted of {engine}, which never had it: {known.told} had")

    def ended_once(self, command_id, command):
        operation = COMPLETES.get(command.verb)
        for session_id in command.sessions() if operation else []:
            known = self.sessions.get(session_id)
            if known and not known.operations.get((command_id, operation)):
                self.fault(f"{command.verb} {command_id} of {session_id} was accepted and has no OperationCompleted")
        if command.verb == "ring_session":
            known = self.sessions.get(command.request.session_id)
            if known and not known.rings.get(command_id):
                self.fault(f"ring_session {command_id} was accepted and led to no Ringing")
        if command.verb == "start_playback":
            known = self.sessions.get(command.request.session_id)
            if known and known.playing.get(command.created) != "ended":
                self.fault(f"start_playback {command_id} ({command.created}) was accepted and has no PlaybackEnded")
