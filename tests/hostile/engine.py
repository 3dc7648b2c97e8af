"""An engine in Python that can be slow, deaf or silent on purpose."""
import queue
import threading
import time

from peers import api


class Engine:
    """Attached to a Callplane. It answers what comes in, after `delay` seconds of work for each event.

    `window`: how many events may be under way; `acks`: whether it acknowledges; `reads`: whether it reads at all.
    """

    def __init__(self, server, name, window=0, delay=0.0, acks=True, reads=True, answers=True, heartbeat=60, group=""):
        self.name, self.delay, self.acks, self.reads, self.answers = name, delay, acks, reads, answers
        self.outbox, self.opened, self.over = queue.Queue(), threading.Event(), threading.Event()
        self.events, self.gaps, self.results, self.kinds, self.calls, self.error = 0, 0, [], {}, 0, None
        self.channel = api.grpc.insecure_channel(f"{server.ip}:{server.api}", [("grpc.use_local_subchannel_pool", 1)])
        self.say(open=api.stream.Open(engine_id=name, group=group, unacked_events_max=window, heartbeat={"seconds": heartbeat}))
        self.responses = api.stream_rpc.EventServiceStub(self.channel).Attach(iter(self.outbox.get, None))
        threading.Thread(target=self.run, daemon=True).start()

    def say(self, **message):
        self.outbox.put(api.stream.AttachRequest(**message))

    def command(self, **verb):
        self.say(command=api.stream.Command(**verb))

    def run(self):
        try:
            for response in self.responses:
                for item in response.items:
                    self.take(item)
                if not self.reads and self.opened.is_set():
                    self.over.wait()
                    return
        except api.grpc.RpcError as error:
            self.error = error
        self.over.set()

    def take(self, item):
        which = item.WhichOneof("item")
        if which == "opened":
            self.opened.set()
        elif which == "command_result":
            self.results.append(item.command_result)
        elif which == "gap":
            self.gaps += 1
        elif which == "event":
            self.heard(item.event)

    def heard(self, event):
        self.events += 1
        kind = event.WhichOneof("payload")
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        if self.delay:
            time.sleep(self.delay)
        if kind == "incoming_call":
            self.calls += 1
            if self.answers:
                self.command(answer_session=api.session.AnswerSessionRequest(session_id=event.session_id))
        if self.acks:
            self.say(ack=api.stream.Ack(through=event.cursor))

    def close(self):
        self.over.set()
        self.responses.cancel()
        self.outbox.put(None)
        self.channel.close()
