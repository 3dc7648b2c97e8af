#!/usr/bin/env python3
"""Measures Callplane beside references, on loopback, in one run, and prints a table.

    bench/run.py [--quick] [--calls-only] [--binary target/release/callplane] [--json FILE]

For calls, each of which stands for 300 ms: the server's CPU (user + system of its process) over completed calls at 500
calls a second and at the highest rate carried without failure, the server on one core and everything else on the other; set-up time from INVITE to 200 with
the engine's decision in between; bytes for each held call. References in the same run: SIPp's built-in UAS at the same
rates. For media: see `cargo bench --bench media_relay`, which this runs last.

Needs sipp (Debian: sip-tester), taskset, and two cores. Every load is bounded and stops by itself.
"""
import argparse
import csv
import glob
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from probe import Probe

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SCENARIOS = os.path.join(ROOT, "sipp_scenarios")
TICKS = os.sysconf("SC_CLK_TCK")
# Apart from the RTP range, where any port may be taken.
SIP, API, TRUNK, REFERENCE = 15060, 17070, 15080, 15090
SERVER_CORE, LOAD_CORE = "0", "1"
# Calls a second at which CPU and set-up time are taken.
RATE = 500
# How long a call stands: one that is hung up at once is gone before it is bridged.
HOLD_MS = 300
# Answered after a 180, as the reference does.
ANSWERED = "answer-180"


class Server:
    """A process pinned to a core, whose CPU and memory are read from /proc."""

    def __init__(self, core, *command, log=None):
        out = open(log, "wb") if log else subprocess.DEVNULL
        self.process = subprocess.Popen(["taskset", "-c", core, *command], stdout=out, stderr=out, stdin=subprocess.DEVNULL)

    def cpu(self):
        with open(f"/proc/{self.process.pid}/schedstat", encoding="ascii") as text:
            whole = int(text.read().split()[0])
        # schedstat of the leader counts its own thread alone: add the others.
        total = 0
        for path in glob.glob(f"/proc/{self.process.pid}/task/*/schedstat"):
            try:
                with open(path, encoding="ascii") as text:
                    total += int(text.read().split()[0])
            except OSError:
                pass
        return max(whole, total) / 1e9

    def rss(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as text:
            return int(re.search(r"VmRSS:\s+(\d+) kB", text.read()).group(1)) * 1024

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def sipp(scenario, target, user, calls, rate, hold_ms=0, extra=(), core=LOAD_CORE):
    """Runs calls to their end; returns (completed, failed, retransmissions)."""
    folder = tempfile.mkdtemp(prefix="callplane-bench-")
    which = ["-sn", scenario[1:]] if scenario.startswith("@") else ["-sf", os.path.join(SCENARIOS, scenario + ".xml")]
    seconds = calls / rate + hold_ms / 1000 + 45
    command = [
        "taskset", "-c", core, "sipp", *which, "-s", user, "-i", "127.0.0.1", "-m", str(calls), "-r", str(rate), "-d", str(hold_ms),
        "-l", str(max(3000, int(rate * (hold_ms / 1000 + 4)))), "-nostdin", "-trace_stat", "-stf", os.path.join(folder, "stat.csv"),
        "-fd", "1", "-timeout", f"{int(seconds)}s", "-buff_size", "4194304", *extra, target,
    ]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, cwd=folder)
    with open(os.path.join(folder, "stat.csv"), encoding="latin-1") as text:
        last = list(csv.DictReader(text, delimiter=";"))[-1]
    return int(last["SuccessfulCall(C)"]), int(last["FailedCall(C)"]), int(last["Retransmissions(C)"])


def percentile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part))] if values else float("nan")


