"""Who takes another's audio: strangers that send into its port, and old phones after a restart."""
import threading
import time

from hostile.phone import hear
from hostile.stage import case, patient, wait_until
from peers import rtp

THIEF, OTHER_THIEF = 66, 67


@case("theft", short=True, public=True)
def a_peer_that_only_listens_keeps_its_call(stage):
    """Peers that have sent nothing yet; a stranger sends ten packets in sequence to each port."""
    server, calls = stage.server(), []
    phone, thief = stage.phone(10, server), stage.ear(THIEF)
    for _ in range(5):
        calls.append(phone.call("echo"))
    foreign = server.dropped("Foreign")
    for call in calls:
        call.talk(10, 0.005, rtp.Stream(), thief)
    wait_until(lambda: server.dropped("Foreign") >= foreign + 50, 3, "media drops all 50 packets of the stranger")
    back = [call.echoed(50) for call in calls]
    stolen = hear(thief)
    stage.attack = "50 packets at 5 calls"
    stage.say(f"the stranger hears {stolen} packets, the peers {back} of 50 each")
    stage.expect(stolen == 0, f"the stranger hears {stolen} packets")
    stage.expect(min(back) >= 45, f"the peers hear {back} of 50 packets")


def pause(stage, seconds):
    server = stage.server()
    phone, thief, spoof = stage.phone(10, server), stage.ear(THIEF), stage.ear(OTHER_THIEF)
    call = phone.call("echo")
    before = call.echoed(75)
    count = int(seconds * 25)
    own, copied = rtp.Stream(), rtp.Stream(call.stream.ssrc, call.stream.sequence, call.stream.timestamp)
    for _ in range(count):
        call.talk(1, 0.04, own, thief)
        call.talk(1, 0.04, copied, spoof)
        time.sleep(0.04)
    time.sleep(patient(0.2))
    # What the spoofer sent has used up these numbers; the peer's own clock has gone on meanwhile, too.
    call.stream.sequence, call.stream.timestamp = copied.sequence, copied.timestamp
    back = call.echoed(100)
    stolen = hear(thief) + hear(spoof)
    stage.attack = f"{2 * count} packets in a pause of {seconds} s, half of them with the peer's SSRC and sequence"
    stage.say(f"the strangers hear {stolen} packets, the peer {back} of 100")
    stage.expect(before >= 70, f"the peer hears {before} of 75 packets before")
    stage.expect(stolen == 0, f"the strangers hear {stolen} packets")
    stage.expect(back >= 92, f"the peer hears {back} of 100 packets afterwards")


@case("theft", short=True, public=True)
def a_pause_does_not_give_a_call_away(stage):
    """A peer talks, is silent for a second, and strangers talk in the pause."""
    pause(stage, 1)


@case("theft", public=True)
def a_long_pause_does_not_give_a_call_away(stage):
    """A peer talks, is silent for eight seconds, and strangers talk in the pause."""
    pause(stage, 8)


@case("theft", public=True)
def bleeding_every_port_takes_nobody(stage):
    """Three packets to every RTP port there is, while twenty peers only listen to a tone."""
    server = stage.server(rtp=(10_000, 11_999))
    phone, thief = stage.phone(10, server), stage.ear(THIEF)
    calls = [phone.call("tone-440") for _ in range(20)]
    stream = rtp.Stream()
    for port in range(10_000, 12_000, 2):
        for _ in range(3):
            thief.sendto(stream.next(), (server.ip, port))
        if port % 50 == 0:
            time.sleep(0.002)
    for call in calls:
        call.heard()
    time.sleep(2)
    stolen, heard = hear(thief), [call.heard() for call in calls]
    stage.attack = "3,000 packets"
    stage.say(f"the stranger hears {stolen} packets; the peers at least {min(heard)} in 2 s")
    stage.expect(stolen == 0, f"the stranger hears {stolen} packets")
    stage.expect(min(heard) >= 50, f"a peer hears only {min(heard)} of 100 packets")


