"""SIP messages as bytes and values, for peers that are written by hand. Nothing is refused here: peers may be wrong."""
import random
import re

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length", "c": "content-type"}


def token(length=10, source=random):
    """Letters and digits, drawn."""
    return "".join(source.choice(LETTERS) for _ in range(length))


class Message:
    """One request or response as it came."""

    def __init__(self, data):
        head, _, self.body = data.partition(b"\r\n\r\n")
        lines = head.decode("utf-8", "surrogateescape").split("\r\n")
        self.start, self.lines = lines[0], []
        for line in lines[1:]:
            if line[:1] in (" ", "\t") and self.lines:
                name, value = self.lines[-1]
                self.lines[-1] = (name, f"{value} {line.strip()}")
                continue
            name, _, value = line.partition(":")
            self.lines.append((name.strip(), value.strip()))
        words = self.start.split(" ", 2)
        is_response = words[0].upper().startswith("SIP/2.0")
        self.status = int(words[1]) if is_response and len(words) > 1 and words[1].isdigit() else None
        self.method = None if is_response else words[0]
        self.uri = words[1] if not is_response and len(words) > 1 else None

    def all(self, name):
        """The values of a header field, line by line."""
        return [value for key, value in self.lines if COMPACT.get(key.lower(), key.lower()) == name.lower()]

    def get(self, name, default=""):
        values = self.all(name)
        return values[0] if values else default

    @property
    def call_id(self):
        return self.get("Call-ID")

    @property
    def cseq(self):
        number, _, method = self.get("CSeq").partition(" ")
        return (int(number) if number.isdigit() else -1), method.strip()

    @property
    def branch(self):
        found = re.search(r";\s*branch=([^;,\s]+)", self.get("Via"))
        return found.group(1) if found else ""

    def tag(self, name):
        found = re.search(r";\s*tag=([^;>\s]+)", self.get(name))
        return found.group(1) if found else ""

    @property
    def contact(self):
        """The URI of the first Contact; empty when there is none."""
        value = self.get("Contact")
        found = re.search(r"<([^>]*)>", value)
        return found.group(1) if found else value.split(";")[0]

    def routes(self):
        """The URIs of Record-Route in their order."""
        return [uri for value in self.all("Record-Route") for uri in re.findall(r"<[^>]+>", value)]


def build(start, fields, body=b""):
    """Bytes of a message; Content-Length is added."""
    lines = [start, *(f"{name}: {value}" for name, value in fields), f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + body


REASONS = {
    100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK", 202: "Accepted", 302: "Moved Temporarily", 400: "Bad Request",
    404: "Not Found", 415: "Unsupported Media Type", 480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist",
    486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here", 491: "Request Pending", 500: "Server Internal Error",
    503: "Service Unavailable", 600: "Busy Everywhere", 603: "Decline",
}


def respond(request, status, tag="", contact="", body=b"", extra=(), content_type="application/sdp"):
    """The response to a request, with a To tag where it has none."""
    to = request.get("To")
    if tag and not request.tag("To"):
        to += f";tag={tag}"
    fields = [("Via", value) for value in request.all("Via")] + [("Record-Route", value) for value in request.all("Record-Route")]
    fields += [("From", request.get("From")), ("To", to), ("Call-ID", request.call_id), ("CSeq", request.get("CSeq"))]
    if contact:
        fields.append(("Contact", f"<{contact}>"))
    fields += list(extra)
    if body:
        fields.append(("Content-Type", content_type))
    return build(f"SIP/2.0 {status} {REASONS.get(status, 'Because')}", fields, body)


def offer(ip, port, direction="", version=1, formats=(0, 101), protocol="RTP/AVP", extra=()):
    """A session description of one audio line."""
    family = "IP6" if ":" in ip else "IP4"
    known = {0: "rtpmap:0 PCMU/8000", 8: "rtpmap:8 PCMA/8000", 18: "rtpmap:18 G729/8000", 101: "rtpmap:101 telephone-event/8000"}
    lines = ["v=0", f"o=peer 7 {version} IN {family} {ip}", "s=-", f"c=IN {family} {ip}", "t=0 0"]
    lines.append(f"m=audio {port} {protocol} {' '.join(str(number) for number in formats)}")
    lines += [f"a={known[number]}" for number in formats if number in known]
    lines += [f"a={line}" for line in extra]
    if direction:
        lines.append(f"a={direction}")
    return ("\r\n".join(lines) + "\r\n").encode()


def media_of(body):
    """Address, port and direction of the first audio line of a description; None when there is none."""
    text = body.decode("utf-8", "replace")
    line = re.search(r"^m=audio (\d+)", text, re.M)
    hosts = re.findall(r"^c=IN IP[46] (\S+)", text, re.M)
    if not line or not hosts:
        return None
    direction = re.findall(r"^a=(sendrecv|sendonly|recvonly|inactive)\s*$", text, re.M)
    return hosts[-1], int(line.group(1)), direction[-1] if direction else "sendrecv"


def formats_of(body):
    """The payload types of the first audio line of a description."""
    line = re.search(rb"^m=audio \d+ \S+ ([0-9 ]+)", body, re.M)
    return [int(word) for word in line.group(1).split()] if line else []


def split_stream(buffer):
    """Takes one message off the front of a stream's bytes: (message or None, the rest)."""
    while buffer.startswith(b"\r\n"):
        buffer = buffer[2:]
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None, buffer
    length = re.search(rb"\r\n(?:Content-Length|l)\s*:\s*(\d+)", buffer[: end + 2], re.I)
    whole = end + 4 + (int(length.group(1)) if length else 0)
    if len(buffer) < whole:
        return None, buffer
    return buffer[:whole], buffer[whole:]
