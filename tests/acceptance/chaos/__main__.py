"""`./run python -m tests.acceptance.chaos`: as many faults as one likes, and what they came to."""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.acceptance.chaos.plan import BY_NAME, draw
from tests.acceptance.chaos.runner import Limits, run


def main() -> int:
    """0 when all held, 1 when something was broken."""
    options = argparse.ArgumentParser(prog="python -m tests.acceptance.chaos", description=__doc__)
    options.add_argument("--faults", type=int, default=100)
    options.add_argument("--seed", type=int, default=random.randrange(10**6))
    options.add_argument("--only", default="", help="kinds, with commas: " + ", ".join(BY_NAME))
    options.add_argument("--minutes", type=float, default=0.0, help="begin no fault after that; 0: until the last")
    options.add_argument("--limit", type=float, default=10.0, help="seconds in which all must be well again")
    options.add_argument("--lanes", type=int, default=2, help="how many services are hurt at once")
    chosen = options.parse_args()
    only = [name for name in chosen.only.split(",") if name]
    if unknown := [name for name in only if name not in BY_NAME]:
        options.error(f"there is no fault {', '.join(unknown)}")
    until = time.monotonic() + chosen.minutes * 60 if chosen.minutes else float("inf")
    sys.stdout.write(f"seed {chosen.seed}\n")
    limits = Limits(chosen.limit, chosen.lanes, until, _tell)
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell has us ignore it: what was started is ended
        signal.signal(number, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    report = asyncio.run(run(chosen.seed, draw(chosen.seed, chosen.faults, only), folder, limits))
    sys.stdout.write(f"{report}\n")
    if report.well:
        shutil.rmtree(folder)
    else:
        sys.stdout.write(f"what was left of it is in {folder}\n")
    return not report.well


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
