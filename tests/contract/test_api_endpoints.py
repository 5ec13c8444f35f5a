"""Webhooks that others subscribe to at run time: what fits is sent there, signed, by a rule like any other."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook

from tests.contract.serving import bearer, serving
from tests.integration import hostile
from tests.integration.corridor import READERS, Corridor
from tests.integration.ruled import in_force
from tests.integration.told import NOON, PROVIDER, told
from tracker.act.performers.channels import build_performers
from tracker.act.worker import Worker
from tracker.api import Parts, application
from tracker.facts.endpoints import MOST_FAILURES
from tracker.outbound.addresses import Allowed
from tracker.outbound.client import Outbound
from tracker.queries.rule_plan import rule_plan
from tracker.settings import Settings

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx2

    from tracker.process.active_rules import ActiveRules
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

LINK_SECRET = "a secret of the test, which is long enough"
SETTINGS = Settings.model_validate({"server": {"link_secret": LINK_SECRET}})
PATH = "/api/v1/endpoints"
FILE = """
[rule.quiet]
on = "post.removed"
do = [{ alert = "ops", title = "{{ post.id }} is gone" }]
"""


@dataclass
class Receiver:
    """Another system: it keeps what it is sent, and answers with `status`."""

    url: str = ""
    status: str = "200 OK"
    got: list[bytes] = field(default_factory=list)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            self.got.append(await hostile.read_request(reader))
            writer.write(f"HTTP/1.1 {self.status}\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()

    def messages(self) -> list[tuple[dict[str, str], bytes]]:
        """The headers and the body of each request."""
        whole = [request.partition(b"\r\n\r\n") for request in self.got]
        heads = [[line.split(": ", 1) for line in head.decode().split("\r\n")[1:]] for head, _, _ in whole]
        return [
            ({name.lower(): value for name, value in head}, body)
            for head, (_, _, body) in zip(heads, whole, strict=True)
        ]


@dataclass
class Installation:
    """A service whose steps the test takes, with its API; what leaves it goes through `outbound`."""

    client: httpx2.AsyncClient
    corridor: Corridor
    rules: ActiveRules

    def goes_out_by(self, outbound: Outbound) -> None:
        """From now on messages are sent through this client."""
        performers = build_performers(SETTINGS, {}, outbound, self.corridor.database)
        self.corridor.worker = Worker(self.corridor.database, performers, "only", self.corridor.now)

    async def hear(self) -> None:
        """Take in what people have changed, as the service does when it is woken."""
        async with self.corridor.database.transaction() as conn:
            await self.rules.take_by_hand(conn)
        self.corridor.rules = self.rules.index()

    async def subscribe(self, url: str, *events: str, **more: Any) -> Any:
        """A new endpoint, in force."""
        answer = await self.client.post(PATH, json={"url": url, "events": events or ["post.failed"], **more})
        assert answer.status_code == 201, answer.text
        await self.hear()
        return answer.json()

    async def get(self, path: str, **parameters: Any) -> Any:
        answer = await self.client.get(f"/api/v1{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def facts(self) -> list[str]:
        rows = await self.corridor.rows("select kind from events where kind like 'endpoint.%' order by position")
        return [str(kind) for (kind,) in rows]

    async def reasons(self) -> list[tuple[object, ...]]:
        return await self.corridor.rows("select state, reason from actions order by created_at, id")


def signed_with(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Whether the signature is what the standard's own library makes of the message at its time."""
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    return headers["webhook-signature"] == Webhook(secret).sign(headers["webhook-id"], at, body.decode())


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    async with hostile.serving(receiver.handle) as server:
        receiver.url = server.url("/hooks/posts?token=tok3n")
        yield receiver


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    allowed = Allowed.parse(["127.0.0.1"])
    async with Outbound(allowed, timeout=timedelta(seconds=0.5), max_answer=9999) as outbound:
        yield outbound


@pytest.fixture
async def here(database: Database, tmp_path: Path, outbound: Outbound) -> AsyncIterator[Installation]:
    rules = in_force(tmp_path, FILE)
    corridor = await Corridor(database, rules.index()).open()
    parts = Parts(
        database, corridor.now, None, providers=(PROVIDER,), readers=READERS, rules=rules, outbound=outbound,
        link_secret=SecretStr(LINK_SECRET),
    )  # fmt: skip
    async with serving(application(parts)) as client:
        client.headers |= await bearer(database, "operate")
        installation = Installation(client, corridor, rules)
        installation.goes_out_by(outbound)
        yield installation


async def test_what_fits_is_sent_signed_with_the_secret_that_was_shown_once(
    here: Installation, receiver: Receiver
) -> None:
    made = await here.subscribe(receiver.url, "post.failed", "post.published", filter={"platform": ["instagram"]})
    await here.corridor.tell(told("p1", "failed", 0, targets={"instagram": "failed"}))
    await here.corridor.tell(told("p2", "failed", 1, targets={"x": "failed"}))
    await here.corridor.tell(told("p1", "published", 2, targets={"instagram": "published"}))
    messages = receiver.messages()
    assert [json.loads(body)["type"] for _, body in messages] == ["post.failed", "post.published"]
    assert len({headers["webhook-id"] for headers, _ in messages}) == len(messages)
    for headers, body in messages:
        assert signed_with(made["secret"], headers, body)
    assert json.loads(messages[0][1])["data"]["post"]["id"] == "p1"
    assert "platform" in json.dumps(await here.get("/posts/p2/why", rule=made["id"]))


