"""What callers see when the engine or media is away, and that nothing hangs."""
import signal
import socket
import time
import unittest

from harness import ServiceTest, free_port, wait_until


def invite(port, user="echo", call="outage"):
    """Sends one INVITE and returns the first final response."""
    sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))
        line.settimeout(15)
        me = "127.0.0.1:%d" % line.getsockname()[1]
        line.sendto(
            (
                f"INVITE sip:{user}@127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {me};branch=z9hG4bK{call}\r\nMax-Forwards: 70\r\n"
                f"From: <sip:t@{me}>;tag=1\r\nTo: <sip:{user}@127.0.0.1>\r\nCall-ID: {call}@{me}\r\nCSeq: 1 INVITE\r\n"
                f"Contact: <sip:t@{me}>\r\nContent-Type: application/sdp\r\nContent-Length: {len(sdp)}\r\n\r\n{sdp}"
            ).encode(),
            ("127.0.0.1", port),
        )
        while True:
            text = line.recv(4096).decode()
            if not text.startswith("SIP/2.0 1"):
                return text


class EngineAway(ServiceTest):
    def test_a_call_without_an_engine_gets_503_with_retry_after(self):
        callplane = self.callplane(engine=False)
        answer = invite(callplane.sip)
        self.assertTrue(answer.startswith("SIP/2.0 503 "), answer)
        self.assertRegex(answer, r"\r\nRetry-After: *[0-9]+")
        self.assertEqual(callplane.counters()["sessions"], 0)
        callplane.start_engine()
        self.completes(self.sipp(callplane, "basic_call", "echo", 3, 3, 200))

    def test_an_engine_that_dies_leaves_no_call_beyond_the_grace(self):
        callplane = self.callplane(signaling__engines__grace_ms="2000")
        caller = self.sipp(callplane, "timeout_peer_gone", "answer", 10, 10)
        wait_until(lambda: callplane.counters()["sessions"] == 10, 10, "ten calls are up")
        callplane.processes["engine"].kill()
        self.completes(caller)  # every call gets its BYE
        wait_until(lambda: callplane.counters()["sessions"] == 0, 10, "no session is left")

    def test_an_engine_that_comes_back_within_the_grace_keeps_its_calls(self):
        callplane = self.callplane(signaling__engines__grace_ms="20000")
        caller = self.sipp(callplane, "basic_call", "answer", 5, 5, 6000)
        wait_until(lambda: callplane.counters()["sessions"] == 5, 10, "five calls are up")
        callplane.processes["engine"].kill()
        callplane.start_engine()
        self.completes(caller)


    def test_an_engine_that_was_killed_hangs_callees_up_with_their_callers_when_it_is_back(self):
        callplane = self.callplane(signaling__engines__grace_ms="20000")
        callee = self.process("callee", "sipp", "-sn", "uas", "-i", "127.0.0.1", "-p", str(callplane.trunk), "-nostdin", "-m", "5")
        caller = self.sipp(callplane, "basic_call", "dial-bob", 5, 5, 5000)
        wait_until(lambda: callplane.counters()["bridges"] == 5, 10, "five pairs are bridged")
        callplane.processes["engine"].kill()
        callplane.start_engine()
        self.completes(caller)
        self.completes(callee)  # each got its BYE
        wait_until(lambda: callplane.counters()["sessions"] == 0, 5, "no session is left")


