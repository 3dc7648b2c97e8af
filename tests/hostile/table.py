"""The table of figures at the end."""
from dataclasses import dataclass, field


@dataclass
class Row:
    """What one case came to."""

    kind: str
    name: str
    title: str
    verdict: str
    seconds: float
    attack: str = ""
    beside: dict | None = None
    words: list = field(default_factory=list)


def number(value, unit=""):
    if value is None:
        return "–"
    return f"{value:.0f}{unit}" if value >= 10 else f"{value:.1f}{unit}"


def beside(seen):
    """What the calls beside saw, as three cells."""
    if not seen:
        return ["–", "–", "–"]
    lost = f"{100 * seen['lost'] / seen['sent']:.1f} % of {seen['sent']}" if seen["sent"] else "–"
    delay = f"{number(seen['p50'])} / {number(seen['p99'])} / {number(seen['max'])}" if seen["p50"] is not None else "–"
    calls = f"{seen['done']} of {seen['tried']}, {number(seen['setup_p99'])} ms" if seen["tried"] else "–"
    return [lost, delay, calls]


def table(rows):
    """Markdown."""
    lines = [
        "# Hostile runs",
        "",
        "Beside each attack: calls that hear themselves at 50 packets a second (lost; delay p50 / p99 / max in ms, which are",
        "the machine's and the load's of the moment), and new calls (answered of tried; 99 of 100 set up within).",
        "",
        "| kind | case | attack | audio lost | delay, ms | new calls | what else was seen | result |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [row.kind, row.title, row.attack or "–", *beside(row.beside), "; ".join(row.words) or "–", row.verdict]
        lines.append("| " + " | ".join(cell.replace("|", "/").replace("\n", " ") for cell in cells) + " |")
    return "\n".join(lines) + "\n"