async def test_what_was_sent_is_kept_once_with_its_action_and_shown_with_each_attempt(
    here: Installation, receiver: Receiver
) -> None:
    receiver.status = "500 Oops"
    await here.subscribe(receiver.url, "post.failed")
    await here.corridor.tell(told("p1", "failed", 0, targets={"instagram": "failed"}))
    receiver.status = "200 OK"
    (action,) = (await here.get("/actions"))["items"]
    await here.corridor.wait_until(60)
    shown = (await here.get(f"/actions/{action['id']}"))["history"]
    assert [attempt["outcome"] for attempt in shown] == ["retry", "done"]
    for attempt, (_, body) in zip(shown, receiver.messages(), strict=True):
        assert list(attempt["request"]) == ["method", "url", "webhook-id", "body"]
        assert attempt["request"]["body"] == json.loads(body)
        assert attempt["request"]["body"]["data"]["post"]["id"] == "p1"
    assert await here.corridor.rows("select count(*) from action_attempts where request::text like '%instagram%'") == [
        (0,)
    ]


async def test_an_endpoint_is_told_without_its_secret_or_its_path(here: Installation, receiver: Receiver) -> None:
    made = await here.subscribe(receiver.url, description="the CMS")
    await here.corridor.tell(told("p1", "failed", 0))
    secret = made.pop("secret")
    assert made["url"] == receiver.url.partition("/hooks")[0]
    assert await here.get(f"/endpoints/{made['id']}") == made
    assert await here.get("/endpoints") == {"items": [made], "next": None}
    actions = await here.get("/actions", target=made["id"])
    told_of = [actions, await here.get(f"/actions/{actions['items'][0]['id']}"), await here.get("/rules")]
    kept = [
        await here.corridor.rows(f"select t::text from {table} t")
        for table in ("webhook_endpoints", "actions", "action_attempts", "runs", "firings", "rule_book")
    ]
    bodies = await here.corridor.rows("select convert_from(body, 'utf8') from events")
    assert secret not in f"{told_of}{kept}{bodies}"
    assert "tok3n" not in f"{told_of}{bodies}"


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/", "http://169.254.169.254/latest/meta-data", "http://[::1]/", "http://0x7f000001.nip/",
        "http://2130706434/", "http://[::ffff:10.0.0.1]/", "https://user:pass@example.com/", "ftp://example.com/",
        "file:///etc/passwd", "http://", "http://no-such-host.invalid/", "http://a\nb/", "http://a\0b/", "",
    ],
)  # fmt: skip
async def test_an_address_that_nothing_is_sent_to_is_refused(here: Installation, url: str) -> None:
    answer = await here.client.post(PATH, json={"url": url, "events": ["post.failed"]})
    assert (answer.status_code, answer.json()["parameter"]) == (400, "url"), answer.text
    assert await here.facts() == []


@pytest.mark.parametrize(
    ("wish", "parameter", "hint"),
    [
        ({"events": ["post.faild"]}, "events", "post.failed"),
        ({"events": []}, "events", ""),
        ({"filter": {"platfrom": "x"}}, "filter.platfrom", "platform"),
        ({"filter": {"provider": "nobody"}}, "filter.provider", ""),
        ({"filter": {"state": "publshed"}}, "filter.state", "published"),
        ({"filter": {"account": '"]\n[rule.other]\non = "post.failed"'}}, None, ""),
        ({"event": ["post.failed"]}, "event", "events"),
    ],
)
async def test_what_a_rule_cannot_say_is_refused_by_its_place(
    here: Installation, wish: dict[str, Any], parameter: str | None, hint: str
) -> None:
    answer = await here.client.post(PATH, json={"url": "http://127.0.0.1:9/", "events": ["post.failed"], **wish})
    if parameter is None:  # a text that looks like a rule is a text
        assert answer.status_code == 201
        await here.hear()
        assert {rule.id for rule in here.rules.rules()} == {"quiet", answer.json()["id"]}
        return
    assert (answer.status_code, answer.json()["parameter"]) == (400, parameter), answer.text
    assert hint in answer.json()["detail"]


async def test_an_address_that_has_become_private_is_not_sent_to(here: Installation, receiver: Receiver) -> None:
    await here.subscribe(receiver.url)
    async with Outbound() as strict:
        here.goes_out_by(strict)
        await here.corridor.tell(told("p1", "failed", 0))
    assert receiver.got == []
    assert await here.reasons() == [("dead", "blocked")]


