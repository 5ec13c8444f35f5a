"""API keys: shown once, kept as a hash, found only by their whole text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.told import NOON
from tracker.errors import NotFound
from tracker.store import keys

if TYPE_CHECKING:
    from asyncpg import Connection

pytestmark = pytest.mark.anyio


async def test_a_key_opens_what_it_was_made_for(connection: Connection) -> None:
    key, text = await keys.create(connection, "reporting", ["operate"], NOON)
    found = await keys.authenticate(connection, text)
    assert found == keys.Key(key, "reporting", ("operate",))
    assert (found.reaches("read"), found.reaches("operate"), found.reaches("admin")) == (True, True, False)


async def test_nothing_in_the_database_gives_the_key_away(connection: Connection) -> None:
    _, text = await keys.create(connection, "reporting", ["read"], NOON)
    secret = text.split("_", 2)[2]
    rows = await connection.fetch("select k::text as everything from api_keys k")
    assert all(secret not in row["everything"] for row in rows)
    assert not any(hasattr(key, "hash") for key in await keys.list_all(connection))


@pytest.mark.parametrize("change", [str.upper, lambda text: text[:-1], lambda text: text + "x", lambda _text: ""])
async def test_only_the_whole_text_opens(connection: Connection, change: object) -> None:
    assert callable(change)
    _, text = await keys.create(connection, "reporting", ["read"], NOON)
    assert await keys.authenticate(connection, change(text)) is None


async def test_a_revoked_key_opens_nothing_and_stays_in_the_list(connection: Connection) -> None:
    key, text = await keys.create(connection, "reporting", ["read"], NOON)
    await keys.revoke(connection, key, NOON)
    assert await keys.authenticate(connection, text) is None
    assert [key.revoked_at for key in await keys.list_all(connection)] == [NOON]


async def test_what_is_not_there_cannot_be_revoked(connection: Connection) -> None:
    with pytest.raises(NotFound):
        await keys.revoke(connection, "nothing", NOON)
