"""The six scenarios of a rule file, end to end, undisturbed and with kill -9 between every two steps: the same end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx2
import pytest

from tests import plain_http
from tests.acceptance.service import Service, free_port
from tests.acceptance.sink import Sink, a_sink
from tests.waiting import until
from tracker.embedded.embedded import EmbeddedPostgres
from tracker.simulator import Odds, Simulator, run_simulator
from tracker.store import keys
from tracker.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

pytestmark = pytest.mark.anyio

SECRET = "whsec_of_the_simulated_provider"
SPEED = 60
LINKS = 'public_url = "https://tracker.example.org"\nlink_secret = "a long random text that signs links"\n'
RULES = """
[rule.instagram-retry]
on        = "post.failed"
match     = { platform = "instagram" }
when      = 'error.retryable && post.attempt < 4'
per       = "target"
cancel_on = ["post.published", "post.removed"]
do        = [{ retry = "publish", tries = 3, backoff = "1s x2 max 4s jitter 20%" }]
exhausted = [{ alert = "ops", title = "{{ post.id }}: gave up after {{ run.tries }} tries: {{ error.message }}" }]

[rule.stuck-publishing]
match = { platform = "youtube" }
while = { state = "publishing" }
for   = "5s"
do    = [{ alert = "ops", title = "{{ post.id }} has been publishing for {{ run.held }}", resolves = true }]

[rule.never-started]
expect = "post.publishing"
within = "3s"
of     = "post.scheduled_at"
do     = [{ reconcile = "post" }, { alert = "ops", title = "{{ post.id }} never started" }]

[rule.account-burst]
on    = "post.failed"
match = { platform = "tiktok" }
per   = "account"
count = "> 5 in 10m"
once  = "1h"
do    = [
  { alert = "ops", title = "{{ run.count }} failures on {{ account.platform }} in 10 minutes", group = "1s" },
  { pause = "tiktok-failed", for = "30m" },
]

[rule.tiktok-failed]
on    = "post.failed"
match = { platform = "tiktok" }
do    = [{ send = "cms", event = "tiktok.failed" }]

[rule.cms-sync]
on    = "post.published"
match = { platform = "linkedin" }
do = [
  { send = "cms", event = "post.published" },
  { wait = "cms.acked", at_most = "1h", else = "escalate" },
  { set = { cms = "acked" } },
]
[rule.cms-sync.branch]
escalate = [{ alert = "ops", title = "the CMS never confirmed {{ post.id }}" }]

[rule.cms-in-vain]
on    = "post.published"
match = { platform = "threads" }
do = [
  { send = "cms", event = "post.published" },
  { wait = "cms.acked", at_most = "3s", else = "escalate" },
]
[rule.cms-in-vain.branch]
escalate = [{ alert = "ops", title = "the CMS never confirmed {{ post.id }}" }]

[rule.looked-at]
on       = "post.published"
match    = { platform = "threads" }
throttle = "10 per 1m"
do       = [{ alert = "ops", title = "{{ post.id }} is out", ack = "3s", else = "louder" }]
[rule.looked-at.branch]
louder = [{ send = "cms", event = "nobody.looked", at_most = "1h", else = "in-vain" }, { set = { looked = "no" } }]
in-vain = [{ alert = "ops", title = "nobody could be told of {{ post.id }}" }]

