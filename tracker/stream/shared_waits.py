"""What rules about accounts, platforms and the like wait for when they are new, by what is there already."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from tracker.domain.accounts import Account
from tracker.domain.posts.post import Post, view
from tracker.domain.rules.decision import Arm, Timer
from tracker.domain.rules.rule import While
from tracker.domain.rules.rule_index import RuleIndex
from tracker.domain.rules.shared_waits import silences, wait_of_account

if TYPE_CHECKING:
    from collections.abc import Container

    from tracker.store.database import Connection

AT_ONCE = 1000
A_DAY = timedelta(days=1)

ACCOUNTS_IN = """
select fold::text from accounts
 where projection = (select version from projections where current) and (provider, account) > ($1, $2)
   and state = any ($4::text[])
 order by provider, account
 limit $3
"""

HEARD_SINCE = """
select fold::text from posts
 where projection = (select version from projections where current) and last_event_at > $1 and last_event_at <= $2
   and (last_event_at < $2 or (provider, post) > ($3, $4))
 order by last_event_at desc, provider, post
 limit $5
"""


async def first_shared_waits(conn: Connection, rules: RuleIndex, anew: Container[str], now: datetime) -> list[Arm]:
    """The waits of the rules `anew`, one for each of what they count as one; of several silences the last."""
    index = RuleIndex(rule for rule in rules if rules.has_shared_waits and rule.id in anew)
    index.there_since = rules.there_since
    found: dict[tuple[str, str], Arm] = {}
    for arm in [*await _of_accounts(conn, index), *await _silences(conn, index, now)]:
        key = (arm.rule.id, arm.timer.key)
        if key not in found or not arm.timer.is_earlier(found[key].timer):
            found[key] = arm
    return list(found.values())


async def _of_accounts(conn: Connection, rules: RuleIndex) -> list[Arm]:
    waiting = [rule for rule in rules if isinstance(rule.trigger, While) and rule.trigger.accounts]
    states = list({str(state) for rule in waiting for state in getattr(rule.trigger, "accounts", ())})
    after, arms = ("", ""), list[Arm]()
    while states and (rows := await conn.fetch(ACCOUNTS_IN, *after, AT_ONCE, states)):
        accounts = [msgspec.json.decode(row["fold"], type=Account) for row in rows]
        after = (accounts[-1].provider, accounts[-1].id)
        for account in accounts:
            waits = ((rule, wait_of_account(rule, account, rules.there_since.get(rule.id))) for rule in waiting)
            arms += [Arm(rule, wait) for rule, wait in waits if isinstance(wait, Timer)]
    return arms


async def _silences(conn: Connection, rules: RuleIndex, now: datetime) -> list[Arm]:
    """By the posts of which something was heard within the longest span: whatever is older is over."""
    longest = max((rule.span for rule in rules if rule.is_silence), default=timedelta(0))
    upto, after, arms = now + A_DAY, ("", ""), list[Arm]()
    while longest and (rows := await conn.fetch(HEARD_SINCE, now - longest, upto, *after, AT_ONCE)):
        posts = [view(msgspec.json.decode(row["fold"], type=Post)) for row in rows]
        upto, after = posts[-1].last_event_at or now, (posts[-1].provider, posts[-1].id)
        arms += [arm for post in posts for arm in silences(rules, post, now)]
    return arms
