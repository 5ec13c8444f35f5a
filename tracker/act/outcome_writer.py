"""How attempts end on record: those that end while a commit is under way share the next one.

What ended is relied on only when it is committed. What cannot be committed is left to the leases: the next attempt is
then told that nobody knows how this one ended.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct

from tracker.domain.actions import POLICIES, Claimed, Discard, Done, Exchange, Outcome, Retry, Unknown, next_attempt
from tracker.domain.payloads import AlertPayload, Companion, CreatePayload, without_data
from tracker.errors import Unavailable
from tracker.facts.endpoints import PREFIX, note_sent
from tracker.facts.own_facts import Wished, answered, continued, created, finished, not_found
from tracker.runtime.batching import Batcher, settle
from tracker.store.actions import action_outcomes
from tracker.store.actions.action_outcomes import Attempted
from tracker.store.log import event_log

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tracker.store.database import Database
    from tracker.store.log.event_log import Incoming

OUTCOMES = {Done: "done", Retry: "retry", Discard: "discard", Unknown: "unknown"}
STATES = {Done: "done", Unknown: "unknown"}
MOST = 500


class Ended(Struct, frozen=True):
    """An attempt that began and ended at these moments.

    `due_at` is when the action is attempted again (None: never), `state` its next one: pending, done, dead or unknown.
    """

    claimed: Claimed
    outcome: Outcome
    began: datetime
    at: datetime
    latency_ms: int
    due_at: datetime | None
    state: str

    @classmethod
    def of(cls, claimed: Claimed, outcome: Outcome, began: datetime, at: datetime, latency_ms: int) -> Ended:
        """What becomes of the action after that outcome."""
        due_at = next_attempt(outcome, claimed.attempt, POLICIES[claimed.verb], at, claimed.idempotency_key)
        state = "pending" if due_at else STATES.get(type(outcome), "dead")
        return cls(claimed, outcome, began, at, latency_ms, due_at, state)

    @property
    def waits(self) -> bool:
        """Whether the action had to wait for others, which is no attempt."""
        return isinstance(self.outcome, Retry) and self.outcome.waits


class OutcomeWriter:
    """Writes the outcomes of attempts: what ends while a commit is under way shares the next one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._batcher: Batcher[Ended, bool] = Batcher("the outcome", MOST)
        self._writing: asyncio.Task[None] | None = None

    async def record(self, ended: Ended) -> bool:
        """Return once it is committed, with whether the lease still held. Raises what kept it from being recorded."""
        held: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._batcher.add(ended, partial(settle, held))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all(), name="worker.completion")
        return await held

    async def stop(self) -> None:
        """Write no more; what is not committed by now is left to the leases."""
        if self._writing:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)

    async def _write_all(self) -> None:
        while self._batcher:
            await self._batcher.write(self._record)

    async def _record(self, batch: Sequence[Ended]) -> Sequence[bool | Unavailable]:
        """Whether each lease held; what is recorded apart from these stays so when the database goes away."""
        gone = sorted((fact for ended in batch for fact in _gone(ended)), key=lambda fact: fact.delivery)
        try:
            if gone:
                async with self._database.transaction() as conn:
                    for fact in gone:
                        await event_log.append_once(conn, fact)
            async with self._database.autocommit() as conn:
                held = await action_outcomes.record(conn, [_attempted(ended) for ended in batch])
        except Unavailable as error:
            return [error] * len(batch)
        await self._note_sent([ended for ended, owned in zip(batch, held, strict=True) if owned])
        return held

    async def _note_sent(self, batch: Sequence[Ended]) -> None:
        """Tell endpoints made at run time how messages ended; what gets lost here, the next message makes up for."""
        sent = [ended for ended in batch if ended.state != "pending" and ended.claimed.target.startswith(PREFIX)]
        with suppress(Unavailable):
            for ended in sent:
                async with self._database.transaction() as conn:
                    await note_sent(conn, ended.claimed, ended.state, ended.outcome.reason, ended.at)


def _attempted(ended: Ended) -> Attempted:
    outcome = ended.outcome
    return Attempted(
        ended.claimed, OUTCOMES[type(outcome)], outcome.reason, _record_of(ended), ended.latency_ms, ended.state,
        ended.due_at, ended.at, ended.waits, [*_facts(ended)], dict(_messages(ended)),
    )  # fmt: skip


def _record_of(ended: Ended) -> Exchange:
    """What is remembered of the attempt: where nothing was answered, why it ended as it did."""
    request, response = ended.outcome.exchange.request, ended.outcome.exchange.response
    if response is None and ended.outcome.detail:
        response = {"detail": ended.outcome.detail}
    return Exchange(without_data(request, ended.claimed.payload), response)


def _messages(ended: Ended) -> Iterator[tuple[tuple[str, str], Mapping[str, object]]]:
    """The message that each alert of which the action told became, by channel and key."""
    outcome, said = ended.outcome, ended.claimed.payload
    if not isinstance(outcome, Done) or not outcome.reference or not isinstance(said, AlertPayload):
        return
    alerts: tuple[AlertPayload | Companion, ...] = (said, *(said.others or ()))
    for alert in alerts:
        if isinstance(alert.key, str) and alert.key:
            yield (ended.claimed.target, alert.key), outcome.reference


def _gone(ended: Ended) -> Iterator[Incoming]:
    """That the provider knows no such post is a fact, whoever asked about it."""
    claimed, outcome = ended.claimed, ended.outcome
    if isinstance(outcome, Discard | Done) and outcome.gone and claimed.post is not None:
        yield not_found(claimed.provider, claimed.post, ended.began, ended.at)


def _facts(ended: Ended) -> Iterator[tuple[Incoming, bool]]:
    """What the other side said and did is a fact whoever has the lease; that the action has ended, where it is held."""
    claimed, outcome, began, at = ended.claimed, ended.outcome, ended.began, ended.at
    if learned := getattr(outcome, "learned", None):
        yield answered(claimed, learned, began, at), False
    if ended.state != "pending":
        answer = outcome.answer if isinstance(outcome, Done) else b""
        yield finished(claimed, ended.state, outcome.reason, began, at, answer), True
    if isinstance(outcome, Done) and outcome.continued_as:
        for fact in continued(claimed, outcome.continued_as, began, at):
            yield fact, False
        if isinstance(said := claimed.payload, CreatePayload):
            wished = Wished([(platform, None) for platform in said.platforms], said.text or "")
            yield created(claimed.provider, outcome.continued_as, wished, claimed.idempotency_key, began, at), False
