"""Datagrams, requests and events in numbers."""
import time

from hostile.phone import Phone
from hostile.stage import case, patient, slower, wait_until
from peers import rtp, sip


def flooded(stage, kind, rate, seconds, sources=50, **more):
    """A flood of datagrams with calls beside it."""
    server = stage.server()
    beside = stage.victims(server)
    before = server.memory()
    seen = stage.flood(kind, server.address, stage.peers(sources), rate, seconds, **more).wait()
    stage.attack = f"{seen['sent'] / seen['seconds']:.0f} a second for {seen['seconds']:.0f} s from {sources} addresses"
    stage.expect(seen["sent"] >= 0.1 * slower(rate) * seconds, f"the flood was none: {seen['sent']} of {slower(rate) * seconds:.0f}")
    stage.unharmed(beside)
    stage.say(f"memory +{max(0, server.memory() - before) >> 20} MiB")
    stage.lives(server)
    stage.settles(server)


@case("flood", short=True)
def options_in_numbers_cost_no_call(stage):
    """OPTIONS."""
    flooded(stage, "options", 4000, 4)


@case("flood", short=True)
def random_bytes_cost_no_call(stage):
    """Random bytes."""
    flooded(stage, "garbage", 15000, 3)


@case("flood")
def mutated_requests_cost_no_call(stage):
    """INVITEs with up to twelve bytes changed, cut short."""
    flooded(stage, "mutated", 6000, 5)


@case("flood")
def forged_requests_inside_dialogs_cost_no_call(stage):
    """BYE, ACK, CANCEL, INFO, REGISTER and 200 of dialogs that do not exist."""
    flooded(stage, "forged", 8000, 5)


@case("flood")
def one_invite_repeated_costs_no_call(stage):
    """One INVITE, again and again."""
    flooded(stage, "repeated", 8000, 5, sources=1)


@case("flood")
def refused_descriptions_in_numbers_cost_no_call(stage):
    """INVITEs whose description cannot be accepted, never acknowledged."""
    flooded(stage, "bad sdp", 1000, 5)


def few_unconfirmed(stage):
    """A server on which few calls at a time may wait for their ACK, and how many: fewer where a flood comes slower."""
    most = round(slower(300))
    return stage.server(media__endpoints_max=400, signaling__calls__unconfirmed_max=most), most


@case("flood", short=True, limit=50)
def unacknowledged_calls_of_one_source_leave_room_for_others(stage):
    """INVITEs of one address that are answered and never acknowledged; the node has 400 endpoints."""
    server, most = few_unconfirmed(stage)
    beside = stage.victims(server, rate=10)
    seen = stage.flood("invite", server.address, [stage.peer(66)], 250, 5).wait()
    held = server.sessions() or 0
    stage.attack = f"{seen['sent']} INVITEs in {seen['seconds']:.0f} s from 1 address"
    stage.say(f"{held} sessions at its end; {seen['back_bytes'] / max(1, seen['bytes']):.1f} bytes back for each byte")
    # The calls beside are among them: two that are held, and new ones.
    stage.expect(most / 6 <= held <= most / 3 + 40, f"{held} sessions at its end, where one source may have {most / 3:.0f} unacknowledged")
    stage.unharmed(beside)
    stage.settles(server, 25)


@case("flood", limit=60)
def unacknowledged_calls_of_many_sources_leave_room_for_known_ones(stage):
    """The same from a hundred addresses: who has confirmed a call before goes on calling; a newcomer does when it is over."""
    server, _ = few_unconfirmed(stage)
    known = stage.victims(server, rate=5)
    seen = stage.flood("invite", server.address, stage.peers(100), 250, 5).wait()
    stage.attack = f"{seen['sent']} INVITEs in {seen['seconds']:.0f} s from 100 addresses"
    begin = time.monotonic()
    phone = stage.phone(20, server)

    def taken():
        call = phone.call("answer", 2)
        if call:
            call.bye(1)
        return call

    wait_until(taken, 20, "a newcomer's call is taken again")
    stage.say(f"a newcomer's call is taken {time.monotonic() - begin:.1f} s after its end")
    stage.unharmed(known)
    stage.settles(server, 25)


def events_beside(stage, server, engine, act, seconds, text):
    """One caller makes events in numbers; others call meanwhile."""
    beside = stage.victims(server, echo=0, rate=4)
    phone = stage.phone(66, server)
    call = phone.call("loud")
    begin, count = time.monotonic(), 0
    while time.monotonic() < begin + seconds:
        count += act(call)
    stage.attack = f"{count / seconds:.0f} {text} a second of one caller for {seconds} s, engine of 2 ms an event"
    seen = stage.unharmed(beside)
    end = time.monotonic() + patient(10)
    while engine.kinds.get("incoming_call", 0) < seen["tried"] + 1 and time.monotonic() < end:
        time.sleep(0.1)
    counted = server.counters()["signaling"]["engines"]
    stage.say(f"{engine.gaps} gaps, {counted['events_dropped']} events dropped, {seen['done']} other calls")
    stage.expect(engine.kinds.get("incoming_call", 0) >= seen["tried"] + 1, "an IncomingCall was lost")


