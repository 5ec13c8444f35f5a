"""`python -m benchmarks [PART ...]`, which is what `tracker bench` runs: everything in alternation, in one table."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from benchmarks.asked import options

if TYPE_CHECKING:
    from argparse import Namespace

INTERRUPTED = 130


def main() -> None:
    """What was asked is checked before anything slow is loaded."""
    asked = options(sys.argv[1:])
    with suppress(KeyboardInterrupt):
        sys.exit(_code(asked))
    sys.exit(INTERRUPTED)


def _code(asked: Namespace) -> int:
    if asked.quick:
        from benchmarks import quick  # noqa: PLC0415  (takes a second)

        return quick.run(quick.asked_by(asked))
    from benchmarks import full  # noqa: PLC0415  (as above)

    return full.run(asked.parts, asked.runs, asked.seconds, asked.events, as_json=asked.json, out=asked.out)


if __name__ == "__main__":
    main()
