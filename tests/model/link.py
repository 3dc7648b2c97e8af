"""Sockets of a peer: UDP that loses and reorders by a seed, and TCP. Received messages go to one function."""
import asyncio
import socket

from peers import sip


class Link(asyncio.DatagramProtocol):
    """One peer's SIP: a UDP port and a TCP listener of the same number."""

    def __init__(self, ip, draw, loss, disorder, received, fault):
        self.ip, self.draw, self.loss, self.disorder, self.received, self.fault = ip, draw, loss, disorder, received, fault
        self.port, self.udp, self.tcp, self.tasks, self.readers, self.lost = 0, None, None, set(), set(), 0

    async def open(self):
        loop = asyncio.get_running_loop()
        for _ in range(50):
            self.tcp = await asyncio.start_server(self.accepted, self.ip, 0)
            self.port = self.tcp.sockets[0].getsockname()[1]
            line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            try:
                line.bind((self.ip, self.port))
                break
            except OSError:
                line.close()
                self.tcp.close()
        self.udp, _ = await loop.create_datagram_endpoint(lambda: self, sock=line)
        return self

    def later(self, coroutine):
        """Keeps a task until it is done."""
        task = asyncio.ensure_future(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.done)
        return task

    def done(self, task):
        """A fault of the tester itself must not pass for silence."""
        self.tasks.discard(task)
        if not task.cancelled() and task.exception():
            self.fault(f"the tester: {task.exception()!r}")

    def passed(self, act):
        """Lets a datagram through now, later, or not at all."""
        what = self.draw.random()
        if what < self.loss:
            self.lost += 1
        elif what < self.loss + self.disorder:
            asyncio.get_running_loop().call_later(self.draw.uniform(0.002, 0.03), act)
        else:
            act()

    def datagram_received(self, data, addr):
        self.passed(lambda: self.take(data, lambda answer: self.send(answer, addr), False))

    def error_received(self, exc):
        pass

    def send(self, data, addr):
        """Sends by UDP, as the link lets it."""
        self.passed(lambda: None if self.udp.is_closing() else self.udp.sendto(data, addr))

    def take(self, data, reply, reliable):
        if data.strip(b"\r\n\0"):
            self.received(sip.Message(data), reply, reliable)

    async def accepted(self, reader, writer):
        self.readers.add(asyncio.current_task())
        await self.read(reader, writer)

    async def connect(self, host, port):
        """A connection to somebody: a function that sends."""
        reader, writer = await asyncio.open_connection(host, port)
        self.readers.add(asyncio.ensure_future(self.read(reader, writer)))
        return lambda data: writer.write(data) if not writer.is_closing() else None

    async def read(self, reader, writer):
        rest = b""
        try:
            while data := await reader.read(65536):
                rest += data
                while True:
                    whole, rest = sip.split_stream(rest)
                    if whole is None:
                        break
                    self.take(whole, lambda answer: writer.write(answer) if not writer.is_closing() else None, True)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    def close(self):
        self.udp.close()
        self.tcp.close()
        for task in [*self.tasks, *self.readers]:
            task.cancel()
