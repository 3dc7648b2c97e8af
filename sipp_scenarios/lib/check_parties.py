#!/usr/bin/env python3
"""Judges the reports of tone_party.py: every party hears all the others, and not itself.

usage: check_parties.py REPORT REPORT [REPORT …]
"""
import json
import sys

HEARD_DB = -40.0
NOT_HEARD_DB = -55.0
GAP_MS_MAX = 120.0


def main():
    reports = [json.load(open(name, encoding="utf-8")) for name in sys.argv[1:]]
    tones = {str(int(report["own_hz"])) for report in reports}
    faults = []
    for report in reports:
        own = str(int(report["own_hz"]))
        for tone in tones:
            heard = report["heard_db"][tone]
            if tone != own and heard < HEARD_DB:
                faults.append(f"the {own} Hz party does not hear {tone} Hz ({heard} dB)")
            if tone == own and heard > NOT_HEARD_DB:
                faults.append(f"the {own} Hz party hears itself ({heard} dB)")
        if report["received"] < report["sent"] // 2:
            faults.append(f"the {own} Hz party received {report['received']} packets, sent {report['sent']}")
        if report["gap_ms_max"] > GAP_MS_MAX:
            faults.append(f"the {own} Hz party had a gap of {report['gap_ms_max']} ms")
    print("; ".join(faults) if faults else f"{len(reports)} parties hear the others and not themselves")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
