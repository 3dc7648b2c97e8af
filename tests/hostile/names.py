"""A resolver that answers some names and never answers others."""
import socket
import struct
import threading


class Resolver:
    """DNS over UDP at port 53. `known` maps names to IPv4 addresses; `*.slow.test` is never answered, the rest does not exist."""

    def __init__(self, ip, known):
        self.known, self.asked, self.slow, self.closed = known, 0, 0, False
        self.line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self.line.bind((ip, 53))
        except OSError:
            self.line.close()
            raise
        self.line.settimeout(0.5)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.closed:
            try:
                data, source = self.line.recvfrom(2048)
            except (TimeoutError, OSError):
                continue
            try:
                answer = self.answer(data)
            except (IndexError, struct.error):  # no question
                continue
            if answer:
                self.line.sendto(answer, source)

    def answer(self, data):
        words, at = [], 12
        while data[at]:
            words.append(data[at + 1 : at + 1 + data[at]].decode("ascii", "replace").lower())
            at += 1 + data[at]
        question = data[12 : at + 5]
        kind = struct.unpack("!H", data[at + 1 : at + 3])[0]
        name = ".".join(words)
        self.asked += 1
        if name.endswith(".slow.test"):
            self.slow += 1
            return None
        address = self.known.get(name)
        found = address is not None and kind == 1
        head = data[:2] + struct.pack("!HHHHH", 0x8180 if address else 0x8183, 1, 1 if found else 0, 0, 0)
        record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + socket.inet_aton(address) if found else b""
        return head + question + record

    def close(self):
        self.closed = True
        self.thread.join(2)  # who waits in it holds its port
        self.line.close()
