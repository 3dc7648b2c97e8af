"""What a sender of forged datagrams makes Callplane send to somebody else."""
import socket
import time

from hostile.flood import message
from hostile.phone import hear, times
from hostile.stage import case, patient, wait_until
from peers import sip

VICTIM = 99


def drained(line, seconds):
    """How many datagrams and bytes come within so long."""
    line.settimeout(0.1)
    count = size = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            size += len(line.recv(65535))
            count += 1
        except OSError:
            continue
    return count, size


# Packets of audio that one request leads to an address that has shown nothing: STRANGER_PACKETS_MAX of media/core/consent.rs
# is 250.
AUDIO_MAX = 260
# Packets a second to a host that has shown nothing, by all calls together; as many may come at once.
UNASKED_PER_SECOND = 50


# Kind, request (a function of sender, server and the sender's RTP port) and the most bytes of SIP back for each byte sent,
# within forty seconds.
def invite(user):
    return lambda me, to, media: message("INVITE", me, to, user, body=sip.offer(me[0], media))


ROWS = [
    ("OPTIONS", lambda me, to, _: message("OPTIONS", me, to), 4),
    ("REGISTER", lambda me, to, _: message("REGISTER", me, to), 4),
    ("an unknown method", lambda me, to, _: message("WHATEVER", me, to), 4),
    ("BYE of no dialog", lambda me, to, _: message("BYE", me, to, to_tag="x"), 4),
    ("MESSAGE of no dialog", lambda me, to, _: message("MESSAGE", me, to, to_tag="x"), 4),
    ("a line that is none", lambda me, to, _: message("OPTIONS", me, to).replace(b"\r\nCSeq", b"\r\nX\r\nCSeq"), 4),
    ("ACK of no dialog", lambda me, to, _: message("ACK", me, to, to_tag="x"), 0),
    ("a response to nothing", lambda me, to, _: sip.respond(sip.Message(message("BYE", me, to, to_tag="x")), 200), 0),
    ("INVITE, refused with 486", invite("reject-486"), 16),
    ("INVITE, answered, no ACK", invite("answer"), 30),
    ("INVITE, answered with a tone, no ACK", invite("tone-440"), 30),
    ("INVITE, early audio, no ACK", invite("early"), 30),
]


@case("reflection", limit=80)
def bytes_out_for_each_byte_in_are_few(stage):
    """One forged request of each kind; what goes to the forged address within forty seconds, audio among it."""
    server = stage.server(fast=False)
    lines, sent = [], []
    for number, (_, make, _) in enumerate(ROWS):
        line = stage.ear(150 + number)
        media = stage.ear(150 + number)
        data = make(line.getsockname(), server.address, media.getsockname()[1])
        line.sendto(data, server.address)
        lines.append((line, media))
        sent.append(len(data))
    time.sleep(40)
    answered = heard = 0
    for (name, _, most), (line, media), size in zip(ROWS, lines, sent):
        count, back = drained(line, 0.2)
        packets, audio = drained(media, 0.2)
        factor = back / size
        answered, heard = answered + (count > 0), heard + (packets > 0)
        stage.say(f"{name}: {factor:.1f}" + (f", with {packets} packets of audio {(back + audio) / size:.0f}" if packets else ""))
        stage.expect(factor <= most, f"{name}: {factor:.1f} bytes of SIP out for each byte in ({count} messages), at most {most} are right")
        stage.expect(packets <= AUDIO_MAX, f"{name}: {packets} packets of audio to an address that has shown nothing")
    due = sum(most > 0 for _, _, most in ROWS)
    stage.expect(answered == due, f"{answered} of {due} requests are answered: the case shows nothing of the others")
    stage.expect(heard > 0, "no request leads to audio: the case shows nothing of it")


