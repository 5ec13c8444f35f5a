"""Rules switched by hand: what people want, over what the files say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tracker.store.wakeups import RULES
from tracker.store.waking import wake_after_commit

if TYPE_CHECKING:
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
