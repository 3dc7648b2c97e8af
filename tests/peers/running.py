"""Processes that end: with the suite, with a failure, with an interruption."""
import atexit
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "service"))

import harness  # noqa: E402
from harness import binary, free_port  # noqa: E402

__all__ = ["PATIENCE", "ROOT", "Running", "Server", "binary", "free_port", "patient", "settled", "slower", "wait_until"]
# How many times slower this machine is than one of today that does nothing else. What is waited for may take so much longer,
# and floods come so much slower.
PATIENCE = max(1.0, float(os.environ.get("HOSTILE_PATIENCE", "1")))
# The kernel ends a child whose parent has died, where setpriv is there to ask it.
WITH_PARENT = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
running = set()


def patient(seconds):
    """How long something may take here that takes at most so long elsewhere."""
    return seconds * PATIENCE


def slower(rate):
    """How much load a second is to this machine what this is to others."""
    return max(1, rate / PATIENCE)


def wait_until(condition, seconds, what):
    """Waits for a condition, at most as long as this machine is given; returns what it gave."""
    return harness.wait_until(condition, patient(seconds), what)


def reasons():
    """Why media drops packets, in the order in which /counters counts them: the names of `Dropped`."""
    with open(os.path.join(ROOT, "src", "media", "core", "endpoint", "incoming.rs"), encoding="utf-8") as text:
        body = text.read().split("pub enum Dropped {")[1].split("\n}")[0]
    return re.findall(r"^    (\w+),$", body, re.M)


@atexit.register
def end_all():
    for process in list(running):
        try:
            process.kill()
        except (OSError, subprocess.SubprocessError) as error:  # one that cannot be ended must not keep the others
            print(f"  a process does not end: {error!r}", file=sys.stderr)


