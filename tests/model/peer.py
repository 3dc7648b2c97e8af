"""A SIP peer that does what RFC 3261 allows: transactions, dialogs, and what it draws to do in them."""
import asyncio
import socket

from peers import rtp, sip
from peers.running import patient

from model.link import Link

# 64·T1 of a peer, with a T1 as Callplane's settings in the test.
T1 = patient(0.06)
TIMEOUT = 64 * T1


class Peer:
    """Calls Callplane, and is called by it."""

    def __init__(self, name, server, draw, loss, disorder, fault):
        self.name, self.server, self.draw, self.fault = name, server, draw, fault
        self.link = Link("127.0.0.1", draw, loss, disorder, self.received, fault)
        self.clients, self.answers, self.dialogs, self.counts = {}, {}, {}, {}
        # Still: calls stay as they are. Quiet: they are hung up, and no new ones begin.
        self.still = self.quiet = False
        self.callee, self.refused = None, {}
        self.ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.ear.bind(("127.0.0.1", 0))
        self.ear.setblocking(False)

    async def open(self):
        await self.link.open()
        return self

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def contact(self, reliable):
        return f"sip:{self.name}@127.0.0.1:{self.link.port}" + (";transport=tcp" if reliable else "")

    def received(self, message, reply, reliable):
        if message.status is not None:
            waiting = self.clients.get((message.branch, message.cseq[1]))
            if waiting is not None:
                waiting.put_nowait(message)
            return
        key = (message.branch, message.method)
        if message.method == "ACK":
            refused, dialog = self.answers.get((message.branch, "INVITE")), self.dialog_of(message)
            if refused:
                refused.acked.set()
            elif dialog:
                dialog.acked(message)
            return
        if key in self.answers:
            self.answers[key].again()
            return
        answer = self.answers[key] = Answer(self, message, reply, reliable)
        dialog = self.dialog_of(message)
        if dialog:
            self.link.later(dialog.requested(message, answer))
        elif message.method == "CANCEL":
            self.cancelled(message, answer)
        elif message.method == "INVITE" and not message.tag("To") and self.callee:
            self.link.later(self.callee(self, message, answer))
        else:
            answer.give(481 if message.tag("To") else 200)

    def dialog_of(self, message):
        return self.dialogs.get((message.call_id, message.tag("To"), message.tag("From")))

    def cancelled(self, message, answer):
        invite = self.answers.get((message.branch, "INVITE"))
        answer.give(200 if invite else 481)
        if invite:
            invite.cancelled.set()

    async def request(self, data, send, branch, method, reliable, seconds=TIMEOUT + patient(2)):
        """A client transaction: yields its responses; the request is repeated until one comes."""
        waiting = self.clients[(branch, method)] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        end, due, pause = loop.time() + seconds, loop.time() + T1, T1
        send(data)
        final = False
        while loop.time() < end:
            limit = end if reliable or final else min(end, due)
            try:
                message = await asyncio.wait_for(waiting.get(), max(0.001, limit - loop.time()))
            except asyncio.TimeoutError:
                if loop.time() >= due and not reliable and not final:
                    send(data)
                    pause = min(pause * 2, 8 * T1) if method != "INVITE" else pause * 2
                    due = loop.time() + pause
                continue
            if method == "INVITE":
                due = end  # an INVITE is not repeated once anything came
                end = max(end, loop.time() + patient(20)) if message.status < 200 else loop.time() + TIMEOUT
            final = final or message.status >= 200
            yield message
            if method != "INVITE" and message.status >= 200:
                return

    def event(self, dialog, digit):
        """A key pressed, to where the other side listens."""
        if not dialog.media:
            return
        at, number = self.draw.getrandbits(30), self.draw.getrandbits(15)
        for step in range(1, 8):
            data = rtp.event(number + step, at, dialog.ssrc, digit, 160 * step, step > 4, dialog.event_format, step == 1)
            try:
                self.ear.sendto(data, dialog.media)
            except OSError:
                pass

    def sound(self, dialog, count):
        for _ in range(count):
            if dialog.media:
                try:
                    self.ear.sendto(dialog.stream.next(), dialog.media)
                except OSError:
                    pass

    def description(self, against=b"", direction=""):
        """An offer, or an answer to one."""
        formats = [number for number in sip.formats_of(against) if number in (0, 8, 101)] if against else [0, 8, 101]
        return sip.offer("127.0.0.1", self.ear.getsockname()[1], direction, self.draw.getrandbits(20), formats or [0])

    def close(self):
        self.link.close()
        self.ear.close()


