"""What the service does over and over goes by the index that is there for it, on a new store and on a full one."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from tests.integration.test_plans_from_empty import ACTIONS, ATTEMPTS, POSTS, explained, prepared
from tests.integration.told import NOON
from tracker.store.actions import action_claims, action_leases, actions
from tracker.store.checkpoints import subscriptions
from tracker.store.checkpoints.subscriptions import SubscriptionState
from tracker.store.log import event_log, look_back
from tracker.store.log.feed import EVENTS, beginning
from tracker.store.posts import posts
from tracker.store.reactions import runs, timers
from tracker.store.session import together

if TYPE_CHECKING:
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

MANY_EVENTS = """
insert into events (day, epoch, bucket, source, provider, delivery, body_hash, kind, post, part, received_at, conflict,
                    headers, body)
select $1::timestamptz::date, 1, n % 16, 'p', 'p', n, '', 'post.published', 'p' || n, 0, $1, false, '{}', ''
  from generate_series(1, 5000) n
"""
DELIVERED = """
insert into deliveries (source, delivery, body_hash, position, day)
select source, delivery, decode(md5(delivery), 'hex'), position, day from events where received_at = $1
"""
MANY_FIRINGS = """
insert into firings (rule, key, cause, revision, outcome, provider, post, fired_at, occurred_at)
select 'r' || n % 10, 'k' || n % 1000, n, '1', 'fired', 'p', 'p' || n, at, at
  from (select n, $1::timestamptz + n * interval '1 s' as at from generate_series(1, 5000) n) one
"""
MANY_TIMERS = """
insert into timers (rule, key, kind, bucket, due_at, meaning, cause, provider, post, data)
select 'r', 'k' || n, 'w', n % 16, $1::timestamptz + n * interval '1 minute', '', '', 'p', 'p' || n, '{}'
  from generate_series(1, 5000) n
"""
MANY_RUNS = """
insert into runs (id, rule, key, provider, post, state, data, started_at, updated_at)
select lpad(n::text, 32, '0')::uuid, 'r', 'k' || n, 'p', 'p' || n,
       case when n % 100 = 0 then 'active' else 'done' end, '{}', $1, $1
  from generate_series(1, 5000) n
"""
CLAIMING: list[object] = [NOON, 16, 8, [], [], "n", timedelta(seconds=9), True]
BUCKETS, SEEN, ID = [1, 2, 3], "5000:5000:", UUID(int=7)

RECALLED: list[object] = [["r"], ["p"], ["c7"], [ID], ["r"], ["k7"], ["r"], NOON]
PLACE = subscriptions.moving("processor", SubscriptionState(0, BUCKETS, 1, beginning(1), None), beginning(1), NOON)
MOVING = ["processor", 0, 1, 1, SEEN, NOON]
MOVED_AND_STANDING = together(posts.STANDING_ONCE_MOVED, 3, ((PLACE.steps, len(PLACE.values)),))

NEEDED: dict[str, tuple[str, list[object], str]] = {
    "a post by its key": (posts.STANDING, [1, ["p"], ["p7"]], r"posts_v1_pkey"),
    "new events": (EVENTS.fresh, [1, BUCKETS, SEEN, 10, 20, 500, "1:1:"], r"events_\d+_epoch_xid_position_idx"),
    "the facts of a post": (
        look_back.OF_POSTS,
        [["p"], ["p7"], 99, None, None, "processor", None],
        r"events_\d+_provider_post_position_idx",
    ),
    "what a step reads": (
        subscriptions.READ,
        [1, BUCKETS, SEEN, 10, [], 500, "processor", "n"],
        r"events_\d+_epoch_xid_position_idx",
    ),
    "the next timer": (timers.NEXT_DUE, [BUCKETS], r"timers_due"),
    "a firing": (runs.KNOWN, [["r"], ["p"], ["c7"]], r"firings_pkey"),
    "firings lately": (runs.RECENT, [["r"], ["p"], [NOON], 20], r"firings_recent"),
    "a budget": (runs.COUNTS, [["r"], [NOON], [20], None], r"firings_of_rule"),
    "what is spent": (runs.SPENT, [["r"], [NOON], [20], NOON], r"firings_of_rule"),
    "turns of a throttled rule": (runs.STARTS, [["r"], [20], NOON], r"runs_starting"),
    "a run": (runs.RECALL, RECALLED, r"runs_pkey"),
    "open runs of what is recalled": (runs.RECALL, RECALLED, r"runs_open"),
    "a firing of what is recalled": (runs.RECALL, RECALLED, r"firings_pkey"),
    "how often rules fired": (runs.RECALL, RECALLED, r"rule_counts_pkey"),
    "a post once the place is moved": (MOVED_AND_STANDING, [1, ["p"], ["p7"], *MOVING], r"posts_v1_pkey"),
    "open runs": (runs.LOAD_OPEN, [["r"], ["k7"]], r"runs_open"),
    "due timers": (timers.DUE, [BUCKETS, NOON, 500, NOON, ["r"]], r"timers_due"),
    "waiting actions": (action_claims.CLAIM, CLAIMING, r"actions_waiting"),
    "a group": (action_claims.CLAIM, CLAIMING, r"actions_of_group"),
    "an alert": (action_claims.CLAIM, CLAIMING, r"actions_of_alert"),
    "what travels together": (action_claims.ABSORB, [[ID], NOON, 500], r"actions_of_group"),
    "lapsed leases": (action_leases.RESCUE, [NOON], r"actions_by_state"),
    "open actions of a post": (actions.OPEN_OF_POST, ["p", "p7", "retry"], r"actions_of_post"),
    "a delivery": (event_log.FIND_DELIVERY, ["p", "7"], r"deliveries_pkey"),
    "a body": (event_log.FIND_BODY, ["p", "\\x00"], r"deliveries_body"),
}


BY_STATISTICS = {"the facts of a post", "an alert", "firings lately", "a budget", "a delivery"}
"""Of an empty table one index is as good as another; these are planned anew once Postgres has counted what is in it."""


@pytest.mark.parametrize("need", NEEDED)
async def test_what_is_done_over_and_over_goes_by_its_index(database: Database, need: str) -> None:
    statement, values, index = NEEDED[need]
    async with database.transaction() as conn:
        await event_log.ensure_day(conn, NOON.date())
        await prepared(conn, statement)
        empty = await explained(conn, values, "")
        await conn.execute(POSTS, NOON, NOON.date())
        for filling in (MANY_FIRINGS, ACTIONS, ATTEMPTS, MANY_EVENTS, DELIVERED, MANY_TIMERS, MANY_RUNS):
            await conn.execute(filling, NOON)
        await conn.execute("analyze; deallocate work")
        await prepared(conn, statement)
        full = await explained(conn, values, "")
    for plan in (empty, full):
        names = re.findall(r'"Index Name": "(\w+)"', json.dumps(plan))
        assert any(re.fullmatch(index, name) for name in names), names
