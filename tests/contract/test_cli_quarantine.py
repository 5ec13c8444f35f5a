"""`tracker quarantine`: what was held is looked at, tried again once its cause is mended, or given up."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from tests.contract.command_line import SECRET, CommandLine, Ran
from tests.integration.told import NOON, PROVIDER
from tracker.providers.signing import sign
from tracker.providers.sosyalkopru import KIND, SCHEME
from tracker.store.database import Database, Row
from tracker.store.log import quarantine
from tracker.store.log.quarantine import Unusable

if TYPE_CHECKING:
    from pathlib import Path

GOOD = json.dumps({"event": "post.failed", "timestamp": "2026-11-10T12:00:00.000Z", "data": {"postId": "p1"}}).encode()


@pytest.fixture
def tracker(tmp_path: Path, database_url: str) -> CommandLine:
    return CommandLine(tmp_path).configure(database_url)


def held(
    body: bytes, *, secret: str = "", reason: str = "signature_wrong", provider: str = PROVIDER, came: datetime = NOON
) -> Unusable:
    """A delivery that was signed with `secret`, or that was authentic when it came."""
    headers = sign(SCHEME, [secret.encode()], body, NOON) if secret else {}
    return Unusable(
        provider, reason, not secret, "d1", sha256(body).digest(), came, headers | {KIND.delivery.path: "dlv_1"}, body
    )


def put(url: str, *items: Unusable) -> None:
    """Put them into the quarantine, with ids from 1."""

    async def work() -> None:
        async with Database.open(url) as database, database.connection() as conn:
            await quarantine.keep(conn, items)

    asyncio.run(work())


def events(url: str) -> list[Row]:
    """The log."""

    async def work() -> list[Row]:
        async with Database.open(url) as database, database.connection() as conn:
            rows: list[Row] = await conn.fetch("select * from events")
            return rows

    return asyncio.run(work())


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
    assert (second["items"][0]["raw"]["body"], second["next"]) == ("no json\x1b[2J", None)
    lines = tracker("quarantine", "list").lines
    assert [line.split()[0] for line in lines] == ["id", "2", "1"]
    assert len({line.index(word) for line, word in zip(lines, ("state", "held", "held"), strict=True)}) == 1


def test_a_replay_takes_what_can_be_taken_by_now(tracker: CommandLine, database_url: str) -> None:
    """One whose secret is active by now is kept; a body that is no JSON stays what it is."""
    put(database_url, held(GOOD, secret=SECRET), held(b"no json", reason="not_json"))
    tried = tracker("quarantine", "replay", "1", "--dry-run", "--json")
    assert (tried.code, tried.json["items"]) == (
        0,
        [
            {
                "id": 1, "provider": PROVIDER, "reason": "signature_wrong", "received_at": "2026-11-10T12:00:00Z",
                "outcome": "kept", "position": None,
            }
        ],
    )  # fmt: skip
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


def outcomes(ran: Ran) -> dict[int, str]:
    """What became of each item."""
    return {item["id"]: item["outcome"] for item in ran.json["items"]}


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        (("--all",), [1, 2, 3, 4]),
        (("--provider", "another"), [4]),
        (("--reason", "signature_wrong"), [1, 2]),
        (("--since", "2026-11-10T15:30:00+03:00"), [2, 3]),
        (("--all", "--since", "2026-11-10T12:30:00Z", "--reason", "not_json"), [3]),
        (("--reason", "no_such_thing"), []),
    ],
)
def test_what_is_tried_again_is_chosen_by_what_it_is(
    tracker: CommandLine, database_url: str, words: tuple[str, ...], chosen: list[int]
) -> None:
    """Each filter narrows; what was settled before is left out, and a dry run settles nothing."""
    later = NOON + timedelta(hours=1)
    put(
        database_url, held(GOOD, secret=SECRET), held(GOOD, secret="another", came=later),
        held(b"no json", reason="not_json", came=later), held(b"nor this", reason="not_json", provider="another"),
        held(b"given up", reason="not_json"),
    )  # fmt: skip
    assert tracker("quarantine", "discard", "5").code == 0
    ran = tracker("quarantine", "replay", *words, "--dry-run", "--json")
    assert list(outcomes(ran)) == chosen
    assert len(tracker("quarantine", "list", "--json").json["items"]) == 4


def test_a_dry_run_says_what_becomes_of_each_and_the_run_does_it(tracker: CommandLine, database_url: str) -> None:
    """Deliveries that repeat one another are one event, in the forecast too."""
    put(
        database_url, held(GOOD, secret=SECRET), held(GOOD, secret=SECRET), held(GOOD, secret="another"),
        held(b"no json", reason="not_json"),
    )  # fmt: skip
    expected = {1: "kept", 2: "duplicate", 3: "held: signature_wrong", 4: "held: not_json"}
    tried = tracker("quarantine", "replay", "--all", "--dry-run", "--json")
    assert (tried.code, outcomes(tried)) == (1, expected)
    people = tracker("quarantine", "replay", "--all", "--dry-run").lines
    assert people[0].split() == ["id", "provider", "reason", "received_at", "outcome", "position"]
    assert people[-1] == "would become: 1 kept, 1 duplicate, 1 held: signature_wrong, 1 held: not_json"
    done = tracker("quarantine", "replay", "--all", "--json")
    assert (done.code, outcomes(done)) == (1, expected)
    again = tracker("quarantine", "replay", "--all")
    assert again.lines[-1] == "became: 1 held: signature_wrong, 1 held: not_json"


@pytest.mark.parametrize(
    ("body", "secret", "before"),
    [
        (GOOD, "of yesterday", "held: signature_wrong"),
        (GOOD.replace(b'"postId"', b'"id"'), "", "held: no_post"),
    ],
    ids=["a secret", "a field"],
)
def test_what_was_put_right_is_taken_with_its_own_time_and_id(
    tracker: CommandLine, database_url: str, body: bytes, secret: str, before: str
) -> None:
    """After a secret or a place in `fields` was put right: when it came, when it happened and its id stay."""
    put(database_url, held(body, secret=secret, came=NOON - timedelta(hours=1)))
    assert outcomes(tracker("quarantine", "replay", "--all", "--json")) == {1: before}
    config = tracker.folder / "config.toml"
    right = f'["{SECRET}", "{secret}"]' if secret else f'["{SECRET}"]\nfields = {{ post = "data.id" }}'
    config.write_text(config.read_text().replace(f'["{SECRET}"]', right))
    done = tracker("quarantine", "replay", "--all", "--json")
    assert (done.code, outcomes(done)) == (0, {1: "kept"})
    (event,) = events(database_url)
    assert (event["delivery"], event["post"], event["source"]) == ("dlv_1", "p1", PROVIDER)
    assert (event["received_at"], event["occurred_at"]) == (NOON - timedelta(hours=1), NOON)


@pytest.mark.parametrize("words", [(), ("1", "--all"), ("1", "--provider", PROVIDER)])
def test_ids_and_filters_exclude_each_other(tmp_path: Path, words: tuple[str, ...]) -> None:
    ran = CommandLine(tmp_path).configure("")("quarantine", "replay", *words)
    assert (ran.code, "give either ids, or --all" in ran.err) == (2, True)
