"""The pages of the rules: how each does, its switch, its text, and what it would have done."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from tests.contract.dashboard import dashboard, sign_in
from tests.integration.blocking import until_blocked
from tests.integration.corridor import Corridor
from tests.integration.ruled import in_force
from tests.integration.told import told
from tracker.store.reactions import rule_book

if TYPE_CHECKING:
    from pathlib import Path

    import httpx2

    from tracker.process.active_rules import ActiveRules
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

FAILING = """# What failed.
[rule.on-failure]
on = "post.failed"
match = { platform = ["x", "insta*"] }
once = "10m"
do = [{ alert = "ops", title = "it </textarea> failed" }]
"""
FILE = f"""{FAILING}
[rule.stuck]
while = {{ state = "publishing" }}
for = "15m"
canary = "1d"
do = [{{ alert = "ops", title = "stuck" }}, {{ wait = "cms.acked", at_most = "1d", else = "late" }}]
[rule.stuck.branch]
late = [{{ pause = "on-failure", for = "30m" }}]

[rule.dormant]
expect = "post.publishing"
within = "10m"
of = "post.scheduled_at"
enabled = false
do = [{{ reconcile = "post" }}]
"""


OWNED = """[table.client]
"*" = { channel = "ops" }

[rule.owned]
on = "post.failed"
per = "target"
with = { client = "account" }
description = "what <b>it</b> is for"
owner = "social team"
runbook = "https://wiki.example.com/owned"
do = [{ alert = "{{ client.channel }}", title = "x" }]
"""


@pytest.fixture
def rules(tmp_path: Path) -> ActiveRules:
    return in_force(tmp_path, FILE)


@pytest.fixture
async def visitor(database: Database, rules: ActiveRules) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody at this machine, who needs no key and may do everything."""
    async with dashboard(database, rules, open_here=True) as client:
        yield client


async def a_few_firings(database: Database, rules: ActiveRules) -> None:
    """p1 fails twice on x, of which the second is held back; p2 fails where the rule does not look."""
    corridor = await Corridor(database, rules.index()).open()
    for second, post, state, platform in (
        (1, "p1", "failed", "x"), (2, "p1", "publishing", "x"), (3, "p1", "failed", "x"), (4, "p2", "failed", "tiktok"),
    ):  # fmt: skip
        corridor.at = second
        await corridor.tell(told(post, state, second, targets={platform: state}))
    corridor.at = 3600
    await corridor.settle()


def plain(page: httpx2.Response) -> str:
    """What a page says, without markup and with single spaces."""
    assert page.status_code == 200, page.text
    return " ".join(re.sub(r"<[^>]*>", " ", page.text).split())


async def test_the_list_says_of_each_rule_how_it_does(
    visitor: httpx2.AsyncClient, database: Database, rules: ActiveRules
) -> None:
    assert "never fired" in plain(await visitor.get("/rules"))
    await a_few_firings(database, rules)
    page = await visitor.get("/rules")
    found = [" ".join(re.sub(r"<[^>]*>", " ", row).split()) for row in page.text.split("<li data-key=")[1:]]
    assert [(row.partition(">")[2].split()[0], row.partition(">")[2].split()[1]) for row in found] == [
        ("Off", "dormant"), ("On", "on-failure"), ("Canary", "stuck"),
    ]  # fmt: skip
    assert "post.publishing has not come within 10m of post.scheduled_at" in found[0]
    assert "1 fired 1 held back" in found[1]
    assert "all.toml:2" in found[1]
    assert "been publishing for 15m" in found[2]
    for state, names in {"on": ["on-failure", "stuck"], "off": ["dormant"]}.items():
        text = (await visitor.get(f"/rules?state={state}")).text
        assert re.findall(r'id="switch-([\w-]+)"', text) == names
    assert (await visitor.get("/rules?state=onn")).status_code == 400


