"""Posts that are told as a provider tells them: signed, repeated, out of order, each until it is acknowledged."""

from __future__ import annotations

import asyncio
import hmac
import json
import random
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.acceptance.chaos.door import Door

SECRET = "whsec_of_the_simulated_provider"
PATIENCE = 15.0
"""A provider waits so long for an answer, and tells again."""
AGAIN = 0.1
WITHIN = 8.0
"""The seconds of the rule that expects an answer."""
MARGIN = 1.0


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery: `wait` seconds after the one before it was acknowledged."""

    delivery: str
    body: bytes
    wait: float = 0.0


@dataclass
class Book:
    """What was sent, what was acknowledged, and what the rules must have made of it, by post."""

    sent: dict[bytes, set[str]] = field(default_factory=lambda: defaultdict(set))
    acknowledged: set[bytes] = field(default_factory=set)
    unchecked: list[bytes] = field(default_factory=list)
    answered: int = 0
    refused: int = 0
    unanswered: int = 0
    odd: Counter[int] = field(default_factory=Counter)
    """Answers that nobody should get who sends what is authentic: neither 2xx nor 503."""
    slowest: float = 0.0
    told: dict[str, str] = field(default_factory=dict)
    """The one event that the rule `tell` sends about each post."""
    later: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    heard: set[str] = field(default_factory=set)
    """Posts whose answer was acknowledged in time: nobody may be told of their silence."""

    begun: dict[str, float] = field(default_factory=dict)
    """When each post was first told of, by the monotonic clock."""
    excused: set[str] = field(default_factory=set)
    """Posts that were under way when a clock was put wrong or right: when they end is anybody's guess."""

    def excuse(self, seconds: float) -> None:
        """Expect nothing of the posts that have begun in so many seconds."""
        now = time.monotonic()
        self.excused |= {post for post, began in self.begun.items() if now - began < seconds}

    def acknowledge(self, body: bytes) -> None:
        """It was answered with 2xx: from now on it must be in the log."""
        if body not in self.acknowledged:
            self.acknowledged.add(body)
            self.unchecked.append(body)


def event(name: str, post: str, at: datetime, **more: object) -> bytes:
    """The body of a webhook."""
    stamp = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    status = name.partition(".")[2].upper()
    data = {"postId": post, "status": status, "platforms": [], **more}
    return json.dumps({"event": name, "timestamp": stamp, "data": data}).encode()


def signed(message: Message) -> dict[str, str]:
    """The headers of the provider."""
    signature = hmac.new(SECRET.encode(), message.body, sha256).hexdigest()
    return {"x-sosyalkopru-signature": f"sha256={signature}", "x-sosyalkopru-delivery": message.delivery}


class Sender:
    """Begins so many posts a second, until it is told to stop; what was begun is told to its end."""

    def __init__(self, name: str, door: Callable[[], Door], book: Book, seed: int, now: Callable[[], datetime]) -> None:
        self._name, self._door, self._book, self._now = name, door, book, now
        self._chance, self._number = random.Random(seed), 0
        self._under_way: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def run(self, rate: float, most: int = 20) -> None:
        """Begin posts; no more than `most` of them are under way."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not self._stopping:
            due = max(due, loop.time() - 1) + self._chance.expovariate(rate)
            await asyncio.sleep(max(due - loop.time(), 0))
            if len(self._under_way) < most:
                self._begin()
        await asyncio.gather(*self._under_way)

    def stop(self) -> None:
        """Begin no more."""
        self._stopping = True

    def _begin(self) -> None:
        self._number += 1
        shape = self._chance.choices(SHAPES, [weight for _, weight in WEIGHTS])[0]
        post = f"{self._name}-{self._number}"
        self._book.begun.update(dict.fromkeys((post, f"{post}a", f"{post}b"), time.monotonic()))
        task = asyncio.create_task(shape(self, post))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def tell(self, messages: Sequence[Message]) -> float:
        """One after another; answers the seconds from before the first to after the last acknowledgement."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for message in messages:
            await asyncio.sleep(message.wait)
            await acknowledged(self._door, self._book, message)
        return loop.time() - began

    def _deliveries(self, post: str, bodies: Sequence[bytes]) -> Iterator[Message]:
        """Each body once, some of them twice: under the same id, or under another."""
        for n, body in enumerate(bodies):
            yield Message(f"{post}.{n}", body)
            if self._chance.random() < 0.1:
                yield Message(f"{post}.{n}" if self._chance.random() < 0.5 else f"{post}.{n}.again", body)

    async def plain(self, post: str) -> None:
        """One event."""
        await self.tell([*self._deliveries(post, [event("post.published", post, self._now())])])
        self._book.told[post] = "post.published"

    async def failing(self, post: str) -> None:
        """It fails for good; what is to be done about it waits first."""
        error = {"code": "rejected", "message": "no", "retryable": False}
        await self.tell([*self._deliveries(post, [event("post.failed", post, self._now(), error=error)])])
        self._book.told[post] = "post.failed"
        self._book.later.add(post)

    async def story(self, post: str) -> None:
        """A whole life, in any order."""
        now = self._now()
        names = ["post.scheduled", "post.publishing", "post.published"]
        bodies = [event(name, post, now - timedelta(seconds=2 - n)) for n, name in enumerate(names)]
        self._chance.shuffle(bodies)
        await self.tell([*self._deliveries(post, bodies)])
        self._book.told[post] = "post.published"

    async def conflict(self, post: str) -> None:
        """Two bodies under one id, about two posts."""
        both = (f"{post}a", f"{post}b")
        await self.tell([Message(post, event("post.published", one, self._now())) for one in both])
        self._book.told.update(dict.fromkeys(both, "post.published"))

    async def answered(self, post: str) -> None:
        """What a rule expects comes; in time, if nothing keeps us from telling it."""
        begun = Message(f"{post}.0", event("post.publishing", post, self._now()))
        ended = Message(f"{post}.1", event("post.published", post, self._now() + timedelta(seconds=0.1)), wait=1.0)
        if await self.tell([begun, ended]) < WITHIN - MARGIN:
            self._book.heard.add(post)
        self._book.told[post] = "post.published"

    async def unanswered(self, post: str) -> None:
        """What a rule expects never comes."""
        await self.tell([Message(f"{post}.0", event("post.publishing", post, self._now()))])
        self._book.silent.add(post)


WEIGHTS = (
    (Sender.plain, 6),
    (Sender.failing, 2),
    (Sender.story, 2),
    (Sender.conflict, 1),
    (Sender.answered, 3),
    (Sender.unanswered, 1),
)
SHAPES = [shape for shape, _ in WEIGHTS]


async def acknowledged(door: Callable[[], Door], book: Book, message: Message) -> None:
    """Tell it until it is acknowledged."""
    while not await tried(door(), book, message):
        await asyncio.sleep(AGAIN)


async def tried(door: Door, book: Book, message: Message) -> bool:
    """Tell it once; whether it was acknowledged is in the book."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    book.sent[message.body].add(message.delivery)
    status = await door.post("/webhooks/sosyalkopru", signed(message), message.body, PATIENCE)
    if status is None:
        book.unanswered += 1
        return False
    book.slowest = max(book.slowest, loop.time() - began)
    if status // 100 == 2:
        book.answered += 1
        book.acknowledge(message.body)
        return True
    if status == 503:
        book.refused += 1
    else:
        book.odd[status] += 1
    return False