class Answer:
    """A server transaction: the last response is given again when the request comes again."""

    def __init__(self, peer, request, reply, reliable):
        self.peer, self.request, self.reply, self.reliable = peer, request, reply, reliable
        self.last, self.cancelled, self.acked = None, asyncio.Event(), asyncio.Event()

    def give(self, status, tag="", body=b"", extra=(), contact=True):
        own = self.peer.contact(self.reliable) if contact else ""
        self.last = sip.respond(self.request, status, tag, own, body, extra)
        self.reply(self.last)
        return self.last

    def again(self):
        if self.last:
            self.reply(self.last)

    async def refuse(self, status, tag, extra=()):
        """A refusal of an INVITE, repeated until its ACK comes (RFC 3261 section 17.2.1)."""
        data = self.give(status, tag, extra=extra)
        if not await repeated(lambda: self.reply(data), self.acked, self.reliable):
            self.peer.fault(f"{status} to an INVITE of Callplane's is never acknowledged ({self.request.call_id})")


async def repeated(send, done, reliable=False):
    """Sends again as a 2xx is (section 13.3.1.4) until it is done; False when it never is."""
    loop = asyncio.get_running_loop()
    end, pause = loop.time() + TIMEOUT + patient(0.5), T1
    while loop.time() < end:
        try:
            await asyncio.wait_for(done.wait(), min(pause, max(0.001, end - loop.time())))
            return True
        except asyncio.TimeoutError:
            pause = min(pause * 2, 8 * T1)
            if not reliable:
                send()
    return False


