"""What a client of the two APIs and of the operator's endpoint can do without a password."""
import queue
import socket
import struct
import time

from hostile.engine import Engine
from hostile.limits import closed, connect
from hostile.stage import case, patient, slower, wait_until
from peers import api

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags, stream, payload=b""):
    """One HTTP/2 frame (RFC 9113 section 4.1)."""
    return struct.pack("!I", len(payload))[1:] + bytes([kind, flags]) + struct.pack("!I", stream) + payload


SETTINGS = frame(4, 0, 0)
# HPACK (RFC 7541): indexed :method POST and :scheme http, literals without indexing for the rest.
PATH = b"/callplane.session.v1.SessionService/GetSession"
HEADERS = b"\x83\x86\x04" + bytes([len(PATH)]) + PATH + b"\x01\x01x" + b"\x0f\x10\x10application/grpc"


@case("api", short=True, limit=60)
def silent_connections_to_the_api_end_and_engines_get_in(stage):
    """1,100 TCP connections to the API that send nothing, or half a preface; then an engine wants to attach."""
    server = stage.server()
    beside = stage.victims(server, rate=2)
    silent = connect(stage, server, 600, stage.peers(10), server.api)
    half = connect(stage, server, 500, stage.peers(10), server.api, PREFACE[:9])
    begin, engine = time.monotonic(), None
    while time.monotonic() < begin + patient(30):
        engine = Engine(server, "late")
        if engine.opened.wait(patient(2)):
            break
        engine.close()
        engine = None
    took = time.monotonic() - begin
    if engine:
        stage.ending.append(engine.close)
    stage.attack = f"{len(silent) + len(half)} connections"
    stage.say(f"an engine is attached after {took:.1f} s" if engine else "no engine gets in")
    stage.expect(engine is not None, f"no engine can attach within {patient(30):.0f} s")
    stage.unharmed(beside)


@case("api", short=True, limit=60)
def health_answers_whoever_holds_connections_to_it(stage):
    """100 connections to the operator's endpoint that send nothing, half a request, or never end one."""
    server = stage.server()
    lines = connect(stage, server, 50, stage.peers(5), server.admin)
    lines += connect(stage, server, 50, stage.peers(5), server.admin, b"GET /health HTTP/1.1\r\nHost: x\r\nX-")
    begin, answered = time.monotonic(), None
    while time.monotonic() < begin + patient(15) and answered is None:
        if server.fetch("/health", seconds=2):
            answered = time.monotonic() - begin
        else:
            time.sleep(0.2)
    stage.attack = f"{len(lines)} connections"
    stage.say(f"/health answers after {answered:.1f} s" if answered is not None else "/health does not answer within 15 s")
    stage.expect(answered is not None, "/health does not answer within 15 s")
    over = closed(lines, 20)
    stage.say(f"{over} of them are closed")
    stage.expect(over == len(lines), f"{len(lines) - over} of {len(lines)} connections stay open")


@case("api", limit=60)
def silent_connections_to_media_end(stage):
    """700 TCP connections to media's API that send nothing; signaling is restarted and has to get in."""
    server = stage.server(apart=True)
    lines = connect(stage, server, 700, stage.peers(10), server.media_api)
    server.processes["signaling"].kill()
    server.start_signaling()
    begin = time.monotonic()
    wait_until(server.ready, 30, "signaling has media again")
    stage.attack = f"{len(lines)} connections"
    stage.say(f"signaling has media again after {time.monotonic() - begin:.1f} s")
    over = closed(lines, 20)
    stage.expect(over == len(lines), f"{len(lines) - over} of {len(lines)} connections stay open")


@case("api", short=True, limit=100)
def an_engine_may_send_twenty_thousand_small_commands_at_once(stage):
    """What a conforming engine does in a burst is held back, not punished."""
    server = stage.server()
    beside = stage.victims(server, rate=4)
    # Of a group of its own: its answers to calls would wait behind its burst.
    engine = stage.engine(server, "quick", group="quick")
    count = round(slower(20_000))
    for number in range(count):
        engine.command(ring_session=api.session.RingSessionRequest(context={"command_id": str(number)}, session_id="nobody"))
    end = time.monotonic() + patient(60)
    while time.monotonic() < end and len(engine.results) < count and engine.error is None:
        time.sleep(0.1)
    stage.attack = f"{count:,} commands"
    stage.say(f"{len(engine.results)} results")
    stage.expect(engine.error is None, f"the stream ended: {engine.error and engine.error.details()}")
    stage.expect(len(engine.results) == count, f"{len(engine.results)} results of {count:,}")
    stage.unharmed(beside)


@case("api", short=True, limit=40)
def rpcs_cancelled_in_numbers_leave_the_engine_its_stream(stage):
    """500 unary calls on an engine's connection, begun and cancelled at once."""
    server = stage.server()
    beside = stage.victims(server, rate=4)
    engine = stage.engine(server, "cancels")
    stub = api.session_rpc.SessionServiceStub(engine.channel)
    for _ in range(500):
        stub.GetSession.future(api.session.GetSessionRequest(session_id="nobody")).cancel()
    time.sleep(1)
    engine.command(ring_session=api.session.RingSessionRequest(session_id="nobody"))
    end = time.monotonic() + patient(5)
    while time.monotonic() < end and not engine.results and engine.error is None:
        time.sleep(0.05)
    stage.attack = "500 cancelled calls"
    stage.expect(engine.error is None and engine.results, f"the stream ended: {engine.error and engine.error.details()}")
    stage.unharmed(beside)


