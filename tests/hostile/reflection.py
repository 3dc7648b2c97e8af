"""What a sender of forged datagrams makes Callplane send to somebody else."""
import socket
import time

from hostile.flood import message
from hostile.phone import hear
from hostile.stage import case
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


# Packets of audio that go to an address that has shown nothing: at most those of one call, however many requests were sent.
AUDIO_MAX = 1600


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


@case("reflection", limit=75)
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
    for (name, _, most), (line, media), size in zip(ROWS, lines, sent):
        count, back = drained(line, 0.2)
        packets, audio = drained(media, 0.2)
        factor = back / size
        stage.say(f"{name}: {factor:.1f}" + (f", with {packets} packets of audio {(back + audio) / size:.0f}" if packets else ""))
        stage.expect(factor <= most, f"{name}: {factor:.1f} bytes of SIP out for each byte in ({count} messages), at most {most} are right")
        stage.expect(packets <= AUDIO_MAX, f"{name}: {packets} packets of audio to an address that has shown nothing")


@case("reflection", short=True, public=True)
def maddr_sends_no_answer_to_a_stranger(stage):
    """Via names another address by maddr, or by its sent-by."""
    server = stage.server()
    victim, sender = stage.ear(VICTIM), stage.ear(66)
    port = victim.getsockname()[1]
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
    count, _ = drained(victim, 1)
    stage.attack = "3 OPTIONS"
    stage.say(f"the stranger gets {count} answers")
    stage.expect(count == 0, f"the stranger gets {count} answers")


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
    talker.talk(150)
    time.sleep(0.3)
    count = hear(victim)
    heard = listener.heard()
    stage.expect(heard >= 120, f"a member that wants to hear gets {heard} of 150 packets: the case shows nothing")
    stage.attack = "150 packets of one talker"
    stage.say(f"the stranger gets {count} packets of {150 * len(calls)}")
    stage.expect(count <= 75 * len(calls), f"the stranger gets {count} packets of a talker's 150")


@case("reflection", short=True)
def early_audio_to_an_address_that_never_sent_is_little(stage):
    """An INVITE whose description names a stranger; audio begins before anybody has proved anything."""
    server = stage.server()
    phone, victim = stage.phone(20, server), stage.ear(VICTIM)
    calls = [phone.invite("early", place=victim.getsockname()[:2]) for _ in range(5)]
    honest = phone.invite("early")
    time.sleep(3)
    count = hear(victim)
    stage.expect(honest.heard() > 20, "an honest caller hears no early audio: the case shows nothing")
    stage.attack = "5 INVITEs"
    stage.say(f"the stranger gets {count} packets")
    stage.expect(count <= 5 * 60, f"the stranger gets {count} packets of 5 INVITEs")
    for call in [*calls, honest]:
        call.close()


@case("reflection", limit=40)
def audio_to_an_answered_stranger_is_bounded(stage):
    """The caller acknowledges, but its description names a stranger that never sends: a tone of ten seconds at most."""
    server = stage.server(media__rtp_timeout_ms=5000)
    phone, victim = stage.phone(20, server), stage.ear(VICTIM)
    calls = [phone.call("tone-440", place=victim.getsockname()[:2]) for _ in range(5)]
    time.sleep(12)
    count = hear(victim)
    time.sleep(2)
    later = hear(victim)
    stage.attack = f"{len(calls)} calls"
    stage.say(f"the stranger gets {count} packets in 12 s, {later} in 2 s after that")
    stage.expect(later == 0, f"the stranger still gets {later} packets in 2 s")
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
    count, _ = drained(inside, 3)
    stage.attack = "3 calls"
    stage.say(f"{count} datagrams go to 127.0.0.1:{port}")
    stage.expect(count == 0, f"{count} datagrams go to an address inside")
