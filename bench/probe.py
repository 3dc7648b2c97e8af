"""A caller that measures set-up time to the microsecond: INVITE out, 200 in. SIPp's own figures are whole milliseconds."""
import os
import re
import socket
import threading
import time

SDP = (
    "v=0\r\no=probe 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 9 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)


class Probe(threading.Thread):
    """Places `rate` calls a second, one after another, until stopped; keeps the set-up time of each, in milliseconds.

    It runs on `core`, beside the load and before it where the system allows: what is measured is the server's time, not
    the probe's own wait for a processor."""

    def __init__(self, host, port, user, core, rate=40):
        super().__init__(daemon=True)
        self.core = core
        self.target, self.user, self.pause = (host, port), user, 1 / rate
        self.line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.line.bind(("127.0.0.1", 0))
        self.line.settimeout(2)
        self.me = "127.0.0.1:%d" % self.line.getsockname()[1]
        self.times, self.failed, self.going = [], 0, True

    def run(self):
        thread = threading.get_native_id()
        os.sched_setaffinity(thread, {self.core})
        try:
            os.setpriority(os.PRIO_PROCESS, thread, -10)
        except PermissionError:
            pass
        number = 0
        while self.going:
            number += 1
            begin = time.perf_counter()
            try:
                self.call(number)
            except (TimeoutError, OSError, ValueError):
                self.failed += 1
            time.sleep(max(0, self.pause - (time.perf_counter() - begin)))
        self.line.close()

    def stop(self):
        self.going = False
        self.join(5)

    def request(self, method, number, cseq, to, body=""):
        uri = f"sip:{self.user}@{self.target[0]}:{self.target[1]}"
        kind = "Content-Type: application/sdp\r\n" if body else ""
        return (
            f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {self.me};branch=z9hG4bK{method}{number}\r\nMax-Forwards: 70\r\n"
            f"From: <sip:probe@{self.me}>;tag=p{number}\r\nTo: {to}\r\nCall-ID: {number}-probe@{self.me}\r\n"
            f"CSeq: {cseq} {method}\r\nContact: <sip:probe@{self.me}>\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def final(self, number):
        """The next final response of this call."""
        while True:
            text = self.line.recv(4096).decode()
            if f"\r\nCall-ID: {number}-probe@" in text and not text.startswith("SIP/2.0 1"):
                return text

    def call(self, number):
        to = f"<sip:{self.user}@{self.target[0]}>"
        begin = time.perf_counter()
        self.line.sendto(self.request("INVITE", number, 1, to, SDP), self.target)
        answer = self.final(number)
        elapsed = (time.perf_counter() - begin) * 1000
        if not answer.startswith("SIP/2.0 200"):
            raise ValueError(answer[:40])
        self.times.append(elapsed)
        to = re.search(r"\r\nTo: *([^\r]+)", answer).group(1)
        self.line.sendto(self.request("ACK", number, 1, to), self.target)
        self.line.sendto(self.request("BYE", number, 2, to), self.target)
        while "BYE" not in self.final(number):
            pass
