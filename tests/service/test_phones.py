"""A real SIP phone, baresip: it calls, speaks a tone, and what it hears is judged by frequency."""
import glob
import math
import os
import struct
import sys
import unittest
import wave

from harness import SCENARIOS, ServiceTest, free_port, wait_until

sys.path.insert(0, os.path.join(SCENARIOS, "lib"))
from tone_party import level  # noqa: E402

CONFIG = """\
module_path {modules}
sip_listen 127.0.0.1:{port}
audio_source aufile,{folder}/speak.wav
audio_player aubridge,sink
audio_alert aubridge,alert
audio_srate 8000
audio_channels 1
module g711.so
module aufile.so
module aubridge.so
module sndfile.so
module_app account.so
module_app menu.so
snd_path {folder}
"""


def modules():
    for folder in glob.glob("/usr/lib/baresip/modules") + glob.glob("/usr/lib/*/baresip/modules"):
        return folder
    raise FileNotFoundError("baresip's modules")


class Phones(ServiceTest):
    def phone(self, callplane, name, hertz, user, seconds, codec="pcmu"):
        """A phone that calls, says a tone, and hangs up after so long."""
        folder = os.path.join(self.folder, name)
        os.mkdir(folder)
        with wave.open(os.path.join(folder, "speak.wav"), "wb") as out:
            out.setparams((1, 2, 8000, 0, "NONE", ""))
            tone = (int(8000 * math.sin(2 * math.pi * hertz * i / 8000)) for i in range(8000 * (seconds + 5)))
            out.writeframes(b"".join(struct.pack("<h", sample) for sample in tone))
        with open(os.path.join(folder, "config"), "w", encoding="utf-8") as out:
            out.write(CONFIG.format(modules=modules(), port=free_port(), folder=folder))
        with open(os.path.join(folder, "accounts"), "w", encoding="utf-8") as out:
            out.write(f"<sip:{name}@127.0.0.1>;regint=0;audio_codecs={codec}\n")
        open(os.path.join(folder, "contacts"), "w", encoding="utf-8").close()
        return self.process(
            name, "baresip", "-f", folder, "-t", str(seconds), "-e", f"/dial sip:{user}@127.0.0.1:{callplane.sip}"
        )

    def heard(self, name, hertz):
        """How loud a tone is in what the phone heard, in the middle of the call, dB."""
        [name] = glob.glob(os.path.join(self.folder, name, "dump-*-dec.wav"))
        with wave.open(name, "rb") as heard:
            samples = struct.unpack(f"<{heard.getnframes()}h", heard.readframes(heard.getnframes()))
        middle = samples[len(samples) // 2 :][:8000]
        return level(middle, hertz)

    def ends_clean(self, callplane, *phones):
        for phone in phones:
            phone.process.wait(30)
            self.assertIn("Call established", phone.text())
        wait_until(lambda: callplane.counters()["sessions"] == 0, 10, "no session is left")

    def test_a_phone_hears_itself_in_echo(self):
        for codec in ("pcmu", "pcma"):
            with self.subTest(codec=codec):
                callplane = self.callplane()
                self.ends_clean(callplane, self.phone(callplane, codec, 880, "echo", 5, codec))
                self.assertGreater(self.heard(codec, 880), -30)
                self.assertLess(self.heard(codec, 440), -50)

    def test_two_phones_hear_each_other_in_a_room_and_not_themselves(self):
        callplane = self.callplane()
        alice = self.phone(callplane, "alice", 440, "room-x", 7, "pcmu")
        bob = self.phone(callplane, "bob", 1320, "room-x", 7, "pcma")
        self.ends_clean(callplane, alice, bob)
        self.assertGreater(self.heard("alice", 1320), -30)
        self.assertLess(self.heard("alice", 440), -50)
        self.assertGreater(self.heard("bob", 440), -30)
        self.assertLess(self.heard("bob", 1320), -50)


if __name__ == "__main__":
    unittest.main(verbosity=2)