def start(binary, folder, **settings):
    defaults = {
        "signaling.listeners": f'[{{transport="udp",bind="127.0.0.1:{SIP}"}}]',
        "signaling.grpc_listen": f'"127.0.0.1:{API}"',
        "media.bind_ipv4": '"127.0.0.1"',
        "media.rtp_port_min": "20000",
        "media.rtp_port_max": "59999",
        # What is measured is what a call costs, not how many ports there are: by default they would run out at 4000 calls
        # a second, as each rests for five, and two batches of held calls are more than the default of endpoints.
        "media.port_rest_ms": "1000",
        "media.endpoints_max": "20000",
        "telemetry.log": '"warn"',
    }
    defaults.update(settings)
    flags = [part for key, value in defaults.items() for part in ("--set", f"{key}={value}")]
    server = Server(SERVER_CORE, binary, "serve", *flags, log=os.path.join(folder, "server.log"))
    engine = Server(
        LOAD_CORE, binary, "engine", "--set", f'engine.api="http://127.0.0.1:{API}"', "--set",
        f'engine.trunk="127.0.0.1:{TRUNK}"', "--set", 'telemetry.log="warn"', log=os.path.join(folder, "engine.log"),
    )
    for _ in range(100):
        done, _, _ = sipp("basic_call", f"127.0.0.1:{SIP}", "answer", 1, 1, extra=("-timeout_error",))
        if done == 1:
            return server, engine
        if server.process.poll() is not None:
            break
        time.sleep(0.1)
    print(open(os.path.join(folder, "server.log"), encoding="utf-8").read()[-2000:], file=sys.stderr)
    sys.exit("callplane did not start")


def measured(server, run):
    before = server.cpu()
    done, failed, retransmitted = run()
    return done, failed, retransmitted, (server.cpu() - before) * 1e6 / max(done, 1)


def highest(server, run, rates):
    """The highest of the rates at which every call completed and nothing was sent again, and its CPU."""
    best = (0, float("nan"))
    for rate in rates:
        done, failed, retransmitted, cpu = measured(server, lambda rate=rate: run(rate))
        if failed or not done or retransmitted > done // 100:
            break
        best = (rate, cpu)
        time.sleep(1)
    return best


def uas(port):
    return Server(SERVER_CORE, "sipp", "-sn", "uas", "-i", "127.0.0.1", "-p", str(port), "-nostdin", "-buff_size", "4194304")


def calls_to(port, user, seconds):
    """A load on whoever listens there: the same caller for the reference and for Callplane."""
    return lambda rate: sipp("basic_call", f"127.0.0.1:{port}", user, int(rate * seconds), rate, HOLD_MS)


def in_turns(server, engine, reference, options, figures):
    """CPU per call at one rate, the reference and both kinds of call in turns: other load on the machine and its clock
    concern all of them. The ratio is the median of each turn's own."""
    loads = {
        "uas": (reference, calls_to(REFERENCE, "service", options.seconds)),
        "answered": (server, calls_to(SIP, ANSWERED, options.seconds)),
        "bridged": (server, calls_to(SIP, "dial-bob", options.seconds)),
    }
    turns = {name: [] for name in loads}
    failures = dict.fromkeys(loads, 0)
    engine_us = []
    for _, load in loads.values():
        load(RATE / 2)  # warm
    for _ in range(options.turns):
        for name, (process, load) in loads.items():
            engine_before = engine.cpu()
            done, failed, _, cpu = measured(process, lambda load=load: load(RATE))
            turns[name].append(cpu)
            failures[name] += failed
            if name == "answered":
                engine_us.append((engine.cpu() - engine_before) * 1e6 / max(done, 1))
            time.sleep(1)
    for name, values in turns.items():
        ratios = [value / base for value, base in zip(values, turns["uas"])]
        figures[f"{name}_us"], figures[f"{name}_times"] = statistics.median(values), statistics.median(ratios)
        figures[f"{name}_us_turns"], figures[f"{name}_failed"] = values, failures[name]
    figures["answered_engine_us"] = statistics.median(engine_us)


def set_up(options, figures):
    """Set-up times in a run of their own, so that the probe's calls do not count as the load's."""
    probe = Probe("127.0.0.1", SIP, "answer", core=int(LOAD_CORE))
    probe.start()
    calls_to(SIP, ANSWERED, options.seconds * 2)(RATE)
    probe.stop()
    figures["setup_p50_ms"], figures["setup_p99_ms"] = percentile(probe.times, 0.5), percentile(probe.times, 0.99)
    figures["setup_calls"], figures["setup_failed"] = len(probe.times), probe.failed


