"""`tracker quarantine`: what was held is looked at, tried again once its cause is mended, or given up."""

from __future__ import annotations

import asyncio
import json
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from tests.contract.command_line import SECRET, CommandLine
from tests.integration.told import NOON, PROVIDER
from tracker.providers.signature import sign
from tracker.providers.sosyalkopru import KIND
from tracker.store import quarantine
from tracker.store.database import Database
from tracker.store.quarantine import Unusable

if TYPE_CHECKING:
    from pathlib import Path

GOOD = json.dumps({"event": "post.failed", "timestamp": "2026-11-10T12:00:00.000Z", "data": {"postId": "p1"}}).encode()


@pytest.fixture
def tracker(tmp_path: Path, database_url: str) -> CommandLine:
    return CommandLine(tmp_path).configure(database_url)


def held(body: bytes, *, secret: str = "", reason: str = "signature_wrong") -> Unusable:
    """A delivery that was signed with `secret`, or that was authentic when it came."""
    headers = sign(KIND.scheme, [secret.encode()], body, NOON) if secret else {}
    return Unusable(PROVIDER, reason, not secret, "d1", sha256(body).digest(), NOON, headers, body)


def put(url: str, *items: Unusable) -> None:
    """Put them into the quarantine, with ids from 1."""

    async def work() -> None:
        async with Database.open(url) as database, database.connection() as conn:
            await quarantine.keep(conn, items)

    asyncio.run(work())


def test_what_is_held_is_listed_the_newest_first(tracker: CommandLine, database_url: str) -> None:
    put(database_url, held(b"no json\x1b[2J", reason="not_json"), held(GOOD, secret="another"))
    first = tracker("quarantine", "list", "--limit", "1", "--json").json
    assert [(item["id"], item["authentic"], item["reason"]) for item in first["items"]] == [
        (2, False, "signature_wrong")
    ]
    second = tracker("quarantine", "list", "--cursor", first["next"], "--json").json
    assert [(item["id"], item["state"], item["received_at"]) for item in second["items"]] == [
        (1, "held", "2026-11-10T12:00:00Z")
    ]
    assert (second["items"][0]["body"], second["next"]) == ("no json\x1b[2J", None)
    lines = tracker("quarantine", "list").lines
    assert [line.split()[0] for line in lines] == ["id", "2", "1"]
    assert len({line.index(word) for line, word in zip(lines, ("state", "held", "held"), strict=True)}) == 1


def test_a_replay_takes_what_can_be_taken_by_now(tracker: CommandLine, database_url: str) -> None:
    """One whose secret is active by now is kept; a body that is no JSON stays what it is."""
    put(database_url, held(GOOD, secret=SECRET), held(b"no json", reason="not_json"))
    tried = tracker("quarantine", "replay", "1", "--dry-run", "--json")
    assert (tried.code, tried.json["items"]) == (0, [{"id": 1, "outcome": "kept", "position": None}])
    done = tracker("quarantine", "replay", "1", "2", "9", "--json")
    assert done.code == 1
    assert [item["outcome"] for item in done.json["items"]] == [
        "kept", "held: not_json", "there is no item 9 in the quarantine",
    ]  # fmt: skip
    assert done.json["items"][0]["position"] > 0
    assert [item["id"] for item in tracker("quarantine", "list", "--state", "replayed", "--json").json["items"]] == [1]


def test_what_is_given_up_is_settled_once(tracker: CommandLine, database_url: str) -> None:
    put(database_url, held(b"no json", reason="not_json"))
    assert tracker("quarantine", "discard", "1").code == 0
    again = tracker("quarantine", "discard", "1")
    assert (again.code, "was discarded before" in again.out) == (1, True)
    assert tracker("quarantine", "list").lines[1:] == []
    (item,) = tracker("quarantine", "list", "--state", "any", "--json").json["items"]
    assert item["state"] == "discarded"
    assert item["settled_at"]
