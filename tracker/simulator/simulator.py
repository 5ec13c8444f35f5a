"""The simulated provider as its users hold it: switches, streams of posts, and the truth to compare with."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from tracker.simulator.api import Api
from tracker.simulator.clock import Clock, ManualClock, WallClock, after
from tracker.simulator.deliveries import Deliveries, Delivery, Try, Webhook
from tracker.simulator.dialects import DIALECTS
from tracker.simulator.faults import Chance, Faults
from tracker.simulator.metering import Limit, Meter
from tracker.simulator.posts import Posts, Truth
from tracker.simulator.server import Call, Front, Outage, listening
from tracker.simulator.story import Odds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import datetime

PLATFORMS = ("instagram", "facebook", "linkedin", "x", "tiktok", "youtube")
SOONEST, LATEST = timedelta(seconds=5), timedelta(minutes=2)


class Stream:
    """Creates posts at an even pace, from `start` to `stop`."""

    def __init__(self, seed: str, clock: Clock, posts: Posts) -> None:
        self._chance, self._clock, self._posts = Chance(seed).about("stream"), clock, posts
        self._made = 0
        self._run = object()

    def start(self, pause: timedelta, posts: int | None) -> None:
        """A new post each `pause`, `posts` in all (None: for ever)."""
        self._run = object()
        self._clock.at(self._clock.now(), partial(self._flow, self._run, pause, posts))

    def stop(self) -> None:
        """No more new posts."""
        self._run = object()

    async def _flow(self, run: object, pause: timedelta, left: int | None) -> None:
        if run is not self._run or left == 0:
            return
        self._made += 1
        self._invent(self._chance.about(self._made))
        self._clock.at(self._clock.now() + pause, partial(self._flow, run, pause, None if left is None else left - 1))

    def _invent(self, chance: Chance) -> None:
        platforms = [platform for platform in PLATFORMS if chance.happens(platform, 0.4)] or [PLATFORMS[0]]
        if chance.happens("second account", 0.1):
            platforms.append(platforms[0])
        wait = chance.span("wait", SOONEST, LATEST)
        self._posts.create(tuple(platforms), "", after(self._clock, wait) if chance.happens("scheduled", 0.6) else None)


API_KEY = "sk_simulated"


class Simulator:
    """A running provider; `url` is where its API begins, `/v1` included, as the setting `api_url` wants it."""

    def __init__(
        self, url: str, api_key: str, front: Front, posts: Posts, deliveries: Deliveries, stream: Stream, meter: Meter
    ) -> None:
        self.url, self.api_key, self._meter = url, api_key, meter
        self._front, self._posts, self._deliveries, self._stream = front, posts, deliveries, stream

    @property
    def outage(self) -> Outage | None:
        """How the API is away at the moment; settable."""
        return self._front.outage

    @outage.setter
    def outage(self, outage: Outage | None) -> None:
        self._front.outage = outage

    @property
    def balance(self) -> int | None:
        """The credits that are left for calls of the API, None without end; settable."""
        return self._meter.balance

    @balance.setter
    def balance(self, left: int | None) -> None:
        self._meter.balance = left

    @property
    def silent(self) -> bool:
        """Whether what happens now is kept from everybody for good; settable."""
        return self._deliveries.silent

    @silent.setter
    def silent(self, silent: bool) -> None:
        self._deliveries.silent = silent

    @property
    def calls(self) -> Sequence[Call]:
        """Every call of the API, in the order of arrival."""
        return self._front.calls

    @property
    def deliveries(self) -> Sequence[Delivery]:
        """Every delivery, in the order of what happened, also those that were lost."""
        return self._deliveries.all

    @property
    def webhooks(self) -> Sequence[Webhook]:
        """What is registered, in the order of registration."""
        return tuple(self._deliveries.webhooks.values())

    def truth(self) -> dict[str, Truth]:
        """What really became of every post, by id."""
        return self._posts.truth()

    def register(self, url: str, events: Sequence[str] | None = None, secret: str | None = None) -> Webhook:
        """Register a webhook, for all events if not for some, without a call of the API and with a secret of choice."""
        return self._deliveries.register(url, self._deliveries.events if events is None else events, "", secret)

    def create(self, platforms: Sequence[str] = PLATFORMS[:1], text: str = "", at: datetime | None = None) -> str:
        """Create a post, published now or `at` a moment, and return its id; raises Rejected for an unknown wish."""
        return self._posts.create(tuple(platforms), text, at).subject.post

    def retry(self, post: str) -> None:
        """Begin a new attempt at what failed; raises Rejected while there is nothing to retry."""
        self._posts.retry(post)

    async def resend(self, delivery: Delivery, as_id: str | None = None) -> Try:
        """Send a delivery's bytes once more, now; `as_id` puts another delivery id on them."""
        return await self._deliveries.resend(delivery, as_id)

    def start_stream(self, rate: float, posts: int | None = None) -> None:
        """Create `rate` posts a second, whatever the speed, until there are `posts`; replaces an earlier stream."""
        self._stream.start(timedelta(seconds=1) / rate, posts)

    def stop_stream(self) -> None:
        """Create no more posts; what has begun goes on."""
        self._stream.stop()


@asynccontextmanager
async def run_simulator(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    seed: int | str = 0,
    speed: float = 1.0,
    clock: ManualClock | None = None,
    faults: Faults | None = None,
    odds: Odds | None = None,
    dialect: str = "sosyalkopru",
    ladder: Sequence[timedelta] | None = None,
    deadline: timedelta | None = None,
    limit: Limit | None = None,
    balance: int | None = None,
    price: int = 1,
    api_key: str = API_KEY,
) -> AsyncIterator[Simulator]:
    """Run a provider until the block is left.

    Stories and waits pass `speed` times as fast as in life, by the real time; or, with `clock`, as far as it is
    advanced by hand. `dialect` is a name of DIALECTS: what it sends, and how. `ladder` are the waits before each
    further try of a delivery, `deadline` is the real time in which an answer must come: the dialect's, if not named.
    Of the API's calls there may be as many as `limit` says, and each costs `price` credits of the `balance`.
    """
    async with AsyncExitStack() as stack:
        time: Clock = clock or WallClock(speed)
        weather = faults or Faults()
        deliveries = Deliveries(str(seed), time, weather, DIALECTS[dialect], ladder, deadline)
        stack.push_async_callback(deliveries.aclose)
        if isinstance(time, WallClock):
            await stack.enter_async_context(time.running())
        posts = Posts(str(seed), time, odds or Odds(), weather, deliveries.announce)
        meter = Meter(time, limit, balance, price)
        front = Front(Api(posts, deliveries, meter, api_key), time)
        url = await stack.enter_async_context(listening(front, host, port))
        yield Simulator(url + "/v1", api_key, front, posts, deliveries, Stream(str(seed), time, posts), meter)
