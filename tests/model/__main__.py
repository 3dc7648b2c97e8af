"""Runs random engines and random peers against a Callplane, seed by seed, and checks every promise of docs/engine-api.md.

    python -m model [--short] [--seeds N] [--seconds S]       SEED=n runs that one

Exit status 0 when nothing was wrong. What is wrong is told with its seed, which runs again with `SEED=n make test-model`.
"""
import argparse
import asyncio
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from model.calls import answer_call, call  # noqa: E402
from model.engine import Engine  # noqa: E402
from model.model import Model  # noqa: E402
from model.peer import Peer  # noqa: E402
from peers import api  # noqa: E402
from peers.running import Server, binary, end_all, patient, settled  # noqa: E402

SHORT_SEEDS = [1, 2, 3]
# Callplane's times, so that what has to end ends within a seed; its peers' T1 is the same.
TIMES = {name: round(patient(milliseconds)) for name, milliseconds in {
    "signaling__sip__t1_ms": 60, "signaling__sip__t2_ms": 480, "signaling__sip__t4_ms": 600, "signaling__sip__timer_d_ms": 3840,
    "signaling__calls__decision_timeout_ms": 3000, "signaling__engines__grace_ms": 8000,
}.items()}


class World:
    """One seed's run."""

    def __init__(self, seed, folder, seconds):
        self.draw, self.seconds = random.Random(seed), seconds
        self.shards, self.workers = self.draw.choice([1, 2, 3]), self.draw.choice([1, 2])
        self.loss, self.disorder = self.draw.choice([0, 0.02, 0.08]), self.draw.choice([0, 0.05, 0.2])
        self.engines_count, self.peers_count = self.draw.choice([2, 3]), 3
        self.model, self.bridges = Model(), {}
        self.server = Server(
            folder, engine=False, signaling__shards=self.shards, media__workers=self.workers, media__port_rest_ms=500,
            signaling__calls__end_on_rtp_silence="false", **TIMES,
        )

    def told(self):
        link = f"{100 * self.loss:.0f} % lost, {100 * self.disorder:.0f} % late"
        return f"{self.shards} shards, {self.workers} workers, {self.engines_count} engines, {link}"

    async def run(self):
        model, loop = self.model, asyncio.get_running_loop()
        seeds = [self.draw.getrandbits(32) for _ in range(self.peers_count + self.engines_count + 1)]
        self.peers = [
            await Peer(f"peer{number}", self.server.address, random.Random(seeds.pop()), self.loss, self.disorder, model.fault).open()
            for number in range(self.peers_count)
        ]
        for peer in self.peers:
            peer.callee, peer.refused = answer_call, model.refused_by_peer
        address = f"{self.server.ip}:{self.server.api}"
        self.engines = [
            Engine(f"e{number}", address, model, random.Random(seeds.pop()), self.bridges, self.peers) for number in range(self.engines_count)
        ]
        try:
            for engine in self.engines:
                await engine.attach()
            until = loop.time() + self.seconds
            work = [asyncio.ensure_future(engine.work(until)) for engine in self.engines]
            work += [asyncio.ensure_future(self.calls(peer, until)) for peer in self.peers]
            work.append(asyncio.ensure_future(self.breaks(until)))
            await asyncio.gather(*work)
            await self.compare()
            await self.wind_down()
        finally:
            for engine in self.engines:
                await engine.close()
            for peer in self.peers:
                peer.close()
        left = await asyncio.to_thread(settled, self.server, 15)
        if left:
            model.fault(f"left in the end: {left}")
        if not self.server.processes["signaling"].alive():
            model.fault("the process has ended")
        model.finished()

    async def calls(self, peer, until):
        """A peer calls at random moments."""
        loop = asyncio.get_running_loop()
        while loop.time() < until:
            await asyncio.sleep(peer.draw.expovariate(4))
            peer.link.later(call(peer, "user", peer.draw.random() < 0.25, peer.draw.uniform(0.5, 4)))

    async def breaks(self, until):
        """Now and then an engine loses its stream and comes back."""
        loop = asyncio.get_running_loop()
        while loop.time() < until - 2:
            await asyncio.sleep(self.draw.uniform(1.5, 4))
            if self.draw.random() < 0.5 and loop.time() < until - 2:
                engine = self.draw.choice(self.engines)
                if self.draw.random() < 0.3:
                    await engine.replace()
                else:
                    await engine.leave()
                    await asyncio.sleep(self.draw.uniform(0.05, 0.8))
                    await engine.attach()
                self.model.count("streams broken")

    async def quiet(self, seconds):
        """Waits until no command is without a result and no event has come for a moment."""
        end = asyncio.get_running_loop().time() + patient(seconds)
        seen = None
        while asyncio.get_running_loop().time() < end:
            await asyncio.sleep(patient(0.4))
            now = [engine.seen for engine in self.engines]
            waiting = any(not command.answered and not command.lost for command in self.model.commands.values())
            if now == seen and not waiting:
                return
            seen = now

    async def compare(self):
        """What the API shows is what the events told: sessions, their states and bridges, the bridges' members."""
        for peer in self.peers:
            peer.still = True
        # Events are on their way while the API is asked, and a call that nobody decides about changes hands: what differs twice,
        # with nothing new heard of it, is a fault.
        differing, lasting = {}, {}
        for _ in range(4):
            await self.quiet(4)
            again = await self.differences()
            lasting = {key: text for key, text in again.items() if differing.get(key) == text}
            if not again or lasting:
                break
            differing = again
        for text in lasting.values():
            self.model.fault(text)

    async def differences(self):
        """Where the API shows something else than the events told, by what it is about."""
        model, engine, found = self.model, self.engines[0], {}
        as_told = lambda known: (known.revision, known.engine, known.moving, known.ended, known.bridge)
        before = {known.id: as_told(known) for known in model.sessions.values()}
        shown = {}
        for known in list(model.sessions.values()):
            shown[known.id] = await engine.get("session", "GetSession", api.session.GetSessionRequest(session_id=known.id))
        members = {}
        for bridge in list(self.bridges):
            answer = await engine.get("bridge", "GetBridge", api.bridge.GetBridgeRequest(bridge_id=bridge))
            if not isinstance(answer, str):
                members[bridge] = set(answer.session_ids)
        await asyncio.sleep(patient(0.3))
        still = lambda known: known and not known.moving and as_told(known) == before.get(known.id)
        for known in list(model.sessions.values()):
            session = shown.get(known.id)
            if session is None or not still(known):
                continue
            if isinstance(session, str):
                if known.ended is None:
                    found[known.id] = f"{known.id} has no SessionEnded and GetSession says {session}"
                continue
            told = (known.bridge, known.engine)
            if known.ended is not None:
                found[known.id] = f"{known.id} has ended and is still shown"
            elif session.revision != known.revision:
                found[known.id] = f"{known.id}: its events tell revision {known.revision}, GetSession shows {session.revision}"
            elif told != (session.bridge_id, session.engine_id):
                found[known.id] = f"{known.id}: its events tell {told}, GetSession shows {(session.bridge_id, session.engine_id)}"
            model.count("sessions compared")
        for bridge, sessions in members.items():
            told = {known.id for known in model.sessions.values() if known.bridge == bridge and known.ended is None}
            if all(still(model.sessions.get(each)) for each in sessions | told) and sessions != told:
                found[bridge] = f"bridge {bridge}: its members' events tell {sorted(told)}, GetBridge shows {sorted(sessions)}"
            model.count("bridges compared")
        return found

    async def wind_down(self):
        """Every call is hung up; every bridge ends."""
        model = self.model
        for peer in self.peers:
            peer.still, peer.quiet = False, True
        for engine in self.engines:
            for known in engine.commands.live():
                engine.later(engine.give(*engine.commands.make("terminate_session", known.id)))
        end = asyncio.get_running_loop().time() + patient(12)
        while asyncio.get_running_loop().time() < end and any(known.ended is None for known in model.sessions.values()):
            await asyncio.sleep(0.2)
        for bridge, maker in list(self.bridges.items()):
            engine = next(each for each in self.engines if each.name == maker)
            await engine.get("bridge", "DestroyBridge", api.bridge.DestroyBridgeRequest(bridge_id=bridge, context={"engine_id": maker}))
        await self.quiet(4)
        busy = lambda: any(not task.done() for peer in self.peers for task in peer.link.tasks)
        end = asyncio.get_running_loop().time() + patient(6)
        while asyncio.get_running_loop().time() < end and busy():
            await asyncio.sleep(0.2)

    def stop(self):
        self.server.stop()


