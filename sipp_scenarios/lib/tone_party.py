#!/usr/bin/env python3
"""One party of a call, as far as audio goes: sends a tone as PCMU over RTP and tells which tones it hears.

Standard library only. Runs for --seconds, then writes a JSON report: packets sent and received, how many streams (SSRCs)
were heard, the spacing of the packets, and for each frequency asked its level in dB relative to full scale.
"""
import argparse
import json
import math
import os
import random
import select
import socket
import struct
import sys
import time

RATE = 8000
FRAME = 160
LISTEN_FOR = (440.0, 880.0, 1320.0)


def ulaw_encode(sample):
    """One 16-bit sample to one G.711 mu-law octet."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), 32635) + 132
    exponent = magnitude.bit_length() - 8
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    return ~(sign | (exponent << 4) | mantissa) & 0xFF


def ulaw_decode(octet):
    """One G.711 mu-law octet to one 16-bit sample."""
    octet = ~octet & 0xFF
    magnitude = (((octet & 0x0F) << 3) + 132) << ((octet >> 4) & 7)
    return 132 - magnitude if octet & 0x80 else magnitude - 132


DECODED = [ulaw_decode(octet) for octet in range(256)]


def level(samples, hertz):
    """The level of one frequency, dB below full scale, by a single DFT bin with a Hann window."""
    count = len(samples)
    if count < RATE // 4:
        return -120.0
    real = imaginary = 0.0
    for index, sample in enumerate(samples):
        windowed = sample * (0.5 - 0.5 * math.cos(2 * math.pi * index / count))
        angle = 2 * math.pi * hertz * index / RATE
        real += windowed * math.cos(angle)
        imaginary -= windowed * math.sin(angle)
    amplitude = math.hypot(real, imaginary) * 4 / count
    return 20 * math.log10(max(amplitude / 32768, 1e-6))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--local", type=int, required=True, help="UDP port to send from and listen on")
    parser.add_argument("--remote", required=True, help="host:port to send to")
    parser.add_argument("--hz", type=float, required=True, help="the tone to send; 0 sends silence")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--report", required=True, help="file for the JSON report")
    options = parser.parse_args()

    # Whoever started this goes on at once; the party runs beside it.
    if os.fork():
        return
    os.setsid()

    host, port = options.remote.rsplit(":", 1)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    line = socket.socket(family, socket.SOCK_DGRAM)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    line.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", options.local))
    line.setblocking(False)

    ssrc, sequence, stamp = random.getrandbits(32), random.getrandbits(16), random.getrandbits(32)
    begin, sent, phase = time.monotonic(), 0, 0
    arrivals, streams = [], {}
    while True:
        now = time.monotonic()
        if now >= begin + options.seconds:
            break
        due = begin + sent * 0.02
        if now >= due:
            tone = bytes(
                ulaw_encode(int(8000 * math.sin(2 * math.pi * options.hz * (phase + i) / RATE))) for i in range(FRAME)
            )
            phase += FRAME
            marker = 0x80 if sent == 0 else 0
            header = struct.pack(
                "!BBHII", 0x80, marker, (sequence + sent) & 0xFFFF, (stamp + phase) & 0xFFFFFFFF, ssrc
            )
            line.sendto(header + tone, (host.strip("[]"), int(port)))
            sent += 1
            continue
        ready, _, _ = select.select([line], [], [], due - now)
        if ready:
            packet = line.recv(2048)
            if len(packet) > 12 and packet[0] >> 6 == 2 and packet[1] & 0x7F == 0:
                arrivals.append(time.monotonic())
                number, source = struct.unpack("!H", packet[2:4])[0], packet[8:12]
                streams.setdefault(source, []).append((number, packet[12:]))

    # The middle of what was heard: its beginning and end belong to joining and leaving.
    heard = {}
    for hertz in LISTEN_FOR:
        best = -120.0
        for packets in streams.values():
            middle = packets[len(packets) // 3 : len(packets) * 2 // 3]
            samples = [DECODED[octet] for _, payload in middle for octet in payload]
            best = max(best, level(samples[: RATE], hertz))
        heard[str(int(hertz))] = round(best, 1)
    gaps = [b - a for a, b in zip(arrivals, arrivals[1:])]
    report = {
        "sent": sent,
        "received": len(arrivals),
        "streams": len(streams),
        "own_hz": options.hz,
        "heard_db": heard,
        "gap_ms_max": round(max(gaps, default=0) * 1000, 1),
        "gap_ms_mean": round(sum(gaps) / len(gaps) * 1000, 2) if gaps else 0,
    }
    with open(options.report, "w", encoding="utf-8") as out:
        json.dump(report, out)
    sys.exit(0)


if __name__ == "__main__":
    main()
