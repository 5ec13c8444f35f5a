"""What was asked of the benchmark: the parts that there are, and the words of the command, checked."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tracker.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

PARTS = {
    "door": "acknowledged webhooks, beside servers that keep nothing or are not ours",
    "log": "appending, beside the eventsourcing library",
    "processor": "from events to posts, beside an ORM row by row",
    "actions": "performing actions, beside Procrastinate and PgQueuer",
    "reaction": "from a webhook to the call that a rule makes of it",
    "webhook": "what one webhook costs on its whole way, at several rates: CPU, statements, commits, WAL",
    "bytes": "what an event leaves by table and index, and what retention frees of it",
    "processes": "one, two and four servers on one Postgres: webhooks acknowledged, and folded",
    "memory": "what the service holds after many events, and how soon it is ready",
}
ALSO = {"growth": "the same figures with ten and a hundred times as much stored"}
QUICK = ("door", "log", "processor", "actions", "rules")
LONGEST = 3600


def options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tracker bench", description=__doc__)
    parts = "; ".join(f"{name}: {what}" for name, what in (PARTS | ALSO).items())
    parser.add_argument("parts", nargs="*", metavar="PART", help=parts)
    parser.add_argument("--runs", type=_count, help="how often each side is measured; 3 if not named")
    parser.add_argument("--seconds", type=_seconds, help="about how long each run takes; 8 if not named")
    parser.add_argument("--events", type=_counts, default=(), help="how many to store, for bytes, memory and growth")
    parser.add_argument("--quick", action="store_true", help="only ratios, against those that are kept")
    parser.add_argument("--keep", action="store_true", help="with --quick: keep the ratios of this run")
    parser.add_argument("--baseline", type=Path, help="with --quick: where the ratios are kept")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--out", type=Path, help="keep the JSON in this file")
    asked = parser.parse_args(words)
    known = QUICK if asked.quick else [*PARTS, *ALSO]
    for part in asked.parts:
        if part not in known:
            parser.error(f'PART: "{part}" is not known{did_you_mean(part, known)}; known: {", ".join(known)}')
    if asked.keep and not asked.quick:
        parser.error("--keep goes with --quick")
    return asked


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f'"{text}" is not a whole number above 0, as 3 is')
    return int(text)


def _counts(text: str) -> list[int]:
    return [_count(one) for one in text.split(",")]


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= LONGEST:
        raise argparse.ArgumentTypeError(f'"{text}" is not a number above 0, and at most {LONGEST}, as 8 is')
    return seconds