@case("theft", limit=90)
def old_phones_hear_nothing_of_new_calls_after_a_restart(stage):
    """Fifty phones go on sending after a kill -9 and a restart; twenty new callers only listen, ten behind a NAT. 100 ports."""
    server = stage.server(rtp=(10_000, 10_199))
    old_phone, new_phone, behind_nat = stage.phone(20, server), stage.phone(10, server), stage.phone(11, server)
    old = [old_phone.call("echo") for _ in range(50)]
    stage.expect(all(old), "a call before the restart is not answered")
    over = threading.Event()

    def go_on():
        while not over.wait(0.1):
            for call in old:
                call.ear.sendto(call.stream.next(), call.media)

    talking = threading.Thread(target=go_on, daemon=True)
    talking.start()
    stage.ending.append(lambda: (over.set(), talking.join(2)))
    time.sleep(0.5)
    stage.expect(all(call.heard() for call in old), "a phone did not hear itself before the restart: the case shows nothing")
    server.processes["signaling"].kill()
    server.start_signaling()
    wait_until(server.ready, 15, "Callplane is ready again")
    wait_until(server.engines_attached, 15, "the engine is back")
    for call in old:
        call.heard()
    begin, received = time.monotonic(), server.received()

    def called(phone, count, **how):
        """So many callers that only listen; a busy port is tried again."""
        up = []

        def one():
            call = phone.call("tone-440", 5, **how)
            up.extend([call] if call else [])
            time.sleep(0 if call else 0.3)
            return len(up) == count

        wait_until(one, 25, f"{count} new calls are up")
        return up

    new = called(new_phone, 10)
    # What they announce means nothing here, and they send nothing that it could be learned from: they hear nothing.
    hidden = called(behind_nat, 10, place=("10.9.8.7", 4000))
    took = time.monotonic() - begin
    crossed, heard = set(), 0
    # Also when the ports would have rested: the old phones go on.
    for _ in range(3):
        time.sleep(2)
        heard = [call.heard() for call in new]
        crossed |= {number for number, call in enumerate(old) if call.heard()}
    sent = server.received() - received
    stage.attack = "50 streams of calls that are gone"
    stage.say(f"{len(crossed)} old phones hear a new call; 20 new calls are up {took:.1f} s after the restart")
    stage.expect(sent >= 500, f"only {sent} packets of old streams came to ports that are in use again: the case shows nothing")
    stage.expect(not crossed, f"{len(crossed)} old phones hear a new call")
    stage.expect(min(heard) >= 50, f"a new caller hears only {min(heard)} packets in 2 s")
    stage.expect(not any(call.heard() for call in hidden), "a caller behind a NAT hears at an address that nobody knows")


@case("theft", public=True)
def a_peer_behind_nat_is_heard_and_followed(stage):
    """A peer announces a private address and talks from a public one; in mid-call its NAT gives it another port."""
    server = stage.server()
    phone, moved, thief = stage.phone(10, server), stage.ear(10), stage.ear(THIEF)
    call = phone.call("echo", place=("10.9.8.7", 4000))
    back = call.echoed(75)
    stage.expect(back >= 60, f"the peer behind NAT hears {back} of 75 packets")
    call.talk(10, 0.02, rtp.Stream(), thief)
    time.sleep(patient(0.3))
    stolen = hear(thief)
    # The same source goes on from another port; the old one is silent from now on.
    begin, followed = time.monotonic(), None
    while time.monotonic() < begin + patient(15) and followed is None:
        call.talk(10, 0.02, call.stream, moved)
        if hear(moved) > 3:
            followed = time.monotonic() - begin
    stage.attack = "10 packets of a stranger, then a rebinding"
    stage.say("followed " + (f"after {followed:.1f} s" if followed else "never") + f"; the stranger hears {stolen} packets")
    stage.expect(stolen == 0, f"the stranger hears {stolen} packets")
    stage.expect(followed is not None, "a rebinding of NAT is not followed within 15 s")


@case("theft", short=True)
def floods_at_an_endpoint_do_not_touch_its_call(stage):
    """RTP of strangers, of ever new sources, and what is no RTP, at the port of a call that talks."""
    server = stage.server()
    beside = stage.victims(server)
    phone = stage.phone(20, server)
    call = phone.call("echo")
    floods = [
        stage.flood(kind, call.media, [stage.peer(THIEF)], 4000, 3) for kind in ("rtp", "rtp new source", "rtp malformed")
    ]
    back = call.echoed(150)
    sent = sum(flood.wait()["sent"] for flood in floods)
    stage.attack = f"{sent} packets at one port in 3 s"
    stage.say(f"the call under attack hears {back} of 150 packets")
    stage.expect(back >= 140, f"the call under attack hears {back} of 150 packets")
    stage.unharmed(beside)


@case("theft", limit=40)
def a_peer_that_sends_a_thousand_times_too_much_harms_itself_alone(stage):
    """One caller in a room of three and beside others sends thousands of packets a second to its own endpoint."""
    server = stage.server()
    beside = stage.victims(server)
    phone = stage.phone(20, server)
    calls = [phone.call("mesh-loud") for _ in range(3)]
    for call in calls:
        call.echoed(5)
    begin, sent, heard = time.monotonic(), 0, 0
    while time.monotonic() < begin + 3 or sent < 10_000 and time.monotonic() < begin + patient(10):
        for _ in range(40):
            calls[0].ear.sendto(calls[0].stream.next(), calls[0].media)
        sent += 40
        heard += calls[1].heard()
        time.sleep(0.002)
    time.sleep(patient(0.3))
    heard, seconds = heard + calls[1].heard(), time.monotonic() - begin
    most = 400 * seconds + 400  # PACKETS_PER_SECOND_MAX and what may come at once, media/core/rate.rs
    stage.attack = f"{sent} packets in {seconds:.0f} s"
    stage.say(f"another member of its room gets {heard} packets")
    stage.expect(heard > 100, f"a member gets {heard} packets: the case shows nothing")
    stage.expect(sent > 2 * most, f"only {sent} packets are sent: the case shows nothing")
    stage.expect(heard <= most, f"a member gets {heard} packets in {seconds:.1f} s, at most {most:.0f} are right")
    stage.unharmed(beside)
    stage.lives(server)