class Running:
    """A process of a group of its own. `out` takes what it says: a path, or a descriptor that is handed in."""

    def __init__(self, command, out, stdin=subprocess.DEVNULL, stdout=None):
        self.log = out if isinstance(out, str) else None
        self.file = open(out, "ab") if self.log else None
        sink = self.file or out
        self.process = subprocess.Popen(
            [*WITH_PARENT, *command], stdin=stdin, stdout=stdout or sink, stderr=sink, start_new_session=True
        )
        running.add(self)

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process.poll() is None

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as text:
            return text.read()

    def signal(self, number):
        try:
            if self.alive():
                os.killpg(self.pid, number)
        except ProcessLookupError:
            pass

    def kill(self):
        """SIGKILL to the whole group; waits for the end."""
        try:
            os.killpg(self.pid, signal.SIGCONT)
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(patient(10))
        running.discard(self)
        for each in (self.file, self.process.stdin, self.process.stdout):
            if each:
                each.close()

    def stop(self, seconds=10):
        """SIGTERM, and SIGKILL when it takes too long."""
        self.signal(signal.SIGTERM)
        try:
            self.process.wait(patient(seconds))
        except subprocess.TimeoutExpired:
            pass
        self.kill()

    def cpu(self):
        """Seconds of CPU so far."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as text:
            fields = text.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """Resident bytes."""
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as text:
            return int(text.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Server:
    """A Callplane on ports of its own: `serve`, or signaling and media apart; the engine in the box a process beside it."""

    def __init__(self, folder, ip="127.0.0.1", apart=False, engine=True, out=None, prefix=(), trunk="", rtp=(10_000, 19_999), **settings):
        self.folder, self.ip, self.apart, self.out, self.prefix, self.trunk = folder, ip, apart, out, list(prefix), trunk
        self.sip, self.api, self.media_api, self.admin, self.media_admin = (free_port() for _ in range(5))
        self.processes, self.engines = {}, 0
        self.settings = {
            "signaling.listeners": f'[{{transport="udp",bind="{ip}:{self.sip}"}},{{transport="tcp",bind="{ip}:{self.sip}"}}]',
            "signaling.grpc_listen": f'"{ip}:{self.api}"', "signaling.node": '"tested"', "media.bind_ipv4": f'"{ip}"',
            "media.rtp_port_min": rtp[0], "media.rtp_port_max": rtp[1], "admin.drain_ms": 500,
            **{key.replace("__", "."): value for key, value in settings.items()},
        }
        if apart:
            self.start_media()
            self.start_signaling()
        else:
            self.start_signaling()
        wait_until(self.ready, 30, "Callplane is ready")
        if engine:
            self.start_engine()

    @property
    def address(self):
        return self.ip, self.sip

    def start(self, name, command, settings):
        flags = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
        out = self.out if self.out is not None else os.path.join(self.folder, f"{name}.log")
        self.processes[name] = Running([*self.prefix, binary(), command, *flags], out)

    def start_media(self):
        settings = {key: value for key, value in self.settings.items() if key.startswith(("media.", "admin.drain", "telemetry."))}
        own = {"media.api": f'"{self.ip}:{self.media_api}"', "admin.listen": f'"{self.ip}:{self.media_admin}"'}
        self.start("media", "media", {**settings, **own})

    def start_signaling(self):
        admin = {"admin.listen": f'"{self.ip}:{self.admin}"'}
        if not self.apart:
            return self.start("signaling", "serve", {**self.settings, **admin})
        settings = {key: value for key, value in self.settings.items() if not key.startswith("media.")}
        link = {"signaling.media_address": f'"{self.ip}:{self.media_api}"'}
        return self.start("signaling", "signaling", {**settings, **admin, **link})

    def start_engine(self, name="engine"):
        before = self.engines_attached()
        own = {"engine.api": f'"http://{self.ip}:{self.api}"', "engine.engine_id": f'"{name}"'}
        if self.trunk:
            own["engine.trunk"] = f'"{self.trunk}"'
        self.start(name, "engine", own)
        wait_until(lambda: self.engines_attached() > before, 15, f"{name} is attached")

    def engines_attached(self):
        counters = self.counters()
        return counters["signaling"]["held"]["engines_attached"] if counters else 0

    def ready(self):
        assert self.processes["signaling"].alive(), "Callplane does not start: " + self.told("signaling")[-2000:]
        return self.fetch("/ready") is not None

    def told(self, name):
        process = self.processes[name]
        return process.text() if process.log else ""

    def fetch(self, path, port=None, seconds=3.0):
        """What the operator's endpoint says; None when it says nothing."""
        try:
            with urllib.request.urlopen(f"http://{self.ip}:{port or self.admin}{path}", timeout=patient(seconds)) as reply:
                return reply.read().decode()
        except (urllib.error.URLError, http.client.HTTPException, OSError):
            return None

    def counters(self):
        """/counters as it is, media's among them; None when nobody answers."""
        text = self.fetch("/counters")
        if text is None:
            return None
        counted = json.loads(text)
        if self.apart:
            media = self.fetch("/counters", self.media_admin)
            counted["media"] = json.loads(media)["media"] if media else None
        return counted

    def held(self):
        """What is held and has to be nothing where no call is left."""
        counted = self.counters()
        if counted is None:
            return {"counters": None}
        names = ("sessions", "legs", "dialogs", "transactions", "directory", "bridges", "media_requests", "lookups", "commands_pending",
                 "requests_waiting", "sip_connections", "unconfirmed", "media_releases")
        held = {name: counted["signaling"]["held"].get(name, 0) for name in names}
        media = counted.get("media") or {}
        held.update({f"media {name}": media.get(name) for name in ("endpoints", "bridges", "playbacks", "sockets")})
        return held

    def received(self):
        """RTP packets that media has received so far; of all workers."""
        return sum(worker.get("received", 0) for worker in self.workers())

    def dropped(self, reason):
        """RTP packets that media has dropped for this reason so far."""
        names, workers = reasons(), self.workers()
        for worker in workers:
            assert len(worker["dropped"]) == len(names), f"/counters has {len(worker['dropped'])} reasons, `Dropped` {len(names)}"
        return sum(worker["dropped"][names.index(reason)] for worker in workers)

    def workers(self):
        """What each worker of media counts; none when nobody answers."""
        return ((self.counters() or {}).get("media") or {}).get("workers") or []

    def sessions(self):
        """Calls that are held; None when nobody answers."""
        return self.held().get("sessions")

    def cpu(self):
        return sum(process.cpu() for name, process in self.processes.items() if name in ("signaling", "media") and process.alive())

    def memory(self):
        return sum(process.memory() for name, process in self.processes.items() if name in ("signaling", "media") and process.alive())

    def stop(self):
        """Ends every process, also when one of them does not end as it should."""
        troubles = []
        for process in reversed(list(self.processes.values())):
            try:
                process.signal(signal.SIGCONT)
                process.stop()
            except (OSError, subprocess.SubprocessError) as error:
                troubles.append(error)
        if troubles:
            raise troubles[0]


def settled(server, seconds, but=()):
    """Waits until nothing is held; what is still held then, empty when nothing is."""
    end = time.monotonic() + patient(seconds)
    while True:
        left = {name: value for name, value in server.held().items() if value != 0 and name not in but}
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.2)