@case("flood", short=True, limit=60)
def one_digit_in_each_packet_takes_no_call_from_others(stage):
    """Telephone events that last one packet each; the engine's log keeps 2,000 events."""
    server = stage.server(engine=False, signaling__engines__retention_events=2000)
    engine = stage.engine(server, "slow", window=100, delay=0.002)
    at = [0, 0]

    def act(call):
        for _ in range(20):
            at[0], at[1] = at[0] + 1, at[1] + 160
            call.ear.sendto(rtp.event(at[0], at[1], 7, at[0] % 10, 160, True, marker=True), call.media)
        time.sleep(0.005)
        return 20

    events_beside(stage, server, engine, act, 5, "digits")


@case("flood", limit=60)
def infos_in_numbers_take_no_call_from_others(stage):
    """INFO requests of 8 KB inside one call."""
    server = stage.server(engine=False, signaling__engines__retention_bytes=4 << 20)
    engine = stage.engine(server, "slow", window=100, delay=0.002)

    def act(call):
        for _ in range(5):
            call.sequence += 1
            lines = [("Content-Type", "text/plain")]
            call.phone.send(call.request("INFO", fields=lines).replace(b"Content-Length: 0", b"Content-Length: 8000") + b"x" * 8000)
        time.sleep(0.005)
        return 5

    events_beside(stage, server, engine, act, 5, "INFO")


@case("flood", limit=60)
def messages_in_numbers_take_no_call_from_others(stage):
    """MESSAGE requests inside one call."""
    server = stage.server(engine=False, signaling__engines__retention_events=2000)
    engine = stage.engine(server, "slow", window=100, delay=0.002)

    def act(call):
        for _ in range(5):
            call.sequence += 1
            data = call.request("MESSAGE", fields=[("Content-Type", "text/plain")])
            call.phone.send(data.replace(b"Content-Length: 0", b"Content-Length: 2") + b"hi")
        time.sleep(0.004)
        return 5

    events_beside(stage, server, engine, act, 5, "MESSAGE")


@case("flood", limit=60)
def forks_that_all_answer_are_answered_and_ended_once(stage):
    """A callee that answers one INVITE with 200 of three hundred To tags: each wants ACK and BYE, and gets them once."""
    counts = {"ACK": 0, "BYE": 0}

    def request(phone, message, source):
        if message.method == "INVITE":
            body = sip.offer(phone.ip, 9)
            for number in range(300):
                phone.send(sip.respond(message, 200, f"fork{number}", phone.contact, body), source)
                if number % 30 == 0:
                    time.sleep(0.005)
            return True
        counts[message.method] = counts.get(message.method, 0) + 1
        # A fork that does not answer its BYE: it is repeated, and must not be for each of them for ever.
        return message.method == "BYE"

    server = stage.server(trunk=f"{stage.peer(40)}:{5070 + stage.lane}")
    beside = stage.victims(server)
    callee = Phone(stage.peer(40), server.address, 5070 + stage.lane, on_request=request)
    stage.ending.append(callee.close)
    caller = stage.phone(20, server)
    call = caller.invite("dial-bob")
    call.answered(5)
    wait_until(lambda: counts["BYE"] > 0, 10, "a fork that is not wanted is ended")
    time.sleep(8)
    stage.attack = "300 answers to one INVITE"
    stage.say(f"{counts['ACK']} ACK, {counts['BYE']} BYE")
    # 16 forks are acknowledged and ended: each ACK is repeated with its 200, each BYE by timer E, eleven times.
    stage.expect(16 <= counts["ACK"] <= 16 + 32, f"{counts['ACK']} ACKs for 300 forks")
    stage.expect(counts["BYE"] <= 16 * 12, f"{counts['BYE']} BYEs for 300 forks")
    stage.unharmed(beside)
    call.bye(1)
    stage.settles(server, 25)


@case("flood", limit=60)
def one_engine_does_not_take_all_ports(stage):
    """An engine makes 300 calls to nobody at a node of 200 port pairs, another engine's callers go on."""
    server = stage.server(rtp=(10_000, 10_399), engine=False, media__endpoints_max=200)
    server.start_engine()
    greedy = stage.engine(server, "greedy", group="greedy")
    beside = stage.victims(server, echo=2, rate=4)
    silent = stage.ear(77)
    from peers import api

    for _ in range(300):
        greedy.command(create_session=api.session.CreateSessionRequest(target_uri="sip:x@%s:%d" % silent.getsockname()))
    wait_until(lambda: len(greedy.results) == 300, 15, "all commands are answered")
    made = sum(result.status.code == 0 for result in greedy.results)
    time.sleep(3)
    stage.attack = "300 CreateSession of one engine"
    stage.say(f"{made} accepted at first")
    stage.expect(100 <= made <= 180, f"{made} of 300 calls of one engine are accepted at a node of 200: its share is three quarters")
    stage.unharmed(beside)