async def test_whoever_never_answers_costs_an_attempt_and_whoever_takes_it_without_end_has_it(
    here: Installation,
) -> None:
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 10485760\r\n\r\n"
    async with (
        hostile.serving(hostile.answering(endless, forever=b"x" * 65536)) as large,
        hostile.serving(hostile.answering()) as silent,
    ):
        await here.subscribe(large.url(), "post.failed")
        await here.subscribe(silent.url(), "post.published")
        await here.corridor.tell(told("p1", "failed", 0), told("p2", "published", 1))
    attempts = await here.corridor.rows("select outcome, reason from action_attempts order by reason")
    assert attempts == [("done", "ok"), ("retry", "timeout")]


async def test_after_failures_in_a_row_nothing_more_is_sent_and_somebody_is_told(
    here: Installation, receiver: Receiver
) -> None:
    made = await here.subscribe(receiver.url)
    path, receiver.status = f"/endpoints/{made['id']}", "410 Gone"
    for number in range(MOST_FAILURES - 1):
        await here.corridor.tell(told(f"p{number}", "failed", number))
    receiver.status = "200 OK"
    await here.corridor.tell(told("taken", "failed", 10))
    assert (await here.get(path))["failures"] == 0
    receiver.status = "410 Gone"
    for number in range(MOST_FAILURES):
        await here.corridor.tell(told(f"q{number}", "failed", 20 + number))
    shown = await here.get(path)
    assert (shown["enabled"], shown["disabled_by"], shown["failures"]) == (False, "tracker", MOST_FAILURES)
    assert await here.facts() == ["endpoint.created", "endpoint.disabled"]
    await here.hear()
    sent = len(receiver.got)
    await here.corridor.tell(told("later", "failed", 40))
    assert len(receiver.got) == sent
    receiver.status = "200 OK"
    assert (await here.client.post(f"/api/v1/rules/{made['id']}/enable")).status_code == 200
    await here.hear()
    await here.corridor.tell(told("again", "failed", 50))
    assert len(receiver.got) == sent + 1
    assert (await here.get(path))["enabled"] is True


async def test_a_test_is_sent_as_all_messages_are(here: Installation, receiver: Receiver) -> None:
    made = await here.subscribe(receiver.url)
    answer = await here.client.post(f"{PATH}/{made['id']}/test")
    assert answer.status_code == 202, answer.text
    await here.corridor.settle()
    ((headers, body),) = receiver.messages()
    assert signed_with(made["secret"], headers, body)
    assert (json.loads(body)["type"], headers["webhook-id"]) == ("webhook.test", answer.json()["action"])
    assert (await here.get(f"/actions/{answer.json()['action']}"))["state"] == "done"


async def test_what_is_deleted_gets_nothing_more(here: Installation, receiver: Receiver) -> None:
    made = await here.subscribe(receiver.url)
    await here.client.post(f"{PATH}/{made['id']}/test")
    assert (await here.client.delete(f"{PATH}/{made['id']}")).status_code == 204
    await here.hear()
    await here.corridor.tell(told("p1", "failed", 0))
    assert receiver.got == []
    assert await here.reasons() == [("dead", "not_configured")]
    assert await here.facts() == ["endpoint.created", "endpoint.deleted"]
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/test")):
        assert (await here.client.request(method, f"{PATH}/{made['id']}{path}")).status_code == 404
    assert (await here.client.get(f"/api/v1/rules/{made['id']}")).status_code == 404


async def test_a_key_that_reads_subscribes_nobody(here: Installation, database: Database, receiver: Receiver) -> None:
    here.client.headers |= await bearer(database, "read")
    answer = await here.client.post(PATH, json={"url": receiver.url, "events": ["post.failed"]})
    assert answer.status_code == 403
    assert await here.get("/endpoints") == {"items": [], "next": None}


async def test_without_a_link_secret_it_is_said_what_to_write(database: Database, outbound: Outbound) -> None:
    async with serving(application(Parts(database, lambda: NOON, None, outbound=outbound))) as client:
        client.headers |= await bearer(database, "operate")
        answer = await client.post(PATH, json={"url": "http://127.0.0.1:9/", "events": ["post.failed"]})
    assert (answer.status_code, "link_secret" in answer.json()["detail"]) == (409, True), answer.text


async def test_another_process_takes_them_in_by_itself(here: Installation, tmp_path: Path, receiver: Receiver) -> None:
    """Whose files are refused, too: the rule of an endpoint rests on no file."""
    made = await here.subscribe(receiver.url)
    (tmp_path / "other").mkdir()
    other = in_force(tmp_path / "other", "[rule.x]\non = 'post.faild'\n")
    async with here.corridor.database.transaction() as conn:
        await other.take_by_hand(conn)
    assert made["id"] in other.index().by_id
    assert made["id"] in other.texts()


async def test_a_plan_of_other_files_leaves_them_as_they_are(here: Installation, receiver: Receiver) -> None:
    made = await here.subscribe(receiver.url)
    await here.corridor.arm()
    async with here.corridor.database.connection() as conn:
        plans = {plan.rule: plan.change for plan in await rule_plan(conn, (), NOON)}
    assert plans == {made["id"]: "kept", "quiet": "removed"}
