"""`tracker reconcile`: a provider is asked from the command line, and what was missed is in the log."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.contract.command_line import CommandLine
from tests.integration.told import PROVIDER
from tracker.simulator import Faults, ManualClock, run_simulator
from tracker.store.database import Database

if TYPE_CHECKING:
    from pathlib import Path

KEYLESS = """
[providers.late]
kind = "sosyalkopru"
api_url = "http://127.0.0.1:9/v1"
webhook_secrets = ["another"]
"""

pytestmark = pytest.mark.anyio


@pytest.fixture
def tracker(tmp_path: Path, database_url: str) -> CommandLine:
    return CommandLine(tmp_path).configure(database_url)


def ask_at(tracker: CommandLine, url: str) -> None:
    """Point the configuration to the simulated provider."""
    path = tracker.folder / "config.toml"
    text = path.read_text().replace("http://127.0.0.1:9/v1", url).replace("sk_of_the_test", "sk_simulated")
    path.write_text(text + '\n[outbound]\nallow = ["127.0.0.1"]\n')


async def test_what_no_webhook_told_is_asked_for_and_kept(tracker: CommandLine, database_url: str) -> None:
    clock = ManualClock()
    async with run_simulator(clock=clock, faults=Faults(lost=1.0)) as simulator:
        ask_at(tracker, simulator.url)
        for _ in range(3):
            simulator.create(text="#publish")
        await clock.settle()
        ran = await asyncio.to_thread(tracker, "reconcile", "--since", "365d", "--json")
        again = await asyncio.to_thread(tracker, "reconcile", "--since", "365d")
        assert ran.code == 0, ran.err
        (one,) = ran.json["items"]
        assert [one[name] for name in ("provider", "calls", "listed", "missing", "appended", "stopped")] == [
            PROVIDER, 1, 3, 3, 3, None,
        ]  # fmt: skip
        assert again.code == 0
        async with Database.open(database_url) as database, database.connection() as conn:
            assert await conn.fetchval("select count(*) from events where source = 'reconcile'") == 3


async def test_a_provider_without_a_key_is_skipped_and_no_problem_unless_it_was_named(tracker: CommandLine) -> None:
    config = tracker.folder / "config.toml"
    async with run_simulator(clock=ManualClock()) as simulator:
        ask_at(tracker, simulator.url)
        config.write_text(config.read_text() + KEYLESS)
        ran = await asyncio.to_thread(tracker, "reconcile", "--json")
        assert (ran.code, [one["provider"] for one in ran.json["items"]]) == (0, [PROVIDER]), ran.err
        assert ran.err == "skipped late: without [providers.late] api_key it cannot be asked\n"
        assert (await asyncio.to_thread(tracker, "reconcile", "--provider", PROVIDER)).err == ""
        both = await asyncio.to_thread(tracker, "reconcile", "--provider", PROVIDER, "--provider", "late")
        alone = await asyncio.to_thread(tracker, "reconcile", "--provider", "late")
    assert (both.code, PROVIDER in both.out) == (1, True)
    assert (alone.code, alone.out, "nobody to ask" in alone.err) == (1, "", True)


def test_a_provider_that_does_not_answer_is_told_and_counts_as_a_problem(tracker: CommandLine) -> None:
    ran = tracker("reconcile", "--json")
    assert (ran.code, ran.json["items"][0]["stopped"]) == (1, "blocked")


@pytest.mark.parametrize(
    ("words", "said"), [(("--provider", "sosyalkopr"), 'did you mean "sosyalkopru"'), (("--since", "soon"), "--since")]
)
def test_what_cannot_be_asked_is_used_wrongly(tracker: CommandLine, words: tuple[str, ...], said: str) -> None:
    ran = tracker("reconcile", *words)
    assert ran.code == 2
    assert said in " ".join(ran.err.replace("│", "").split())
