"""A phone: a SIP socket that many calls share, an RTP socket for each call. One thread reads; calls are driven from outside."""
import queue
import select
import socket
import struct
import threading
import time

from peers import rtp, sip
from peers.running import patient

SO_TIMESTAMPNS = 35
SO_RCVBUFFORCE = 33


def roomy(line):
    """Gives a socket so much room that what is counted at it is what was sent, and not what fitted."""
    for option, size in ((SO_RCVBUFFORCE, 16 << 20), (socket.SO_RCVBUF, 4 << 20)):
        try:
            line.setsockopt(socket.SOL_SOCKET, option, size)
            return
        except OSError:  # only root may go past the system's limit
            continue


class Phone:
    """Calls and is called over UDP. Requests of the other side are answered with 200 unless `on_request` says what else."""

    def __init__(self, ip, server, port=0, on_request=None, answers=True):
        self.ip, self.server, self.on_request, self.answers = ip, server, on_request, answers
        self.line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        roomy(self.line)
        self.line.bind((ip, port))
        self.port = self.line.getsockname()[1]
        self.calls, self.called, self.closed = {}, queue.Queue(), False
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    @property
    def contact(self):
        return f"sip:phone@{self.ip}:{self.port}"

    def send(self, data, to=None):
        try:
            self.line.sendto(data, to or self.server)
        except OSError:
            pass

    def read(self):
        while not self.closed:
            try:
                ready, _, _ = select.select([self.line], [], [], 0.5)
                if not ready:
                    continue
                data, source = self.line.recvfrom(65535)
            except (OSError, ValueError):
                continue
            message = sip.Message(data)
            call = self.calls.get(message.call_id)
            if message.status:
                if call:
                    call.responses.put(message)
            elif self.answers:
                self.requested(message, source, call)

    def requested(self, message, source, call):
        if self.on_request and self.on_request(self, message, source):
            return
        if message.method == "ACK":
            return
        if message.method == "INVITE" and not message.tag("To"):
            call = call or Call(self, incoming=message)
            body = call.description() if message.body else b""
            self.send(sip.respond(message, 200, call.own_tag, self.contact, body), source)
            self.called.put(call)
            return
        if message.method == "BYE" and call:
            call.ended.set()
        body = call.description() if message.method == "INVITE" and call else b""
        self.send(sip.respond(message, 200, call.own_tag if call else "x", self.contact, body), source)

    def invite(self, user, **how):
        """Begins a call; see Call."""
        call = Call(self, user, **how)
        call.invite()
        return call

    def call(self, user, seconds=8, **how):
        """A call that is answered and acknowledged. None when it is not."""
        call = self.invite(user, **how)
        return call if call.answered(seconds) else None

    def close(self):
        self.closed = True
        self.thread.join(2)  # who waits in it holds its port
        for call in list(self.calls.values()):
            call.close()
        self.line.close()


