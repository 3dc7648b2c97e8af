"""Commands, legal and not, drawn from a seed."""
import re

from peers import api, sip

S = api.types
SERVICES = {
    "session": (api.session_rpc.SessionServiceStub, api.session), "bridge": (api.bridge_rpc.BridgeServiceStub, api.bridge),
    "playback": (api.playback_rpc.PlaybackServiceStub, api.playback),
}
# Verb: service, RPC, weight where anything goes.
VERBS = {
    "create_session": ("session", "CreateSession", 6), "ring_session": ("session", "RingSession", 6),
    "start_early_media": ("session", "StartEarlyMedia", 4), "answer_session": ("session", "AnswerSession", 5),
    "reject_session": ("session", "RejectSession", 2), "redirect_session": ("session", "RedirectSession", 1),
    "hold_session": ("session", "HoldSession", 8), "resume_session": ("session", "ResumeSession", 8),
    "mute_session": ("session", "MuteSession", 4), "update_media": ("session", "UpdateMedia", 5), "send_dtmf": ("session", "SendDtmf", 6),
    "send_info": ("session", "SendInfo", 6), "send_message": ("session", "SendMessage", 6),
    "terminate_session": ("session", "TerminateSession", 3), "create_bridge": ("bridge", "CreateBridge", 8),
    "add_bridge_member": ("bridge", "AddBridgeMember", 12), "remove_bridge_member": ("bridge", "RemoveBridgeMember", 8),
    "destroy_bridge": ("bridge", "DestroyBridge", 3), "start_playback": ("playback", "StartPlayback", 8),
    "stop_playback": ("playback", "StopPlayback", 6),
}
PLAUSIBLE = {
    "undecided": ["ring_session", "start_early_media", "answer_session", "answer_session", "answer_session", "reject_session", "redirect_session",
                  "start_playback", "send_dtmf", "add_bridge_member"],
    "calling": ["send_dtmf", "start_playback", "add_bridge_member", "create_bridge", "terminate_session"],
    "up": ["hold_session", "resume_session", "mute_session", "update_media", "send_dtmf", "send_info", "send_message", "create_bridge",
           "create_bridge", "add_bridge_member", "add_bridge_member", "remove_bridge_member", "start_playback", "stop_playback",
           "destroy_bridge", "terminate_session"],
}


def request_class(verb):
    service, rpc, _ = VERBS[verb]
    return getattr(SERVICES[service][1], rpc + "Request")


