"""Connections, descriptors, look-ups: what there is a number of."""
import socket
import threading
import time

from hostile.flood import message
from hostile.names import Resolver
from hostile.phone import Call, Phone
from hostile.stage import case, patient, wait_until
from peers import sip


def connect(stage, server, count, sources, port=None, first=b"", least=0.8):
    """So many TCP connections, their first bytes sent; those that came up, which have to be most of them."""
    lines = []

    def close():
        for line in lines:
            line.close()

    stage.ending.append(close)
    for number in range(count):
        line = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        line.settimeout(patient(2))
        try:
            line.bind((sources[number % len(sources)], 0))
            line.connect((server.ip, port or server.sip))
            if first:
                line.sendall(first)
        except OSError:
            line.close()
            continue
        lines.append(line)
    if len(lines) < least * count:
        raise AssertionError(f"only {len(lines)} of {count} connections come up: the case shows nothing")
    return lines


def closed(lines, seconds):
    """How many of them the other side has ended, at the latest after so long."""
    end = time.monotonic() + patient(seconds)
    over = set()
    while time.monotonic() < end and len(over) < len(lines):
        for line in lines:
            if line in over:
                continue
            line.setblocking(False)
            try:
                while data := line.recv(65536):
                    pass
                if not data:
                    over.add(line)
            except BlockingIOError:
                pass
            except OSError:
                over.add(line)
        time.sleep(0.2)
    return len(over)


def options(stage, server):
    return message("OPTIONS", (stage.peer(66), 5060), server.address).replace(b"SIP/2.0/UDP", b"SIP/2.0/TCP")


@case("connection", short=True, limit=50)
def half_open_connections_end_and_cost_no_call(stage):
    """600 TCP connections that send half a request and no more."""
    server = stage.server(signaling__sockets__half_open_ms=3000)
    beside = stage.victims(server)
    lines = connect(stage, server, 600, stage.peers(10), first=b"INVITE sip:x@y SIP/2.0\r\nVia: SIP/2.0/TCP h")
    over = closed(lines, 8)
    stage.attack = f"{len(lines)} connections"
    stage.say(f"{over} are closed after at most {patient(8):.0f} s")
    stage.expect(over == len(lines), f"{len(lines) - over} of {len(lines)} connections are still open")
    stage.unharmed(beside)
    stage.settles(server)


@case("connection", limit=60)
def slow_loris_connections_end_and_cost_no_call(stage):
    """300 TCP connections that send one byte of a request every half second."""
    server = stage.server(signaling__sockets__half_open_ms=4000)
    beside = stage.victims(server)
    data = options(stage, server)
    lines = connect(stage, server, 300, stage.peers(10))
    over, begin = set(), time.monotonic()
    for octet in data[:28]:
        for line in lines:
            if line not in over:
                try:
                    line.sendall(bytes([octet]))
                except OSError:
                    over.add(line)
        time.sleep(0.5)
    ended = len(over) + closed([line for line in lines if line not in over], 2)
    stage.attack = f"{len(lines)} connections"
    stage.say(f"{ended} are closed after {time.monotonic() - begin:.0f} s")
    stage.expect(ended == len(lines), f"{len(lines) - ended} of {len(lines)} connections are still open")
    stage.unharmed(beside)


@case("connection", limit=50)
def one_source_has_its_share_of_connections(stage):
    """One address opens 400 connections where each may have 100; another's call by TCP goes through."""
    server = stage.server(signaling__sockets__connections_per_source_max=100)
    beside = stage.victims(server)
    lines = connect(stage, server, 400, [stage.peer(66)], first=options(stage, server))
    time.sleep(patient(1))
    over = closed(lines, 3)
    stage.attack = f"{len(lines)} connections of one address"
    stage.say(f"{len(lines) - over} stay")
    stage.expect(len(lines) - over <= 100, f"{len(lines) - over} connections of one address stay")
    other = connect(stage, server, 1, [stage.peer(20)], first=options(stage, server))
    other[0].settimeout(patient(3))
    stage.expect(other[0].recv(4096).startswith(b"SIP/2.0 200"), "another's OPTIONS by TCP is not answered")
    stage.unharmed(beside)


