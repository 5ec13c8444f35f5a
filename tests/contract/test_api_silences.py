"""Silences over the API: begun with an end, ended early, and told by what they hid."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.serving import bearer, serving
from tests.integration.corridor import READERS, Corridor
from tests.integration.ruled import in_force
from tests.integration.told import NOON, PROVIDER, told
from tracker.api import Parts, application

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx2

    from tracker.process.active_rules import ActiveRules
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

FILE = """
[rule.on-failure]
on = "post.failed"
do = [{ alert = "ops", title = "{{ post.id }} failed" }]

[rule.at-night]
on = "post.partial"
quiet = "11:00-15:00 UTC"
do = [{ alert = "ops", title = "{{ post.id }} is in part out" }]

[rule.tried]
on = "post.published"
canary = "1d"
do = [{ alert = "ops", title = "{{ post.id }} is out" }]
"""
PATH = "/api/v1/silences"
EVERY_FAILURE = {"match": {"rule": "on-f*"}, "for": "1h", "reason": "we know"}


class Watch:
    """A clock that the test moves, in seconds after noon."""

    at = 0.0

    def now(self) -> Any:
        return NOON + timedelta(seconds=self.at)


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def rules(tmp_path: Path) -> ActiveRules:
    return in_force(tmp_path, FILE)


@pytest.fixture
async def client(database: Database, rules: ActiveRules, watch: Watch) -> AsyncIterator[httpx2.AsyncClient]:
    """A served API, and a client with a key that may operate."""
    parts = Parts(database, watch.now, None, providers=(PROVIDER,), readers=READERS, rules=rules)
    async with serving(application(parts)) as client:
        client.headers |= await bearer(database, "operate")
        yield client


async def get(client: httpx2.AsyncClient, path: str, **parameters: Any) -> Any:
    response = await client.get(f"/api/v1{path}", params=parameters)
    assert response.status_code == 200, response.text
    return response.json()


async def begin(client: httpx2.AsyncClient, **wishes: Any) -> Any:
    response = await client.post(PATH, json=EVERY_FAILURE | wishes)
    assert response.status_code == 201, response.text
    return response.json()


async def test_a_silence_begins_now_and_says_who_until_when_and_why(client: httpx2.AsyncClient) -> None:
    silence = await begin(client)
    assert silence == await get(client, f"/silences/{silence['id']}")
    assert {name: silence[name] for name in ("match", "since", "until", "active", "by", "reason")} == {
        "match": {"rule": "on-f*"}, "since": "2026-11-10T12:00:00Z", "until": "2026-11-10T13:00:00Z", "active": True,
        "by": "test operate", "reason": "we know",
    }  # fmt: skip
    assert silence["hid"] == {"count": 0, "newest": []}


async def test_its_end_may_be_a_time(client: httpx2.AsyncClient) -> None:
    wish = {"match": {"severity": "critical"}, "until": "2026-11-10T16:00:00+03:00", "reason": "maintenance"}
    response = await client.post(PATH, json=wish)
    assert response.json()["until"] == "2026-11-10T13:00:00Z"


async def test_a_silence_hides_alerts_tells_which_and_the_post_tells_so_too(
    client: httpx2.AsyncClient, database: Database, rules: ActiveRules
) -> None:
    silence = await begin(client)
    corridor = await Corridor(database, rules.index()).open()
    await corridor.tell(*(told(f"p{n}", "failed", n) for n in range(7)))
    assert corridor.world.verbs == {}
    (listed,) = (await get(client, "/silences"))["items"]
    assert (listed["hid"]["count"], len(listed["hid"]["newest"])) == (7, 5)
    alert = next(
        one for one in (await get(client, f"/silences/{silence['id']}"))["hid"]["newest"] if one["post"] == "p1"
    )
    assert (alert["title"], alert["channel"], alert["rule"], alert["severity"]) == (
        "p1 failed", "ops", "on-failure", "warning",
    )  # fmt: skip
    history = (await get(client, "/posts/p1/history"))["items"]
    (action,) = [entry["data"] for entry in history if entry["type"] == "action"]
    assert (action["state"], action["hidden_by"]) == ("hidden", f"silence {silence['id']}")
    (held,) = [entry["data"] for entry in history if entry["type"] == "silence"]
    assert (held["silence"], held["reason"], held["until"]) == (silence["id"], "we know", "2026-11-10T13:00:00Z")
    hidden = await get(client, "/actions", state="hidden", post="p1")
    assert [item["id"] for item in hidden["items"]] == [action["action"]]


async def test_a_silence_is_ended_early_and_kept(
    client: httpx2.AsyncClient, database: Database, rules: ActiveRules, watch: Watch
) -> None:
    silence = await begin(client)
    watch.at = 10
    ended = await client.delete(f"{PATH}/{silence['id']}")
    assert (ended.status_code, ended.json()["until"], ended.json()["active"]) == (200, "2026-11-10T12:00:10Z", False)
    corridor = await Corridor(database, rules.index()).open()
    corridor.at = 11
    await corridor.tell(told("p1", "failed", 11))
    assert corridor.world.verbs == {"alert": 1}
    watch.at = 20
    assert (await client.delete(f"{PATH}/{silence['id']}")).json()["until"] == "2026-11-10T12:00:10Z"
    said = [event["type"] for event in (await get(client, "/events", source="manual"))["items"]]
    assert said == ["silence.begun", "silence.ended"]


async def test_silences_come_in_pages_by_whether_they_are_over(client: httpx2.AsyncClient, watch: Watch) -> None:
    made = []
    for second in range(5):
        watch.at = second
        made.append((await begin(client, **{"for": "2s" if second < 2 else "1h"}))["id"])
    watch.at = 10
    first = await get(client, "/silences", limit=3)
    second_page = await get(client, "/silences", limit=3, cursor=first["next"])
    assert [one["id"] for one in first["items"] + second_page["items"]] == made[::-1]
    assert [one["id"] for one in (await get(client, "/silences", state="active"))["items"]] == made[:1:-1]
    assert [one["id"] for one in (await get(client, "/silences", state="ended"))["items"]] == made[1::-1]
    assert len((await get(client, "/silences", state="ended,active"))["items"]) == 5


async def test_an_alert_that_is_held_by_quiet_hours_says_so(
    client: httpx2.AsyncClient, database: Database, rules: ActiveRules
) -> None:
    corridor = await Corridor(database, rules.index()).open()
    await corridor.tell(told("p1", "partial", 0))
    (held,) = (await get(client, "/posts/p1"))["pending"]
    assert (held["what"], held["due_at"]) == ("action", "2026-11-10T15:00:00Z")
    assert held["says"] == "alert ops, held by the quiet hours until then"


async def test_what_a_canary_would_have_done_is_shown_as_shadow(
    client: httpx2.AsyncClient, database: Database, rules: ActiveRules
) -> None:
    corridor = await Corridor(database, rules.index()).open()
    await corridor.tell(told("p1", "published", 0))
    (action,) = (await get(client, "/actions", state="shadow"))["items"]
    assert (action["rule"], action["hidden_by"]) == ("tried", "canary")
    assert (await client.post(f"/api/v1/actions/{action['id']}/retry")).status_code == 409
