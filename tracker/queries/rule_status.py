"""How each rule does: whether it is on, a canary until when, what holds it, and what it came to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tracker.queries import rule_firings
from tracker.queries.paging import Page, read_cursor, write_cursor
from tracker.queries.rule_firings import Tally
from tracker.store.reactions import rule_pauses, rule_switches, timers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tracker.domain.rules.rule import Rule
    from tracker.domain.runs.pause import Pause
    from tracker.rulebook.source import RuleSource
    from tracker.store.database import Connection
    from tracker.store.reactions.rule_switches import Switch

BY_ID = "id"
DAY = timedelta(days=1)
"""Firings are counted over this span, and ever."""


@dataclass(frozen=True, slots=True)
class RuleStatus:
    """A rule as its file says it, and how it does.

    `place` is its file and line, `switch` what somebody wants of it by hand. `in_force_since` and `canary_until` are
    None where no process has put this revision in force, and where it is no canary (any more).
    """

    rule: Rule
    place: tuple[str, int] | None
    switch: Switch | None
    in_force_since: datetime | None
    canary_until: datetime | None
    tally: Tally
    pauses: Sequence[Pause]

    @property
    def enabled(self) -> bool:
        """Whether it is on, by hand or by its file."""
        return rule_switches.is_on(self.rule, self.switch)

    @property
    def state(self) -> str:
        """In one word: on, off, or canary."""
        return "off" if not self.enabled else "canary" if self.canary_until else "on"

    @property
    def last_fired_at(self) -> datetime | None:
        """When a run of it last began."""
        return max((self.tally.last[one] for one in ("fired", "queued") if one in self.tally.last), default=None)


async def list_rules(
    conn: Connection, source: RuleSource, now: datetime, cursor: str | None, limit: int, enabled: bool | None = None
) -> Page[RuleStatus]:
    """A page of the rules by their ids, all or those that are on (or off)."""
    last = read_cursor(cursor, BY_ID, str) if cursor else ""
    switches = await rule_switches.switches_by_rule(conn)
    left = [
        rule
        for rule in sorted(source.rules(), key=lambda rule: rule.id)
        if rule.id > last and enabled in {None, rule_switches.is_on(rule, switches.get(rule.id))}
    ]
    found = await _statuses(conn, left[:limit], source, switches, now)
    return Page(found, write_cursor(BY_ID, left[limit - 1].id) if len(left) > limit else None)


async def status_of(conn: Connection, rule: Rule, source: RuleSource, now: datetime) -> RuleStatus:
    """How one rule does."""
    (found,) = await _statuses(conn, [rule], source, await rule_switches.switches_by_rule(conn), now)
    return found


async def _statuses(
    conn: Connection, shown: Sequence[Rule], source: RuleSource, switches: Mapping[str, Switch], now: datetime
) -> list[RuleStatus]:
    armed = await timers.armed_revisions(conn)
    pauses = (await rule_pauses.in_force(conn, now, now)).pauses
    tallies = await rule_firings.tallies(conn, [rule.id for rule in shown], now - DAY)
    places, found = source.places(), []
    for rule in shown:
        revision, at = armed.get(rule.id, (None, None))
        since = at if revision == rule.revision else None
        canary = since + rule.canary if since and rule.canary else None
        held = [pause for pause in pauses if pause.rule == rule.id]
        found.append(
            RuleStatus(
                rule, places.get(rule.id), switches.get(rule.id), since, canary if canary and canary > now else None,
                tallies.get(rule.id, Tally()), held,
            )
        )  # fmt: skip
    return found
