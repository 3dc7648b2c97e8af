"""Load that means harm, a process of its own: datagrams of one kind, a bounded number at a bounded rate.

    flood.py JSON    {"kind": …, "to": [ip, port], "from": [ip, …], "per_second": n, "seconds": s, …}

Prints one line of JSON: datagrams and bytes sent, and those that came back.
"""
import json
import os
import random
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from peers import rtp, sip  # noqa: E402


def message(method, me, to, user="echo", call=None, branch=None, body=b"", number=1, to_tag=""):
    call = call or sip.token(16)
    host, port = to
    fields = [
        ("Via", f"SIP/2.0/UDP {me[0]}:{me[1]};branch=z9hG4bK{branch or sip.token(12)}"), ("Max-Forwards", "70"),
        ("From", f"<sip:f@{me[0]}>;tag={call[:6]}"), ("To", f"<sip:{user}@{host}>" + (f";tag={to_tag}" if to_tag else "")),
        ("Call-ID", f"{call}@{me[0]}"), ("CSeq", f"{number} {method}"), ("Contact", f"<sip:f@{me[0]}:{me[1]}>"),
    ]
    if body:
        fields.append(("Content-Type", "application/sdp"))
    return sip.build(f"{method} sip:{user}@{host}:{port} SIP/2.0", fields, body)


def mutated(data):
    data = bytearray(data)
    for _ in range(random.randint(1, 12)):
        data[random.randrange(len(data))] = random.randrange(256)
    return bytes(data[: random.randint(len(data) // 2, len(data))])


def forged(me, to, how):
    method = random.choice(how.get("methods", ["BYE", "ACK", "CANCEL", "INFO", "REGISTER", "200"]))
    tag = "" if method in ("CANCEL", "REGISTER") else sip.token()
    if method == "200":
        return sip.respond(sip.Message(message("BYE", me, to, to_tag=tag)), 200)
    return message(method, me, to, to_tag=tag)


SHARED = {"call": sip.token(), "branch": sip.token()}
SIP_KINDS = {
    "options": lambda me, to, how: message("OPTIONS", me, to),
    "garbage": lambda me, to, how: random.randbytes(random.randint(1, 900)),
    "mutated": lambda me, to, how: mutated(message("INVITE", me, to, body=sip.offer(me[0], 9))),
    "forged": forged,
    "invite": lambda me, to, how: message("INVITE", me, to, how.get("user", "answer"), body=sip.offer(me[0], 9)),
    "repeated": lambda me, to, how: message("INVITE", me, to, "reject-486", body=sip.offer(me[0], 9), **SHARED),
    "bad sdp": lambda me, to, how: message("INVITE", me, to, body=sip.offer(me[0], 9, protocol="RTP/SAVP")),
}


def rtp_kind(kind):
    stream = rtp.Stream()

    def make(me, to, how):
        if kind == "rtp new source":
            return rtp.packet(random.getrandbits(16), random.getrandbits(32), random.getrandbits(32))
        if kind == "rtp malformed":
            return random.randbytes(random.randint(1, 60))
        return stream.next()

    return make


def main():
    how = json.loads(sys.argv[1])
    os.nice(5)
    random.seed(how.get("seed", 7))
    lines = []
    for address in how["from"]:
        line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        line.bind((address, how.get("from_port", 0)))
        line.setblocking(False)
        lines.append(line)
    targets = [tuple(target) for target in how["to"]] if isinstance(how["to"][0], list) else [tuple(how["to"])]
    make = SIP_KINDS.get(how["kind"]) or rtp_kind(how["kind"])
    # What is sent is made before, where it need not be new each time: the making must not bound the rate.
    kept = {}
    if how["kind"] in ("garbage", "mutated", "forged", "options", "bad sdp") and how["per_second"] > 2000:
        for line in lines:
            kept[line] = [make(line.getsockname(), targets[0], how) for _ in range(max(20, 4000 // len(lines)))]
    begin, count, size, back, back_size = time.monotonic(), 0, 0, 0, 0
    whole = int(how["seconds"] * how["per_second"])
    while count < whole and time.monotonic() - begin < how["seconds"] + 2:
        due = int((time.monotonic() - begin) * how["per_second"]) - count
        if due <= 0:
            time.sleep(0.002)
        for _ in range(min(due, 200)):
            line = lines[count % len(lines)]
            target = targets[count % len(targets)]
            data = kept[line][count % len(kept[line])] if kept else make(line.getsockname(), target, how)
            try:
                line.sendto(data, target)
                size += len(data)
            except OSError:
                pass
            count += 1
        for line in lines:
            try:
                while True:
                    back_size += len(line.recv(65535))
                    back += 1
            except OSError:
                pass
    print(json.dumps({"sent": count, "bytes": size, "seconds": round(time.monotonic() - begin, 2), "back": back, "back_bytes": back_size}))


if __name__ == "__main__":
    main()
