"""Nothing is left after calls, however they end."""
import os
import re
import subprocess
import unittest

from harness import ServiceTest, binary, wait_until

# 64*T1 of RFC 3261 and the rest of a released port, with room for a slow machine.
LINGER_SECONDS = 32 + 5 + 20


def leftovers(before, after):
    """What differs between two readings of the gauges."""
    flat = lambda tree, path="": (
        {name: value for key, sub in tree.items() for name, value in flat(sub, f"{path}{key}.").items()}
        if isinstance(tree, dict)
        else {path.rstrip("."): tree}
    )
    before, after = flat(before), flat(after)
    return {name: (before.get(name), value) for name, value in after.items() if before.get(name) != value}


class NothingIsLeft(ServiceTest):
    def settles(self, callplane, before, seconds=LINGER_SECONDS):
        last = {}

        def same():
            nonlocal last
            last = leftovers(before, callplane.counters())
            return not last

        try:
            wait_until(same, seconds, "gauges are as before")
        except AssertionError:
            self.fail(f"left over: {last}")

    def warm(self, callplane):
        """One call of each kind first, so that lazily made threads and connections do not count as left over."""
        self.completes(self.sipp(callplane, "basic_call", "echo", 3, 3, 200))
        wait_until(lambda: callplane.counters()["sessions"] == 0, 10, "the warm-up's sessions are over")

    def test_ten_thousand_calls_at_two_hundred_a_second_all_complete_and_leave_nothing(self):
        callplane = self.callplane()
        before = callplane.counters()
        self.warm(callplane)
        calls = int(os.environ.get("TEST_LEAK_CALLS", "10000"))
        self.completes(self.sipp(callplane, "basic_call", "answer", calls, 200, 1000, calls // 200 + 60), calls // 200 + 90)
        self.settles(callplane, before)

    def test_calls_that_end_badly_leave_nothing(self):
        callplane = self.callplane(
            media__rtp_timeout_ms="3000", signaling__engines__grace_ms="2000", media__rtp_port_min="30000", media__rtp_port_max="30999"
        )
        before = callplane.counters()
        self.warm(callplane)
        callers = [
            self.sipp(callplane, "call_cancel", "noanswer", 20, 20),
            self.sipp(callplane, "call_rejection", "reject-486", 20, 20),
            self.sipp(callplane, "multiple_codecs_none", "echo", 20, 20),
            self.sipp(callplane, "timeout_no_ack", "answer", 5, 5),
            self.sipp(callplane, "timeout_no_bye_answer", "bye-1", 5, 5),
            self.sipp(callplane, "timeout_peer_gone", "answer", 5, 5),
            self.sipp(callplane, "basic_call", "room-x", 20, 20, 1000),
            self.sipp(callplane, "basic_call", "mesh-x", 10, 20, 1000),
            # BYE right behind the ACK, while the engine still makes and joins bridges.
            self.sipp(callplane, "basic_call", "echo", 20, 20, 0),
            self.sipp(callplane, "basic_call", "room-quick", 20, 20, 0),
        ]
        nobody = subprocess.run(
            [binary(), "call", "sip:nobody@127.0.0.1:9", "--api", f"http://127.0.0.1:{callplane.api}", "--ring-seconds", "2",
             "--expect", "timeout,network-failure"],
            capture_output=True, text=True, timeout=60, check=False,
        )
        self.assertEqual(nobody.returncode, 0, nobody.stdout + nobody.stderr)
        for caller in callers:
            self.completes(caller)
        self.settles(callplane, before, LINGER_SECONDS + 10)

    def test_calls_beyond_the_ports_are_refused_with_503_and_leave_nothing(self):
        callplane = self.callplane(media__rtp_port_min="31000", media__rtp_port_max="31009")
        before = callplane.counters()
        errors = os.path.join(self.folder, "errors.log")
        caller = self.sipp(callplane, "basic_call", "answer", 20, 100, 1500, extra=("-trace_err", "-error_file", errors))
        caller.process.wait(90)
        wait_until(lambda: callplane.counters()["sessions"] == 0, 30, "all sessions are over")
        with open(errors, encoding="utf-8") as text:
            unexpected = re.findall(r"Call-Id '(.+?)': .*?, received '(.*?)\n'", text.read(), re.DOTALL)
        self.assertTrue(unexpected, "some were refused")
        self.assertLess(len({call for call, _ in unexpected}), 20, "some were not")
        for _, message in unexpected:
            self.assertRegex(message, r"\ASIP/2\.0 503 ")
            self.assertRegex(message, r"\nRetry-After: [1-9]")
        self.settles(callplane, before)
        self.completes(self.sipp(callplane, "basic_call", "answer", 3, 3, 200))


if __name__ == "__main__":
    unittest.main(verbosity=2)
