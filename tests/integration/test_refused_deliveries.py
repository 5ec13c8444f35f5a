"""What is not authentic is kept for each provider by itself, so that nobody can push out what a secret may yet heal."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.integration.test_receiver import a_delivery, signed
from tests.integration.test_report_plans import nodes
from tests.integration.told import NOON
from tracker.embedded.embedded import EmbeddedPostgres
from tracker.errors import NotFound, Rejected, Unavailable
from tracker.process.retention import prune_refused
from tracker.providers import build_providers
from tracker.queries.quarantine import HELD, QuarantineQuery, oldest_held
from tracker.receive.quarantine_replay import Replay
from tracker.receive.receiver import WRITTEN_AT_ONCE, Delivery, Receiver
from tracker.settings import Settings
from tracker.store.database import Database
from tracker.store.log import quarantine
from tracker.store.migrations import upgrade

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tracker.providers.adapter import Adapter

pytestmark = pytest.mark.anyio

KEPT = 50
TOMORROW = "the secret of tomorrow"


def doors(**secrets: str) -> dict[str, Adapter]:
    """A provider of each name, with its secret."""
    kind = {"kind": "sosyalkopru", "api_url": "http://127.0.0.1:9"}
    providers = {name: {**kind, "webhook_secrets": [secret]} for name, secret in secrets.items()}
    return build_providers(Settings.model_validate({"providers": providers}))


def of(provider: str, post: str, secret: str) -> Delivery:
    """A delivery of that provider, signed with that secret."""
    return a_delivery(post, secret=secret)._replace(provider=provider)


def unsigned(provider: str, post: str, headers: Mapping[str, str] | None = None) -> Delivery:
    """The same without a signature, or with what is none."""
    return of(provider, post, "any")._replace(headers=headers or {})


async def refused(receiver: Receiver, *deliveries: Delivery) -> None:
    """All of them are refused, and written down."""
    for delivery in deliveries:
        with pytest.raises(Rejected):
            await receiver.receive(delivery)
    await receiver.flush_unauthentic()


async def kept(database: Database) -> dict[str, list[str]]:
    """The reasons of what is kept, by provider."""
    async with database.connection() as conn:
        rows = await conn.fetch("select provider, reason from quarantine where not authentic order by id")
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["provider"], []).append(row["reason"])
    return found


def a_receiver(database: Database, **secrets: str) -> Receiver:
    return Receiver(database, doors(**secrets), lambda: NOON, kept_unauthentic=KEPT)


async def test_a_flood_at_one_door_leaves_the_others_whole_and_they_heal_after_the_secret_is_put_right(
    database: Database,
) -> None:
    receiver = a_receiver(database, a="old", b="old")
    await refused(receiver, *(of("a", f"p{n}", TOMORROW) for n in range(30)))
    for round_ in range(10):
        await refused(receiver, *(of("b", f"forged{round_}-{n}", "forged") for n in range(30)))
    assert {provider: len(reasons) for provider, reasons in (await kept(database)).items()} == {"a": 30, "b": KEPT}
    replaying = Replay(database, doors(a=TOMORROW, b="old"), lambda: NOON)
    async with database.connection() as conn:
        held = await oldest_held(conn, QuarantineQuery((HELD,), "a"), None, 100)
    assert [(await replaying.replay(item.id)).outcome for item in held.items] == ["kept"] * 30


async def test_a_wrong_signature_outlives_a_flood_of_missing_and_malformed_ones_at_its_own_door(
    database: Database,
) -> None:
    receiver = a_receiver(database, a="old")
    await refused(receiver, *(of("a", f"p{n}", TOMORROW) for n in range(10)))
    for round_ in range(4):
        await refused(receiver, *(unsigned("a", f"none{round_}-{n}") for n in range(30)))
        odd = {"x-sosyalkopru-signature": "sha256=short"}
        await refused(receiver, *(unsigned("a", f"odd{round_}-{n}", odd) for n in range(30)))
    reasons = (await kept(database))["a"]
    assert len(reasons) == KEPT
    assert reasons.count("signature_wrong") == 10
    assert reasons.count("signature_missing") == 0


async def test_of_the_same_weight_the_newest_are_kept(database: Database) -> None:
    receiver = a_receiver(database, a="old")
    for n in range(KEPT + 5):
        await refused(receiver, of("a", f"p{n}", TOMORROW))
    async with database.connection() as conn:
        rows = await conn.fetch("select delivery, body from quarantine order by id")
    assert [json.loads(row["body"])["data"]["postId"] for row in rows] == [f"p{n}" for n in range(5, KEPT + 5)]


async def test_an_unknown_provider_makes_no_row(database: Database) -> None:
    receiver = a_receiver(database, a="old")
    body = b"{}"
    with pytest.raises(NotFound):
        await receiver.receive(Delivery("nobody", signed(body, "d1"), body))
    await receiver.flush_unauthentic()
    assert await kept(database) == {}


async def test_a_flood_writes_no_more_than_a_bounded_number_of_rows_at_once(database: Database) -> None:
    receiver = Receiver(database, doors(a="old", b="old"), lambda: NOON, kept_unauthentic=10_000)
    for n in range(3 * WRITTEN_AT_ONCE):
        for provider in "ab":
            with suppress(Rejected):
                await receiver.receive(of(provider, f"p{n}", "forged"))
    await receiver.flush_unauthentic()
    found = await kept(database)
    assert {provider: len(reasons) for provider, reasons in found.items()} == dict.fromkeys("ab", WRITTEN_AT_ONCE // 2)


async def test_what_could_not_be_written_waits_until_the_database_is_back(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path)
    dsn = server.start()
    await upgrade(dsn)
    async with Database.open(dsn) as database:
        receiver = a_receiver(database, a="old")
        with pytest.raises(Rejected):
            await receiver.receive(of("a", "p1", TOMORROW))
        server.stop()
        with pytest.raises(Unavailable):
            await receiver.flush_unauthentic()
        server.start()
        await receiver.flush_unauthentic()
        assert await kept(database) == {"a": ["signature_wrong"]}
    server.stop()


async def test_a_bound_that_was_lowered_holds_for_every_provider_also_for_one_that_is_gone(database: Database) -> None:
    receiver = a_receiver(database, a="old", b="old")
    await refused(receiver, *(of(provider, f"p{n}", TOMORROW) for provider in "ab" for n in range(20)))
    await prune_refused(database, 7)
    assert {provider: len(reasons) for provider, reasons in (await kept(database)).items()} == {"a": 7, "b": 7}


async def test_pruning_leaves_what_somebody_is_deciding_on(database: Database) -> None:
    receiver = a_receiver(database, a="old")
    await refused(receiver, *(of("a", f"p{n}", TOMORROW) for n in range(3)))
    async with database.transaction() as conn:
        first = await conn.fetchval("select min(id) from quarantine")
        await quarantine.get(conn, first, hold=True)
        await prune_refused(database, 1)
    assert len((await kept(database))["a"]) == 2


MANY = """
insert into quarantine (provider, reason, authentic, delivery, body_hash, received_at, headers, body, weight)
select 'p' || n % 50, 'signature_wrong', n % 100 < 5, n, n::text::bytea, now(), '{}', '\\x00', n % 3
  from generate_series(1, 60000) n
"""


async def test_pruning_reads_the_rows_of_one_provider_by_the_index_made_for_it(database: Database) -> None:
    async with database.transaction() as conn:
        await conn.execute(MANY)
        await conn.execute("analyze quarantine")
        statement = f"explain (analyze, buffers, format json) {quarantine.PRUNE_UNAUTHENTIC}"
        (explained,) = await conn.fetchval(statement, "p7", 1000, quarantine.PRUNED_AT_ONCE)
        found = list(nodes(explained["Plan"]))
        assert "quarantine_refused" in {node.get("Index Name") for node in found}
        assert not [node for node in found if node["Node Type"] == "Seq Scan"]
        walk = await conn.fetchval(f"explain (analyze, format json) {quarantine.PROVIDERS_REFUSED}")
        assert not [node for node in nodes(walk[0]["Plan"]) if node["Node Type"] == "Seq Scan"]
        assert len(await quarantine.providers_refused(conn)) == 50
