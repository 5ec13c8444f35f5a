"""The write side: all that people change, by the API, the dashboard or the command line, and what they signal.

It is done at once, and a fact of the log like all the rest. What the quarantine holds is replayed by `receive`, through
the reading of the door.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from tracker.domain.actions import ActionSpec
from tracker.domain.payloads import Payload, ReconcilePayload, RetryPayload
from tracker.domain.posts.lifecycle import FALLEN_SHORT
from tracker.domain.runs.memory import Asked
from tracker.domain.runs.run import RunState
from tracker.domain.runs.simulation import CANCELLED
from tracker.errors import NotFound, Rejected
from tracker.facts.own_facts import Wished, by_hand, created, detail, own_fact, signalled
from tracker.facts.redelivery_plans import bring_redelivery, plan_redelivery
from tracker.store import keys
from tracker.store.actions import actions
from tracker.store.calls import reconciliations
from tracker.store.log import event_log
from tracker.store.reactions import rule_switches, runs, silences
from tracker.store.reactions.rule_switches import Switch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from typing import Any
    from uuid import UUID

    from tracker.domain.posts.post import Post
    from tracker.domain.rules.rule import Rule
    from tracker.domain.runs.pause import Silence
    from tracker.domain.runs.run import Run
    from tracker.store.database import Connection
    from tracker.store.log.event_log import Incoming, Receipt

__all__ = [
    "Wished", "ask_providers", "begin_silence", "bring_redelivery", "cancel_run", "create_key", "discard_action",
    "end_silence", "note_created", "plan_redelivery", "reconcile_post", "retry_action", "retry_post", "revoke_key",
    "signal", "switch_rule",
]  # fmt: skip

OPEN = frozenset({RunState.ACTIVE, RunState.QUEUED})


async def switch_rule(conn: Connection, rule: Rule, *, on: bool, by: str, now: datetime) -> bool:
    """Put the rule in force or out of it, whatever its file says; answers whether it was otherwise before.

    `rule` is as its file says it.
    """
    known = (await rule_switches.by_rule(conn)).get(rule.id)
    if rule_switches.is_on(rule, known) is on:
        return False
    if rule.enabled is on:
        await rule_switches.clear(conn, rule.id)
    else:
        await rule_switches.put(conn, Switch(rule.id, on, by, now))
    event = "rule.enabled" if on else "rule.disabled"
    await event_log.append(conn, [_done(event, f"{rule.id}:{event}:{now.isoformat()}", by, now, rule=rule.id)])
    return True


async def note_created(
    conn: Connection, provider: str, post: str, wished: Wished, key: str, began: datetime, now: datetime
) -> None:
    """A post was created at its provider under that idempotency key; until the provider speaks, a schedule is known."""
    await event_log.append_once(conn, created(provider, post, wished, key, began, now))


async def retry_post(conn: Connection, post: Post, by: str, now: datetime) -> UUID:
    """Have the provider try the post again; the action that does it, or the one that is about to.

    Raises Rejected when the post has not failed.
    """
    if post.state not in FALLEN_SHORT:
        raise Rejected(
            "not_failed", f'post "{post.id}" is {post.state}: only failed and partial ones are retried;'
            " if the provider sees it otherwise, reconcile it first",
        )  # fmt: skip
    payload = RetryPayload(post=post.id, attempt=post.attempt)
    return await _ask_provider(conn, "retry", post, payload, by, now)


async def reconcile_post(conn: Connection, post: Post, by: str, now: datetime) -> UUID:
    """Ask the provider how the post stands; the action that does it, or the one that is about to."""
    return await _ask_provider(conn, "reconcile", post, ReconcilePayload(post=post.id), by, now)


async def ask_providers(
    conn: Connection, providers: Iterable[str], since: datetime | None, by: str, now: datetime
) -> list[UUID]:
    """Have each of them asked, about what changed `since` or else where the last round stopped; the rounds' ids."""
    rounds = [
        await reconciliations.want(conn, reconciliations.BY_HAND, name, now, by=by, since=since) for name in providers
    ]
    return [wanted for wanted in rounds if wanted]


