"""Who does not read what is written to him: logs, streams of events."""
import fcntl
import os
import socket
import struct
import time

from hostile.apis import HEADERS, PATH, PREFACE, frame
from hostile.stage import case, patient, slower
from peers import api


def stalled(stage, level):
    """Callplane writes its log into a pipe that nobody reads and that is full."""
    reading, writing = os.pipe()
    stage.ending.append(lambda: (os.close(reading), os.close(writing)))
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    server = stage.server(out=writing, telemetry__log=f'"{level}"')
    beside = stage.victims(server)
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"-" * 16)
    except BlockingIOError:
        pass
    # The flag belongs to the pipe's end that Callplane has, too: it is to block as an ordinary pipe does.
    os.set_blocking(writing, True)
    seen = stage.flood("bad sdp", server.address, [stage.peer(66)], 300, 6).wait()
    stage.attack = f"{seen['sent']} INVITEs that are refused, log of level {level}"
    stage.unharmed(beside)
    stage.lives(server)
    os.set_blocking(reading, False)
    try:
        while os.read(reading, 65536):
            pass
    except BlockingIOError:
        pass
    stage.settles(server)


@case("reader", short=True, limit=50)
def a_log_that_nobody_reads_stops_nothing(stage):
    """Standard error is a full pipe; 1,800 calls are refused meanwhile."""
    stalled(stage, "info")


@case("reader", limit=50)
def a_debug_log_that_nobody_reads_stops_nothing(stage):
    """The same with every call's lines."""
    stalled(stage, "debug")


@case("reader", limit=40)
def a_log_on_a_full_disk_stops_nothing(stage):
    """Standard error is /dev/full."""
    full = os.open("/dev/full", os.O_WRONLY)
    stage.ending.append(lambda: os.close(full))
    server = stage.server(out=full, telemetry__log='"debug"')
    beside = stage.victims(server)
    stage.attack = f"{stage.flood('bad sdp', server.address, [stage.peer(66)], 300, 4).wait()['sent']} INVITEs that are refused"
    stage.unharmed(beside)
    stage.lives(server)


def beside_a_healthy_one(stage, seconds, **how):
    """An engine that behaves and one that does not, of one group; callers notice nothing."""
    server = stage.server(signaling__calls__decision_timeout_ms=2000)
    # The held calls first: the bad engine would answer them and play nothing back, as it may.
    beside = stage.victims(server, echo=2, rate=10)
    bad = stage.engine(server, "bad", **how)
    time.sleep(seconds)
    stage.unharmed(beside)
    stage.say(f"the bad engine heard of {bad.calls} calls")
    stage.expect(bad.calls > 0 or not bad.reads, "the bad engine is asked about no call: the case shows nothing")


@case("reader", short=True, limit=40)
def an_engine_that_acknowledges_nothing_gets_no_calls_beside_a_healthy_one(stage):
    """Its window of eight events is full."""
    stage.attack = "an engine that never acknowledges"
    beside_a_healthy_one(stage, 5, window=8, acks=False)


@case("reader", limit=40)
def an_engine_that_reads_nothing_gets_no_calls_beside_a_healthy_one(stage):
    """It opened its stream and reads it no more."""
    stage.attack = "an engine that does not read"
    beside_a_healthy_one(stage, 8, reads=False, window=50)


@case("reader", limit=40)
def an_engine_that_decides_nothing_costs_no_call_beside_a_healthy_one(stage):
    """It reads and acknowledges, and never decides."""
    stage.attack = "an engine that never decides"
    beside_a_healthy_one(stage, 6, answers=False)


@case("reader", limit=60)
def a_slow_engine_hurts_itself_alone(stage):
    """An engine that takes 300 ms for each event beside a quick one."""
    stage.attack = "an engine of 300 ms an event"
    beside_a_healthy_one(stage, 10, delay=0.3, window=20)


@case("reader", limit=60)
def a_tool_that_lists_and_does_not_read_holds_nothing_up(stage):
    """Five hundred ListSessions of twenty calls each, on ten connections whose windows stay closed."""
    server = stage.server()
    beside = stage.victims(server)
    phone = stage.phone(20, server)
    held = [phone.call("echo") for _ in range(20)]
    stage.expect(all(held), "a call that is to be listed is not answered")
    path = PATH.replace(b"GetSession", b"ListSessions")
    headers = HEADERS.replace(bytes([len(PATH)]) + PATH, bytes([len(path)]) + path)
    asked = api.session.ListSessionsRequest(page_size=1000).SerializeToString()
    asked = b"\0" + struct.pack("!I", len(asked)) + asked
    # SETTINGS_INITIAL_WINDOW_SIZE of 0 (RFC 9113 section 6.5.2): an answer has to wait until it is asked for, and never is.
    closed = frame(4, 0, 0, struct.pack("!HI", 4, 0))
    before, lines, each = server.memory(), [], round(slower(50))
    for _ in range(10):
        line = socket.create_connection((server.ip, server.api), patient(2))
        stage.ending.append(line.close)
        calls = b"".join(frame(1, 0x04, number, headers) + frame(0, 0x01, number, asked) for number in range(1, 2 * each, 2))
        line.sendall(PREFACE + closed + calls)
        lines.append(line)
        time.sleep(0.5)  # it is about answers that are not read, not about how many are made at once
    stage.attack = f"{10 * each} calls under way"
    time.sleep(3)
    stage.say(f"memory +{max(0, server.memory() - before) >> 20} MiB")
    begun = sum(answers(line) for line in lines)
    stage.expect(begun >= 5 * each, f"only {begun} of {10 * each} calls are being answered: the case shows nothing")
    stage.unharmed(beside)
    stage.lives(server)


def answers(line):
    """How many answers have begun on a connection: their HEADERS are there, which no window holds up."""
    line.settimeout(0.2)
    data = b""
    try:
        while more := line.recv(65536):
            data += more
    except OSError:
        pass
    begun = 0
    while len(data) >= 9:
        begun += data[3] == 1
        data = data[9 + int.from_bytes(data[:3], "big") :]
    return begun
