"""A part that stops answering without ending: SIGSTOP."""
import signal
import threading
import time

from hostile.phone import times
from hostile.stage import case


def talking(stage, server, count=4):
    """Echo calls that talk until the case ends."""
    phone = stage.phone(20, server)
    calls = [phone.call("echo") for _ in range(count)]
    over = threading.Event()
    stage.ending.append(over.set)

    def talk():
        begin, number = time.monotonic(), 0
        while not over.is_set():
            for call in calls:
                call.ear.sendto(call.stream.next(), call.media)
            number += 1
            time.sleep(max(0.0, begin + number * 0.02 - time.monotonic()))

    threading.Thread(target=talk, daemon=True).start()
    return calls


@case("freeze", short=True)
def frozen_media_drops_what_is_old_and_keeps_its_calls(stage):
    """The media process stands still for four seconds."""
    server = stage.server(apart=True)
    calls = talking(stage, server)
    time.sleep(0.5)
    media = server.processes["media"]
    media.signal(signal.SIGSTOP)
    time.sleep(4)
    for call in calls:
        times(call.ear)
    begin = time.time()
    media.signal(signal.SIGCONT)
    time.sleep(2)
    came = [times(call.ear) for call in calls]
    burst = [sum(at < begin + 0.4 for at in each) for each in came]
    later = [sum(at >= begin + 1 for at in each) for each in came]
    stage.attack = "SIGSTOP, 4 s"
    stage.say(f"{max(burst)} packets at most in the 0.4 s afterwards (20 are due)")
    stage.expect(max(burst) <= 60, f"{max(burst)} packets come in a burst within 0.4 s: old ones are not dropped")
    stage.expect(min(later) >= 35, f"only {min(later)} packets in the second second")
    stage.expect(not any(call.ended.is_set() for call in calls), "a held call ended")
    fresh = stage.victims(server, echo=1, rate=4)
    time.sleep(1.5)
    stage.unharmed(fresh)


@case("freeze", limit=40)
def frozen_signaling_costs_no_call_and_no_audio(stage):
    """The signaling process stands still for four seconds; new calls wait and are answered."""
    server = stage.server(apart=True, fast=False)
    beside = stage.victims(server, echo=4, rate=4)
    time.sleep(1)
    signaling = server.processes["signaling"]
    signaling.signal(signal.SIGSTOP)
    time.sleep(4)
    signaling.signal(signal.SIGCONT)
    time.sleep(2)
    stage.attack = "SIGSTOP, 4 s"
    stage.unharmed(beside)


@case("freeze", limit=40)
def an_engine_frozen_for_a_moment_costs_no_call(stage):
    """The one engine stands still for four seconds."""
    server = stage.server()
    beside = stage.victims(server, rate=4)
    time.sleep(1)
    server.processes["engine"].signal(signal.SIGSTOP)
    time.sleep(4)
    server.processes["engine"].signal(signal.SIGCONT)
    time.sleep(2)
    stage.attack = "SIGSTOP, 4 s"
    stage.unharmed(beside)


@case("freeze", short=True, limit=60)
def a_frozen_engine_costs_no_call_where_another_takes_them(stage):
    """One of two engines of a group stands still; what it does not decide within a second goes to the other."""
    server = stage.server(signaling__calls__decision_timeout_ms=1000)
    server.start_engine("other")
    beside = stage.victims(server, echo=0, rate=5)
    time.sleep(1)
    server.processes["engine"].signal(signal.SIGSTOP)
    time.sleep(6)
    stage.attack = "SIGSTOP, for good"
    stage.unharmed(beside, failed=0.04)
    server.processes["engine"].signal(signal.SIGCONT)