class Draw:
    """Makes commands for one engine."""

    def __init__(self, draw, engine, model, bridges, peers):
        self.draw, self.engine, self.model, self.bridges, self.peers = draw, engine, model, bridges, peers
        self.number = 0

    def live(self, own=True):
        known = self.model.sessions.values()
        return [each for each in known if each.ended is None and (each.engine == self.engine) == own]

    def session(self):
        """A session to command: mostly our own and alive."""
        what = self.draw.random()
        own = self.live()
        if what < 0.9 and own:
            return self.draw.choice(own[-25:])
        if what < 0.95 and (others := self.live(own=False)):
            return self.draw.choice(others)
        if what < 0.98 and self.model.sessions:
            return self.draw.choice(list(self.model.sessions.values()))
        return None

    def verb_for(self, known):
        if known is None or self.draw.random() < 0.25:
            return self.draw.choices(list(VERBS), [weight for _, _, weight in VERBS.values()])[0]
        if known.connected:
            return self.draw.choice(PLAUSIBLE["up"])
        return self.draw.choice(PLAUSIBLE["undecided" if known.inbound else "calling"])

    def next(self):
        """(command id, verb, request, what is wrong with it)."""
        self.number += 1
        known = self.session()
        verb = "create_session" if self.draw.random() < 0.06 else self.verb_for(known)
        return self.make(verb, known.id if known else "nobody-" + sip.token(5, self.draw))

    def make(self, verb, session_id):
        self.number += 1
        command_id = f"{self.engine}-{self.number}"
        request, bad = request_class(verb)(context={"command_id": command_id}), ""
        if verb not in ("create_bridge", "destroy_bridge", "create_session"):
            request.session_id = session_id
        bad = getattr(self, verb, lambda *_: "")(request, session_id) or ""
        return command_id, verb, request, bad

    def create_session(self, request, _):
        peer = self.draw.choice(self.peers)
        transport = self.draw.choice(["", "", ";transport=tcp"])
        request.target_uri = f"sip:callee@127.0.0.1:{peer.link.port}{transport}"
        if self.draw.random() < 0.5:
            request.session_id = f"{self.engine}-s{self.number}"
        if self.draw.random() < 0.1:
            request.delayed_offer = True
        if self.draw.random() < 0.3:
            request.limits.ring_timeout.seconds = self.draw.choice([1, 2, 5])
        if self.draw.random() < 0.05:
            request.target_uri = self.draw.choice(["sip:", "http://x", "sip:a@b?Via=x", "sip:x@127.0.0.1:1;transport=sctp", ""])
            return f"target {request.target_uri!r}"
        if self.draw.random() < 0.03:
            request.headers.add(name="Via", value="x")
            return "a Via of its own"
        chosen = [session_id for session_id in self.model.sessions if re.fullmatch(r"e\d+-s\d+", session_id)]
        if self.draw.random() < 0.04 and chosen:
            # Taken, or was less than a minute ago. An id that Callplane drew is free when its session has ended.
            request.session_id = self.draw.choice(chosen)
            return f"the session id {request.session_id}, which is taken"
        if self.draw.random() < 0.15 and (own := self.live()):
            request.parent_session_id = self.draw.choice(own).id
        return ""

    def ring_session(self, request, _):
        if self.draw.random() < 0.5:
            request.sip_status = self.draw.choice([180, 181, 182, 183])
        elif self.draw.random() < 0.1:
            request.sip_status = self.draw.choice([100, 200, 199, 486])
            return f"status {request.sip_status}"
        return ""

    def answer_session(self, request, _):
        if self.draw.random() < 0.3:
            request.media.codecs.extend(self.draw.choice([["PCMU"], ["PCMA", "PCMU"], ["PCMA"]]))
        elif self.draw.random() < 0.05:
            request.media.codecs.append("OPUS")
            return "codec OPUS"
        if self.draw.random() < 0.1:
            request.limits.max_duration.seconds = self.draw.choice([1, 2, 3])
        return ""

    def reject_session(self, request, _):
        request.sip_status = self.draw.choice([0, 404, 480, 486, 503, 603, 200])
        return "status 200" if request.sip_status == 200 else ""

    def redirect_session(self, request, _):
        if self.draw.random() < 0.85:
            request.contact_uris.append("sip:elsewhere@127.0.0.1:9")
            return ""
        return "no Contact"

    def mute_session(self, request, _):
        request.muted = self.draw.random() < 0.5

    def update_media(self, request, _):
        request.media.codecs.extend(self.draw.choice([[], ["PCMU"], ["PCMA"], ["PCMA", "PCMU"]]))

    def send_dtmf(self, request, _):
        request.digits = "".join(self.draw.choice("0123456789*#ABCD") for _ in range(self.draw.randint(1, 4)))
        request.tone_duration.nanos = self.draw.choice([40, 60, 100]) * 1_000_000
        if self.draw.random() < 0.05:
            request.digits = self.draw.choice(["", "x", "1 2", "1" * 65])
            return f"digits {request.digits!r}"
        return ""

    def send_info(self, request, _):
        request.body.content_type, request.body.content = "application/dtmf-relay", b"Signal=1"
        if self.draw.random() < 0.03:
            request.body.content = b"x" * 20_000
            return "a body of 20,000 bytes"
        return ""

    def send_message(self, request, _):
        if self.draw.random() < 0.05:
            return "no body"
        request.body.content_type, request.body.content = "text/plain", b"hello"
        return ""

    def bridge_id(self):
        if self.bridges and self.draw.random() < 0.92:
            return self.draw.choice(list(self.bridges)[-6:])
        return "nowhere-" + sip.token(4, self.draw)

    def create_bridge(self, request, session_id):
        request.mode = self.draw.choice([1, 1, 2, 3, 3, 4])
        request.keep_when_empty = self.draw.random() < 0.3
        if self.draw.random() < 0.85:
            request.bridge_id = f"{self.engine}-b{self.number}"
        if self.bridges and self.draw.random() < 0.1:
            request.bridge_id = self.draw.choice(list(self.bridges))
        members = [each.id for each in self.draw.sample(self.live(), min(len(self.live()), self.draw.choice([0, 1, 2, 2, 2, 3])))]
        if self.draw.random() < 0.15 and (others := self.live(own=False)):
            members.append(self.draw.choice(others).id)
        if self.draw.random() < 0.1 and self.model.sessions:
            members.append(self.draw.choice(list(self.model.sessions)))
        if self.draw.random() < 0.05:
            members.append("nobody")
        request.session_ids.extend(members)
        if len(set(members)) < len(members):
            return ""  # twice the same one: refused or taken as once, the proto does not say
        if request.mode == 1 and len(members) > 2:
            return "three members of a relay"
        return ""

    def add_bridge_member(self, request, _):
        request.bridge_id = self.bridge_id()

    def remove_bridge_member(self, request, session_id):
        known = self.model.sessions.get(session_id)
        request.bridge_id = known.bridge if known and known.bridge and self.draw.random() < 0.8 else self.bridge_id()

    def destroy_bridge(self, request, _):
        request.bridge_id = self.bridge_id()

    def start_playback(self, request, _):
        if self.draw.random() < 0.5:
            request.playback_id = f"{self.engine}-p{self.number}"
        what = self.draw.random()
        if what < 0.75:
            request.tone.frequency_hz = self.draw.choice([440, 1000, 20, 3900])
            if self.draw.random() < 0.7:
                request.tone.duration.nanos = self.draw.choice([20, 100, 300, 900]) * 1_000_000
        elif what < 0.9:
            request.file.path = self.draw.choice(["no.wav", "deep/no.wav"])
        elif what < 0.95:
            request.file.path = self.draw.choice(["../etc/passwd", "/etc/passwd", ""])
            return f"the path {request.file.path!r}"
        else:
            request.tone.frequency_hz = self.draw.choice([0, -5, 5000, float("nan")])
            return f"a tone of {request.tone.frequency_hz} Hz"
        return ""

    def stop_playback(self, request, session_id):
        known = self.model.sessions.get(session_id)
        playing = [playback for playback, state in known.playing.items() if state != "ended"] if known else []
        if self.draw.random() < 0.5:
            request.playback_id = self.draw.choice(playing) if playing else "nothing"
        return ""
