"""The write side: all that people change, by the API, the dashboard or the command line, and what they signal.

It is done at once, and a fact of the log like all the rest. What the quarantine holds is replayed by `receive`, through
the reading of the door.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from tracker.domain.actions import ActionSpec, action_id
from tracker.domain.payloads import Payload, ReconcilePayload, RetryPayload
from tracker.domain.plans import passes_over_action
from tracker.domain.posts.target import FALLEN_SHORT
from tracker.domain.rules.event_pattern import ACKNOWLEDGED, is_glob
from tracker.domain.runs.engine_state import MATCHED, ActionRequest, Silence
from tracker.domain.runs.run import RunState
from tracker.domain.runs.run_signals import CANCELLED
from tracker.domain.sentences import sentence
from tracker.errors import BadParameter, NotFound, Rejected, did_you_mean
from tracker.facts.own_facts import Wished, by_hand, created, detail, own_fact, redelivered, signalled
from tracker.parameters import UTC_ZONE, parse_choice, parse_future_time, parse_span, refuse_zero_bytes
from tracker.store import keys
from tracker.store.actions import actions, plans
from tracker.store.calls import reconciliations
from tracker.store.log import event_log
from tracker.store.reactions import holds, rule_book, runs
from tracker.store.reactions.rule_book import Switch

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime
    from typing import Any
    from uuid import UUID
    from zoneinfo import ZoneInfo

    from tracker.domain.posts.post import Post
    from tracker.domain.rules.rule import Rule
    from tracker.domain.runs.run import Run
    from tracker.store.database import Connection
    from tracker.store.log.event_log import Incoming, Receipt

LONGEST = timedelta(days=30)
LONGEST_WORD = 200
SEVERITIES = ("info", "warning", "critical")


def silence(
    id_: UUID, match: Mapping[str, str], until: datetime, reason: str, by: str, now: datetime,
    known: Mapping[str, Collection[str]],
) -> Silence:  # fmt: skip
    """From now on; `known` holds the values that a name of `match` can have. Raises BadParameter."""
    _check_match(match, {**known, "severity": SEVERITIES})
    refuse_zero_bytes(reason=reason)
    if not reason.strip():
        raise BadParameter("reason", sentence("no_reason"))
    return Silence(id_, dict(match), now, until, by, reason.strip())


def _check_match(match: Mapping[str, str], known: Mapping[str, Collection[str]]) -> None:
    """What could never fit an alert is a slip."""
    if not match:
        raise BadParameter("match", sentence("no_match", example='{"rule": "*"}'))
    for name, text in match.items():
        refuse_zero_bytes(**{f"match.{name}": text})
        if name not in MATCHED:
            takes = ", ".join(MATCHED)
            raise BadParameter(f"match.{name}", f'alerts have no "{name}"{did_you_mean(name, MATCHED)}: match {takes}')
        if not text or len(text) > LONGEST_WORD:
            raise BadParameter(f"match.{name}", sentence("word_length", most=LONGEST_WORD))
        if name in known and not is_glob(text):
            parse_choice(f"match.{name}", text, known[name])


def end_of_silence(until: str | None, for_: str | None, now: datetime, zone: ZoneInfo | None = UTC_ZONE) -> datetime:
    """A time ("tomorrow" and "monday" among them, in that zone) or else how long ("2h"). Raises BadParameter."""
    if (until is None) is (for_ is None):
        raise BadParameter("until", sentence("no_end", one='"until"', other='"for"', example='"2h"'))
    end = parse_future_time("until", until, now, zone) if until else now + parse_span("for", for_ or "", now)
    name = "until" if until else "for"
    if end <= now:
        raise BadParameter(name, sentence("over"))
    if end > now + LONGEST:
        raise BadParameter(name, sentence("too_far"))
    return end


__all__ = [
    "Wished", "acknowledge", "ask_providers", "begin_silence", "cancel_run", "create_key", "discard_action",
    "end_silence", "note_created", "reconcile_post", "redeliver_action", "resume_rule", "retry_action", "retry_post",
    "revoke_key", "signal", "switch_rule",
]  # fmt: skip

OPEN = frozenset({RunState.ACTIVE, RunState.QUEUED})


async def switch_rule(conn: Connection, rule: Rule, *, on: bool, by: str, now: datetime) -> bool:
    """Put the rule in force or out of it, whatever its file says; answers whether it was otherwise before.

    `rule` is as its file says it.
    """
    known = (await rule_book.switches_by_rule(conn)).get(rule.id)
    if rule_book.is_on(rule, known) is on:
        return False
    if rule.enabled is on:
        await rule_book.clear_switch(conn, rule.id)
    else:
        await rule_book.put_switch(conn, Switch(rule.id, on, by, now))
    event = "rule.enabled" if on else "rule.disabled"
    await event_log.append(conn, [_done(event, f"{rule.id}:{event}:{now.isoformat()}", by, now, rule=rule.id)])
    return True


async def resume_rule(conn: Connection, rule: str, by: str, now: datetime) -> bool:
    """End whatever pauses the rule; answers whether anything did. What was suppressed meanwhile stays so."""
    held = [(pause.rule, pause.scope) for pause in (await holds.in_force(conn, now, now)).pauses if pause.rule == rule]
    await holds.release(conn, held)
    if held:
        await event_log.append(conn, [_done("rule.resumed", f"{rule}:resumed:{now.isoformat()}", by, now, rule=rule)])
    return bool(held)


async def note_created(
    conn: Connection, provider: str, post: str, wished: Wished, key: str, began: datetime, now: datetime
) -> None:
    """A post was created at its provider under that idempotency key; until the provider speaks, a schedule is known."""
    await event_log.append_once(conn, created(provider, post, wished, key, began, now))


async def retry_post(conn: Connection, post: Post, by: str, now: datetime, plan: UUID | None = None) -> UUID:
    """Have the provider try the post again; the action that does it, or the one that is about to.

    Raises Rejected when the post has not failed, and for a `plan` when it is under way.
    """
    if post.state not in FALLEN_SHORT:
        raise Rejected(
            "not_failed", f'post "{post.id}" is {post.state}: only failed and partial ones are retried;'
            " if the provider sees it otherwise, reconcile it first",
        )  # fmt: skip
    payload = RetryPayload(post=post.id, attempt=post.attempt)
    return await _ask_provider(conn, "retry", post, payload, by, now, plan)


async def reconcile_post(conn: Connection, post: Post, by: str, now: datetime, plan: UUID | None = None) -> UUID:
    """Ask the provider how the post stands; the action that does it, or the one that is about to.

    Raises Rejected for a `plan` when it is under way.
    """
    return await _ask_provider(conn, "reconcile", post, ReconcilePayload(post=post.id), by, now, plan)


async def ask_providers(
    conn: Connection, providers: Iterable[str], since: datetime | None, by: str, now: datetime
) -> list[UUID]:
    """Have each of them asked, about what changed `since` or else where the last round stopped; the rounds' ids."""
    rounds = [
        await reconciliations.want(conn, reconciliations.BY_HAND, name, now, by=by, since=since) for name in providers
    ]
    return [wanted for wanted in rounds if wanted]


