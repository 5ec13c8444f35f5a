"""What we did ourselves, as facts: the results of actions and what people did by hand go into the log like the rest."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import asdict

from tracker.domain.payloads import SendPayload, answer_of, made_true
from tracker.domain.posts.description import attributes_of, excerpt_of
from tracker.domain.posts.event import LoggedEvent, State, TargetFact, bucket_of
from tracker.domain.posts.reconciliation import true_at
from tracker.facts.codec import InternalReader, OwnFact, encode
from tracker.store.log.event_log import Incoming

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from tracker.domain.actions import Claimed
    from tracker.domain.posts.event import Fact, Report
    from tracker.domain.runs.run import Run
    from tracker.domain.runs.run_signals import Label
    from tracker.store.actions.actions import KnownAction


@dataclass(frozen=True, slots=True)
class Wished:
    """What we asked for in a new post: `targets` are platforms, each with its account where that is known."""

    targets: Sequence[tuple[str, str | None]]
    text: str = ""
    scheduled_at: datetime | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


RECONCILED = "post.reconciled"

OWN_EVENTS = frozenset({
    "action.done", "action.dead", "action.unknown", "action.discarded", "action.retried", "action.requested",
    "action.redelivered", "post.created", "post.labelled", "post.not_found", RECONCILED, "provider.drifted",
    "provider.heard", "provider.silent", "plan.cancelled", "plan.made", "plan.paused", "plan.resumed", "rule.disabled",
    "rule.enabled", "rule.resumed", "run.acknowledged", "run.cancelled", "silence.begun", "silence.ended",
    "endpoint.created", "endpoint.deleted", "endpoint.disabled",
})  # fmt: skip
"""What we call the facts that we write ourselves, but for signals, whose names others choose."""


def own_fact(
    source: str,
    delivery: str,
    event: str,
    provider: str,
    post: str | None,
    at: datetime,
    now: datetime,
    **said: Any,
) -> Incoming:
    """A fact of ours; `at` is when it happened, `said` may hold state, attempt and detail."""
    body = encode(OwnFact(event, at, post, **said))
    return Incoming(
        source=source,
        provider=provider,
        delivery=delivery,
        body_hash=sha256(body).digest(),
        kind=event,
        post=post,
        bucket=bucket_of(provider, post),
        received_at=now,
        body=body,
        headers={},
        occurred_at=at,
    )


def finished(
    claimed: Claimed, state: str, reason: str, began: datetime, now: datetime, answer: bytes = b""
) -> Incoming:
    """An action has ended. What the provider took is true of the post from the moment we asked for it.

    `answer` is what another system has said, which is told where the run reads it.
    """
    told = detail(claimed.id, claimed.run, claimed.rule, claimed.verb, state, reason)
    said: dict[str, Any] = {"detail": {**told, "target": claimed.target}}
    if isinstance(claimed.payload, SendPayload) and claimed.payload.answer and (heard := answer_of(answer)):
        said["detail"]["answer"] = heard
    if state == "done" and reason == "ok":
        said |= made_true(claimed.verb, claimed.payload)
    return own_fact(
        "action", f"{claimed.id}:{claimed.lease}", f"action.{state}", claimed.provider, claimed.post, began, now, **said
    )


def continued(claimed: Claimed, post: str, began: datetime, now: datetime) -> list[Incoming]:
    """An action has had a post created in the place of its own: each of the two bears the other's name."""
    said = {"action": str(claimed.id), "verb": claimed.verb}
    return [
        own_fact(
            "action", f"{claimed.id}:{claimed.lease}:{label}", "post.labelled", claimed.provider, one, began, now,
            labels={label: other}, detail=said,
        )
        for one, label, other in ((claimed.post, "continued_as", post), (post, "attempt_of", claimed.post))
    ]  # fmt: skip


def labelled(label: Label, run: Run, at: datetime, now: datetime) -> Incoming:
    """A rule has put labels on its post."""
    said = {"run": str(run.id), "rule": run.rule}
    return own_fact(
        "rule", label.key, "post.labelled", run.provider, run.post, at, now, labels=label.labels, detail=said
    )


