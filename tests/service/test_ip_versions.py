"""IPv4 and IPv6 beside each other: which version an offer has, and peers that go over from one to the other."""
import re
import socket
import subprocess
import time
import unittest

from harness import ServiceTest, binary, free_port


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


def sdp(rtp, port=None):
    """The description of a socket's address."""
    family, host = ("IP6", "::1") if rtp.family == socket.AF_INET6 else ("IP4", "127.0.0.1")
    port = port if port is not None else rtp.getsockname()[1]
    return (
        f"v=0\r\no=- 1 1 IN {family} {host}\r\ns=-\r\nc=IN {family} {host}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
    )


def connection(message):
    """The family and address of a message's description."""
    return re.search(r"^c=IN (IP\d) (\S+)\r?$", message, re.M).groups()


class Caller:
    """A phone that calls, speaks SIP over IPv4 and RTP over what it likes."""

    def __init__(self, test, callplane):
        self.to = ("127.0.0.1", callplane.sip)
        self.sip = self.bound(test, socket.AF_INET)
        self.rtp4, self.rtp6 = self.bound(test, socket.AF_INET), self.bound(test, socket.AF_INET6)
        self.sequence = self.cseq = 0
        self.tag = ""
        self.contact = f"sip:echo@127.0.0.1:{callplane.sip}"

    @staticmethod
    def bound(test, family):
        made = socket.socket(family, socket.SOCK_DGRAM)
        test.addCleanup(made.close)
        made.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        made.settimeout(10)
        return made

    def send(self, method, body="", cseq=None):
        port = self.sip.getsockname()[1]
        cseq = cseq or self.cseq
        lines = [
            f"{method} {self.contact} SIP/2.0", f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{method}{cseq}{port}", "Max-Forwards: 70",
            f"From: <sip:a@127.0.0.1>;tag=f{port}", f"To: <sip:echo@127.0.0.1>{self.tag}", f"Call-ID: versions-{port}",
            f"CSeq: {cseq} {method}", f"Contact: <sip:a@127.0.0.1:{port}>",
        ]
        lines += ["Content-Type: application/sdp"] if body else []
        lines += [f"Content-Length: {len(body)}", "", body]
        self.sip.sendto("\r\n".join(lines).encode(), self.to)

    def offer(self, body):
        """Sends an INVITE with an offer; the final response, acknowledged."""
        self.cseq += 1
        self.send("INVITE", body)
        while True:
            response = self.sip.recv(65536).decode()
            if not response.startswith("SIP/2.0 1"):
                break
        if response.startswith("SIP/2.0 2"):
            self.tag = ";tag=" + re.search(r"^To:.*;tag=(\S+)\r?$", response, re.M).group(1)
            self.contact = re.search(r"^Contact: <([^>]+)>", response, re.M).group(1)
        self.send("ACK")
        return response

    def echoed(self, rtp, answer):
        """Whether what is said to the answer's address comes back."""
        port = int(re.search(r"^m=audio (\d+) ", answer, re.M).group(1))
        host = connection(answer)[1]
        rtp.settimeout(0.02)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            self.sequence += 1
            header = bytes([0x80, 0]) + self.sequence.to_bytes(2, "big") + (self.sequence * 160).to_bytes(4, "big") + b"abcd"
            rtp.sendto(header + b"\x55" * 160, (host, port))
            try:
                if rtp.recv(2048)[12:] == b"\x55" * 160:
                    return True
            except TimeoutError:
                pass
        return False