async def retry_action(
    conn: Connection, action: UUID, now: datetime, plan: UUID | None = None, *, done_too: bool = False
) -> None:
    """Attempt an ended action once more; raises NotFound, or Rejected when it is under way, or done."""
    known = await actions.lock(conn, action)
    if passes_over_action("retry", known.state, done_too):
        few = "only dead, unknown or discarded ones are retried"
        raise Rejected("not_ended", f"action {action} is {known.state}: {few}")
    await actions.attempt_again(conn, action, now)
    await event_log.append(conn, [by_hand(known, "retried", now, plan)])


async def redeliver_action(conn: Connection, action: UUID, now: datetime, plan: UUID) -> UUID:
    """Do an ended action once more as a new one; answers its id. Raises NotFound, or Rejected when it is under way."""
    known = await actions.lock(conn, action)
    if passes_over_action("redeliver", known.state, include_all=True):
        raise Rejected("not_ended", f"action {action} is {known.state}: only ended ones are redelivered")
    key = f"redelivery:{plan}:{action}"
    anew = action_id(key)
    await plans.ask_anew(conn, anew, key, action, now)
    await event_log.append(conn, [redelivered(known, plan, anew, now)])
    return anew


async def discard_action(conn: Connection, action: UUID, now: datetime, plan: UUID | None = None) -> None:
    """Give an action up; raises NotFound, or Rejected when it is under way or done."""
    known = await actions.lock(conn, action)
    if passes_over_action("discard", known.state, include_all=False):
        few = "only pending, dead or unknown ones are discarded"
        raise Rejected("not_open", f"action {action} is {known.state}: {few}")
    await actions.discard(conn, action, now)
    await event_log.append(conn, [by_hand(known, "discarded", now, plan)])