async def retry_action(conn: Connection, action: UUID, now: datetime) -> None:
    """Attempt an ended action once more; raises NotFound, or Rejected when it is under way."""
    await event_log.append(conn, [by_hand(await actions.put_back(conn, action, now), "retried", now)])


async def discard_action(conn: Connection, action: UUID, now: datetime) -> None:
    """Give an action up; raises NotFound, or Rejected when it is under way or done."""
    await event_log.append(conn, [by_hand(await actions.discard(conn, action, now), "discarded", now)])


async def create_key(conn: Connection, name: str, scopes: Sequence[str], now: datetime) -> tuple[str, str]:
    """A new key's id and its text, which cannot be had again."""
    return await keys.create(conn, name, scopes, now)


async def revoke_key(conn: Connection, key: str, now: datetime) -> None:
    """From now on the key opens nothing; raises NotFound."""
    await keys.revoke(conn, key, now)


async def cancel_run(conn: Connection, run: UUID, by: str, now: datetime) -> Run:
    """Ask the reactor to end the run; raises NotFound, or Rejected when it has ended."""
    found = await runs.lock(conn, run)
    if found.state not in OPEN:
        raise Rejected("not_open", f"run {run} is {found.state}: only active and queued ones are cancelled")
    said = {"run": str(run), "rule": found.rule, "by": by}
    fact = own_fact("manual", f"{run}:cancelled", CANCELLED, found.provider, found.post, now, now, detail=said)
    await event_log.append_once(conn, fact)
    return found


async def begin_silence(conn: Connection, silence: Silence) -> None:
    """Hide the alerts that fit it, from now to its end."""
    await silences.begin(conn, silence)
    said = {"match": silence.match, "until": silence.until.isoformat(), "reason": silence.reason}
    event = _done("silence.begun", f"{silence.id}:begun", silence.by, silence.since, silence=str(silence.id), **said)
    await event_log.append(conn, [event])


async def end_silence(conn: Connection, silence: UUID, by: str, now: datetime) -> Silence:
    """End it now, if it is not over; it is kept. Raises NotFound."""
    if await silences.end(conn, silence, now):
        await event_log.append(conn, [_done("silence.ended", f"{silence}:ended", by, now, silence=str(silence))])
    found = await silences.one(conn, silence)
    if found is None:
        raise NotFound(f"there is no silence {silence}")
    return found


async def signal(
    conn: Connection, name: str, provider: str, post: str | None, delivery: str | None, said: Mapping[str, Any],
    now: datetime,
) -> Receipt:  # fmt: skip
    """Somebody outside says that something has happened; what comes again under the same `delivery` is the same."""
    delivery = delivery or str(uuid4())
    return await event_log.append_once(conn, signalled(name, provider, post, delivery, now, {**said, "id": delivery}))


async def _ask_provider(conn: Connection, verb: str, post: Post, payload: Payload, by: str, now: datetime) -> UUID:
    if under_way := await actions.open_of_post(conn, post.provider, post.id, verb):
        return under_way
    spec = ActionSpec(verb, post.provider, payload, f"manual:{uuid4()}", now)
    await actions.intend(conn, [Asked(spec, "", "", None, post.provider, post.id)], now)
    said = {**detail(spec.id, None, None, verb, "requested", "by_hand"), "by": by}
    event = own_fact(
        "manual", f"{spec.id}:requested", "action.requested", post.provider, post.id, now, now, detail=said
    )
    await event_log.append(conn, [event])
    return spec.id


def _done(event: str, delivery: str, by: str, now: datetime, **said: Any) -> Incoming:
    """A fact about no post."""
    return own_fact("manual", delivery, event, "", None, now, now, detail={**said, "by": by})
