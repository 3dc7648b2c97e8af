#!/usr/bin/env python3
"""A call engine for Callplane in Python: pairs callers up.

The first caller is answered and hears a tone while it waits; the next one is answered and bridged with it; after
--talk seconds both are hung up. Made for reading: the whole API that it needs is one stream.

    pip install -r requirements.txt
    ./generate.sh
    ./engine.py --api 127.0.0.1:7070
"""
import argparse
import queue
import sys
import threading

import grpc

sys.path.insert(0, __file__.rsplit("/", 1)[0] + "/generated")
from callplane.session.v1 import bridge_service_pb2 as bridges  # noqa: E402
from callplane.session.v1 import event_service_pb2 as stream  # noqa: E402
from callplane.session.v1 import event_service_pb2_grpc as services  # noqa: E402
from callplane.session.v1 import playback_service_pb2 as playbacks  # noqa: E402
from callplane.session.v1 import session_service_pb2 as sessions  # noqa: E402


class Engine:
    """Answers, plays, bridges and hangs up."""

    def __init__(self, outbox, talk_seconds):
        self.outbox = outbox
        self.talk_seconds = talk_seconds
        self.waiting = None  # the session that hears the tone
        self.partner = {}  # session -> the other one of its bridge
        self.count = 0

    def command(self, **verb):
        """Sends one command. Its result comes back with the same command_id."""
        self.count += 1
        for message in verb.values():
            message.context.command_id = f"c{self.count}"
        self.outbox.put(stream.AttachRequest(command=stream.Command(**verb)))

    def on_event(self, event):
        session, kind = event.session_id, event.WhichOneof("payload")
        print(f"{session}: {kind}", flush=True)
        if kind == "incoming_call":
            self.command(answer_session=sessions.AnswerSessionRequest(session_id=session))
        elif kind == "connected":
            self.pair(session)
        elif kind == "session_ended":
            if self.waiting == session:
                self.waiting = None
            other = self.partner.pop(session, None)
            if other and self.partner.pop(other, None):
                self.hang_up(other)

    def pair(self, session):
        if self.waiting is None:
            self.waiting = session
            tone = playbacks.Tone(frequency_hz=440)
            self.command(start_playback=playbacks.StartPlaybackRequest(session_id=session, tone=tone))
            return
        other, self.waiting = self.waiting, None
        self.partner[session], self.partner[other] = other, session
        self.command(stop_playback=playbacks.StopPlaybackRequest(session_id=other))
        self.command(
            create_bridge=bridges.CreateBridgeRequest(
                bridge_id=f"pair-{session}", mode=bridges.BRIDGE_MODE_RELAY, session_ids=[other, session]
            )
        )
        threading.Timer(self.talk_seconds, self.hang_up, [session]).start()

    def hang_up(self, session):
        self.command(terminate_session=sessions.TerminateSessionRequest(session_id=session))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--api", default="127.0.0.1:7070")
    parser.add_argument("--group", default="default")
    parser.add_argument("--talk", type=float, default=5.0, help="seconds that a pair talks")
    options = parser.parse_args()

    outbox = queue.Queue()
    outbox.put(stream.AttachRequest(open=stream.Open(engine_id="python", group=options.group)))
    engine = Engine(outbox, options.talk)
    ping = threading.Event()

    def keep_alive():
        while not ping.wait(5):
            outbox.put(stream.AttachRequest(ping=stream.Ping()))

    threading.Thread(target=keep_alive, daemon=True).start()
    with grpc.insecure_channel(options.api) as channel:
        for response in services.EventServiceStub(channel).Attach(iter(outbox.get, None)):
            for item in response.items:
                kind = item.WhichOneof("item")
                if kind == "opened":
                    print("attached to Callplane", item.opened.version, flush=True)
                elif kind == "event":
                    engine.on_event(item.event)
                    # Acknowledged once dealt with: an engine that dies before gets the event again.
                    outbox.put(stream.AttachRequest(ack=stream.Ack(through=item.event.cursor)))
                elif kind == "command_result" and item.command_result.status.code:
                    print("refused:", item.command_result.status.message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