def highest_rates(server, reference, options, figures):
    rates = [1000, 1500, 2000, 2500, 3000, 4000, 5000, 6000]
    for name, process, port, user, most in (
        ("uas", reference, REFERENCE, "service", 6000),
        ("answered", server, SIP, ANSWERED, 6000),
        ("bridged", server, SIP, "dial-bob", 2500),
    ):
        found = (0, float("nan"))
        if not options.quick:
            load = calls_to(port, user, 10)
            found = highest(process, load, [rate for rate in rates if rate <= most])
        figures[f"{name}_highest_cps"], figures[f"{name}_highest_us"] = found


def held_calls(options, figures):
    """Bytes for each held call, on a server of its own."""
    folder = tempfile.mkdtemp(prefix="callplane-bench-")
    server, engine = start(options.binary, folder)
    held = 1000 if options.quick else 5000
    loads, rss = [], []
    try:
        # A first batch fills pools and caches; the slope over the second is what a call costs.
        for _ in range(2):
            loads.append(subprocess.Popen(
                ["taskset", "-c", LOAD_CORE, "sipp", "-sf", os.path.join(SCENARIOS, "basic_call.xml"), "-s", "answer", "-i", "127.0.0.1",
                 "-m", str(held), "-r", "500", "-d", "90000", "-l", str(held), "-nostdin", "-timeout", "120s", f"127.0.0.1:{SIP}"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            time.sleep(held / 500 + 4)
            if loads[-1].poll() is not None:
                sys.exit("held calls: refused or lost")
            rss.append(server.rss())
        figures["held_bytes"] = (rss[1] - rss[0]) / held
    finally:
        for load in loads:
            load.terminate()
            load.wait()
        engine.stop()
        server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="shorter runs, no search for the highest rate")
    parser.add_argument("--calls-only", action="store_true", help="leave out held calls and media")
    parser.add_argument("--binary", default=os.path.join(ROOT, "target/release/callplane"))
    parser.add_argument("--json", help="write the figures here too")
    options = parser.parse_args()
    options.seconds, options.turns = (4, 3) if options.quick else (10, 5)
    figures = {}

    server, engine = start(options.binary, tempfile.mkdtemp(prefix="callplane-bench-"))
    reference = uas(REFERENCE)
    callee = Server(LOAD_CORE, "sipp", "-sn", "uas", "-i", "127.0.0.1", "-p", str(TRUNK), "-nostdin", "-buff_size", "4194304")
    try:
        time.sleep(0.5)
        in_turns(server, engine, reference, options, figures)
        set_up(options, figures)
        highest_rates(server, reference, options, figures)
    finally:
        for process in (callee, reference, engine, server):
            process.stop()
    if not options.calls_only:
        held_calls(options, figures)
    report(figures)
    if not options.calls_only:
        media = subprocess.run(
            ["cargo", "bench", "--quiet", "--bench", "media_relay"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
        )
        print(media.stdout)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as out:
            json.dump(figures, out, indent=2)
    return 0


def report(figures):
    machine = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8") if line.startswith("model name")), "?")
    print(f"\n{machine}; {RATE} calls a second; server on one core; medians of {len(figures['uas_us_turns'])} turns\n")
    print(f"{'':34}{'us CPU/call':>12}{'x UAS':>8}{'failed':>8}{'highest cps':>13}{'us there':>10}   each turn")
    for key, name in (("uas", "SIPp -sn uas (reference)"), ("answered", "answered by the engine, media open"), ("bridged", "bridged, media anchored")):
        print(
            f"{name:34}{figures[key + '_us']:12.1f}{figures[key + '_times']:8.2f}{figures[key + '_failed']:8d}"
            f"{figures[key + '_highest_cps']:13d}{figures[key + '_highest_us']:10.1f}   "
            + " ".join(f"{value:.0f}" for value in figures[key + "_us_turns"])
        )
    print(f"{'(the engine itself)':34}{figures['answered_engine_us']:12.1f}")
    print(f"\nset-up, INVITE to 200: p50 {figures['setup_p50_ms']:.2f} ms, p99 {figures['setup_p99_ms']:.2f} ms "
          f"({figures['setup_calls']} calls under load, {figures['setup_failed']} failed)")
    if "held_bytes" in figures:
        print(f"a held call: {figures['held_bytes'] / 1024:.1f} KiB of resident memory\n")


if __name__ == "__main__":
    sys.exit(main())
