"""The last good rule files, kept for a service that cannot read its own; and what people switched by hand."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tracker.store.wakeups import RULES
from tracker.store.waking import wake_after_commit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracker.domain.rules.rule import Rule
    from tracker.store.database import Connection


@dataclass(frozen=True, slots=True)
class Switch:
    """Who has switched a rule on or off, and when."""

    rule: str
    enabled: bool
    by: str
    at: datetime


def is_on(rule: Rule, switch: Switch | None) -> bool:
    """Whether the rule is on: what somebody wants by hand goes before what its file says."""
    return switch.enabled if switch else rule.enabled


ALL_SWITCHES = "select rule, enabled, by, at from rule_switches"

SET_SWITCH = """
insert into rule_switches (rule, enabled, by, at) values ($1, $2, $3, $4)
    on conflict (rule) do update set enabled = excluded.enabled, by = excluded.by, at = excluded.at
"""

CLEAR_SWITCH = "delete from rule_switches where rule = $1"


async def switches_by_rule(conn: Connection) -> dict[str, Switch]:
    """Every switch, by the rule's id."""
    return {row["rule"]: Switch(*row) for row in await conn.fetch(ALL_SWITCHES)}


async def put_switch(conn: Connection, switch: Switch) -> None:
    """From now on the rule is on or off, whatever its file says."""
    await conn.execute(SET_SWITCH, switch.rule, switch.enabled, switch.by, switch.at)
    wake_after_commit(conn, RULES)


async def clear_switch(conn: Connection, rule: str) -> None:
    """From now on the rule is what its file says."""
    await conn.execute(CLEAR_SWITCH, rule)
    wake_after_commit(conn, RULES)


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
    """The `revision` of the files kept, and since when; since when newer ones are refused, and why. None: none are."""

    revision: str | None = None
    kept_at: datetime | None = None
    refused_at: datetime | None = None
    refused: str | None = None


async def keep(conn: Connection, revision: str, files: Mapping[str, str]) -> None:
    """Keep these files (text by name) as the last good ones; none is refused any more."""
    await conn.execute(KEEP, NAME, revision, zlib.compress(json.dumps(files, sort_keys=True).encode()))


async def refuse(conn: Connection, why: str) -> None:
    """Note that files are refused, from now on unless they were before, and why."""
    await conn.execute(REFUSE, NAME, why)


async def standing(conn: Connection) -> Standing:
    """The revision that is kept, and whether files are refused."""
    row = await conn.fetchrow(STANDING, NAME)
    return Standing(*row) if row else Standing()


async def files(conn: Connection, revision: str) -> bytes | None:
    """The files of that revision, for `unpacked`; None: others are kept by now."""
    packed: bytes | None = await conn.fetchval(FILES, NAME, revision)
    return packed


def unpacked(packed: bytes) -> dict[str, str]:
    """The texts of packed files by their names."""
    found: dict[str, str] = json.loads(zlib.decompress(packed))
    return found