@case("api", limit=40)
def rapid_resets_cost_no_call(stage):
    """HTTP/2 streams opened and reset at once, as fast as a connection takes them, for five seconds."""
    server = stage.server()
    beside = stage.victims(server)
    before, begin, streams, connections = server.memory(), time.monotonic(), 0, 0
    while time.monotonic() < begin + 5:
        try:
            line = socket.create_connection((server.ip, server.api), 2)
        except OSError:
            continue
        connections += 1
        try:
            line.sendall(PREFACE + SETTINGS)
            number = 1
            while time.monotonic() < begin + 5:
                burst = b""
                for _ in range(100):
                    burst += frame(1, 0x04, number, HEADERS) + frame(3, 0, number, struct.pack("!I", 8))
                    number += 2
                line.sendall(burst)
                streams += 100
        except OSError:
            pass
        line.close()
    stage.attack = f"{streams} streams on {connections} connections in 5 s"
    stage.say(f"memory +{max(0, server.memory() - before) >> 20} MiB")
    stage.expect(streams >= 1000, f"only {streams} streams are opened: the case shows nothing")
    stage.unharmed(beside)
    stage.lives(server)


@case("api", limit=40)
def unary_calls_in_numbers_cost_no_call(stage):
    """GetSession and broken requests as fast as a client makes them, for five seconds."""
    server = stage.server()
    beside = stage.victims(server)
    channel = api.grpc.insecure_channel(f"{server.ip}:{server.api}")
    stage.ending.append(channel.close)
    get = channel.unary_unary("/callplane.session.v1.SessionService/GetSession")
    begin, count = time.monotonic(), 0
    while time.monotonic() < begin + 5:
        for waiting in [get.future(data) for data in (b"\x0a\x01x", b"\xff\xff\xff", b"") for _ in range(30)]:
            count += 1
            waiting.exception(patient(5))
    stage.attack = f"{count} calls in 5 s"
    stage.unharmed(beside)
    stage.lives(server)


@case("api", limit=60)
def many_streams_that_say_nothing_end(stage):
    """600 Attach streams that never say `open`."""
    server = stage.server()
    beside = stage.victims(server, rate=2)
    channels = [api.grpc.insecure_channel(f"{server.ip}:{server.api}", [("grpc.use_local_subchannel_pool", 1)]) for _ in range(2)]
    stage.ending.append(lambda: [channel.close() for channel in channels])
    silences = [queue.Queue() for _ in range(600)]
    stage.ending.append(lambda: [silence.put(None) for silence in silences])  # each keeps a thread
    begin = time.monotonic()
    streams = [
        api.stream_rpc.EventServiceStub(channels[number % 2]).Attach(iter(silence.get, None)) for number, silence in enumerate(silences)
    ]
    at_first = sum(each.is_active() for each in streams)
    ended, end = 0, begin + patient(20)
    while ended < len(streams) and time.monotonic() < end:
        time.sleep(0.5)
        ended = sum(not each.is_active() for each in streams)
    for each in streams:
        each.cancel()
    stage.attack = f"{len(streams)} streams"
    stage.say(f"{ended} ended after {time.monotonic() - begin:.0f} s")
    stage.expect(at_first >= 0.8 * len(streams), f"only {at_first} streams are open at first: the case shows nothing")
    stage.expect(ended == len(streams), f"{len(streams) - ended} streams are still open")
    stage.unharmed(beside)


def hello(server, incarnation, owner="tested"):
    """Opens a stream to media in the name of an owner, and closes it after its answer: `welcomed`, or why it is not."""
    channel = api.grpc.insecure_channel(f"{server.ip}:{server.media_api}")
    request = api.media.ControlRequest(requests=[api.media.Request(id=1, hello=api.media.Hello(owner=owner, incarnation=incarnation))])
    try:
        said = next(iter(api.media_rpc.MediaServiceStub(channel).Control(iter([request]), timeout=patient(5))), None)
        for item in said.items if said else ():
            if item.WhichOneof("item") == "reply":
                kind = item.reply.WhichOneof("result")
                return "welcomed" if kind == "welcome" else f"{kind} {getattr(item.reply, kind)}".strip().replace("\n", " ")
        return "silence"
    except api.grpc.RpcError as error:
        return f"{error.code().name} {error.details()}"
    finally:
        channel.close()


@case("clock", short=True, limit=60)
def a_clock_set_back_before_a_restart_costs_no_call(stage):
    """Media has seen an incarnation of signaling far in the future; signaling is restarted with a lower one."""
    server = stage.server(apart=True)
    server.processes["signaling"].kill()
    wait_until(lambda: hello(server, 2**63) == "welcomed", 15, "media takes a process of an incarnation in the future")
    server.start_signaling()
    begin = time.monotonic()
    wait_until(server.ready, 20, "signaling has media again")
    wait_until(server.engines_attached, 15, "the engine is back")
    phone = stage.phone(20, server)
    calls = [phone.call("echo") for _ in range(5)]
    stage.attack = "an incarnation of 2^63"
    stage.say(f"{sum(call is not None for call in calls)} of 5 calls, {time.monotonic() - begin:.1f} s after the restart")
    stage.expect(all(calls), "a call is not answered")


@case("clock", limit=60)
def a_stranger_at_medias_door_costs_no_call(stage):
    """Somebody says hello to media in signaling's name, while it has its stream and calls are up."""
    server = stage.server(apart=True)
    beside = stage.victims(server)
    said = [hello(server, incarnation) for incarnation in (1, 2**64 - 1)]
    time.sleep(3)
    stage.attack = "two Hello of signaling's name"
    stage.say(f"media says: {'; '.join(said)}")
    stage.expect("welcomed" not in said, "media takes a stranger for signaling")
    stage.unharmed(beside)
