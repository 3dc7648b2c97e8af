"""Packets that are led back to where they came from.

A loop needs a first packet. A stranger who forges its source sends it: from the very port that a leg's description names. Where
sources cannot be forged a phone's own packets are that kick, which a leg whose peer is at a private address takes.
"""
import time

from hostile.forging import Forger
from hostile.stage import case, patient, per_second, wait_until
from peers import rtp

# What goes round at most, packets a second, once a loop was kicked. What has passed nine times is dropped, and each port
# remembers that for two seconds: next to nothing is left. Without that it is 400 packets a second of each leg, the most that
# is taken of one peer, and in a mesh each of them goes to all members.
ROUND_MAX = 200
KICKS = 8


def bridged(server, caller, callee):
    """A call that the engine bridges with the trunk: both legs."""
    first = caller.call("dial-bob", 10)
    return first, callee.called.get(timeout=patient(5))


def name_each_other(calls):
    """Each two of these calls are re-INVITEd to each other's port."""
    for one, two in zip(calls[::2], calls[1::2]):
        assert one.reinvite(two.media) and two.reinvite(one.media), "a re-INVITE is refused"


def kick(stage, calls):
    """A stranger's packets to each leg, in the name of whom its description names."""
    if not Forger.possible():
        calls[0].talk(KICKS, 0.005)
        stage.attack = f"{KICKS} packets of a phone"
        return
    forger = Forger()
    try:
        for call in calls:
            stream, named = rtp.Stream(), (server_of(call), call.place[1])
            for _ in range(KICKS):
                forger.send(stream.next(), named, call.media)
                time.sleep(0.005)
    finally:
        forger.close()
    stage.attack = f"{KICKS * len(calls)} forged packets"


def server_of(call):
    """The address of ours that a call's audio comes from."""
    return call.media[0]


def goes_round(stage, server, calls, seconds=3, beside=None):
    """Kicks a loop; checks that it was one, that what goes round is bounded, and that it was bounded because it goes round."""
    dropped = server.dropped("Loop")
    kick(stage, calls)
    wait_until(lambda: server.dropped("Loop") > dropped, 3, "packets that passed too often are dropped: did any go round?")
    time.sleep(0.3)
    rate, burnt = measured(server, seconds, beside)
    stage.say(f"{server.dropped('Loop') - dropped} packets dropped as they go round")
    stage.say(f"{rate:.0f} packets a second go round after that, {100 * burnt:.0f} % of a processor")
    stage.expect(rate < ROUND_MAX, f"{rate:.0f} packets a second go round")


def measured(server, seconds, beside):
    """Packets a second that are no calls' beside, and the share of a processor that is used."""
    begin, before, cpu = time.monotonic(), server.received(), server.cpu()
    time.sleep(seconds)
    own = 0 if beside is None else 100  # the calls beside, at 50 packets a second each
    rate = max(0, per_second(before, server.received(), begin) - own)
    return rate, (server.cpu() - cpu) / (time.monotonic() - begin)


def trunk(stage, **how):
    """A server whose trunk is a phone of ours."""
    port = 5070 + stage.lane
    server = stage.server(trunk=f"{stage.peer(40)}:{port}", **how)
    return server, stage.phone(20, server), stage.phone(40, server, port=port)


def over(stage, server, calls):
    """Hangs up; nothing may be left."""
    for call in calls:
        call.bye(1)
    stage.settles(server)


@case("loop", short=True)
def a_relay_whose_legs_name_each_other_is_bounded(stage):
    """Two legs of one relay are re-INVITEd to each other's port."""
    server, caller, callee = trunk(stage)
    beside = stage.victims(server)
    legs = bridged(server, caller, callee)
    name_each_other(legs)
    goes_round(stage, server, legs, beside=beside)
    stage.unharmed(beside)
    over(stage, server, legs[:1])


@case("loop")
def a_ring_of_four_legs_is_bounded(stage):
    """Two relays, each leading into the other."""
    server, caller, callee = trunk(stage)
    beside = stage.victims(server)
    first, second = bridged(server, caller, callee)
    third, fourth = bridged(server, caller, callee)
    legs = [second, third, fourth, first]
    name_each_other(legs)
    goes_round(stage, server, legs, beside=beside)
    stage.unharmed(beside)
    over(stage, server, (first, third))


@case("loop", short=True)
def a_mesh_whose_members_name_each_other_is_bounded(stage):
    """Four members of a mesh name each other's port in pairs: without a limit a packet is multiplied for ever."""
    server = stage.server()
    beside = stage.victims(server)
    phone = stage.phone(20, server)
    calls = [phone.call("mesh-loop") for _ in range(4)]
    name_each_other(calls)
    goes_round(stage, server, calls, beside=beside)
    stage.unharmed(beside)
    over(stage, server, calls)


