"""The Python engine of examples/python: generated client, answers, plays a tone, bridges two callers, hangs up."""
import json
import os
import re
import subprocess
import sys
import time
import unittest

from harness import ROOT, SCENARIOS, ServiceTest, free_port, wait_until

EXAMPLE = os.path.join(ROOT, "examples", "python")
PYTHON = os.path.join(ROOT, "target", "test-venv", "bin", "python")


class Example(ServiceTest):
    settings = {}

    def setUp(self):
        super().setUp()
        self.python = PYTHON if os.path.exists(PYTHON) else sys.executable
        subprocess.run([os.path.join(EXAMPLE, "generate.sh")], check=True, env={**os.environ, "PYTHON": self.python})
        self.server = self.callplane(engine=False, **self.settings)

    def party(self, hertz, seconds, scenario="party_caller"):
        report = os.path.join(self.folder, f"{hertz}.json")
        keys = {
            "tone_port": free_port(), "tone_hz": hertz, "tone_seconds": seconds, "tone_report": report,
            "tone_party": os.path.join(SCENARIOS, "lib", "tone_party.py"),
        }
        extra = [part for key, value in keys.items() for part in ("-key", key, str(value))]
        return self.sipp(self.server, scenario, "python", 1, 1, int(seconds * 1000), 30, extra), report

    def heard(self, report):
        wait_until(lambda: os.path.exists(report) and os.path.getsize(report), 15, report)
        with open(report, encoding="utf-8") as text:
            return json.load(text)["heard_db"]


class PythonEngine(Example):
    def setUp(self):
        super().setUp()
        self.engine = self.process(
            "python", self.python, os.path.join(EXAMPLE, "engine.py"), "--api", f"127.0.0.1:{self.server.api}", "--talk", "4"
        )
        wait_until(lambda: "attached" in self.engine.text(), 15, "the engine is attached")

    def test_a_lone_caller_hears_the_tone(self):
        caller, report = self.party(880, 3)
        self.assertGreater(self.heard(report)["440"], -30)
        self.completes(caller)

    def test_two_callers_are_bridged_and_hung_up(self):
        # Callplane hangs up: the callers wait for its BYE.
        first, first_report = self.party(880, 5, "party_waiter")
        wait_until(lambda: "connected" in self.engine.text(), 10, "the first caller is connected")
        second, second_report = self.party(1320, 3, "party_waiter")
        first_heard, second_heard = self.heard(first_report), self.heard(second_report)
        self.assertGreater(first_heard["1320"], -40, first_heard)
        self.assertGreater(second_heard["880"], -40, second_heard)
        self.assertLess(second_heard["1320"], -55, second_heard)
        self.completes(first)
        self.completes(second)
        wait_until(lambda: self.server.counters()["sessions"] == 0, 10, "no session is left")


class RestartedPythonEngine(Example):
    def start(self, name):
        engine = self.process(
            name, self.python, os.path.join(EXAMPLE, "engine.py"), "--api", f"127.0.0.1:{self.server.api}", "--talk", "60"
        )
        wait_until(lambda: "attached" in engine.text(), 15, "the engine is attached")
        return engine

    def test_an_engine_that_was_killed_and_started_again_knows_its_pairs(self):
        engine = self.start("first")
        waiter, _ = self.party(880, 14, "party_waiter")
        wait_until(lambda: "connected" in engine.text(), 10, "the first caller is connected")
        caller, _ = self.party(1320, 8)
        wait_until(lambda: self.server.counters()["bridges"] == 1, 10, "the two are bridged")
        engine.kill()
        self.start("second")
        # The caller hangs up, and the waiter has to hear of it by somebody who did not bring them together.
        self.completes(caller)
        self.completes(waiter)
        wait_until(lambda: self.server.counters()["sessions"] == 0, 10, "no session is left")

    def test_an_engine_attaches_again_when_the_service_comes_back(self):
        engine = self.start("engine")
        self.server.processes["signaling"].kill()
        wait_until(lambda: "not attached" in engine.text(), 15, "the engine notices")
        settings = {**self.server.settings, "admin.listen": f'"127.0.0.1:{self.server.admin}"'}
        self.server.start("signaling", "serve", **settings)
        wait_until(self.server.ready, 20, "callplane is ready")
        wait_until(lambda: self.server.counters()["engines_attached"] == 1, 20, "the engine is attached again")


class ReadmeEngine(Example):
    settings = {"signaling__engines__heartbeat_ms": "2000"}

    def test_the_engine_of_the_readme_answers_plays_and_hangs_up(self):
        with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as text:
            [program] = re.findall(r"```python\n(.*?)```", text.read(), re.S)
        self.assertIn('"127.0.0.1:7070"', program)
        path = os.path.join(self.folder, "readme.py")
        with open(path, "w", encoding="utf-8") as out:
            out.write(f"import os\nos.chdir({EXAMPLE!r})\n" + program.replace("127.0.0.1:7070", f"127.0.0.1:{self.server.api}"))
        engine = self.process("readme", self.python, path)
        wait_until(lambda: self.server.counters()["engines_attached"] == 1, 15, "the engine is attached")
        # Longer without a call than three heartbeats: nobody takes it for dead.
        time.sleep(8)
        self.assertNotIn("away", engine.text())
        caller, report = self.party(880, 3, "party_waiter")
        self.completes(caller)
        self.assertGreater(self.heard(report)["440"], -30)


if __name__ == "__main__":
    unittest.main(verbosity=2)
