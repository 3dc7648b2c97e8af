"""What peers do with a call: as its caller and as its callee, drawn step by step."""
import asyncio

from peers import sip
from peers.running import patient

from model.peer import T1, TIMEOUT, Dialog, repeated

PROVISIONAL = [180, 180, 181, 182, 183]
FINAL = [302, 400, 404, 408, 480, 486, 487, 500, 503, 600, 603]


async def live(dialog, seconds):
    """In a dialog that is up: requests of every kind at random moments, and the end by BYE unless the other side was first."""
    peer, loop = dialog.peer, asyncio.get_running_loop()
    draw, end = peer.draw, loop.time() + seconds
    peer.sound(dialog, 3)
    while loop.time() < end and not dialog.over.is_set() and not peer.quiet:
        await asyncio.sleep(draw.uniform(0.02, 0.4))
        await stillness(dialog)
        if dialog.over.is_set() or peer.quiet:
            break
        what = draw.random()
        if what < 0.25:
            status = await dialog.reinvite(draw.choice(["", "sendonly", "inactive", "recvonly"]), draw.random() > 0.2)
            if status == 481 and not dialog.over.is_set():
                await asyncio.sleep(0.5)
        elif what < 0.40:
            peer.link.later(dialog.ask("INFO", b"Signal=5", "application/dtmf-relay"))
        elif what < 0.5:
            peer.link.later(dialog.ask("MESSAGE", b"hello", "text/plain"))
        elif what < 0.58:
            peer.link.later(dialog.ask("OPTIONS"))
        elif what < 0.62:
            peer.link.later(dialog.ask("UPDATE"))
        elif what < 0.8:
            peer.event(dialog, draw.randrange(16))
        else:
            peer.sound(dialog, 5)
    await stillness(dialog)
    if draw.random() < 0.5 or peer.quiet:
        await dialog.bye()
    else:
        # The other side is to end it; when it does not, we do.
        end = loop.time() + seconds
        while not dialog.over.is_set() and not peer.quiet and (loop.time() < end or peer.still):
            await asyncio.sleep(0.05)
        await dialog.bye()


async def stillness(dialog):
    """Waits as long as calls are to stay as they are."""
    while dialog.peer.still and not dialog.over.is_set():
        await asyncio.sleep(0.05)


async def call(peer, user, reliable, seconds):
    """Calls Callplane once."""
    draw, (host, port) = peer.draw, peer.server
    uri, call_id, tag = f"sip:{user}@{host}:{port}", f"{sip.token(14, draw)}@127.0.0.1", sip.token(8, draw)
    send = await peer.link.connect(host, port) if reliable else lambda data: peer.link.send(data, (host, port))
    branch, with_offer = "z9hG4bK" + sip.token(12, draw), draw.random() > 0.15
    first = Dialog(peer, call_id, tag, "", f"<sip:{peer.name}@127.0.0.1>;tag={tag}", f"<sip:{user}@{host}>", uri, send, reliable)
    data = first.build("INVITE", 1, branch, peer.description() if with_offer else b"")
    gives_up = draw.uniform(0.0, 1.5) if draw.random() < 0.25 else None
    acknowledges, dialog, final = draw.random() > 0.04, None, None
    peer.count("calls")
    watch = asyncio.ensure_future(cancel(peer, first, branch, send, gives_up)) if gives_up is not None else None
    lived = None
    async for message in peer.request(data, send, branch, "INVITE", reliable, TIMEOUT + patient(10)):
        first.provisional = True
        if message.status < 200:
            continue
        if message.status >= 300:
            first.remote = message.get("To")
            send(first.build("ACK", 1, branch))
            final = final or message.status
            continue
        if dialog is None:
            final = message.status
            remote = message.get("To")
            dialog = Dialog(peer, call_id, tag, message.tag("To"), first.local, remote, message.contact or uri, send, reliable)
            dialog.learn(message.body)
            if acknowledges:
                await asyncio.sleep(draw.choice([0, 0, 0, T1 * 3]))
                lived = asyncio.ensure_future(begin(dialog, with_offer, message, seconds))
        elif acknowledges:
            dialog.ack(1, b"" if with_offer else peer.description(message.body))
    if watch:
        watch.cancel()
    if final is None and not peer.quiet:
        peer.fault(f"an INVITE gets no final response ({call_id}, {user})")
    if lived:
        await lived
    elif dialog:
        # Never acknowledged: the other side has to end it (RFC 3261 section 13.3.1.4).
        try:
            await asyncio.wait_for(dialog.over.wait(), TIMEOUT + patient(6))
        except asyncio.TimeoutError:
            peer.fault(f"a 200 that is never acknowledged leads to no BYE ({call_id})")