@case("loop", limit=90)
def many_meshes_of_hairpins_leave_others_their_audio(stage):
    """Sixty-four legs in four meshes name each other in pairs, and their peers vanish: what goes round does not keep them alive."""
    server = stage.server(media__rtp_timeout_ms=int(patient(10_000)))
    beside = stage.victims(server)
    phone = stage.phone(20, server)
    meshes = [[phone.call(f"mesh-{room}") for _ in range(16)] for room in range(4)]
    for calls in meshes:
        name_each_other(calls)
    goes_round(stage, server, [calls[0] for calls in meshes], beside=beside)
    # They answer nothing from now on; what ends them has to be the silence of their peers.
    phone.answers = False
    stage.expect((server.sessions() or 0) >= 64, "they ended before their peers fell silent: the case shows nothing")
    # The calls beside stay: two that hear themselves, and new ones.
    wait_until(lambda: (server.sessions() or 64) <= 8, 30, "calls end that only what goes round keeps alive")
    stage.unharmed(beside)


@case("loop")
def a_mix_whose_members_name_each_other_is_bounded(stage):
    """Four members of a mixing room name each other's port in pairs: each hears the room at its own pace, and no more."""
    server = stage.server()
    beside = stage.victims(server)
    phone = stage.phone(20, server)
    calls = [phone.call("room-loop") for _ in range(4)]
    name_each_other(calls)
    kick(stage, calls)
    time.sleep(0.5)
    rate, burnt = measured(server, 3, beside)
    stage.say(f"{rate:.0f} packets a second go round, {100 * burnt:.0f} % of a processor")
    stage.expect(rate >= 100, f"only {rate:.0f} packets a second of four members go round: the case shows nothing")
    stage.expect(rate <= 300, f"{rate:.0f} packets a second go round, where four members send 50 each")
    stage.unharmed(beside)
    over(stage, server, calls)


@case("loop", public=True)
def an_echo_that_names_itself_is_bounded(stage):
    """An echo call is re-INVITEd to its own port, another one to the other's."""
    server = stage.server()
    beside = stage.victims(server)
    phone = stage.phone(20, server)
    lone, one, two = calls = [phone.call("echo") for _ in range(3)]
    assert lone.reinvite(lone.media), "a re-INVITE is refused"
    name_each_other([one, two])
    for legs in ([lone], [one, two]):
        goes_round(stage, server, legs, beside=beside)
    stage.unharmed(beside)
    over(stage, server, calls)


@case("loop", public=True)
def a_loop_through_a_name_is_bounded(stage):
    """Descriptions name our own address by a host name, which is looked up only after the answer."""
    from hostile.names import Resolver

    resolver = Resolver("198.51.100.53", {"self.fast.test": stage.here})
    stage.ending.append(resolver.close)
    server = stage.server()
    beside = stage.victims(server)
    phone = stage.phone(20, server)
    calls = [phone.call("mesh-named") for _ in range(4)]
    for one, two in zip(calls[::2], calls[1::2]):
        assert one.reinvite(("self.fast.test", two.media[1])) and two.reinvite(("self.fast.test", one.media[1]))
    wait_until(lambda: resolver.asked > 0, 5, "somebody asks for the name")
    time.sleep(0.5)
    goes_round(stage, server, calls, beside=beside)
    stage.unharmed(beside)
    over(stage, server, calls)


# A call with Max-Forwards 70 is taken 71 times, with 70 to 0, and 70 times a call is made for it: 141 sessions.
SESSIONS_OF_A_CALL = 71 + 70


@case("loop", limit=60)
def a_trunk_that_is_the_service_itself_ends_by_max_forwards(stage):
    """`dial-dial-…` at a trunk that is Callplane: sessions breed sessions, and 483 ends it after seventy of them."""
    server = stage.server(engine=False)
    server.trunk = f"{server.ip}:{server.sip}"
    server.start_engine()
    beside = stage.victims(server, rate=2)
    phone = stage.phone(20, server)
    # More hops than Max-Forwards has: nothing else ends it.
    calls = [phone.invite("dial-" * 80 + "x") for _ in range(5)]
    most, end = 0, time.monotonic() + patient(25)
    while time.monotonic() < end and any(call.responses.qsize() < 2 for call in calls):
        most = max(most, server.sessions() or 0)
        time.sleep(0.05)
    finals = [call.answered(5) or call.status for call in calls]
    stage.attack = "5 INVITEs"
    stage.say(f"{most} sessions at once come of 5 calls, which get {finals}")
    stage.expect(finals == [483] * 5, f"the calls get {finals}, not 483 each")
    stage.expect(most >= 100, f"only {most} sessions at once: the case shows nothing")
    # The calls beside: two that are held, and new ones.
    stage.expect(most <= 5 * SESSIONS_OF_A_CALL + 12, f"{most} sessions come of 5 calls: {SESSIONS_OF_A_CALL} each are right")
    stage.unharmed(beside)
    # Its long INVITEs went by TCP (RFC 3261 section 18.1.1), and those connections stay a while.
    stage.settles(server, 25, but=("sip_connections",))
