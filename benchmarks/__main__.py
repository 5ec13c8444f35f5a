"""`python -m benchmarks [PART ...]`, which is what `tracker bench` runs: everything in alternation, in one table."""

from __future__ import annotations

import sys

from benchmarks.asked import options


def main() -> None:
    """What was asked is checked before anything slow is loaded."""
    asked = options(sys.argv[1:])
    if asked.quick:
        from benchmarks import quick  # noqa: PLC0415  (takes a second)

        sys.exit(quick.run(quick.asked_by(asked)))
    from benchmarks import full  # noqa: PLC0415  (as above)

    sys.exit(full.run(asked.parts, asked.runs, asked.seconds, asked.events, as_json=asked.json, out=asked.out))


if __name__ == "__main__":
    main()
