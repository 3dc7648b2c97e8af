"""A network of the suite's own: a namespace with addresses as on the Internet, a resolver that the suite chooses. It runs
this program again inside, and ends everything in it whatever happens."""
import os
import shutil
import signal
import subprocess
import sys
import time

HERE = [*(f"198.51.100.{number}" for number in range(1, 9)), "198.51.100.53"]
PEERS = [f"203.0.113.{number}" for number in range(1, 255)]


def possible():
    """Why there can be none; empty when there can."""
    if os.environ.get("HOSTILE_LOOPBACK"):
        return "HOSTILE_LOOPBACK is set"
    if os.geteuid() != 0:
        return "not root"
    if not shutil.which("ip"):
        return "no ip command"
    name = f"callplane-probe-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        return f"ip netns add: {made.stderr.strip()}"
    subprocess.run(["ip", "netns", "del", name], check=False)
    return ""


class OwnNetwork:
    """The namespace, from `with` to its end."""

    def __init__(self):
        self.name = f"callplane-hostile-{os.getpid()}"
        self.folder = f"/etc/netns/{self.name}"

    def __enter__(self):
        try:
            self.make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def make(self):
        os.makedirs(self.folder)
        with open(f"{self.folder}/resolv.conf", "w", encoding="ascii") as out:
            out.write("nameserver 198.51.100.53\noptions timeout:5 attempts:2\n")
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        subprocess.run(["ip", "-n", self.name, "link", "set", "lo", "up"], check=True)
        lines = "".join(f"addr add {address}/32 dev lo\n" for address in HERE + PEERS)
        subprocess.run(["ip", "-n", self.name, "-batch", "-"], input=lines, text=True, check=True)

    def run(self, *arguments):
        """This program again, inside. Its exit status."""
        command = ["ip", "netns", "exec", self.name, sys.executable, "-B", *arguments]
        child = subprocess.Popen(command, start_new_session=True)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: child.send_signal(signal.SIGTERM))
        return child.wait()

    def __exit__(self, *_):
        for _ in range(20):
            listed = subprocess.run(["ip", "netns", "pids", self.name], capture_output=True, text=True, check=False)
            inside = [int(word) for word in listed.stdout.split()]
            if not inside:
                break
            for pid in inside:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.1)
        subprocess.run(["ip", "netns", "del", self.name], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)
