"""How the provider sends its webhooks: at least once, with the same delivery id each time, or not at all."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from aiohttp import ClientError, ClientSession, ClientTimeout

from tracker.simulator.clock import after
from tracker.simulator.dialects import WebhookBody
from tracker.simulator.dialects.dialect import TEST
from tracker.simulator.faults import Chance, fate
from tracker.simulator.wire import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from tracker.simulator.clock import Clock
    from tracker.simulator.dialects import Dialect, Happened
    from tracker.simulator.faults import Faults

ACCEPTED = range(200, 300)


@dataclass(frozen=True, slots=True)
class Webhook:
    """A registration; `secret` is shown once, to who registers."""

    id: str
    url: str
    secret: str = field(repr=False)
    events: frozenset[str]
    description: str = ""


@dataclass(frozen=True, slots=True)
class Try:
    """One request and its outcome; `status` is None, and `error` says why, when no answer came."""

    at: datetime
    id: str
    status: int | None
    error: str = ""

    @property
    def accepted(self) -> bool:
        """Only 2xx counts."""
        return self.status in ACCEPTED


@dataclass(slots=True)
class Delivery:
    """One event on its way to one webhook, with the raw body; `lost` ones were never sent."""

    id: str
    webhook: Webhook
    event: str
    post: str | None
    body: bytes
    lost: bool = False
    given_up: bool = False
    tries: list[Try] = field(default_factory=list)

    @property
    def acknowledged(self) -> bool:
        """Whether it was ever accepted."""
        return any(attempt.accepted for attempt in self.tries)


class Deliveries:
    """All registrations and all deliveries; `silent` makes every new event a lost one."""

    def __init__(
        self,
        seed: str,
        clock: Clock,
        faults: Faults,
        dialect: Dialect,
        ladder: Sequence[timedelta] | None = None,
        deadline: timedelta | None = None,
    ) -> None:
        self.webhooks: dict[str, Webhook] = {}
        self.all: list[Delivery] = []
        self.silent = False
        self._seed, self._clock, self._faults, self._dialect = seed, clock, faults, dialect
        self._ladder = dialect.ladder if ladder is None else tuple(ladder)
        self._deadline = (deadline or dialect.deadline).total_seconds()
        self._numbers = count(1)
        self._counts: Counter[tuple[str, str]] = Counter()
        self._session: ClientSession | None = None

    @property
    def events(self) -> tuple[str, ...]:
        """What a webhook can be registered for."""
        return self._dialect.events

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def register(self, url: str, events: Sequence[str], description: str, secret: str | None) -> Webhook:
        """A new webhook, with a new secret unless one is given."""
        chance = Chance(self._seed).about("webhook", next(self._numbers))
        secret = secret or "whsec_" + chance.name("secret", 32)
        webhook = Webhook("wh_" + chance.name("id"), url, secret, frozenset(events), description)
        self.webhooks[webhook.id] = webhook
        return webhook

    def webhook(self, name: str) -> Webhook:
        """The registration of that id; raises Refusal."""
        if name not in self.webhooks:
            raise Refusal(404, "not_found", f"There is no webhook {name}")
        return self.webhooks[name]

    def announce(self, happened: Happened) -> None:
        """Say what happened to every webhook that asked for it, as fate will have it."""
        for said in self._dialect.tell(happened):
            for webhook in self.webhooks.values():
                if said.event in webhook.events:
                    self._dispatch(webhook, happened.post, said)

    async def test(self, webhook: Webhook) -> Try:
        """Send a test now, once, and tell what came back."""
        name = "evt_" + Chance(self._seed).about("test").name(f"event {len(self.all)}")
        body = self._dialect.test(name, self._clock.now())
        delivery = self._record(webhook, None, WebhookBody(TEST, body))
        return await self._request(delivery, delivery.id)

    async def resend(self, delivery: Delivery, as_id: str | None = None) -> Try:
        """Send the same bytes once more, now; `as_id` puts another delivery id on them."""
        return await self._request(delivery, as_id or delivery.id)

    def _dispatch(self, webhook: Webhook, post: str, said: WebhookBody) -> None:
        delivery = self._record(webhook, post, said)
        nth = self._counts[webhook.id, post]
        destiny = fate(self._seed, webhook.id, post, nth, self._faults)
        delivery.lost = destiny.lost or self.silent
        if delivery.lost:
            return
        self._clock.at(after(self._clock, destiny.delay), partial(self._deliver, delivery, self._ladder))
        for pause in destiny.repeats:
            self._clock.at(after(self._clock, pause), partial(self._repeat, delivery))

    def _record(self, webhook: Webhook, post: str | None, said: WebhookBody) -> Delivery:
        key = (webhook.id, post or "")
        self._counts[key] += 1
        name = said.id or "dlv_" + Chance(self._seed).about(*key).name(f"delivery {self._counts[key]}")
        delivery = Delivery(name, webhook, said.event, post, said.body)
        self.all.append(delivery)
        return delivery

    async def _deliver(self, delivery: Delivery, ladder: tuple[timedelta, ...]) -> None:
        wanted = delivery.webhook.id in self.webhooks
        if wanted:
            attempt = await self._request(delivery, delivery.id)
            if attempt.accepted:
                return
            wanted = attempt.status not in self._dialect.final
        if wanted and ladder:
            self._clock.at(after(self._clock, ladder[0]), partial(self._deliver, delivery, ladder[1:]))
        else:
            delivery.given_up = True

    async def _repeat(self, delivery: Delivery) -> None:
        if delivery.webhook.id in self.webhooks:
            await self._request(delivery, delivery.id)

    async def _request(self, delivery: Delivery, name: str) -> Try:
        at = self._clock.now()
        headers = {"Content-Type": "application/json", **self._dialect.sign(delivery.webhook.secret, delivery.body, at)}
        if self._dialect.delivery:
            headers[self._dialect.delivery] = name
        try:
            async with asyncio.timeout(self._deadline):
                status = await self._post(delivery.webhook.url, delivery.body, headers)
            attempt = Try(at, name, status)
        except TimeoutError:
            attempt = Try(at, name, None, f"no answer within {self._deadline:g} s")
        except ClientError as error:
            attempt = Try(at, name, None, str(error) or type(error).__name__)
        delivery.tries.append(attempt)
        return attempt

    async def _post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        self._session = self._session or ClientSession(timeout=ClientTimeout())  # one deadline over all, see _request
        async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as response:
            await response.read()
            return response.status
