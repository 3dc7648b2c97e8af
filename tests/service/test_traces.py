"""One trace for each call, over both services and the engine, as a collector sees it."""
import json
import os
import unittest

from harness import ROOT, ServiceTest, free_port, wait_until

PYTHON = os.path.join(ROOT, "target", "test-venv", "bin", "python")


SERVER, CLIENT = 2, 3


class Traces(ServiceTest):
    def setUp(self):
        super().setUp()
        port, self.path = free_port(), os.path.join(self.folder, "spans.json")
        collector = self.process("collector", PYTHON, os.path.join(os.path.dirname(__file__), "otlp_collector.py"), str(port), self.path)
        wait_until(lambda: "collecting" in collector.text(), 20, "the collector listens")
        endpoint = f'"http://127.0.0.1:{port}"'
        self.server = self.callplane(apart=True, engine=False, telemetry__otlp_endpoint=endpoint)
        self.server.start_engine(**{"telemetry.otlp_endpoint": endpoint})

    def spans(self, name, count):
        """The spans of this name, once all processes have ended and sent what they had."""
        def there():
            with open(self.path, encoding="utf-8") as lines:
                found = [span for span in map(json.loads, lines) if span["name"] == name]
            return found if len(found) >= count else None

        found = wait_until(there, 15, f"{count} spans {name}")
        self.assertEqual(len(found), count, found)
        return found

    def end(self):
        wait_until(lambda: self.server.counters()["sessions"] == 0, 10, "no session is left")
        self.server.stop()  # what is left is sent at the end

    def test_all_of_a_bridged_call_is_one_trace_over_both_services_and_the_engine(self):
        self.process("callee", "sipp", "-sn", "uas", "-i", "127.0.0.1", "-p", str(self.server.trunk), "-nostdin")
        self.completes(self.sipp(self.server, "basic_call", "dial-bob", 1, 1, 300))
        self.end()
        legs, endpoints, [engine] = self.spans("session", 2), self.spans("media endpoint", 2), self.spans("call engine", 1)
        [a_leg] = [leg for leg in legs if not leg["parent"]]
        [b_leg] = [leg for leg in legs if leg["parent"]]
        self.assertEqual({span["trace"] for span in legs + endpoints + [engine]}, {a_leg["trace"]})
        self.assertEqual((engine["parent"], b_leg["parent"]), (a_leg["id"], engine["id"]))
        self.assertEqual((a_leg["kind"], b_leg["kind"]), (SERVER, CLIENT))
        self.assertEqual({endpoint["parent"] for endpoint in endpoints}, {a_leg["id"], b_leg["id"]})
        for leg in legs:
            [endpoint] = [endpoint for endpoint in endpoints if endpoint["parent"] == leg["id"]]
            for name in ("callplane.session.id", "sip.call_id"):
                self.assertEqual(leg["attributes"][name], endpoint["attributes"][name])
            self.assertFalse(leg["failed"], leg)
            self.assertIn("Connected", leg["events"])
        for span in legs + endpoints + [engine]:
            for name in ("service.version", "service.instance.id", "host.name"):
                self.assertTrue(span["resource"].get(name), span)
            odd = [name for name in span["attributes"] if name.startswith(("thread.", "code.", "busy", "idle"))]
            self.assertEqual(odd, [])

    def test_a_call_that_failed_is_marked_so_and_one_that_was_refused_is_not(self):
        for user in ("reject-503", "reject-486"):
            caller = self.sipp(self.server, "@uac", user, 1, 1)
            caller.process.wait(30)
        self.end()
        marks = {span["attributes"]["sip.status_code"]: span["failed"] for span in self.spans("session", 2)}
        self.assertEqual(marks, {503: True, 486: False})


if __name__ == "__main__":
    unittest.main(verbosity=2)
