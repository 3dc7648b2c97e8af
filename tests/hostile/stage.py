"""What a case has: addresses, servers, floods, the calls beside it; and what it says in the end."""
import json
import math
import os
import signal
import subprocess
import sys
import time

from hostile.phone import Phone, ear
from peers.running import PATIENCE, ROOT, Running, Server, patient, settled, slower, wait_until

CASES = []
# Timers of SIP five times as fast as RFC 3261's, so that what has to end ends within a case.
FAST = {
    "signaling__sip__t1_ms": 100, "signaling__sip__t2_ms": 800, "signaling__sip__t4_ms": 1000, "signaling__sip__timer_d_ms": 6400,
    "media__port_rest_ms": 1000,
}
# Audio of the calls beside an attack that may be lost, and new calls that may fail: what a machine that is busy otherwise
# costs by itself. What an attack that works does is far beyond.
LOSS_MAX, FAILED_MAX = 0.05, 0.02


class Case:
    """One case. `public`: it is about addresses that are not private, and has to have them."""

    def __init__(self, run, kind, short, public, limit):
        self.run, self.kind, self.short, self.public, self.limit = run, kind, short, public, limit
        self.name = run.__name__
        self.title = (run.__doc__ or run.__name__).strip().split("\n")[0]


def case(kind, short=False, public=False, limit=60):
    """Makes a function a case. Its name is a sentence; it ends within `limit` seconds."""

    def keep(run):
        CASES.append(Case(run, kind, short, public, math.ceil(patient(limit))))
        return run

    return keep


class Skipped(Exception):
    """The machine has not what a case needs."""


