#!/usr/bin/env python3
"""A call engine for Callplane in Python: pairs callers up.

The first caller is answered and hears a tone while it waits; the next one is answered and bridged with it; after
--talk seconds both are hung up. Made for reading: the whole API that it needs is one stream.

It comes back: when the stream breaks, or after this program was ended and started again, it attaches under the same name,
asks which calls are its own, and knows them again by the bridges that they are in.

    pip install -r requirements.txt
    ./generate.sh
    ./engine.py --api 127.0.0.1:7070
"""
import argparse
import queue
import random
import sys
import threading
import time

import grpc

sys.path.insert(0, __file__.rsplit("/", 1)[0] + "/generated")
from callplane.session.v1 import bridge_service_pb2 as bridges  # noqa: E402
from callplane.session.v1 import event_service_pb2 as stream  # noqa: E402
from callplane.session.v1 import event_service_pb2_grpc as event_service  # noqa: E402
from callplane.session.v1 import playback_service_pb2 as playbacks  # noqa: E402
from callplane.session.v1 import session_service_pb2 as sessions  # noqa: E402
from callplane.session.v1 import session_service_pb2_grpc as session_service  # noqa: E402
from callplane.session.v1 import types_pb2 as types  # noqa: E402

UP = (types.SESSION_STATE_CONNECTED, types.SESSION_STATE_ON_HOLD)
UNDECIDED = (types.SESSION_STATE_INITIALIZING, types.SESSION_STATE_RINGING)


class Engine:
    """Answers, plays, bridges and hangs up. It lives as long as one stream."""

    def __init__(self, talk_seconds):
        self.outbox = queue.Queue()
        self.talk_seconds = talk_seconds
        self.waiting = None  # the session that hears the tone
        self.partner = {}  # session -> the other one of its bridge
        self.known = {}  # session -> its revision when the engine attached: events up to it are no news
        self.count = 0

    def command(self, **verb):
        """Sends one command. Its result comes back with the same command_id."""
        self.count += 1
        for message in verb.values():
            message.context.command_id = f"c{self.count}"
        self.outbox.put(stream.AttachRequest(command=stream.Command(**verb)))

    def take_up(self, owned):
        """The sessions that were this engine's before it attached."""
        bridged = {}  # bridge -> the one of its members that was met
        self.known = {session.session_id: session.revision for session in owned}
        for session in owned:
            if session.state in UNDECIDED:
                self.answer(session.session_id)
            elif session.state in UP and session.bridge_id in bridged:
                self.met(session.session_id, bridged.pop(session.bridge_id))
            elif session.state in UP and session.bridge_id:
                bridged[session.bridge_id] = session.session_id
            elif session.state in UP:
                self.pair(session.session_id)
        for left_alone in bridged.values():
            self.hang_up(left_alone)

    def on_event(self, event):
        session, kind = event.session_id, event.WhichOneof("payload")
        if event.session_revision <= self.known.get(session, 0):
            return
        print(f"{session}: {kind}", flush=True)
        if kind == "incoming_call":
            self.answer(session)
        elif kind == "connected":
            self.pair(session)
        elif kind in ("session_ended", "session_revoked"):  # revoked: another engine has it now
            self.known.pop(session, None)
            if self.waiting == session:
                self.waiting = None
            other = self.partner.pop(session, None)
            if other and self.partner.pop(other, None):
                self.hang_up(other)

    def answer(self, session):
        self.command(answer_session=sessions.AnswerSessionRequest(session_id=session))

    def pair(self, session):
        if self.waiting is None:
            self.waiting = session
            tone = playbacks.Tone(frequency_hz=440)
            self.command(start_playback=playbacks.StartPlaybackRequest(session_id=session, playback_id="wait", tone=tone))
            return
        other, self.waiting = self.waiting, None
        self.command(stop_playback=playbacks.StopPlaybackRequest(session_id=other))
        self.command(
            create_bridge=bridges.CreateBridgeRequest(
                bridge_id=f"pair-{session}", mode=bridges.BRIDGE_MODE_RELAY, session_ids=[other, session]
            )
        )
        self.met(session, other)

    def met(self, session, other):
        self.partner[session], self.partner[other] = other, session
        timer = threading.Timer(self.talk_seconds, self.hang_up, [session])
        timer.daemon = True
        timer.start()

    def hang_up(self, session):
        self.command(terminate_session=sessions.TerminateSessionRequest(session_id=session))

    def attend(self, channel, options):
        """One stream, from its beginning to its end."""
        name = {"engine_id": options.id, "group": options.group}
        self.outbox.put(stream.AttachRequest(open=stream.Open(**name)))
        try:
            for response in event_service.EventServiceStub(channel).Attach(iter(self.outbox.get, None)):
                for item in response.items:
                    kind = item.WhichOneof("item")
                    if kind == "opened":
                        print("attached to Callplane", item.opened.version, flush=True)
                        self.take_up(list_owned(channel, name))
                    elif kind == "event":
                        self.on_event(item.event)
                        # Acknowledged once dealt with: an engine that dies before gets the event again.
                        self.outbox.put(stream.AttachRequest(ack=stream.Ack(through=item.event.cursor)))
                    elif kind == "command_result" and item.command_result.status.code:
                        print("refused:", item.command_result.status.message, file=sys.stderr, flush=True)
        finally:
            self.outbox.put(None)  # ends the stream's half of ours


def list_owned(channel, name):
    """All sessions of an engine, page by page."""
    service, owned, token = session_service.SessionServiceStub(channel), [], ""
    while True:
        page = service.ListSessions(sessions.ListSessionsRequest(page_token=token, **name), timeout=5)
        owned += page.sessions
        token = page.next_page_token
        if not token:
            return owned


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--api", default="127.0.0.1:7070")
    parser.add_argument("--group", default="default")
    parser.add_argument("--id", default="python", help="the engine's name: two that run at once need two")
    parser.add_argument("--talk", type=float, default=5.0, help="seconds that a pair talks")
    options = parser.parse_args()
    pause = 0.2
    while True:
        began = time.monotonic()
        try:
            with grpc.insecure_channel(options.api) as channel:
                Engine(options.talk).attend(channel, options)
            reason = "the stream is over"
        except grpc.RpcError as error:
            reason = f"{error.code().name}: {error.details()}"
        # Longer each time up to five seconds, and never the same for two engines.
        pause = 0.2 if time.monotonic() - began > 10 else min(pause * 2, 5)
        wait = pause * random.uniform(0.5, 1.5)
        print(f"not attached: {reason}; again in {wait:.1f} s", file=sys.stderr, flush=True)
        time.sleep(wait)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