[rule.digest]
every = "10s"
over  = { events = ["post.published", "post.failed"], since = "last-run" }
empty = "skip"
do    = [{ send = "cms", event = "digest", data = { count = "{{ run.count }}" } }]
"""


@dataclass
class Stage:
    """Everything that a scenario plays with; `between` is what happens between every two of its steps."""

    service: Service
    simulator: Simulator
    sink: Sink
    database: Database
    key: str
    between: Callable[[], Awaitable[None]]
    posts: dict[str, str] = field(default_factory=dict)

    def post(self, name: str, platform: str, text: str, at: datetime | None = None) -> str:
        """Create a post at the provider, known by its name."""
        self.posts[name] = self.simulator.create([platform], text, at)
        return self.posts[name]

    async def until(self, what: str, query: str, *values: object) -> None:
        """Until the query says true; the step is over, and what happens between two steps happens."""

        async def is_true() -> bool:
            async with self.database.connection() as conn:
                return bool(await conn.fetchval(query, *values))

        await until(is_true, lambda: f"{what}\n{self.service.log_end()}", 240)
        await self.between()

    async def until_state(self, name: str, state: str) -> None:
        """Until the post is in that state."""
        await self.until(
            f"{name} is {state}",
            "select exists (select from posts p join projections v on v.version = p.projection and v.current"
            " where p.post = $1 and p.state = $2)",
            self.posts[name], state,
        )  # fmt: skip

    async def until_done(self, rule: str, verb: str, times: int = 1) -> None:
        """Until so many actions of the rule are done."""
        await self.until(
            f"{rule}: {times} × {verb}",
            "select count(*) >= $3 from actions where rule = $1 and verb = $2 and state = 'done'",
            rule, verb, times,
        )  # fmt: skip

    async def signal(self, name: str, post: str) -> None:
        """Somebody outside says that something has happened, until it has been heard."""

        async def is_answered() -> bool:
            try:
                answer = await client.post(
                    f"{self.service.url}/api/v1/signals/{name}",
                    headers={"authorization": f"Bearer {self.key}"},
                    json={"provider": "sosyalkopru", "post": post, "id": f"{name}:{post}"},
                )
            except httpx2.TransportError:
                return False
            assert answer.is_success, answer.text
            return True

        async with plain_http.client(timeout=5) as client:
            await until(is_answered, f"{name} is taken", 60)


async def retries(stage: Stage) -> None:
    """Two tries help one post, and three do not help another."""
    stage.post("helped", "instagram", "#fail=timeout*2")
    stage.post("hopeless", "instagram", "#fail=timeout")
    await stage.until_done("instagram-retry", "retry", 2)
    await stage.until_state("helped", "published")
    await stage.until_done("instagram-retry", "alert")


async def stuck(stage: Stage) -> None:
    """An alert says that publishing takes long, and another that it is over.

    Who hears of both at once, because it was still starting, has seen nothing take long.
    """
    await stage.service.ready()
    stage.post("slow", "youtube", "#slow #publish")
    await stage.until_state("slow", "publishing")
    await stage.until_done("stuck-publishing", "alert", 1)
    await stage.until_state("slow", "published")
    await stage.until_done("stuck-publishing", "alert", 2)


async def silence(stage: Stage) -> None:
    """The provider publishes and says nothing: it is asked, and nobody is woken for nothing."""
    stage.post("unsaid", "pinterest", "#publish", datetime.now(UTC) + timedelta(seconds=4))
    stage.simulator.silent = True
    await stage.until_state("unsaid", "scheduled")
    await stage.until_done("never-started", "reconcile")
    stage.simulator.silent = False
    await stage.until_state("unsaid", "published")


async def burst(stage: Stage) -> None:
    """More than five failures of one account are told once, and another rule is held."""
    for n in range(7):
        stage.post(f"burst-{n}", "tiktok", "#fail=auth_expired")
        await stage.until_state(f"burst-{n}", "failed")
    await stage.until_done("account-burst", "alert")


async def workflow(stage: Stage) -> None:
    """One post is confirmed, and another is not, nor has anybody looked at it: then others are told, and answer."""
    acked = stage.post("acked", "linkedin", "#publish")
    stage.post("ignored", "threads", "#publish")
    await stage.until_done("cms-sync", "send")
    await stage.signal("cms.acked", acked)
    await stage.between()
    await stage.until_done("cms-in-vain", "alert")
    labelled = "select exists (select from posts where fold->'labels'->>$1 = $2)"
    await stage.until("labelled", labelled, "cms", "acked")
    await stage.until("told that nobody has looked", labelled, "looked", "no")


async def digest(stage: Stage) -> None:
    """Everything that was published or failed stands in exactly one digest."""
    counted = (
        "(select coalesce(sum((payload->'data'->>'count')::int), 0) from actions"
        " where rule = 'digest' and state = 'done')"
    )
    happened = "(select count(*) from transitions where target is null and after in ('published', 'failed'))"
    await stage.until("every event is in a digest", f"select {counted} = {happened}")


SCENARIOS = (retries, stuck, silence, burst, workflow, digest)


async def told_by(folder: Path, *, killing: bool) -> dict[str, Any]:
    """What became of everything, without what the clock alone decides."""
    server = EmbeddedPostgres(folder / "postgres")
    simulated = run_simulator(seed=6, speed=SPEED, odds=Odds(fails=0.0, slow=0.0), ladder=[timedelta(seconds=20)] * 200)
    async with a_sink(fails=10**9) as sink, simulated as simulator:
        service = Service(
            folder / "service", free_port(), dsn=server.start(), lease="2s", provider=simulator.url, secret=SECRET,
            sink=sink.url,
        )  # fmt: skip
        (service.folder / "rules" / "all.toml").write_text(RULES)
        config = service.folder / "config.toml"
        config.write_text(config.read_text().replace("[server]\n", f"[server]\n{LINKS}"))
        simulator.register(f"{service.url}/webhooks/sosyalkopru", secret=SECRET)
        service.start()
        await service.ready()

        async def between() -> None:
            if killing:
                service.kill()
                service.start()

        try:
            async with Database.open(server.dsn) as database:
                async with database.connection() as conn:
                    _, key = await keys.create(conn, "test", ["operate"], datetime.now(UTC))
                stage = Stage(service, simulator, sink, database, key, between)
                for scenario in SCENARIOS:
                    await scenario(stage)
                await on_record(stage)
                await service.ready()
                found = await outcome(stage)
                assert service.stop() == 0
        finally:
            service.kill()
            server.stop()
    return found


async def on_record(stage: Stage) -> None:
    """Whoever was killed between a message and its record has told it again, and has recorded that."""
    accepted = [UUID(id_) for id_ in stage.sink.accepted]
    told = "select not exists (select from actions where id = any($1::uuid[]) and state <> 'done')"
    await stage.until("what was accepted is on record", told, accepted)
    async with stage.database.connection() as conn:
        done = await conn.fetch("select id from actions where verb = 'send' and state = 'done'")
    assert {*accepted} <= {row["id"] for row in done} <= {UUID(id_) for id_ in stage.sink.accepted}


async def outcome(stage: Stage) -> dict[str, Any]:
    """Posts, firings and actions, named by what they are about."""
    names = {post: name for name, post in stage.posts.items()}
    async with stage.database.connection() as conn:
        posts = await conn.fetch("select post, state, attempt from posts")
        firings = await conn.fetch("select rule, outcome, post from firings where rule <> 'digest'")
        actions = await conn.fetch("select id, rule, verb, state, post from actions where rule <> 'digest'")
        runs = await conn.fetch("select rule, state, post from runs where rule <> 'digest'")
    return {
        "posts": {names[row["post"]]: (row["state"], row["attempt"]) for row in posts},
        "firings": Counter((row["rule"], row["outcome"], names.get(row["post"] or "")) for row in firings),
        "actions": Counter((row["rule"], row["verb"], row["state"], names.get(row["post"] or "")) for row in actions),
        "runs": Counter((row["rule"], row["state"], names.get(row["post"] or "")) for row in runs),
        "calls": Counter(call.method for call in stage.simulator.calls if call.method == "POST"),
    }


async def test_the_scenarios_end_alike_whether_or_not_we_are_killed_between_their_steps(tmp_path: Path) -> None:
    undisturbed = await told_by(tmp_path / "undisturbed", killing=False)
    killed = await told_by(tmp_path / "killed", killing=True)
    assert killed == undisturbed
    assert undisturbed["posts"]["helped"] == ("published", 3)
    assert undisturbed["posts"]["unsaid"][0] == "published"
    assert ("never-started", "alert", "done", "unsaid") not in undisturbed["actions"]
    assert undisturbed["actions"]["account-burst", "alert", "done", "burst-5"] == 1
    assert undisturbed["firings"]["tiktok-failed", "suppressed", "burst-6"] == 1
    assert ("cms-sync", "alert", "done", "acked") not in undisturbed["actions"]
    assert undisturbed["calls"] == {"POST": 5}