class Dialog:
    """One confirmed or early dialog of a peer."""

    def __init__(self, peer, call_id, own_tag, other_tag, local, remote, target, send, reliable):
        self.peer, self.call_id, self.own_tag, self.other_tag = peer, call_id, own_tag, other_tag
        self.local, self.remote, self.target, self.send, self.reliable = local, remote, target, send, reliable
        self.number, self.heard, self.acks, self.over = 1, 0, {}, asyncio.Event()
        self.media, self.event_format, self.ssrc = None, 101, peer.draw.getrandbits(32)
        self.stream = rtp.Stream(ssrc=self.ssrc, source=peer.draw)
        self.offering, self.saw_bye = False, False
        peer.dialogs[(call_id, own_tag, other_tag)] = self

    def learn(self, body):
        found = sip.media_of(body) if body else None
        if found and found[1]:
            self.media = found[:2]

    def build(self, method, number, branch, body=b"", content_type="application/sdp"):
        transport = "TCP" if self.reliable else "UDP"
        fields = [
            ("Via", f"SIP/2.0/{transport} 127.0.0.1:{self.peer.link.port};branch={branch}"), ("Max-Forwards", "70"),
            ("From", self.local), ("To", self.remote), ("Call-ID", self.call_id), ("CSeq", f"{number} {method}"),
            ("Contact", f"<{self.peer.contact(self.reliable)}>"),
        ]
        if body:
            fields.append(("Content-Type", content_type))
        return sip.build(f"{method} {self.target} SIP/2.0", fields, body)

    def ack(self, number, body=b""):
        data = self.build("ACK", number, "z9hG4bK" + sip.token(12, self.peer.draw), body)
        self.send(data)
        return data

    def acked(self, message):
        self.learn(message.body)
        self.acks.setdefault(message.cseq[0], asyncio.Event()).set()

    async def requested(self, message, answer):
        """A request of Callplane's inside the dialog."""
        number, method = message.cseq
        if method != "CANCEL" and number <= self.heard:
            # A request that the link delayed past a later one: RFC 3261 section 12.2.2.
            answer.give(500)
            return
        if method == "CANCEL":
            self.peer.cancelled(message, answer)
            return
        self.heard = number
        draw = self.peer.draw.random()
        self.peer.count(f"got {method}")
        if method == "BYE":
            self.saw_bye = True
            self.over.set()
            if draw > 0.03:
                answer.give(200)
        elif self.over.is_set():
            answer.give(481)
        elif method == "INVITE":
            await self.reinvited(message, answer, draw)
        elif draw < 0.1 and not self.peer.quiet:
            answer.give(self.peer.draw.choice([415, 488, 500, 603]))
        elif draw > 0.02 or self.peer.quiet:
            await asyncio.sleep(self.peer.draw.uniform(0, 0.05))
            answer.give(200)

    async def reinvited(self, message, answer, draw):
        self.learn(message.body)
        if self.offering:
            await answer.refuse(491, self.own_tag)
            return
        if draw < 0.12:
            await answer.refuse(self.peer.draw.choice([488, 491, 500, 603]), self.own_tag)
            return
        await asyncio.sleep(self.peer.draw.uniform(0, 0.1))
        if self.over.is_set():
            await answer.refuse(481, self.own_tag)
            return
        direction = {"sendonly": "recvonly", "inactive": "inactive", "recvonly": "sendonly"}.get(self.direction(message.body), "")
        acked = self.acks.setdefault(message.cseq[0], asyncio.Event())
        data = answer.give(200, self.own_tag, self.peer.description(message.body, direction))
        if not await repeated(lambda: answer.reply(data), acked) and not self.over.is_set():
            self.peer.fault(f"200 to a re-INVITE of Callplane's is never acknowledged ({self.call_id})")

    @staticmethod
    def direction(body):
        found = sip.media_of(body) if body else None
        return found[2] if found else ""

    async def ask(self, method, body=b"", content_type="application/sdp", seconds=TIMEOUT + patient(2)):
        """A request of ours; its final response, or None."""
        self.number += 1
        number, branch = self.number, "z9hG4bK" + sip.token(12, self.peer.draw)
        data = self.build(method, number, branch, body, content_type)
        self.peer.count(f"sent {method}")
        async for message in self.peer.request(data, self.send, branch, method, self.reliable, seconds):
            if message.status >= 200:
                return message
        return None

    async def reinvite(self, direction="", with_offer=True):
        """A re-INVITE of ours, to its ACK."""
        self.offering = True
        try:
            self.number += 1
            number, branch = self.number, "z9hG4bK" + sip.token(12, self.peer.draw)
            body = self.peer.description(direction=direction) if with_offer else b""
            data = self.build("INVITE", number, branch, body)
            self.peer.count("sent re-INVITE")
            status = None
            async for message in self.peer.request(data, self.send, branch, "INVITE", self.reliable):
                if message.status < 200:
                    continue
                if message.status < 300:
                    self.learn(message.body)
                    self.ack(number, b"" if with_offer else self.peer.description(message.body))
                else:
                    self.send(self.build("ACK", number, branch))
                if status is None:
                    status = message.status
                    # What comes again is acknowledged beside what goes on.
                    self.peer.link.later(self.reacknowledge(number, branch, message.status, with_offer))
                    return status
            if status is None and not self.over.is_set():
                self.peer.fault(f"a re-INVITE gets no final response ({self.call_id})")
            return status
        finally:
            self.offering = False

    async def reacknowledge(self, number, branch, status, with_offer):
        waiting = self.peer.clients[(branch, "INVITE")]
        loop = asyncio.get_running_loop()
        end = loop.time() + TIMEOUT
        while loop.time() < end:
            try:
                message = await asyncio.wait_for(waiting.get(), max(0.001, end - loop.time()))
            except asyncio.TimeoutError:
                return
            if message.status >= 300:
                self.send(self.build("ACK", number, branch))
            elif message.status >= 200:
                self.ack(number, b"" if with_offer else self.peer.description(message.body))

    async def bye(self):
        if self.over.is_set():
            return
        self.over.set()
        answer = await self.ask("BYE")
        if answer is None and not self.saw_bye:
            self.peer.fault(f"BYE gets no answer ({self.call_id})")