@unittest.skipUnless(has_ipv6(), "this machine has no IPv6")
class IpVersions(ServiceTest):
    def both(self, **settings):
        sip = free_port()
        listeners = f'[{{transport="udp",bind="127.0.0.1:{sip}"}},{{transport="udp",bind="[::1]:{sip}"}}]'
        callplane = self.callplane(signaling__listeners=listeners, media__bind_ipv6='"::1"', **settings)
        callplane.sip = sip
        return callplane

    def invited(self, callplane, target, family, host):
        """The INVITE that a call to `target` sends to a socket at `host`."""
        with socket.socket(family, socket.SOCK_DGRAM) as phone:
            phone.bind((host, 0))
            phone.settimeout(20)
            target = target.format(port=phone.getsockname()[1])
            command = [binary(), "call", target, "--api", f"http://127.0.0.1:{callplane.api}"]
            call = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                return phone.recv(65536).decode()
            finally:
                call.terminate()
                call.wait(20)

    def test_an_offer_has_the_version_of_the_address_that_it_is_sent_to(self):
        callplane = self.both()
        for target, family, host, expected in (
            ("sip:bob@127.0.0.1:{port}", socket.AF_INET, "127.0.0.1", ("IP4", "127.0.0.1")),
            ("sip:bob@[::1]:{port}", socket.AF_INET6, "::1", ("IP6", "::1")),
        ):
            with self.subTest(target=target):
                self.assertEqual(connection(self.invited(callplane, target, family, host)), expected)

    def test_an_offer_to_a_name_has_the_version_of_the_address_that_the_name_is_found_to_have(self):
        callplane = self.both()
        found = socket.getaddrinfo("localhost", 5060, type=socket.SOCK_DGRAM)[0]
        family, host = found[0], found[4][0]
        expected = ("IP6", "::1") if family == socket.AF_INET6 else ("IP4", "127.0.0.1")
        self.assertEqual(connection(self.invited(callplane, "sip:bob@localhost:{port}", family, host)), expected)

    def test_media_without_ipv6_offers_ipv4_over_ipv6(self):
        sip = free_port()
        callplane = self.callplane(signaling__listeners=f'[{{transport="udp",bind="[::1]:{sip}"}}]')
        invite = self.invited(callplane, "sip:bob@[::1]:{port}", socket.AF_INET6, "::1")
        self.assertEqual(connection(invite), ("IP4", "127.0.0.1"))

    def test_a_call_goes_over_to_ipv6_and_back(self):
        caller = Caller(self, self.both())
        first = caller.offer(sdp(caller.rtp4))
        self.assertEqual(connection(first), ("IP4", "127.0.0.1"))
        self.assertTrue(caller.echoed(caller.rtp4, first))
        second = caller.offer(sdp(caller.rtp6))
        self.assertEqual(connection(second), ("IP6", "::1"), second)
        self.assertTrue(caller.echoed(caller.rtp6, second))
        third = caller.offer(sdp(caller.rtp4))
        self.assertEqual(connection(third), ("IP4", "127.0.0.1"), third)
        self.assertTrue(caller.echoed(caller.rtp4, third))
        origins = [re.search(r"^o=(\S+ \S+) (\d+) (.*?)\r?$", text, re.M).groups() for text in (first, second, third)]
        self.assertEqual({(name, address) for name, _, address in origins}, {(origins[0][0], "IN IP4 127.0.0.1")})
        self.assertEqual([int(version) for _, version, _ in origins], [1, 2, 3])

    def test_a_version_that_media_lacks_is_488_with_warning_301_and_the_call_goes_on(self):
        caller = Caller(self, self.callplane())
        first = caller.offer(sdp(caller.rtp4))
        refused = caller.offer(sdp(caller.rtp6))
        self.assertTrue(refused.startswith("SIP/2.0 488 "), refused)
        self.assertIn("Warning: 301 ", refused)
        self.assertTrue(caller.echoed(caller.rtp4, first))

    def test_the_address_of_the_line_goes_before_that_of_the_session(self):
        caller = Caller(self, self.both())
        offer = sdp(caller.rtp4).replace("c=IN IP4 127.0.0.1", "c=IN IP6 2001:db8::7") + "c=IN IP4 127.0.0.1\r\n"
        answer = caller.offer(offer)
        self.assertEqual(connection(answer), ("IP4", "127.0.0.1"), answer)
        self.assertTrue(caller.echoed(caller.rtp4, answer))

    def test_addresses_that_are_not_what_their_line_says_are_488_with_warning_301(self):
        callplane = self.both()
        for line in ("IN IP9 127.0.0.1", "IN IP6 127.0.0.1", "IN IP4 ::1", "IN IP6 ::ffff:127.0.0.1"):
            with self.subTest(line=line):
                caller = Caller(self, callplane)
                refused = caller.offer(sdp(caller.rtp4).replace("c=IN IP4 127.0.0.1", f"c={line}"))
                self.assertTrue(refused.startswith("SIP/2.0 488 "), refused)
                self.assertIn("Warning: 301 ", refused)
        caller = Caller(self, callplane)
        self.assertTrue(caller.offer(sdp(caller.rtp4, port=0)).startswith("SIP/2.0 488 "))


if __name__ == "__main__":
    unittest.main()