@case("reflection", short=True, public=True)
def maddr_sends_no_answer_to_a_stranger(stage):
    """Via names another address by maddr, or by its sent-by."""
    server = stage.server()
    victim, sender = stage.ear(VICTIM), stage.ear(66)
    port = victim.getsockname()[1]
    # Without `rport` an answer goes to the source's address and the port of Via.
    home = stage.ear(66, port)
    own = f"{stage.peer(66)}:{sender.getsockname()[1]}".encode()
    data = message("OPTIONS", sender.getsockname(), server.address)
    via = b"SIP/2.0/UDP " + own
    forged = [
        data.replace(via, b"SIP/2.0/UDP %s:%d;maddr=%s" % (stage.peer(66).encode(), port, stage.peer(VICTIM).encode())),
        data.replace(via, b"SIP/2.0/UDP %s:%d;received=%s" % (stage.peer(66).encode(), port, stage.peer(VICTIM).encode())),
        data.replace(via, b"SIP/2.0/UDP %s:%d" % (stage.peer(VICTIM).encode(), port)),
    ]
    for each in forged:
        sender.sendto(each, server.address)
    answered, _ = drained(home, patient(1))
    count, _ = drained(victim, 0.3)
    stage.attack = "3 OPTIONS"
    stage.say(f"the stranger gets {count} answers")
    stage.expect(count == 0, f"the stranger gets {count} answers")
    stage.expect(answered == len(forged), f"the sender gets {answered} of {len(forged)} answers: the case shows nothing of the others")


@case("reflection", short=True)
def a_stranger_that_a_mesh_names_is_not_flooded(stage):
    """Twelve members of a mesh name one address that never sends; one talks."""
    server = stage.server()
    phone, victim = stage.phone(20, server), stage.ear(VICTIM)
    calls = [phone.call("mesh-fan", place=victim.getsockname()[:2]) for _ in range(12)]
    talker, listener = phone.call("mesh-fan"), phone.call("mesh-fan")
    listener.talk(5)
    hear(victim)
    listener.heard()
    begin = time.monotonic()
    talker.talk(150)
    time.sleep(patient(0.3))
    count, seconds = hear(victim), time.monotonic() - begin
    heard = listener.heard()
    stage.expect(heard >= 120, f"a member that wants to hear gets {heard} of 150 packets: the case shows nothing")
    stage.attack = "150 packets of one talker"
    stage.say(f"the stranger gets {count} packets of {150 * len(calls)}")
    most = UNASKED_PER_SECOND * (seconds + 2)
    stage.expect(count <= most, f"the stranger gets {count} packets in {seconds:.1f} s, at most {most:.0f} are right")


@case("reflection", short=True)
def early_audio_to_an_address_that_never_sent_is_little(stage):
    """An INVITE whose description names a stranger; audio begins before anybody has proved anything."""
    server = stage.server()
    phone, victim = stage.phone(20, server), stage.ear(VICTIM)
    begin = time.monotonic()
    calls = [phone.invite("early", place=victim.getsockname()[:2]) for _ in range(5)]
    honest = phone.invite("early")
    heard = 0
    while time.monotonic() < begin + patient(3):
        time.sleep(0.2)
        heard += honest.heard()
    count, seconds = hear(victim), time.monotonic() - begin
    stage.expect(heard > 20, "an honest caller hears no early audio: the case shows nothing")
    stage.attack = "5 INVITEs"
    stage.say(f"the stranger gets {count} packets")
    most = UNASKED_PER_SECOND * (seconds + 2)
    stage.expect(count <= most, f"the stranger gets {count} packets of 5 INVITEs in {seconds:.1f} s, at most {most:.0f} are right")
    for call in [*calls, honest]:
        call.close()


def named(stage, server, calls, direction=""):
    """So many calls to a tone, acknowledged, whose descriptions name a stranger: its ear."""
    phone, victim = stage.phone(20, server), stage.ear(VICTIM)
    place = victim.getsockname()[:2]
    up = [phone.call("tone-440", place=place, body=sip.offer(*place, direction)) for _ in range(calls)]
    stage.expect(all(up), "a call is not answered")
    stage.attack = f"{calls} calls"
    return victim


def rate_is_kept(stage, came):
    """What came to the stranger, by the kernel's clock: at most one stream's worth and what may come at once."""
    seconds = came[-1] - came[0] if came else 0
    most = UNASKED_PER_SECOND * (seconds + 2)
    stage.say(f"the stranger gets {len(came)} packets in {seconds:.1f} s")
    stage.expect(len(came) <= most, f"the stranger gets {len(came)} packets in {seconds:.1f} s, at most {most:.0f} are right")
    return seconds


