"""One span tree for each call, over both services, as a collector sees it."""
import json
import os
import unittest

from harness import ROOT, ServiceTest, free_port, wait_until

PYTHON = os.path.join(ROOT, "target", "test-venv", "bin", "python")


class Traces(ServiceTest):
    def spans(self, path):
        with open(path, encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]

    def test_signaling_and_media_hang_their_spans_in_one_tree(self):
        port, path = free_port(), os.path.join(self.folder, "spans.json")
        collector = self.process("collector", PYTHON, os.path.join(os.path.dirname(__file__), "otlp_collector.py"), str(port), path)
        wait_until(lambda: "collecting" in collector.text(), 20, "the collector listens")
        callplane = self.callplane(apart=True, telemetry__otlp_endpoint=f'"http://127.0.0.1:{port}"')
        self.completes(self.sipp(callplane, "basic_call", "answer", 2, 2, 300))
        wait_until(lambda: callplane.counters()["sessions"] == 0, 10, "no session is left")
        callplane.stop()  # what is left is sent at the end
        services = ("callplane-signaling", "callplane-media")
        wait_until(lambda: {span["service"] for span in self.spans(path)} >= set(services), 15, "spans of both services")
        sessions = [span for span in self.spans(path) if span["service"] == services[0] and not span["parent"]]
        endpoints = [span for span in self.spans(path) if span["service"] == services[1]]
        self.assertEqual((len(sessions), len(endpoints)), (2, 2), self.spans(path))
        for session in sessions:
            [endpoint] = [span for span in endpoints if span["trace"] == session["trace"]]
            self.assertEqual(endpoint["parent"], session["id"])
            self.assertIn("Connected", session["events"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
