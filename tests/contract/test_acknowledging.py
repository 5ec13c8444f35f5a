"""Alerts are acknowledged by the link in their messages, on the dashboard, over the API and on the command line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import pytest

from tests.contract.command_line import CommandLine
from tests.contract.dashboard import NOW, dashboard, sign_in
from tests.contract.serving import bearer
from tests.contract.test_dashboard_rules import plain
from tests.integration.corridor import Corridor
from tests.integration.ruled import in_force
from tests.integration.told import NOON, told
from tracker.act.performers.channels import build_alert
from tracker.dashboard.installation import Installation
from tracker.domain.actions import Done, Exchange
from tracker.domain.runs.acknowledgement import LASTS
from tracker.outbound.client import Outbound
from tracker.settings import Settings
from tracker.store.database import Database

if TYPE_CHECKING:
    from pathlib import Path

    import httpx2

    from tracker.domain.rules.rule_index import RuleIndex
    from tracker.process.active_rules import ActiveRules

pytestmark = pytest.mark.anyio

SERVER = {"public_url": "https://tracker.example.org", "link_secret": "a secret of the test, which is long enough"}
SETTINGS = Settings.model_validate({"server": SERVER, "channels": {"ops": {"kind": "log"}}})
SERVED = "".join(["[server]\n", *(f"{key} = '{value}'\n" for key, value in SERVER.items())])
FILE = """
[rule.failed]
on = "post.failed"
do = [
  { alert = "ops", title = "{{ post.id }} failed", ack = "15m", else = "louder", repeat = "1h" },
  { alert = "ops", title = "somebody sees to it", severity = "info" },
]
[rule.failed.branch]
louder = [{ alert = "ops", title = "nobody has looked", severity = "critical" }]
"""


@pytest.fixture
def rules(tmp_path: Path) -> ActiveRules:
    return in_force(tmp_path, FILE, SERVED)


@pytest.fixture
async def corridor(database: Database, rules: ActiveRules) -> Corridor:
    return await Corridor(database, rules.index()).open()


@pytest.fixture
async def visitor(database: Database, rules: ActiveRules) -> AsyncIterator[httpx2.AsyncClient]:
    async with dashboard(database, rules, installation=Installation(SETTINGS)) as client:
        yield client


def path_of(corridor: Corridor, number: int = 0) -> str:
    """The path of the link in a message."""
    claimed = [one for one in corridor.world.performed if one.alert.acknowledge][number]
    links = build_alert(SETTINGS, Outbound()).links
    return links.link(claimed.id, claimed.created_at).removeprefix("https://tracker.example.org")


def titles(corridor: Corridor) -> list[str]:
    return [one.alert.title for one in corridor.world.performed]


async def test_a_link_acknowledges_once_and_not_by_being_opened(
    visitor: httpx2.AsyncClient, corridor: Corridor
) -> None:
    await corridor.tell(told("p1", "failed", 0))
    path = path_of(corridor)
    for _ in range(2):  # as previews do
        page = await visitor.get(path)
        assert (page.status_code, "p1 failed" in page.text, "I see to it" in page.text) == (200, True, True)
        assert (await visitor.head(path)).status_code in (200, 405)
    assert await corridor.rows("select 1 from events where kind = 'run.acknowledged'") == []
    done = await visitor.post(path)
    assert (done.status_code, "It is acknowledged" in done.text) == (200, True)
    assert "acknowledged already" in (await visitor.post(path)).text
    await corridor.settle()
    assert "acknowledged already" in (await visitor.get(path)).text
    await corridor.wait_until(24 * 3600)
    assert titles(corridor) == ["p1 failed", "somebody sees to it"]
    ((body,),) = await corridor.rows("select body from events where kind = 'run.acknowledged'")
    assert "the link sent to ops" in str(body)


async def test_nobody_in_time_leads_to_the_branch(corridor: Corridor) -> None:
    await corridor.tell(told("p1", "failed", 0))
    await corridor.wait_until(900)
    assert titles(corridor) == ["p1 failed", "nobody has looked"]


async def test_a_page_speaks_turkish_too(visitor: httpx2.AsyncClient, corridor: Corridor) -> None:
    await corridor.tell(told("p1", "failed", 0))
    page = await visitor.get(path_of(corridor), headers={"accept-language": "tr"})
    assert "Ben ilgileniyorum" in page.text


async def test_another_site_and_a_link_that_is_none_acknowledge_nothing(
    database: Database, visitor: httpx2.AsyncClient, rules: ActiveRules, corridor: Corridor
) -> None:
    await corridor.tell(told("p1", "failed", 0))
    path = path_of(corridor)
    assert (await visitor.post(path, headers={"origin": "https://elsewhere.example"})).status_code == 403
    for wrong in (f"{path[:-9]}AAAAAAAAA", "/acknowledge/x", f"/acknowledge/{'A' * 71}"):
        for answer in (await visitor.get(wrong), await visitor.post(wrong)):
            assert answer.status_code == 404, wrong
    later: dict[str, Any] = {"installation": Installation(SETTINGS), "clock": lambda: NOON + LASTS + timedelta(hours=2)}
    async with dashboard(database, rules, **later) as client:
        assert (await client.get(path)).status_code == 404
    assert await corridor.rows("select 1 from events where kind = 'run.acknowledged'") == []


async def test_a_message_bears_a_link_of_its_own_and_what_is_kept_of_it_does_not(corridor: Corridor) -> None:
    await corridor.tell(told("p1", "failed", 0))
    first = corridor.world.performed[0]
    alert = build_alert(SETTINGS, Outbound())
    heard: list[Any] = []

    class Heard:
        async def send_alert(self, claimed: Any, now: Any) -> Any:
            heard.append(claimed.alert.acknowledge)
            return Done(exchange=Exchange({"body": {"text": f"see {heard[-1]}"}}, {"body": heard[-1]}))

    outcome = await type(alert)({"ops": Heard()}, alert.links).perform(first, NOW)
    assert heard == [f"https://tracker.example.org{path_of(corridor)}"]
    assert "acknowledge/" not in msgspec.json.encode(outcome.exchange).decode()
    logged = await alert.perform(first, NOW)
    assert "acknowledge/" not in msgspec.json.encode(logged).decode()


async def test_by_hand_on_the_dashboard_by_who_may_operate(
    database: Database, visitor: httpx2.AsyncClient, corridor: Corridor
) -> None:
    await corridor.tell(told("p1", "failed", 0))
    ((run,),) = await corridor.rows("select id from runs")
    await sign_in(visitor, database, "read")
    assert "/acknowledge" not in (await visitor.get("/posts/p1")).text
    assert (await visitor.post(f"/runs/{run}/acknowledge")).status_code == 403
    await sign_in(visitor, database, "operate")
    assert f"/runs/{run}/acknowledge" in (await visitor.get("/posts/p1")).text
    assert f"/runs/{run}/acknowledge" in (await visitor.get(f"/runs/{run}")).text
    answer = await visitor.post(f"/runs/{run}/acknowledge", data={"then": "/posts/p1"})
    assert "It is acknowledged" in (await visitor.get(answer.headers["Location"])).text
    await corridor.settle()
    page = await visitor.get("/posts/p1")
    assert f"/runs/{run}/acknowledge" not in page.text
    assert "an alert was acknowledged" in plain(page)
    assert "acknowledged" in plain(await visitor.get(f"/runs/{run}"))
    assert (await visitor.post(f"/runs/{run}/acknowledge")).status_code == 409


async def test_by_hand_over_the_api(database: Database, visitor: httpx2.AsyncClient, corridor: Corridor) -> None:
    await corridor.tell(told("p1", "failed", 0))
    visitor.headers |= await bearer(database, "operate")
    (run,) = (await visitor.get("/api/v1/runs")).json()["items"]
    assert run["unacknowledged"] is True
    for status in (202, 202):
        assert (await visitor.post(f"/api/v1/runs/{run['id']}/acknowledge")).status_code == status
    await corridor.settle()
    assert (await visitor.get(f"/api/v1/runs/{run['id']}")).json()["unacknowledged"] is False
    assert (await visitor.post(f"/api/v1/runs/{run['id']}/acknowledge")).status_code == 409
    assert (await visitor.post(f"/api/v1/runs/{UUID(int=1)}/acknowledge")).status_code == 404
    moves = [one["says"] for one in (await visitor.get(f"/api/v1/runs/{run['id']}")).json()["moves"]]
    assert moves[-1] == "done: acknowledged"


def test_by_hand_on_the_command_line(tmp_path: Path, database_url: str, rules: ActiveRules) -> None:
    (tmp_path / "here").mkdir()
    tracker = CommandLine(tmp_path / "here").configure(database_url)
    asyncio.run(_fail_a_post(database_url, rules.index()))
    (run,) = tracker("runs", "list", "--post", "p1", "--json").json["items"]
    assert run["unacknowledged"] is True
    assert "failed" in tracker("runs", "list", "--state", "active").out
    told_so = tracker("runs", "acknowledge", run["id"])
    assert (told_so.code, told_so.out) == (0, f"{run['id']}: acknowledged what failed has told\n")
    (again,) = tracker("runs", "acknowledge", run["id"], "--json").json["items"]
    assert (again["id"], again["refused"], again["answer"]["rule"]) == (run["id"], None, "failed")
    nobody = tracker("runs", "acknowledge", str(UUID(int=1)))
    assert (nobody.code, "there is no run" in nobody.out) == (1, True)


async def _fail_a_post(url: str, rules: RuleIndex) -> None:
    async with Database.open(url) as database:
        corridor = await Corridor(database, rules).open()
        await corridor.tell(told("p1", "failed", 0))