async def create_key(conn: Connection, name: str, scopes: Sequence[str], now: datetime) -> tuple[str, str]:
    """A new key's id and its text, which cannot be had again."""
    return await keys.create(conn, name, scopes, now)


async def revoke_key(conn: Connection, key: str, now: datetime) -> None:
    """From now on the key opens nothing; raises NotFound."""
    await keys.revoke(conn, key, now)


async def cancel_run(conn: Connection, run: UUID, by: str, now: datetime) -> Run:
    """Ask the processor to end the run; raises NotFound, or Rejected when it has ended."""
    found = await runs.lock(conn, run)
    if found.state not in OPEN:
        raise Rejected("not_open", f"run {run} is {found.state}: only active and queued ones are cancelled")
    said = {"run": str(run), "rule": found.rule, "by": by}
    fact = own_fact("manual", f"{run}:cancelled", CANCELLED, found.provider, found.post, now, now, detail=said)
    await event_log.append_once(conn, fact)
    return found


async def acknowledge(conn: Connection, run: UUID, by: str, now: datetime, alert: UUID | None = None) -> Run:
    """Say that somebody sees to what the run has told: by hand, or by the link of one `alert`, which does so once.

    Raises NotFound, or Rejected where nothing is to be acknowledged (any more).
    """
    found = await runs.lock(conn, run)
    said = {"run": str(run), "rule": found.rule, "by": by}
    delivery = f"{alert or f'{run}:{found.path}'}:acknowledged"
    fact = own_fact("manual", delivery, ACKNOWLEDGED, found.provider, found.post, now, now, detail=said)
    if not found.is_unacknowledged or ((await event_log.append_once(conn, fact)).duplicate and alert):
        raise Rejected("not_open", f"nothing that run {run} has told is to be acknowledged, or somebody has done so")
    return found


async def begin_silence(conn: Connection, silence: Silence, plan: UUID | None = None) -> None:
    """Hide the alerts that fit it, from now to its end."""
    await holds.begin_silence(conn, silence)
    said = {"match": silence.match, "until": silence.until.isoformat(), "reason": silence.reason, **_of(plan)}
    event = _done("silence.begun", f"{silence.id}:begun", silence.by, silence.since, silence=str(silence.id), **said)
    await event_log.append(conn, [event])


async def end_silence(conn: Connection, silence: UUID, by: str, now: datetime) -> Silence:
    """End it now, if it is not over; it is kept. Raises NotFound."""
    if await holds.end_silence(conn, silence, now):
        await event_log.append(conn, [_done("silence.ended", f"{silence}:ended", by, now, silence=str(silence))])
    found = await holds.get_silence(conn, silence)
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


async def _ask_provider(
    conn: Connection, verb: str, post: Post, payload: Payload, by: str, now: datetime, plan: UUID | None
) -> UUID:
    if under_way := await actions.open_of_post(conn, post.provider, post.id, verb):
        if plan:
            raise Rejected("under_way", f"action {under_way} does it already")
        return under_way
    spec = ActionSpec(verb, post.provider, payload, f"manual:{uuid4()}", now)
    await actions.intend(conn, [ActionRequest(spec, "", "", None, post.provider, post.id)], now)
    said = {**detail(spec.id, None, None, verb, "requested", "by_hand"), "by": by, **_of(plan)}
    event = own_fact(
        "manual", f"{spec.id}:requested", "action.requested", post.provider, post.id, now, now, detail=said
    )
    await event_log.append(conn, [event])
    return spec.id


def _of(plan: UUID | None) -> dict[str, str]:
    return {"plan": str(plan)} if plan else {}


def _done(event: str, delivery: str, by: str, now: datetime, **said: Any) -> Incoming:
    """A fact about no post."""
    return own_fact("manual", delivery, event, "", None, now, now, detail={**said, "by": by})
