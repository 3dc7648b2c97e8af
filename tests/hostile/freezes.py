"""A part that stops answering without ending: SIGSTOP."""
import signal
import threading
import time

from hostile.phone import times
from hostile.stage import case, patient, wait_until


def talking(stage, server, count=4):
    """Echo calls that talk until the case ends, and when each round of their packets was sent, by the system's clock."""
    phone = stage.phone(20, server)
    calls, sent = [phone.call("echo") for _ in range(count)], []
    over = threading.Event()

    def talk():
        begin, number = time.monotonic(), 0
        while not over.is_set():
            for call in calls:
                call.ear.sendto(call.stream.next(), call.media)
            sent.append(time.time())
            number += 1
            time.sleep(max(0.0, begin + number * 0.02 - time.monotonic()))

    talker = threading.Thread(target=talk, daemon=True)
    talker.start()
    stage.ending.append(lambda: (over.set(), talker.join(2)))
    return calls, sent


@case("freeze", short=True)
def frozen_media_drops_what_is_old_and_keeps_its_calls(stage):
    """The media process stands still for four seconds."""
    server = stage.server(apart=True)
    calls, sent = talking(stage, server)
    wait_until(lambda: all(times(call.ear) for call in calls), 5, "every call hears itself")
    media = server.processes["media"]
    media.signal(signal.SIGSTOP)
    time.sleep(4)
    for call in calls:
        times(call.ear)
    begin = time.time()
    media.signal(signal.SIGCONT)
    time.sleep(2 + patient(0.3))
    came = [times(call.ear) for call in calls]
    # What this process sends late comes late: it counts as what is due then.
    due = sum(begin <= at < begin + 0.4 for at in sent)
    burst = [sum(at < begin + 0.4 for at in each) for each in came]
    due_later, later = sum(begin + 1 <= at < begin + 2 for at in sent), [sum(at >= begin + 1 for at in each) for each in came]
    stage.attack = "SIGSTOP, 4 s"
    stage.say(f"{max(burst)} packets at most in the 0.4 s afterwards ({due} are due)")
    stage.expect(max(burst) <= due + 40, f"{max(burst)} packets come in a burst within 0.4 s, {due} are due: old ones are not dropped")
    stage.expect(min(later) >= 0.7 * due_later > 0, f"only {min(later)} packets in the second second, {due_later} are due")
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