def one(seed, folder, seconds):
    """One seed; its faults."""
    begin = time.monotonic()
    world = World(seed, folder, seconds)
    try:
        asyncio.run(asyncio.wait_for(world.run(), seconds + patient(70)))
    except asyncio.TimeoutError:
        world.model.fault("the run does not end")
    except Exception:
        world.model.fault("the tester: " + traceback.format_exc(limit=-3).strip().replace("\n", " / "))
    finally:
        world.stop()
    counts = world.model.counts
    events = sum(count for name, count in counts.items() if name.startswith("event "))
    print(
        f"seed {seed}: {world.told()}: {len(world.model.sessions)} sessions, {counts.get('commands', 0)} commands, {counts.get('accepted', 0)} "
        f"accepted, {events} events, {len(world.model.faults)} faults ({time.monotonic() - begin:.0f} s)", flush=True,
    )
    if os.environ.get("MODEL_COUNTS"):
        for peer in world.peers:
            print("  ", peer.name, dict(sorted(peer.counts.items())))
        print("  ", dict(sorted(counts.items())))
    for fault in world.model.faults:
        print(f"  {fault}")
    return world.model.faults


def main():
    parser = argparse.ArgumentParser(prog="model", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="the seeds of `make test`")
    parser.add_argument("--seeds", type=int, default=0, help="how many random seeds; without it as many as ten minutes take")
    parser.add_argument("--seconds", type=float, default=0, help="how long each seed's commands come; 6, or 4 with --short")
    how = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    end = time.monotonic() + 600
    if os.environ.get("SEED"):
        seeds = [int(word) for word in os.environ["SEED"].split()]
    elif how.short:
        seeds = SHORT_SEEDS
    else:
        seeds = (random.getrandbits(32) for _ in range(how.seeds or 10_000))
    seconds = how.seconds or (4 if how.short else 6)
    print(binary())
    failed = []
    count = 0
    try:
        for seed in seeds:
            folder = tempfile.mkdtemp(prefix=f"callplane-model-{seed}-")
            count += 1
            if one(seed, folder, seconds):
                failed.append(seed)
                print(f"  logs in {folder}; again: SEED={seed} make test-model")
            else:
                shutil.rmtree(folder, ignore_errors=True)
            if not how.seeds and not how.short and time.monotonic() > end:
                break
    finally:
        end_all()
    print(f"{count} seeds, {len(failed)} with faults" + (f": {' '.join(str(seed) for seed in failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
