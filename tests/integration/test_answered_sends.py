"""A send that is waited for, live: over HTTP to a system that answers, back by the log, and on in the run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.integration.hostile import read_request, serving
from tests.integration.test_sent_to_channels import NEXT_MORNING, a_morning
from tests.integration.told import told
from tracker.domain.posts.post import Post
from tracker.outbound.addresses import Allowed
from tracker.outbound.client import Outbound
from tracker.queries.pending import list_pending
from tracker.settings import Settings

if TYPE_CHECKING:
    import asyncio

    from tests.integration.corridor import Corridor
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

SECRET = "a-long-secret-of-theirs"
STEP = 'send = "cms", as = "cms", at_most = "2m", else = "down"'
READ = "{{ has(cms.answer.draft_id) ? cms.answer.draft_id : 'none' }}"
RULES = f"""
[rule.ask]
on = "post.failed"
do = [{{ {STEP} }}, {{ alert = "ops", title = "draft {READ}" }}]
[rule.ask.branch]
down = [{{ alert = "ops", title = "down" }}]

[rule.gather]
every = "weekdays 09:00 Europe/Istanbul"
over  = {{ events = ["post.failed"], since = "last-run" }}
do    = [{{ {STEP} }}, {{ alert = "ops", title = "{{{{ run.count }}}} in {READ}" }}]
[rule.gather.branch]
down = [{{ alert = "ops", title = "down" }}]
"""


class Cms:
    """Answers each request with the next of the answers, the last one for ever."""

    def __init__(self, *answers: tuple[int, bytes]) -> None:
        self.answers = list(answers)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            status, body = self.answers.pop(0) if self.answers[1:] else self.answers[0]
            writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))
            await writer.drain()


async def titles(corridor: Corridor) -> list[object]:
    rows = await corridor.rows("select payload->>'title' from actions where verb = 'alert' order by due_at, id")
    return [row[0] for row in rows]


async def played(
    database: Database, folder: Path, cms: Cms, until: float = 60.0, rules: str = RULES
) -> tuple[list[object], list[str]]:
    """What people were told, and what the post's page says then of what comes next."""
    (folder / "all.toml").write_text(rules)
    async with serving(cms.serve) as server, Outbound(Allowed.parse(["127.0.0.1"])) as outbound:
        endpoint = {"call": f"POST {server.url('/drafts')}", "headers": {"Authorization": SECRET, "Depth": "1"}}
        settings = Settings.model_validate({"endpoints": {"cms": endpoint}, "channels": {"ops": {"kind": "log"}}})
        async with a_morning(database, settings, outbound, folder) as corridor:
            await corridor.tell(told("p1", "failed", 1))
            await corridor.wait_until(until)
            async with database.connection() as conn:
                post = msgspec.convert(await conn.fetchval("select fold from posts"), Post)
                pending = [one.says for one in await list_pending(conn, post, list(corridor.rules))]
            return await titles(corridor), pending


async def test_what_is_answered_goes_by_the_log_into_the_next_step(database: Database, tmp_path: Path) -> None:
    body = json.dumps({"draft_id": 41, "echo": SECRET, "x": "a\x00b"}).encode()
    said, pending = await played(database, tmp_path, Cms((200, body)))
    assert (said, pending) == (["draft 41"], [])
    async with database.connection() as conn:
        event = json.loads(
            await conn.fetchval("select body from events where kind = 'action.done' order by position limit 1")
        )
        kept = await conn.fetchval("select data->'answers' from runs")
    assert event["detail"]["answer"] == {"draft_id": 41, "echo": "•••", "x": "a\ufffdb"}
    assert kept == {"cms": event["detail"]["answer"]}


@pytest.mark.parametrize("body", [b"no JSON", b"[1]", b"", b'{"a": "' + b"x" * 70_000 + b'"}'])
async def test_what_is_no_object_is_an_empty_answer(database: Database, tmp_path: Path, body: bytes) -> None:
    assert await played(database, tmp_path, Cms((200, body))) == (["draft none"], [])


async def test_a_refusal_for_good_leads_to_the_branch(database: Database, tmp_path: Path) -> None:
    assert await played(database, tmp_path, Cms((410, b"{}"))) == (["down"], [])


async def test_whoever_does_not_answer_in_time_is_waited_for_no_longer(database: Database, tmp_path: Path) -> None:
    said, pending = await played(database, tmp_path, Cms((500, b"{}")))
    assert said == []
    assert "ask stops waiting for the answer of cms, and goes to down" in pending


async def test_the_branch_follows_when_the_time_is_over(database: Database, tmp_path: Path) -> None:
    said, pending = await played(database, tmp_path, Cms((500, b"{}")), until=200)
    assert said == ["down"]
    assert all("send cms" in one for one in pending)  # which goes on being tried


async def test_a_rule_of_the_clock_reads_an_answer(database: Database, tmp_path: Path) -> None:
    _, _, clock = RULES.partition("[rule.gather]")
    cms = Cms((200, b'{"draft_id": 42}'))
    said, _ = await played(database, tmp_path, cms, NEXT_MORNING, f"[rule.gather]{clock}")
    assert said == ["1 in 42"]