async def test_the_page_of_a_rule_tells_what_it_says_and_what_it_came_to(
    visitor: httpx2.AsyncClient, database: Database, rules: ActiveRules
) -> None:
    await a_few_firings(database, rules)
    page = await visitor.get("/rules/on-failure")
    assert 'href="/posts/p1?provider=sosyalkopru"' in page.text
    assert "it &lt;/textarea&gt; failed" in page.text
    assert "it </textarea>" not in page.text
    said = plain(page)
    for part in ("On post.failed", "Only platform : x or insta*", "At most once in 10m",
                 "# What failed. [rule.on-failure]", ", and it fired at", "Last fired"):  # fmt: skip
        assert part in said, part
    assert 'name="text"' in page.text
    stuck = plain(await visitor.get("/rules/stuck"))
    for part in ("Canary", "Wait for cms.acked , at most 1d , else go to late", "Pause on-failure for 30m",
                 "It has not fired yet"):  # fmt: skip
        assert part in stuck, part
    assert (await visitor.get("/rules/stuk")).status_code == 404


async def test_a_rule_with_many_firings_shows_them_in_pages(
    visitor: httpx2.AsyncClient, database: Database, rules: ActiveRules
) -> None:
    corridor = await Corridor(database, rules.index()).open()
    await corridor.tell(*(told(f"p{n:02}", "failed", n, targets={"x": "failed"}) for n in range(14)))
    page = await visitor.get("/rules/on-failure")
    first = re.findall(r'data-key="firing (\d+)"', page.text)
    older = re.search(r'rel="next" href="([^"]+)"', page.text)
    assert older
    rest = re.findall(r'data-key="firing (\d+)"', (await visitor.get(older[1].replace("&amp;", "&"))).text)
    assert (len(first), len(rest), len({*first, *rest})) == (10, 4, 14)


async def test_a_rule_is_switched_by_who_may_operate(database: Database, rules: ActiveRules) -> None:
    async with dashboard(database, rules) as client:
        await sign_in(client, database, "read")
        assert "/rules/stuck/disable" not in (await client.get("/rules")).text
        assert (await client.post("/rules/stuck/disable")).status_code == 403
        await sign_in(client, database, "operate")
        answer = await client.post("/rules/stuck/disable", data={"then": "/rules?state=on"})
        assert answer.status_code == 303
        assert "It is switched off" in (await client.get(answer.headers["Location"])).text
        assert "by hand, by test operate" in plain(await client.get("/rules/stuck"))
        async with database.connection() as conn:
            assert not (await rule_book.switches_by_rule(conn))["stuck"].enabled
        await client.post("/rules/stuck/enable")
        async with database.connection() as conn:
            assert not await rule_book.switches_by_rule(conn)
        assert (await client.post("/rules/nobody/enable")).status_code == 404


async def test_files_that_are_refused_are_named_with_their_place(
    visitor: httpx2.AsyncClient, rules: ActiveRules, tmp_path: Path
) -> None:
    (tmp_path / "rules" / "all.toml").write_text(FILE.replace("post.failed", "post.faild"))
    assert not rules.reload()
    for path in ("/rules", "/rules/on-failure"):
        page = await visitor.get(path)
        assert "all.toml:3:6" in page.text
        assert "post.faild" in page.text
    assert 'on = "post.failed"' in plain(await visitor.get("/rules/on-failure")).replace("&#34;", '"')


WAITING = """
[rule.late]
while = { state = "failed" }
for   = "1m"
since = "entered"
do    = [{ alert = "ops", title = "{{ post.id }}" }]
"""


async def test_where_there_is_no_rule_it_says_how_to_begin(database: Database) -> None:
    async with dashboard(database, open_here=True) as client:
        assert "tracker init" in plain(await client.get("/rules"))


