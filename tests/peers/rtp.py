"""RTP packets as bytes."""
import math
import random
import struct

FRAME = 160


def packet(sequence, timestamp, ssrc, payload=b"\xff" * FRAME, kind=0, marker=False):
    """One RTP packet (RFC 3550 section 5.1)."""
    second = (0x80 if marker else 0) | kind
    return struct.pack("!BBHII", 0x80, second, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc & 0xFFFFFFFF) + payload


def header(data):
    """(sequence, timestamp, SSRC, payload type) of a packet; None when it is none."""
    if len(data) < 12 or data[0] >> 6 != 2:
        return None
    _, second, sequence, timestamp, ssrc = struct.unpack("!BBHII", data[:12])
    return sequence, timestamp, ssrc, second & 0x7F


def event(sequence, timestamp, ssrc, digit, duration=160, end=False, kind=101, marker=False):
    """A telephone event (RFC 4733 section 2.3)."""
    payload = struct.pack("!BBH", digit, 10 | (0x80 if end else 0), duration)
    return packet(sequence, timestamp, ssrc, payload, kind, marker)


def ulaw(sample):
    """One 16-bit sample as an octet of PCMU."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(int(sample)), 32635) + 132
    exponent = magnitude.bit_length() - 8
    return ~(sign | exponent << 4 | (magnitude >> (exponent + 3)) & 0x0F) & 0xFF


def tone(hertz=440.0, count=50):
    """Frames of a tone, 20 ms each."""
    octets = bytes(ulaw(8000 * math.sin(2 * math.pi * hertz * n / 8000)) for n in range(FRAME * count))
    return [octets[n : n + FRAME] for n in range(0, len(octets), FRAME)]


class Stream:
    """One source of packets: sequence and time stamps go on."""

    def __init__(self, ssrc=None, sequence=None, timestamp=None, source=random):
        self.ssrc = source.getrandbits(32) if ssrc is None else ssrc
        self.sequence = source.getrandbits(15) if sequence is None else sequence
        self.timestamp = source.getrandbits(31) if timestamp is None else timestamp

    def next(self, payload=b"\xff" * FRAME, kind=0):
        data = packet(self.sequence, self.timestamp, self.ssrc, payload, kind)
        self.sequence += 1
        self.timestamp += FRAME
        return data