@case("connection", short=True, limit=60)
def full_descriptors_leave_calls_and_health(stage):
    """A hard limit of 200 descriptors, and 400 TCP connections that sent one OPTIONS each."""
    server = stage.server(prefix=stage.open_files(200))
    lines = connect(stage, server, 400, stage.peers(10), first=options(stage, server), least=0.3)
    time.sleep(patient(0.5))
    phone = stage.phone(20, server)
    calls = [phone.call("echo", 4) for _ in range(5)]
    up = [call for call in calls if call]
    back = [call.echoed(25) for call in up]
    stage.attack = f"{len(lines)} connections"
    stage.say(f"{len(up)} of 5 calls by UDP; echo {back} of 25")
    stage.expect(len(up) == 5, f"only {len(up)} of 5 calls by UDP are answered: {[c and c.status for c in calls]}")
    stage.expect(not back or min(back) >= 22, f"the calls hear {back} of 25 packets")
    stage.expect(server.fetch("/health") is not None, "/health does not answer")
    for line in lines:
        line.close()
    time.sleep(0.5)
    stage.lives(server)


@case("names", public=True, limit=75)
def slow_names_of_callers_leave_engines_their_lookups(stage):
    """Some ten calls a second whose Contact names a host that no resolver ever tells; the trunk is given by a name that one does."""
    trunk = stage.peer(40)
    resolver = Resolver("198.51.100.53", {"trunk.fast.test": trunk})
    stage.ending.append(resolver.close)
    server = stage.server(fast=False, trunk=f"trunk.fast.test:{5070 + stage.lane}")
    callee = Phone(trunk, server.address, 5070 + stage.lane)
    stage.ending.append(callee.close)
    beside = stage.victims(server, echo=2, rate=4)
    # They are answered, acknowledged and hung up: where the BYE goes has to be looked up.
    attack = Attack(stage, server, "bye-0", lambda: {"contact": f"sip:x@{sip.token()}.slow.test"})
    wait_until(lambda: resolver.slow >= 20, 15, "slow names are asked for")
    phone, up, setups = stage.phone(20, server), 0, []
    for _ in range(8):
        call = phone.call("dial-bob", 8)
        if call:
            up += 1
            setups.append(call.setup)
            call.bye()
        time.sleep(0.7)
    attack.end()
    stage.attack = f"{attack.count} calls, {resolver.slow} questions that nobody answers"
    stage.say(f"{up} of 8 calls to a trunk given by name" + (f", the slowest within {max(setups):.1f} s" if setups else ""))
    stage.expect(up == 8, f"{up} of 8 calls to a trunk given by name come up")
    stage.unharmed(beside)


class Attack:
    """Calls of two phones, one after another, at some ten a second, until it ends."""

    def __init__(self, stage, server, user, how):
        self.stage, self.user, self.how, self.count, self.over = stage, user, how, 0, threading.Event()
        self.phones = [stage.phone(number, server) for number in (66, 67)]
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        stage.ending.append(self.stop)

    def run(self):
        while not self.over.is_set():
            for phone in self.phones:
                call = phone.invite(self.user, **self.how())
                if call.answered(3) and self.user == "answer":
                    call.bye()
                self.count += 1
            self.over.wait(patient(0.1))

    def stop(self):
        self.over.set()
        self.thread.join(patient(8))

    def end(self):
        """Ends it; it has to have gone on until now."""
        self.stage.expect(self.thread.is_alive(), "the attack was over before: the case shows nothing")
        self.stop()


@case("names", public=True, limit=60)
def slow_names_of_descriptions_harm_nobody(stage):
    """Calls whose description names a host that no resolver ever tells; another caller's description has names that one does tell."""
    honest = stage.peer(20)
    resolver = Resolver("198.51.100.53", {f"ear{number}.fast.test": honest for number in range(5)})
    stage.ending.append(resolver.close)
    server = stage.server()
    beside = stage.victims(server)
    attack, heard, waited = Attack(stage, server, "answer", lambda: {"place": (f"{sip.token()}.slow.test", 4000)}), [], []
    wait_until(lambda: resolver.slow >= 8, 15, "slow names are asked for")
    phone = stage.phone(20, server)
    for number in range(5):
        begin = time.monotonic()
        call = Call(phone, "tone-440")
        # It only listens: without the address that its name leads to it hears nothing.
        call.place = (f"ear{number}.fast.test", call.place[1])
        call.invite()
        stage.expect(call.answered(8), f"a call with a name that is told gets {call.status}")
        end = time.monotonic() + patient(5)
        while not (packets := call.heard()) and time.monotonic() < end:
            time.sleep(0.05)
        heard.append(packets)
        waited.append(time.monotonic() - begin)
        call.bye(1)
        time.sleep(0.7)
    attack.end()
    stage.attack = f"{attack.count} calls, {resolver.slow} questions that nobody answers"
    stage.say(f"{sum(packets > 0 for packets in heard)} of 5 calls with a name that is told are heard, within {max(waited):.1f} s")
    stage.expect(all(heard), f"callers whose names are told hear {heard} packets")
    stage.unharmed(beside)
    stage.lives(server)
