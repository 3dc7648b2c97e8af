"""One engine under test: its stream, its unary calls, and what it checks of both."""
import asyncio

from peers import api
from peers.api import reason_of, reason_of_error
from peers.running import patient

from model.commands import SERVICES, VERBS, Draw
from model.model import Command

S = api.types


class Engine:
    """Attached to a Callplane under a name; commands by stream and unary."""

    def __init__(self, name, address, model, draw, bridges, peers):
        self.name, self.address, self.model, self.draw = name, address, model, draw
        self.bridges, self.commands = bridges, Draw(draw, name, model, bridges, peers)
        self.channel = api.grpc.aio.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)])
        self.stubs = {key: stub(self.channel) for key, (stub, _) in SERVICES.items()}
        self.outbox, self.attached, self.reader, self.call = asyncio.Queue(), asyncio.Event(), None, None
        self.epoch, self.seen, self.acknowledged, self.repeats, self.tasks = None, 0, 0, {}, set()
        self.quiet = False

    def later(self, coroutine):
        task = asyncio.ensure_future(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    # The stream.

    async def attach(self):
        self.outbox = asyncio.Queue()
        self.attached.clear()
        self.call = self.reader = None
        self.outbox.put_nowait(api.stream.AttachRequest(open=api.stream.Open(engine_id=self.name, heartbeat={"seconds": 10})))
        self.call = self.stubs_of_stream().Attach(self.requests(self.outbox))
        self.reader = asyncio.ensure_future(self.read(self.call))
        await asyncio.wait_for(self.attached.wait(), patient(10))

    def stubs_of_stream(self):
        return api.stream_rpc.EventServiceStub(self.channel)

    @staticmethod
    async def requests(outbox):
        while (request := await outbox.get()) is not None:
            yield request

    async def read(self, call):
        first = True
        try:
            async for response in call:
                if call is not self.call:
                    continue  # a newer stream has taken its place, and what is not acknowledged comes there again
                for item in response.items:
                    which = item.WhichOneof("item")
                    if first != (which == "opened"):
                        self.model.fault(f"{self.name}: {which} is {'the first item' if first else 'not the first item'}")
                    first = False
                    self.take(which, item)
        except asyncio.CancelledError:
            pass
        except api.grpc.RpcError as error:
            if not self.quiet and call is self.call:
                self.model.fault(f"{self.name}: its stream ended: {error.code()} {error.details()}")

    async def leave(self):
        """Breaks the stream, as a process that dies does."""
        self.quiet = True
        self.attached.clear()
        self.lose()
        self.call.cancel()
        self.reader.cancel()
        await asyncio.gather(self.reader, return_exceptions=True)
        self.outbox.put_nowait(None)
        self.quiet = False

    def lose(self):
        """What is under way on the stream has no result that anybody hears."""
        for command in self.model.commands.values():
            if command.engine == self.name and command.by_stream and not command.answered:
                command.lost = True

    async def replace(self):
        """Attaches again while the stream is open: the newest one wins, and the other one ends."""
        before, outbox = self.reader, self.outbox
        self.lose()
        await self.attach()
        self.lose()
        _, pending = await asyncio.wait([before], timeout=patient(5))
        if pending:
            self.model.fault(f"{self.name}: a stream stays open, though a newer one was opened")
            before.cancel()
        outbox.put_nowait(None)

    def take(self, which, item):
        if which == "opened":
            self.opened(item.opened)
        elif which == "event":
            self.event(item.event)
        elif which == "command_result":
            result = item.command_result
            created = result.created_id
            self.settle(result.command_id, result.status.code, reason_of(result.status), result.session, created)
        elif which == "gap":
            self.model.fault(f"{self.name}: a gap, with next to nothing unread")

    def opened(self, opened):
        if self.epoch is not None and opened.at.epoch == self.epoch and opened.at.sequence > self.seen:
            self.model.fault(f"{self.name}: attached again at {opened.at.sequence}, seen {self.seen}")
        if self.epoch is not None and opened.at.epoch != self.epoch:
            self.model.fault(f"{self.name}: attached again within its grace, and its log is another one")
        if self.epoch is not None and opened.at.sequence > self.acknowledged:
            self.model.fault(f"{self.name}: attached again at {opened.at.sequence}, acknowledged {self.acknowledged}")
        # An acknowledgement that was under way when the stream broke may not have come.
        self.epoch, self.position, self.acknowledged = opened.at.epoch, opened.at.sequence, opened.at.sequence
        self.attached.set()

    def event(self, event):
        cursor, before = event.cursor, event.prev_cursor
        if cursor.epoch != self.epoch or cursor.sequence <= self.position or before.sequence != self.position:
            self.model.fault(f"{self.name}: cursor {cursor.sequence} after {before.sequence}, where {self.position} was the last")
        self.position = cursor.sequence
        if cursor.sequence <= self.acknowledged:
            self.model.fault(f"{self.name}: event {cursor.sequence} comes again, though {self.acknowledged} was acknowledged")
        data = event.SerializeToString(deterministic=True)
        if cursor.sequence <= self.seen:
            if self.repeats.get(cursor.sequence) != data:
                self.model.fault(f"{self.name}: event {cursor.sequence} comes again and is another one")
            self.model.count("events that came again")
        else:
            self.seen = cursor.sequence
            self.model.event(self.name, event)
        self.repeats[cursor.sequence] = data
        if self.draw.random() < 0.6:
            self.acknowledge(cursor)
        if event.WhichOneof("payload") == "incoming_call" and not self.quiet:
            self.later(self.decide(event.session_id))

    def acknowledge(self, cursor):
        self.outbox.put_nowait(api.stream.AttachRequest(ack=api.stream.Ack(through=cursor)))
        self.acknowledged = cursor.sequence

    # Commands.

    async def decide(self, session_id):
        """What an engine does with a call that comes in: mostly something sensible."""
        if self.draw.random() < 0.08:
            return
        await asyncio.sleep(self.draw.choice([0, 0, 0.05, 0.3]))
        for verb in self.draw.choice([
            ["answer_session"], ["answer_session"], ["ring_session", "answer_session"], ["start_early_media", "answer_session"],
            ["ring_session", "ring_session"], ["reject_session"], ["redirect_session"], ["ring_session", "terminate_session"],
        ]):
            self.later(self.give(*self.commands.make(verb, session_id)))
            await asyncio.sleep(self.draw.choice([0, 0.05, 0.4]))

    async def work(self, until):
        """Commands at random moments."""
        loop = asyncio.get_running_loop()
        while loop.time() < until:
            await asyncio.sleep(self.draw.expovariate(70))
            if self.attached.is_set():
                self.later(self.give(*self.commands.next()))

    async def give(self, command_id, verb, request, bad):
        """One command, by the stream or unary."""
        await self.attached.wait()
        by_stream = self.draw.random() < 0.65
        command = Command(self.name, verb, request, by_stream, bad)
        self.model.sent(command_id, command)
        self.model.goes_out(command)
        try:
            if by_stream:
                whole = api.stream.Command(**{verb: request})
                if self.draw.random() < 0.2:
                    whole.command_id = command_id
                    getattr(whole, verb).context.command_id = ""
                self.outbox.put_nowait(api.stream.AttachRequest(command=whole))
                while not command.answered and not command.lost:
                    await asyncio.sleep(0.05)
            else:
                await self.unary(command_id, command, request)
        finally:
            self.model.comes_back(command)

    async def unary(self, command_id, command, request):
        service, rpc, _ = VERBS[command.verb]
        request.context.engine_id = self.name
        alone = self.draw.random() < 0.4
        begun = self.model.alone(command) if alone else None
        before = await self.look(command) if begun is not None else None
        try:
            response = await getattr(self.stubs[service], rpc)(request, timeout=patient(8))
        except api.grpc.aio.AioRpcError as error:
            reason = reason_of_error(error)
            if error.code() == api.grpc.StatusCode.DEADLINE_EXCEEDED and not reason:
                command.lost = True
                return
            self.settle(command_id, error.code().value[0], reason, None)
            if before is not None:
                after = await self.look(command)
                if self.model.alone(command) == begun:
                    self.unchanged(command_id, command, before, after)
            return
        created = getattr(response, "playback_id", "") or (response.bridge.bridge_id if command.verb == "create_bridge" else "")
        self.settle(command_id, 0, "", response.status if hasattr(response, "status") else None, created)

    def settle(self, command_id, code, reason, status, created=""):
        command = self.model.commands.get(command_id)
        self.model.result(command_id, code, reason, status, created)
        if command and code == 0 and command.verb == "create_bridge":
            self.bridges[created or command.request.bridge_id] = self.name
        if command and code == 0 and command.verb == "create_bridge" and not command.request.bridge_id:
            command.request.bridge_id = created

    async def look(self, command):
        """The sessions and the bridge that a command names, as they stand."""
        seen = {}
        for session_id in command.sessions():
            seen[session_id] = await self.get("session", "GetSession", api.session.GetSessionRequest(session_id=session_id))
        if getattr(command.request, "bridge_id", ""):
            seen["bridge"] = await self.get("bridge", "GetBridge", api.bridge.GetBridgeRequest(bridge_id=command.request.bridge_id))
        return seen

    async def get(self, service, rpc, request):
        """The session or bridge of the answer, None of one that has none, or the reason of a refusal."""
        try:
            response = await getattr(self.stubs[service], rpc)(request, timeout=patient(8))
        except api.grpc.aio.AioRpcError as error:
            return reason_of_error(error)
        return getattr(response, service, None)

    def unchanged(self, command_id, command, before, after):
        """A command that was refused has changed nothing."""
        self.model.count("refused and compared")
        for key, old in before.items():
            new = after[key]
            if key == "bridge":
                made = isinstance(old, str) and not isinstance(new, str) and command.request.bridge_id not in self.bridges
                if made and command.verb == "create_bridge":
                    self.model.fault(f"{command.verb} {command_id} is refused ({command.reason}), and its bridge is there")
                continue
            if isinstance(old, str) or isinstance(new, str) or old.revision != new.revision:
                continue
            # A call that waits for a decision is passed on by itself, and keeps its one revision.
            passed = old.direction == S.CALL_DIRECTION_INBOUND and old.revision == 1
            for field in ("bridge_id", "muted", "group") if passed else ("bridge_id", "muted", "engine_id", "group"):
                if getattr(old, field) != getattr(new, field):
                    self.model.fault(
                        f"{command.verb} {command_id} is refused ({command.reason}), and {key} has {field} {getattr(new, field)!r}, "
                        f"not {getattr(old, field)!r}"
                    )

    async def close(self):
        self.quiet = True
        self.outbox.put_nowait(None)
        for task in list(self.tasks):
            task.cancel()
        if self.call:
            try:
                await asyncio.wait_for(asyncio.shield(self.reader), patient(2))
            except (asyncio.TimeoutError, asyncio.CancelledError):
                self.call.cancel()
                self.reader.cancel()
        await self.channel.close()