async def begin(dialog, with_offer, message, seconds):
    dialog.ack(1, b"" if with_offer else dialog.peer.description(message.body))
    await live(dialog, seconds)


async def cancel(peer, first, branch, send, after):
    """CANCEL of the INVITE, once something came of it (section 9.1)."""
    await asyncio.sleep(after)
    end = asyncio.get_running_loop().time() + patient(2)
    while not getattr(first, "provisional", False) and asyncio.get_running_loop().time() < end:
        await asyncio.sleep(0.02)
    peer.count("sent CANCEL")
    async for message in peer.request(first.build("CANCEL", 1, branch), send, branch, "CANCEL", first.reliable):
        if message.status not in (200, 481):
            peer.fault(f"CANCEL gets {message.status} ({first.call_id})")


async def answer_call(peer, message, answer):
    """Is called by Callplane."""
    draw = peer.draw
    peer.count("called")
    base, branch_lost = sip.token(6, draw), draw.random()
    if branch_lost < 0.04 and not peer.quiet:
        if branch_lost > 0.02:
            return  # silence, for ever
        # Silence until the caller has given up for want of any answer (timer B), and then a 200.
        await asyncio.sleep(TIMEOUT + patient(0.3))
        await accept(peer, message, answer, base, b"", 1)
        return
    if draw.random() < 0.5:
        answer.give(100, contact=False)
    tags = [f"{base}{number}" for number in range(draw.choice([1, 1, 1, 2, 3]))]
    early = {}
    for _ in range(draw.randrange(4)):
        await pause(answer, draw.uniform(0, 0.2))
        if answer.cancelled.is_set():
            break
        tag = draw.choice(tags)
        status = draw.choice(PROVISIONAL)
        body = b""
        if status == 183 and draw.random() < 0.7 and message.body:
            body = early.setdefault(tag, peer.description(message.body))
        answer.give(status, tag, body)
    await pause(answer, draw.uniform(0, 0.4))
    what = draw.random()
    if what < 0.08 and not peer.quiet:
        # Rings until it is given up.
        try:
            await asyncio.wait_for(answer.cancelled.wait(), patient(30))
        except asyncio.TimeoutError:
            pass
    if answer.cancelled.is_set() and draw.random() < 0.8:
        await answer.refuse(487, tags[0])
        return
    if what > 0.62 and not answer.cancelled.is_set():
        status = draw.choice(FINAL)
        extra = [("Contact", "<sip:other@127.0.0.1:9>")] if status == 302 else []
        peer.refused[message.call_id] = status
        await answer.refuse(status, tags[0], extra)
        return
    # 200, also in answer to a CANCEL that came too late, from one fork or several.
    answering = [draw.choice(tags)]
    if len(tags) > 1 and draw.random() < 0.4:
        answering = draw.sample(tags, 2)
    await asyncio.gather(*(accept(peer, message, answer, tag, early.get(tag, b""), index) for index, tag in enumerate(answering)))


async def pause(answer, seconds):
    """Waits, at most until the INVITE is cancelled."""
    try:
        await asyncio.wait_for(answer.cancelled.wait(), seconds)
    except asyncio.TimeoutError:
        pass


async def accept(peer, message, answer, tag, early, index):
    """One fork's 200, repeated until its ACK comes; then its dialog lives."""
    draw = peer.draw
    await asyncio.sleep(index * draw.uniform(0, 0.1))
    remote = message.get("From")
    to = message.get("To") + f";tag={tag}"
    host, port = peer.server
    send = answer.reply if answer.reliable else lambda data: peer.link.send(data, (host, port))
    dialog = Dialog(peer, message.call_id, tag, message.tag("From"), to, remote, message.contact, send, answer.reliable)
    dialog.number, dialog.heard = 100, message.cseq[0]
    dialog.learn(message.body)
    body = early or peer.description(message.body)
    acked = dialog.acks.setdefault(message.cseq[0], asyncio.Event())
    data = answer.give(200, tag, body)
    if not await repeated(lambda: answer.reply(data), acked):
        if not dialog.over.is_set():
            peer.fault(f"200 of {tag} to an INVITE of Callplane's is never acknowledged ({message.call_id})")
        return
    if index or answer.cancelled.is_set():
        # Not wanted: ended by the other side, and by us when it was the first after all.
        try:
            await asyncio.wait_for(dialog.over.wait(), TIMEOUT)
        except asyncio.TimeoutError:
            pass
    await live(dialog, draw.uniform(0.5, 3))
