"""Apprise: the long tail of services, each told from a few threads of its own, because its library waits."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tracker.act.performers.notify import body_of, inert, title_of
from tracker.domain.actions import Done, Exchange, Reason, Retry
from tracker.outbound.client import shown

if TYPE_CHECKING:
    from datetime import datetime

    from pydantic import SecretStr

    from tracker.domain.actions import Claimed, Outcome
    from tracker.domain.payloads import AlertPayload

THREADS = 4
KINDS = {"info": "info", "warning": "warning"}
SHORTEST_SECRET = 6


class NotInstalledError(Exception):
    """The package `apprise` (extra tracker[apprise]) is not installed."""


def open_service(url: SecretStr) -> Any:
    """The service that the address names, which never tries twice; raises NotInstalledError and ValueError."""
    try:
        import apprise  # noqa: PLC0415  (an extra, and slow to load)
    except ImportError as error:
        raise NotInstalledError from error
    logging.getLogger("apprise").propagate = False  # it writes whole addresses; what it says is read from its results
    asset = apprise.AppriseAsset(
        app_id="tracker",
        app_desc="tracker",
        async_mode=False,
        service_timeout=0,
        default_service_retry=0,
        http_redirects=False,
        storage_mode="memory",
        allow_templates=False,
    )
    service = apprise.Apprise.instantiate(url.get_secret_value(), asset=asset)
    if service is None:
        raise ValueError("is no address that Apprise can use")
    service.retry = 0
    told = apprise.Apprise(asset=asset)
    told.add(service)
    return told


@dataclass(frozen=True, slots=True)
class Crew:
    """A bounded number of threads for calls that cannot be interrupted; one that hangs does not outlive the process."""

    free: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(THREADS))

    async def call(self, work: Callable[[], Any], seconds: float) -> Any:
        """What the work comes to; raises TimeoutError, at once where every thread is taken."""
        if not self.free.acquire(blocking=False):
            raise TimeoutError(f"{THREADS} earlier messages are still under way")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Any] = loop.create_future()

        def settle(set_it: Callable[[Any], None], value: object) -> None:
            if not done.done():
                set_it(value)

        def run() -> None:
            try:
                outcome = (done.set_result, work())
            except Exception as error:
                outcome = (done.set_exception, error)
            finally:
                self.free.release()
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, *outcome)

        threading.Thread(target=run, name="apprise", daemon=True).start()
        async with asyncio.timeout(seconds):
            return await done


@dataclass(frozen=True, slots=True)
class AppriseService:
    """One service; what it says of a failure is kept without anything of its address."""

    url: SecretStr
    service: Any
    seconds: float
    crew: Crew = field(default_factory=Crew)

    async def send_alert(self, claimed: Claimed, now: datetime) -> Outcome:
        """Tell the alert once, within the deadline."""
        said = claimed.alert
        title, body = inert(title_of(said)), inert(body_of(said))
        request = {"service": self.service[0].service_name, "title": title_of(said)}

        def work() -> Any:
            return self.service.notify(title=title, body=body or title, notify_type=_kind(said), body_format="text")

        try:
            result = await self.crew.call(work, self.seconds)
        except TimeoutError as error:
            detail = str(error) or "the service did not take it in time"
            return Retry(Reason.TIMEOUT, None, detail, Exchange(request))
        detail = shown("; ".join(entry.message for entry in result.logs()), self._hidden())
        record = Exchange(request, {"status": result.status.name.lower(), "log": detail})
        if result:
            return Done(exchange=record)
        return Retry(Reason.BAD_ANSWER, None, detail or "the service did not take it", record)

    def _hidden(self) -> list[str]:
        url = self.url.get_secret_value()
        return [url, *(part for part in re.split(r"[/:@?&=,]+", url) if len(part) >= SHORTEST_SECRET)]


def _kind(said: AlertPayload) -> str:
    return "success" if said.resolved else KINDS.get(said.severity, "failure")
