"""Packets that are led back to where they came from."""
import time

from hostile.stage import case, per_second

# What goes round at most, packets a second, in a loop of any shape: far above what the codecs of its legs need, far below
# what a loop without a limit carries (70,000 and more).
ROUND_MAX = 6000


def bridged(stage, server, caller, callee):
    """A call that the engine bridges with the trunk: both legs."""
    first = caller.call("dial-bob", 10)
    return first, callee.called.get(timeout=5)


def goes_round(stage, server, kick, seconds=3, beside=None):
    """Kicks a loop and checks that what goes round is bounded, and that it ends with its calls."""
    first = server.received()
    for call in kick:
        call.talk(8, 0.005)
    time.sleep(0.2)
    stage.expect(server.received() - first >= 4 * len(kick), "what is to go round did not come: the case shows nothing")
    begin, before, cpu = time.monotonic(), server.received(), server.cpu()
    time.sleep(seconds)
    own = 0 if beside is None else 100  # the calls beside, at 50 packets a second each
    rate = per_second(before, server.received(), begin) - own
    burnt = (server.cpu() - cpu) / (time.monotonic() - begin)
    stage.attack = f"{8 * len(kick)} packets"
    stage.say(f"{max(0, rate):.0f} packets a second go round, {100 * burnt:.0f} % of a processor")
    stage.expect(rate < ROUND_MAX, f"{rate:.0f} packets a second go round")


def trunk(stage, **how):
    """A server whose trunk is a phone of ours."""
    port = 5070 + stage.lane
    server = stage.server(trunk=f"{stage.peer(40)}:{port}", **how)
    return server, stage.phone(20, server), stage.phone(40, server, port=port)


@case("loop", short=True)
def a_relay_whose_legs_name_each_other_is_bounded(stage):
    """Two legs of one relay are re-INVITEd to each other's port."""
    server, caller, callee = trunk(stage)
    beside = stage.victims(server)
    first, second = bridged(stage, server, caller, callee)
    first.reinvite(second.media)
    second.reinvite(first.media)
    goes_round(stage, server, [first, second], beside=beside)
    stage.unharmed(beside)
    first.bye(1)
    stage.settles(server)


@case("loop")
def a_ring_of_four_legs_is_bounded(stage):
    """Two relays, each leading into the other."""
    server, caller, callee = trunk(stage)
    beside = stage.victims(server)
    first, second = bridged(stage, server, caller, callee)
    third, fourth = bridged(stage, server, caller, callee)
    second.reinvite(third.media)
    fourth.reinvite(first.media)
    first.reinvite(fourth.media)
    third.reinvite(second.media)
    goes_round(stage, server, [first, second, third, fourth], beside=beside)
    stage.unharmed(beside)
    for call in (first, third):
        call.bye(1)
    stage.settles(server)


@case("loop", short=True)
def a_mesh_whose_members_name_each_other_is_bounded(stage):
    """Three members of a mesh, each re-INVITEd to the next one's port: without a limit a packet is multiplied for ever."""
    server = stage.server()
    beside = stage.victims(server)
    phone = stage.phone(20, server)
    calls = [phone.call("mesh-loop") for _ in range(3)]
    for call, following in zip(calls, calls[1:] + calls[:1]):
        call.reinvite(following.media)
    goes_round(stage, server, calls, beside=beside)
    stage.unharmed(beside)
    for call in calls:
        call.bye(1)
    stage.settles(server)


@case("loop")
def many_meshes_of_hairpins_leave_others_their_audio(stage):
    """Sixty legs in four meshes point at each other, and their peers vanish: what goes round does not keep them alive."""
    server = stage.server(media__rtp_timeout_ms=6000)
    beside = stage.victims(server)
    phone = stage.phone(20, server)
    meshes = [[phone.call(f"mesh-{room}") for _ in range(15)] for room in range(4)]
    for calls in meshes:
        for call, following in zip(calls, calls[1:] + calls[:1]):
            call.reinvite(following.media)
    goes_round(stage, server, [calls[0] for calls in meshes], beside=beside)
    # They answer nothing from now on; what ends them has to be the silence of their peers.
    phone.answers = False
    end = time.monotonic() + 20
    left = None
    while left != 2 and time.monotonic() < end:
        time.sleep(0.5)
        left = len(stage_sessions(server))
    stage.expect(left <= 8, f"{left} calls are kept alive by what goes round")
    stage.unharmed(beside)


def stage_sessions(server):
    """The sessions, counted."""
    return range(server.held().get("sessions") or 0)


@case("loop")
def a_mix_whose_members_name_each_other_is_bounded(stage):
    """Four members of a mixing room point at each other."""
    server = stage.server()
    beside = stage.victims(server)
    phone = stage.phone(20, server)
    calls = [phone.call("room-loop") for _ in range(4)]
    for call, following in zip(calls, calls[1:] + calls[:1]):
        call.reinvite(following.media)
    goes_round(stage, server, calls, beside=beside)
    stage.unharmed(beside)


@case("loop")
def an_echo_that_names_itself_is_bounded(stage):
    """An echo call is re-INVITEd to its own port, another one to the other's."""
    server = stage.server()
    beside = stage.victims(server)
    phone = stage.phone(20, server)
    lone, one, two = (phone.call("echo") for _ in range(3))
    lone.reinvite(lone.media)
    one.reinvite(two.media)
    two.reinvite(one.media)
    goes_round(stage, server, [lone, one, two], beside=beside)
    stage.unharmed(beside)
    for call in (lone, one, two):
        call.bye(1)
    stage.settles(server)


@case("loop", public=True)
def a_loop_through_a_name_is_bounded(stage):
    """Descriptions name our own address by a host name, which is looked up only after the answer."""
    from hostile.names import Resolver

    resolver = Resolver("198.51.100.53", {"self.fast.test": stage.here})
    stage.ending.append(resolver.close)
    server = stage.server()
    beside = stage.victims(server)
    phone = stage.phone(20, server)
    calls = [phone.call("mesh-named") for _ in range(3)]
    for call, following in zip(calls, calls[1:] + calls[:1]):
        call.reinvite(("self.fast.test", following.media[1]))
    time.sleep(0.5)
    goes_round(stage, server, calls, beside=beside)
    stage.expect(resolver.asked > 0 or not calls, "nobody asked for the name: the case shows nothing")
    stage.unharmed(beside)


@case("loop", limit=40)
def a_trunk_that_is_the_service_itself_ends_by_max_forwards(stage):
    """`dial-dial-…` at a trunk that is Callplane: sessions breed sessions."""
    server = stage.server(engine=False)
    server.trunk = f"{server.ip}:{server.sip}"
    server.start_engine()
    beside = stage.victims(server)
    phone = stage.phone(20, server)
    calls = [phone.invite("dial-" * 60 + "x") for _ in range(5)]
    time.sleep(3)
    most = server.held().get("sessions")
    stage.attack = "5 INVITEs"
    stage.say(f"{most} sessions come of 5 calls")
    for call in calls:
        call.phone.send(call.request("CANCEL", branch=call.invite_branch, number=1, uri=call.request_uri))
    for call in calls:
        if call.answered(6):
            call.bye(1)
    stage.unharmed(beside)
    stage.settles(server, 25)
