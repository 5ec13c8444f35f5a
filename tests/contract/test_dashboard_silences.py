"""Silences in the dashboard: begun with a form that says what is wrong where it is wrong, and ended with a button."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from markupsafe import escape

from tests.contract.dashboard import NOW, dashboard, sign_in
from tests.integration.ruled import in_force
from tests.integration.told import PROVIDER
from tracker.domain.actions import ActionSpec
from tracker.domain.payloads import AlertPayload
from tracker.domain.runs.engine_state import ActionRequest, Silence
from tracker.facts import commands
from tracker.queries.silences import SilenceOut, list_silences
from tracker.store.actions import actions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx2

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

FILE = """
[rule.on-failure]
on = "post.failed"
do = [{ alert = "ops", title = "{{ post.id }} failed" }]
"""
SCRIPT = "<script>alert(1)</script>"
WISH = {"rule": "on-f*", "for": "2h", "reason": "we know"}


@pytest.fixture
async def visitor(database: Database, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody who may operate."""
    rules = in_force(tmp_path, FILE)
    async with dashboard(database, rules, parts={"providers": (PROVIDER,), "channels": ("ops",)}) as client:
        await sign_in(client, database, "operate")
        yield client


async def begun(database: Database, reason: str, since: timedelta, lasting: timedelta = timedelta(hours=1)) -> Silence:
    """A silence that began so long ago."""
    silence = Silence(uuid4(), {"rule": "*"}, NOW - since, NOW - since + lasting, "Ada", reason)
    async with database.transaction() as conn:
        await commands.begin_silence(conn, silence)
    return silence


async def kept(database: Database) -> list[SilenceOut]:
    async with database.connection() as conn:
        return (await list_silences(conn, [], NOW, None, 99)).items


async def test_a_silence_is_begun_with_a_form(visitor: httpx2.AsyncClient, database: Database) -> None:
    answer = await visitor.post("/silences", data={**WISH, "channel": " ", "until": ""})
    assert answer.status_code == 303, answer.text
    (one,) = await kept(database)
    assert (one.match, one.since, one.until) == ({"rule": "on-f*"}, NOW, NOW + timedelta(hours=2))
    assert (one.by, one.reason) == ("test operate", "we know")
    page = (await visitor.get(answer.headers["Location"])).text
    assert "The silence has begun" in page
    assert page.index("In force") < page.index("we know") < page.index("Ended")
    assert "Hid no alert" in page


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        ({"rule": "on-failur"}, "rule", "Did you mean on-failure"),
        ({"rule": ""}, "rule", "nothing is chosen"),
        ({"provider": "nobody"}, "provider", "is not known"),
        ({"channel": "opps"}, "channel", "Did you mean ops"),
        ({"severity": "loud"}, "severity", "is not known"),
        ({"post": "x" * 201}, "post", "1 to 200 characters"),
        ({"for": "soon"}, "for", "is not a duration"),
        ({"for": "31d"}, "for", "more than 30 days ahead"),
        ({"for": "", "until": "someday"}, "until", "is not a time with a zone"),
        ({"for": "", "until": "2026-11-10T12:00:00Z"}, "until", "is over already"),
        ({"until": "2026-11-11T12:00:00Z"}, "until", "one of the two"),
        ({"reason": ""}, "reason", "say why"),
    ],
)
async def test_what_is_wrong_is_said_at_its_field_and_the_rest_stays_filled_in(
    visitor: httpx2.AsyncClient, database: Database, wrong: dict[str, str], field: str, said: str
) -> None:
    answer = await visitor.post("/silences", data={**WISH, "reason": SCRIPT, **wrong})
    assert answer.status_code == 400
    (faulty,) = re.findall(r'<input name="(\w+)"[^>]*aria-invalid[^>]*>\s*<p class="fault-of"', answer.text)
    assert faulty == field
    (fault,) = re.findall(r'id="fault"[^>]*>(.*?)</p>', answer.text)
    assert said in re.sub("<[^>]*>", "", fault)
    assert f'name="reason" value="{wrong.get("reason", escape(SCRIPT))}"' in answer.text
    assert SCRIPT not in answer.text
    assert await kept(database) == []


async def test_those_in_force_come_first_with_what_each_hid(visitor: httpx2.AsyncClient, database: Database) -> None:
    await begun(database, "long over", timedelta(days=2))
    for number in range(26):
        await begun(database, f"over no. {number}", timedelta(days=1, minutes=number))
    now = await begun(database, SCRIPT, timedelta(minutes=10))
    spec = ActionSpec("alert", "ops", AlertPayload(title=SCRIPT, severity="critical"), "k1", NOW)
    async with database.connection() as conn:
        await actions.intend(conn, [ActionRequest(spec, "on-failure", "r1", uuid4(), PROVIDER, "p1")], NOW)
        await conn.execute("update actions set state = 'hidden', hidden_by = $1", f"silence {now.id}")
    page = (await visitor.get("/silences")).text
    assert SCRIPT not in page
    assert page.index("&lt;script&gt;") < page.index("Alerts hidden: 1") < page.index("over no. 0")
    assert "long over" not in page
    (older,) = re.findall(r'rel="next" href="([^"]*)"', page)
    page = (await visitor.get(older)).text
    assert "long over" in page
    assert "&lt;script&gt;" not in page
    assert (await visitor.get("/silences?cursor=bm8")).status_code == 400


async def test_one_is_ended_early_by_who_may(visitor: httpx2.AsyncClient, database: Database) -> None:
    silence = await begun(database, "we know", timedelta(minutes=10))
    await sign_in(visitor, database, "read")
    page = (await visitor.get("/silences")).text
    assert "/end" not in page
    assert 'name="reason"' not in page
    for path in ("/silences", f"/silences/{silence.id}/end"):
        assert (await visitor.post(path, data=WISH)).status_code == 403
    assert [one.until for one in await kept(database)] == [silence.until]
    await sign_in(visitor, database, "operate")
    answer = await visitor.post(f"/silences/{silence.id}/end", data={"then": "/silences"})
    assert "The silence is over" in (await visitor.get(answer.headers["Location"])).text
    assert [one.until for one in await kept(database)] == [NOW]
    assert (await visitor.post(f"/silences/{uuid4()}/end")).status_code == 404


async def test_a_button_silences_what_its_page_is_about_until_a_morning_there(
    visitor: httpx2.AsyncClient, database: Database
) -> None:
    """Its texts are no globs, whatever stands in an id, and the page is the one that one came from."""
    page = (await visitor.get("/rules/on-failure")).text
    (about,) = re.findall(r'name="about" value="([^"]*)"', page)
    form = {"about": about, "until": "tomorrow", "zone": "Europe/Istanbul", "then": "/rules/on-failure"}
    answer = await visitor.post("/silences", data=form)
    assert answer.headers["Location"] == "/rules/on-failure?done=silence_begun"
    (one,) = await kept(database)
    assert (one.match, one.reason) == ({"rule": "on-failure"}, "by_hand")
    assert one.until.isoformat() == "2026-11-11T06:00:00+00:00"
    assert "by hand" in (await visitor.get("/silences")).text
    await visitor.post("/silences", data={**form, "about": "post=%5Ba%5D*&provider=sosyalkopru", "until": "1h"})
    shorter, _ = sorted(await kept(database), key=lambda silence: silence.until)
    assert shorter.match == {"post": "[[]a][*]", "provider": "sosyalkopru"}
    refused = await visitor.post("/silences", data={**form, "zone": "Mars/Base"})
    assert refused.status_code == 400