class MediaAway(ServiceTest):
    def test_media_killed_and_restarted_fails_calls_typed_and_new_calls_work_again(self):
        callplane = self.callplane(apart=True)
        before = callplane.counters()
        self.completes(self.sipp(callplane, "basic_call", "echo", 3, 3, 200))
        caller = self.sipp(callplane, "timeout_peer_gone", "answer", 5, 5)
        wait_until(lambda: callplane.counters()["sessions"] == 5, 10, "five calls are up")
        callplane.processes["media"].kill()
        self.completes(caller)  # a call without media is ended with BYE
        wait_until(lambda: callplane.counters()["sessions"] == 0, 15, "no session is left")
        answer = invite(callplane.sip, call="media-away")
        self.assertRegex(answer, r"^SIP/2.0 (500|503) ")
        callplane.start_media()

        def works():
            return self.sipp(callplane, "basic_call", "echo", 1, 1, 100, 10).process.wait(30) == 0

        wait_until(works, 30, "a call works again")
        self.completes(self.sipp(callplane, "basic_call", "echo", 5, 5, 200))
        wait_until(lambda: callplane.counters()["sessions"] == before["sessions"], 40, "no session is left")

    def test_media_that_is_shut_down_refuses_new_calls_and_ends_those_that_are_up_at_once(self):
        callplane = self.callplane(apart=True)
        caller = self.sipp(callplane, "timeout_peer_gone", "answer", 5, 5)
        wait_until(lambda: callplane.counters()["sessions"] == 5, 10, "five calls are up")
        media = callplane.processes["media"].process
        media.send_signal(signal.SIGTERM)
        wait_until(lambda: not callplane.ready(), 3, "signaling takes no new calls")
        answer = invite(callplane.sip, call="media-drains")
        self.assertTrue(answer.startswith("SIP/2.0 503 "), answer)
        self.assertRegex(answer, r"\r\nRetry-After: *[0-9]+")
        wait_until(lambda: callplane.counters()["sessions"] == 5, 2, "the refused call is over, the others go on")
        media.send_signal(signal.SIGTERM)
        told = time.monotonic()
        self.completes(caller)
        self.assertLess(time.monotonic() - told, 5, "its end is not waited for")
        wait_until(lambda: callplane.counters()["sessions"] == 0, 5, "no session is left")

    def test_media_that_is_frozen_for_a_while_is_noticed_and_costs_no_call(self):
        callplane = self.callplane(apart=True)
        caller = self.sipp(callplane, "basic_call", "answer", 5, 5, 12_000)
        wait_until(lambda: callplane.counters()["sessions"] == 5, 10, "five calls are up")
        media = callplane.processes["media"].process
        media.send_signal(signal.SIGSTOP)
        try:
            wait_until(lambda: not callplane.ready(), 6, "the silence is noticed")
            begun = time.monotonic()
            answer = invite(callplane.sip, call="media-frozen")
            self.assertTrue(answer.startswith("SIP/2.0 503 "), answer)
            self.assertLess(time.monotonic() - begun, 1, "a call is refused at once")
        finally:
            media.send_signal(signal.SIGCONT)
        wait_until(callplane.ready, 6, "media is back")
        self.completes(caller)

    def test_a_second_signaling_of_the_same_name_waits_until_the_first_has_gone(self):
        callplane = self.callplane(apart=True, signaling__node='"one-name"')
        caller = self.sipp(callplane, "basic_call", "echo", 5, 5, 6_000)
        wait_until(lambda: callplane.counters()["sessions"] == 5, 10, "five calls are up")
        sip, api, admin = free_port(), free_port(), free_port()
        callplane.start(
            "second", "signaling",
            **{
                **callplane.signaling_settings(),
                "signaling.listeners": f'[{{transport="udp",bind="127.0.0.1:{sip}"}}]',
                "signaling.grpc_listen": f'"127.0.0.1:{api}"',
                "signaling.media_address": f'"127.0.0.1:{callplane.media_api}"',
                "admin.listen": f'"127.0.0.1:{admin}"',
            },
        )
        second = callplane.processes["second"]
        wait_until(lambda: "signaling.node" in second.text(), 10, "it is told why it gets no media")
        self.assertIsNone(callplane.fetch("/ready", admin))
        self.completes(caller)
        callplane.processes["signaling"].kill()
        wait_until(lambda: callplane.fetch("/ready", admin) is not None, 10, "it takes over")

    def test_signaling_that_is_killed_and_restarted_has_media_at_once(self):
        callplane = self.callplane(apart=True)
        caller = self.sipp(callplane, "timeout_peer_gone", "answer", 5, 5)
        wait_until(lambda: callplane.counters()["sessions"] == 5, 10, "five calls are up")
        callplane.processes["signaling"].kill()
        caller.kill()
        callplane.start_signaling()
        wait_until(callplane.ready, 5, "it has media")
        wait_until(lambda: callplane.counters()["media"]["endpoints"] == 0, 5, "the former's endpoints are closed")


if __name__ == "__main__":
    unittest.main(verbosity=2)
