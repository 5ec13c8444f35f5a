"""Rule files and channels that are broken while nothing runs: the next start serves, on the last good rules."""

from __future__ import annotations

import hmac
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from tests import plain_http
from tests.acceptance.service import Service, free_port
from tests.waiting import until
from tracker.store import keys
from tracker.store.database import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path
    from typing import Any

    Place = tuple[str, int | None, int | None]

pytestmark = pytest.mark.anyio

SECRET = "whsec_of_the_test"
RULES = """
[rule.tell]
on = "post.failed"
do = [{ alert = "ops", title = "{{ post.id }} failed" }]

[rule.note]
on = "post.failed"
do = [{ set = { seen = "yes" } }]
"""
ENDED = """
select state, action_attempts.reason
  from actions join action_attempts on action = id
 where rule = 'tell' and target = 'ops' and post = $1 and state in ('done', 'dead')
"""
LABELLED = "select 1 from events where kind = 'post.labelled' and post = $1"
PROJECTED = "select state from posts where post = $1"


def service_in(folder: Path, dsn: str) -> Service:
    service = Service(
        folder, free_port(), dsn=dsn, lease="2s", provider="http://127.0.0.1:9", secret=SECRET,
        sink="http://127.0.0.1:9/",
    )  # fmt: skip
    (folder / "rules" / "all.toml").write_text(RULES)
    return service


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[None]:
    """From the start until kill -9."""
    service.start()
    try:
        await service.ready()
        yield
    finally:
        service.kill()


async def a_failed_post(service: Service, post: str) -> int:
    """The door's answer."""
    data = {"postId": post, "status": "FAILED", "platforms": []}
    body = json.dumps({"event": "post.failed", "timestamp": "2026-11-10T12:00:00Z", "data": data}).encode()
    signature = hmac.new(SECRET.encode(), body, sha256).hexdigest()
    headers = {"x-sosyalkopru-signature": f"sha256={signature}", "x-sosyalkopru-delivery": post}
    async with plain_http.client(base_url=service.url) as client:
        return (await client.post("/webhooks/sosyalkopru", content=body, headers=headers)).status_code


async def asked(service: Service, address: str, key: str = "") -> tuple[int, Any]:
    async with plain_http.client(base_url=service.url, timeout=10) as client:
        answer = await client.get(address, headers={"authorization": f"Bearer {key}"} if key else {})
    return answer.status_code, answer.json()


async def a_key(database: Database) -> str:
    async with database.transaction() as conn:
        return (await keys.create(conn, "somebody", ["read"], datetime.now(UTC)))[1]


async def row_of(database: Database, statement: str, *values: object) -> tuple[Any, ...]:
    """The row, as soon as it is there."""

    async def row() -> tuple[Any, ...]:
        async with database.connection() as conn:
            return tuple(await conn.fetchrow(statement, *values) or ())

    return await until(row, statement)


def a_mistake(service: Service) -> tuple[str, Place]:
    (service.folder / "rules" / "all.toml").write_text(RULES.replace("post.failed", "post.faild", 1))
    return 'rules/all.toml:3:6: rule.tell.on: "post.faild"', ("rules/all.toml", 3, 6)


def no_folder(service: Service) -> tuple[str, Place]:
    (service.folder / "rules").rename(service.folder / "elsewhere")
    return "rules: rules.dir: there is no such folder", ("rules", None, None)


def another_name(service: Service) -> tuple[str, Place]:
    config = service.folder / "config.toml"
    config.write_text(config.read_text().replace("[channels.ops]", "[channels.oops]"))
    return 'rule.tell.do[0].alert: there is no channel "ops"', ("rules/all.toml", 4, 17)


@pytest.mark.parametrize("break_it", [a_mistake, no_folder, another_name])
async def test_what_was_good_before_the_kill_is_in_force_after_it(
    tmp_path: Path, database_url: str, break_it: Callable[[Service], tuple[str, Place]]
) -> None:
    """The door, the projection and every rule go on; who looks is told what is refused, since when, and why."""
    service = service_in(tmp_path, database_url)
    async with Database.open(database_url, size=2) as database:
        key = await a_key(database)
        async with running(service):
            assert await a_failed_post(service, "before") == 200
            assert await row_of(database, ENDED, "before") == ("done", "ok")
            assert (await asked(service, "/readyz"))[1] == {"status": "ok", "faults": {}}
        what, (file, line, column) = break_it(service)
        async with running(service):
            assert await a_failed_post(service, "after") == 200
            assert await row_of(database, PROJECTED, "after") == ("failed",)
            await row_of(database, LABELLED, "after")
            wanted = ("dead", "not_configured") if break_it is another_name else ("done", "ok")
            assert await row_of(database, ENDED, "after") == wanted
            status, ready = await asked(service, "/readyz")
            assert (status, ready["status"], list(ready["faults"])) == (200, "degraded", ["rules"])
            assert f"{tmp_path}/{file}" in ready["faults"]["rules"]
            assert what in ready["faults"]["rules"]
            assert "refused since 20" in ready["faults"]["rules"]
            assert "the last good ones, of 20" in ready["faults"]["rules"]
            status, listed = await asked(service, "/api/v1/rules", key)
            assert (status, listed["source"], [item["id"] for item in listed["items"]]) == (
                200,
                "kept",
                ["note", "tell"],
            )
            assert listed["last_good_at"] <= listed["refused_since"]
            (fault,) = listed["faults"]
            assert (fault["file"], fault["line"], fault["column"]) == (f"{tmp_path}/{file}", line, column)


async def test_without_any_good_rules_the_door_opens_and_mending_them_needs_no_restart(
    tmp_path: Path, database_url: str
) -> None:
    service = service_in(tmp_path, database_url)
    odd = tmp_path / "rules" / "deep.toml"
    odd.write_text("do = " + "[" * 5000 + "]" * 5000)
    async with Database.open(database_url, size=2) as database:
        key = await a_key(database)
        async with running(service):
            assert await a_failed_post(service, "without") == 200
            assert await row_of(database, PROJECTED, "without") == ("failed",)
            status, ready = await asked(service, "/readyz")
            assert (status, ready["status"]) == (200, "degraded")
            assert "no rule is in force: " + f"{odd}:1:70: is nested too deeply" in ready["faults"]["rules"]
            assert (await asked(service, "/api/v1/rules", key))[1]["source"] == "none"
            odd.unlink()

            async def is_well() -> bool:
                return bool((await asked(service, "/readyz"))[1]["status"] == "ok")

            await until(is_well, "/readyz is ok")
            assert await a_failed_post(service, "with") == 200
            assert await row_of(database, ENDED, "with") == ("done", "ok")


async def test_a_channel_that_is_set_up_wrongly_stops_nothing_but_itself(tmp_path: Path, database_url: str) -> None:
    service = service_in(tmp_path, database_url)
    config = tmp_path / "config.toml"
    config.write_text(config.read_text().replace('[channels.ops]\nkind = "log"', '[channels.ops]\nkind = "slak"'))
    async with Database.open(database_url, size=2) as database, running(service):
        assert await a_failed_post(service, "p") == 200
        assert await row_of(database, ENDED, "p") == ("dead", "not_configured")
        await row_of(database, LABELLED, "p")
        status, ready = await asked(service, "/readyz")
        assert (status, ready["status"], list(ready["faults"])) == (200, "degraded", ["channels.ops"])
        assert '"slak" is not known (did you mean "slack"?)' in ready["faults"]["channels.ops"]