async def test_a_text_is_tried_on_the_log_by_whoever_may_read(database: Database, rules: ActiveRules) -> None:
    """As it stands it comes to what is on record; without its platforms it gains a post, and loses none."""
    await a_few_firings(database, rules)
    async with dashboard(database, rules) as client:
        await sign_in(client, database, "read")
        same = plain(await client.post("/rules/on-failure/trial", data={"text": FAILING}))
        for part in ("Would have fired 1", "Did fire 1", "Gained 0", "Lost 0", "evaluated: 1", "changes nothing"):
            assert part in same, part
        wider = FAILING.replace('match = { platform = ["x", "insta*"] }\n', "").replace("\n", "\r\n")
        page = await client.post("/rules/on-failure/trial", data={"text": wider, "since": "7d"})
        for part in ("Would have fired 2", "Did fire 1", "Gained 1 Would have fired, and did not. p2", "Lost 0"):
            assert part in plain(page), part
        assert "When it is saved: timers cancelled 0, set 0, kept 0; runs ended " in plain(page)
        late = WAITING.replace("rule.late", "rule.on-failure")
        page = await client.post("/rules/on-failure/trial", data={"text": late, "since": "7d"})
        assert "It would fire at once for 2: sosyalkopru/p1, sosyalkopru/p2" in plain(page), plain(page)
        assert 'value="7d" selected' in page.text
        assert "# What failed." in plain(await client.get("/rules/on-failure/trial"))


async def test_a_text_that_cannot_be_tried_comes_back_with_its_faults(visitor: httpx2.AsyncClient) -> None:
    wrong = FAILING.replace("post.failed", "post.faild").replace('"ops"', '"opps"')
    for text, parts in {
        wrong: ("Line 3, column 6", "Line 6, column 17", 'on = "post.faild"', "did you mean"),
        "[rule.x\n": ("Line 1", "is not TOML"),
        "# nothing": ("There is no rule in this text",),
        "[rule.x]\x00": ("There is no rule in this text",),
    }.items():
        answer = await visitor.post("/rules/on-failure/trial", data={"text": text})
        assert answer.status_code == 422
        for part in parts:
            assert part in answer.text.replace("&#34;", '"'), part
        assert text.partition("\n")[0].strip("\x00") in answer.text
    assert (await visitor.post("/rules/on-failure/trial", data={"text": wrong, "since": "1y"})).status_code == 400
    assert (await visitor.post("/rules/on-failure/trial", data={"text": "#" * 300_000})).status_code == 413


async def test_one_text_is_tried_at_a_time_and_the_other_is_kept(
    visitor: httpx2.AsyncClient, database: Database, rules: ActiveRules, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over the API or here; and what takes too long is given up."""
    await a_few_firings(database, rules)
    async with database.transaction() as holding:
        await holding.execute("lock table events in access exclusive mode")
        playing = asyncio.create_task(visitor.post("/rules/on-failure/trial", data={"text": FAILING}, timeout=60))
        await until_blocked(database)
        busy = await visitor.post("/rules/on-failure/trial", data={"text": "# mine"})
        assert (busy.status_code, "Another trial is under way" in busy.text, "# mine" in busy.text) == (503, True, True)
        key = await sign_in(visitor, database, "read")
        assert key.status_code == 303
    assert "Would have fired 1" in plain(await playing)
    monkeypatch.setattr("tracker.process.backtest_service.PATIENCE", 0.001)
    long = await visitor.post("/rules/on-failure/trial", data={"text": FAILING})
    assert (long.status_code, "Try a shorter span" in long.text) == (422, True)


async def test_a_rule_says_what_it_is_for_whose_it_is_and_where_one_reads_on(
    database: Database, tmp_path: Path
) -> None:
    async with dashboard(database, in_force(tmp_path, OWNED), open_here=True) as visitor:
        page = await visitor.get("/rules/owned")
    assert "&lt;b&gt;it&lt;/b&gt;" in page.text
    said = plain(page)
    assert "Owner: social team" in said
    assert "Runbook: https://wiki.example.com/owned" in said
    assert "{{ client.channel }}" in said
