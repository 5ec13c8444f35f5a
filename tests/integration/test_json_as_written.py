"""JSON that is kept as it was written: read back the same, and refused where Postgres could not read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from asyncpg import Connection

pytestmark = pytest.mark.anyio

TEXTS = st.text(st.sampled_from(["\\", "u", "0", "\x00", "a", '"', "\n", "ğ", "😀", "\x7f"]), max_size=12)


@given(text=TEXTS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors])
async def test_it_is_read_back_by_us_and_by_postgres_or_refused(shared_connection: Connection, text: str) -> None:
    if "\x00" in text:
        with pytest.raises(asyncpg.DataError, match="character 0"):
            await shared_connection.fetchval("select $1::json", {"said": text})
    else:
        read = "select written, written ->> 'said' as said from (select $1::json as written) one"
        row = await shared_connection.fetchrow(read, {"said": text})
        assert (row["written"], row["said"]) == ({"said": text}, text)
