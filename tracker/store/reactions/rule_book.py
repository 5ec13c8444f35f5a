"""The last good rule files, kept for a service that cannot read its own; and since when files are refused."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracker.store.database import Connection

NAME = "last good"
"""There is one: the newest that any process has read."""

KEEP = """
insert into rule_book as known (name, revision, files, kept_at) values ($1, $2, $3, now())
    on conflict (name) do update
       set revision = excluded.revision, files = excluded.files, refused_at = null, refused = null,
           kept_at = case when known.revision is distinct from excluded.revision then now() else known.kept_at end
     where known.revision is distinct from excluded.revision or known.refused_at is not null
"""

REFUSE = """
insert into rule_book as known (name, refused_at, refused) values ($1, now(), $2)
    on conflict (name) do update set refused_at = coalesce(known.refused_at, now()), refused = excluded.refused
"""

STANDING = "select revision, kept_at, refused_at, refused from rule_book where name = $1"

FILES = "select files from rule_book where name = $1 and revision = $2"


@dataclass(frozen=True, slots=True)
class Standing:
    """The revision of the files that are kept, and since when; since when files are refused, and why."""

    revision: str | None = None
    kept_at: datetime | None = None
    refused_at: datetime | None = None
    refused: str | None = None


async def keep(conn: Connection, revision: str, files: Mapping[str, str]) -> None:
    """These files are good; none is refused any more."""
    await conn.execute(KEEP, NAME, revision, zlib.compress(json.dumps(files, sort_keys=True).encode()))


async def refuse(conn: Connection, why: str) -> None:
    """Files are refused from now on, if not for longer."""
    await conn.execute(REFUSE, NAME, why)


async def standing(conn: Connection) -> Standing:
    """What is kept, and what is refused."""
    row = await conn.fetchrow(STANDING, NAME)
    return Standing(*row) if row else Standing()


async def files(conn: Connection, revision: str) -> bytes | None:
    """The files of that revision, packed, unless others are kept by now."""
    packed: bytes | None = await conn.fetchval(FILES, NAME, revision)
    return packed


def unpacked(packed: bytes) -> dict[str, str]:
    """The files by their names."""
    found: dict[str, str] = json.loads(zlib.decompress(packed))
    return found
