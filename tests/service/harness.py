"""Starts the real binary on ports of its own and looks into it. Standard library only."""
import json
import os
import random
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCENARIOS = os.path.join(ROOT, "sipp_scenarios")


def binary():
    """The binary under test: $CALLPLANE, else the release build, else the debug build."""
    named = os.environ.get("CALLPLANE")
    if named:
        return named
    for profile in ("release", "debug"):
        path = os.path.join(ROOT, "target", profile, "callplane")
        if os.access(path, os.X_OK):
            return path
    raise FileNotFoundError("no callplane binary: cargo build --release")


# Callplane's RTP, unless a test sets its own range above 30,000: room for 200 calls a second of a second each, whose ports
# then rest for five.
RTP_PORTS = (10_000, 19_999)
# Every other port that is named, apart from both, from those of `tests/media` and of the SIPp scenarios, and below those
# that the kernel gives to sockets that ask for none (32,768 and above): nobody else takes one before its process has it.
PORTS = range(28_000, 30_000)
given = set()


def free_port():
    """A port that is free for UDP and TCP on 127.0.0.1, never the same twice."""
    for port in random.sample(PORTS, len(PORTS)):
        if port in given:
            continue
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(socket.AF_INET, kind) as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        given.add(port)
        return port
    raise OSError("no port is free")


def wait_until(condition, seconds, what):
    """Waits for a condition; fails when it does not come true in time. Returns what it gave."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


class Process:
    """A process that is ended with the test."""

    def __init__(self, *command, log, env=None):
        self.log = log
        self.out = open(log, "wb")
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self.out, stderr=subprocess.STDOUT, env=env, start_new_session=True
        )

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as text:
            return text.read()

    def alive(self):
        return self.process.poll() is None

    def kill(self):
        if self.alive():
            self.process.kill()
        self.process.wait()
        self.out.close()

    def stop(self):
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
        self.out.close()


class Callplane:
    """A running Callplane: `serve`, or signaling and media apart; its engine a process of its own."""

    def __init__(self, folder, apart=False, engine=True, **settings):
        self.folder, self.apart = folder, apart
        self.sip, self.api, self.media_api, self.admin = 0, free_port(), free_port(), free_port()
        self.media_admin = free_port()
        self.sip = free_port()
        self.trunk = free_port()
        self.settings = {
            "signaling.listeners": f'[{{transport="udp",bind="127.0.0.1:{self.sip}"}},{{transport="tcp",bind="127.0.0.1:{self.sip}"}}]',
            "signaling.grpc_listen": f'"127.0.0.1:{self.api}"',
            "media.bind_ipv4": '"127.0.0.1"',
            "media.rtp_port_min": str(RTP_PORTS[0]),
            "media.rtp_port_max": str(RTP_PORTS[1]),
            **{key.replace("__", "."): value for key, value in settings.items()},
        }
        self.processes = {}
        if apart:
            self.start_media()
            self.start_signaling()
        else:
            self.start("signaling", "serve", **self.settings, **{"admin.listen": f'"127.0.0.1:{self.admin}"'})
        wait_until(self.ready, 20, "callplane is ready")
        if engine:
            self.start_engine()

    def start(self, name, command, **settings):
        flags = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
        self.processes[name] = Process(binary(), command, *flags, log=os.path.join(self.folder, f"{name}.log"))

    def signaling_settings(self):
        return {key: value for key, value in self.settings.items() if not key.startswith("media.")}

    def start_signaling(self):
        self.start(
            "signaling", "signaling", **self.signaling_settings(), **{"signaling.media_address": f'"127.0.0.1:{self.media_api}"', "admin.listen": f'"127.0.0.1:{self.admin}"'}
        )

    def start_media(self):
        media = {key: value for key, value in self.settings.items() if key.startswith(("media.", "telemetry."))}
        self.start(
            "media", "media", **media, **{"media.api": f'"127.0.0.1:{self.media_api}"', "admin.listen": f'"127.0.0.1:{self.media_admin}"'}
        )

    def start_engine(self, name="engine", **settings):
        self.start(
            name, "engine", **settings,
            **{"engine.api": f'"http://127.0.0.1:{self.api}"', "engine.engine_id": f'"{name}"', "engine.trunk": f'"127.0.0.1:{self.trunk}"'},
        )
        wait_until(lambda: "attached" in self.processes[name].text(), 10, f"{name} is attached")

    def ready(self):
        assert self.processes["signaling"].alive(), self.processes["signaling"].text()
        return self.fetch("/ready") is not None

    def fetch(self, path, port=None):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port or self.admin}{path}", timeout=5) as reply:
                return reply.read().decode()
        except (urllib.error.URLError, OSError):
            return None

    def counters(self):
        """Every gauge of the process, by name."""
        counted = json.loads(self.fetch("/counters"))
        if self.apart:
            media = self.fetch("/counters", self.media_admin)
            counted["media"] = json.loads(media)["media"] if media else None
        media = counted["media"]
        if media:
            # The workers' figures are totals of what passed, not what is held.
            media = {key: value for key, value in media.items() if key != "workers"}
            media["ports"].pop("taken_by_others")
            media.pop("negotiations_failed")
            # Hosts that were sent to are remembered, up to a bound.
            media["consent"].pop("hosts")
        return {**counted["signaling"]["held"], "media": media, "file_descriptors": counted["file_descriptors"]}

    def stop(self):
        for process in reversed(list(self.processes.values())):
            process.stop()


class ServiceTest(unittest.TestCase):
    """A test with a folder, and with processes that end with it."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="callplane-test-")
        self.addCleanup(self.tell)

    def tell(self):
        outcome = getattr(self._outcome, "result", None)
        failed = outcome and any(test is self for test, _ in outcome.failures + outcome.errors)
        if failed:
            print(f"\nlogs of {self.id()}: {self.folder}")

    def callplane(self, **how):
        started = Callplane.__new__(Callplane)
        started.processes = {}
        self.addCleanup(lambda: started.stop())
        Callplane.__init__(started, self.folder, **how)
        return started

    def process(self, name, *command):
        process = Process(*command, log=os.path.join(self.folder, name + ".log"))
        self.addCleanup(process.stop)
        return process

    def sipp(self, callplane, scenario, user, calls, rate, hold_ms=0, seconds=60, extra=()):
        """A SIPp caller, started. `scenario` is a file of sipp_scenarios, or @uac for the built-in one."""
        which = ["-sn", scenario[1:]] if scenario.startswith("@") else ["-sf", os.path.join(SCENARIOS, scenario + ".xml")]
        number = getattr(self, "callers", 0)
        self.callers = number + 1
        return self.process(
            f"sipp-{number}-{user}", "sipp", *which, "-s", user, "-i", "127.0.0.1", "-m", str(calls), "-r", str(rate), "-d", str(hold_ms),
            "-l", str(calls), "-nostdin", "-timeout", f"{seconds}s", "-timeout_error", "-buff_size", "4194304", *extra, f"127.0.0.1:{callplane.sip}",
        )

    def completes(self, caller, seconds=90):
        """Waits for a caller; fails with its last words when a call failed."""
        status = caller.process.wait(seconds)
        self.assertEqual(status, 0, caller.text()[-3000:])
