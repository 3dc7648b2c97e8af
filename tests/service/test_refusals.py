"""What the engine in the box, the settings and the command line refuse is refused at once and says why."""
import socket
import subprocess
import unittest

from harness import ServiceTest, binary, free_port

INVITE = """\
INVITE sip:{user}@127.0.0.1:{sip} SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{user_id}
Max-Forwards: {hops}
From: <sip:test@127.0.0.1>;tag={user_id}
To: <sip:{user}@127.0.0.1>
Call-ID: {user_id}@127.0.0.1
CSeq: 1 INVITE
Contact: <sip:test@127.0.0.1:{port}>
Content-Length: 0

"""


class Refusals(ServiceTest):
    def status(self, callplane, user, hops=70):
        """The first final status of an INVITE without an offer."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            phone.bind(("127.0.0.1", 0))
            phone.settimeout(20)
            port = phone.getsockname()[1]
            text = INVITE.format(user=user, user_id=f"r{port}", sip=callplane.sip, port=port, hops=hops)
            phone.sendto(text.replace("\n", "\r\n").encode(), ("127.0.0.1", callplane.sip))
            while True:
                status = int(phone.recv(65536).split()[1])
                if status >= 200:
                    return status

    def test_a_caller_whose_call_cannot_be_made_is_told_at_once(self):
        """Not when the time for a decision is over: that would be 503."""
        callplane = self.callplane()
        for user, hops, expected in (
            ("dial-bob", 0, 483), ("dial-a%40b", 70, 404), ("tone-5", 70, 404), ("early", 70, 200), ("reject-486", 70, 486),
            ("play-../x", 70, 404), ("play-a//b", 70, 404), ("play-%2Fetc%2Fpasswd", 70, 404), ("play-%00", 70, 404),
        ):
            with self.subTest(user=user):
                self.assertEqual(self.status(callplane, user, hops), expected)

    def test_a_setting_that_cannot_be_used_is_named(self):
        for key, value in (
            ("signaling.product", '"A/1\\r\\nX: y"'), ("signaling.identity_uri", '"bob"'), ("media.bind_ipv4", '"192.0.2.1"'),
            ("engine.trunk", '"sip:sbc"'), ("telemetry.log", '"debgu"'), ("engine.group", '"a b"'),
        ):
            with self.subTest(key=key):
                command = [binary(), "serve", "--set", f"{key}={value}", "--set", "signaling.listeners=[]"]
                command += ["--set", f'signaling.grpc_listen="127.0.0.1:{free_port()}"']
                done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(f"callplane: {key}: ", done.stderr)

    def test_a_call_to_an_api_that_is_not_there_names_it(self):
        address = f"http://127.0.0.1:{free_port()}"
        command = [binary(), "call", "sip:echo@127.0.0.1", "--api", address]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(address, done.stderr)
        self.assertIn("refused", done.stderr)


if __name__ == "__main__":
    unittest.main()