def signalled(
    name: str, provider: str, post: str | None, delivery: str, now: datetime, said: Mapping[str, Any]
) -> Incoming:
    """Somebody outside says that something has happened."""
    return own_fact("signal", delivery, name, provider, post, now, now, detail=said)


def answered(claimed: Claimed, report: Report, began: datetime, now: datetime) -> Incoming:
    """What a provider said about a post when an action asked it."""
    said = {"action": str(claimed.id), "verb": claimed.verb}
    delivery, at = f"{claimed.id}:{claimed.lease}:answered", true_at(report.updated_at, began)
    return own_fact(
        "reconcile", delivery, RECONCILED, claimed.provider, claimed.post, at, now, detail=said, **_told(report)
    )


def reconciled(provider: str, post: str, report: Report, at: datetime, now: datetime) -> Incoming:
    """What a provider said about a post when it was asked; the same answer is the same fact, however often it comes."""
    delivery = sha256(msgspec.json.encode((provider, post, report, at))).hexdigest()
    return own_fact("reconcile", delivery, RECONCILED, provider, post, at, now, **_told(report))


def created(provider: str, post: str, wished: Wished, key: str, at: datetime, now: datetime) -> Incoming:
    """We have had a post created under that idempotency key: what we asked for completes what the provider tells."""
    seen: dict[str, int] = {}
    targets = []
    for platform, account in wished.targets:
        seen[platform] = seen.get(platform, 0) + (account is None)
        targets.append(TargetFact(platform, account, 1 if account else seen[platform]))
    platforms = list(dict.fromkeys(platform for platform, _ in wished.targets))
    told: dict[str, Any] = {"detail": {"idempotency_key": key, "platforms": platforms}, "targets": tuple(targets)}
    told |= {"excerpt": excerpt_of(wished.text), "attributes": attributes_of(wished.attributes.items())}
    if wished.scheduled_at:
        told |= {"state": State.SCHEDULED, "scheduled_at": wished.scheduled_at}
    return own_fact("manual", f"{key}:created", "post.created", provider, post, at, now, **told)


def not_found(provider: str, post: str, at: datetime, now: datetime) -> Incoming:
    """The provider says that it knows no such post; once for each post."""
    return own_fact("reconcile", f"{provider}:{post}:not_found", "post.not_found", provider, post, at, now)


def fact_of(own: Incoming) -> Fact:
    """What a fact of ours says, before the log has it."""
    event = LoggedEvent(
        0, own.bucket, own.source, own.provider, own.kind, own.post, 0, own.occurred_at, own.received_at,
        own.body_hash, own.body,
    )  # fmt: skip
    (fact,) = InternalReader().facts(event)
    return fact


def _told(report: Report) -> dict[str, Any]:
    return {name: said for name, said in asdict(report).items() if name != "updated_at"}


def detail(action: UUID, run: UUID | None, rule: str | None, verb: str, state: str, reason: str) -> dict[str, object]:
    """What a fact about an action says of it."""
    return {
        "action": str(action),
        "run": str(run) if run else None,
        "rule": rule,
        "verb": verb,
        "outcome": state,
        "reason": reason,
    }


def redelivered(known: KnownAction, plan: UUID, again: UUID, now: datetime) -> Incoming:
    """An ended action is done once more, by the action `again`, because somebody planned it."""
    told = detail(known.id, known.run, known.rule, known.verb, "redelivered", "by_hand")
    said = {**told, "plan": str(plan), "again": str(again)}
    delivery = f"{plan}:{known.id}"
    return own_fact("manual", delivery, "action.redelivered", known.provider, known.post, now, now, detail=said)


def by_hand(known: KnownAction, what: str, now: datetime, plan: UUID | None = None) -> Incoming:
    """Somebody, or a plan, wants an action to be attempted again ("retried"), or given up ("discarded")."""
    told = detail(known.id, known.run, known.rule, known.verb, what, "by_hand") | ({"plan": str(plan)} if plan else {})
    delivery = f"{known.id}:{what}:{known.attempts}:{now.isoformat()}"
    return own_fact("manual", delivery, f"action.{what}", known.provider, known.post, now, now, detail=told)
