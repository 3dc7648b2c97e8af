"""Runs the hostile cases one after another and prints a table.

    python -m hostile [--short] [--only WORD …] [--list] [--out FILE]

In a network namespace of its own where it is root and there is `ip`, else on loopback: then the cases about public
addresses are skipped, by name. CALLPLANE names the binary. Exit status 0 when no case failed.
"""
import argparse
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from hostile import own_network  # noqa: E402
from hostile.stage import CASES, Alarm, Skipped, Stage, limited  # noqa: E402
from hostile.table import Row, table  # noqa: E402
from peers.running import ROOT, binary, end_all  # noqa: E402

INSIDE = "HOSTILE_INSIDE"
# The short form runs in so many lanes side by side, each with addresses of its own: most of its time is waiting.
SHORT_LANES = 2


def chosen(how):
    from hostile import apis, deaths, floods, freezes, limits, loops, readers, reflection, storms, thefts  # noqa: F401

    words = [word.lower() for word in how.only]
    fits = lambda each: not words or any(word in f"{each.kind} {each.name}" for word in words)
    return [each for each in CASES if fits(each) and (each.short or not how.short)]


def run(each, folder, public, lane):
    """One case to its row."""
    begin = time.monotonic()
    stage = Stage(os.path.join(folder, each.name), public, lane)
    verdict = "pass"
    try:
        if each.public and not public:
            raise Skipped("needs a network namespace")
        limited(each.limit, lambda: each.run(stage))
    except Skipped as reason:
        verdict = f"skipped: {reason}"
    except (AssertionError, Alarm) as error:
        stage.failures.append(str(error))
    except Exception:
        stage.failures.append(traceback.format_exc(limit=-3).strip().replace("\n", " / "))
    finally:
        stage.end()
    if stage.failures:
        verdict = "FAIL: " + "; ".join(stage.failures)
    seconds = time.monotonic() - begin
    print(f"{each.kind:11}{each.name} … {verdict} ({seconds:.1f} s)", flush=True)
    return Row(each.kind, each.name, each.title, verdict, seconds, stage.attack, stage.beside, stage.words)


def lanes(folder):
    """Runs this program again, once for each lane; all rows, and whether every lane came to its end."""
    paths = [os.path.join(folder, f"lane{lane}.json") for lane in range(SHORT_LANES)]
    command = [sys.executable, "-B", os.path.abspath(__file__), *sys.argv[1:]]
    started = [subprocess.Popen([*command, "--lane", str(lane), "--rows", path]) for lane, path in enumerate(paths)]
    try:
        for process in started:
            process.wait()
    except KeyboardInterrupt:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(30)
    rows = []
    for path in paths:
        if os.path.exists(path):
            with open(path, encoding="utf-8") as text:
                rows += [Row(**each) for each in json.load(text)]
    return rows, all(process.returncode in (0, 1) for process in started) and all(os.path.exists(path) for path in paths)


def in_turn(cases, folder, public, lane):
    """Runs cases one after another; their rows, and whether it came to its end."""
    rows = []
    try:
        for each in cases:
            rows.append(run(each, folder, public, lane))
    except KeyboardInterrupt:
        print("interrupted")
        return rows, False
    finally:
        end_all()
    return rows, True


def main():
    parser = argparse.ArgumentParser(prog="hostile", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="the cases of `make test`, under 90 s")
    parser.add_argument("--only", action="append", default=[], help="cases whose kind or name has this in it")
    parser.add_argument("--list", action="store_true", help="tell the cases and do nothing")
    parser.add_argument("--lane", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--rows", help=argparse.SUPPRESS)
    parser.add_argument("--out", default=os.path.join(ROOT, "target", "hostile.md"))
    how = parser.parse_args()
    if how.list:
        for each in chosen(how):
            print(f"{each.kind:11}{each.name}{'  (short)' if each.short else ''}")
        return 0
    public = os.environ.get(INSIDE) == "1"
    if not public and not (why := own_network.possible()):
        os.environ[INSIDE] = "1"
        with own_network.OwnNetwork() as network:
            return network.run(os.path.abspath(__file__), *sys.argv[1:])
    if not public:
        print(f"on loopback: {why}")

    def interrupted(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupted)
    folder, cases = tempfile.mkdtemp(prefix="callplane-hostile-"), chosen(how)
    if how.lane is not None:
        rows, whole = in_turn(cases[how.lane :: SHORT_LANES], folder, public, how.lane)
        with open(how.rows, "w", encoding="utf-8") as out:
            json.dump([dataclasses.asdict(row) for row in rows], out)
        return 0 if whole else 2
    print(f"{binary()}, {len(cases)} cases, logs in {folder}")
    rows, whole = lanes(folder) if how.short else in_turn(cases, folder, public, 0)
    return conclude(rows, whole, folder, how.out)


def conclude(rows, whole, folder, path):
    """Prints the table; the exit status."""
    text = table(rows)
    print("\n" + text)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    failed = [row for row in rows if row.verdict.startswith("FAIL")]
    skipped = [row for row in rows if row.verdict.startswith("skipped")]
    print(f"{len(rows) - len(failed) - len(skipped)} passed, {len(failed)} failed, {len(skipped)} skipped; table in {path}")
    for row in failed + skipped:
        print(f"  {row.kind} {row.name}: {row.verdict}")
    if not failed and whole:
        shutil.rmtree(folder, ignore_errors=True)
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
