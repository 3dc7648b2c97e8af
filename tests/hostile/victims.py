"""The calls beside an attack, a process of their own: echo calls with a tone at 50 packets a second, and new calls.

    victims.py --server IP:PORT --ip IP [--echo N] [--rate CALLS_PER_SECOND]

Runs until its input ends, then prints one line of JSON: what came back and when, and what became of the new calls.
"""
import argparse
import json
import os
import select
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from hostile.phone import Phone  # noqa: E402
from peers import rtp  # noqa: E402
from peers.running import patient  # noqa: E402


def part(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] if values else None


class Echo(threading.Thread):
    """One call that hears itself. Its packets carry their number, so that each one's way is timed."""

    def __init__(self, phone):
        super().__init__(daemon=True)
        self.phone, self.stop = phone, threading.Event()
        self.call = phone.call("echo", 20)
        self.sent, self.late, self.came = {}, [], []

    def run(self):
        frames, stream, call = rtp.tone(440), rtp.Stream(), self.call
        call.ear.setblocking(False)
        begin, number = time.monotonic(), 0
        while not self.stop.is_set():
            due = begin + number * 0.02
            while (left := due - time.monotonic()) > 0:
                if select.select([call.ear], [], [], left)[0]:
                    self.take()
            self.sent[number] = time.monotonic()
            payload = struct.pack("!IB", number, 0x5A) + frames[number % len(frames)][5:]
            try:
                call.ear.sendto(stream.next(payload), call.media)
            except OSError:
                pass
            number += 1
        end = time.monotonic() + patient(0.5)
        while (left := end - time.monotonic()) > 0 and len(self.late) < len(self.sent):
            if select.select([call.ear], [], [], left)[0]:
                self.take()

    def take(self):
        try:
            data = self.call.ear.recv(2048)
        except OSError:
            return
        now = time.monotonic()
        if len(data) < 20 or data[16] != 0x5A:
            return
        number = struct.unpack("!I", data[12:16])[0]
        if number in self.sent:
            self.late.append((now - self.sent[number]) * 1000)
            self.came.append(now)


class NewCalls(threading.Thread):
    """New calls at a steady pace, each answered, held a moment and hung up."""

    def __init__(self, phone, rate, user):
        super().__init__(daemon=True)
        self.phone, self.rate, self.user, self.stop = phone, rate, user, threading.Event()
        self.tried, self.done, self.setups, self.statuses, self.threads = 0, 0, [], {}, []

    def run(self):
        begin = time.monotonic()
        while not self.stop.is_set():
            if self.stop.wait(max(0.0, begin + self.tried / self.rate - time.monotonic())):
                break
            self.tried += 1
            thread = threading.Thread(target=self.one, daemon=True)
            thread.start()
            self.threads.append(thread)
        end = time.monotonic() + patient(12)
        for thread in self.threads:
            thread.join(max(0.0, end - time.monotonic()))

    def one(self):
        call = self.phone.invite(self.user)
        if call.answered(10):
            self.done += 1
            self.setups.append(call.setup * 1000)
            time.sleep(0.1)
            call.bye(1.0)
        else:
            word = str(call.status or "silence")
            self.statuses[word] = self.statuses.get(word, 0) + 1
        call.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--ip", required=True)
    parser.add_argument("--echo", type=int, default=1)
    parser.add_argument("--rate", type=float, default=5)
    parser.add_argument("--user", default="answer")
    how = parser.parse_args()
    host, port = how.server.rsplit(":", 1)
    phone = Phone(how.ip, (host, int(port)))
    echoes = [Echo(phone) for _ in range(how.echo)]
    up = [echo for echo in echoes if echo.call]
    for echo in up:
        echo.start()
    calls = NewCalls(phone, how.rate, how.user) if how.rate else None
    if calls:
        calls.start()
    print("up", len(up), flush=True)
    sys.stdin.read()
    for thread in [*up, *([calls] if calls else [])]:
        thread.stop.set()
    for thread in [*up, *([calls] if calls else [])]:
        thread.join(patient(15))
    late = [value for echo in up for value in echo.late]
    gaps = [after - before for echo in up for before, after in zip(echo.came, echo.came[1:])]
    sent = sum(len(echo.sent) for echo in up)
    print(json.dumps({
        "echo_calls": len(echoes), "echo_ended": len(echoes) - sum(not echo.call.ended.is_set() for echo in up), "sent": sent,
        "lost": sent - len(late), "p50": part(late, 0.5), "p99": part(late, 0.99), "max": max(late, default=None),
        "gap": max(gaps, default=None), "tried": calls.tried if calls else 0, "done": calls.done if calls else 0,
        "setup_p50": part(calls.setups, 0.5) if calls else None, "setup_p99": part(calls.setups, 0.99) if calls else None,
        "statuses": calls.statuses if calls else {},
    }), flush=True)
    for echo in up:
        echo.call.bye(0.5)


if __name__ == "__main__":
    main()
