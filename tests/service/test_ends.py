"""How processes and clients end: in good order without a trace, and never half alive."""
import os
import signal
import subprocess
import unittest

from harness import Process, ServiceTest, binary, free_port, wait_until

DIED = "a thread of signaling has died"


class Ends(ServiceTest):
    def test_an_end_in_good_order_warns_of_nothing(self):
        for apart in (False, True):
            callplane = self.callplane(apart=apart)
            self.completes(self.sipp(callplane, "basic_call", "echo", 3, 3, 200))
            for name in ("engine", "signaling", "media"):
                if name in callplane.processes:
                    callplane.processes[name].stop()
                    self.assertEqual(callplane.processes[name].process.returncode, 0, name)
            # In order: who ends later may well wonder where the others are.
            words = callplane.processes["signaling"].text()
            self.assertNotRegex(words, "ended the stream|stream broke", f"apart: {apart}")

    def test_a_call_from_the_command_line_leaves_no_engine_behind(self):
        callplane = self.callplane()
        attached = callplane.counters()["engines_attached"]
        command = [binary(), "call", f"sip:echo@127.0.0.1:{callplane.sip}", "--api", f"http://127.0.0.1:{callplane.api}"]
        for more, status in ((["--seconds", "0.3"], 0), (["--expect", "busy", "--seconds", "0.3"], 1)):
            done = subprocess.run(command + more, capture_output=True, text=True, timeout=30, check=False)
            self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        wait_until(lambda: callplane.counters()["engines_away"] == 0, 5, "its names are forgotten")
        self.assertEqual(callplane.counters()["engines_attached"], attached)

    def test_a_call_from_the_command_line_that_is_interrupted_is_hung_up(self):
        callplane = self.callplane()
        for user, state, told in (("noanswer", "180 Ringing", "cancelled"), ("echo", "connected:", "local-hangup")):
            log = os.path.join(self.folder, f"{user}.log")
            uri = f"sip:{user}@127.0.0.1:{callplane.sip}"
            call = Process(binary(), "call", uri, "--api", f"http://127.0.0.1:{callplane.api}", "--seconds", "60", log=log)
            self.addCleanup(call.kill)
            wait_until(lambda: state in call.text(), 10, f"{user} is {state}")
            call.process.send_signal(signal.SIGINT)
            self.assertEqual(call.process.wait(10), 130, call.text())
            self.assertIn(told, call.text())
            wait_until(lambda: callplane.counters()["sessions"] == 0, 2, "nothing is left standing")

    def test_an_engine_that_is_told_to_stop_leaves_no_name_behind(self):
        callplane = self.callplane()
        self.completes(self.sipp(callplane, "basic_call", "echo", 3, 3, 200))
        wait_until(lambda: callplane.counters()["sessions"] == 0, 10, "its calls are over")
        callplane.processes["engine"].stop()
        self.assertEqual(callplane.processes["engine"].process.returncode, 0)
        wait_until(
            lambda: (callplane.counters()["engines_attached"], callplane.counters()["engines_away"]) == (0, 0), 5, "its name is forgotten"
        )

    def test_a_process_ends_with_a_thread_of_signaling(self):
        """A shard's thread needs one descriptor of its own when it begins; when that is the one too many, it dies. Which
        number that is nobody knows: all are tried. Those with more stay, and nobody waits for them."""
        processes = [self.start_with(descriptors) for descriptors in range(8, 48)]

        def died():
            return [process for process in processes if not process.alive() and DIED in process.text()]

        wait_until(died, 60, "some number of descriptors lets everything begin but the driver")
        for process in died():
            self.assertIn("the shard's driver ended", process.text())
        for process in processes:
            if not process.alive():
                self.assertEqual(process.process.returncode, 1, process.text())

    def start_with(self, descriptors):
        """Signaling with so many descriptors."""
        flags = {
            "signaling.listeners": f'[{{transport="udp",bind="127.0.0.1:{free_port()}"}}]',
            "signaling.grpc_listen": f'"127.0.0.1:{free_port()}"',
            "signaling.media_address": '"127.0.0.1:9"',
        }
        command = [binary(), "signaling", *(part for key, value in flags.items() for part in ("--set", f"{key}={value}"))]
        log = os.path.join(self.folder, f"signaling-{descriptors}.log")
        process = Process("sh", "-c", 'ulimit -n "$0" && exec "$@"', str(descriptors), *command, log=log)
        self.addCleanup(process.kill)
        return process


if __name__ == "__main__":
    unittest.main()
