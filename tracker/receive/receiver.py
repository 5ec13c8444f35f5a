"""The receiver: verify, parse, keep, and only then answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple, TypeAlias
from urllib.parse import unquote

from tracker.domain.posts.event import bucket_of
from tracker.domain.refused_deliveries import Refusals, weight_of
from tracker.errors import NotFound, Rejected, Unavailable
from tracker.providers.signature import TARGET
from tracker.receive.append_batcher import AppendBatcher
from tracker.runtime import metrics
from tracker.runtime.batching import settle
from tracker.runtime.logger import Logger
from tracker.store.calls import reconciliations
from tracker.store.log import quarantine
from tracker.store.log.event_log import Incoming, Receipt, Unstorable
from tracker.store.log.quarantine import Unusable

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tracker.providers.base import Provider, Reading
    from tracker.runtime.tracing import Tracing
    from tracker.store.database import Database

log = Logger(__name__)

FLUSH_SECONDS = 1.0
WAITING_UNAUTHENTIC, WAITING_BYTES = 100, 2**20
"""What may wait to be written of each provider's door, in number and in bytes of the bodies."""

WRITTEN_AT_ONCE = 100
"""So many of all doors together are written in a second, or one of each."""

LARGEST_UNAUTHENTIC = 64 * 1024
MOST_SET_ASIDE = 1000
UNKEPT_HEADERS = frozenset({"authorization", "cookie", "connection", "accept-encoding"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider is told: kept, kept before, quarantined for a reason, or what it wanted to hear."""

    duplicate: bool = False
    quarantined: str | None = None
    said: str | Mapping[str, str] | None = None


counter_of = cache(metrics.deliveries.labels)
"""The counter of a provider's outcome, found once: providers are those of the configuration."""

KEPT, DUPLICATE = Answer(), Answer(duplicate=True)

OnAnswer: TypeAlias = "Callable[[Answer | Exception], None]"


class Delivery(NamedTuple):
    """What came to a provider's door; `path` is what follows the provider's name in the address `target`."""

    provider: str
    headers: Mapping[str, str]
    body: bytes
    path: str = ""
    target: str = ""


class Refused(NamedTuple):
    """A delivery that is not authentic, why, and when it came; most are never looked at again."""

    delivery: Delivery
    code: str
    came_at: datetime


class Receiver:
    """The one way into the log for providers' webhooks; `run` writes what `take` has taken."""

    def __init__(
        self,
        database: Database,
        doors: Mapping[str, Provider],
        clock: Callable[[], datetime],
        *,
        max_pending: int = 2000,
        kept_unauthentic: int = 1000,
        tracing: Tracing | None = None,
    ) -> None:
        self._database, self._doors, self._clock = database, doors, clock
        self._commits, self._kept_unauthentic = AppendBatcher(database, max_pending), kept_unauthentic
        self._unauthentic: Refusals[Refused] = Refusals(WAITING_UNAUTHENTIC, WAITING_BYTES)
        self._quarantining: set[asyncio.Task[None]] = set()
        self._tracing = tracing

    @property
    def fault(self) -> str:
        """Why nothing can be kept; empty when all is well."""
        return self._commits.fault

    async def receive(self, delivery: Delivery) -> Answer:
        """Take one delivery and return once it is committed.

        Raises NotFound (no such provider), Rejected (not authentic) or Unavailable (not kept: send it again).
        """
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.take(delivery, partial(settle, answer))
        return await answer

    def take(self, delivery: Delivery, on_answer: OnAnswer) -> None:
        """Take one delivery and do not wait: `on_answer` is called once, now or later, with the Answer or the error."""
        try:
            self._take(delivery, self._door(delivery), on_answer)
        except Exception as error:
            on_answer(error)

    def greet(self, provider: str, query: str) -> str | None:
        """What a provider hears that asks by a GET before it sends anything; None where none is expected.

        Raises NotFound (no such provider) and Rejected (it does not know the token).
        """
        try:
            said = self._door(Delivery(provider, {}, b"")).greeted(query)
        except Rejected:
            counter_of(provider, "unauthentic").inc()
            raise
        if said is not None:
            counter_of(provider, "greeted").inc()
        return said

    def _door(self, delivery: Delivery) -> Provider:
        door = self._doors.get(delivery.provider)
        if door is None or (delivery.path and not door.takes_path):
            raise NotFound(f'no provider "{delivery.provider}" that sends webhooks here is configured')
        return door

    def _take(self, delivery: Delivery, door: Provider, on_answer: OnAnswer) -> None:
        provider, headers, body, path, target = delivery
        now = self._clock()
        try:
            door.verify(headers, body, now, path, target)
        except Rejected as error:
            if len(body) <= LARGEST_UNAUTHENTIC:
                self._remember(Refused(delivery, error.code, now))
            counter_of(provider, "unauthentic").inc()
            raise
        if door.handshake is not None and (said := door.challenged(body)) is not None:
            counter_of(provider, "greeted").inc()
            on_answer(Answer(said=said))
            return
        try:
            event = incoming(provider, door.read(headers, body), body, now)
        except Rejected as error:
            unusable = _unusable(delivery, door, now, error.code, authentic=True)
            self._set_aside(unusable, on_answer, ask=door.is_reason_to_ask(body))
            return

        def on_receipt(news: Receipt | Exception) -> None:
            if isinstance(news, Receipt):
                counter_of(provider, "duplicate" if news.duplicate else "kept").inc()
                if self._tracing:
                    self._tracing.received(event, self._clock(), duplicate=news.duplicate)
                on_answer(DUPLICATE if news.duplicate else KEPT)
            elif isinstance(news, Unstorable):
                self._set_aside(_unusable(delivery, door, now, "unstorable", authentic=True), on_answer)
            else:
                on_answer(news)

        self._keep(event, on_receipt)

    def _keep(self, event: Incoming, on_receipt: Callable[[Receipt | Exception], None]) -> None:
        self._commits.add(event, on_receipt)

    async def run(self) -> None:
        """Until cancelled: commit what waits, and write the unauthentic now and then."""
        flushing = asyncio.create_task(self._flush_regularly(), name="receiver.unauthentic")
        try:
            await self._commits.run()
        finally:
            flushing.cancel()
            with suppress(asyncio.CancelledError):
                await flushing

    def _set_aside(self, item: Unusable, on_answer: OnAnswer, *, ask: bool = False) -> None:
        """Into the quarantine, in a task of its own; on wish the provider is asked what it is about."""
        if len(self._quarantining) >= MOST_SET_ASIDE:
            on_answer(Unavailable(f"{MOST_SET_ASIDE} deliveries are on their way into the quarantine", retry_after=2))
            return
        task = asyncio.create_task(self._quarantine(item, on_answer, ask=ask), name="receiver.quarantine")
        self._quarantining.add(task)
        task.add_done_callback(self._quarantining.discard)

    async def _quarantine(self, item: Unusable, on_answer: OnAnswer, *, ask: bool) -> None:
        try:
            async with self._database.transaction() as conn:
                await quarantine.keep(conn, [item])
                if ask:
                    await reconciliations.want_soon(conn, item.provider, item.received_at)
        except Exception as error:
            on_answer(error)
            return
        log.warning("delivery.quarantined", provider=item.provider, reason=item.reason)
        counter_of(item.provider, "quarantined").inc()
        on_answer(Answer(quarantined=item.reason))

    def _remember(self, refused: Refused) -> None:
        delivery = refused.delivery
        self._unauthentic.add(delivery.provider, refused, weight_of(refused.code), len(delivery.body))

    async def flush_unauthentic(self) -> None:
        """Write what waits, as much as may be written at once, and forget what exceeds each provider's bound."""
        taken = self._unauthentic.take(WRITTEN_AT_ONCE)
        if not taken:
            return
        refused = [one for items in taken.values() for one in items]
        try:
            async with self._database.transaction() as conn:
                await quarantine.keep(conn, [self._unauthentic_of(one) for one in refused])
                for provider in taken:
                    await quarantine.prune_unauthentic(conn, provider, self._kept_unauthentic)
        except Unavailable:
            for one in refused:
                self._remember(one)
            raise

    def _unauthentic_of(self, refused: Refused) -> Unusable:
        delivery, code, came_at = refused
        return _unusable(delivery, self._doors[delivery.provider], came_at, code, authentic=False)

    async def _flush_regularly(self) -> None:
        """However many are forged, a hundred a second are written."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            with suppress(Unavailable):
                await self.flush_unauthentic()


def incoming(provider: str, reading: Reading, body: bytes, now: datetime) -> Incoming:
    """The event to keep of a delivery that came `now`; without a delivery id its body is its id."""
    posts, digest = reading.posts, sha256(body).digest()
    first = posts[0]
    return Incoming(
        provider,
        provider,
        reading.delivery or f"body:{digest.hex()}",
        digest,
        reading.kind,
        first,
        bucket_of(provider, first),
        now,
        body,
        reading.headers,
        reading.occurred_at,
        tuple((post, bucket_of(provider, post)) for post in posts[1:] if post) if len(posts) > 1 else (),
    )


def _harmless(door: Provider, headers: Mapping[str, str], path: str) -> Mapping[str, str]:
    """The headers without those that are the secret, or that a proxy has made of an address with the secret in it."""
    if not door.secret_headers and not path:
        return headers
    secret = door.secret_headers
    return {name: value for name, value in headers.items() if name not in secret and not (path and _holds(value, path))}


def _holds(value: str, path: str) -> bool:
    """Whether a header holds the path as it is, escaped, or escaped as part of another address."""
    once = unquote(value.encode("latin-1", "replace").decode("utf-8", "replace"))
    return path in value or path in once or path in unquote(once)


def _unusable(delivery: Delivery, door: Provider, now: datetime, code: str, *, authentic: bool) -> Unusable:
    provider, headers, body, path, target = delivery
    digest = sha256(body).digest()
    kept = {
        name: value.replace("\x00", "")
        for name, value in _harmless(door, headers, path).items()
        if name not in UNKEPT_HEADERS
    }
    if target and not path and door.signs_target:
        kept[TARGET] = target
    return Unusable(provider, code, authentic, digest.hex(), digest, now, kept, body)
