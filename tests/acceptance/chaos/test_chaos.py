"""A minute of faults under load, drawn anew each time: nothing that was acknowledged is lost, changed or doubled.

A run that fails prints its seed; `--chaos-seed` has it again, and `--chaos-faults` goes on for longer. By hand:
`./run python -m tests.acceptance.chaos`.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.chaos.plan import draw
from tests.acceptance.chaos.runner import Limits, run

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

pytestmark = [pytest.mark.anyio, pytest.mark.acceptance]

SECONDS = 60.0
"""A machine may be slow; by hand, it is ten."""


async def hurt(folder: Path, config: pytest.Config, faults: int, only: Collection[str] = ()) -> None:
    """So many faults; fails with everything that was broken, and skips where none of it can be tried here."""
    seed = config.getoption("--chaos-seed") or random.randrange(10**6)
    told: list[str] = []
    report = await run(seed, draw(seed, faults, only), folder, Limits(back=SECONDS, lanes=2, tell=told.append))
    assert report.well, "\n".join([*told, str(report)])
    assert report.totals["acknowledged bodies"] > 0 or report.left_out
    if report.left_out and not report.outcomes:
        pytest.skip("; ".join(report.left_out))


async def test_nothing_acknowledged_is_lost_changed_or_doubled_whatever_happens(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    await hurt(tmp_path, pytestconfig, pytestconfig.getoption("--chaos-faults"))


async def test_nor_when_a_standby_takes_over(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    await hurt(tmp_path, pytestconfig, 1, ["failover"])


async def test_nor_in_the_night_in_which_an_hour_comes_twice(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    await hurt(tmp_path, pytestconfig, 1, ["autumn-night"])


async def test_nor_when_the_clock_is_put_wrong_and_right_again(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    await hurt(tmp_path, pytestconfig, 2, ["clock-ahead", "clock-behind"])