@case("reflection", limit=50)
def audio_to_an_answered_stranger_is_bounded(stage):
    """The caller acknowledges, but its description names a stranger that never sends: one stream's worth until it is silence."""
    server = stage.server(media__rtp_timeout_ms=5000)
    begin = time.monotonic()
    victim = named(stage, server, 5)
    setup, came = time.monotonic() - begin, []
    # The silence of their peers ends the calls.
    wait_until(lambda: came.extend(times(victim)) or server.sessions() == 0, 15, "calls end whose peers send nothing")
    time.sleep(0.5)
    came += times(victim)
    seconds = rate_is_kept(stage, came)
    stage.expect(seconds <= setup + 6 + patient(0.5), f"the stranger is sent to for {seconds:.1f} s, where 5 s of silence end a call")
    time.sleep(2)
    later = hear(victim)
    stage.expect(later == 0, f"the stranger still gets {later} packets in 2 s")
    stage.settles(server)


@case("reflection", limit=40)
def audio_to_a_stranger_that_is_said_to_listen_is_bounded(stage):
    """The same, where the stranger is said to listen only: no silence ends these calls. Others' calls go on."""
    server = stage.server(media__rtp_timeout_ms=3000)
    beside = stage.victims(server)
    victim = named(stage, server, 20, "recvonly")
    came, end = [], time.monotonic() + 6
    while time.monotonic() < end:
        time.sleep(0.2)
        came += times(victim)
    stage.expect(len(came) >= 50, f"the stranger gets {len(came)} packets: the case shows nothing")
    rate_is_kept(stage, came)
    stage.unharmed(beside)


@case("reflection", short=True, limit=40)
def a_contact_that_names_a_stranger_is_asked_once(stage):
    """One INVITE whose Contact names a stranger, answered and never acknowledged: what ends the call does not go there again and again."""
    server = stage.server(signaling__sip__t1_ms=50)
    phone, victim = stage.phone(20, server), stage.ear(VICTIM)
    call = phone.invite("answer", contact="sip:x@%s:%d" % victim.getsockname())
    final = call.final(5)
    stage.expect(final is not None and final.status == 200, "the INVITE is not answered: the case shows nothing")
    # 64·T1 for the ACK, and as long again for a BYE that nobody answers.
    begin, count = time.monotonic(), 0
    wait_until(lambda: server.sessions() == 0, 20, "a call that is never acknowledged ends")
    ended = time.monotonic() - begin
    while time.monotonic() < begin + 7:
        time.sleep(0.2)
        count += hear(victim)
    stage.attack = "1 INVITE"
    stage.say(f"the stranger gets {count} requests; the call is over {ended:.1f} s after the answer")
    stage.expect(count <= 3, f"the stranger gets {count} requests of one INVITE")
    stage.settles(server)


@case("reflection", limit=40)
def a_contact_that_names_a_stranger_brings_him_little_of_a_call_that_is_acknowledged(stage):
    """INVITE and ACK of one host, Contact of another, which never answers: each request of ours goes there four times at most."""
    server = stage.server(signaling__sip__t1_ms=50)
    phone, victim = stage.phone(20, server), stage.ear(VICTIM)
    for user, most in (("bye-0", 4), ("hold-0", 8)):
        call = phone.call(user, contact="sip:x@%s:%d" % victim.getsockname())
        stage.expect(call is not None, f"{user}: the INVITE is not answered: the case shows nothing")
        # 64·T1 for each request that nobody answers.
        count, size = drained(victim, 8)
        stage.say(f"{user}: the stranger gets {count} requests, {size} bytes")
        stage.expect(count > 0, f"{user}: nothing goes there: the case shows nothing")
        stage.expect(count <= most, f"{user}: the stranger gets {count} requests of one call")
    stage.attack = "2 calls that are acknowledged"
    stage.settles(server)


@case("reflection", public=True)
def a_contact_inside_is_not_followed(stage):
    """A caller with a public address names `localhost`, 127.0.0.1 and the resolver's private address as its Contact."""
    from hostile.names import Resolver

    resolver = Resolver("198.51.100.53", {"inside.fast.test": "127.0.0.1"})
    stage.ending.append(resolver.close)
    server = stage.server()
    phone = stage.phone(20, server)
    inside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    inside.bind(("127.0.0.1", 0))
    stage.ending.append(inside.close)
    port = inside.getsockname()[1]
    for host in ("localhost", "127.0.0.1", "inside.fast.test"):
        call = phone.call("bye-0", contact=f"sip:x@{host}:{port}")
        stage.expect(call is not None, f"a call with the Contact {host} is not answered")
    count, _ = drained(inside, patient(3))
    stage.attack = "3 calls"
    stage.say(f"{count} datagrams go to 127.0.0.1:{port}")
    stage.expect(count == 0, f"{count} datagrams go to an address inside")