class Stage:
    """One case while it runs."""

    def __init__(self, folder, public, lane=0):
        self.folder, self.public, self.lane = folder, public, lane
        self.failures, self.ending, self.words, self.beside, self.attack = [], [], [], None, ""
        os.makedirs(folder, exist_ok=True)

    # Who is where. In the suite's own network Callplane and its peers have addresses as on the Internet.

    @property
    def here(self):
        return f"{'198.51.100' if self.public else '127.0.0'}.{1 + self.lane}"

    def peer(self, number):
        return f"203.0.113.{number}" if self.public else f"127.0.1.{number}"

    def peers(self, count, first=100):
        return [self.peer(first + number) for number in range(count)]

    # What runs.

    def server(self, fast=True, **how):
        """A Callplane that ends with the case."""
        started = Server.__new__(Server)
        started.processes = {}
        self.ending.append(started.stop)
        started.__init__(self.folder, self.here, **{**(FAST if fast else {}), **how})
        return started

    def open_files(self, count):
        """What to begin a server's command with for it to have so many open files; the case is left out where it cannot."""
        prefix = ["prlimit", f"--nofile={count}:{count}"]
        if subprocess.run([*prefix, "true"], stderr=subprocess.DEVNULL, check=False).returncode:
            raise Skipped(f"needs {count} open files")
        return prefix

    def phone(self, number, server, **how):
        phone = Phone(self.peer(number), server.address, **how)
        self.ending.append(phone.close)
        return phone

    def engine(self, server, name, **how):
        """An engine in Python; it is attached when this returns."""
        from hostile.engine import Engine

        attached = Engine(server, name, **how)
        self.ending.append(attached.close)
        if not attached.opened.wait(patient(10)):
            raise AssertionError(f"{name} does not get attached: {attached.error}")
        return attached

    def ear(self, number, port=0):
        line = ear(self.peer(number), port)
        self.ending.append(line.close)
        return line

    def script(self, name, *arguments):
        """Another process of this folder, that hears of the end by its input and says one line of JSON."""
        path = os.path.join(ROOT, "tests", "hostile", name)
        out = os.path.join(self.folder, f"{name}.log")
        process = Running([sys.executable, "-B", path, *arguments], out, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.ending.append(process.kill)
        return process

    def victims(self, server, number=10, echo=2, rate=5, user="answer"):
        """The calls beside an attack; they are up when this returns."""
        host, port = server.address
        process = self.script(
            "victims.py", "--server", f"{host}:{port}", "--ip", self.peer(number), "--echo", str(echo),
            "--rate", str(rate and slower(rate)), "--user", user,
        )
        word = process.process.stdout.readline().split()
        if word[:1] != [b"up"] or int(word[1]) != echo:
            raise AssertionError(f"the calls beside do not come up: {word} {process.text()[-500:]}")
        return Victims(process)

    def flood(self, kind, to, sources, per_second, seconds, **more):
        """A flood that has begun, of so many a second or as many as this machine is given."""
        how = {"kind": kind, "to": to, "from": sources, "per_second": slower(per_second), "seconds": seconds, **more}
        return Flood(self.script("flood.py", json.dumps(how)), seconds)

    def sipp(self, server, scenario, user, calls, rate, number=30, extra=()):
        """SIPp as a caller, at as many calls a second as this machine is given; it has begun."""
        which = ["-sn", scenario[1:]] if scenario.startswith("@") else ["-sf", os.path.join(ROOT, "sipp_scenarios", scenario + ".xml")]
        host, port = server.address
        command = ["sipp", *which, "-s", user, "-i", self.peer(number), "-m", str(calls), "-r", str(round(slower(rate))), "-nostdin",
                   "-timeout", f"{math.ceil(patient(50))}s", "-buff_size", "4194304", *extra, f"{host}:{port}"]
        process = Running(command, os.path.join(self.folder, f"sipp-{user}.log"))
        self.ending.append(process.kill)
        return process

    # What is said.

    def expect(self, holds, text):
        """Notes what does not hold; the case goes on."""
        if not holds:
            self.failures.append(text)

    def say(self, text):
        self.words.append(text)

    def unharmed(self, victims, loss=LOSS_MAX, failed=FAILED_MAX):
        """Ends the calls beside and checks that they saw nothing of it."""
        seen = self.beside = victims.stop()
        self.expect(seen["echo_ended"] == 0, f"{seen['echo_ended']} of {seen['echo_calls']} held calls ended")
        if seen["sent"]:
            self.expect(seen["lost"] <= loss * seen["sent"], f"{seen['lost']} of {seen['sent']} packets of the calls beside are lost")
        if seen["tried"]:
            missing = seen["tried"] - seen["done"]
            self.expect(missing <= failed * seen["tried"], f"{missing} of {seen['tried']} new calls failed: {seen['statuses']}")
        return seen

    def settles(self, server, seconds=20, but=()):
        """Checks that nothing is left."""
        left = settled(server, seconds, but)
        self.expect(not left, f"left after {patient(seconds):.0f} s: {left}")

    def lives(self, server):
        """Checks that the process did not end, and answers."""
        for name, process in server.processes.items():
            self.expect(process.alive(), f"{name} has ended")
        self.expect(server.fetch("/health") is not None, "/health does not answer")

    def end(self):
        """Ends what runs. What does not end is told, and keeps nothing else from ending."""
        for last in reversed(self.ending):
            try:
                limited(math.ceil(patient(30)), last)
            except (Exception, Alarm) as error:
                print(f"  at the end: {error!r}", file=sys.stderr)


class Victims:
    """The calls beside."""

    def __init__(self, process):
        self.process = process

    def stop(self):
        self.process.process.stdin.close()
        line = self.process.process.stdout.readline()
        self.process.process.wait(patient(10))
        if not line:
            raise AssertionError("the calls beside said nothing: " + self.process.text()[-1000:])
        return json.loads(line)


class Flood:
    """Load from another process."""

    def __init__(self, process, seconds):
        self.process, self.seconds = process, seconds

    def goes_on(self):
        """Whether it is not over."""
        return self.process.alive()

    def wait(self):
        """What was sent and came back."""
        line = self.process.process.stdout.readline()
        self.process.process.wait(patient(self.seconds + 10))
        if not line:
            raise AssertionError("a flood said nothing: " + self.process.text()[-1000:])
        seen = json.loads(line)
        if not seen["sent"]:
            raise AssertionError("a flood sent nothing: the case shows nothing")
        return seen


class Alarm(BaseException):
    """A case took too long. Not an Exception: who catches those must not catch it by the way."""


def limited(seconds, run):
    """Runs within so many seconds, or raises Alarm."""

    def ring(*_):
        raise Alarm(f"not over within {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        return run()
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def per_second(count_before, count_after, begin):
    """A rate since a moment."""
    return (count_after - count_before) / max(0.001, time.monotonic() - begin)


__all__ = ["CASES", "PATIENCE", "Alarm", "Skipped", "Stage", "case", "limited", "patient", "per_second", "slower", "wait_until"]
