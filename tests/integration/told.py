"""Deliveries for the log's tests: small bodies that say a post's state, and the reader that understands them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from tracker.domain.accounts import AccountFact, AccountState
from tracker.domain.posts.event import Fact, LoggedEvent, State, TargetFact, bucket_of
from tracker.store.log.event_log import Incoming

if TYPE_CHECKING:
    from collections.abc import Mapping

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
PROVIDER = "sosyalkopru"


def told(
    post: str | None,
    state: str | None,
    second: int,
    delivery: str | None = None,
    *,
    now: datetime = NOON,
    targets: Mapping[str, str] | None = None,
    extra: object = None,
    kind: str | None = None,
    due: int | None = None,
) -> Incoming:
    """A delivery that says, `second` seconds after noon, that the post (or its targets) is in that state.

    `due` is the post's time, in seconds after noon.
    """
    said = {"state": state, "second": second, "post": post, "targets": targets, "extra": extra}
    body = json.dumps(said if due is None else {**said, "due": due}).encode()
    return Incoming(
        source=PROVIDER,
        provider=PROVIDER,
        delivery=delivery or f"d-{sha256(body).hexdigest()[:12]}",
        body_hash=sha256(body).digest(),
        kind=kind or f"post.{state}",
        post=post,
        bucket=bucket_of(PROVIDER, post),
        received_at=now,
        body=body,
        headers={"x-sosyalkopru-delivery": delivery or ""},
        occurred_at=NOON + timedelta(seconds=second),
    )


class Reader:
    """Understands `told`; a post called "poison" is beyond it."""

    def facts(self, event: LoggedEvent) -> tuple[Fact, ...]:
        said = json.loads(event.body)
        if said["post"] == "poison":
            raise ValueError("poison")
        targets = tuple(TargetFact(name, state=State(state)) for name, state in (said["targets"] or {}).items())
        return (
            Fact(
                id=event.fact_id,
                provider=event.provider,
                post=event.post,
                event=event.kind,
                source=event.source,
                occurred_at=event.occurred_at or event.received_at,
                received_at=event.received_at,
                position=event.position,
                state=State(said["state"]) if said["state"] else None,
                targets=targets,
                attributes=(said["extra"] or {}).get("attributes", {}) if isinstance(said["extra"], dict) else {},
                scheduled_at=NOON + timedelta(seconds=said["due"]) if "due" in said else None,
                account=_account(said["extra"]),
            ),
        )


def _account(extra: object) -> AccountFact | None:
    told = extra.get("account") if isinstance(extra, dict) else None
    return AccountFact(told["id"], told["platform"], state=AccountState(told["state"])) if told else None