class Call:
    """One dialog and its RTP socket."""

    def __init__(self, phone, user="echo", incoming=None, rtp_ip=None, place=None, contact=None, body=None, fields=()):
        self.phone, self.user, self.fields, self.body = phone, user, list(fields), body
        self.ear = ear(rtp_ip or phone.ip)
        self.place = place or self.ear.getsockname()[:2]
        self.responses, self.ended = queue.Queue(), threading.Event()
        self.own_tag, self.branch, self.sequence, self.version = sip.token(), "", 1, 1
        self.contact = contact or phone.contact
        self.status, self.setup, self.media, self.stream = None, None, None, rtp.Stream()
        host, port = phone.server
        self.target = self.request_uri = f"sip:{user}@{host}:{port}"
        if incoming:
            self.call_id, self.local, self.remote = incoming.call_id, f"{incoming.get('To')};tag={self.own_tag}", incoming.get("From")
            self.target = incoming.contact
            self.learn(incoming.body)
        else:
            self.call_id = f"{sip.token(16)}@{phone.ip}"
            self.local, self.remote = f"<sip:phone@{phone.ip}>;tag={self.own_tag}", f"<sip:{user}@{host}>"
        phone.calls[self.call_id] = self

    def description(self):
        return sip.offer(*self.place, version=self.version) if self.body is None else self.body

    def learn(self, body):
        found = sip.media_of(body) if body else None
        if found:
            self.media = found[:2]

    def request(self, method, body=b"", fields=(), branch=None, number=None, uri=None):
        self.branch = branch or f"z9hG4bK{sip.token(12)}"
        lines = [
            ("Via", f"SIP/2.0/UDP {self.phone.ip}:{self.phone.port};branch={self.branch};rport"), ("Max-Forwards", "70"),
            ("From", self.local), ("To", self.remote), ("Call-ID", self.call_id), ("CSeq", f"{number or self.sequence} {method}"),
            ("Contact", f"<{self.contact}>"), *fields,
        ]
        if body:
            lines.append(("Content-Type", "application/sdp"))
        return sip.build(f"{method} {uri or self.target} SIP/2.0", lines, body)

    def invite(self):
        self.begun = time.monotonic()
        self.invitation = self.request("INVITE", self.description(), self.fields)
        self.invite_branch = self.branch
        self.phone.send(self.invitation)

    def final(self, seconds, again=0.3):
        """The final response to the INVITE; it is repeated until a response comes. None when none comes."""
        end, due = time.monotonic() + patient(seconds), time.monotonic() + again
        while time.monotonic() < end:
            try:
                message = self.responses.get(timeout=max(0.01, min(end, due) - time.monotonic()))
            except queue.Empty:
                if time.monotonic() >= due and due:
                    self.phone.send(self.invitation)
                    due = time.monotonic() + (again := again * 2)
                continue
            if message.cseq[1] != "INVITE":
                continue
            due = end
            if message.status >= 200:
                return message
            self.learn(message.body)
        return None

    def answered(self, seconds=8):
        """Whether the call is answered; the final response is acknowledged."""
        final = self.final(seconds)
        if final is None:
            return False
        self.status, self.setup = final.status, time.monotonic() - self.begun
        self.remote = final.get("To")
        if final.status >= 300:
            self.phone.send(self.request("ACK", branch=self.invite_branch, number=1, uri=self.request_uri))
            return False
        self.target = final.contact or self.target
        self.learn(final.body)
        self.ack()
        return True

    def ack(self):
        self.phone.send(self.request("ACK"))

    def reinvite(self, place, seconds=5):
        """Offers another place for the audio; whether it is taken."""
        while not self.responses.empty():
            self.responses.get_nowait()
        self.place, self.version, self.sequence = place, self.version + 1, self.sequence + 1
        self.invitation = self.request("INVITE", sip.offer(*place, version=self.version))
        branch = self.branch
        self.phone.send(self.invitation)
        final = self.final(seconds)
        if final is None or final.status >= 300:
            if final is not None:
                self.phone.send(self.request("ACK", branch=branch))
            return False
        self.ack()
        return True

    def bye(self, wait=0.0):
        self.sequence += 1
        data = self.request("BYE")
        self.phone.send(data)
        if wait:
            end, due = time.monotonic() + patient(wait), 0.0
            while time.monotonic() < end and not self.said("BYE"):
                if time.monotonic() >= due:
                    due = time.monotonic() + 0.3
                    self.phone.send(data)
                time.sleep(0.02)

    def said(self, method):
        """Whether a final response to such a request is there."""
        while not self.responses.empty():
            message = self.responses.get_nowait()
            if message.cseq[1] == method and message.status >= 200:
                return True
        return False

    # RTP

    def talk(self, count, every=0.02, stream=None, line=None, to=None):
        """Sends so many packets; returns when they are out."""
        stream, line, to = stream or self.stream, line or self.ear, to or self.media
        begin = time.monotonic()
        for number in range(count):
            time.sleep(max(0.0, begin + number * every - time.monotonic()))
            line.sendto(stream.next(), to)

    def heard(self, line=None):
        """Takes what has come: how many RTP packets."""
        return hear(line or self.ear)

    def echoed(self, count, every=0.02, settle=1.0):
        """Sends so many packets and counts what comes back meanwhile and shortly after."""
        self.heard()
        self.talk(count, every)
        back, end = self.heard(), time.monotonic() + patient(settle)
        while back < count and time.monotonic() < end:
            time.sleep(0.05)
            back += self.heard()
        return back

    def close(self):
        self.phone.calls.pop(self.call_id, None)
        self.ear.close()


def hear(line):
    """How many datagrams wait at a socket; they are taken."""
    line.setblocking(False)
    count = 0
    try:
        while True:
            line.recv(4096)
            count += 1
    except (BlockingIOError, ConnectionRefusedError):
        pass
    line.setblocking(True)
    return count


def times(line):
    """When each waiting datagram came, by the kernel's clock, seconds; they are taken."""
    line.setblocking(False)
    found = []
    try:
        while True:
            _, ancillary, _, _ = line.recvmsg(4096, 128)
            for _, kind, value in ancillary:
                if kind == SO_TIMESTAMPNS:
                    seconds, nanoseconds = struct.unpack("qq", value[:16])
                    found.append(seconds + nanoseconds / 1e9)
    except (BlockingIOError, ConnectionRefusedError):
        pass
    line.setblocking(True)
    return found


def ear(ip, port=0):
    """A bare UDP socket."""
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    roomy(line)
    line.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    try:
        line.bind((ip, port))
    except OSError:
        line.close()
        raise
    return line
