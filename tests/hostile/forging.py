"""Datagrams that say they come from somebody else, as a stranger sends them."""
import socket
import struct


class Forger:
    """Sends RTP from any address and port there is. Only root may; `possible` says whether this process does."""

    def __init__(self):
        self.line = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)

    @staticmethod
    def possible():
        try:
            Forger().close()
        except PermissionError:
            return False
        return True

    def send(self, data, source, to):
        """One datagram over IPv4 (RFC 768, RFC 791); the kernel puts in the checksum of the header, UDP's is left away."""
        datagram = struct.pack("!HHHH", source[1], to[1], 8 + len(data), 0) + data
        addresses = socket.inet_aton(source[0]) + socket.inet_aton(to[0])
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(datagram), 0, 0, 64, socket.IPPROTO_UDP, 0) + addresses
        self.line.sendto(header + datagram, (to[0], 0))

    def close(self):
        self.line.close()
