"""The receiver: verify, parse, keep, and only then answer.

Requests that arrive while a commit is under way share the next one: no delay is added, and the busier the door,
the larger the batches. A bound on what may wait keeps memory flat; beyond it the provider is asked to come again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import unquote

import structlog

from tracker import telemetry
from tracker.domain.event import bucket_of
from tracker.errors import NotFound, Rejected, Unavailable
from tracker.store import event_log, quarantine
from tracker.store.event_log import Incoming, Receipt, Unstorable
from tracker.store.quarantine import Unusable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from tracker.providers.base import Provider, Reading
    from tracker.store.database import Connection, Database

log = structlog.get_logger(__name__)

APPEND_SECONDS = 10.0
FLUSH_SECONDS = 1.0
WAITING_UNAUTHENTIC = 100
LARGEST_UNAUTHENTIC = 64 * 1024
UNKEPT_HEADERS = frozenset({"authorization", "cookie", "connection", "accept-encoding"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider is told: kept, kept before, or quarantined for a reason."""

    duplicate: bool = False
    quarantined: str | None = None


@dataclass(slots=True)
class Waiting:
    """An event that waits for its commit."""

    event: Incoming
    receipt: asyncio.Future[Receipt]


class Receiver:
    """The one way into the log for providers' webhooks; `run` writes what `receive` has taken."""

    def __init__(
        self,
        database: Database,
        doors: Mapping[str, Provider],
        clock: Callable[[], datetime],
        *,
        max_pending: int = 2000,
        kept_unauthentic: int = 1000,
    ) -> None:
        self._database, self._doors, self._clock = database, doors, clock
        self._max_pending, self._kept_unauthentic = max_pending, kept_unauthentic
        self._waiting: deque[Waiting] = deque()
        self._arrived = asyncio.Event()
        self._unauthentic: deque[Unusable] = deque(maxlen=WAITING_UNAUTHENTIC)
        telemetry.pending.set_function(lambda: len(self._waiting))

    async def receive(self, provider: str, headers: Mapping[str, str], body: bytes, path: str = "") -> Answer:
        """Take one delivery and return once it is committed; `path` is what follows the provider's name.

        Raises NotFound (no such provider), Rejected (not authentic) or Unavailable (not kept: send it again).
        """
        door = self._doors.get(provider)
        if door is None or (path and not door.takes_path):
            raise NotFound(f'no provider "{provider}" that sends webhooks here is configured')
        now = self._clock()
        try:
            door.verify(headers, body, now, path)
        except Rejected as error:
            self._remember_unauthentic(provider, _harmless(door, headers, path), body, now, error.code)
            telemetry.deliveries.labels(provider, "unauthentic").inc()
            raise
        try:
            reading = door.read(headers, body)
            event = incoming(provider, reading, body, now)
            receipt = await self._keep(event)
        except (Rejected, Unstorable) as error:
            code = error.code if isinstance(error, Rejected) else "unstorable"
            harmless = _harmless(door, headers, path)
            return await self._quarantine(_unusable(provider, harmless, body, now, code, authentic=True))
        telemetry.deliveries.labels(provider, "duplicate" if receipt.duplicate else "kept").inc()
        return Answer(duplicate=receipt.duplicate)

    async def run(self) -> None:
        """Until cancelled: commit what waits, everything at once, then what has come meanwhile."""
        flushing = asyncio.create_task(self._flush_regularly(), name="receiver.unauthentic")
        try:
            while True:
                await self._arrived.wait()
                try:
                    await self._write_while_connected()
                except Unavailable as error:
                    log.warning("receiver.unavailable", error=str(error), waiting=len(self._waiting))
                    self._refuse_waiting(error)
        finally:
            flushing.cancel()
            with suppress(asyncio.CancelledError):
                await flushing
            self._refuse_waiting(Unavailable("the server is stopping"))

    async def _keep(self, event: Incoming) -> Receipt:
        if len(self._waiting) >= self._max_pending:
            telemetry.refused_full.inc()
            raise Unavailable(f"{self._max_pending} deliveries are waiting to be kept already", retry_after=2)
        waiting = Waiting(event, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._arrived.set()
        return await waiting.receipt

    async def _write_while_connected(self) -> None:
        async with self._database.connection() as conn:
            while True:
                if not self._waiting:
                    self._arrived.clear()
                    await self._arrived.wait()
                await self._write(conn)

    async def _write(self, conn: Connection) -> None:
        """Append one batch and tell each of its senders; when Postgres cannot store one, find out which."""
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), event_log.MAX_BATCH))]
        batch = [waiting for waiting in batch if not waiting.receipt.done()]
        telemetry.append_batch.observe(len(batch))
        try:
            async with asyncio.timeout(APPEND_SECONDS):
                with telemetry.append_seconds.time():
                    receipts = await _append_or_refuse(conn, [waiting.event for waiting in batch])
        except BaseException as error:
            for waiting in batch:
                _tell(waiting, Unavailable(f"the log could not be written: {error}"))
            raise
        for waiting, receipt in zip(batch, receipts, strict=True):
            _tell(waiting, receipt)

    def _refuse_waiting(self, error: Unavailable) -> None:
        while self._waiting:
            _tell(self._waiting.popleft(), error)
        self._arrived.clear()

    async def _quarantine(self, item: Unusable) -> Answer:
        async with self._database.connection() as conn:
            await quarantine.keep(conn, [item])
        log.warning("delivery.quarantined", provider=item.provider, reason=item.reason)
        telemetry.deliveries.labels(item.provider, "quarantined").inc()
        return Answer(quarantined=item.reason)

    def _remember_unauthentic(
        self, provider: str, headers: Mapping[str, str], body: bytes, now: datetime, code: str
    ) -> None:
        if len(body) <= LARGEST_UNAUTHENTIC:
            self._unauthentic.append(_unusable(provider, headers, body, now, code, authentic=False))

    async def flush_unauthentic(self) -> None:
        """Write the newest of the unauthentic, and forget what exceeds the bound."""
        items = list(self._unauthentic)
        self._unauthentic.clear()
        if items:
            async with self._database.transaction() as conn:
                await quarantine.keep(conn, items)
                await quarantine.prune_unauthentic(conn, self._kept_unauthentic)

    async def _flush_regularly(self) -> None:
        """At most a hundred a second are written, however many are forged."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            with suppress(Unavailable):
                await self.flush_unauthentic()


async def _append_or_refuse(conn: Connection, events: list[Incoming]) -> list[Receipt | Unstorable]:
    try:
        return [*await event_log.append(conn, events)]
    except Unstorable as error:
        if len(events) == 1:
            return [error]
    half = len(events) // 2
    return [*await _append_or_refuse(conn, events[:half]), *await _append_or_refuse(conn, events[half:])]


def _tell(waiting: Waiting, news: Receipt | Exception) -> None:
    if waiting.receipt.done():
        return
    if isinstance(news, Exception):
        waiting.receipt.set_exception(news)
    else:
        waiting.receipt.set_result(news)


def incoming(provider: str, reading: Reading, body: bytes, now: datetime) -> Incoming:
    """The event to keep of a delivery that came `now`; without a delivery id its body is its id."""
    first, *more = reading.items
    digest = sha256(body).digest()
    return Incoming(
        source=provider,
        provider=provider,
        delivery=reading.delivery or f"body:{digest.hex()}",
        body_hash=digest,
        kind=reading.kind,
        post=first.post,
        bucket=bucket_of(provider, first.post),
        received_at=now,
        body=body,
        headers=reading.headers,
        occurred_at=reading.occurred_at,
        more_posts=tuple((item.post, bucket_of(provider, item.post)) for item in more if item.post),
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


def _unusable(
    provider: str, headers: Mapping[str, str], body: bytes, now: datetime, code: str, *, authentic: bool
) -> Unusable:
    digest = sha256(body).digest()
    kept = {name: value.replace("\x00", "") for name, value in headers.items() if name not in UNKEPT_HEADERS}
    return Unusable(provider, code, authentic, digest.hex(), digest, now, kept, body)
