"""More calls at once than there is room for, and all of them ending at once."""
import time

from hostile.stage import PATIENCE, case, patient, wait_until
from peers import api


@case("storm", short=True)
def a_storm_of_calls_leaves_nothing(stage):
    """250 calls a second, each answered and hung up at once."""
    server = stage.server()
    beside = stage.victims(server)
    caller = stage.sipp(server, "@uac", "answer", 1000, 250)
    status = caller.process.wait(patient(40))
    stage.attack = "1,000 calls at 250 a second"
    stage.expect(status == 0, f"SIPp counts calls that failed ({status})")
    stage.unharmed(beside)
    stage.settles(server)


@case("storm")
def calls_given_up_in_numbers_leave_nothing(stage):
    """100 calls a second that are cancelled while they ring, and 100 a second that are refused."""
    server = stage.server()
    beside = stage.victims(server)
    callers = [
        stage.sipp(server, "call_cancel", "noanswer", 500, 100, 31), stage.sipp(server, "call_rejection", "reject-486", 500, 100, 32),
    ]
    stage.attack = "1,000 calls at 200 a second"
    for caller in callers:
        status = caller.process.wait(patient(40))
        stage.expect(status == 0, f"SIPp counts calls that failed ({status})")
    stage.unharmed(beside)
    stage.settles(server)


@case("storm")
def calls_beyond_the_ports_are_refused_and_the_held_ones_go_on(stage):
    """150 calls a second of three seconds each at a node of 100 port pairs."""
    server = stage.server(rtp=(10_000, 10_199))
    beside = stage.victims(server, rate=0)
    caller = stage.sipp(server, "@uac", "answer", 900, 150, extra=("-d", str(round(3000 * PATIENCE))))
    status = caller.process.wait(patient(45))
    stage.attack = "900 calls at 150 a second"
    stage.expect(status == 1, f"SIPp says {status}, not that calls were refused: the case shows nothing")
    stage.unharmed(beside)
    stage.settles(server, 25)
    late = stage.victims(server, 11, echo=1, rate=2)
    time.sleep(2)
    seen = late.stop()
    stage.expect(0 < seen["tried"] == seen["done"], f"afterwards {seen['done']} of {seen['tried']} calls are taken")


@case("storm", limit=150)
def seventeen_thousand_endpoints_that_close_at_once_are_all_closed(stage):
    """17,000 outgoing calls to nobody end at one moment, as their engine is gone: more than any queue to media holds."""
    count = 17_000
    # Connections take next to nothing of the open files: what is left is for endpoints.
    server = stage.server(
        engine=False, rtp=(20_000, 59_999), media__endpoints_max=20_000, signaling__sessions_max=20_000, signaling__engines__grace_ms=0,
        signaling__engines__made_percent=100,
        signaling__sip__t1_ms=4000, signaling__sip__t2_ms=4000, media__receive_buffer_bytes=0, prefix=stage.open_files(19_500),
        signaling__sockets__connections_max=500,
    )
    engine = stage.engine(server, "many")
    silent = stage.ear(77)
    target = "sip:x@%s:%d" % silent.getsockname()
    begin = time.monotonic()
    for number in range(count):
        engine.command(create_session=api.session.CreateSessionRequest(target_uri=target))
        if number % 500 == 499:
            wait_until(lambda: len(engine.results) >= number - 900, 30, "results come")
    wait_until(lambda: len(engine.results) == count, 60, "all commands are answered")
    made = sum(result.status.code == 0 for result in engine.results)
    most = (server.counters()["media"] or {}).get("endpoints")
    took = time.monotonic() - begin
    engine.close()
    begin = time.monotonic()
    stage.attack = f"{most} endpoints, made in {took:.0f} s"
    stage.expect(made > 16_384 and (most or 0) > 16_384, f"only {most} endpoints of {made} sessions: the case shows nothing")
    end, left = time.monotonic() + patient(60), None
    while time.monotonic() < end and left != 0:
        time.sleep(0.5)
        left = ((server.counters() or {}).get("media") or {}).get("endpoints")
    stage.say(f"{left} endpoints left {time.monotonic() - begin:.0f} s later")
    stage.expect(left == 0, f"{left} endpoints are left")
    stage.lives(server)
