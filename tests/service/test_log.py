"""What a person sees in the log at `info`, and what not."""
import os
import re
import socket
import subprocess
import unittest

from harness import ServiceTest, binary, free_port, wait_until


class Log(ServiceTest):
    def log(self, callplane):
        return callplane.processes["signaling"].text()

    def lines(self, callplane, words):
        return [line for line in self.log(callplane).splitlines() if words in line]

    def test_every_call_that_has_ended_is_a_line_with_who_how_long_and_why(self):
        callplane = self.callplane()
        self.completes(self.sipp(callplane, "basic_call", "echo", 3, 3, 300))
        self.sipp(callplane, "@uac", "reject-486", 1, 1).process.wait(30)
        ended = wait_until(lambda: (found := self.lines(callplane, "call ended")) and len(found) == 4 and found, 10, "four lines")
        for line in ended[:3]:
            self.assertRegex(line, r'INFO .*session=\w+ call_id="\S+" direction="inbound" from="sipp" to="echo"')
            self.assertRegex(line, r'seconds=0\.[34]\d* cause=remote-hangup')
        self.assertRegex(ended[3], r'to="reject-486".* cause=busy status=486')

    def test_every_call_that_begins_is_one_line_with_who_calls_whom(self):
        callplane = self.callplane()
        self.completes(self.sipp(callplane, "basic_call", "echo", 3, 3, 300))
        began = wait_until(lambda: (found := self.lines(callplane, "call began")) and len(found) == 3 and found, 10, "three lines")
        for line in began:
            self.assertRegex(line, r'INFO .*session=\w+ call_id="\S+" direction="inbound" from="sipp" to="echo" group=default engine=')

    def test_lines_of_calls_can_be_switched_off(self):
        callplane = self.callplane(telemetry__calls="false")
        self.completes(self.sipp(callplane, "basic_call", "echo", 3, 3, 100))
        callplane.stop()
        self.assertEqual(self.lines(callplane, "call began") + self.lines(callplane, "call ended"), [])

    def test_debug_is_callplane_s_own(self):
        callplane = self.callplane(telemetry__log='"debug"')
        self.completes(self.sipp(callplane, "basic_call", "echo", 1, 1, 100))
        wait_until(lambda: self.lines(callplane, "IncomingCall"), 5, "the events of the call")
        self.assertNotRegex(self.log(callplane), r"DEBUG (h2|hyper|tonic|tower)")

    def test_calls_that_are_refused_here_are_told_by_their_kind_and_number(self):
        callplane = self.callplane(engine=False)
        for _ in range(2):
            self.sipp(callplane, "@uac", "echo", 20, 200).process.wait(30)
        [line] = wait_until(lambda: self.lines(callplane, "no engine of the group is attached"), 5, "a line")
        self.assertIn("WARN", line)

    def test_a_flood_of_bad_offers_does_not_fill_the_log(self):
        callplane = self.callplane(telemetry__calls="false")
        body = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/SAVP 0\r\n"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            line.bind(("127.0.0.1", 0))
            me = "127.0.0.1:%d" % line.getsockname()[1]
            for number in range(1000):
                line.sendto(
                    (
                        f"INVITE sip:echo@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {me};branch=z9hG4bK{number}\r\nMax-Forwards: 70\r\n"
                        f"From: <sip:t@{me}>;tag=1\r\nTo: <sip:echo@127.0.0.1>\r\nCall-ID: {number}@{me}\r\nCSeq: 1 INVITE\r\n"
                        f"Contact: <sip:t@{me}>\r\nContent-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}"
                    ).encode(),
                    ("127.0.0.1", callplane.sip),
                )
        wait_until(lambda: self.lines(callplane, "negotiation failed"), 20, "the first is refused")
        wait_until(lambda: callplane.counters()["sessions"] == 0, 20, "all are refused")
        refused = self.lines(callplane, "negotiation failed")
        self.assertTrue(1 <= len(refused) <= 100, len(refused))
        wait_until(lambda: self.lines(callplane, "left out"), 20, "it is told how many more there were")

    def test_a_call_from_the_command_line_warns_of_nothing(self):
        callplane = self.callplane(signaling__engines__grace_ms="500")
        command = [binary(), "call", f"sip:echo@127.0.0.1:{callplane.sip}", "--seconds", "0.2"]
        env = {**os.environ, "CALLPLANE_API": f"http://127.0.0.1:{callplane.api}"}
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        wait_until(lambda: self.lines(callplane, "engine gone"), 5, "its name is forgotten")
        self.assertEqual(self.lines(callplane, "WARN engine gone"), [])
        self.assertNotIn("its calls end", self.log(callplane))

    def test_media_that_cannot_be_reached_is_told_with_its_cause(self):
        nobody = free_port()
        signaling = self.process(
            "alone", binary(), "signaling", "--set", f'signaling.media_address="127.0.0.1:{nobody}"', "--set",
            f'signaling.listeners=[{{transport="udp",bind="127.0.0.1:{free_port()}"}}]', "--set",
            f'signaling.grpc_listen="127.0.0.1:{free_port()}"',
        )
        text = wait_until(lambda: re.search("WARN.*media service away.*", signaling.text()), 10, "a warning")
        self.assertIn("Connection refused", text.group())

    def test_a_file_that_cannot_be_played_is_told_to_all_who_want_to_know(self):
        callplane = self.callplane()
        command = [binary(), "call", f"sip:play-hello.wav@127.0.0.1:{callplane.sip}", "--api", f"http://127.0.0.1:{callplane.api}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("audio folders", done.stderr)
        self.assertRegex(callplane.processes["engine"].text(), "WARN.*cannot be played.*audio folders")

    def test_what_to_do_now_is_the_last_that_a_start_with_its_engine_says(self):
        sip, api = free_port(), free_port()
        whole = self.process(
            "whole", binary(), "serve", "--with-engine", "--set", f'signaling.grpc_listen="127.0.0.1:{api}"', "--set",
            f'signaling.listeners=[{{transport="udp",bind="127.0.0.1:{sip}"}}]', "--set", 'media.bind_ipv4="127.0.0.1"',
        )
        wait_until(lambda: "now call" in whole.text(), 20, "it says what to do")
        self.assertIn(f"sip:echo@127.0.0.1:{sip}", whole.text().splitlines()[-1])


if __name__ == "__main__":
    unittest.main(verbosity=2)
